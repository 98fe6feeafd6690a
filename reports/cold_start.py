"""Cold starts as lines for people: the whole, its parts, and how the first process differs from later ones.

Why it matters: a first process reads its weights from the disk and compiles its kernels, a second one finds both done;
one number for both would be neither.
"""

import statistics
from collections.abc import Sequence

from reports.measured import ColdStart
from reports.record import CaseRecord, Run
from reports.rows import show


def cold_start_lines(run: Run) -> list[str]:
    """Tell each case's later processes by their medians, and the first apart, where there are both."""
    return [line for case in run.cases for line in _case_lines(case)]


def _case_lines(case: CaseRecord) -> list[str]:
    starts = case.measurement.cold_starts if case.measurement else []
    if not starts:
        return []
    plan, later = case.plan, starts[1:]
    name = f"cold start, {plan.model.id} {plan.setting}, {plan.prompt.id} s{plan.seed}"
    first = f"{name}: first process{_caches(starts[0])} {_parts([starts[0]])}"
    if not later:
        return [first]
    return [first, f"{name}: later processes (median of {len(later)}){_caches(later[0])} {_parts(later)}"]


def _caches(start: ColdStart) -> str:
    ratio = start.weights_cached_ratio
    facts = [] if ratio is None else [f"{ratio:.0%} of the weights in the page cache"]
    facts += [] if start.compile_cache is None else [f"cache of compiled kernels {start.compile_cache}"]
    return f", {', '.join(facts)}," if facts else ""


def _parts(starts: Sequence[ColdStart]) -> str:
    parts = [f"{name} {show(statistics.median(start.parts_s[name] for start in starts))}" for name in starts[0].parts_s]
    return f"{show(statistics.median(start.total_s for start in starts))} s ({', '.join(parts)})"
