"""Goldens: the ladder from equality to a calibrated band, what an update keeps and refuses, damaged files."""

import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import torch

from fixtures.golden import calibrate as calibration
from fixtures.golden.check import bands_for, golden_step
from fixtures.golden.identity import asked_for, fingerprint, folder_name
from fixtures.golden.store import Golden, GoldenError, goldens_in, read_made, write_golden
from fixtures.golden.use import NAME, GoldenUse, GoldenUseError, golden_use, refuse_without_goldens
from fixtures.media import frames_sha256
from fixtures.options import Options
from fixtures.paired.latents_probe import LatentsProbe
from fixtures.paired.spec import Made
from fixtures.taken import Taken
from reports.judged import Floor
from reports.measured import Device, MetricValue
from reports.paired import PairedComparison
from reports.record import PlannedCase
from tests.inner_session import bare_bench, bench
from tests.reports_samples import a_round, plan_of, planned, write_run
from tests.running import ROOT, session, without_gpu

H200 = Device(kind="cpu", index=0, name="NVIDIA H200", uuid=None, memory_bytes=1)
H100 = Device(kind="cpu", index=0, name="NVIDIA H100", uuid=None, memory_bytes=1)
SILENT: Any = SimpleNamespace(on_phase=lambda _name: None)


def made(noise: float = 0.0, seed: int = 0) -> Made:
    """Make a clip of smooth frames and normal latents, with noise on both of `noise` of their spread."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.Generator().manual_seed(99)
    coarse_TCHW = torch.rand((5, 3, 4, 4), generator=generator)
    frames_TCHW = torch.nn.functional.interpolate(coarse_TCHW, size=(32, 32), mode="bilinear") * 255
    latents_BCFHW = torch.randn((1, 4, 2, 4, 4), generator=generator)
    frames_TCHW += 60 * noise * torch.randn(frames_TCHW.shape, generator=drawn)
    latents_BCFHW += noise * torch.randn(latents_BCFHW.shape, generator=drawn)
    return Made(frames_BTCHW=frames_TCHW.clamp(0, 255).byte()[None], latents_BCFHW=latents_BCFHW)


def run_in(folder: Path, case: PlannedCase | None = None, **environment: Any) -> Any:
    """Open a run whose record's environment has some fields changed."""
    plan = plan_of(case or planned())
    plan = msgspec.structs.replace(plan, run_id=folder.name)
    here = msgspec.structs.replace(plan.environment, **environment)
    return SimpleNamespace(folder=write_run(folder, plan), environment=here)


def check(
    tmp_path: Path,
    clip: Made,
    why: str = "",
    device: Device = H200,
    case: PlannedCase | None = None,
    metrics: tuple[MetricValue, ...] = (),
    rounds: tuple[str, ...] = ("a", "a"),
    goldens: str = "goldens",
    run: str = "run",
    **environment: Any,
) -> PairedComparison:
    """Compare a clip with its golden, or with `why` make it the golden."""
    taken = Taken(case or planned(), metrics=list(metrics))
    taken.rounds = [msgspec.structs.replace(a_round(1.0), frames_sha256=one * 64) for one in rounds]
    opened = run_in(tmp_path / run, case, **environment)
    step = golden_step(GoldenUse(folder=tmp_path / goldens, why=why), taken, opened, device, SILENT)
    assert taken.probe is LatentsProbe
    taken.made = clip
    step()
    (pair,) = taken.pairs
    return pair


def test_missing_golden_fails_and_says_what_to_do(tmp_path: Path) -> None:
    """A clip that is compared with nothing has not agreed."""
    pair = check(tmp_path, made())
    assert pair.verdict == "broken"
    assert "there is no golden of this clip; make it from a build you trust with --update-golden" in pair.explanation


def test_equal_clip_of_the_same_fingerprint_passes(tmp_path: Path) -> None:
    """L1: latents and frames come back from the disk bit for bit."""
    assert check(tmp_path, made(), why="first").verdict == "within"
    pair = check(tmp_path, made())
    assert (pair.verdict, pair.bands.id, pair.differs) == ("within", "equal", {})
    assert {d.id: d.value for d in pair.compared.distances if d.id != "ms_ssim"} == {
        **dict.fromkeys(("latent_cosine", "latent_relative_l2", "mean_absolute_difference"), 0.0),
        "psnr": 100.0,
        "ssim": 1.0,
    }


