"""`--preflight` says whether a run can start: a line a check, exit code 0 or 1, and what is wrong with which number."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.device.gpu import Gpu, GpuState
from fixtures.preflight import Check, company_checks
from models.discover import discover
from reports.record import PlannedCase
from tests.fake_nvml import GIB, FakeGpu, fake_nvml, install
from tests.inner_session import Ended, bench
from tests.reports_samples import planned


@pytest.fixture(autouse=True)
def bare_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder without a GPU and without weights."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeGpu:
    """Give a GPU that torch can use, and a block that needs none."""

    def no_block(_choice: object, _cases: Sequence[PlannedCase]) -> Check:
        return True, "block", "left out"

    gpu = FakeGpu(used_bytes=GIB)
    install(monkeypatch, fake_nvml([gpu]))
    monkeypatch.setattr("fixtures.preflight.torch_problem", lambda *_: None)
    monkeypatch.setattr("fixtures.preflight.block_check", no_block)
    return gpu


def preflight(*arguments: object) -> Ended:
    """Run the checks."""
    return bench("--preflight", *arguments)


def line(ended: Ended, name: str) -> str:
    """Give the line of one check."""
    (found,) = [row for row in ended.output.splitlines() if row[9:].startswith(f"{name} ")]
    return found


def test_toy_suite_generates_a_block_on_the_cpu(tmp_path: Path) -> None:
    """Without a GPU everything is checked that there is, one block included, and nothing is written."""
    ended = preflight()
    assert ended.code == 0, ended.output
    assert "PROBLEM" not in ended.output
    assert "the suite's cases run on the CPU" in line(ended, "GPU")
    assert "toy weights" in line(ended, "weights")
    assert "for all 19 cases" in line(ended, "time")
    assert "causvid-tiny: loaded in" in line(ended, "block")
    assert "(9 frames)" in line(ended, "block")
    # The one folder is pytest-benchmark's own.
    assert {path.name for path in tmp_path.iterdir()} <= {".benchmarks"}


def test_idle_gpu_passes(gpu: FakeGpu) -> None:
    """A GPU that torch can use and nobody else does is ready; random weights are announced."""
    ended = preflight()
    assert ended.code == 0, ended.output
    assert "NVIDIA H200, 141.0 GiB, driver 580.65.06" in line(ended, "GPU")
    assert "nobody else computes" in line(ended, "company")
    assert "RANDOM (" in line(ended, "weights")
    assert "not in the hub's cache: " in line(ended, "weights")


def test_asked_for_random_weights_are_no_lack(gpu: FakeGpu) -> None:
    """Random weights on purpose are named as such with what the cache lacks."""
    assert "RANDOM (" in line(preflight("--weights", "random"), "weights")


def test_torch_without_cuda_stops_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """When torch cannot use the GPU nothing else is worth a look: exit code 1, with wheel and driver."""
    monkeypatch.setattr("torch.version.cuda", None)
    install(monkeypatch, fake_nvml([FakeGpu()]))
    ended = preflight()
    assert ended.code == 1
    assert "is built without CUDA and cannot use NVIDIA H200" in line(ended, "GPU")
    assert "preflight: 1 problem(s)" in ended.output
    assert " company " not in ended.output


def test_other_processes_are_named(gpu: FakeGpu) -> None:
    """Somebody else's process on the GPU is a problem with its id and name."""
    gpu.processes = [(4711, GIB)]
    ended = preflight()
    assert ended.code == 1
    assert "1 other processes compute on GPU-1111" in line(ended, "company")
    assert "4711 (process-4711)" in line(ended, "company")
    allowed = preflight("--allow-shared-gpu")
    assert (allowed.code, line(allowed, "company")[:2]) == (0, "ok")
    assert "4711 (process-4711)" in line(allowed, "company")


@pytest.mark.parametrize(("used_bytes", "code"), [(GIB, 0), (GIB + 1, 1)])
def test_memory_in_use_betrays_a_hidden_neighbour(gpu: FakeGpu, used_bytes: int, code: int) -> None:
    """Up to 1 GiB in use are an idle driver's; a byte more is somebody behind a container's wall."""
    gpu.used_bytes = used_bytes
    ended = preflight()
    assert ended.code == code
    assert ("1.0 GiB are in use on" in line(ended, "company")) == (code == 1)


def test_full_disk_is_a_problem(gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little room for the run's clips is said before the first hour, not after it."""
    monkeypatch.setattr("fixtures.checks.shutil.disk_usage", lambda _path: SimpleNamespace(free=1))
    ended = preflight("--run-dir", "run")
    assert ended.code == 1
    assert "0.0 MiB free" in line(ended, "disk")
    assert not Path("run").exists()


def test_model_that_fails_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that cannot be loaded is a line and exit code 1, no traceback."""

    def load(_recipe: object) -> Any:
        raise RuntimeError("out of luck")

    specs = {name: replace(spec, load=load) for name, spec in discover().items()}
    monkeypatch.setattr("fixtures.choice.discover", lambda _folder: specs)
    ended = preflight()
    assert ended.code == 1
    assert "causvid-tiny: RuntimeError: out of luck" in line(ended, "block")
    assert "Traceback" not in ended.output


def test_torch_that_cannot_use_the_gpu_ends_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --preflight the same machine ends in exit code 4, naming wheel, driver and fix, before anything loads."""
    monkeypatch.setattr("torch.version.cuda", None)
    install(monkeypatch, fake_nvml([FakeGpu()], driver="550.54.15", cuda=12040))
    ended = bench("--suite", "smoke", "--weights", "random", "--run-dir", "run")
    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert "is built without CUDA and cannot use NVIDIA H200 (driver 550.54.15" in ended.output
    assert "install a torch wheel built for CUDA 12.4" in ended.output


def test_nvml_that_cannot_tell_is_not_taken_for_an_idle_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where NVML hides processes and memory the check says so."""
    monkeypatch.setattr("fixtures.preflight.other_processes", lambda _uuid: None)
    monkeypatch.setattr("fixtures.preflight.device_used_bytes", lambda _uuid: None)
    gpu = Gpu(index=0, uuid="GPU-a", name="NVIDIA H100", memory_bytes=None, driver="580")
    choice = SimpleNamespace(gpu=GpuState(gpus=(gpu,)))
    (found,) = company_checks(choice, [planned()])  # type: ignore[arg-type]
    assert found == (True, "company", "NVML cannot tell who else uses GPU-a")
