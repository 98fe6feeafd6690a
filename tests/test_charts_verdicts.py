"""The roofline and the verdicts' intervals: places by hand, and what has none is counted or told."""

import msgspec
import pytest

from reports.charts import intervals, roofline
from reports.charts.drawing import NoChart
from reports.charts.selection import Row
from reports.charts.stacked import BLUE, ORANGE, VERMILLION
from reports.comparison_record import MarginVerdict, RowVerdict, StudentVerdict
from reports.judged import Margin
from reports.record import Run
from tests.charts_samples import drawn, marks, texts, tree_of
from tests.reports_samples import case_of, ceilings_of, planned, run_of, work_of


def worked() -> Run:
    """Give a run of 4 s, 2 of them denoising 650 TFLOP and 1.6 decoding 100, with its GPU's ceilings."""
    case = case_of(msgspec.structs.replace(planned(), work=work_of()), 4.0)
    return msgspec.structs.replace(run_of(case), ceilings=ceilings_of())


def test_phase_stands_at_its_rate_and_intensity() -> None:
    """650 TFLOP in 2 s over 1 TB are 325 TFLOP/s at 650 FLOP a byte, half of a floor of 1 s; decoding likewise."""
    run = worked()
    denoise, decode = roofline.reached("a", Row(run, run.cases[0]))
    assert (denoise.phase, decode.phase) == ("denoise", "decode")
    assert denoise[2:] == pytest.approx((650.0, 325.0, 0.5))
    assert decode[2:] == pytest.approx((50.0, 62.5, 0.5 / 1.6))
    chart = drawn(roofline.figure([run]))
    root = tree_of(chart)
    assert [mark.colour for mark in marks(root)] == [BLUE, ORANGE]
    for text in (
        "1 causvid-1.3b 480p81, denoise: 325.0 TFLOP/s at 650.0 FLOP/byte, 50% of its ceilings",
        "a ceiling of attention bfloat16: 500.0 TFLOP/s",
        "d ceiling of copy: 4.00 TB/s, the slope",
        "TFLOP/s, logarithmic",
    ):
        assert text in [" ".join(one.split()) for one in texts(root)]
    assert "Random weights" in chart.caption
    second = drawn(roofline.figure([run_of(), run]))
    assert "1  causvid-1.3b 480p81, run B, denoise" in second.description


def test_without_ceilings_of_the_gpu_there_is_no_roofline() -> None:
    """None measured, with the record's reason; another GPU's; a model that does not tell its work."""
    run = worked()
    bare = msgspec.structs.replace(run, ceilings=None, ceilings_reason="there is no GPU")
    assert roofline.figure([bare]) == NoChart(roofline.TITLE, "No ceilings of the GPU were measured: there is no GPU.")
    other = roofline.figure([msgspec.structs.replace(run, ceilings=ceilings_of("GPU-1"))])
    assert isinstance(other, NoChart)
    assert "on the GPU of the ceilings" in other.reason
    silent = msgspec.structs.replace(run_of(case_of(planned(), 4.0)), ceilings=ceilings_of())
    assert isinstance(roofline.figure([silent]), NoChart)


def row(
    verdict: RowVerdict, difference: float, bounds: tuple[float, float] | None, limit: float, metric: str = "m"
) -> MarginVerdict:
    margin = Margin(metric=metric, better="lower" if limit > 0 else "higher", why="why", absolute=abs(limit) or 1.0)
    return MarginVerdict(
        margin=margin, verdict=verdict, prompts=24, clips=24, difference=difference, limit=limit, t=bounds, gate="t"
    )


def judged(*rows: MarginVerdict) -> Run:
    one = StudentVerdict(comparison="c", student="causvid 480p81", teacher="wan 480p81", rows=list(rows))
    return msgspec.structs.replace(run_of(case_of(planned(), 4.0)), verdicts=[one])


def test_both_directions_are_worse_to_the_right() -> None:
    """0.3 of a margin that lower is better guards, and -0.3 of one that higher is better guards, are the same."""
    found = intervals.intervals_of(
        [judged(row("PASS", 0.15, (0.05, 0.25), 0.5), row("PASS", -0.15, (-0.25, -0.05), -0.5))]
    )
    assert {one.student for one in found} == {"causvid 480p81 against wan 480p81"}
    two = intervals.intervals_of([judged(row("PASS", 0.1, (0.0, 0.2), 0.5))] * 2)
    assert [one.student[-7:] for one in two] == [", run A", ", run B"]
    assert [one[3:6] for one in found] == [pytest.approx((0.3, 0.1, 0.5))] * 2


def test_intervals_are_drawn_with_their_verdicts() -> None:
    """Passed, failed, undecided; one beyond the widest ends in an arrow; what has no interval is counted."""
    run = judged(
        row("PASS", 0.15, (0.05, 0.25), 0.5),
        row("FAIL", 1.0, (0.75, 1.25), 0.5),
        row("INCONCLUSIVE", 0.5, (0.25, 0.75), 0.5),
        row("FAIL", 9.0, (8.0, 10.0), 0.5, metric="far"),
        row("not measured", 0.0, None, 0.5),
        row("PASS", 0.0, (0.0, 0.0), 0.0),
    )
    chart = drawn(intervals.figure([run]))
    root = tree_of(chart)
    assert [mark.colour for mark in marks(root)] == [BLUE, VERMILLION, ORANGE, VERMILLION]
    low, high = -1.2, 4.0
    left, wide = 72 * intervals.LEFT_IN, 72 * (6.5 - intervals.LEFT_IN - intervals.RIGHT_IN)
    assert [mark.x for mark in marks(root)] == pytest.approx(
        [left + wide * (value - low) / (high - low) for value in (0.3, 2.0, 1.0, 4.0)], abs=0.05
    )
    assert {"PASS (24)", "FAIL (24)", "INCONCLUSIVE (24)", "causvid 480p81 against wan 480p81"} <= set(texts(root))
    assert "Without an interval (not applicable, not measured, too few clips): 2 more." in chart.caption
    assert "m: INCONCLUSIVE, +1.00 margins [+0.50, +1.50]." in chart.description


def test_without_verdicts_it_is_said_why() -> None:
    """No comparison at all, and one whose clips say nothing."""
    none = intervals.figure([run_of(case_of(planned(), 4.0))])
    assert none == NoChart(intervals.TITLE, "No student was held against its teacher in this run.")
    silent = MarginVerdict(
        margin=Margin(metric="m", better="lower", why="why", absolute=1.0),
        verdict="not applicable",
        reason="not applicable: random weights",
    )
    found = intervals.figure([judged(silent)])
    assert found == NoChart(intervals.TITLE, "No margin has an interval: not applicable: random weights.")
