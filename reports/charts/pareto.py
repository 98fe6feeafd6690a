"""Quality against time with the Pareto front; where no clip can be judged, peak memory against time, and that is said.

Why it matters: speed alone has no winner. A row that is slower and no better than another lies off the front, also one
of the teacher's own rows with fewer steps. Time is that of the scenario `speed`, quality that of any clip of the same
model and setting that was made from the same: of a clip that several runs hold the last that ran it. Values of other
code share no axis. With random weights clips are noise: their "quality" would be a number about nothing.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from reports.budgets import is_over_only
from reports.charts.caption import Quoted, count_of, sentences
from reports.charts.drawing import WIDTH_IN, Chart, NoChart, axes_at, canvas, style
from reports.charts.points import Point, draw_panel, list_below, mark_of, wrapped
from reports.charts.selection import Row, labels, notes, rows_of
from reports.compare import is_shared, is_timed
from reports.formulas import source_of, spelled_formulas, told_apart
from reports.matching import OF_ONE_SCENE, Key, key_of, made_of_several
from reports.measured import MetricValue
from reports.record import CaseRecord, Run
from reports.rows import GIB, one_line, show
from reports.spread import median_interval
from reports.verdicts import comparisons_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE, TITLE_WITHOUT = "Quality against time", "Memory against time: quality has no axis here"
MOST_POINTS, MOST_METRICS = 24, 4
LINE_IN, PANEL_IN = 0.175, 2.1
Direction = Literal["lower", "higher"]


class Timed(NamedTuple):
    """A model in a setting: its first sound speed case, and the seconds of all rounds of all of them."""

    row: Row
    label: str
    group: str
    rounds_s: list[float]
    peak_gib: float | None


class Axis(NamedTuple):
    """What stands on a panel's vertical axis, and its points by the number of their row in the list."""

    label: str
    better: Direction
    points: dict[int, Point]


def figure(runs: Sequence[Run]) -> Chart | NoChart:
    """Draw a panel a metric, or one of memory, with a numbered point for each model and setting."""
    timed = timed_of(runs)
    if not timed:
        return NoChart(
            TITLE, "No case of the scenario speed is sound, warmed up and alone on its GPU, or all are toys."
        )
    axes, incomparable = quality_axes(runs, timed[:MOST_POINTS])
    judged = bool(axes)
    axes = axes or [a for a in [_memory_axis(timed[:MOST_POINTS])] if a.points]
    if not axes:
        return NoChart(TITLE, f"{incomparable or _why_not(timed)} Nor is there a peak of memory to draw instead.")
    listed = [
        f"{number}  {one.label}: {_time(one)}{'' if judged else _memory(one)}" for number, one in _numbered(timed)
    ]
    with style():
        drawn = _draw(axes, wrapped(listed), list(dict.fromkeys(one.group for _, one in _numbered(timed))))
    left_out = [(one.row.run, one.row.case, "id") for one in timed[MOST_POINTS:]]
    caption = sentences(
        (Quoted(incomparable),) if incomparable else (),
        "" if judged or incomparable else _why_not(timed),
        "Times are medians over rounds with their extremes.",
        "Ringed and joined is what nothing else of its kind beats in both.",
        "Quality is the median over clips with its 95 % interval, the extremes below six clips." if judged else "",
        ("Not drawn: ", *count_of(left_out), " more models and settings.") if left_out else "",
        notes([one.row for one in timed]),
    )
    told = " ".join(f"{line}." for line in [*listed, *_told(axes)])
    return Chart("pareto", TITLE if judged else TITLE_WITHOUT, caption, told, drawn)


