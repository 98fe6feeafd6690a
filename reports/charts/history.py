"""Cases over many runs: a panel each, runs in the order of time, joined where they may be compared, steps marked.

Why it matters: a gate asks of two points whether they differ; slow drift, and the commit from which on a level was
there, show only over many. A run that failed or was not valid is a hollow mark that no line goes through.
"""

from collections.abc import Sequence
from math import nan
from typing import TYPE_CHECKING

from reports.charts.caption import sentences
from reports.charts.drawing import INK, SMALL_PT, Chart, NoChart
from reports.charts.panels import MOST_PANELS, note, panelled
from reports.charts.selection import LABEL_CHARACTERS
from reports.charts.stacked import BLUE, GREEN, GREY, MAGENTA, ORANGE, PURPLE, TEAL, VERMILLION, WINE
from reports.gate.limits import MIB
from reports.gate.words import amount, signed_pct
from reports.history.lines import History, Line, Point, histories_of
from reports.history.readings import readings_of
from reports.history.table import machine_text, step_text
from reports.record import Run
from reports.rows import counted, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from reports.charts.legend import Kind

TITLE = "History of the cases"
# Of fewer runs a page says what differs between each two of them.
FEWEST = 5
PANEL_IN = 1.5
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, WINE, TEAL, MAGENTA, GREY)
TOLD_STEPS = 12
DATES = 4


def figure(runs: Sequence[Run]) -> Chart | NoChart:
    """Draw the cases that at least five runs of one GPU and stack have."""
    found = [one for one in histories_of(readings_of(runs)) if _longest(one) >= FEWEST]
    if not found:
        return NoChart(TITLE, f"No case has {FEWEST} valid runs of one GPU and stack.")
    return chart_of(found)


def chart_of(histories: Sequence[History]) -> Chart:
    """Draw these histories, the first of them where they are many."""
    kept = histories[:MOST_PANELS]
    lines = _lines(kept)
    entries: dict[str, tuple[str, Kind]] = {
        _legend(line): (_colour(line.name, lines), "box") for line in lines.values()
    }
    drawn = panelled([(_label(one), one) for one in kept], PANEL_IN, entries, lambda axes, one: _draw(axes, one, lines))
    refused = sum(bool(point.refused) for one in kept for point in one.points)
    reasons = {one.reason for one in kept if one.reason}
    caption = sentences(
        "A mark is the median of a run's rounds, an upright line its 95 % interval, with fewer than six rounds their "
        "extremes; the axis does not begin at zero. Bands are levels: of at least two runs, and apart from each other "
        "by more than the gate's limits.",
        f"Hollow, and of no level: {counted(range(refused), 'run')} that failed or were not valid." if refused else "",
        *(f"{reason[:1].upper()}{reason[1:]}." for reason in sorted(reasons)),
        f"Not drawn: {len(histories) - len(kept)} more cases." if len(histories) > len(kept) else "",
        _weights(kept),
        *(f"Line {name} is {machine_text(line)}{_new(line)}." for name, line in lines.items()),
    )
    return Chart("history", TITLE, caption, " ".join(map(_told, kept)), drawn)


def _longest(history: History) -> int:
    counts = [sum(point.line == line.name and not point.refused for point in history.points) for line in history.lines]
    return max(counts, default=0)


def _lines(histories: Sequence[History]) -> dict[str, Line]:
    lines = {line.name: line for one in histories for line in one.lines}
    return dict(sorted(lines.items(), key=lambda item: [int(part) for part in item[0].split(".")]))


def _legend(line: Line) -> str:
    return one_line(f"line {line.name}: {machine_text(line)}", 60)


def _colour(name: str, lines: dict[str, Line]) -> str:
    return COLOURS[list(lines).index(name) % len(COLOURS)]


def _label(history: History) -> str:
    short = history.case.rpartition("[")[2].removesuffix("]") or history.case
    return one_line(f"{short}: {history.metric}", LABEL_CHARACTERS)


def _scale(metric: str) -> tuple[float, str]:
    if metric.endswith("_bytes"):
        return MIB, "memory [MiB]"
    return 1.0, "energy [J]" if metric.endswith("_j") else "time [s]"


def _draw(axes: "Axes", history: History, lines: dict[str, Line]) -> None:
    unit, name = _scale(history.metric)
    axes.set_ylabel(name)
    axes.set_xlabel("run, in the order of time")
    for line in history.lines:
        own = [(at, point) for at, point in enumerate(history.points, start=1) if point.line == line.name]
        _line(axes, own, _colour(line.name, lines), unit)
    _steps(axes, history)
    _frame(axes, history.points, unit)
    valid = sum(not point.refused for point in history.points)
    none = "" if any(point.value is not None for point in history.points) else ", no value to draw"
    steps = f", {counted(history.steps, 'step')}" if not history.reason else ""
    note(axes, f"{counted(history.points, 'run')}, {valid} valid{none}{steps}")


