"""Work and ceilings in words: a line a case for the terminal, a phase a phrase for the page, a line a ceiling.

Why it matters: a time alone does not say whether anything is left to gain, and where; see reports/ceiling.py.
"""

from reports.ceiling import Part, parts_of, rate_per_s
from reports.compare import is_timed
from reports.environment import Ceiling, Ceilings
from reports.record import CaseRecord, Run
from reports.rows import one_line, show


def part_text(part: Part, whole_s: float | None) -> str:
    """Say in short what is known: "1.99 s (46 % of it), 138 TFLOP/s, MFU 14 %, 4.1× its floor of 0.480 s"."""
    said = [f"{show(part.time_s)} s"]
    if part.time_s and whole_s:
        said[0] += f" ({100 * part.time_s / whole_s:.0f} % of it)"
    if part.flop_per_s is not None:
        said.append(f"{show(part.flop_per_s / 1e12)} TFLOP/s")
    if part.mfu is not None:
        said.append(f"MFU {100 * part.mfu:.0f} %")
    if part.time_s and part.floor_s:
        said.append(f"{part.time_s / part.floor_s:.1f}× its floor of {show(part.floor_s)} s")
    return ", ".join(said)


def work_lines(run: Run) -> list[str]:
    """Tell of every timed case that passed how far it is from its floor, the whole first; then what is missing."""
    lines: list[str] = []
    reasons: dict[str, None] = {}
    for case in run.cases:
        parts = parts_of(case, run) if is_timed(case.plan) and case.status == "passed" else ""
        if isinstance(parts, str):
            continue
        *phases, whole = parts
        phases.sort(key=lambda part: -(part.time_s or 0.0))
        told = "; ".join(f"{part.name} {part_text(part, whole.time_s)}" for part in phases)
        name = f"{case.plan.model.id} {case.plan.prompt.id} s{case.plan.seed} {case.plan.setting}"
        lines.append(f"{name}: {whole.name} {part_text(whole, None)}; {told}")
        reasons |= dict.fromkeys(reason for part in parts for reason in part.reasons)
    return lines + [one_line(f"work: {reason}") for reason in reasons]


def work_details(case: CaseRecord, run: Run) -> dict[str, str]:
    """Tell all of a case's work for the page, by phase; nothing of a case that was planned without it."""
    if case.plan.work is None:
        return {}
    parts = parts_of(case, run)
    if isinstance(parts, str):
        return {"not set in relation": parts}
    whole_s = parts[-1].time_s
    told = {
        part.name: f"{part_text(part, None if part is parts[-1] else whole_s)}, {show(part.flop / 1e12)} TFLOP, "
        f"at least {show(part.least_bytes / 1e9)} GB moved"
        for part in parts
    }
    return told | {"missing": ", ".join(dict.fromkeys(reason for part in parts for reason in part.reasons))}


def ceiling_lines(ceilings: Ceilings) -> list[str]:
    """List what was measured, one operation after the other, each by rate."""
    lines = []
    for operation in dict.fromkeys(ceiling.operation for ceiling in ceilings.ceilings):
        found = [ceiling for ceiling in ceilings.ceilings if ceiling.operation == operation]
        lines += [ceiling_text(ceiling) for ceiling in sorted(found, key=rate_per_s, reverse=True)]
    return lines


def ceiling_text(ceiling: Ceiling) -> str:
    """Say one: "attention bfloat16 604.0 TFLOP/s (cudnn: 12 heads, 32760 queries, 32760 keys)"."""
    unit = "TB/s" if ceiling.operation == "copy" else "TFLOP/s"
    how = f"{ceiling.backend}: {ceiling.shape}" if ceiling.backend else ceiling.shape
    return f"{ceiling.operation} {ceiling.dtype} {show(rate_per_s(ceiling) / 1e12)} {unit} ({how})"
