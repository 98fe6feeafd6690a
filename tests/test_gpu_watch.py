"""One case's watch over a GPU: what ends up in the record, and why something does not."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from fixtures.device import gpu_watch
from fixtures.device.gpu_watch import NO_GPU, CaseWatch, GpuWatch
from fixtures.device.sampler import Sample
from fixtures.device.samples import Before, Window
from fixtures.device.side_process import SideSampler
from fixtures.memory.vram import Part
from fixtures.run import RUN_KEY
from fixtures.taken import Taken
from reports.device_record import GpuProcess
from reports.measured import Device, Span
from reports.memory_record import Memory, PartMemory
from reports.record import PlannedCase
from tests.fake_nvml import GIB, FakeGpu, fake_nvml, install
from tests.fake_sampler import GivenSamples, command
from tests.inner_session import bench
from tests.reports_samples import planned
from tests.running import FAULT_MODELS, write_suite
from tests.test_energy import generated

NO_MEMORY = Memory(
    peak_allocated_bytes=1, peak_reserved_bytes=2, peak_device_bytes=3, phases_peak_allocated_bytes={"denoise": 1}
)
GPU = Device(kind="cuda", index=0, name="a GPU", uuid="GPU-0", memory_bytes=1)


def samples(end_s: float) -> list[Sample]:
    """Read four times a second from 99 s on: 500 W, a falling clock, rising heat and memory, a cap half the time."""
    return [
        Sample(
            at_s=99.0 + 0.25 * n,
            used_bytes=(20 + n) * GIB,
            power_w=500.0,
            power_is_instant=True,
            energy_j=125.0 * n,
            sm_clock_mhz=1980 - n,
            events=4 * (n % 2),
            temperature_c=40 + n,
            processes=(),
        )
        for n in range(int(4 * (end_s - 99.0)) + 1)
    ]


def watched_round(total_s: float, end_s: float) -> CaseWatch:
    """Watch a round from 100 s on, with samples from 99 s to `end_s`."""
    sampler = GivenSamples(samples(end_s))
    watch = CaseWatch(sampler, before=Before(GIB, ()))
    watch.samples = sampler.take()[:1]
    sampler.waiting = samples(end_s)[1:]
    made = generated(100.0, total_s)
    spans = [Span(phase="denoise", start_s=0.1, end_s=1.0), Span(phase="to_host", start_s=1.01, end_s=1.02)]
    made.times = msgspec.structs.replace(made.times, spans=spans)
    watch.rounds.add(made)
    return watch


def test_state_is_that_of_the_timed_rounds() -> None:
    """Samples at 100, 100.25, … 102 s are the round's; temperatures are those on both sides of it."""
    state, memory, reasons = watched_round(2.0, 104.0).watched(NO_MEMORY)
    assert state is not None
    assert (state.samples, state.period_s, state.longest_gap_s) == (9, 0.02, 0.25)
    assert (state.mean_power_w, state.sm_clock_median_mhz, state.sm_clock_min_mhz) == (500.0, 1972, 1968)
    assert (state.temperature_before_c, state.temperature_after_c) == (44, 52)
    assert state.event_shares == {"sw_power_cap": 4 / 9}
    assert (state.used_before_bytes, state.other_processes_before, state.other_processes) == (GIB, [], [])
    assert memory.peak_device_bytes == 32 * GIB
    assert memory.phases_peak_device_bytes == {"denoise": 28 * GIB}
    assert memory.peak_allocated_bytes == 1
    assert reasons["phases_peak_device_bytes"] == "no sample fell into to_host"


def test_energy_of_a_short_round_stays_unchecked_unless_it_is_repeated() -> None:
    """2 s at 500 W are 1,000 J; four more of 4 s from 110 s on are 8,000 J, and the round's state stays the round's."""
    watch = watched_round(2.0, 130.0)
    state, _, reasons = watch.watched(NO_MEMORY)
    assert state is not None
    assert state.energy is not None
    assert (round(state.energy.counter_j, 6), state.energy.cross_check) == (1000.0, "not cross-checked")
    assert "too short" in reasons["energy_cross_check"]
    assert watch.needs_repeats()
    starts = iter([110.0, 114.0, 118.0, 122.0])
    watch.repeat(lambda: generated(next(starts), 4.0))
    again, _, reasons = watch.watched(NO_MEMORY)
    assert again is not None
    assert again.energy is not None
    assert (round(again.energy.counter_j, 6), again.energy.videos) == (8000.0, 4)
    assert (again.energy.source, again.energy.cross_check) == ("repeated", "agrees")
    assert again.samples == state.samples
    assert "energy_cross_check" not in reasons


