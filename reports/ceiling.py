"""How much faster a case could be: its work over what the libraries reach on the same GPU, phase by phase.

A phase's floor is the larger of two times. Its operations run one after the other, so their times at the measured
ceilings add up; its bytes move while they compute, so at best they cost nothing beside them. Phases follow one another,
so a clip's floor is the sum of theirs. It is a floor: each ceiling is the best rate of any shape and backend that was
measured, and activations between layers move for nothing. Ceilings are those of benchmarks/bench_ceilings.py.
MFU is FLOP a second over the data sheet's peak (Chowdhery et al. 2022, arXiv:2204.02311, appendix B).
"""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from reports.datasheet import peak_flop_per_s, peak_source
from reports.environment import Ceiling, Ceilings
from reports.record import CaseRecord, PhaseWork, Run
from reports.rows import median

WHOLE = "prompt to host frames"
HALF_PRECISION = ("bfloat16", "float16")


class Part(NamedTuple):
    """A phase of a case, or the `WHOLE`: its median time, its work, its floor; a missing number has its reason."""

    name: str
    time_s: float | None
    flop: float
    least_bytes: float
    floor_s: float | None
    mfu: float | None
    reasons: tuple[str, ...]

    @property
    def flop_per_s(self) -> float | None:
        """FLOP a second that were reached."""
        return self.flop / self.time_s if self.time_s else None


def rate_per_s(ceiling: Ceiling) -> float:
    """Give FLOP or bytes a second, by the median round."""
    return ceiling.work / statistics.median(ceiling.calls_s)


def best(ceilings: Ceilings, operation: str, dtype: str | None = None) -> Ceiling | None:
    """Find the fastest of an operation in a dtype, or in any; None where none was measured."""
    found = [c for c in ceilings.ceilings if c.operation == operation and dtype in {None, c.dtype}]
    return max(found, key=rate_per_s, default=None)


def floor_s(work: PhaseWork, ceilings: Ceilings) -> tuple[float | None, str]:
    """Give the least seconds that a phase's work takes, or None and which ceiling is missing."""
    needed = {operation: best(ceilings, operation, work.dtype) for operation in work.flop}
    if missing := [f"{operation} in {work.dtype}" for operation, ceiling in needed.items() if ceiling is None]:
        return None, f"no ceiling of {', '.join(missing)} was measured"
    copy = best(ceilings, "copy")
    if copy is None:
        return None, "no ceiling of copy was measured"
    compute_s = sum(work.flop[operation] / rate_per_s(ceiling) for operation, ceiling in needed.items() if ceiling)
    return max(compute_s, work.least_bytes / rate_per_s(copy)), ""


def parts_of(case: CaseRecord, run: Run) -> list[Part] | str:
    """Set a case's times against its work: every phase that has work, then the whole; or say why that cannot be."""
    if case.plan.recipe.device != "cuda":
        return "work and ceilings are for CUDA devices"
    if case.plan.work is None:
        return "the model's file does not tell its work"
    if case.measurement is None or not case.measurement.rounds:
        return "no round was timed"
    rounds, device = case.measurement.rounds, case.measurement.devices[0]
    ceilings, reason = _ceilings_of(device.uuid, run)
    parts, floors = [], []
    for name, work in case.plan.work.items():
        floors.append(floor_s(work, ceilings) if ceilings else (None, reason))
        time_s = median(r.phases_s[name] for r in rounds if name in r.phases_s)
        parts.append(_part(name, time_s, [work], floors[-1], device.name))
    known = [least_s for least_s, _ in floors if least_s is not None]
    whole = (sum(known) if len(known) == len(floors) else None, "; ".join(dict.fromkeys(r for _, r in floors if r)))
    total_s = median(r.prompt_to_host_s for r in rounds)
    return [*parts, _part(WHOLE, total_s, list(case.plan.work.values()), whole, device.name)]


def _ceilings_of(uuid: str | None, run: Run) -> tuple[Ceilings | None, str]:
    if run.ceilings is None:
        return None, run.ceilings_reason or "the run knows no measured ceilings"
    if run.ceilings.uuid != uuid:
        return None, f"the run's ceilings are those of {run.ceilings.uuid}, the case ran on {uuid}"
    return run.ceilings, ""


def _part(
    name: str, time_s: float | None, works: Sequence[PhaseWork], least: tuple[float | None, str], gpu: str
) -> Part:
    flop, peak = sum(sum(work.flop.values()) for work in works), peak_flop_per_s(gpu)
    others = sorted({work.dtype for work in works}.difference(HALF_PRECISION))
    reasons = [least[1], f"no MFU of {', '.join(others)}: the peak is that of half precision" if others else ""]
    reasons += [peak_source(gpu) if peak is None else "", "" if time_s else "the phase was not timed"]
    return Part(
        name=name,
        time_s=time_s,
        flop=flop,
        least_bytes=sum(work.least_bytes for work in works),
        floor_s=least[0],
        mfu=flop / time_s / peak if time_s and peak and not others else None,
        reasons=tuple(reason for reason in reasons if reason),
    )
