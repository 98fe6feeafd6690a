"""VBench as a subprocess: clips staged safely, results read clip by clip, and every way to fail told."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fixtures.vbench.__main__ import RESULT, main
from fixtures.vbench.dimensions import ALL, CUSTOM, DOCUMENTED, VBenchError
from fixtures.vbench.program import Program, vbench_version
from fixtures.vbench.results import read_results
from fixtures.vbench.staging import stage, standard_names
from reports.record import CaseRecord
from tests.reports_samples import case_of, finished, measured, plan_of, planned, write_run
from tests.running import ROOT

STAND_IN = ROOT / "tests" / "examples" / "stand_in_vbench"
STUDENT, TEACHER = "causvid-1.3b", "wan2.1-t2v-1.3b"
PROMPTS = {"dogs": "two dogs run along a beach", "boat": 'a boat, "Île", sails'}


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this interpreter find the stand-in for VBench, well behaved."""
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))
    monkeypatch.delenv("STAND_IN_VBENCH", raising=False)


def planned_quality(model: str, prompt: str, seed: int, text: str | None = None) -> Any:
    case = planned(model=model, prompt=prompt, seed=seed, text=text or PROMPTS[prompt])
    return msgspec.structs.replace(case, scenario="quality", id=case.id.replace("speed", "quality"))


def cases_of(*texts: str, seeds: Sequence[int] = (0,)) -> list[CaseRecord]:
    """Give outcomes of one model with a clip for each prompt text and seed."""
    plans = [planned_quality(STUDENT, f"p{number}", seed, text) for number, text in enumerate(texts) for seed in seeds]
    return [case_of(plan, 4.0, video=f"media/{number}.mp4") for number, plan in enumerate(plans)]


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """Write a run of two models, two prompts and two seeds, each clip of another size."""
    plans = [
        planned_quality(model, prompt, seed) for model in (STUDENT, TEACHER) for prompt in PROMPTS for seed in (7, 3)
    ]
    folder = tmp_path / "run"
    videos = {plan.id: f"media/clip{number}.mp4" for number, plan in enumerate(plans)}
    write_run(
        folder,
        plan_of(*plans),
        *(finished(plan.id, measurement=measured(4.0, video=videos[plan.id])) for plan in plans),
    )
    (folder / "media").mkdir()
    for number, video in enumerate(videos.values()):
        (folder / video).write_bytes(b"x" * (100 * (number + 1)))
    return folder


def vbench(run_dir: Path, *arguments: object) -> int:
    return main([str(run_dir), "--python", sys.executable, *map(str, arguments)])


def result_of(run_dir: Path) -> Any:
    return json.loads((run_dir / RESULT).read_text(encoding="utf-8"))


