"""The record of the GPU while a case was measured: its state, its energy, and who else was on it.

Why it matters: a time says nothing of a model where the GPU was hot, shared or slowed down. Read from NVML by a side
process (fixtures/device/); what NVML did not tell is `None`.
"""

from typing import Literal

from reports.frozen import Frozen


class GpuProcess(Frozen):
    """A process that computes on a GPU, as NVML tells it; inside a container ids and names may be the host's."""

    pid: int
    name: str | None
    used_bytes: int | None


class Energy(Frozen):
    """What `videos` clips with together `frames` frames took, by the whole device.

    `counter_j` is what NVML's energy counter grew by in windows that begin and end with a synchronisation: the timed
    rounds ("rounds"), or where these are short one window of generations back to back outside of them ("repeated"). Of
    cold starts the rounds are whole processes, from their start to the mp4.
    `integrated_j` is power integrated over the same windows. `cross_check` says whether the two are within 5 % of each
    other; it is left out where a window is shorter than 15 s or NVML tells no instantaneous power.
    """

    source: Literal["rounds", "repeated"]
    windows_s: list[float]
    videos: int
    frames: int
    counter_j: float
    integrated_j: float | None
    cross_check: Literal["agrees", "disagrees", "not cross-checked"]


class DeviceSeries(Frozen):
    """The device over one timed round, `round` counted from 0: what its samples said, one after another.

    `at_s` counts from the prompt, as the round's `spans` do. Where a round has more samples than are kept, an entry is
    of several: the moment of its first, the most memory in use by anybody, and their mean power. Lists are as long as
    `at_s`; one is empty where NVML did not tell.
    """

    round: int
    at_s: list[float]
    used_bytes: list[int]
    power_w: list[float]


class DeviceState(Frozen):
    """The GPU during the timed rounds, from `samples` readings of NVML by a side process, one every `period_s`.

    Rounds of a cold start are whole fresh processes, which are our own, and "before" is right before the first of them.
    `longest_gap_s` is the longest stretch of a round without a sample. `event_shares` is the share of samples in which
    each of NVML's clocks event reasons was active, those never active left out. Temperatures are those right before the
    first and after the last round. `other_processes` are those seen during the rounds, `other_processes_before` and
    `used_before_bytes` (device memory in use by anybody) what there was before this process touched the device.
    `series` is the last round's over time.
    """

    period_s: float
    samples: int
    longest_gap_s: float | None
    mean_power_w: float | None
    sm_clock_median_mhz: float | None
    sm_clock_min_mhz: int | None
    temperature_before_c: int | None
    temperature_after_c: int | None
    event_shares: dict[str, float] | None
    used_before_bytes: int | None
    other_processes_before: list[GpuProcess] | None
    other_processes: list[GpuProcess] | None
    energy: Energy | None
    series: DeviceSeries | None = None
