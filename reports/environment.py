"""Where a run ran: machine, packages, switches, and what its GPU's libraries were measured to reach."""

from typing import Any, Literal

from reports.frozen import Frozen

# Why a GPU's record has two sizes (`Environment.gpus` and `Device.memory_bytes`): nvml.h, nvmlMemory_v2_t.
WHOSE_MEMORY = (
    "NVML counts a GPU's physical memory; CUDA, which PyTorch asks, what programs can be given of it, without what "
    "driver and firmware reserve."
)


class ContainerLimits(Frozen):
    """What control groups allow the process: `None` is no limit or, where `cgroup` is None too, unknown; see `reason`.

    `cpus` is processor time a second: 1.5 is that of one and a half processors.
    """

    cgroup: Literal["v1", "v2"] | None = None
    memory_bytes: int | None = None
    cpus: float | None = None
    reason: str = ""


class GpuUse(Frozen):
    """Who used a GPU at one moment, this process left out of `processes` (`pid`, `name`, `used_bytes`).

    A container may hide other processes: an empty list beside many `used_bytes` proves nothing. `reason` says why
    something is None.
    """

    uuid: str
    used_bytes: int | None
    processes: list[dict[str, Any]] | None
    reason: str = ""


class Environment(Frozen):
    """Where it ran.

    `packages` maps distribution to version (with "+git.<commit>" for editable and git installs); `gpus` holds NVML's
    facts a device; `settings` the numeric flags that change speed or numbers. `attention_backends` lists those that the
    recipe may name here and that no package is missing for. `gpus_before` tells of the time before anything was loaded.
    """

    python: str
    platform: str
    host: str
    cpu: str
    cpu_count: int
    memory_bytes: int
    packages: dict[str, str]
    cuda: str | None
    cudnn: str | None
    driver: str | None
    gpus: list[dict[str, Any]]
    settings: dict[str, Any]
    git_commit: str | None
    git_dirty: bool | None
    container: ContainerLimits | None = None
    attention_backends: list[str] | None = None
    gpus_before: list[GpuUse] = []
    reasons: dict[str, str] = {}


class Ceiling(Frozen):
    """How fast a library was at one operation: `work` of a call (FLOP; bytes read and written for "copy"), and seconds.

    `calls_s` has the seconds a call of every round. `shape` is for people, `backend` the kernel's name or "".
    """

    operation: Literal["matmul", "attention", "convolution", "copy"]
    dtype: str
    shape: str
    backend: str
    work: float
    calls_s: list[float]


class Ceilings(Frozen):
    """What `benchmarks/bench_ceilings.py` measured on one GPU with one set of libraries."""

    gpu: str
    uuid: str
    driver: str | None
    torch: str
    cuda: str | None
    cudnn: str | None
    measured_at: str
    ceilings: list[Ceiling]
