"""A round's phases taken apart: step by step, visit by visit, and by kernel where a round was profiled.

Why it matters: a first step that is slow (a kernel built late, an allocator that grows) and steps that are all slow are
two faults, and a phase's sum shows neither. So the first step has a number of its own beside that of all later ones.
"""

import statistics
from collections import defaultdict
from collections.abc import Sequence

from reports.measured import Measurement, Profile, Round
from reports.timing import blocks

STEPPED, COLD_START = "denoise", "cold start"
LONGEST_NAME = 160


def steps_of(rounds: Sequence[Round]) -> dict[str, float | None]:
    """Give the median of the first step and of the sum of all later ones; None without steps, or without later ones."""
    steps_s = [timed.steps_s for timed in rounds]
    if not rounds or any(len(one) < 2 for one in steps_s):
        return {"first_step_s": None, "later_steps_s": None}
    return {
        "first_step_s": statistics.median(one[0] for one in steps_s),
        "later_steps_s": statistics.median(sum(one[1:]) for one in steps_s),
    }


def parts_of(measurement: Measurement) -> dict[str, list[float]]:
    """Give the medians over the rounds of each phase's parts, in order; one part alone is none.

    Of cold starts those of the processes after the first, as their whole is, under `COLD_START`.
    """
    found = [_parts(timed) for timed in measurement.rounds]
    later = measurement.cold_starts[1:] or measurement.cold_starts
    rows = {phase: [one.get(phase, []) for one in found] for phase in (found[0] if found else {})}
    rows[COLD_START] = [list(one.parts_s.values()) for one in later]
    return {
        name: [_short(statistics.median(values_s)) for values_s in zip(*listed, strict=True)]
        for name, listed in rows.items()
        if listed and len(listed[0]) > 1 and len({len(row) for row in listed}) == 1
    }


def part_names(measurement: Measurement, steps: int) -> dict[str, list[str]]:
    """Name the parts of `parts_of`: "step 2", of a causal clip "step 2 of block 3" and "cache pass of block 3"."""
    names = {COLD_START: list(measurement.cold_starts[0].parts_s)} if measurement.cold_starts else {}
    if not measurement.rounds:
        return names
    timed = measurement.rounds[0]
    names |= {phase: [f"visit {n}" for n in range(1, len(parts) + 1)] for phase, parts in _parts(timed).items()}
    told = [
        name
        for number, block in enumerate(blocks(timed, steps) or [], start=1)
        for name in (
            *(f"step {step} of block {number}" for step in range(1, len(block.steps_s) + 1)),
            *([f"cache pass of block {number}"] if block.cache_pass_s is not None else []),
        )
    ]
    count = len(timed.steps_s)
    return names | {STEPPED: told if len(told) == count else [f"step {step}" for step in range(1, count + 1)]}


def kernels_of(profile: Profile | None) -> dict[str, dict[str, float]]:
    """Give a profiled round's heaviest kernels in seconds, by phase and name."""
    found: dict[str, dict[str, float]] = {}
    for phase, kernels in profile.phases.items() if profile else ():
        summed: defaultdict[str, float] = defaultdict(float)
        for kernel in kernels:
            summed[kernel.name[:LONGEST_NAME]] += kernel.total_s
        found[phase] = {name: _short(total_s) for name, total_s in summed.items()}
    return found


def _short(seconds: float) -> float:
    """Keep six digits: they name a place, and are not judged."""
    return float(f"{seconds:.6g}")


def _parts(timed: Round) -> dict[str, list[float]]:
    visits: defaultdict[str, list[float]] = defaultdict(list)
    for span in timed.spans:
        visits[span.phase].append(span.end_s - span.start_s)
    return {**visits, **({STEPPED: timed.steps_s} if timed.steps_s else {})}
