"""A stand-in for torch's allocator on a CUDA device and for NVML's view of it, so that every branch runs on a CPU.

`allocate` and `free` are what tensors would do; reserved memory grows with what is allocated and stays until the cache
is emptied, as in torch. `lost` makes every call the error of a CUDA context that is gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch

from tests.fake_nvml import FakeGpu, fake_nvml, install

GIB = 2**30
UUID = "11111111-2222-3333-4444-555555555555"


@dataclass
class FakeCuda:
    """The device: `context_bytes` are in use outside of torch; `calls` names every call of torch.cuda in order."""

    installed: ClassVar["FakeCuda | None"] = None

    gpu: FakeGpu
    total_bytes: int = 80 * GIB
    context_bytes: int = 0
    allocated: int = 0
    reserved: int = 0
    peak: int = 0
    peak_reserved: int = 0
    peak_split: int = 0
    retries: int = 0
    ooms: int = 0
    fraction: float = 1.0
    lost: bool = False
    calls: list[str] = field(default_factory=list)
    leaked: list[object] = field(default_factory=list)

    def allocate(self, size: int) -> None:
        """Take memory, or raise torch's error where the limit does not allow it; cached memory goes back first."""
        if self.allocated + size > self.fraction * self.total_bytes:
            self.ooms += 1
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {size / GIB:.2f} GiB. GPU 0 has ...")
        self.allocated += size
        self.reserved = max(self.reserved, self.allocated)
        self.peak, self.peak_reserved = max(self.peak, self.allocated), max(self.peak_reserved, self.reserved)
        self._show()

    def free(self, size: int) -> None:
        """Give memory back to torch's cache."""
        self.allocated -= size

    def stats(self) -> dict[str, Any]:
        self.call("stats")

        def counter(current: int, peak: int) -> dict[str, dict[str, int]]:
            return {"all": {"current": current, "peak": peak}}

        return {
            "allocated_bytes": counter(self.allocated, self.peak),
            "reserved_bytes": counter(self.reserved, self.peak_reserved),
            "inactive_split_bytes": counter(0, self.peak_split),
            "num_alloc_retries": self.retries,
            "num_ooms": self.ooms,
        }

    def reset_peaks(self) -> None:
        self.call("reset")
        self.peak, self.peak_reserved, self.peak_split = self.allocated, self.reserved, 0

    def empty_cache(self) -> None:
        self.call("empty_cache")
        self.reserved = self.allocated
        self._show()

    def set_fraction(self, fraction: float) -> None:
        self.call("set_fraction")
        self.fraction = fraction

    def mem_get_info(self) -> tuple[int, int]:
        self.call("mem_get_info")
        return self.total_bytes - self.gpu.used_bytes, self.total_bytes

    def record_history(self, enabled: str | None = "all", **_options: Any) -> None:
        self.call(f"history {enabled}")

    def dump_snapshot(self, path: str) -> None:
        self.call(f"dump {self.allocated}")
        with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 - as torch does
            file.write("snapshot")

    def call(self, name: str) -> None:
        self.calls.append(name)
        if self.lost:
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    def _show(self) -> None:
        self.gpu.used_bytes = self.context_bytes + self.reserved


def install_cuda(monkeypatch: pytest.MonkeyPatch, gpus: Sequence[FakeGpu] | None = None) -> FakeCuda:
    """Put the stand-in in the place of torch.cuda's allocator and of NVML until the test ends."""
    gpus = [FakeGpu(uuid=f"GPU-{UUID}", used_bytes=0)] if gpus is None else gpus
    install(monkeypatch, fake_nvml(gpus))
    cuda = FakeCuda(gpus[0] if gpus else FakeGpu(used_bytes=0))
    monkeypatch.setattr(FakeCuda, "installed", cuda)
    functions = {
        "is_initialized": lambda: True,
        "memory_stats_as_nested_dict": cuda.stats,
        "reset_peak_memory_stats": cuda.reset_peaks,
        "empty_cache": cuda.empty_cache,
        "set_per_process_memory_fraction": cuda.set_fraction,
        "mem_get_info": cuda.mem_get_info,
        "current_device": lambda: 0,
        "get_device_properties": lambda _index: SimpleNamespace(
            uuid=UUID, name="a fake GPU", total_memory=cuda.total_bytes
        ),
    }
    for name, function in functions.items():
        monkeypatch.setattr(torch.cuda, name, function)
    monkeypatch.setattr(torch.cuda.memory, "_record_memory_history", cuda.record_history)
    monkeypatch.setattr(torch.cuda.memory, "_dump_snapshot", cuda.dump_snapshot)
    return cuda