def timed_of(runs: Sequence[Run]) -> list[Timed]:
    """Collect the rounds of each model and setting of a run whose times count, in the plan's order."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows_of(runs):
        plan = row.case.plan
        is_sound = row.case.status == "passed" or is_over_only(row.case)
        if plan.scenario == "speed" and row.rounds and is_sound and is_timed(plan) and not is_shared(row.case):
            key = (row.name, plan.track, plan.model.id, plan.setting)
            found.setdefault(key, []).append(row)
    firsts = [rows[0] for rows in found.values()]
    groups = _groups(firsts)
    return [
        Timed(first, label, group, [r.prompt_to_host_s for row in rows for r in row.rounds], _peak_gib(rows))
        for first, label, group, rows in zip(firsts, labels(firsts), groups, found.values(), strict=True)
    ]


def quality_axes(runs: Sequence[Run], timed: Sequence[Timed]) -> tuple[list[Axis], str]:
    """Give an axis for each metric that at least two models and settings with real weights have values of.

    Those that the runs' comparisons judge come first. A metric whose values came from several formulas, or weights of
    networks, has none: the sentence names them.
    """
    values: dict[str, dict[int, list[float]]] = {}
    about: dict[str, MetricValue] = {}
    formulas: dict[str, set[str]] = {}
    rows = rows_of(told_apart(runs))
    for number, one in _numbered(timed):
        for metric in _metrics_of(one, rows):
            if metric.value is not None and metric.better != "neither":
                values.setdefault(metric.id, {}).setdefault(number, []).append(metric.value)
                formulas.setdefault(metric.id, set()).add(source_of(metric))
                about[metric.id] = metric
    asked = [margin.metric for comparison in comparisons_of(runs) for margin in comparison.margins]
    several = [name for name in dict.fromkeys([*asked, *sorted(values)]) if len(values.get(name, ())) > 1]
    drawn = [name for name in several if len(formulas[name]) == 1]
    axes = [_axis(about[name], values[name], timed) for name in drawn[:MOST_METRICS]]
    return axes, _incomparable({name: formulas[name] for name in several if name not in drawn})


def _metrics_of(one: Timed, rows: Sequence[Row]) -> list[MetricValue]:
    """List what metrics say of the clips that were made from what was timed; one in several runs is the last's."""
    if one.row.case.plan.recipe.weights != "hub":
        return []
    clips: dict[tuple[str, Key], CaseRecord] = {}
    for row in rows:
        case, plans = row.case, [one.row.case.plan, row.case.plan]
        if _key(row) == _key(one.row) and case.status != "not_run" and not made_of_several(plans, OF_ONE_SCENE):
            clips[case.plan.scenario, key_of(case)] = case
    return [metric for case in clips.values() if case.measurement for metric in case.measurement.metrics]


def _incomparable(formulas: Mapping[str, Iterable[str]]) -> str:
    if not formulas:
        return ""
    names = one_line(", ".join(formulas), 160)
    first = one_line(spelled_formulas(next(iter(formulas.values()))), 160)
    return (
        "No axis holds values that one code, or network, gave in one clip and another in another: "
        f"{names} (the first by {first})."
    )


def _axis(metric: MetricValue, values: dict[int, list[float]], timed: Sequence[Timed]) -> Axis:
    assert metric.better != "neither", f"{metric.id}: nothing is better, so nothing is a front"
    points = {
        number: _point(timed[number - 1], statistics.median(own), *median_interval(own))
        for number, own in values.items()
    }
    shown = "" if metric.unit in {"", "1"} else f" [{one_line(metric.unit, 16)}]"
    return Axis(f"{one_line(metric.id, 32)}{shown}, {metric.better} is better", metric.better, points)


def _memory_axis(timed: Sequence[Timed]) -> Axis:
    known = {number: (one, one.peak_gib) for number, one in _numbered(timed)}
    points = {number: _point(one, peak, peak, peak) for number, (one, peak) in known.items() if peak is not None}
    return Axis("peak allocated VRAM [GiB]", "lower", points)


def _point(one: Timed, y: float, low: float, high: float) -> Point:
    return Point(one.group, statistics.median(one.rounds_s), min(one.rounds_s), max(one.rounds_s), y, low, high)


def _numbered(timed: Sequence[Timed]) -> list[tuple[int, Timed]]:
    return list(enumerate(timed[:MOST_POINTS], start=1))


def _key(row: Row) -> tuple[str, str, str]:
    plan = row.case.plan
    return plan.track, plan.model.id, plan.setting


