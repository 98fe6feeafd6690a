"""Where the memory went: the phase that set the peak, what each component held in it, and what lay around unused.

Why it matters: a peak is mended by making its largest part smaller, and it differs from model to model which one that
is. Sizes are GiB (2^30 bytes); records of before the waterfall was kept give no lines.
"""

from reports.compare import model_and_setting
from reports.memory_record import Memory, PartMemory, PhaseMemory
from reports.record import CaseRecord, Run
from reports.rows import GIB, show

PARTS = {"load": "loading", "first_call": "first call", "rounds": "timed rounds", "after": "after them"}


def memory_lines(run: Run) -> list[str]:
    """Tell a model's and setting's highest peak of the timed rounds: its phase, its parts, and the reserved memory."""
    highest: dict[str, tuple[CaseRecord, PartMemory]] = {}
    for case in run.cases:
        rounds = case.measurement.memory.parts.get("rounds") if case.measurement else None
        name = model_and_setting(case)
        if rounds and (name not in highest or rounds.peak_allocated_bytes > highest[name][1].peak_allocated_bytes):
            highest[name] = case, rounds
    return [_line(name, case, rounds) for name, (case, rounds) in highest.items()]


def _line(name: str, case: CaseRecord, rounds: PartMemory) -> str:
    limit_gib = case.plan.recipe.memory_limit_gib
    limit = "" if limit_gib is None else f" under a limit of {limit_gib:g} GiB"
    peak = max(rounds.phases, key=lambda phase: phase.peak_allocated_bytes)
    unused = rounds.peak_reserved_bytes - rounds.peak_allocated_bytes
    retried = f"; {rounds.alloc_retries} allocations retried: times are too long" if rounds.alloc_retries else ""
    return (
        f"memory of {name}{limit}: peak {_gib(rounds.peak_allocated_bytes)} GiB in {peak.phase}{_waterfall(peak)}; "
        f"{_gib(rounds.peak_reserved_bytes)} GiB reserved, {_gib(unused)} GiB of them cached or fragmented{retried}"
    )


def memory_details(memory: Memory) -> dict[str, object]:
    """List every phase of every part, and the host's peak, for a case's own table; empty where nothing is known."""
    phases = [
        f"{PARTS[name]}, {phase.phase}: {_gib(phase.peak_allocated_bytes)}{_waterfall(phase)}"
        for name, part in memory.parts.items()
        for phase in part.phases
    ]
    device = [
        f"{PARTS[name]}: {_gib(part.peak_device_bytes)}"
        for name, part in memory.parts.items()
        if part.peak_device_bytes is not None
    ]
    host = memory.host_peak_rss_bytes
    return {
        "peak memory by phase [GiB]": phases,
        "peak memory in use on the device, sampled [GiB]": device,
        "host memory, highest resident set [GiB]": host and f"{_gib(host)} since the {memory.host_peak_since} began",
        "memory snapshot for pytorch.org/memory_viz": memory.snapshot,
    }


def _waterfall(phase: PhaseMemory) -> str:
    held = sorted(phase.components_bytes.items(), key=lambda item: -item[1])
    parts = [f"{name} {_gib(size)}" for name, size in held if size]
    if phase.activations_bytes is not None:
        parts.append(f"activations {_gib(phase.activations_bytes)}")
    return f" ({', '.join(parts)})" if parts else ""


def _gib(size_bytes: int) -> str:
    return show(size_bytes / GIB)