def test_smallest_change_under_the_same_fingerprint_fails(tmp_path: Path) -> None:
    """L1: one value of the latents, or one code of one pixel, is enough."""
    check(tmp_path, made(), why="first")
    latents_BCFHW = made().latents_BCFHW
    assert latents_BCFHW is not None
    latents_BCFHW[0, 0, 0, 0, 0] *= 1 + 2**-20
    pair = check(tmp_path, Made(frames_BTCHW=made().frames_BTCHW, latents_BCFHW=latents_BCFHW))
    assert pair.verdict == "broken"
    assert "latent_relative_l2" in pair.explanation
    frames_BTCHW = made().frames_BTCHW
    frames_BTCHW[0, 3, 1, 7, 7] ^= 1
    pair = check(tmp_path, Made(frames_BTCHW=frames_BTCHW, latents_BCFHW=made().latents_BCFHW))
    assert "mean_absolute_difference" in pair.explanation
    assert "at its worst frame 3" in pair.explanation


def test_case_that_differs_from_itself_cannot_be_asked_for_equality(tmp_path: Path) -> None:
    """L0: rounds that differ are told, even where the last one happens to equal the golden."""
    check(tmp_path, made(), why="first")
    pair = check(tmp_path, made(), rounds=("a", "b"))
    assert pair.verdict == "broken"
    assert "the rounds of this case differ among themselves" in pair.explanation


def test_other_driver_is_named_and_judged_by_a_band(tmp_path: Path) -> None:
    """L2 and L3: a rounding passes, a step too far does not, and the fields that differ are told."""
    many = planned("wan2.1-t2v-1.3b")
    check(tmp_path, made(), why="first", case=many)
    pair = check(tmp_path, made(0.005), case=many, driver="590.2")
    assert (pair.verdict, pair.bands.id) == ("within", "many-step"), pair.explanation
    assert pair.differs == {"driver": ["580.1", "590.2"]}
    pair = check(tmp_path, made(0.2), case=many, driver="590.2")
    assert pair.verdict == "broken"
    assert "latent_cosine" in pair.explanation


def test_nearest_golden_is_taken(tmp_path: Path) -> None:
    """Of two environments' goldens the one of this very fingerprint decides, by equality."""
    check(tmp_path, made(), why="first")
    check(tmp_path, made(0.01), why="second", driver="590.2")
    assert len(goldens_in(tmp_path / "goldens" / folder_name(planned()))) == 2
    assert check(tmp_path, made(0.01), driver="590.2").bands.id == "equal"
    assert check(tmp_path, made(0.01), driver="590.2").verdict == "within"
    assert check(tmp_path, made(0.01)).verdict == "broken"


def test_other_request_has_another_golden(tmp_path: Path) -> None:
    """Seed, steps and prompt are what was asked: they never come as a difference of environments."""
    names = {
        folder_name(planned()),
        folder_name(planned(seed=1)),
        folder_name(planned(text="another prompt")),
        folder_name(planned(width=640)),
    }
    assert len(names) == 4
    assert folder_name(planned(attention="native_flash")) == folder_name(planned())
    assert asked_for(planned())["steps"] == "3"
    prints = [fingerprint(planned(attention=a), plan_of().environment, "NVIDIA H200", None) for a in ("x", "y")]
    assert prints[0] != prints[1]


def test_few_step_clip_from_another_gpu_needs_a_calibrated_band(tmp_path: Path) -> None:
    """L4: without it the case fails and says how to make one; nothing stands in for it. A 50-step clip needs none."""
    check(tmp_path, made(), why="first")
    pair = check(tmp_path, made(0.001), device=H100)
    assert pair.verdict == "broken"
    assert "NVIDIA H200 on NVIDIA H100 needs a calibrated band" in pair.explanation
    assert "python -m fixtures.golden.calibrate" in pair.explanation
    assert pair.compared.distances
    assert bands_for({"gpu": ["NVIDIA H200", "NVIDIA H100"]}, 50, tmp_path).id == "many-step"
    assert bands_for({"driver": ["1", "2"]}, 3, tmp_path).id == "few-step"


def a_a_runs(tmp_path: Path) -> list[Path]:
    """Make three runs' goldens, two on one GPU and one on another, which rounds otherwise."""
    for name, device, noise in (("one", H200, 0.0), ("two", H200, 0.0), ("three", H100, 0.02)):
        check(tmp_path, made(noise), why="A/A", device=device, goldens=name, run=f"run-{name}")
    return [tmp_path / name for name in ("one", "two", "three")]