def full_info(folder: Path, *texts: str, dimensions: Sequence[str] = ("object_class", "color")) -> Path:
    """Write VBench's full info for these prompts, and one more that the run has not."""
    entries = [{"prompt_en": text, "dimension": list(dimensions)} for text in (*texts, "a prompt that nobody made")]
    path = folder / "VBench_full_info.json"
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def test_custom_input_scores_every_clip_by_its_case(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each model by itself, six dimensions, a number a clip; the file says version, mode and that it is a subset."""
    assert vbench(run_dir) == 0
    scores = result_of(run_dir)
    assert (scores["vbench_version"], scores["mode"]) == ("0.1.5", "custom_input")
    assert scores["note"].startswith("custom subset; no VBench total")
    student, teacher = scores["groups"]
    assert (student["model"], teacher["model"]) == (STUDENT, TEACHER)
    assert list(student["dimensions"]) == list(DOCUMENTED)
    clips = student["dimensions"]["subject_consistency"]["clips"]
    assert clips[f"bench_quality.py::bench_generate[{STUDENT}-480p81-dogs-s7]"] == 0.1
    assert sorted(clips.values()) == [0.1, 0.2, 0.3, 0.4]
    assert sorted(teacher["dimensions"]["dynamic_degree"]["clips"].values()) == [0.5, 0.6, 0.7, 0.8]
    said = capsys.readouterr().out
    assert "custom subset" in said
    assert f"{STUDENT} 480p81 (4 clips, random weights: no content)" in said


def test_vbenchs_own_names_take_any_dimension(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the full info; seeds become numbers by rank, and prompts that are not there are counted."""
    info = full_info(run_dir, *PROMPTS.values())
    assert vbench(run_dir, "--full-info", info, "--dimensions", "object_class", "--model", STUDENT) == 0
    scores = result_of(run_dir)
    assert scores["mode"] == "vbench_standard"
    assert scores["prompts_of"] == {"object_class": [3, 2]}
    (group,) = scores["groups"]
    assert len(group["dimensions"]["object_class"]["clips"]) == 4
    assert "object_class: 2 of the 3 prompts that VBench asks for" in capsys.readouterr().out
    names = standard_names(cases_of("a dog", seeds=(7, 3)))
    assert list(names.values()) == ["a dog-0.mp4", "a dog-1.mp4"]
    assert next(iter(names)).endswith("s3]")


def test_dimension_that_needs_vbenchs_prompts_is_refused_without_them(
    run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything runs; with the full info a dimension for which the run has no prompt is refused as well."""
    assert vbench(run_dir, "--dimensions", "color", "human_action") == 4
    assert "color, human_action: needs VBench's own prompts; name its" in capsys.readouterr().err
    assert vbench(run_dir, "--full-info", full_info(run_dir, "other"), "--dimensions", "color") == 4
    assert f"color: no clip of {STUDENT} has a prompt that VBench asks for" in capsys.readouterr().err
    (run_dir / "bad.json").write_text('{"a": 1}', encoding="utf-8")
    assert vbench(run_dir, "--full-info", run_dir / "bad.json", "--dimensions", "color") == 4
    assert "not VBench's full info" in capsys.readouterr().err
    assert not (run_dir / RESULT).exists()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            "missing",
            r"subject_consistency: 1 of 4 clips are missing, their failure would raise the mean: bench_quality",
        ),
        (
            "crash",
            "VBench failed with exit code 3. Its last lines:\nstart evaluation 1\nCUDA out of memory in the detector",
        ),
        ("malformed", "not readable as JSON"),
        ("list", "not VBench's results: a list in place of dimensions"),
        ("shape", "lacks the dimensions background_consistency, motion_smoothness"),
        ("lacking", "lacks the dimensions imaging_quality"),
        ("nan", "is nan, not a finite number"),
        ("text", "is '0.5', not a finite number"),
        ("twice", "holds the clip 'clip-00000.mp4' twice"),
        ("unasked", "holds the clip 'other.mp4' unasked"),
        ("none", "VBench ended well and left 0 files of results"),
    ],
)
def test_results_that_are_not_whole_are_refused(
    how: str, said: str, run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, a sentence with the place, and no file that could be taken for a result."""
    monkeypatch.setenv("STAND_IN_VBENCH", how)
    assert vbench(run_dir) == 1
    assert said in capsys.readouterr().err
    assert not (run_dir / RESULT).exists()


def test_clips_that_color_drops_count_as_nothing_in_a_mean_of_ours(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """VBench leaves clips without a detected object out of this one dimension: both means are told."""
    monkeypatch.setenv("STAND_IN_VBENCH", "dropped")
    info = full_info(run_dir, *PROMPTS.values())
    assert vbench(run_dir, "--full-info", info, "--dimensions", "color", "--model", STUDENT) == 0
    found = result_of(run_dir)["groups"][0]["dimensions"]["color"]
    assert len(found["dropped"]) == 1
    assert found["vbench_mean"] == pytest.approx(sum(found["clips"].values()) / 3)
    assert found["mean_with_dropped"] == pytest.approx(sum(found["clips"].values()) / 4)
    assert "with 1 dropped clips as 0" in capsys.readouterr().out
    assert vbench(run_dir, "--full-info", info, "--dimensions", "object_class", "--model", STUDENT) == 1


def test_booleans_are_numbers(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dynamic degree is a yes or no a clip."""
    monkeypatch.setenv("STAND_IN_VBENCH", "bool")
    assert vbench(run_dir, "--dimensions", "dynamic_degree") == 0
    assert set(result_of(run_dir)["groups"][0]["dimensions"]["dynamic_degree"]["clips"].values()) == {1.0}


def test_vbench_that_hangs_is_ended_with_its_children(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The time limit holds, and the sentence says which it was."""
    monkeypatch.setenv("STAND_IN_VBENCH", "hang")
    start_s = time.monotonic()
    assert vbench(run_dir, "--timeout", 2) == 1
    assert time.monotonic() - start_s < 30
    assert "took longer than the 2 s of --timeout and was ended. Its last lines:\nstart evaluation" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("text", ["../../x", "a/b", "/etc/passwd", "a\\b", ".hidden", "-rf", "a\nb", "a\x00b", " a"])
def test_prompt_that_is_no_file_name_is_refused_or_put_into_a_file(text: str, tmp_path: Path) -> None:
    """Under VBench's names nothing leaves the folder; custom input takes the prompt as it is."""
    with pytest.raises(VBenchError, match=r"p0-s0\].* cannot be a file name; leave out --full-info"):
        standard_names(cases_of(text))
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "0.mp4").write_bytes(b"clip")
    staged = stage(tmp_path / "staged", tmp_path, cases_of(text), custom=True)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if not path.is_dir()) == [
        "media/0.mp4",
        "staged/prompts.json",
        "staged/videos/clip-00000.mp4",
    ]
    assert staged.prompts is not None
    assert json.loads(staged.prompts.read_text(encoding="utf-8")) == {"clip-00000.mp4": text}


def test_name_at_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    """255 bytes with "-0.mp4"; a letter outside of ASCII has more than one."""
    assert standard_names(cases_of("a" * 249))
    for text in ("a" * 250, "é" * 125):
        with pytest.raises(VBenchError, match=r"a file name of 25[0-9] bytes, limit 255"):
            standard_names(cases_of(text))


def test_prompts_that_a_file_system_may_take_for_one_are_refused() -> None:
    """Case and composed letters: one clip would hide the other."""
    for pair in (("A dog", "a dog"), ("\u00e9t\u00e9", "e\u0301te\u0301")):
        with pytest.raises(VBenchError, match="may take their prompts for one name"):
            standard_names(cases_of(*pair))


def test_seed_twice_and_a_sixth_seed_are_refused() -> None:
    """VBench reads five samples a prompt and would not tell that it left one out."""
    assert len(standard_names(cases_of("a dog", seeds=range(5)))) == 5
    with pytest.raises(VBenchError, match="6 seeds, VBench reads 5"):
        standard_names(cases_of("a dog", seeds=range(6)))
    with pytest.raises(VBenchError, match="seed 1 comes twice"):
        standard_names(cases_of("a dog", seeds=(1, 1)))


@pytest.mark.parametrize("video", [None, "media/gone.mp4", "../outside.mp4", "media/empty.mp4"])
def test_case_whose_clip_is_not_there_is_named(video: str | None, tmp_path: Path) -> None:
    """VBench would score the rest as if it were all; a record cannot point out of its folder."""
    run_dir = tmp_path / "run"
    (run_dir / "media").mkdir(parents=True)
    (run_dir / "media" / "empty.mp4").touch()
    (tmp_path / "outside.mp4").write_bytes(b"clip")
    case = case_of(planned_quality(STUDENT, "dogs", 0), 4.0, video=video)
    with pytest.raises(VBenchError, match=r"dogs-s0\]: (has no clip|its clip .*(gone or empty|outside))"):
        stage(tmp_path / "staged", run_dir, [case], custom=True)


def test_clips_are_copied_where_links_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without links holds the same bytes."""

    def refused(_link: Path, _target: Path) -> None:
        raise OSError("no links here")

    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "0.mp4").write_bytes(b"clip")
    monkeypatch.setattr(Path, "symlink_to", refused)
    staged = stage(tmp_path / "staged", tmp_path, cases_of("a dog"), custom=False)
    assert (staged.videos / "a dog-0.mp4").read_bytes() == b"clip"
    assert not (staged.videos / "a dog-0.mp4").is_symlink()


def test_interpreter_without_vbench_is_told_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that is none at all."""
    monkeypatch.delenv("PYTHONPATH")
    with pytest.raises(
        VBenchError, match=r"has no VBench \(exit code 1\); make an environment with `tox run -e vbench"
    ):
        vbench_version(Program(python=sys.executable, timeout_s=1))
    with pytest.raises(VBenchError, match="cannot be run"):
        vbench_version(Program(python="/no/such/python", timeout_s=1))


def test_scenario_or_model_without_clips_is_told(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what the run has."""
    assert vbench(run_dir, "--scenario", "speed") == 4
    assert f"no case in scenario speed; the run has quality of {STUDENT}" in capsys.readouterr().err
    assert vbench(run_dir, "--model", "other") == 4
    assert "no case in scenario quality of other" in capsys.readouterr().err
    assert vbench(run_dir / "absent") == 4


def test_unknown_dimension_lists_the_known(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 4 of wrong use."""
    with pytest.raises(SystemExit, match="4"):
        vbench(run_dir, "--dimensions", "beauty")
    assert "subject_consistency" in capsys.readouterr().err


def test_sixteen_dimensions_of_which_nine_need_no_prompts_of_vbench() -> None:
    """No dimension stands twice."""
    assert len(set(ALL)) == len(ALL) == 16
    assert set(DOCUMENTED) < set(CUSTOM) < set(ALL)


def test_results_are_read_by_the_files_name_alone(tmp_path: Path) -> None:
    """VBench may write another folder before it; an entry without a path is refused."""
    path = tmp_path / "r.json"
    entry = {"video_path": "/elsewhere/videos/a-0.mp4", "video_results": 1}
    path.write_text(json.dumps({"scene": [1, [entry]]}), encoding="utf-8")
    assert read_results(path, {"scene": {"a-0.mp4": "case"}})["scene"].clips == {"case": 1.0}
    path.write_text(json.dumps({"scene": [1, [{"video_results": 1}]]}), encoding="utf-8")
    with pytest.raises(VBenchError, match="an entry without a video_path"):
        read_results(path, {"scene": {"a-0.mp4": "case"}})
