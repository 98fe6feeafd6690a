"""A fresh process on a GPU, watched by its parent: its stretches of time, its memory, and whose it is."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from fixtures.cold.cold_start import Processes
from fixtures.cold.fresh_run import Ended
from fixtures.cold.watched_process import memory_of, note_before, whole_of
from fixtures.device.gpu_watch import CaseWatch
from fixtures.device.sampler import Sample
from fixtures.device.samples import Before
from fixtures.device.validity import InvalidEnvError
from fixtures.taken import Taken
from models.discover import discover
from reports.device_record import GpuProcess
from reports.measured import Device, Span
from reports.memory_record import PartMemory
from tests.fake_nvml import GIB
from tests.fake_sampler import GivenSamples
from tests.reports_samples import a_round, case_of, planned, replaced
from tests.test_fresh_run import ended

GPU = Device(kind="cuda", index=0, name="a GPU", uuid="GPU-0", memory_bytes=1)
FRESH = 4711


def fresh() -> Ended:
    """Give a process from 100 to 126 s: loading until 113, its call from 114 to 124; 20 GiB reserved by torch."""
    found = ended(msgspec.structs.replace(a_round(10.0), spans=[Span(phase="decode", start_s=8.0, end_s=9.0)]))
    part = PartMemory(
        peak_allocated_bytes=1, peak_reserved_bytes=2, peak_inactive_split_bytes=0, alloc_retries=0, ooms=0, phases=[]
    )
    memory = msgspec.structs.replace(
        found.done.memory, peak_reserved_bytes=20 * GIB, parts={"load": part, "rounds": part}
    )
    return replace(found, done=msgspec.structs.replace(found.done, memory=memory))


def process(pid: int, gib: float) -> GpuProcess:
    return GpuProcess(pid=pid, name=None, used_bytes=int(gib * GIB))


def seen(*processes: GpuProcess, own: tuple[int, ...] = (FRESH,), call_gib: int = 21, events: int = 0) -> list[Sample]:
    """Sample each second from 99 to 127 s: 1 GiB, from 112 s on 30, in the call `call_gib`."""
    used_gib = {112: 30, **dict.fromkeys(range(113, 128), call_gib)}
    return [
        Sample(
            at_s=float(at),
            used_bytes=used_gib.get(at, 1) * GIB,
            power_w=100.0,
            power_is_instant=True,
            energy_j=100.0 * at,
            events=events,
            processes=processes if at > 105 else (),
            own_pids=own,
        )
        for at in range(99, 128)
    ]


def processes_seen(*samples: Sample) -> Processes:
    """Give a case's processes after the one that was seen as `samples` tell."""
    case = replaced(case_of(planned()), device="cuda").plan
    taken = Taken(case, watch=CaseWatch(GivenSamples(list(samples)), before=Before(GIB // 2, ())))
    run: Any = SimpleNamespace(folder=Path("run"))
    made = Processes(taken, discover()["causvid-1.3b"], run, Path("scratch"), None)
    made.keep(fresh())
    return made


def test_stretch_is_the_whole_process_with_its_phases_in_place() -> None:
    """Decoding began 8 s into the call, which began 14 s after the process was started."""
    window = whole_of(fresh())
    assert (window.start_s, window.end_s) == (100.0, 126.0)
    assert [(span.start_s, span.end_s) for span in window.spans] == [(22.0, 23.0)]


def test_state_and_energy_are_those_of_the_whole_process() -> None:
    """27 samples from 100 to 126 s, 2,600 J at 100 W over 26 s: long enough to be cross-checked."""
    measurement = processes_seen(*seen(process(FRESH, 20))).measurement(GPU)
    assert measurement.state is not None
    assert (measurement.state.samples, measurement.state.other_processes) == (27, [])
    energy = measurement.state.energy
    assert energy is not None
    assert (energy.counter_j, energy.videos, energy.frames, energy.cross_check) == (2600.0, 1, 81, "agrees")
    assert "state" not in measurement.reasons


def test_memory_of_loading_and_of_the_call_are_apart() -> None:
    """Loading needed more for a moment; the peak is the call's, as torch's are."""
    memory = processes_seen(*seen(process(FRESH, 20))).measurement(GPU).memory
    assert memory.peak_device_bytes == 21 * GIB
    assert memory.phases_peak_device_bytes == {"decode": 21 * GIB}
    assert {name: part.peak_device_bytes for name, part in memory.parts.items()} == {
        "load": 30 * GIB,
        "rounds": 21 * GIB,
    }


def test_unseen_process_keeps_its_own_reading_and_says_so() -> None:
    """A side process that has died leaves what the fresh process read itself."""
    watch = CaseWatch(GivenSamples(problem="the side process has ended"))
    memory, reasons = memory_of(fresh(), watch)
    assert memory.peak_device_bytes == fresh().done.memory.peak_device_bytes
    assert reasons["parts_peak_device_bytes"] == "no sample fell into load, rounds: the side process has ended"


def test_fresh_process_is_no_company() -> None:
    """It is known by its parent, whatever memory others have."""
    assert processes_seen(*seen(process(FRESH, 20))).judge(GPU, allow_shared_gpu=False) == {}


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        (seen(process(FRESH, 20), process(9, 40)), r"other processes computed .*: 9 \(unknown, 40.00 GiB\)"),
        (seen(process(FRESH, 20), events=0x40), r"hw_thermal_slowdown .* in 100.0% of 27 samples"),
        (seen(call_gib=23), r"3.00 GiB of the device's memory were in use beside torch's, of which .* 1.75 GiB"),
    ],
)
def test_slowdown_and_company_are_no_valid_environment(samples: list[Sample], told: str) -> None:
    """As in any other scenario: by process, by event, by memory that nobody explains."""
    with pytest.raises(InvalidEnvError, match=told):
        processes_seen(*samples).judge(GPU, allow_shared_gpu=False)


def test_unseen_state_is_not_judged_and_says_so() -> None:
    """Without samples nobody knows whether the GPU was slowed down or shared."""
    reasons = processes_seen().judge(GPU, allow_shared_gpu=False)
    assert reasons["validity"].startswith("not judged: slowdowns and company: ")


def test_memory_before_the_first_process_is_not_its_own() -> None:
    """The one that measures may hold a context by then, which behind host ids is the second of ours."""
    now = Sample(at_s=99.0, used_bytes=2 * GIB, processes=(process(7, 1), process(8, 0.5)))
    watch = CaseWatch(GivenSamples([now]), before=Before(GIB, (process(7, 1),)))
    note_before(watch)
    assert (watch.before.used_bytes, watch.before.processes, watch.contexts) == (2 * GIB, (process(7, 1),), 2)
    alone = CaseWatch(GivenSamples([msgspec.structs.replace(now, processes=(process(7, 1),))]), before=watch.before)
    note_before(alone)
    assert alone.contexts == 1
    blind = CaseWatch(None, before=Before(5, None))
    note_before(blind)
    assert (blind.before.used_bytes, blind.contexts) == (5, 1)