def test_long_rounds_and_no_energy_need_no_repeats() -> None:
    """An expensive case is never generated again, nor one whose energy nobody wants or nobody can count."""
    assert not watched_round(15.0, 120.0).needs_repeats()
    unwanted = watched_round(2.0, 104.0)
    unwanted.no_energy = "left out by --no-energy"
    assert not unwanted.needs_repeats()
    state, _, reasons = unwanted.watched(NO_MEMORY)
    assert state is not None
    assert state.energy is None
    assert reasons["energy"] == "left out by --no-energy"
    assert not CaseWatch(GivenSamples(problem="it died")).needs_repeats()
    assert not CaseWatch(None).needs_repeats()


def test_dead_side_process_is_a_reason() -> None:
    """The device's peak is then the one reading that there is, and says so."""
    watch = CaseWatch(GivenSamples(problem="the side process has ended"))
    watch.collect()
    watch.rounds.add(generated(100.0, 2.0))
    state, memory, reasons = watch.watched(NO_MEMORY)
    assert (state, memory.peak_device_bytes, memory.phases_peak_device_bytes) == (None, 3, {})
    assert reasons["state"] == "the side process has ended"
    assert "read once" in reasons["peak_device_bytes"]


def test_side_process_that_dies_after_the_rounds_leaves_their_state() -> None:
    """What was handed over is kept."""
    watch = watched_round(2.0, 104.0)
    assert isinstance(watch.sampler, GivenSamples)
    watch.sampler.problem = "the side process has ended"
    state, _, reasons = watch.watched(NO_MEMORY)
    assert state is not None
    assert reasons["state_samples"] == "the side process has ended"


def test_rounds_between_two_samples_have_no_state() -> None:
    """A round shorter than the period is told as such."""
    watch = CaseWatch(GivenSamples([Sample(at_s=99.0), Sample(at_s=105.0)]))
    watch.rounds.add(generated(100.0, 2.0))
    assert watch.watched(NO_MEMORY)[2]["state"] == "no sample fell into a timed round"


def parts_memory(*names: Part) -> Memory:
    """Give memory with these parts, none of which knows the device's peak."""
    part = PartMemory(
        peak_allocated_bytes=1, peak_reserved_bytes=2, peak_inactive_split_bytes=0, alloc_retries=0, ooms=0, phases=[]
    )
    return msgspec.structs.replace(NO_MEMORY, parts=dict.fromkeys(names, part))


def test_loading_first_call_and_rounds_have_a_sampled_peak_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading until 99.5 s saw 22 GiB, the first call until 100 s 24, the round until 102 s 32; the highest is last."""
    clock = iter([99.0, 99.5, 99.6, 100.0])
    monkeypatch.setattr(gpu_watch, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    watch = watched_round(2.0, 104.0)
    with watch.part("load"):
        pass
    with pytest.raises(MemoryError), watch.part("first_call"):
        raise MemoryError
    watch.collect()
    _, memory, reasons = watch.watched(parts_memory("load", "first_call", "rounds"))
    peaks_gib = {name: (part.peak_device_bytes or 0) // GIB for name, part in memory.parts.items()}
    assert peaks_gib == {"load": 22, "first_call": 24, "rounds": 32}
    assert memory.peak_device_bytes == 32 * GIB
    assert "parts_peak_device_bytes" not in reasons


def test_part_without_a_sample_has_no_peak_and_a_reason() -> None:
    """One that was not seen is null, never 0, nor the peak of another; a dead side process is named as the cause."""
    watch = watched_round(2.0, 104.0)
    watch.parts["load"] = [Window(1.0, 2.0)]
    _, memory, reasons = watch.watched(parts_memory("load", "rounds", "after"))
    assert [part.peak_device_bytes for part in memory.parts.values()] == [None, 32 * GIB, None]
    assert reasons["parts_peak_device_bytes"] == "no sample fell into load; no sampled peak is taken of after"
    _, _, reasons = watched_round(2.0, 104.0).watched(parts_memory("rounds", "after"))
    assert reasons["parts_peak_device_bytes"] == "no sampled peak is taken of after"
    blind = CaseWatch(GivenSamples(problem="the side process has ended"))
    _, memory, reasons = blind.watched(parts_memory("rounds"))
    assert memory.parts["rounds"].peak_device_bytes is None
    assert reasons["parts_peak_device_bytes"] == "no sample fell into rounds: the side process has ended"


def test_collecting_keeps_what_was_sampled_before_the_rounds() -> None:
    """The first call's peak is among it; the last sample is taken right before the rounds."""
    watch = CaseWatch(GivenSamples(samples(99.5)))
    watch.collect()
    assert [sample.at_s for sample in watch.samples] == [99.0, 99.25, 99.5]


def test_record_has_the_state_and_its_reasons() -> None:
    """They are put together with the rest of the measurement."""
    taken = Taken(planned(), watch=watched_round(2.0, 104.0))
    measurement = taken.measurement(GPU)
    assert measurement.state is not None
    assert measurement.memory.peak_device_bytes == 32 * GIB
    assert "phases_peak_device_bytes" in measurement.reasons
    assert Taken(planned()).measurement(GPU).reasons["state"] == NO_GPU


