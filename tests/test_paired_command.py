"""`python -m fixtures.paired`: a student's clips beside its teacher's, told and never judged."""

from pathlib import Path

import msgspec
import pytest

from fixtures.paired.__main__ import DESCRIPTIVE, Described, main, matching
from tests.inner_session import ROOT, bare_bench
from tests.reports_samples import case_of, finished, plan_of, planned, replaced, started, write_run

MODELS = ("--student", "causvid-tiny", "--teacher", "wan2.1-t2v-tiny")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run student and teacher at toy size on one prompt, their clips kept as goldens."""
    folder = tmp_path_factory.mktemp("paired")
    words = ["--suite", "tiny", "--prompt", "dogs", "--run-dir", str(folder / "run")]
    words += ["--model", "causvid-tiny,wan2.1-t2v-tiny", "--golden", str(folder / "goldens"), "--update-golden", "why"]
    done = bare_bench(*words, target=str(ROOT / "benchmarks" / "bench_quality.py"))
    assert done.code == 0, done.output
    return folder


def test_line_says_that_the_loss_of_mp4_is_in_it_and_that_nothing_is_judged(
    ended: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two clips that share no pixel end with exit code 0."""
    assert main([str(ended / "run"), *MODELS]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("quality: causvid-tiny 64p9 against wan2.1-t2v-tiny 64p9, dogs s0: MAD ")
    assert f"from mp4 files, with the loss of both; {DESCRIPTIVE}" in printed
    assert "cosine" not in printed
    assert "LPIPS" not in printed
    assert main([str(ended / "run"), *MODELS, "--learned-weights", str(ended / "none")]) == 4
    assert "no such folder" in capsys.readouterr().err


def test_lossless_frames_are_taken_where_both_have_a_golden(ended: Path, tmp_path: Path) -> None:
    """Their distances are others than those of the mp4 files, a frame at a time in the file."""
    out = [tmp_path / name for name in ("lossy.json", "lossless.json")]
    assert main([str(ended / "run"), *MODELS, "--json", str(out[0])]) == 0
    assert main([str(ended / "run"), *MODELS, "--json", str(out[1]), "--golden", str(ended / "goldens")]) == 0
    (lossy,), (lossless,) = (msgspec.json.decode(path.read_bytes(), type=list[Described]) for path in out)
    assert (lossy.source[:3], lossless.source) == ("mp4", "lossless frames")
    values = [{d.id: d.value for d in one.distances} for one in (lossy, lossless)]
    assert values[0]["psnr"] != values[1]["psnr"]
    assert {len(d.per_frame) for d in lossless.distances if not d.not_applicable} == {9}
    (perceptual,) = [d for d in lossy.distances if d.id == "lpips"]
    assert perceptual.not_applicable
    assert perceptual.reason.startswith("not available: needs the package torchvision")
    assert "verdict" not in Described.__struct_fields__


def test_goldens_of_other_frames_are_not_taken(ended: Path, tmp_path: Path) -> None:
    """An empty folder of goldens leaves the mp4."""
    out = tmp_path / "out.json"
    assert main([str(ended / "run"), *MODELS, "--json", str(out), "--golden", str(tmp_path)]) == 0
    assert msgspec.json.decode(out.read_bytes(), type=list[Described])[0].source.startswith("mp4")


def test_only_clips_of_one_prompt_seed_and_size_are_laid_over_each_other() -> None:
    """Another seed, prompt, size, scenario or track is no pair; other steps and guidance are what a student has."""
    student, teacher = case_of(planned(), 1.0), case_of(planned("wan2.1-t2v-1.3b"), 1.0)

    def pairs(other: object) -> list[tuple[int, int]]:
        return list(matching([(Path(), student), (Path(), other)], "causvid-1.3b", "wan2.1-t2v-1.3b"))  # type: ignore[list-item]

    assert pairs(teacher) == [(0, 1)]
    assert pairs(replaced(teacher, steps=8, guidance_scale=1.0)) == [(0, 1)]
    for name, value in (("width", 640), ("frames", 33), ("prompt", "other"), ("scenario", "quality")):
        assert pairs(replaced(teacher, **{name: value})) == []
    assert pairs(case_of(planned("wan2.1-t2v-1.3b", seed=1), 1.0)) == []
    assert pairs(case_of(planned("wan2.1-t2v-1.3b", track="published"), 1.0)) == []


def test_missing_clip_and_missing_model_are_told_with_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A case that failed has no clip; a mistyped model lists those of the run; a folder that is no run is named."""
    plans = [planned(), planned("wan2.1-t2v-1.3b")]
    lines = [line for plan in plans for line in (started(plan.id), finished(plan.id, "oom"))]
    run = str(write_run(tmp_path / "run", plan_of(*plans), *lines))
    assert main([run, "--student", "causvid-1.3b", "--teacher", "wan2.1-t2v-1.3b"]) == 4
    assert "the run has no clip of it, its status is oom" in capsys.readouterr().err
    assert main([run, "--student", "causvid", "--teacher", "wan2.1-t2v-1.3b"]) == 4
    assert "there are causvid-1.3b, wan2.1-t2v-1.3b" in capsys.readouterr().err
    assert main([str(tmp_path / "nothing"), *MODELS]) == 4
    assert "nothing" in capsys.readouterr().err
