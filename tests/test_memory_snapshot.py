"""When the allocator's history is recorded and its snapshot written, on a stand-in for torch's functions."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from fixtures.memory.memory_snapshot import write_memory_snapshot
from tests.fake_cuda import FakeCuda, install_cuda


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    """Stand in for torch's allocator, with room for 100 bytes."""
    made = install_cuda(monkeypatch)
    made.total_bytes = 100
    return made


def taking(cuda: FakeCuda, *sizes: int) -> Callable[[], None]:
    def generate() -> None:
        cuda.calls.append("generate")
        for size in sizes:
            cuda.allocate(size)

    return generate


def test_history_is_on_while_the_case_generates_again(cuda: FakeCuda, tmp_path: Path) -> None:
    """It is written after the generation, into a folder that is made, and switched off."""
    write_memory_snapshot(tmp_path / "memory" / "x.pickle", taking(cuda, 60))
    assert cuda.calls == ["history all", "generate", "dump 60", "history None"]
    assert (tmp_path / "memory" / "x.pickle").is_file()


def test_snapshot_is_that_of_the_moment_when_memory_runs_out_again(cuda: FakeCuda, tmp_path: Path) -> None:
    """Running out is what the generation is repeated for, so it is no error here."""
    write_memory_snapshot(tmp_path / "x.pickle", taking(cuda, 60, 50))
    assert cuda.calls == ["history all", "generate", "dump 60", "history None"]


def test_any_other_error_is_raised_and_the_history_switched_off(cuda: FakeCuda, tmp_path: Path) -> None:
    """A history that stayed on would cost time in every case that follows."""

    def generate() -> None:
        raise torch.AcceleratorError("CUDA error: unspecified launch failure")

    with pytest.raises(torch.AcceleratorError):
        write_memory_snapshot(tmp_path / "x.pickle", generate)
    assert cuda.calls == ["history all", "history None"]
    assert not (tmp_path / "x.pickle").exists()


def test_without_a_generation_the_snapshot_is_that_of_now(cuda: FakeCuda, tmp_path: Path) -> None:
    """Where loading failed there is nothing to generate with."""
    cuda.allocate(30)
    write_memory_snapshot(tmp_path / "x.pickle")
    assert cuda.calls == ["dump 30"]
