"""Where a slower case lost its time, and in which phase a higher peak stands.

Which phase, its first step or all, which step, block or visit, which kernels.

Why it matters: "3 % slower" starts a search; "the first step by 0.1 s, all later ones as before" ends it. What stands
out is named, what does not is said to be spread.
"""

import statistics
from collections.abc import Mapping, Sequence

from reports.gate.parts import COLD_START, STEPPED
from reports.gate.sample import Sample
from reports.gate.verdict import MetricVerdict
from reports.gate.words import amount
from reports.rows import one_line

# A part that holds this share of what its phase grew by is named; less is called spread.
STANDS_OUT = 2 / 3
# Peaks that grew by amounts this near to each other grew alike.
ALIKE = 0.1
OF_STEPS = ("first_step_s", "later_steps_s")
# A part that grew by so little more than its phase grew by as much.
SAME = 1e-3
KERNELS = 3
# A kernel is named that grew by this share of what its phase did.
NAMED = 0.1
LONGEST_NAME = 80


def grown(metrics: Sequence[MetricVerdict], base: Sequence[Sample], new: Sequence[Sample]) -> list[str]:
    """Say of every phase that is slower where in it the time went; of a slower whole, or a higher peak, in which phase.

    Empty where no number is a regression.
    """
    worse = [metric.metric for metric in metrics if metric.verdict == "REGRESSION"]
    phases = [name[len("phase_") : -len("_s")] for name in worse if name.startswith("phase_")]
    told = []
    if any(name in OF_STEPS for name in worse) and STEPPED not in phases:
        phases = [*phases, STEPPED]
    if any(name.endswith("_s") for name in worse) and not phases and (most := _most_grown(metrics)) is not None:
        phases = [most[0]]
        told = [f"of the phases phase_{most[0]}_s grew most, by {amount('_s', most[1])}"]
    phases += [COLD_START] if "cold_start_s" in worse else []
    for phase in phases:
        more_s = _more(phase, metrics)
        told += [*_parts_told(phase, metrics, (base, new)), *_kernels_told(phase, more_s, (base, new))]
    return [*told, *(_peak_told((base, new)) if "peak_allocated_bytes" in worse else [])]


def _peak_told(sides: tuple[Sequence[Sample], Sequence[Sample]]) -> list[str]:
    """Name the phase whose peak grew most; grown alike in all of several is what stays allocated between them."""
    old, now = (_medians_by_name([one.peaks_bytes for one in side if one.peaks_bytes]) for side in sides)
    more = {phase: now[phase] - old[phase] for phase in now if phase in old}
    most = max(more, key=lambda phase: more[phase], default=None)
    if most is None or more[most] <= 0:
        return []
    if len(more) > 1 and min(more.values()) >= (1 - ALIKE) * more[most]:
        return [f"in every phase alike, by {amount('_bytes', more[most])} at most: more stays allocated throughout"]
    return [f"the peak of phase {most} grew most, by {amount('_bytes', more[most])}"]


def _more(phase: str, metrics: Sequence[MetricVerdict]) -> float | None:
    """Tell by how much a phase is slower, as the table has it; None where it has no number on both sides."""
    name = "cold_start_s" if phase == COLD_START else f"phase_{phase}_s"
    pairs = [(one.base, one.new) for one in metrics if one.metric == name]
    return next((new - base for base, new in pairs if base is not None and new is not None), None)


def _most_grown(metrics: Sequence[MetricVerdict]) -> tuple[str, float] | None:
    phases = [one.metric[len("phase_") : -len("_s")] for one in metrics if one.metric.startswith("phase_")]
    by_phase = {phase: more for phase in phases if (more := _more(phase, metrics)) is not None}
    most = max(by_phase, key=lambda phase: by_phase[phase], default=None)
    return (most, by_phase[most]) if most is not None and by_phase[most] > 0 else None


