"""Numbered points with a list below: places for the numbers, the Pareto front, and the panel that they stand in.

Why it matters: names of models beside points run into each other and out of the frame; numbers do not, and the list
below has room for names and values.
"""

from collections.abc import Sequence
from math import cos, hypot, pi, sin
from textwrap import wrap
from typing import TYPE_CHECKING, Literal, NamedTuple

from reports.charts.drawing import FONT_PT, INK, SMALL_PT
from reports.charts.stacked import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

MARKS = ((BLUE, "o"), (VERMILLION, "s"), (GREEN, "^"), (ORANGE, "D"), (PURPLE, "v"), (SKY, "P"))
LOG_FROM = 8.0
CLEAR_PT = 9.0
LINE_CHARACTERS = 92  # in `WIDTH_IN`


class Point(NamedTuple):
    """A point with its intervals. Only points of one `group` may be compared."""

    group: str
    x: float
    x_low: float
    x_high: float
    y: float
    y_low: float
    y_high: float


def front(points: Sequence[Point], better: Literal["lower", "higher"]) -> list[Point]:
    """Give the points that no other is both quicker and as good as, quickest first; x is better where it is lower."""
    sign = 1.0 if better == "higher" else -1.0
    kept: list[Point] = []
    for point in sorted(points, key=lambda point: (point.x, -sign * point.y)):
        if not kept or sign * point.y > sign * kept[-1].y:
            kept.append(point)
    return kept


def mark_of(number: int) -> tuple[str, str]:
    """Give a group's colour and marker; after six they come again."""
    return MARKS[number % len(MARKS)]


def draw_panel(
    axes: "Axes", points: dict[int, Point], groups: Sequence[str], better: Literal["lower", "higher"]
) -> None:
    """Draw numbered points with their intervals and each group's front, on axes whose limits it sets.

    The horizontal axis is seconds, logarithmic where the slowest is `LOG_FROM` times the quickest.
    """
    _scale(axes, list(points.values()))
    for turn, group in enumerate(groups):
        own = [point for point in points.values() if point.group == group]
        colour, marker = mark_of(turn)
        best = front(own, better)
        if len(own) > 1:
            axes.step([p.x for p in best], [p.y for p in best], where="post", color=colour, linewidth=1.0, alpha=0.8)
            axes.plot([p.x for p in best], [p.y for p in best], "o", color=INK, mfc="none", markersize=9, mew=0.7)
        for point in own:
            axes.plot([point.x_low, point.x_high], [point.y, point.y], color=colour, linewidth=1.0)
            axes.plot([point.x, point.x], [point.y_low, point.y_high], color=colour, linewidth=1.0)
        axes.plot([p.x for p in own], [p.y for p in own], marker, color=colour, markersize=5, linestyle="")
    number_points(axes, {number: (point.x, point.y) for number, point in points.items()})


def _scale(axes: "Axes", points: Sequence[Point]) -> None:
    low, high = min(p.x_low for p in points), max(p.x_high for p in points)
    if low > 0 and high / low >= LOG_FROM:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.35, high * 1.35)
        log_ticks(axes.xaxis)
    else:
        axes.set_xlim(0.0, 1.12 * high or 1.0)
    axes.grid(color=INK, alpha=0.18, linewidth=0.5)
    axes.set_axisbelow(True)


def log_ticks(axis: "Axis") -> None:
    """Name 1, 2 and 5 of each decade of a logarithmic axis in plain numbers, over more than three its decades alone."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 1e3 else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def number_points(axes: "Axes", places: dict[int, tuple[float, float]]) -> None:
    """Write each point's number beside it; `places` are in data, on axes whose limits are set."""
    per_pt = 72.0 / axes.figure.dpi
    at = {number: tuple(per_pt * axes.transData.transform(place)) for number, place in places.items()}
    for number, (right, up) in offsets(at).items():
        axes.annotate(
            str(number),
            places[number],
            (right, up),
            textcoords="offset points",
            fontsize=SMALL_PT,
            ha="center",
            va="center_baseline",
        )


def offsets(at: dict[int, tuple[float, float]]) -> dict[int, tuple[float, float]]:
    """Choose where each number stands from its point, in points of 1/72 inch: clear of points and other numbers.

    Where nothing is clear it stands furthest out; the list below tells what is meant.
    """
    angles = [pi / 4 + turn * pi / 4 for turn in range(8)]
    tried = [(radius * cos(angle), radius * sin(angle)) for radius in (9.0, 15.0, 21.0, 28.0) for angle in angles]
    found: dict[int, tuple[float, float]] = {}
    for number, (x, y) in at.items():
        taken = [(at[n][0] + found[n][0], at[n][1] + found[n][1]) for n in found]
        free = (
            (right, up)
            for right, up in tried
            if all(hypot(x + right - a, y + up - b) >= CLEAR_PT for a, b in taken)
            and all(hypot(x + right - a, y + up - b) >= CLEAR_PT - 2 for a, b in at.values())
        )
        found[number] = next(free, tried[-1])
    return found


def wrapped(lines: Sequence[str]) -> list[str]:
    """Break lines that would run out of the picture; what is broken off is set in."""
    return [part for line in lines for part in wrap(line, LINE_CHARACTERS, subsequent_indent="\u2003")]


def list_below(axes: "Axes", lines: Sequence[str], line_in: float, indent: float = 0.0) -> None:
    """Write lines into axes of their own, from the top, `line_in` apart, `indent` of the width from the left."""
    height_in = line_in * max(len(lines), 1)
    axes.set_axis_off()
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(height_in, 0.0)
    for number, line in enumerate(lines):
        axes.text(indent, line_in * (number + 0.5), line, fontsize=FONT_PT - 0.5, va="center", ha="left")