def _line(axes: "Axes", own: Sequence[tuple[int, Point]], colour: str, unit: float) -> None:
    drawn = [(at, point, point.value / unit) for at, point in own if point.value is not None]
    valid = [(at, point, value) for at, point, value in drawn if not point.refused]
    hollow = [(at, value) for at, point, value in drawn if point.refused]
    bars = [(at, p.low / unit, p.high / unit) for at, p, _ in drawn if p.low is not None and p.high is not None]
    axes.plot([at for bar in bars for at in (bar[0], bar[0], nan)], _ends(bars), color=colour, linewidth=0.8)
    axes.plot([at for at, _, _ in valid], [value for _, _, value in valid], "o-", color=colour, markersize=3.5, lw=0.9)
    places, values = [at for at, _ in hollow], [value for _, value in hollow]
    axes.plot(places, values, "o", markerfacecolor="none", markeredgecolor=colour, markersize=5)
    for level in dict.fromkeys(point.level for _, point, _ in valid if point.level is not None):
        places = [at for at, point, _ in valid if point.level == level]
        ends = [places[0] - 0.4, places[-1] + 0.4]
        axes.plot(ends, [level / unit] * 2, color=colour, linewidth=5, alpha=0.3, solid_capstyle="butt")


def _ends(bars: Sequence[tuple[int, float, float]]) -> list[float]:
    return [value for _, low, high in bars for value in (low, high, nan)]


def _steps(axes: "Axes", history: History) -> None:
    places = {(point.line, point.run): at for at, point in enumerate(history.points, start=1)}
    for step in history.steps:
        at = places[step.line, step.run] - 0.5
        axes.axvline(at, color=VERMILLION, linewidth=0.9, linestyle=(0, (3, 2)))
        place = axes.get_xaxis_transform()
        axes.text(at, 1.0, f" {signed_pct(step.change_pct)}", transform=place, fontsize=SMALL_PT, va="top", color=INK)


def _frame(axes: "Axes", points: Sequence[Point], unit: float) -> None:
    ends = [
        end / unit for point in points for end in (point.value, point.low, point.high, point.level) if end is not None
    ]
    if ends:
        low, high = min(ends), max(ends)
        room = 0.25 * (high - low) or 0.05 * high
        axes.set_ylim(low - 0.4 * room, high + room)
    else:
        axes.set_yticks([])
    axes.set_xlim(0.4, max(len(points), 4) + 0.6)
    marked = sorted({round(1 + (len(points) - 1) * part / (DATES - 1)) for part in range(DATES)})
    same_day = points[0].created_at[:10] == points[-1].created_at[:10]
    axes.set_xticks(marked, [_moment(points[at - 1].created_at, clock=same_day) for at in marked])
    axes.get_xticklabels()[-1].set_horizontalalignment("right" if len(marked) > 1 else "center")


def _moment(created_at: str, *, clock: bool) -> str:
    return created_at[11:16] if clock else created_at[:10]


def _weights(histories: Sequence[History]) -> str:
    """Say whose numbers these are not, by kind of weights."""
    sources = [{line.facts["weights.source"] for line in one.lines} for one in histories]
    told = []
    if random := sum("random" in source for source in sources):
        cases = counted(range(random), "case")
        told.append(f"Random weights in {cases}: work and memory are real, the clips are noise.")
    if any("tiny" in source for source in sources):
        told.append("Toy models: these numbers say nothing of real ones.")
    return " ".join(told)


def _new(line: Line) -> str:
    return f"; other than in the run before: {line.differs}" if line.differs else ""


def _told(history: History) -> str:
    spans = [
        f"line {line.name} at {', then '.join(amount(history.metric, level) for level in _levels(history, line.name))}"
        for line in history.lines
        if _levels(history, line.name)
    ]
    steps = [f"{step.created_at[:19]}: {step_text(history.metric, step)}." for step in history.steps[:TOLD_STEPS]]
    head = f"{_label(history)}, {counted(history.points, 'run')}"
    return " ".join([f"{head}: {'; '.join(spans)}." if spans else f"{head}.", *steps])


def _levels(history: History, line: str) -> list[float]:
    return list(
        dict.fromkeys(point.level for point in history.points if point.line == line and point.level is not None)
    )
