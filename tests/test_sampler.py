"""The side process's reading of a GPU, on a fake NVML and a fake clock."""

import os
import subprocess
import sys
from pathlib import Path

import pynvml
import pytest

from fixtures.device.sampler import SLOW_PERIOD_S, Reader, main
from reports.device_record import GpuProcess
from tests.fake_nvml import GIB, FakeGpu, fake_nvml, install

ROOT = Path(__file__).parent.parent


def reader_of(gpu: FakeGpu, moments: tuple[float, ...] = (100.0,)) -> Reader:
    """Read `gpu` at these moments."""
    nvml = fake_nvml([gpu])
    nvml.nvmlInit()
    return Reader(nvml, gpu, now_s=iter(moments).__next__)


def test_sample_holds_what_nvml_says_in_our_units() -> None:
    """Milliwatts and millijoules become W and J; the moment is the clock's."""
    sample = reader_of(FakeGpu(processes=[(7, GIB)])).read()
    assert (sample.at_s, sample.used_bytes, sample.power_w, sample.power_is_instant) == (100.0, GIB, 310.0, True)
    assert (sample.energy_j, sample.sm_clock_mhz, sample.events, sample.temperature_c) == (10_000.0, 1980, 0, 45)
    assert sample.processes == (GpuProcess(pid=7, name="process-7", used_bytes=GIB),)


def test_power_falls_back_to_the_average_and_says_so() -> None:
    """A driver without NVML_FI_DEV_POWER_INSTANT, field by field or altogether, gives its one-second average."""
    refusing = FakeGpu()
    refusing.values["nvmlDeviceGetFieldValues"] = pynvml.NVMLError_FunctionNotFound()
    for gpu in (FakeGpu(fields={}), refusing):
        sample = reader_of(gpu).read()
        assert (sample.power_w, sample.power_is_instant) == (300.0, False)


def test_events_are_asked_by_their_old_name_too() -> None:
    """Drivers before 535 know throttle reasons only."""
    gpu = FakeGpu()
    del gpu.values["nvmlDeviceGetCurrentClocksEventReasons"]
    gpu.values["nvmlDeviceGetCurrentClocksThrottleReasons"] = 4
    assert reader_of(gpu).read().events == 4


def test_what_a_device_does_not_support_is_none() -> None:
    """A MIG instance, say, has neither power nor clocks of its own; nothing is 0."""
    gpu = FakeGpu(fields={}, values={"nvmlDeviceGetComputeRunningProcesses": pynvml.NVMLError_NoPermission()})
    sample = reader_of(gpu).read()
    assert sample.used_bytes == GIB
    assert (sample.power_w, sample.energy_j, sample.sm_clock_mhz, sample.events) == (None, None, None, None)
    assert (sample.temperature_c, sample.processes) == (None, None)


def test_our_own_processes_are_told() -> None:
    """The test descends from its parent, init does not; without an ancestor nobody is ours."""
    gpu = FakeGpu(processes=[(1, GIB), (os.getpid(), GIB)])
    reader = reader_of(gpu, (0.0, 1.0))
    assert reader.read().own_pids == ()
    reader.ancestor = os.getppid()
    assert reader.read().own_pids == (os.getpid(),)


def test_slow_readings_are_carried_until_they_are_due() -> None:
    """Temperature and processes are read anew after their own period, or when everything is asked for."""
    gpu = FakeGpu()
    reader = reader_of(gpu, (0.0, SLOW_PERIOD_S / 2, SLOW_PERIOD_S, SLOW_PERIOD_S + 0.1))
    assert reader.read().temperature_c == 45
    gpu.values["nvmlDeviceGetTemperature"] = 60
    assert [reader.read().temperature_c, reader.read().temperature_c] == [45, 60]
    gpu.values["nvmlDeviceGetTemperature"] = 70
    assert reader.read(everything=True).temperature_c == 70


def test_unknown_device_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sampled in place of the device that was asked for."""
    install(monkeypatch, fake_nvml([FakeGpu()]))
    with pytest.raises(pynvml.NVMLError_NotFound):
        main(["GPU-unknown", "0.02"])


def test_side_process_imports_neither_torch_nor_pytest() -> None:
    """It must start at once and stay out of the way."""
    code = "import fixtures.device.sampler, sys; sys.exit(', '.join({'torch', 'pytest', 'numpy'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