def test_calibrated_band_is_the_worst_pair_widened_by_half(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three runs on two GPUs: the limits follow from the values in the file, and judge the next run."""
    runs = a_a_runs(tmp_path)
    check(tmp_path, made(), why="first")
    assert calibration.main(["--into", str(tmp_path / "goldens"), *map(str, runs)]) == 0
    assert "calibrated from 3 runs on NVIDIA H200, NVIDIA H100" in capsys.readouterr().out
    path = tmp_path / "goldens" / folder_name(planned()) / calibration.NAME
    found = msgspec.json.decode(path.read_bytes(), type=calibration.Calibrated)
    limits = {(band.distance, band.statistic): band.at_most or band.at_least for band in found.bands.bands}
    assert limits["latent_cosine", "value"] == pytest.approx(1.5 * found.worst["latent_cosine value"])
    assert limits["ssim", "worst"] == pytest.approx(1 - 1.5 * (1 - found.worst["ssim worst"]))
    assert limits["psnr", "worst"] == pytest.approx(found.worst["psnr worst"] - 3.5218, abs=1e-4)
    assert check(tmp_path, made(0.02), device=H100).verdict == "within"
    pair = check(tmp_path, made(0.2), device=H100)
    assert (pair.verdict, pair.bands.id) == ("broken", "calibrated")
    other = Device(kind="cpu", index=0, name="NVIDIA B200", uuid=None, memory_bytes=1)
    assert "is for NVIDIA H200, NVIDIA H100" in check(tmp_path, made(), device=other).explanation


@pytest.mark.parametrize("chosen", [[0, 1], [0, 2], [0, 0, 2], [0, 1, 1]])
def test_too_few_runs_or_one_run_twice_calibrate_nothing(
    tmp_path: Path, chosen: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Two runs, one GPU, or the same run again: refused, and no band is left behind."""
    runs = a_a_runs(tmp_path)
    assert calibration.main(["--into", str(tmp_path / "goldens"), *(str(runs[number]) for number in chosen)]) == 4
    assert "at least 3 different runs on at least 2 are needed" in capsys.readouterr().err
    assert not list(tmp_path.glob(f"goldens/*/{calibration.NAME}"))


def test_runs_that_share_no_clip_calibrate_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty folder leaves nothing to compare: told, and an exit code of 4."""
    (tmp_path / "empty").mkdir()
    assert calibration.main(["--into", str(tmp_path), str(a_a_runs(tmp_path)[0]), str(tmp_path / "empty")]) == 4
    assert "no clip is in every run" in capsys.readouterr().err


def test_run_that_is_no_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped path is bad input: a sentence and exit code 4, before anything is read."""
    with pytest.raises(SystemExit) as ended:
        calibration.main(["--into", str(tmp_path), str(tmp_path / "absent")])
    assert ended.value.code == 4
    assert "absent: no such folder of goldens" in capsys.readouterr().err


def value_of(value: float, verdict: str) -> MetricValue:
    return MetricValue(
        id="y_std",
        value=value,
        unit="codes",
        better="neither",
        verdict=verdict,  # type: ignore[arg-type]
        explanation="y_std 0 codes is below its fail limit: a black clip",
    )


def test_update_keeps_who_why_when_commit_and_what_changed(tmp_path: Path) -> None:
    """The second update holds the first one's history, old and new values, and how far the clip has moved."""
    check(tmp_path, made(), why="first", metrics=(value_of(40.0, "within"),))
    check(tmp_path, made(0.02), why="a new kernel", metrics=(value_of(41.5, "within"),))
    ((place, golden),) = goldens_in(tmp_path / "goldens" / folder_name(planned()))
    first, second = golden.history
    assert (first.why, first.changed, second.why) == ("first", {}, "a new kernel")
    assert second.changed["y_std"] == ["40.0", "41.5"]
    assert second.changed["distance psnr"][1].startswith("46.")
    assert second.git_commit == plan_of().environment.git_commit
    assert second.by
    assert second.run_id == "run"
    assert len(list(place.iterdir())) == 3, "the old files are gone"
    assert check(tmp_path, made(0.02)).verdict == "within"


def test_update_is_refused_where_the_clip_itself_is_broken(tmp_path: Path) -> None:
    """A golden of a black clip would make every later black clip pass; the old one stays."""
    check(tmp_path, made(), why="first")
    pair = check(tmp_path, made(0.1), why="again", metrics=(value_of(0.0, "fail"),))
    assert pair.verdict == "broken"
    assert pair.explanation == "the golden was not updated: y_std 0 codes is below its fail limit: a black clip"
    assert check(tmp_path, made()).verdict == "within"


def test_update_is_refused_where_a_floor_of_the_suite_is_broken(tmp_path: Path) -> None:
    """The clip is within its metric's own limits, and the case fails all the same."""
    floors = [Floor(metric="y_std", source="suite toys", at_least=45.0)]
    case = msgspec.structs.replace(planned(), floors=floors)
    pair = check(tmp_path, made(), why="first", case=case, metrics=(value_of(40.0, "within"),))
    assert pair.verdict == "broken"
    told = "the golden was not updated: y_std 40 codes is below the suite toys's limit of 45 codes by 5"
    assert pair.explanation.startswith(told)
    assert not (tmp_path / "goldens").exists()
    assert check(tmp_path, made(), why="first", case=case, metrics=(value_of(45.0, "within"),)).verdict == "within"


def test_update_is_refused_where_the_rounds_differ(tmp_path: Path) -> None:
    """Which of them the golden would be is chance."""
    pair = check(tmp_path, made(), why="first", rounds=("a", "b"))
    assert pair.verdict == "broken"
    assert pair.explanation.startswith("the golden was not updated: the rounds of this case differ among themselves")
    assert not (tmp_path / "goldens").exists()


@pytest.mark.parametrize(("golden", "clip"), [(True, False), (False, True)])
def test_latents_on_one_side_alone_are_a_fault(golden: bool, clip: bool, tmp_path: Path) -> None:
    """Equal frames would pass, and what the latents say would not be asked."""
    sides = [
        made() if latents else Made(frames_BTCHW=made().frames_BTCHW, latents_BCFHW=None) for latents in (golden, clip)
    ]
    check(tmp_path, sides[0], why="first")
    pair = check(tmp_path, sides[1])
    assert (pair.verdict, pair.explanation) == ("broken", "one of clip and golden has latents and the other has none")


def test_update_with_nan_is_refused(tmp_path: Path) -> None:
    """One NaN among the latents: nothing is written."""
    latents_BCFHW = made().latents_BCFHW
    assert latents_BCFHW is not None
    latents_BCFHW[0, 1, 0, 0, 0] = torch.nan
    pair = check(tmp_path, Made(frames_BTCHW=made().frames_BTCHW, latents_BCFHW=latents_BCFHW), why="first")
    assert pair.explanation == "the golden was not updated: the latents hold NaN or Inf"
    assert not (tmp_path / "goldens").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"update_golden": "why"}, "needs --golden DIR"),
        ({"update_golden": "  ", "golden": "x"}, "needs the reason"),
    ],
)
def test_update_without_place_or_reason_is_refused(options: dict[str, str], told: str) -> None:
    """Before anything is loaded."""
    with pytest.raises(GoldenUseError, match=told):
        golden_use(Options(**options))  # type: ignore[arg-type]
    assert golden_use(Options()) is None


