"""Memory of a case in its record: parts, phases and what they held, and where it ran out. All in bytes.

A peak is mended only where it is known which part and phase set it and with what. Torch's figures are its allocator's
own, `device` is what NVML says of everybody's.
"""

from typing import Literal

from reports.frozen import Frozen


class PhaseMemory(Frozen):
    """Torch's peaks of one phase (or "outside", what lies between phases), and what made up the allocated one.

    `components_bytes` is what the pipeline kept on the device, by component, as it tells itself: where the phase began
    or where it ended, whichever was more. `activations_bytes` is the rest of the peak: activations, libraries'
    workspaces that torch allocates, weights that visit for a moment; None where the pipeline does not tell. A phase
    entered again is that of its highest peak.
    """

    phase: str
    peak_allocated_bytes: int
    peak_reserved_bytes: int
    components_bytes: dict[str, int] = {}
    activations_bytes: int | None = None


class PartMemory(Frozen):
    """Torch's allocator in one part of a case. `phases` stand in the order in which they were first entered.

    `peak_inactive_split_bytes` is free memory inside blocks that are in use in part: it cannot be given back. Reserved
    less allocated is all that fragmentation and caching take. `alloc_retries` counts allocations that first had to give
    cached blocks back to the device, which waits for it: where it is not 0 in the timed rounds, so do the times.
    `ooms` counts allocations that failed.

    `peak_device_bytes` is the most that NVML said is used on the device, by all its processes, in the samples that fell
    into the part (`state.period_s`); None where none did or none were taken, as `reasons` then say.
    """

    peak_allocated_bytes: int
    peak_reserved_bytes: int
    peak_inactive_split_bytes: int
    alloc_retries: int
    ooms: int
    phases: list[PhaseMemory]
    peak_device_bytes: int | None = None


class OutOfMemory(Frozen):
    """Where memory ran out: what torch held when the error left the phase, its tensors still alive.

    `requested_bytes` is read from torch's message, which rounds it to two decimals; None where it names no size.
    """

    part: Literal["load", "first_call", "rounds", "after"]
    phase: str
    requested_bytes: int | None
    allocated_bytes: int
    reserved_bytes: int


class Memory(Frozen):
    """Memory of a case. The peaks are those of the timed rounds, allocated and reserved torch's own.

    `phases_peak_allocated_bytes` gives the allocated peak a phase; `parts` has loading, the first call and the timed
    rounds apart, in full, and what came "after" them where memory ran out there. `host_peak_rss_bytes` is the process'
    highest resident set (Linux's VmHWM) since `host_peak_since`: the case's begin, or that of the process where its
    counter cannot be reset. It is host memory that was touched: shared pages count, page-locked memory may not.
    `snapshot` is the allocator's snapshot with its history, relative to the run's folder; one is written only where
    memory ran out or a budget was broken.

    `peak_device_bytes` is the most that NVML said is used on the device, by all its processes, in samples taken every
    `state.period_s` of the timed rounds: what lived shorter may have escaped it. Older runs, and those whose `reasons`
    say so, have one reading taken right after the rounds. `phases_peak_device_bytes` has only phases with a sample.
    """

    peak_allocated_bytes: int | None
    peak_reserved_bytes: int | None
    peak_device_bytes: int | None
    phases_peak_allocated_bytes: dict[str, int]
    phases_peak_device_bytes: dict[str, int] = {}
    parts: dict[Literal["load", "first_call", "rounds", "after"], PartMemory] = {}
    out_of_memory: OutOfMemory | None = None
    host_peak_rss_bytes: int | None = None
    host_peak_since: Literal["case", "process"] | None = None
    snapshot: str | None = None
