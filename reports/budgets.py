"""Budgets held against what was measured: within, over, or not judged and why.

Why it matters: a budget that nothing was measured for must not look like one that is kept. Nothing here fails a case;
fixtures/judge.py does, inside the case's call.
"""

import math

from reports.floors import is_broken
from reports.judged import Budget, JudgedBudget
from reports.measured import Measurement
from reports.quantities import BYTES, ONCE, is_gpu, spelled, unit_of, value_of, why_missing
from reports.record import CaseRecord, Run
from reports.rows import counted, median, names

NEXT_STEPS = {
    "memory": "README, “Smaller cards”, names settings that need less",
    "time": "spans and steps_s in run.json say where it went",
}
FEWEST_DECIMALS, MOST_DECIMALS = 2, 10


def judge(budget: Budget, measurement: Measurement) -> JudgedBudget:
    """Hold a budget against a measurement: equal to the limit is within it."""
    device = measurement.devices[0].name
    if budget.gpu is not None and not is_gpu(budget.gpu, device):
        return not_judged(budget, f"it is for {budget.gpu}, and this is {device}")
    actual = value_of(measurement, budget.quantity, budget.phase)
    if actual is None:
        return not_judged(budget, why_missing(measurement, budget.quantity, budget.phase))
    if actual <= budget.limit:
        return JudgedBudget(budget=budget, actual=actual, verdict="within")
    return JudgedBudget(budget=budget, actual=actual, verdict="over", explanation=_excess(budget, actual, measurement))


def not_judged(budget: Budget, why: str) -> JudgedBudget:
    """Tell of a budget that could not be judged."""
    return JudgedBudget(budget=budget, actual=None, verdict="not judged", explanation=why)


def breach(case_id: str, judged: list[JudgedBudget]) -> str | None:
    """Say what is over its budget: subject, actual, limit, excess, phase, next step; None where nothing is."""
    over = [one for one in judged if one.verdict == "over"]
    if not over:
        return None
    kinds = dict.fromkeys("memory" if unit_of(one.budget.quantity) in BYTES else "time" for one in over)
    texts = [*(one.explanation for one in over), *(NEXT_STEPS[kind] for kind in kinds)]
    return f"{case_id.rpartition('::')[2]}: {'; '.join(texts)}; --budget report goes on without failing"


def is_memory_over(judged: list[JudgedBudget]) -> bool:
    """Tell whether a budget of memory is broken."""
    return any(one.verdict == "over" and unit_of(one.budget.quantity) in BYTES for one in judged)


def _excess(budget: Budget, actual: float, measurement: Measurement) -> str:
    unit, excess = unit_of(budget.quantity), actual - budget.limit
    digits = decimals(min(excess, budget.limit))
    rounds = "" if unit in BYTES or budget.quantity in ONCE else f" (median of {counted(measurement.rounds, 'round')})"
    return (
        f"{spelled(budget.quantity, budget.phase)} {actual:.{digits}f} {unit}{rounds} is over its budget of "
        f"{budget.limit:.{digits}f} {unit} by {excess:.{digits}f} {unit}{_greatest_phase(budget, measurement)}"
    )


def _greatest_phase(budget: Budget, measurement: Measurement) -> str:
    """Name the phase behind a breach of the whole."""
    if budget.phase is not None or budget.quantity == "cold_start_s":
        return ""
    if unit_of(budget.quantity) in BYTES:
        peaks = measurement.memory.phases_peak_allocated_bytes
        verb = "highest" if budget.quantity.startswith("peak_allocated") else "allocated memory is highest"
        return f"; {verb} in phase {max(peaks, key=peaks.__getitem__)!r}" if peaks else ""
    phases_s = {
        name: median(r.phases_s.get(name, 0.0) for r in measurement.rounds) or 0.0
        for name in dict.fromkeys(name for r in measurement.rounds for name in r.phases_s)
    }
    longest = max(phases_s, key=phases_s.__getitem__, default=None)
    return f"; longest is phase {longest!r} with {phases_s[longest]:.2f} s" if longest else ""


def is_over_only(case: CaseRecord) -> bool:
    """Tell whether a failed case has sound numbers and clip: who is over budget came that far; a broken clip is not."""
    return case.status == "failed" and is_over(case.measurement) and not is_broken(case.measurement)


def is_over(measurement: Measurement | None) -> bool:
    """Tell whether a budget is broken."""
    return measurement is not None and any(one.verdict == "over" for one in measurement.budgets)


def budget_lines(run: Run) -> list[str]:
    """Tell every judged budget a line, and those that were not judged once a reason."""
    told: list[str] = []
    unjudged: dict[str, list[str]] = {}
    for case in run.cases:
        model, prompt, setting, _ = names(case)
        for one in case.measurement.budgets if case.measurement else ():
            text = f"{spelled(one.budget.quantity, one.budget.phase)}, budget {_amount(one.budget.limit, one)}"
            if one.actual is None:
                unjudged.setdefault(f"budget not judged: {text}: {one.explanation}", []).append(case.id)
                continue
            unfailed = ", reported only" if one.verdict == "over" and case.status == "passed" else ""
            actual = f"{_amount(one.actual, one)} ({share(one.actual, one.budget)})"
            told.append(f"budget {one.verdict}: {model} {setting} {prompt}: {text}: {actual}{unfailed}")
    return told + [f"{line} ({counted(ids, 'case')})" for line, ids in unjudged.items()]


def share(actual: float, budget: Budget) -> str:
    """Tell what part of a budget was needed, in percent."""
    pct = 100 * actual / budget.limit
    return f"{f'{pct:,.0f}' if pct >= 1000 else f'{pct:.4g}'} %"


def _amount(value: float, judged: JudgedBudget) -> str:
    return f"{value:.{decimals(judged.budget.limit)}f} {unit_of(judged.budget.quantity)}"


def decimals(value: float) -> int:
    """Tell how many decimals show two digits of a positive value, within reason."""
    return min(max(FEWEST_DECIMALS, 1 - math.floor(math.log10(value))), MOST_DECIMALS)