def test_folder_without_any_golden_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    """A mistyped name costs no run; what is to be made needs no folder; a clip that lacks its own fails by itself."""
    refuse_without_goldens(Options())
    refuse_without_goldens(Options(golden=str(tmp_path / "nothere"), update_golden="why"))
    for folder, told in ((tmp_path / "nothere", "no such folder of goldens"), (tmp_path, "holds no golden")):
        with pytest.raises(GoldenUseError, match=rf"--golden {re.escape(str(folder))}: {told}; make them .*--update"):
            refuse_without_goldens(Options(golden=str(folder)))
    ended = bench("--suite", "tiny", "--golden", str(tmp_path / "nothere"), "--collect-only")
    assert ended.code == 4
    assert "no such folder of goldens" in ended.output
    check(tmp_path, made(), why="the first build")
    refuse_without_goldens(Options(golden=str(tmp_path / "goldens")))


@pytest.mark.parametrize("damage", ["frames", "latents", "json", "gone", "other"])
def test_damaged_golden_fails_by_name_and_is_never_passed_over(tmp_path: Path, damage: str) -> None:
    """A changed frame, changed latents, a cut record, a missing file, another clip's golden in its place."""
    check(tmp_path, made(), why="first")
    ((place, golden),) = goldens_in(tmp_path / "goldens" / folder_name(planned()))
    if damage in {"frames", "latents"}:
        other = write_golden(tmp_path / "other", made(0.1), of(made(0.1), golden))
        name, source = (
            (golden.frames_file, other.frames_file) if damage == "frames" else (golden.latents_file, other.latents_file)
        )
        (place / str(name)).write_bytes((tmp_path / "other" / str(source)).read_bytes())
    elif damage == "json":
        (place / NAME).write_bytes((place / NAME).read_bytes()[:99])
    elif damage == "gone":
        (place / golden.frames_file).unlink()
    else:
        strange = msgspec.structs.replace(golden, asked={**golden.asked, "seed": "7"})
        (place / NAME).write_bytes(msgspec.json.encode(strange))
    pair = check(tmp_path, made())
    assert pair.verdict == "broken"
    told = {
        "frames": "not what was written (its frames' hash",
        "latents": "not what was written (its hash",
        "json": "is no golden",
        "gone": "cannot be read",
        "other": "is of another clip",
    }
    assert told[damage] in pair.explanation


