"""Sessions on the stand-in for a CUDA device: what a record tells of memory, and what follows when it ran out."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fixtures.clock import HostTimeline
from reports.merge import read_run
from reports.record import CaseRecord, Run
from tests.examples.hungry_models import hungry
from tests.fake_cuda import GIB, FakeCuda, install_cuda
from tests.inner_session import Ended, bench
from tests.running import write_suite

HUNGRY = Path(hungry.__file__).parent
PROMPTS = {"fine": "fine", "big": "take 200 in decode", "last": "take 20 in denoise"}
Session = Callable[..., Ended]


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    """Stand in for a device of 80 GiB, half a GiB of which is the context's; torch confirms it."""
    made = install_cuda(monkeypatch)
    made.context_bytes = made.gpu.used_bytes = GIB // 2
    made.gpu.memory_bytes = made.total_bytes
    monkeypatch.setattr("fixtures.run.torch_problem", lambda *_: None)
    monkeypatch.setattr("fixtures.measure.timeline_for", lambda _device: HostTimeline())
    monkeypatch.setattr("fixtures.measure._host_memory", _host_memory)
    return made


def _host_memory(request: Any, *, pinned: bool) -> torch.Tensor:
    assert pinned
    return torch.empty((1, request.frames, 3, request.height, request.width), dtype=torch.uint8)


