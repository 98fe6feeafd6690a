"""A stand-in for the module `pynvml`, so that what is asked of a driver can be tested without one.

`fake_nvml(...)` makes the module; `install(monkeypatch, module)` puts it in pynvml's place for one test. The GPUs are
plain objects that a test may change while it runs. A function that a `FakeGpu` has no value for is "Not Supported",
as on real cards; calls outside nvmlInit and nvmlShutdown are "Uninitialized". Errors and constants are pynvml's own.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pynvml
import pytest

GIB = 2**30


@dataclass
class FakeGpu:
    """One device.

    `processes` holds (pid, used bytes), `instances` its MIG instances, `fields` the values of NVML's fields by number;
    `values` maps any other `nvmlDeviceGet…` function to its answer, or to an error to raise.
    The standard values are those of an H200: 700 W, 300 W drawn, 45 °C, 1,980 MHz, 10 kJ used so far.
    """

    uuid: str = "GPU-11111111-2222-3333-4444-555555555555"
    name: str = "NVIDIA H200"
    memory_bytes: int = 141 * GIB
    used_bytes: int = GIB
    processes: list[tuple[int, int | None]] = field(default_factory=list)
    instances: list["FakeGpu"] = field(default_factory=list)
    fields: dict[int, int] = field(default_factory=lambda: {pynvml.NVML_FI_DEV_POWER_INSTANT: 310_000})
    values: dict[str, Any] = field(
        default_factory=lambda: {
            "nvmlDeviceGetCudaComputeCapability": (9, 0),
            "nvmlDeviceGetEnforcedPowerLimit": 700_000,
            "nvmlDeviceGetPowerUsage": 300_000,
            "nvmlDeviceGetTotalEnergyConsumption": 10_000_000,
            "nvmlDeviceGetTemperature": 45,
            "nvmlDeviceGetClockInfo": 1980,
            "nvmlDeviceGetMaxClockInfo": 1980,
            "nvmlDeviceGetCurrentClocksEventReasons": 0,
            "nvmlDeviceGetEccMode": [1, 1],
            "nvmlDeviceGetMigMode": [0, 0],
            "nvmlDeviceGetComputeMode": 0,
            "nvmlDeviceGetMaxPcieLinkGeneration": 5,
            "nvmlDeviceGetCurrPcieLinkWidth": 16,
            "nvmlDeviceGetModuleId": 3,
            "nvmlDeviceGetPciInfo": SimpleNamespace(pciDeviceId=0x233510DE),
        }
    )


class FakeNvml(ModuleType):
    """The module itself; `sessions` counts open nvmlInit calls, so that a test can see them closed."""

    def __init__(self, gpus: Sequence[FakeGpu], driver: str, cuda: int, init_error: str | None) -> None:
        super().__init__("pynvml", __doc__)
        self.gpus, self.driver, self.cuda, self.init_error = list(gpus), driver, cuda, init_error
        self.sessions = 0
        for name, value in vars(pynvml).items():
            if isinstance(value, int) or name.startswith("NVMLError"):
                setattr(self, name, value)

    def nvmlInit(self) -> None:
        if self.init_error is not None:
            raise getattr(pynvml, f"NVMLError_{self.init_error}")
        self.sessions += 1

    def nvmlShutdown(self) -> None:
        self._check_open()
        self.sessions -= 1

    def __getattr__(self, function: str) -> Callable[..., Any]:
        if not function.startswith("nvml"):
            raise AttributeError(function)
        return lambda *arguments: self._answer(function, arguments)

    def _answer(self, function: str, arguments: tuple[Any, ...]) -> Any:
        self._check_open()
        if function in _SYSTEM:
            return _SYSTEM[function](self, *arguments)
        gpu = arguments[0]
        assert isinstance(gpu, FakeGpu), f"{function} takes a device handle, not {gpu!r}"
        if function not in gpu.values and function in _DEVICE:
            return _DEVICE[function](self, gpu, *arguments[1:])
        answer = gpu.values.get(function, pynvml.NVMLError_NotSupported())
        if isinstance(answer, pynvml.NVMLError):
            raise answer
        return answer

    def _check_open(self) -> None:
        if self.sessions == 0:
            raise pynvml.NVMLError_Uninitialized


def fake_nvml(
    gpus: Sequence[FakeGpu] = (), *, driver: str = "580.65.06", cuda: int = 13000, init_error: str | None = None
) -> FakeNvml:
    """Make a module. `init_error` is the end of an error's name ("LibraryNotFound") that nvmlInit then raises."""
    return FakeNvml(gpus, driver, cuda, init_error)


def install(monkeypatch: pytest.MonkeyPatch, module: FakeNvml) -> FakeNvml:
    """Put the fake in pynvml's place and show all its GPUs, until the test ends."""
    monkeypatch.setitem(sys.modules, "pynvml", module)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return module


def _by_index(module: FakeNvml, index: int) -> FakeGpu:
    if not 0 <= index < len(module.gpus):
        raise pynvml.NVMLError_InvalidArgument
    return module.gpus[index]


def _by_uuid(module: FakeNvml, uuid: str) -> FakeGpu:
    for gpu in module.gpus:
        for handle in (gpu, *gpu.instances):
            if handle.uuid == uuid:
                return handle
    raise pynvml.NVMLError_NotFound


def _parent(module: FakeNvml, instance: FakeGpu) -> FakeGpu:
    for gpu in module.gpus:
        if instance in gpu.instances:
            return gpu
    raise pynvml.NVMLError_InvalidArgument


def _process_name(_module: FakeNvml, pid: int) -> str:
    if pid <= 0:
        raise pynvml.NVMLError_NotFound
    return f"process-{pid}"


_SYSTEM: dict[str, Callable[..., Any]] = {
    "nvmlSystemGetDriverVersion": lambda module: module.driver,
    "nvmlSystemGetCudaDriverVersion_v2": lambda module: module.cuda,
    "nvmlSystemGetProcessName": _process_name,
    "nvmlDeviceGetCount": lambda module: len(module.gpus),
    "nvmlDeviceGetHandleByIndex": _by_index,
    "nvmlDeviceGetHandleByUUID": _by_uuid,
}
_DEVICE: dict[str, Callable[..., Any]] = {
    "nvmlDeviceGetName": lambda _, gpu: gpu.name,
    "nvmlDeviceGetUUID": lambda _, gpu: gpu.uuid,
    "nvmlDeviceGetIndex": lambda module, gpu: module.gpus.index(gpu),
    "nvmlDeviceGetMemoryInfo": lambda _, gpu: SimpleNamespace(
        total=gpu.memory_bytes, used=gpu.used_bytes, free=gpu.memory_bytes - gpu.used_bytes
    ),
    "nvmlDeviceGetComputeRunningProcesses": lambda _, gpu: [
        SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in gpu.processes
    ],
    "nvmlDeviceGetDeviceHandleFromMigDeviceHandle": _parent,
    "nvmlDeviceGetFieldValues": lambda _, gpu, numbers: [
        SimpleNamespace(
            nvmlReturn=pynvml.NVML_SUCCESS if number in gpu.fields else pynvml.NVML_ERROR_NOT_SUPPORTED,
            value=SimpleNamespace(uiVal=gpu.fields.get(number, 0)),
        )
        for number in numbers
    ],
}