def test_gpu_before_the_run_is_read_from_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory in use by anybody and who computes; nothing without a driver, nor of an unknown device."""
    gpu = FakeGpu(processes=[(7, GIB)])
    install(monkeypatch, fake_nvml([gpu]))
    found = gpu_watch.before(gpu.uuid)
    assert found == Before(GIB, (GpuProcess(pid=7, name="process-7", used_bytes=GIB),))
    assert gpu_watch.before("GPU-unknown") == Before()
    install(monkeypatch, fake_nvml(init_error="LibraryNotFound"))
    assert gpu_watch.before(gpu.uuid) == Before()


@pytest.fixture
def _fake_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sample a fake device in a process of its own."""
    monkeypatch.setattr(gpu_watch, "device_uuid", lambda: FakeGpu().uuid)
    monkeypatch.setattr(gpu_watch, "start_sampler", lambda _uuid: SideSampler(command(0.02)))


@pytest.mark.usefixtures("_fake_device")
def test_one_side_process_serves_the_session_until_it_dies() -> None:
    """Cases share it; after its death the next case starts another; the session's end ends it."""
    watch = GpuWatch(before={FakeGpu().uuid: Before(5, ())})
    first = watch.watch(planned())
    assert (first.before.used_bytes, first.no_energy) == (5, "")
    assert watch.watch(planned()).sampler is first.sampler
    assert isinstance(first.sampler, SideSampler)
    first.sampler.process.kill()
    first.sampler.process.wait()
    second = watch.watch(planned())
    assert second.sampler is not first.sampler
    second.collect()
    assert len(second.samples) == 1
    third = watch.watch(planned())
    assert isinstance(third.sampler, SideSampler)
    assert third.samples == []  # what was sampled between the cases is nobody's
    watch.close()
    assert isinstance(second.sampler, SideSampler)
    assert second.sampler.process.returncode == 0


def test_cpu_case_starts_no_side_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Energy is never counted for a CPU, and the reason is given."""
    monkeypatch.setattr(gpu_watch, "start_sampler", lambda _uuid: pytest.fail("started"))
    watch = GpuWatch().watch(on_cpu())
    watch.collect()
    assert not watch.needs_repeats()
    assert watch.watched(NO_MEMORY)[0] is None
    assert watch.watched(NO_MEMORY)[2]["state"] == NO_GPU


@pytest.mark.usefixtures("_fake_device")
def test_side_process_that_cannot_start_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """The case goes on without it."""

    def refuse(_uuid: str) -> Any:
        raise OSError("Cannot allocate memory")

    monkeypatch.setattr(gpu_watch, "start_sampler", refuse)
    assert "could be started to sample the device: Cannot" in GpuWatch(energy=False).watch(planned()).absence


def on_cpu() -> PlannedCase:
    case = planned()
    return msgspec.structs.replace(case, recipe=msgspec.structs.replace(case.recipe, device="cpu"))


def test_fixture_reads_each_gpu_once_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set up again for a case that is measured again, it must not take this very process for company."""
    gpu = FakeGpu()
    install(monkeypatch, fake_nvml([gpu]))
    run: Any = SimpleNamespace(gpu=SimpleNamespace(gpus=[SimpleNamespace(uuid=gpu.uuid)]))
    stash = pytest.Stash()
    stash[RUN_KEY] = run
    request = SimpleNamespace(config=SimpleNamespace(stash=stash))
    monkeypatch.setattr(gpu_watch, "options_of", lambda _config: SimpleNamespace(no_energy=True))
    make = gpu_watch.gpu_watch._get_wrapped_function()
    first = next(make(request))
    gpu.processes = [(4711, 30 * GIB)]
    second = next(make(request))
    assert first.before == second.before == {gpu.uuid: Before(GIB, ())}
    assert first.energy is False


def test_measured_case_notes_when_it_loaded_and_first_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once each, one after the other, before the timed rounds begin."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    watches: list[CaseWatch] = []
    init = CaseWatch.__init__

    def noting(self: CaseWatch, *arguments: Any, **named: Any) -> None:
        init(self, *arguments, **named)
        watches.append(self)

    monkeypatch.setattr(CaseWatch, "__init__", noting)
    suite = write_suite(tmp_path, {"fine": "fine"})
    ended = bench("--models-dir", FAULT_MODELS, "--suite", suite, "--run-dir", tmp_path / "run")
    assert ended.code == 0, ended.output
    (watch,) = [watch for watch in watches if watch.parts]
    (load,), (first_call,) = watch.parts.pop("load"), watch.parts.pop("first_call")
    assert not watch.parts
    assert load.start_s < load.end_s <= first_call.start_s < first_call.end_s <= watch.rounds.windows[0].start_s