@pytest.fixture
def session(cuda: FakeCuda, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Give a function that runs these prompts with the hungry model and returns how the session ended."""
    monkeypatch.chdir(tmp_path)

    def run(prompts: dict[str, str], *arguments: object, **suite: Any) -> Ended:
        if "--resume" in arguments:
            return bench(f"--models-dir={HUNGRY}", *arguments)
        path = write_suite(tmp_path, prompts, model="hungry", **suite)
        chosen = ("--suite", path, "--weights", "random", "--run-dir", "run")
        return bench(f"--models-dir={HUNGRY}", *chosen, *arguments)

    return run


def cases(run: Run) -> dict[str, CaseRecord]:
    return {case.plan.prompt.id: case for case in run.cases}


def test_out_of_memory_tells_sizes_and_phase_and_the_next_case_passes(
    session: Session, cuda: FakeCuda, tmp_path: Path
) -> None:
    """The reason leads with what was requested, allocated and reserved in which phase; the recipe stays loaded."""
    assert session(PROMPTS).code == 1
    found = cases(read_run(tmp_path / "run"))
    assert [case.status for case in found.values()] == ["passed", "oom", "passed"]
    assert found["big"].reason.startswith(
        "memory ran out in phase 'decode' of a timed round: 200.00 GiB requested, 10.00 GiB allocated and 10.00 GiB "
        "reserved by torch: OutOfMemoryError: CUDA out of memory."
    )
    assert found["big"].measurement is not None
    out_of_memory = found["big"].measurement.memory.out_of_memory
    assert out_of_memory is not None
    assert out_of_memory.requested_bytes == 200 * GIB
    assert found["last"].measurement is not None
    assert found["last"].measurement.load_s is None
    assert cuda.fraction == 1.0


def test_known_allocation_in_a_known_phase_is_exactly_that_phases_peak(session: Session, tmp_path: Path) -> None:
    """20 GiB beside 10 GiB of weights; what waits between the rounds is nobody's."""
    session({"fine": "fine", "last": "take 20 in denoise"})
    measurement = cases(read_run(tmp_path / "run"))["last"].measurement
    assert measurement is not None
    memory = measurement.memory
    assert memory.phases_peak_allocated_bytes == {
        "outside": 10 * GIB,
        "text_encode": 10 * GIB,
        "denoise": 30 * GIB,
        "decode": 10 * GIB,
        "to_host": 10 * GIB,
    }
    (denoise,) = [phase for phase in memory.parts["rounds"].phases if phase.phase == "denoise"]
    assert (denoise.components_bytes, denoise.activations_bytes) == ({"transformer": 10 * GIB}, 20 * GIB)
    assert memory.host_peak_rss_bytes is not None
    assert memory.host_peak_rss_bytes > 0
    first = cases(read_run(tmp_path / "run"))["fine"].measurement
    assert first is not None
    assert {part: each.peak_allocated_bytes for part, each in first.memory.parts.items()} == {
        "load": 10 * GIB,
        "first_call": 10 * GIB,
        "rounds": 10 * GIB,
    }


def test_snapshot_with_history_is_written_where_memory_ran_out_only(
    session: Session, cuda: FakeCuda, tmp_path: Path
) -> None:
    """The case generates once more with the history on, after what its error held was let go."""
    session(PROMPTS)
    found = cases(read_run(tmp_path / "run"))
    name = "memory/speed-hungry-native-big-s0.pickle"
    assert [case.measurement and case.measurement.memory.snapshot for case in found.values()] == [None, name, None]
    assert (tmp_path / "run" / name).is_file()
    history = [call for call in cuda.calls if call.startswith(("history", "dump"))]
    assert history == ["history all", f"dump {10 * GIB}", "history None"]


def test_snapshot_that_cannot_be_written_costs_the_snapshot_alone(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The case stays out of memory, and its reasons say what became of the file."""

    def refuse(_path: str) -> None:
        raise OSError("no room")

    monkeypatch.setattr(torch.cuda.memory, "_dump_snapshot", refuse)
    session(PROMPTS)
    big = cases(read_run(tmp_path / "run"))["big"]
    assert (big.status, big.measurement and big.measurement.memory.snapshot) == ("oom", None)
    assert big.measurement is not None
    assert "OSError: no room" in big.measurement.reasons["snapshot"]


def test_limit_holds_from_loading_on_and_is_lifted_after_the_recipe(
    session: Session, cuda: FakeCuda, tmp_path: Path
) -> None:
    """25 GiB hold the weights and 10 more, not 20; the reason names the limit."""
    prompts = {"small": "take 10 in denoise", "big": "take 20 in denoise", "again": "take 15 in denoise"}
    session(prompts, more="memory_limit_gib = 25")
    found = cases(read_run(tmp_path / "run"))
    assert [case.status for case in found.values()] == ["passed", "oom", "passed"]
    assert "reserved by torch, memory_limit_gib is 25:" in found["big"].reason
    assert cuda.fraction == 1.0
    assert session({"small": "fine"}, "--run-dir", "other", more="memory_limit_gib = 9.5").code == 1
    (case,) = read_run(tmp_path / "other").cases
    assert case.reason.startswith("memory ran out in phase 'load' of loading: 10.00 GiB requested, 0.00 GiB allocated")
    assert case.measurement is not None
    assert case.measurement.memory.snapshot is not None


def test_recipe_is_unloaded_where_its_level_is_not_reached(session: Session, cuda: FakeCuda, tmp_path: Path) -> None:
    """A pipeline that keeps what a cut off call took is dropped, and the next case loads it anew."""
    assert session({"fine": "fine", "hoard": "hoard 5 in denoise", "last": "fine too"}).code == 1
    found = cases(read_run(tmp_path / "run"))
    assert [case.status for case in found.values()] == ["passed", "oom", "passed"]
    assert found["last"].measurement is not None
    assert found["last"].measurement.load_s is not None
    assert cuda.allocated == 0


def test_run_stops_where_the_device_stays_full_and_goes_on_in_a_new_process(
    session: Session, cuda: FakeCuda, tmp_path: Path
) -> None:
    """50 GiB that nobody gives back: one sentence with the numbers, exit code 1, and --resume runs the rest."""
    ended = session({"fine": "fine", "leak": "keep 200 in denoise", "last": "fine too"})
    assert ended.code == 1
    assert (
        "memory ran out, and 50.50 GiB are in use on the device after the recipe was unloaded, 0.50 GiB were before it "
        "was loaded, limit 1.00 GiB more, 49.00 GiB over; go on in a new process with --resume"
    ) in ended.output
    assert [case.status for case in read_run(tmp_path / "run").cases] == ["passed", "oom", "not_run"]
    cuda.leaked.clear()
    cuda.empty_cache()
    assert session({}, "--resume", "run").code == 1
    assert [case.status for case in read_run(tmp_path / "run").cases] == ["passed", "oom", "passed"]


def test_full_device_is_judged_without_nvml_too(session: Session, cuda: FakeCuda) -> None:
    """Where NVML does not know the device, CUDA's own count decides."""
    cuda.gpu.uuid = "MIG-of-another-name"
    ended = session({"fine": "fine", "leak": "keep 200 in denoise", "last": "fine too"})
    assert "50.50 GiB are in use on the device" in ended.output
    assert "mem_get_info" in cuda.calls


def test_lost_device_is_not_called_again_and_ends_the_process_with_70(
    session: Session, cuda: FakeCuda, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The case's line and every view are written from what is known; what comes after it has not run."""
    ends: list[int] = []
    monkeypatch.setattr(os, "_exit", ends.append)
    ended = session({"fine": "fine", "sticky": "lose 0 in denoise", "last": "fine too"})
    assert cuda.calls == []
    assert (ended.code, ends) == (1, [70])
    found = cases(read_run(tmp_path / "run"))
    assert [case.status for case in found.values()] == ["passed", "crashed", "not_run"]
    assert "device-side assert triggered" in found["sticky"].reason
    assert found["sticky"].measurement is not None
    assert found["sticky"].measurement.devices[0].name == "a fake GPU"
    assert "the CUDA device is lost to this process; go on in a new process with --resume" in ended.output
    for view in ("run.json", "benchmark.json", "report.html", "summary.txt"):
        assert (tmp_path / "run" / view).is_file()


def test_device_that_is_found_lost_while_cleaning_up_ends_the_process_too(
    session: Session, cuda: FakeCuda, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CUDA tells late: here of a kernel's error only when the cache is emptied after a failure of another kind."""
    ends: list[int] = []
    monkeypatch.setattr(os, "_exit", ends.append)

    def empty_cache() -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    def stumble(*_: object) -> None:
        monkeypatch.setattr(torch.cuda, "empty_cache", empty_cache)
        raise ValueError("something else")

    monkeypatch.setattr("fixtures.measure.measure_clip", stumble)
    session({"fine": "fine", "last": "fine too"})
    assert ends == [70]
    found = cases(read_run(tmp_path / "run"))
    assert [case.status for case in found.values()] == ["error", "not_run"]
    assert "ValueError: something else; then AcceleratorError: CUDA error: an illegal" in found["fine"].reason


def test_device_that_does_not_answer_after_memory_ran_out_ends_the_process_too(
    session: Session, cuda: FakeCuda, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking for its level is a call like any other."""
    ends: list[int] = []
    monkeypatch.setattr(os, "_exit", ends.append)

    def fail(_resident: object) -> None:
        raise torch.AcceleratorError("CUDA error: unknown error")

    monkeypatch.setattr("fixtures.recovery.recover", fail)
    ended = session(PROMPTS)
    assert ends == [70]
    assert "memory ran out, and the device does not answer any more: CUDA error: unknown error; go on" in ended.output
    assert [case.status for case in read_run(tmp_path / "run").cases] == ["passed", "oom", "not_run"]
