"""Each verdict's interval against its margin: every metric on one scale, on which 1 is as much worse as is allowed.

Why it matters: "not worse" is said of an interval, not of a mean. Left of 1 it passes, right of 1 it fails, and one
that lies across needs more prompts, which a mean would hide.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from reports.answers.answer import label
from reports.charts.caption import Spot, count_of, sentences
from reports.charts.drawing import FONT_PT, INK, SMALL_PT, WIDTH_IN, Chart, NoChart, axes_at, canvas, style
from reports.charts.legend import Kind, draw_legend
from reports.charts.legend import height_in as legend_in
from reports.charts.stacked import BLUE, GREY, ORANGE, VERMILLION
from reports.comparison_record import MarginVerdict, RowVerdict
from reports.record import Run
from reports.rows import one_line
from reports.verdict_lines import spelled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Student against teacher: intervals and margins"
MARKS: dict[RowVerdict, tuple[str, str]] = {
    "PASS": (BLUE, "o"),
    "INCONCLUSIVE": (ORANGE, "D"),
    "FAIL": (VERMILLION, "s"),
}
MOST_INTERVALS = 60
ROW_IN, LEFT_IN, RIGHT_IN = 0.22, 2.0, 1.3
WIDEST = 4.0


class Interval(NamedTuple):
    """A metric's difference and its bounds in shares of its margin: above 0 the student is worse, above 1 too much."""

    student: str
    metric: str
    verdict: RowVerdict
    value: float
    low: float
    high: float
    prompts: int


def figure(runs: Sequence[Run]) -> Chart | NoChart:
    """Draw a row for each margin that was judged, below its student and teacher."""
    judged = intervals_of(runs)
    if not judged:
        return NoChart(TITLE, _why_not(runs))
    kept = judged[:MOST_INTERVALS]
    with style():
        drawn = _draw(kept)
    found = _scaled(runs)
    silent = [spot for spot, interval in found if interval is None]
    more = [spot for spot, interval in found if interval is not None][MOST_INTERVALS:]
    caption = sentences(
        "The mean over prompts of student less teacher, in shares of the margin, with its two one-sided 95 % bounds: "
        "it passes where the bound on the worse side is left of 1 and fails where both are right of it. Bounds beyond "
        f"{WIDEST:g} margins are cut off there and end in an arrow. In brackets the prompts.",
        ("Not drawn: ", *count_of(more), " more.") if more else "",
        ("Without an interval (not applicable, not measured, too few clips): ", *count_of(silent), " more.")
        if silent
        else "",
    )
    return Chart("intervals", TITLE, caption, " ".join(map(_told, kept)), drawn)


def intervals_of(runs: Sequence[Run]) -> list[Interval]:
    """Scale every judged row that has bounds and a margin other than 0."""
    return [interval for _, interval in _scaled(runs) if interval is not None]


def _scaled(runs: Sequence[Run]) -> list[tuple[Spot, Interval | None]]:
    """Scale every row, with where it stands; None for one without an interval."""
    return [
        (
            (run, None, f"verdicts[{first}].rows[{second}].verdict"),
            _interval(f"{one.student} against {one.teacher}{_of(number, runs)}", row),
        )
        for number, run in enumerate(runs)
        for first, one in enumerate(run.verdicts)
        for second, row in enumerate(one.rows)
    ]


def _of(number: int, runs: Sequence[Run]) -> str:
    name = label(number, len(runs))
    return f", run {name}" if name else ""


def _interval(student: str, row: MarginVerdict) -> Interval | None:
    bounds = row.t if row.gate == "t" else row.bca
    if bounds is None or row.difference is None or not row.limit or row.verdict not in MARKS:
        return None
    low, high = sorted(bound / row.limit for bound in bounds)
    return Interval(student, spelled(row.margin), row.verdict, row.difference / row.limit, low, high, row.prompts)


def _why_not(runs: Sequence[Run]) -> str:
    verdicts = [one for run in runs for one in run.verdicts]
    if not verdicts:
        return "No student was held against its teacher in this run."
    reasons = [one_line(text) for one in verdicts for text in (one.reason, *(row.reason for row in one.rows)) if text]
    return f"No margin has an interval{f': {reasons[0]}' if reasons else ''}."


def _draw(kept: Sequence[Interval]) -> "Figure":
    entries: dict[str, tuple[str, Kind]] = {name: (colour, "box") for name, (colour, _) in MARKS.items()}
    head_in = legend_in(entries) + 0.02
    heads = list(dict.fromkeys(one.student for one in kept))
    height_in = ROW_IN * (len(kept) + len(heads))
    figure = canvas(head_in + height_in + 0.48)
    draw_legend(figure, entries)
    axes = axes_at(figure, LEFT_IN, head_in, WIDTH_IN - LEFT_IN - RIGHT_IN, height_in)
    _frame(axes, kept, height_in)
    top = 0.0
    for head in heads:
        _write(axes, top + ROW_IN / 2, one_line(head, 90))
        top += ROW_IN
        own = [one for one in kept if one.student == head]
        for at, colour in ((0.0, GREY), (1.0, VERMILLION)):
            axes.plot([at, at], [top, top + ROW_IN * len(own)], color=colour, linewidth=1.0)
        for one in own:
            _row(axes, top + ROW_IN / 2, one)
            top += ROW_IN
    return figure


def _frame(axes: "Axes", kept: Sequence[Interval], height_in: float) -> None:
    low = max(-WIDEST, min([-1.2, *(1.1 * one.low for one in kept)]))
    high = min(WIDEST, max([1.6, *(1.1 * one.high for one in kept)]))
    axes.set_xlim(low, high)
    axes.set_ylim(height_in, 0.0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("worse than the teacher, in shares of the margin (1: as much as is allowed)")


def _write(axes: "Axes", middle: float, text: str, indent_in: float = 0.0) -> None:
    wide_in = WIDTH_IN - LEFT_IN - RIGHT_IN
    at = (0.12 + indent_in - LEFT_IN) / wide_in
    axes.text(at, middle, text, transform=axes.get_yaxis_transform(), fontsize=FONT_PT, va="center", ha="left")


def _row(axes: "Axes", middle: float, one: Interval) -> None:
    colour, marker = MARKS[one.verdict]
    low, high = axes.get_xlim()
    _write(axes, middle, one_line(one.metric, 30), 0.12)
    axes.plot([max(one.low, low), min(one.high, high)], [middle, middle], color=colour, linewidth=1.6)
    if one.low < low:
        axes.plot([low], [middle], "<", color=colour, markersize=5, clip_on=False)
    if one.high > high:
        axes.plot([high], [middle], ">", color=colour, markersize=5, clip_on=False)
    if low <= one.value <= high:
        axes.plot([one.value], [middle], marker, color=colour, markersize=4.5)
    place = axes.get_yaxis_transform()
    text = f"{one.verdict} ({one.prompts})"
    axes.text(1.03, middle, text, transform=place, fontsize=SMALL_PT - 0.5, va="center", ha="left", color=INK)


def _told(one: Interval) -> str:
    return f"{one.student}, {one.metric}: {one.verdict}, {one.value:+.2f} margins [{one.low:+.2f}, {one.high:+.2f}]."
