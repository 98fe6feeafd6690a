"""What fills the memory: at each model's and setting's peak its components, activations, and what lies around unused.

Why it matters: a peak is mended by making its largest part smaller, and fragmentation by neither. A bar ends where
torch's reserved memory does; beside it stand what the whole device had in use, and the budget.
"""

from collections.abc import Sequence

from reports.charts.caption import sentences
from reports.charts.drawing import Chart, NoChart, style
from reports.charts.selection import MOST_ROWS, Row, labels, notes, rows_of
from reports.charts.stacked import BUDGET, UNUSED, Bar, stacked
from reports.environment import WHOSE_MEMORY
from reports.memory_record import PartMemory
from reports.record import Run
from reports.rows import GIB, one_line, show

TITLE = "What fills the memory"
UNTOLD = "not told by component"
ON_DEVICE = "in use on the device, by NVML"
GB = 10**9


def figure(runs: Sequence[Run]) -> Chart | NoChart:
    """Draw the highest peak of the timed rounds of each model and setting."""
    peaks = peaks_of(runs)
    if not peaks:
        return NoChart(TITLE, "No case has its memory by component: it ran on a CPU, or the record is of before that.")
    rows = [row for row, _ in peaks[:MOST_ROWS]]
    parts = [part for _, part in peaks[:MOST_ROWS]]
    bars = [_bar(label, row, part) for label, row, part in zip(labels(rows), rows, parts, strict=True)]
    with style():
        drawn = stacked(bars, "device memory [GiB, 2^30 bytes]", "GiB", shares=False)
    caption = sentences(
        "Each bar is the timed rounds' highest peak: what was allocated in the phase that set it, of what torch "
        "reserved.",
        _cards(rows),
        f"Not drawn: {len(peaks) - MOST_ROWS} more models and settings." if len(peaks) > MOST_ROWS else "",
        notes(rows),
    )
    return Chart("memory", TITLE, caption, " ".join(map(_told, bars)), drawn)


def peaks_of(runs: Sequence[Run]) -> list[tuple[Row, PartMemory]]:
    """Find, for each run's scenarios, models and settings, the case with the highest peak of its timed rounds."""
    highest: dict[tuple[str, ...], tuple[Row, PartMemory]] = {}
    for row in rows_of(runs):
        plan, measurement = row.case.plan, row.case.measurement
        part = measurement.memory.parts.get("rounds") if measurement else None
        key = (row.name, plan.scenario, plan.track, plan.model.id, plan.setting)
        if part is None or not part.phases:
            continue
        if key not in highest or part.peak_allocated_bytes > highest[key][1].peak_allocated_bytes:
            highest[key] = row, part
    return list(highest.values())


def budgets_gib(row: Row) -> dict[str, float]:
    """Give the budgets of a case's whole memory in GiB, by what they limit; of several the strictest."""
    found: dict[str, float] = {}
    for budget in row.case.plan.budgets:
        if budget.phase is not None or not budget.quantity.startswith("peak_"):
            continue
        name, unit = budget.quantity.removeprefix("peak_").rsplit("_", 1)
        limit = budget.limit * (GB / GIB if unit == "gb" else 1.0)
        shown = f"{BUDGET} of {name}"
        found[shown] = min(limit, found.get(shown, limit))
    return found


def _bar(label: str, row: Row, part: PartMemory) -> Bar:
    peak = max(part.phases, key=lambda phase: phase.peak_allocated_bytes)
    held = sorted(peak.components_bytes.items(), key=lambda item: -item[1])
    sizes = {name: size for name, size in held if size > 0}
    rest = part.peak_allocated_bytes - sum(sizes.values())
    sizes |= {UNTOLD if peak.activations_bytes is None else "activations": max(rest, 0)}
    sizes |= {UNUSED: max(part.peak_reserved_bytes - part.peak_allocated_bytes, 0)}
    parts = {name: size / GIB for name, size in sizes.items() if size}
    reserved = sum(parts.values())
    marks = budgets_gib(row)
    if part.peak_device_bytes is not None:
        marks[ON_DEVICE] = part.peak_device_bytes / GIB
    text = f"{show(part.peak_allocated_bytes / GIB)} of {show(reserved)} GiB in {one_line(peak.phase, 16)}"
    return Bar(label, parts, reserved, reserved, marks, text)


def _cards(rows: Sequence[Row]) -> str:
    devices = [device for row in rows if row.case.measurement for device in row.case.measurement.devices]
    known = {one_line(d.name, 40): d.memory_bytes / GIB for d in devices if d.memory_bytes is not None}
    told = "; ".join(f"{name} has {show(size)} GiB" for name, size in list(known.items())[:4])
    return f"{told} by CUDA. {WHOSE_MEMORY}" if told else ""


def _told(bar: Bar) -> str:
    parts = ", ".join(f"{one_line(name, 30)} {show(value)}" for name, value in bar.parts.items())
    marks = "".join(f"; {name} {show(value)}" for name, value in bar.marks.items())
    return f"{bar.label}: {bar.text}, allocated of reserved ({parts}{marks})."
