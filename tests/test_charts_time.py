"""Steps and blocks, playback, spread of rounds and cold starts: numbers by hand, and reasons where there are none."""

import msgspec
import pytest

from reports.charts import cold, playback, rounds, steps
from reports.charts.drawing import NoChart
from reports.charts.selection import Row
from reports.charts.stacked import BLUE, ORANGE, SKY
from reports.measured import Chunk, ColdStart, Round, Span
from reports.record import CaseRecord
from reports.timing import Block
from tests.charts_samples import drawn, marks, texts, tree_of
from tests.reports_samples import a_round, case_of, planned, run_of


def with_rounds(*timed: Round, model: str = "causvid-1.3b") -> CaseRecord:
    case = case_of(planned(model), 4.0)
    assert case.measurement is not None
    return msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, rounds=list(timed)))


def causal(scale: float = 1.0) -> Round:
    """Give a round of two blocks of 3 steps, the second beginning with the first's cache pass, and two chunks."""
    spans = [
        Span(phase="denoise", start_s=0.0, end_s=1.0, steps=3),
        Span(phase="denoise", start_s=1.0, end_s=3.0, steps=4),
    ]
    return msgspec.structs.replace(
        a_round(4.0),
        spans=spans,
        steps_s=[scale * s for s in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)],
        chunks=[Chunk(frames=16, device_s=0.9, host_s=1.0), Chunk(frames=32, device_s=3.4, host_s=3.5)],
    )


def subpaths(root: object, colour: str) -> int:
    """Count the boxes of the filled path of a colour that holds most."""
    paths = [path for path in root.iter() if path.get("fill") == colour and path.tag.endswith("path")]  # type: ignore[attr-defined]
    return max(str(path.get("d")).count("M") for path in paths)


def test_blocks_are_stacked_from_their_steps_and_cache_pass() -> None:
    """Two blocks of 0.1 + 0.2 + 0.3 with a pass of 0.4, and of 0.5 + 0.6 + 0.7: medians over three rounds."""
    case = with_rounds(causal(), causal(2.0), causal(0.5))
    found = steps.steps_of("a", Row(run_of(case), case))
    assert found.blocks == [Block((0.1, 0.2, 0.3), 0.4), Block((0.5, 0.6, 0.7), None)]
    chart = drawn(steps.figure([run_of(case)]))
    root = tree_of(chart)
    assert {"denoise step", "every second step", "cache pass", "block", "time [s]"} <= set(texts(root))
    assert "2 blocks, from 1.00 to 1.80 s" in texts(root)
    assert [subpaths(root, colour) for colour in (BLUE, SKY, ORANGE)] == [4, 2, 1]
    assert chart.description == "causvid-1.3b 480p81: blocks of 1.00, 1.80 s."


def test_steps_of_a_clip_in_one_piece_are_medians_with_extremes() -> None:
    """Five steps of rounds of 3, 4 and 8 s; rounds of other steps leave the first alone."""
    case = case_of(planned(), 3.0, 4.0, 8.0)
    found = steps.steps_of("a", Row(run_of(case), case))
    assert found.medians_s == pytest.approx([0.4] * 5)
    assert (found.lows_s[0], found.highs_s[0]) == pytest.approx((0.3, 0.8))
    root = tree_of(steps.figure([run_of(case)]))
    assert {"step", "5 steps, median 0.400 s"} <= set(texts(root))
    assert subpaths(root, BLUE) == 5
    odd = with_rounds(a_round(4.0), msgspec.structs.replace(a_round(4.0), steps_s=[9.0]))
    assert steps.steps_of("a", Row(run_of(odd), odd)).highs_s == pytest.approx([0.4] * 5)


