"""A case under a real memory limit: what is refused before anything is loaded, and how torch is told."""

from pathlib import Path

import msgspec
import pytest

from fixtures.device.gpu import Gpu
from fixtures.memory.memory_limit import refuse_limits_beyond, set_memory_limit
from fixtures.suite import SuiteError
from reports.record import PlannedCase
from tests.fake_cuda import GIB, FakeCuda, install_cuda
from tests.inner_session import collect
from tests.reports_samples import planned


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    """Stand in for a device of 80 GiB."""
    return install_cuda(monkeypatch)


def limited(limit_gib: float) -> PlannedCase:
    case = planned()
    return msgspec.structs.replace(case, recipe=msgspec.structs.replace(case.recipe, memory_limit_gib=limit_gib))


def gpu(memory_bytes: int | None) -> Gpu:
    return Gpu(index=0, uuid="GPU-0", name="a GPU", memory_bytes=memory_bytes, driver="580")


def test_limit_is_a_fraction_of_the_device_and_is_lifted(cuda: FakeCuda) -> None:
    """20 of 80 GiB are a quarter; without a limit all of it may be taken."""
    set_memory_limit(20)
    assert cuda.fraction == 0.25
    set_memory_limit(80)
    assert cuda.fraction == 1.0
    set_memory_limit(20)
    set_memory_limit(None)
    assert cuda.fraction == 1.0


def test_limit_above_the_device_is_an_error_with_both_numbers(cuda: FakeCuda) -> None:
    """It would limit nothing, and the case would seem to have been run on a larger card."""
    with pytest.raises(ValueError, match=r"memory_limit_gib is 80.5, but the device has 80.00 GiB"):
        set_memory_limit(80.5)
    assert cuda.fraction == 1.0


def test_limit_above_the_gpu_is_refused_before_loading() -> None:
    """At the card's memory it passes, above it the message has both numbers and the excess."""
    refuse_limits_beyond([gpu(80 * GIB)], [limited(80), planned()])
    refuse_limits_beyond([gpu(None)], [limited(1000)])
    refuse_limits_beyond([], [limited(1000)])
    with pytest.raises(SuiteError, match=r"memory_limit_gib is 81, but a GPU has 80.00 GiB, 1.00 GiB less"):
        refuse_limits_beyond([gpu(80 * GIB)], [limited(80), limited(81)])


def test_limit_on_the_cpu_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Toy models run on the CPU, which has no such limit: exit code 4 and one sentence."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.chdir(tmp_path)
    ended = collect("--suite", "tiny", "--set", "memory_limit_gib=4")
    assert ended.code == 4
    assert "memory_limit_gib is 4, but this case runs on the CPU; a limit needs a CUDA device" in ended.output


@pytest.mark.parametrize("value", ["0", "-1", "inf", "nan", "much"])
def test_limit_that_is_no_size_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str) -> None:
    """A limit is a finite number of GiB above 0."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.chdir(tmp_path)
    ended = collect("--suite", "quick", "--set", f"memory_limit_gib={value}")
    assert ended.code == 4
    assert "memory_limit_gib" in ended.output


def test_limit_is_part_of_the_case(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two limits are two recipes, each recorded with its source, and their cases have ids of their own."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.chdir(tmp_path)
    ended = collect("--suite", "quick", "--model", "causvid-1.3b", "--set", "memory_limit_gib=16,23.5")
    limits = {case.recipe.memory_limit_gib: case for case in ended.cases}
    assert set(limits) == {16.0, 23.5}
    assert "memory_limit_gib=23.5" in limits[23.5].id
    assert limits[23.5].sources["memory_limit_gib"].startswith("setting ")