def _parts_told(
    phase: str, metrics: Sequence[MetricVerdict], sides: tuple[Sequence[Sample], Sequence[Sample]]
) -> list[str]:
    lists = [[one.parts_s[phase] for one in side if phase in one.parts_s] for side in sides]
    names = next((one.part_names[phase] for one in reversed(sides[1]) if phase in one.part_names), [])
    lengths = {len(parts) for side in lists for parts in side}
    if not all(lists) or lengths != {len(names)}:
        return []
    old, now = ([statistics.median(values_s) for values_s in zip(*side, strict=True)] for side in lists)
    more_s = [after - before for before, after in zip(old, now, strict=True)]
    whole_s = _more(phase, metrics)
    total_s = sum(more_s) if whole_s is None else whole_s
    if total_s <= 0:
        return []
    head = f"{phase} grew by {amount('_s', total_s)}, "
    if phase == STEPPED and more_s[0] >= STANDS_OUT * total_s:
        first = f"{amount('_s', more_s[0])} ({_change(old[0], now[0])}){_else(more_s[0], total_s)}"
        return [f"{head}its first step by {first}{_later(metrics)}"]
    groups = dict(zip(names, more_s, strict=True)) | _by_block(names, more_s)
    out = [name for name in groups if groups[name] >= STANDS_OUT * total_s]
    if out:
        return [f"{head}{out[0]} by {amount('_s', groups[out[0]])}{_else(groups[out[0]], total_s)}"]
    what = {STEPPED: "steps", COLD_START: "parts"}.get(phase, "visits")
    if sum(more_s) >= STANDS_OUT * total_s:
        return [f"{head}spread over its {len(names)} {what}"]
    return [f"{head}outside of its {len(names)} {what} by {amount('_s', total_s - sum(more_s))}"]


def _else(part_s: float, total_s: float) -> str:
    """Say of a part that grew by more than its phase what became of all else.

    Each is the median of its own, so that parts do not add up to the phase.

    >>> _else(0.3, 0.3), _else(0.06715, 0.06345)
    ('', ', all else by -0.0037 s')
    """
    return f", all else by {amount('_s', total_s - part_s)}" if part_s > (1 + SAME) * total_s else ""


def _later(metrics: Sequence[MetricVerdict]) -> str:
    later = next((metric for metric in metrics if metric.metric == OF_STEPS[1]), None)
    return "; its later steps are within their limits" if later is not None and later.verdict == "PASS" else ""


def _by_block(names: Sequence[str], more_s: Sequence[float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, more in zip(names, more_s, strict=True):
        block = name.rpartition(" of ")[2]
        if block != name:
            found[block] = found.get(block, 0.0) + more
    return found if len(found) > 1 else {}


def _kernels_told(
    phase: str, phase_more_s: float | None, sides: tuple[Sequence[Sample], Sequence[Sample]]
) -> list[str]:
    """Name the kernels that hold a share of what a phase grew by, where a run of either side was profiled."""
    old, now = (_medians_by_name([one.kernels_s[phase] for one in side if one.kernels_s.get(phase)]) for side in sides)
    if not now:
        return []
    if not old:
        heaviest = sorted(now, key=lambda name: -now[name])[:KERNELS]
        listed = ", ".join(f"{one_line(name, LONGEST_NAME)} {amount('_s', now[name])}" for name in heaviest)
        return [f"no baseline run was profiled; heaviest kernels of {phase} now: {listed}"]
    more_s = {name: now[name] - old.get(name, 0.0) for name in now}
    total_s = phase_more_s or sum(more for more in more_s.values() if more > 0)
    grown_most = sorted(more_s, key=lambda name: -more_s[name])[:KERNELS]
    most = [name for name in grown_most if more_s[name] > 0 and more_s[name] >= NAMED * total_s]
    listed = ", ".join(f"{one_line(name, LONGEST_NAME)} ({_kernel(old.get(name), now[name])})" for name in most)
    return [f"kernels of {phase} that grew most: {listed}"] if most else []


def _medians_by_name(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Give what each name has in the median over the runs that have it."""
    names = dict.fromkeys(name for run in runs for name in run)
    return {name: statistics.median(run[name] for run in runs if name in run) for name in names}


def _kernel(before: float | None, after: float) -> str:
    return f"not among the heaviest, now {amount('_s', after)}" if before is None else _change(before, after)


def _change(before: float, after: float) -> str:
    return f"{amount('_s', before)} to {amount('_s', after)}"
