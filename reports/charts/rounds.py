"""How far the rounds of each case lie apart, in percent of their median, from the first round down to the last.

Why it matters: a difference between two models that is smaller than the spread of either is none. Rounds in their
order tell noise from drift: a card that warms up leans to one side.
"""

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from reports.charts.caption import sentences
from reports.charts.drawing import FONT_PT, INK, SMALL_PT, WIDTH_IN, Chart, NoChart, axes_at, canvas, style
from reports.charts.selection import Row, chosen, labels, missing_note, notes, rows_of
from reports.charts.stacked import BLUE, ORANGE
from reports.record import Run
from reports.rows import show
from reports.spread import median_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Spread of the rounds"
ROW_IN, BAND_IN = 0.52, 0.24
LEFT_IN, RIGHT_IN = 0.12, 1.1
LEAST_PCT = 1.0


class Spread(NamedTuple):
    """A case's rounds in percent above or below their median, in order, and the interval of the median."""

    label: str
    median_s: float
    offs_pct: list[float]
    interval_pct: tuple[float, float]


def figure(runs: Sequence[Run]) -> Chart | NoChart:
    """Draw a row of dots for each case with at least two timed rounds."""
    rows = rows_of(runs)
    several = [row for row in rows if len(row.rounds) > 1 and statistics.median(_times_s(row)) > 0]
    if not several:
        return NoChart(TITLE, "No case has two timed rounds.")
    kept, left_out = chosen(several)
    found = [spread_of(label, _times_s(row)) for label, row in zip(labels(kept), kept, strict=True)]
    with style():
        drawn = _draw(found)
    caption = sentences(
        "Time from prompt to host frames, first round on top; the bar is the 95 % interval of the median, with fewer "
        "than six rounds their extremes. First calls are apart and not drawn.",
        left_out,
        missing_note([row for row in rows if len(row.rounds) == 1], "a second timed round"),
        notes(kept),
    )
    return Chart("rounds", TITLE, caption, " ".join(map(_told, found)), drawn)


def spread_of(label: str, times_s: Sequence[float]) -> Spread:
    """Set rounds against their median, which must be above 0."""
    median_s = statistics.median(times_s)
    low, high = (100 * (end / median_s - 1) for end in median_interval(times_s))
    return Spread(label, median_s, [100 * (value / median_s - 1) for value in times_s], (low, high))


def _times_s(row: Row) -> list[float]:
    return [timed.prompt_to_host_s for timed in row.rounds]


def _draw(found: Sequence[Spread]) -> "Figure":
    height_in = ROW_IN * len(found)
    figure = canvas(0.08 + height_in + 0.48)
    axes = axes_at(figure, LEFT_IN, 0.08, WIDTH_IN - LEFT_IN - RIGHT_IN, height_in)
    most = max([LEAST_PCT, *(1.08 * abs(off) for one in found for off in one.offs_pct)])
    axes.set_xlim(-most, most)
    axes.set_ylim(height_in, 0.0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=INK, alpha=0.18, linewidth=0.5)
    axes.set_xlabel("off the median [%]")
    for number, one in enumerate(found):
        _row(axes, ROW_IN * number, one, most)
    return figure


def _row(axes: "Axes", top: float, one: Spread, most: float) -> None:
    axes.text(-most, top + 0.19, one.label, fontsize=FONT_PT, va="bottom", ha="left")
    band, count = top + 0.23, len(one.offs_pct)
    heights = [band + BAND_IN * (n + 0.5) / count for n in range(count)]
    middle = band + BAND_IN / 2
    axes.plot(one.interval_pct, [middle, middle], color=ORANGE, linewidth=5, alpha=0.6, solid_capstyle="butt")
    axes.plot([0.0, 0.0], [band, band + BAND_IN], color=INK, linewidth=0.8)
    axes.plot(one.offs_pct, heights, "o", color=BLUE, markersize=3.5)
    text = f"{show(one.median_s)} s, {count} rounds"
    axes.annotate(text, (most, middle), (6, 0), textcoords="offset points", fontsize=SMALL_PT, va="center", ha="left")


def _told(one: Spread) -> str:
    offs = ", ".join(f"{off:+.2f}" for off in one.offs_pct[:40])
    return f"{one.label}: median {show(one.median_s)} s, rounds off it by {offs} %."
