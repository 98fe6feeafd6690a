"""What judges clips notices every control at its stated strength, passes every sound clip, and says so otherwise."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as changed

from fixtures.controls import __main__ as command
from fixtures.controls.broken import BROKEN, BrokenClip
from fixtures.controls.judging import Judged, block_starts, judge_controls
from fixtures.controls.sound import SOUND
from fixtures.controls.table import matrix_lines, outcome_lines, wrong_lines
from fixtures.metrics.spec import find_metrics
from reports.judged import Limits
from reports.margins import BesideReference
from reports.measured import MetricValue

ROOT = Path(__file__).parent.parent
PUBLISHED, FULL_SIZE = (
    (ROOT / "reports" / "published" / name).read_text(encoding="utf-8")
    for name in ("controls.txt", "controls-832x480.txt")
)
SIZE = command.SMALL
DEFECTS = {defect.id: defect for defect in BROKEN}


@pytest.fixture(scope="module")
def pan() -> dict[str, Judged]:
    """Judge the first sound clip, and it with every defect."""
    judged = judge_controls(SOUND[:1], find_metrics(), SIZE)
    return {one.defect.id if one.defect else "sound": one for one in judged}


def test_every_sound_clip_passes_without_a_warning() -> None:
    """Six motions, every metric."""
    judged = list(judge_controls(SOUND, find_metrics(), (49, *SIZE[1:]), defects=()))
    assert len(judged) == len(SOUND) == 6
    assert [one.breaking(verdict) for one in judged for verdict in ("fail", "warn")] == [[]] * 12
    values = {metric.id for one in judged for metric in one.metrics if metric.value is not None}
    assert find_metrics().keys() <= values


@pytest.mark.parametrize("defect", BROKEN, ids=lambda defect: defect.id)
def test_control_is_caught_where_it_must_be(defect: BrokenClip, pan: dict[str, Judged]) -> None:
    """On the clip alone, or by a warning there and a failure beside the clean clip."""
    one = pan[defect.id]
    if defect.must == "fail":
        assert one.breaking("fail")
    else:
        assert one.breaking("fail") or one.breaking("warn")
        assert one.failing_beside()
    assert one.is_as_stated()


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("frozen tail", "longest_freeze"),
        ("doubled frames", "unique_frames"),
        ("flicker", "luma_flicker"),
        ("oversaturation", "chroma_drift"),
        ("fade", "L_drift"),
        ("jpeg", "block8"),
        ("short", "frame_count"),
        ("nan", "nonfinite"),
        ("noise", "noise"),
    ],
)
def test_control_fails_by_the_metric_that_is_made_for_it(name: str, metric: str, pan: dict[str, Judged]) -> None:
    """Being caught by chance would hide a metric that is blind."""
    assert metric in {found.id for found in pan[name].breaking("fail")}


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("blur", "sharp_drift"),
        ("mild saturation", "chroma_drift"),
        ("mild darkening", "L_drift"),
        ("shuffled", "warp_mse"),
        ("posterised", "empty_codes"),
        ("seams", "seam_ratio"),
    ],
)
def test_paired_control_fails_by_the_margin_that_is_made_for_it(name: str, metric: str, pan: dict[str, Judged]) -> None:
    """Beside the clean clip."""
    assert metric in pan[name].failing_beside()


def test_clean_clip_is_within_all_margins_of_itself() -> None:
    """A defect of strength nothing is none."""
    same = BrokenClip(id="same", strength="none", must="paired", spoil=lambda frames_THWC, _starts: frames_THWC)
    _, one = judge_controls(SOUND[:1], find_metrics(), SIZE, defects=[same])
    assert one.failing_beside() == []
    assert not one.is_as_stated()


def test_blocks_begin_as_causvids_do() -> None:
    """Blocks of three latent frames: nine pixel frames, then twelve each."""
    assert block_starts(81) == (9, 21, 33, 45, 57, 69)
    assert block_starts(9) == ()


def metric(name: str, verdict: str) -> MetricValue:
    number = MetricValue(id=name, value=1.5, unit="1", better="lower", explanation=f"{name} is off")
    return changed(number, verdict=verdict)


def judged(defect: str | None, metrics: Sequence[MetricValue], beside: Sequence[str] = ()) -> Judged:
    failing = [
        BesideReference(metric=name, unit="1", clip=1.0, reference=1.0, limit=1.0, verdict="fail") for name in beside
    ]
    return Judged(clip="pan", defect=DEFECTS[defect] if defect else None, metrics=metrics, beside=failing)


def test_what_is_not_as_stated_is_told_with_what_was_expected() -> None:
    """A sound clip that fails; a defect that only warns, or that only one of the two verdicts notices."""
    fail, warn, none = (metric("blocks", verdict) for verdict in ("fail", "warn", "within"))
    assert wrong_lines([judged(None, [warn]), judged("jpeg", [fail]), judged("blur", [warn], ["sharp"])]) == []
    assert wrong_lines([judged(None, [fail])]) == ["NOT AS STATED pan: is sound, and fails: blocks is off"]
    (told,) = wrong_lines([judged("jpeg", [warn], ["blocks"])])
    assert told.startswith("NOT AS STATED pan with jpeg (every frame through JPEG of quality 8): must fail; noticed by")
    for one in (judged("blur", [none], ["sharp"]), judged("blur", [warn]), judged("blur", [fail])):
        (told,) = wrong_lines([one])
        assert "must warn, and fail beside the clean clip" in told


def test_table_marks_what_noticed_each_control() -> None:
    """Large letters where all clips were noticed, small ones where some were."""
    fail, warn, none = (metric("blocks", verdict) for verdict in ("fail", "warn", "within"))
    listed = [judged(None, [none]), judged("jpeg", [fail]), judged("jpeg", [none]), judged("blur", [warn], ["blocks"])]
    row = matrix_lines(listed)[1].split()
    assert row == ["blocks", ".", "f", "WB"]
    assert outcome_lines(listed)[2].split() == ["jpeg", "1", "of", "2", "blocks", "1.5", "(1", "of", "2)", "–", "–"]


def test_command_ends_with_1_where_nothing_judges(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without metrics only the file's own count and NaN are noticed."""
    monkeypatch.setattr(command, "find_metrics", dict)
    assert command.main(["--clip", "zoom", "--size", "9x48x64"]) == 1
    printed = capsys.readouterr().out
    assert "NOT AS STATED zoom with black" in printed
    assert printed.endswith("19 clips: 3 as stated\n")


