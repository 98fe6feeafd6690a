"""Each phase's rate against its arithmetic intensity, below the ceilings that were measured on the same GPU.

Why it matters: it tells what a phase could still gain, and from what: one far below the flat lines wastes compute, one
on the slope is held up by memory. Intensity is FLOP over the bytes that must move at least, so that a point stands too
far to the right rather than too far to the left. Source: S. Williams et al., "Roofline", CACM 52 (2009).
"""

import json
from collections.abc import Sequence
from string import ascii_lowercase
from typing import TYPE_CHECKING, NamedTuple

from reports.ceiling import WHOLE, best, parts_of, rate_per_s
from reports.charts.caption import count_of, sentences
from reports.charts.drawing import INK, SMALL_PT, WIDTH_IN, Chart, NoChart, axes_at, canvas, style
from reports.charts.legend import Kind, draw_legend
from reports.charts.legend import height_in as legend_in
from reports.charts.points import list_below, log_ticks, number_points, wrapped
from reports.charts.selection import Row, chosen, labels, notes, rows_of
from reports.charts.stacked import colours_of
from reports.environment import Ceilings
from reports.record import Run
from reports.rows import one_line, show

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Rate against what the GPU can do"
TERA = 1e12
LINE_IN, PANEL_IN = 0.175, 2.6
MOST_POINTS = 24
CLEAR = 1.2  # as a ratio on the logarithmic axis: letters closer than that would touch


class Reached(NamedTuple):
    """A phase of a case: its FLOP a byte and its TFLOP a second; `of_floor` is its floor over its time."""

    label: str
    phase: str
    flop_per_byte: float
    tflop_per_s: float
    of_floor: float | None


def figure(runs: Sequence[Run]) -> Chart | NoChart:
    """Draw the phases of cases that tell their work, in the first run that has ceilings; other GPUs' are left out."""
    run = next((run for run in runs if run.ceilings is not None), None)
    if run is None or run.ceilings is None:
        reason = next((one_line(run.ceilings_reason) for run in runs if run.ceilings_reason), "")
        return NoChart(TITLE, f"No ceilings of the GPU were measured{f': {reason}' if reason else ''}.")
    rows, left_out = chosen(
        [row for row in rows_of(runs) if row.run is run and row.rounds and _is_here(row, run.ceilings)], MOST_POINTS
    )
    named = [(row, point) for label, row in zip(labels(rows), rows, strict=True) for point in reached(label, row)]
    points = [point for _, point in named]
    if not points:
        return NoChart(TITLE, "No case on the GPU of the ceilings was timed and tells its work.")
    listed = [f"{number}  {_told(point)}" for number, point in enumerate(points[:MOST_POINTS], start=1)]
    lines = ceilings_of(run.ceilings, rows)
    listed += [_line_told(letter, name, lines[name]) for letter, name in letters(lines).items()]
    with style():
        drawn = _draw(points[:MOST_POINTS], lines, wrapped(listed))
    more = [(row.run, row.case, f"plan.work[{json.dumps(point.phase)}]") for row, point in named[MOST_POINTS:]]
    caption = sentences(
        "Points are phases; flat lines are the best measured rate of an operation, the slope is that of copying. A "
        "phase mixes operations, so its own ceiling lies between the lines; the list tells how much of it is reached.",
        left_out,
        ("Not drawn: ", *count_of(more), " more phases.") if more else "",
        notes(rows),
    )
    return Chart("roofline", TITLE, caption, f"{'; '.join(listed)}.", drawn)


def reached(label: str, row: Row) -> list[Reached]:
    """Give the phases of a case that have FLOP, bytes and a time."""
    parts = parts_of(row.case, row.run)
    if isinstance(parts, str):
        return []
    return [
        Reached(
            label,
            part.name,
            part.flop / part.least_bytes,
            part.flop_per_s / TERA,
            None if part.floor_s is None or not part.time_s else part.floor_s / part.time_s,
        )
        for part in parts
        if part.name != WHOLE and part.flop > 0 and part.least_bytes > 0 and part.flop_per_s
    ]


