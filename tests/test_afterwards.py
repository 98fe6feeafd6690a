"""What follows the timed rounds costs only what it was for, unless it cost the device."""

from pathlib import Path
from typing import Any

import pytest
import torch

from fixtures.afterwards import afterwards
from fixtures.memory.vram import NoPeaks, Part
from fixtures.taken import Taken
from reports.merge import read_run
from tests.inner_session import bench
from tests.reports_samples import planned
from tests.running import FAULT_MODELS, write_suite
from tests.test_invalid_env import run_heat

FOURTH = "it failed after the timed rounds: OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"


def raiser(error: BaseException) -> Any:
    def step() -> None:
        raise error

    return step


def test_failure_is_a_reason_and_holds_nothing() -> None:
    """A profiler that finds the counters taken raises RuntimeError."""
    taken = Taken(planned())
    error = RuntimeError("CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED")
    afterwards(taken, "profile", raiser(error))
    assert taken.reasons["profile"].endswith("RuntimeError: CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED")


@pytest.mark.parametrize(
    "error", [torch.AcceleratorError("CUDA error: unspecified launch failure"), KeyboardInterrupt()]
)
def test_lost_device_and_interruption_go_on(error: BaseException) -> None:
    """The process must end for the one, and wants to for the other."""
    with pytest.raises(type(error)):
        afterwards(Taken(planned()), "profile", raiser(error))


@pytest.mark.parametrize("fault", ["oom", "raise"])
def test_profile_that_fails_costs_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """One call warms up, three are timed, the fifth is profiled; what the three rounds took stays a good case."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    begun: list[str] = []

    class Noting(NoPeaks):
        def begin(self, part: Part) -> None:
            begun.append(part)

    monkeypatch.setattr("fixtures.measure.peaks_for", lambda _device: Noting())
    suite = write_suite(tmp_path, {"fine": f"fault {fault} 5"})
    words = ("--models-dir", FAULT_MODELS, "--suite", suite, "--run-dir", tmp_path / "run", "--profile")
    ended = bench(*words)
    assert ended.code == 0, ended.output
    (case,) = read_run(tmp_path / "run").cases
    assert case.measurement is not None
    assert (case.status, len(case.measurement.rounds), case.measurement.profile) == ("passed", 3, None)
    assert case.measurement.reasons["profile"].startswith("it failed after the timed rounds: ")
    assert begun == ["load", "first_call", "rounds", "rounds", "rounds", "after"]


def test_generations_for_energy_that_fail_cost_the_energy(tmp_path: Path) -> None:
    """One warms up, two are timed, the fourth is for the energy."""
    heated = run_heat(tmp_path, {"cool": "fault oom 4"})
    case = heated.cases["native-cool"]
    assert (case["status"], len(case["measurement"]["rounds"])) == ("passed", 2), heated.done.stdout
    assert case["measurement"]["reasons"]["energy_repeats"] == FOURTH
    assert case["measurement"]["memory"]["out_of_memory"] is None


def test_environment_is_judged_before_anything_that_may_fail_after_it(tmp_path: Path) -> None:
    """A case on a hot GPU is measured again, whatever its profile would have met."""
    heated = run_heat(tmp_path, {"hot2": "fault raise 4"}, "--profile")
    assert heated.cases["native-hot2"]["attempts"][0]["status"] == "invalid_env"
