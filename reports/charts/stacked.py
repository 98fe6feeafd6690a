"""Stacked horizontal bars from zero, a row each with its label above it: phases, parts of a start, memory.

Why it matters: labels above the bars are never cut off, and bars that begin at zero can be compared by eye. Colours are
Okabe and Ito's ("Color Universal Design", 2008) and, beyond these, Paul Tol's muted ones ("Colour Schemes", 2021), told
apart by colour-blind people; the blue is lighter than theirs, to be seen on dark ground as well.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from reports.charts.drawing import FONT_PT, INK, SMALL_PT, WIDTH_IN, axes_at, canvas
from reports.charts.legend import CHARACTER_IN, Kind, draw_legend
from reports.charts.legend import height_in as legend_in
from reports.rows import one_line, show

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE = "#1f83c4", "#e69f00", "#009e73", "#cc79a7"
SKY, VERMILLION, GREY = "#56b4e9", "#d55e00", "#8c8c8c"
KNOWN = {
    "denoise": BLUE,
    "decode": ORANGE,
    "text_encode": GREEN,
    "to_host": PURPLE,
    "transformer": BLUE,
    "vae": ORANGE,
    "text_encoder": GREEN,
    "activations": PURPLE,
    "kv_caches": SKY,
}
OLIVE, WINE, TEAL, SAND, MAGENTA = "#999933", "#882255", "#44aa99", "#ddcc77", "#aa4499"
SPARE = (SKY, VERMILLION, OLIVE, MAGENTA, TEAL, SAND, WINE, GREEN, PURPLE, BLUE, ORANGE)
REST, UNUSED = "in no phase", "cached or fragmented"
BUDGET = "budget"
BUDGETS = {"allocated": VERMILLION, "reserved": WINE, "device": MAGENTA}
MOST_PARTS = 11
ROW_IN, BAR_IN = 0.42, 0.17
LEFT_IN, RIGHT_IN, GAP_IN = 0.12, 0.15, 0.35


class Bar(NamedTuple):
    """A row: parts by name in order, and the whole's lowest and highest value.

    `marks` are values on the same scale that the bar is held against; `text` stands at its end in place of its total.
    """

    label: str
    parts: dict[str, float]
    low: float
    high: float
    marks: dict[str, float] = {}
    text: str = ""

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
    entries: dict[str, tuple[str, Kind]] = {name: (colour, "box") for name, colour in colours.items()}
    entries |= {mark: (colour_of_mark(mark), "line") for bar in bars for mark in bar.marks}
    top_in = 0.04 + legend_in(entries)
    height_in = ROW_IN * len(bars)
    figure = canvas(top_in + height_in + 0.48)
    draw_legend(figure, entries)
    whole_in = WIDTH_IN - LEFT_IN - RIGHT_IN
    wide_in = 0.62 * (whole_in - GAP_IN) if shares else whole_in
    axes = axes_at(figure, LEFT_IN, top_in, wide_in, height_in)
    most = max([bar.high for bar in bars] + [mark for bar in bars for mark in bar.marks.values()], default=0.0)
    text_in = 0.1 + CHARACTER_IN * max((len(_text(bar, unit)) for bar in bars), default=0)
    _frame(axes, len(bars), most * wide_in / (wide_in - text_in) or 1.0, axis)
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
    """Give each part its colour: known ones always the same, what belongs to none grey, others in turn."""
    spare = iter(SPARE * (1 + len(names) // len(SPARE)))
    taken = {KNOWN[name] for name in names if name in KNOWN}
    free = [colour for colour in spare if colour not in taken] or list(SPARE)
    others = [name for name in names if name not in KNOWN and name not in {REST, UNUSED}]
    turn = {name: free[number % len(free)] for number, name in enumerate(others)}
    return {name: KNOWN.get(name) or turn.get(name, GREY) for name in names}


def colour_of_mark(name: str) -> str:
    """Give each kind of budget its own colour; any other mark is drawn in ink."""
    return BUDGETS.get(name.rpartition(" ")[2], VERMILLION) if name.startswith(BUDGET) else INK


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
    for name, limit in bar.marks.items():
        colour = colour_of_mark(name)
        axes.plot([limit, limit], [middle - 0.12, middle + 0.12], color=colour, linewidth=1.6, clip_on=False)
    end = max([bar.high, bar.total, *bar.marks.values()])
    axes.annotate(
        _text(bar, unit), (end, middle), (4, 0), textcoords="offset points", va="center", ha="left", fontsize=SMALL_PT
    )


def _text(bar: Bar, unit: str) -> str:
    return bar.text or f"{show(bar.total)} {unit}"


def _middle(number: int) -> float:
    return ROW_IN * number + 0.3
