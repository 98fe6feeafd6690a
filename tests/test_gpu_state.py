"""A CUDA device's facts, and its energy, memory and company as a side process samples them."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
import torch

from fixtures.clock import CudaTimeline, RoundProbe, Silent, run_round
from fixtures.device.device_state import device_state, with_device_peaks
from fixtures.device.energy import Generations, energy_of
from fixtures.device.gpu import gpu_state, torch_problem, visible_gpus
from fixtures.device.gpu_watch import CaseWatch, GpuWatch
from fixtures.device.samples import Before, Window
from fixtures.device.side_process import SideSampler, start_sampler
from fixtures.device.validity import company_fault
from fixtures.machine import device_uuid, environment
from fixtures.memory.vram import peaks_for
from models.discover import discover
from reports.measured import Measurement, Span
from tests.on_gpu import MIB, ON_GPU, recipe_of, request_of
from tests.reports_samples import measured

pytestmark = ON_GPU


def test_torch_can_use_what_nvml_shows() -> None:
    """NVML and torch agree on the device and its UUID."""
    gpus = visible_gpus()
    assert torch_problem(gpus, gpus[0].driver) is None
    assert device_uuid() in {gpu.uuid for gpu in gpus}


def test_environment_of_a_gpu_is_whole() -> None:
    """Allocator, attention kernels of torch's CUDA build, PCI id and memory in use are told, with nothing missing."""
    here = environment(gpu_state(), torch_module=torch)
    assert here.settings["torch.cuda.get_allocator_backend"] in ("native", "cudaMallocAsync")
    assert {"native", "native_cudnn", "native_flash"} <= set(here.attention_backends or ())
    assert here.reasons == {}
    assert all(gpu["pci_id"].startswith("10de:") and gpu["form"] in ("PCIe", "SXM", None) for gpu in here.gpus)
    assert [use.uuid for use in here.gpus_before] == [gpu["uuid"] for gpu in here.gpus]
    assert all(use.used_bytes is not None for use in here.gpus_before)


@pytest.fixture
def side() -> Iterator[SideSampler]:
    """Sample the device in a process of its own."""
    sampler = start_sampler(device_uuid())
    assert sampler.take(), sampler.problem
    yield sampler
    sampler.close()


def test_energy_of_a_load_is_its_integrated_power(side: SideSampler) -> None:
    """Over thirty seconds of matrix products counter and instantaneous power are within 5 %, of a plausible size."""
    values = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    product = torch.empty_like(values)
    torch.cuda.synchronize()
    before = side.take()[-1:]  # taken right now: the counter's reading from which the window's is interpolated
    start_s = time.perf_counter()
    while time.perf_counter() - start_s < 30.0:
        for _ in range(50):
            torch.matmul(values, values, out=product)
        torch.cuda.synchronize()
    window = Window(start_s, time.perf_counter())
    samples = before + side.take()
    energy, reasons = energy_of(samples, Generations(windows=[window], videos=1, frames=1))
    assert energy is not None, reasons
    state = device_state(samples, [window], Before(), side.period_s, energy)
    told = f"{energy}, {state}, {reasons}"
    assert energy.cross_check == "agrees", told
    assert 100.0 < energy.counter_j / window.length_s < 1500.0, told
    assert state.longest_gap_s is not None
    assert state.longest_gap_s < 1.0, told
    assert state.event_shares is not None, told


def test_sampled_peak_holds_what_was_allocated(side: SideSampler) -> None:
    """4 GiB held for half a second show in that phase, to within 64 MiB, and not in the one before."""
    torch.cuda.empty_cache()
    torch.cuda.synchronize()
    start_s = time.perf_counter()
    time.sleep(0.5)
    free_s = time.perf_counter() - start_s
    held = torch.empty(4096 * MIB, dtype=torch.uint8, device="cuda")
    held_s = time.perf_counter() - start_s
    time.sleep(0.5)
    end_s = time.perf_counter()
    spans = (
        Span(phase="free", start_s=0.0, end_s=free_s),
        Span(phase="held", start_s=held_s, end_s=end_s - start_s),
    )
    memory, reasons = with_device_peaks(measured(1.0).memory, side.take(), [Window(start_s, end_s, spans)])
    phases = memory.phases_peak_device_bytes
    assert reasons == {}
    assert abs(phases["held"] - phases["free"] - held.numel()) <= 64 * MIB, phases
    assert memory.peak_device_bytes == phases["held"]


