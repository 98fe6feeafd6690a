"""Legends in lines of their own above a chart, broken where they would run out of it.

Why it matters: Matplotlib's legend covers what it explains, and is cut off where names are long.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from reports.charts.drawing import SMALL_PT, WIDTH_IN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINE_IN, LEFT_IN, RIGHT_IN = 0.2, 0.12, 0.15
CHARACTER_IN = 0.072  # on average in the font that measures, which is a wide one
Kind = Literal["box", "line"]
Lines = list[list[tuple[str, float]]]


def lines_of(names: Mapping[str, object] | list[str]) -> Lines:
    """Break names into lines: each with the inches from the left at which it begins."""
    lines: Lines = [[]]
    at_in = LEFT_IN
    for name in names:
        wide_in = 0.32 + CHARACTER_IN * len(name)
        if lines[-1] and at_in + wide_in > WIDTH_IN - RIGHT_IN:
            lines.append([])
            at_in = LEFT_IN
        lines[-1].append((name, at_in))
        at_in += wide_in
    return lines


def height_in(names: Mapping[str, object] | list[str]) -> float:
    """Give the inches that the legend of these names takes."""
    return LINE_IN * len(lines_of(names)) + 0.06 if names else 0.0


def draw_legend(figure: "Figure", entries: Mapping[str, tuple[str, Kind]]) -> None:
    """Write each name beside its colour at the figure's top: boxes for areas, upright lines for limits."""
    from matplotlib.patches import Rectangle

    whole_in = figure.get_figheight()
    for number, line in enumerate(lines_of(entries)):
        middle_in = whole_in - 0.16 - LINE_IN * number
        for name, at_in in line:
            colour, kind = entries[name]
            wide_in, high_in = (0.12, 0.1) if kind == "box" else (0.025, 0.14)
            place = (at_in / WIDTH_IN, (middle_in - high_in / 2) / whole_in)
            figure.add_artist(Rectangle(place, wide_in / WIDTH_IN, high_in / whole_in, color=colour, linewidth=0))
            text_at = ((at_in + (0.17 if kind == "box" else 0.09)) / WIDTH_IN, middle_in / whole_in)
            figure.text(*text_at, name, fontsize=SMALL_PT, va="center", ha="left")
