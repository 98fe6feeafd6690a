"""Panels one below the other, each with its label above it: time lines and steps, which share no axis.

Why it matters: 3 s and 60 s on one axis hide the quicker one. Labels above are never cut off.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from reports.charts.drawing import FONT_PT, INK, SMALL_PT, WIDTH_IN, axes_at, canvas, style
from reports.charts.legend import Kind, draw_legend
from reports.charts.legend import height_in as legend_in

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 8
LABEL_IN, LEFT_IN, RIGHT_IN, TOP_IN, FOOT_IN = 0.12, 0.55, 0.15, 0.44, 0.42


One = TypeVar("One")


def panelled(
    named: Sequence[tuple[str, One]],
    height_in: float,
    entries: Mapping[str, tuple[str, Kind]],
    draw: "Callable[[Axes, One], None]",
) -> "Figure":
    """Draw each thing on a panel of its own below its label, all below one legend."""
    with style():
        figure, places = panels([label for label, _ in named], height_in, legend_in(entries))
        draw_legend(figure, entries)
        for axes, (_, one) in zip(places, named, strict=True):
            draw(axes, one)
    return figure


def panels(labels: Sequence[str], height_in: float, head_in: float = 0.0) -> "tuple[Figure, list[Axes]]":
    """Make axes of `height_in` for each label, below `head_in` for a legend; to be called within `drawing.style`."""
    each_in = TOP_IN + height_in + FOOT_IN
    figure = canvas(head_in + each_in * len(labels))
    made = []
    for number, label in enumerate(labels):
        top_in = head_in + each_in * number + TOP_IN
        axes = axes_at(figure, LEFT_IN, top_in, WIDTH_IN - LEFT_IN - RIGHT_IN, height_in)
        label_at = (LABEL_IN / WIDTH_IN, 1 - (top_in - 0.23) / figure.get_figheight())
        figure.text(*label_at, label, fontsize=FONT_PT, va="bottom")
        axes.grid(axis="y", color=INK, alpha=0.18, linewidth=0.5)
        axes.set_axisbelow(True)
        made.append(axes)
    return figure, made


def fill(axes: "Axes", boxes: Sequence[tuple[float, float, float, float]], colour: str, alpha: float = 1.0) -> None:
    """Fill boxes (left, bottom, width, height in data) as one path: a thousand of them stay a small picture."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    if not boxes:
        return
    vertices, codes = [], []
    for left, bottom, width, height in boxes:
        right, top = left + width, bottom + height
        vertices += [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
        codes += [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    axes.add_patch(PathPatch(Path(vertices, codes), facecolor=colour, linewidth=0, alpha=alpha))


def note(axes: "Axes", text: str) -> None:
    """Write a short text between a panel's label and its frame."""
    axes.annotate(
        text,
        (0.0, 1.0),
        (72 * (LABEL_IN - LEFT_IN), 6),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=SMALL_PT,
        va="bottom",
    )