def test_player_starts_where_no_frame_is_late() -> None:
    """16 frames at 1 s and 32 at 3.5 s, 16 a second: the second chunk is due after 1 s, so playback starts at 2.5 s."""
    case = with_rounds(causal())
    found = playback.arrivals_of("a", Row(run_of(case), case))
    assert (found.at_s, found.clip_s, found.first_s, found.start_s) == ([1.0, 3.5], [1.0, 3.0], 1.0, 2.5)
    chart = drawn(playback.figure([run_of(case)]))
    root = tree_of(chart)
    assert "first frame at 1.00 s, plays from 2.50 s on" in texts(root)
    (player,) = [path for path in root.iter() if path.get("stroke") == ORANGE]
    numbers = [float(word) for word in str(player.get("d")).replace("M", "").replace("L", "").split()]
    left, wide, high = 72 * 0.55, 72 * (6.5 - 0.55 - 0.15), 72 * playback.PANEL_IN
    assert numbers[0] == pytest.approx(left + wide * 2.5 / (1.03 * 5.5), abs=0.05)
    assert numbers[2] == pytest.approx(left + wide * 5.5 / (1.03 * 5.5), abs=0.05)
    assert numbers[1] - numbers[3] == pytest.approx(high / 1.1, abs=0.05)


def test_rounds_stand_off_their_median_in_their_order() -> None:
    """Rounds of 4.2, 4 and 3.9 s: +5, 0 and -2.5 %, the first on top."""
    chart = drawn(rounds.figure([run_of(case_of(planned(), 4.2, 4.0, 3.9))]))
    found = [mark for mark in marks(tree_of(chart)) if mark.colour == BLUE]
    wide, most = 72 * (6.5 - 0.12 - 1.1), 1.08 * 5.0
    middle = 72 * 0.12 + wide / 2
    assert [mark.x for mark in found] == pytest.approx(
        [middle + off / most * wide / 2 for off in (5.0, 0.0, -2.5)], abs=0.05
    )
    assert found[0].y < found[1].y < found[2].y
    assert chart.description == "causvid-1.3b 480p81: median 4.00 s, rounds off it by +5.00, +0.00, -2.50 %."
    assert rounds.spread_of("a", [4.2, 4.0, 3.9]).interval_pct == pytest.approx((-2.5, 5.0))


def test_one_round_has_no_spread() -> None:
    """It is counted in the caption, and alone it is no chart."""
    chart = drawn(rounds.figure([run_of(case_of(planned(), 4.0, 4.1), case_of(planned("other"), 4.0))]))
    assert "Not drawn: 1 case without a second timed round (1 passed)." in chart.caption
    assert isinstance(rounds.figure([run_of(case_of(planned(), 4.0))]), NoChart)


def start(total_s: float) -> ColdStart:
    parts = {"interpreter": 0.1 * total_s, "load": 0.6 * total_s, "denoise": 0.3 * total_s, "other": 0.0}
    return ColdStart(total_s=total_s, parts_s=parts, weights_cached_ratio=None, compile_cache=None)


def test_first_start_stands_apart_from_later_ones() -> None:
    """Of 40, 20, 30 and 25 s: the first, and of the later three that of 25 s with their extremes."""
    first, later = cold.bars_of("a", [start(40.0), start(20.0), start(30.0), start(25.0)])
    assert first.parts == pytest.approx({"interpreter": 4.0, "load": 24.0, "denoise": 12.0})
    assert (first.label, first.low, first.high) == ("a, first process", 40.0, 40.0)
    assert first.total == pytest.approx(40.0)
    assert (later.label, later.low, later.high) == ("a, later processes", 20.0, 30.0)
    assert later.total == pytest.approx(25.0)
    case = case_of(planned(), 4.0)
    assert case.measurement is not None
    case = msgspec.structs.replace(
        case, measurement=msgspec.structs.replace(case.measurement, cold_starts=[start(40.0)])
    )
    chart = drawn(cold.figure([run_of(case)]))
    assert "python to an mp4 on disk [s]" in texts(tree_of(chart))
    assert chart.description.startswith("causvid-1.3b 480p81, first process: 40.00 s (interpreter 4.00,")


@pytest.mark.parametrize("module", [cold, playback, rounds, steps], ids=lambda module: module.__name__)
def test_what_was_not_measured_is_no_chart(module) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - a module
    """Nothing timed, nothing told: a sentence."""
    for runs in ([run_of(case_of(planned(), status="oom"))], [run_of()], []):
        found = module.figure(runs)
        assert isinstance(found, NoChart)
        assert found.reason.endswith(".")
