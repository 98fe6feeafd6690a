"""Stacked horizontal bars from zero, a row each with its label above it: phases, parts of a start, memory.

Why it matters: labels above the bars are never cut off, and bars that begin at zero can be compared by eye. Colours are
Okabe and Ito's ("Color Universal Design", 2008), told apart by colour-blind people and on light and dark ground.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from reports.charts.drawing import FONT_PT, INK, SMALL_PT, WIDTH_IN, axes_at, canvas
from reports.rows import one_line, show

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#e69f00", "#009e73", "#cc79a7"
SKY, VERMILLION, GREY = "#56b4e9", "#d55e00", "#8c8c8c"
KNOWN = {"denoise": BLUE, "decode": ORANGE, "text_encode": GREEN, "to_host": PURPLE}
SPARE = (SKY, VERMILLION, GREEN, PURPLE, BLUE, ORANGE)
REST = "in no phase"
MOST_PARTS = 11
ROW_IN, BAR_IN = 0.42, 0.17
LEFT_IN, RIGHT_IN, GAP_IN = 0.12, 0.15, 0.35


class Bar(NamedTuple):
    """A row: parts by name in order, and the whole's lowest and highest value. `marks` are limits on the same scale."""

    label: str
    parts: dict[str, float]
    low: float
    high: float
    marks: dict[str, float] = {}

    @property
    def total(self) -> float:
        """The sum of the parts, where the bar ends."""
        return sum(self.parts.values())


def stacked(bars: Sequence[Bar], axis: str, unit: str, *, shares: bool) -> "Figure":
    """Draw the bars, their totals at their ends with `unit`, and with `shares` each bar's parts in percent beside it.

    To be called within `drawing.style`. The horizontal axis begins at 0; `axis` is its label.
    """
    bars = [bar._replace(parts=parts) for bar, parts in zip(bars, _merged(bars), strict=True)]
    colours = colours_of(list(dict.fromkeys(name for bar in bars for name in bar.parts)))
    lines = _legend_lines([*colours, *dict.fromkeys(mark for bar in bars for mark in bar.marks)])
    top_in = 0.1 + 0.2 * len(lines)
    height_in = ROW_IN * len(bars)
    figure = canvas(top_in + height_in + 0.48)
    _legend(figure, lines, colours)
    whole_in = WIDTH_IN - LEFT_IN - RIGHT_IN
    wide_in = 0.62 * (whole_in - GAP_IN) if shares else whole_in
    axes = axes_at(figure, LEFT_IN, top_in, wide_in, height_in)
    most = max([bar.high for bar in bars] + [mark for bar in bars for mark in bar.marks.values()], default=0.0)
    _frame(axes, len(bars), 1.16 * most or 1.0, axis)
    for number, bar in enumerate(bars):
        _draw(axes, number, bar, colours, 1.0)
        _annotate(axes, number, bar, unit)
    if shares:
        beside = axes_at(figure, LEFT_IN + wide_in + GAP_IN, top_in, whole_in - wide_in - GAP_IN, height_in)
        _frame(beside, len(bars), 100.0, "share of the whole [%]")
        for number, bar in enumerate(bars):
            _draw(beside, number, bar, colours, 100.0 / bar.total if bar.total else 0.0)
    return figure


def colours_of(names: Sequence[str]) -> dict[str, str]:
    """Give each part its colour: known phases always the same, what is in none grey, others in turn."""
    spare = iter(SPARE * (1 + len(names) // len(SPARE)))
    taken = {KNOWN[name] for name in names if name in KNOWN}
    free = [colour for colour in spare if colour not in taken] or list(SPARE)
    others = [name for name in names if name not in KNOWN and name != REST]
    turn = {name: free[number % len(free)] for number, name in enumerate(others)}
    return {name: KNOWN.get(name) or turn.get(name, GREY) for name in names}


def _merged(bars: Sequence[Bar]) -> list[dict[str, float]]:
    """Shorten the names, and add up the smallest parts where there are too many to tell apart."""
    weight: dict[str, float] = {}
    for bar in bars:
        for name, value in bar.parts.items():
            weight[name] = max(weight.get(name, 0.0), value)
    kept = set(sorted(weight, key=lambda name: -weight[name])[:MOST_PARTS])
    others = f"{len(weight) - len(kept)} others"
    merged: list[dict[str, float]] = []
    for bar in bars:
        merged.append({})
        for name, value in bar.parts.items():
            shown = one_line(name, 30) if name in kept else others
            merged[-1][shown] = merged[-1].get(shown, 0.0) + value
    return merged


def _frame(axes: "Axes", rows: int, most: float, label: str) -> None:
    axes.set_xlim(0.0, most)
    axes.set_ylim(ROW_IN * rows, 0.0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=INK, alpha=0.18, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xlabel(label)


def _draw(axes: "Axes", number: int, bar: Bar, colours: dict[str, str], scale: float) -> None:
    from matplotlib.patches import Rectangle

    start, top = 0.0, _middle(number) - BAR_IN / 2
    for name, value in bar.parts.items():
        box = Rectangle((scale * start, top), scale * value, BAR_IN, color=colours[name], linewidth=0, clip_on=False)
        axes.add_patch(box)
        start += value


def _annotate(axes: "Axes", number: int, bar: Bar, unit: str) -> None:
    """Write the label above a bar and its total behind it; draw the interval over its end, and its limits across."""
    middle = _middle(number)
    axes.text(0.0, middle - 0.115, bar.label, fontsize=FONT_PT, va="bottom", ha="left")
    if bar.high > bar.low:
        axes.plot([bar.low, bar.high], [middle, middle], color=INK, linewidth=1.0, clip_on=False)
        axes.plot([bar.low, bar.high], [middle, middle], "|", color=INK, markersize=5, clip_on=False)
    for limit in bar.marks.values():
        axes.plot([limit, limit], [middle - 0.12, middle + 0.12], color=VERMILLION, linewidth=1.6, clip_on=False)
    end = max([bar.high, bar.total, *bar.marks.values()])
    text = f"{show(bar.total)} {unit}"
    axes.annotate(text, (end, middle), (4, 0), textcoords="offset points", va="center", ha="left", fontsize=SMALL_PT)


def _middle(number: int) -> float:
    return ROW_IN * number + 0.3


def _legend_lines(names: Sequence[str]) -> list[list[tuple[str, float]]]:
    """Break the legend into lines: names with the inches from the left at which each begins."""
    lines: list[list[tuple[str, float]]] = [[]]
    at_in = LEFT_IN
    for name in names:
        wide_in = 0.3 + 0.075 * len(name)
        if lines[-1] and at_in + wide_in > WIDTH_IN - RIGHT_IN:
            lines.append([])
            at_in = LEFT_IN
        lines[-1].append((name, at_in))
        at_in += wide_in
    return lines


def _legend(figure: "Figure", lines: list[list[tuple[str, float]]], colours: dict[str, str]) -> None:
    from matplotlib.patches import Rectangle

    height_in = figure.get_figheight()
    for number, line in enumerate(lines):
        y_in = height_in - 0.16 - 0.2 * number
        for name, at_in in line:
            is_part = name in colours
            wide_in, high_in = (0.12, 0.1) if is_part else (0.025, 0.14)
            place = (at_in / WIDTH_IN, (y_in - high_in / 2) / height_in)
            colour = colours.get(name, VERMILLION)
            box = Rectangle(place, wide_in / WIDTH_IN, high_in / height_in, color=colour, linewidth=0)
            figure.add_artist(box)
            figure.text((at_in + 0.17) / WIDTH_IN, y_in / height_in, name, fontsize=SMALL_PT, va="center", ha="left")