def ceilings_of(ceilings: Ceilings, rows: Sequence[Row]) -> dict[str, float]:
    """Give the best rate of each operation and dtype of the cases' work: FLOP a second; bytes a second of "copy"."""
    works = [work for row in rows for work in (row.case.plan.work or {}).values()]
    kinds = sorted({(operation, work.dtype) for work in works for operation in work.flop})
    found = {f"{operation} {dtype}": best(ceilings, operation, dtype) for operation, dtype in kinds}
    found |= {"copy": best(ceilings, "copy")}
    return {name: rate_per_s(ceiling) for name, ceiling in found.items() if ceiling is not None}


def _is_here(row: Row, ceilings: Ceilings) -> bool:
    devices = row.case.measurement.devices if row.case.measurement else []
    return bool(devices) and devices[0].uuid == ceilings.uuid


def _told(point: Reached) -> str:
    share = "" if point.of_floor is None else f", {point.of_floor:.0%} of its ceilings"
    return (
        f"{point.label}, {one_line(point.phase, 30)}: {show(point.tflop_per_s)} TFLOP/s at "
        f"{show(point.flop_per_byte)} FLOP/byte{share}"
    )


def _draw(points: Sequence[Reached], lines: dict[str, float], listed: Sequence[str]) -> "Figure":
    colours = colours_of(list(dict.fromkeys(one_line(point.phase, 30) for point in points)))
    entries: dict[str, tuple[str, Kind]] = {f"phase {name}": (colour, "box") for name, colour in colours.items()}
    head_in = legend_in(entries) + 0.1
    below_in = head_in + PANEL_IN + 0.5
    drawn = canvas(below_in + LINE_IN * len(listed) + 0.05)
    draw_legend(drawn, entries)
    axes = axes_at(drawn, 0.55, head_in, WIDTH_IN - 0.85, PANEL_IN)
    _scale(axes, points, lines)
    _ceilings(axes, lines)
    for point in points:
        colour = colours[one_line(point.phase, 30)]
        axes.plot([point.flop_per_byte], [point.tflop_per_s], "o", color=colour, markersize=5)
    number_points(axes, {n: (p.flop_per_byte, p.tflop_per_s) for n, p in enumerate(points, start=1)})
    list_below(axes_at(drawn, 0.12, below_in, WIDTH_IN - 0.24, LINE_IN * len(listed)), listed, LINE_IN)
    return drawn


def _scale(axes: "Axes", points: Sequence[Reached], lines: dict[str, float]) -> None:
    rates = [point.tflop_per_s for point in points] + [rate / TERA for name, rate in lines.items() if name != "copy"]
    reach = [point.flop_per_byte for point in points]
    knee = max(rates) * TERA / lines["copy"] if "copy" in lines else reach[0]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(min([*reach, knee]) / 4, max([*reach, knee]) * 2.5)
    axes.set_ylim(min(rates) / 2.5, max(rates) * 2.5)
    log_ticks(axes.xaxis)
    log_ticks(axes.yaxis)
    axes.grid(color=INK, alpha=0.18, linewidth=0.5)
    axes.set_xlabel("FLOP a byte that must move, logarithmic")
    axes.set_ylabel("TFLOP/s, logarithmic")


def _ceilings(axes: "Axes", lines: dict[str, float]) -> None:
    """Draw each flat line from the slope on, with its letter of the list behind it, and the slope."""
    low, high = axes.get_xlim()
    copy = lines.get("copy")
    if copy is not None:
        axes.plot([low, high], [copy * x / TERA for x in (low, high)], color=INK, linewidth=1.0, alpha=0.6)
    above = float("inf")
    for letter, name in sorted(letters(lines).items(), key=lambda item: -lines[item[1]]):
        if name == "copy":
            continue
        height = lines[name] / TERA
        start = lines[name] / copy if copy else low
        axes.plot([start, high], [height, height], color=INK, linewidth=1.0, alpha=0.6)
        above = min(height, above / CLEAR)
        axes.annotate(letter, (high, above), (4, 0), textcoords="offset points", fontsize=SMALL_PT, va="center")


def letters(lines: dict[str, float]) -> dict[str, str]:
    """Give each ceiling a letter, in their order."""
    return dict(zip(ascii_lowercase, lines, strict=False))


def _line_told(letter: str, name: str, rate: float) -> str:
    return f"{letter}  ceiling of {name}: {show(rate / TERA)} {'TB/s, the slope' if name == 'copy' else 'TFLOP/s'}"