def of(clip: Made, like: Golden) -> Golden:
    from fixtures.golden.store import latents_sha256

    latents_BCFHW = clip.latents_BCFHW
    assert latents_BCFHW is not None
    return msgspec.structs.replace(
        like, frames_sha256=frames_sha256(clip.frames_BTCHW), latents_sha256=latents_sha256(latents_BCFHW)
    )


def test_clip_of_another_length_is_an_error_not_a_cut(tmp_path: Path) -> None:
    """A frame fewer than the golden has: both shapes are told."""
    check(tmp_path, made(), why="first")
    short = Made(frames_BTCHW=made().frames_BTCHW[:, :4], latents_BCFHW=made().latents_BCFHW)
    pair = check(tmp_path, short)
    assert pair.verdict == "broken"
    assert "the longer clip is never cut" in pair.explanation


def test_refused_write_leaves_the_golden_before_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that gives out while the frames are written costs the update, not the golden."""
    check(tmp_path, made(), why="first")

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("fixtures.golden.store._write_frames", full)
        assert "No space left" in check(tmp_path, made(0.1), why="again").explanation
    assert check(tmp_path, made()).verdict == "within"


def test_lossless_frames_of_odd_sizes_and_noise_come_back(tmp_path: Path) -> None:
    """Two clips of 17x23 noise, the worst case of any codec."""
    frames_BTCHW = torch.randint(0, 256, (2, 3, 3, 17, 23), generator=torch.Generator().manual_seed(0)).byte()
    clip = Made(frames_BTCHW=frames_BTCHW, latents_BCFHW=None)
    golden = Golden(
        asked={},
        fingerprint={},
        shape=[2, 3, 3, 17, 23],
        frames_file="",
        frames_sha256=frames_sha256(frames_BTCHW),
        latents_file=None,
        latents_sha256=None,
        history=[],
    )
    written = write_golden(tmp_path / "golden", clip, golden)
    assert torch.equal(read_made(tmp_path / "golden", written).frames_BTCHW, frames_BTCHW)
    with pytest.raises(GoldenError, match="cannot be read"):
        read_made(tmp_path, written)


QUALITY = str(ROOT / "benchmarks" / "bench_quality.py")


def kept(folder: Path, run: str) -> list[str]:
    """Give a session's arguments."""
    words = ["--suite", "tiny", "--model", "causvid-tiny", "--prompt", "dogs"]
    return [*words, "--run-dir", str(folder / run), "--golden", str(folder / "goldens")]


def test_sessions_make_a_golden_keep_to_it_and_see_a_changed_setting(tmp_path: Path) -> None:
    """From the command line: made, then equal in a new process, then named by what differs in another precision."""
    first = bare_bench(*kept(tmp_path, "first"), "--update-golden", "the first build", target=QUALITY)
    assert first.code == 0, first.output
    words = session(QUALITY, *kept(tmp_path, "second"))
    again = subprocess.run(words, cwd=ROOT, env=without_gpu(), capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stdout
    assert "the same fingerprint, bands 'equal': cosine 0" in " ".join(again.stdout.split())
    other = bare_bench(*kept(tmp_path, "third"), "--set", "transformer_dtype=bfloat16", target=QUALITY)
    assert other.code == 0, other.output
    printed = " ".join(other.output.split())
    assert "another fingerprint (transformer_dtype float32 to bfloat16, dtype of transformer" in printed
    assert "bands 'few-step'" in printed