def test_command_ends_with_1_where_a_sound_clip_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit that is too narrow is as wrong as one that is too wide."""
    narrow = Limits(source="here", looks_like="bright", fail_above=-1.0)
    metrics = {"y_mean": replace(find_metrics()["y_mean"], limits=narrow)}
    monkeypatch.setattr(command, "find_metrics", lambda: metrics)
    assert command.main(["--clip", "zoom", "--size", "9x48x64"]) == 1
    assert "NOT AS STATED zoom: is sound, and fails: y_mean" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--size", "8x48x48"], ["--size", "x"], ["--clip", "nothing"]])
def test_size_and_clip_that_cannot_be_are_refused(words: list[str]) -> None:
    """With argparse's exit code 4."""
    with pytest.raises(SystemExit, match="4"):
        command.main(words)


@pytest.mark.parametrize("published", [PUBLISHED, FULL_SIZE], ids=["208x120", "832x480"])
def test_published_table_is_of_todays_controls_and_metrics(published: str) -> None:
    """Everything came out as stated; a metric or a control that is new is missing there, and has to be run."""
    count = len(SOUND) * (1 + len(BROKEN))
    assert published.endswith(f"{count} clips: {count} as stated\n")
    assert [d.id for d in BROKEN if f"{d.id}: {d.strength}\n" not in published] == []
    assert [name for name in find_metrics() if not re.search(rf"\b{name}\b", published)] == []


def test_readmes_table_is_the_published_one() -> None:
    """Line by line."""
    readme = (ROOT / "fixtures" / "metrics" / "README.md").read_text(encoding="utf-8")
    block = readme.split("each control against each metric", 1)[1].split("```text\n", 1)[1].split("```", 1)[0]
    assert len(block.splitlines()) > 20
    assert block in PUBLISHED