def _groups(rows: Sequence[Row]) -> list[str]:
    """Say what the points of one kind have in common: size, length, track, and the GPU where there are several."""
    gpus = [row.case.measurement.devices[0].name if row.case.measurement else "" for row in rows]
    names = []
    for row, gpu in zip(rows, gpus, strict=True):
        request = row.case.plan.request
        batch = f", {request.batch} clips at once" if request.batch > 1 else ""
        size = f"{request.width}×{request.height}, {request.frames} frames{batch}, {row.case.plan.track}"
        names.append(size + (f", {one_line(gpu, 30)}" if len(set(gpus)) > 1 else ""))
    return names


def _peak_gib(rows: Sequence[Row]) -> float | None:
    peaks = [row.case.measurement.memory.peak_allocated_bytes for row in rows if row.case.measurement]
    known = [peak for peak in peaks if peak is not None]
    return max(known) / GIB if known else None


def _why_not(timed: Sequence[Timed]) -> str:
    sources = {one.row.case.plan.recipe.weights for one in timed}
    if "hub" not in sources:
        return f"Quality has no axis: no clip is of real weights, only of {' and '.join(sorted(sources))} ones."
    return "Quality has no axis: no metric has values of two models or settings with real weights."


def _time(one: Timed) -> str:
    low, high = min(one.rounds_s), max(one.rounds_s)
    return f"{show(statistics.median(one.rounds_s))} s [{show(low)}, {show(high)}]"


def _memory(one: Timed) -> str:
    return "" if one.peak_gib is None else f", {show(one.peak_gib)} GiB"


def _told(axes: Sequence[Axis]) -> list[str]:
    return [
        f"{axis.label}: {', '.join(f'{number} {show_signed(point.y)}' for number, point in axis.points.items())}"
        for axis in axes
    ]


def show_signed(value: float) -> str:
    """Show a value that may be negative or tiny with four significant digits."""
    return f"{value:.4g}"


def _draw(axes: Sequence[Axis], listed: Sequence[str], groups: Sequence[str]) -> "Figure":
    columns = min(len(axes), 2)
    rows = -(-len(axes) // 2)
    top_in, left_in, gap_in, foot_in = 0.12 + LINE_IN * len(groups), 0.62, 0.7, 0.5
    below_in = top_in + rows * (PANEL_IN + foot_in) + 0.06
    drawn = canvas(below_in + LINE_IN * len(listed) + 0.05)
    wide_in = (WIDTH_IN - left_in - 0.15 - gap_in * (columns - 1)) / columns
    _kinds(axes_at(drawn, 0.12, 0.06, WIDTH_IN - 0.24, LINE_IN * len(groups)), groups)
    for number, axis in enumerate(axes):
        place = (left_in + (number % 2) * (wide_in + gap_in), top_in + (number // 2) * (PANEL_IN + foot_in))
        panel = axes_at(drawn, *place, wide_in, PANEL_IN)
        _limits(panel, axis)
        draw_panel(panel, axis.points, groups, axis.better)
        panel.set_xlabel(f"prompt to host frames [s]{', logarithmic' if panel.get_xscale() == 'log' else ''}")
        panel.set_ylabel(axis.label)
    list_below(axes_at(drawn, 0.12, below_in, WIDTH_IN - 0.24, LINE_IN * len(listed)), listed, LINE_IN)
    return drawn


def _limits(panel: "Axes", axis: Axis) -> None:
    low, high = min(p.y_low for p in axis.points.values()), max(p.y_high for p in axis.points.values())
    if axis.label.startswith("peak"):
        panel.set_ylim(0.0, 1.15 * high or 1.0)
        return
    room = 0.12 * (high - low) or 0.1 * abs(high) or 1.0
    panel.set_ylim(low - room, high + room)


def _kinds(axes: "Axes", groups: Sequence[str]) -> None:
    list_below(axes, groups, LINE_IN, 0.03)
    for number in range(len(groups)):
        colour, marker = mark_of(number)
        axes.plot([0.012], [LINE_IN * (number + 0.5)], marker, color=colour, markersize=5)
