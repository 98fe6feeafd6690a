"""What a case tells when memory ran out: the note on its error, and the state that its snapshot shows."""

from pathlib import Path

import pytest
import torch

from fixtures.memory.out_of_memory import explain, in_words, keep_snapshot
from fixtures.memory.vram import peaks_for
from fixtures.taken import Taken
from reports.memory_record import OutOfMemory
from tests.examples.hungry_models.hungry import Held
from tests.fake_cuda import GIB, FakeCuda, install_cuda
from tests.reports_samples import planned


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    """Stand in for a device of 80 GiB."""
    return install_cuda(monkeypatch)


def test_words_have_every_number_the_phase_and_the_limit() -> None:
    """A size that torch did not name is unknown, not 0."""
    told = OutOfMemory(
        part="first_call",
        phase="decode",
        requested_bytes=2 * GIB,
        allocated_bytes=21 * GIB,
        reserved_bytes=int(22.5 * GIB),
    )
    assert in_words(told, None) == (
        "memory ran out in phase 'decode' of the first call: 2.00 GiB requested, 21.00 GiB allocated and 22.50 GiB "
        "reserved by torch"
    )
    unknown = OutOfMemory(part="load", phase="load", requested_bytes=None, allocated_bytes=0, reserved_bytes=0)
    assert "in phase 'load' of loading: an unknown amount requested, 0.00 GiB allocated" in in_words(unknown, 23.0)
    assert in_words(unknown, 23.0).endswith(", memory_limit_gib is 23")


def full() -> None:
    """Run out of memory while 30 GiB are held."""
    held = Held(30)
    Held(60)
    del held


def failed(taken: Taken, folder: Path) -> torch.OutOfMemoryError:
    """Explain an error whose frames still hold what they held."""
    with pytest.raises(torch.OutOfMemoryError) as caught:
        full()
    explain(caught.value, taken, folder)
    return caught.value


def test_snapshot_of_a_failed_load_is_that_of_the_moment(cuda: FakeCuda, tmp_path: Path) -> None:
    """There is nothing to generate with, and the error's frames still hold what filled the device."""
    taken = Taken(planned(), peaks=peaks_for("cuda"))
    error = failed(taken, tmp_path)
    assert f"dump {30 * GIB}" in cuda.calls
    (note,) = error.__notes__
    assert note == (
        "memory ran out in phase 'outside' of a timed round: 60.00 GiB requested, 30.00 GiB allocated and 30.00 GiB "
        "reserved by torch"
    )
    assert taken.snapshot == "memory/speed-causvid-1.3b-480p81-dogs-s0.pickle"
    assert (tmp_path / taken.snapshot).is_file()


def test_case_generates_again_on_a_device_without_what_its_error_held(cuda: FakeCuda, tmp_path: Path) -> None:
    """Otherwise the history would end at another allocation than the one that failed."""
    found: list[int] = []
    taken = Taken(planned(), peaks=peaks_for("cuda"), again=lambda: found.append(cuda.allocated))
    failed(taken, tmp_path)
    assert found == [0]


def test_refused_snapshot_is_a_reason(cuda: FakeCuda, tmp_path: Path) -> None:
    """The folder cannot be made: the case keeps its outcome and says why there is no file."""
    (tmp_path / "memory").write_text("a file where the folder should be")
    taken = Taken(planned(), peaks=peaks_for("cuda"))
    keep_snapshot(taken, tmp_path)
    assert taken.snapshot is None
    assert "could not be written: FileExistsError" in taken.reasons["snapshot"]


def test_device_lost_while_generating_for_the_snapshot_goes_on(cuda: FakeCuda, tmp_path: Path) -> None:
    """The process must end: the next case would fail for it."""

    def lose() -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(torch.AcceleratorError):
        keep_snapshot(Taken(planned(), peaks=peaks_for("cuda"), again=lose), tmp_path)