def company(side: SideSampler) -> Measurement:
    """Measure half a second of idling beside whoever else is there."""
    side.take()
    start_s = time.perf_counter()
    time.sleep(0.5)
    window, samples = Window(start_s, time.perf_counter()), side.take()
    memory, _ = with_device_peaks(measured(1.0).memory, samples, [window])
    state = device_state(samples, [window], Before(used_bytes=0, processes=()), side.period_s, None)
    memory = msgspec.structs.replace(memory, peak_reserved_bytes=torch.cuda.memory_reserved())
    return msgspec.structs.replace(measured(1.0), state=state, memory=memory)


@contextmanager
def stranger(folder: Path, held_bytes: int) -> Iterator[None]:
    """Hold memory of the device in a process that does not descend from this one: its parent has ended."""
    code = (
        "import os, pathlib, sys, time, torch\n"
        "folder, held_bytes = pathlib.Path(sys.argv[1]), int(sys.argv[2])\n"
        "held = torch.empty(held_bytes, dtype=torch.uint8, device='cuda')\n"
        "(folder / 'pid').write_text(str(os.getpid()))\n"
        "torch.cuda.synchronize()\n"
        "(folder / 'held').touch()\n"
        "while not (folder / 'stop').exists(): time.sleep(0.05)\n"
    )
    parent = "import subprocess, sys; subprocess.Popen([sys.executable, *sys.argv[1:]], start_new_session=True)"
    subprocess.run([sys.executable, "-c", parent, "-c", code, str(folder), str(held_bytes)], check=True)
    await_that((folder / "held").exists, "the stranger's memory")
    try:
        yield
    finally:
        (folder / "stop").touch()
        stat = Path("/proc", (folder / "pid").read_text(), "stat")
        await_that(lambda: ended(stat), "the stranger's end")  # only then is its context gone


def ended(stat: Path) -> bool:
    """Tell whether a process has ended, also one that nobody has asked for its exit status yet (state Z)."""
    try:
        return stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def await_that(true: Callable[[], bool], what: str) -> None:
    """Wait until something is true, a minute at most."""
    ends_s = time.monotonic() + 60
    while not true():
        assert time.monotonic() < ends_s, f"waited a minute for {what}"
        time.sleep(0.05)


@pytest.mark.parametrize("held_bytes", [1024 * MIB, 4096 * MIB])
def test_another_process_is_seen(side: SideSampler, held_bytes: int, tmp_path: Path) -> None:
    """Alone we are no company; another's context shows in the device's memory, and is judged by its id or by that."""
    torch.empty(1, device="cuda")
    alone = company(side)
    assert company_fault(alone) is None, alone.state
    with stranger(tmp_path, held_bytes):
        crowded = company(side)
    assert crowded.memory.peak_device_bytes is not None
    assert alone.memory.peak_device_bytes is not None
    assert crowded.memory.peak_device_bytes - alone.memory.peak_device_bytes >= held_bytes
    assert crowded.state is not None
    if crowded.state.other_processes or held_bytes > 2048 * MIB:
        assert company_fault(crowded) is not None, crowded.state


def test_watch_of_real_rounds_fills_the_record() -> None:
    """Every figure of the state is there for rounds on the device; the energy of short ones is not cross-checked."""
    spec, request = discover()["causvid-tiny"], request_of(21)
    pipeline = spec.load(recipe_of("causvid-tiny", "cuda"))
    noise = pipeline.draw_noise(request)
    host_BTCHW = torch.zeros((1, 21, 3, 64, 64), dtype=torch.uint8, pin_memory=True)
    session = GpuWatch()
    try:
        session.sampler = start_sampler(device_uuid())
        watch = CaseWatch(session.sampler)
        watch.collect()
        for _ in range(20):
            watch.rounds.add(run_round(pipeline, request, noise, host_BTCHW, probe_of_nobody()))
        state, memory, reasons = watch.watched(measured(1.0).memory)
    finally:
        session.close()
    assert state is not None, reasons
    missing = {name for name in type(state).__struct_fields__ if getattr(state, name) is None}
    assert missing <= {"used_before_bytes", "other_processes_before", "other_processes"}, (missing, reasons)
    assert state.energy is not None
    assert state.energy.cross_check == "not cross-checked"
    assert memory.peak_device_bytes is not None
    assert memory.peak_device_bytes > torch.cuda.memory_reserved()


def probe_of_nobody() -> RoundProbe:
    """Give a probe that nobody watches."""
    return RoundProbe(CudaTimeline(), Silent(), peaks_for("cuda"))
