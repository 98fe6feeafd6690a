"""Peak memory by part and phase on a stand-in for torch's allocator; the real one is read on a GPU only."""

import pytest
import torch

from fixtures.memory.vram import CudaPeaks, NoPeaks, peaks_for, requested_bytes
from tests.fake_cuda import FakeCuda, install_cuda


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    """Stand in for torch's allocator."""
    return install_cuda(monkeypatch)


def visit(cuda: FakeCuda, peaks: CudaPeaks, phase: str, *, takes: int, before: int = 0) -> None:
    """Take and free `before` outside of the phase, then `takes` in it."""
    for size, begins in ((before, False), (takes, True)):
        if begins:
            peaks.phase_began()
        cuda.allocate(size)
        cuda.free(size)
    peaks.phase_ended(phase)


def started(part: str = "rounds") -> CudaPeaks:
    """Begin a part of a case on the device."""
    peaks = peaks_for("cuda")
    assert isinstance(peaks, CudaPeaks)
    peaks.begin(part)  # type: ignore[arg-type] # one of the three
    return peaks


def test_peak_is_counted_to_the_phase_that_it_fell_in(cuda: FakeCuda) -> None:
    """A phase entered again keeps its highest, what lies between phases is "outside", and the case has the highest."""
    peaks = started()
    for phase, takes, before in [("denoise", 50, 0), ("decode", 90, 70), ("denoise", 40, 20), ("decode", 80, 0)]:
        visit(cuda, peaks, phase, takes=takes, before=before)
    memory = peaks.memory(device_bytes=123)
    assert memory.phases_peak_allocated_bytes == {"outside": 70, "denoise": 50, "decode": 90}
    assert (memory.peak_allocated_bytes, memory.peak_reserved_bytes, memory.peak_device_bytes) == (90, 90, 123)
    reserved = {phase.phase: phase.peak_reserved_bytes for phase in memory.parts["rounds"].phases}
    assert reserved == {"outside": 90, "denoise": 90, "decode": 90}


def test_loading_first_call_and_rounds_are_apart(cuda: FakeCuda) -> None:
    """The case's peaks are those of the timed rounds; what loading and the first call took stands beside them."""
    peaks = started("load")
    cuda.allocate(10)
    peaks.phase_ended("load")
    for part, takes in (("first_call", 500), ("rounds", 30), ("rounds", 40)):
        cuda.allocate(1000)  # between the parts, as a look at the frames does
        cuda.free(1000)
        peaks.begin(part)  # type: ignore[arg-type] # one of the three
        visit(cuda, peaks, "denoise", takes=takes)
    memory = peaks.memory(None)
    assert {name: part.peak_allocated_bytes for name, part in memory.parts.items()} == {
        "load": 10,
        "first_call": 510,
        "rounds": 50,
    }
    assert memory.peak_allocated_bytes == 50
    assert memory.phases_peak_allocated_bytes == {"outside": 10, "denoise": 50}


def test_waterfall_adds_up_to_the_peak(cuda: FakeCuda) -> None:
    """What the pipeline keeps and the activations are together the peak, as they were at the phase's highest visit."""
    held = {"transformer": 30}
    cuda.allocate(30)
    peaks = started()
    peaks.resident = lambda: held
    visit(cuda, peaks, "denoise", takes=12)
    cuda.allocate(8)
    held = {"transformer": 30, "kv_caches": 8}
    visit(cuda, peaks, "denoise", takes=20)
    held = {"transformer": 30}
    cuda.free(8)
    visit(cuda, peaks, "denoise", takes=1)
    (denoise,) = [phase for phase in peaks.memory(None).parts["rounds"].phases if phase.phase == "denoise"]
    assert (denoise.components_bytes, denoise.activations_bytes) == ({"transformer": 30, "kv_caches": 8}, 20)
    assert denoise.peak_allocated_bytes == 58


def test_caches_given_up_between_two_phases_are_caches_not_activations(cuda: FakeCuda) -> None:
    """Whole-clip decoding: "outside" begins with the caches of a block and ends without them; so in every round."""
    held = {"transformer": 30}
    cuda.allocate(30)
    peaks = started()
    peaks.resident = lambda: held
    for activations in (5, 6):
        cuda.allocate(8)
        held = {"transformer": 30, "kv_caches": 8}
        visit(cuda, peaks, "denoise", takes=4)
        cuda.allocate(activations)
        cuda.free(activations + 8)
        held = {"transformer": 30}
        visit(cuda, peaks, "decode", takes=3)
    phases = {phase.phase: phase for phase in peaks.memory(None).parts["rounds"].phases}
    told = {
        name: (phase.components_bytes.get("kv_caches", 0), phase.activations_bytes) for name, phase in phases.items()
    }
    assert told == {"outside": (8, 6), "denoise": (8, 4), "decode": (0, 3)}


def test_components_never_exceed_the_peak_that_they_are_part_of(cuda: FakeCuda) -> None:
    """One that was freed and one that was allocated in the same stretch were not there together."""
    held = {"kv_caches": 20}
    cuda.allocate(20)
    peaks = started()
    peaks.resident = lambda: held
    peaks.begin("first_call")
    cuda.free(20)
    cuda.allocate(15)
    held = {"other_caches": 15}
    peaks.phase_ended("denoise")
    (denoise,) = peaks.memory(None).parts["first_call"].phases
    assert (denoise.components_bytes, denoise.activations_bytes) == ({"kv_caches": 20}, 0)


def test_pipeline_is_asked_once_a_border(cuda: FakeCuda) -> None:
    """Inside a round every call costs: two a phase, and one where a part begins."""
    asked: list[int] = []
    peaks = started()
    peaks.resident = lambda: asked.append(1) or {}  # type: ignore[func-returns-value]
    peaks.begin("rounds")
    for takes in (10, 9):
        visit(cuda, peaks, "denoise", takes=takes)
    assert len(asked) == 5


def test_pipeline_that_does_not_tell_has_no_activations(cuda: FakeCuda) -> None:
    """Without the components the rest of the peak is unknown, not all of it."""
    peaks = started()
    visit(cuda, peaks, "denoise", takes=10)
    assert peaks.memory(None).parts["rounds"].phases[-1].activations_bytes is None
    assert "does not tell" in peaks.reasons()["activations_bytes"]


def test_retries_failures_and_split_blocks_are_those_of_the_part(cuda: FakeCuda) -> None:
    """Torch counts since the process began; a part's are the difference. Retries say that the times are not plain."""
    cuda.retries, cuda.ooms = 7, 3
    peaks = started()
    cuda.retries, cuda.peak_split = 9, 5
    visit(cuda, peaks, "denoise", takes=1)
    cuda.ooms = 4
    visit(cuda, peaks, "denoise", takes=1)
    part = peaks.memory(None).parts["rounds"]
    assert (part.alloc_retries, part.ooms, part.peak_inactive_split_bytes) == (2, 1, 5)
    assert "2 allocations" in peaks.reasons()["alloc_retries"]


def test_what_was_held_when_memory_ran_out_is_kept_once(cuda: FakeCuda) -> None:
    """The first error that leaves a phase tells; its state is that of the moment, before anything is freed."""
    cuda.total_bytes = 100
    peaks = started("first_call")
    peaks.phase_began()
    cuda.allocate(70)
    with pytest.raises(torch.OutOfMemoryError) as caught:
        cuda.allocate(40)
    peaks.phase_failed("decode", caught.value)
    cuda.free(70)
    peaks.phase_failed("outside", caught.value)
    told = peaks.memory(None).out_of_memory
    assert told is not None
    assert (told.part, told.phase, told.allocated_bytes, told.reserved_bytes) == ("first_call", "decode", 70, 70)
    assert peaks.memory(None).parts["first_call"].ooms == 1
    assert peaks.memory(None).peak_allocated_bytes is None
    assert "no timed round" in peaks.reasons()["memory"]


def test_memory_that_runs_out_after_the_rounds_is_not_theirs(cuda: FakeCuda) -> None:
    """The case's peaks stay those of the timed rounds, and the error tells that it came after them."""
    cuda.total_bytes = 100
    peaks = started()
    visit(cuda, peaks, "denoise", takes=30)
    peaks.begin("after")
    cuda.allocate(90)
    with pytest.raises(torch.OutOfMemoryError) as caught:
        cuda.allocate(40)
    peaks.phase_failed("outside", caught.value)
    memory = peaks.memory(None)
    assert memory.out_of_memory is not None
    assert (memory.out_of_memory.part, memory.peak_allocated_bytes) == ("after", 30)
    assert memory.parts["after"].peak_allocated_bytes == 90


def test_other_errors_ask_the_device_nothing(cuda: FakeCuda) -> None:
    """After an illegal access any call would fail, and hide the error."""
    peaks = started()
    cuda.calls.clear()
    cuda.lost = True
    peaks.phase_failed("denoise", torch.AcceleratorError("CUDA error: an illegal memory access was encountered"))
    peaks.memory(None)
    assert cuda.calls == []


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity", 2 * 2**30),
        ("CUDA out of memory. Tried to allocate 20.50 MiB.", 20.5 * 2**20),
        ("Tried to allocate 512 bytes (...)", 512),
        ("CUDA error: out of memory", None),
    ],
)
def test_requested_bytes_are_read_from_torchs_words(message: str, expected: int | None) -> None:
    """Torch gives the size in a unit of its own; other errors have none."""
    assert requested_bytes(message) == expected


def test_cpu_has_no_peaks_rather_than_zero() -> None:
    """Nothing was measured, and 0 would say otherwise."""
    peaks = peaks_for("cpu")
    peaks.begin("rounds")
    peaks.phase_began()
    peaks.phase_ended("denoise")
    peaks.phase_failed("denoise", MemoryError())
    assert isinstance(peaks, NoPeaks)
    memory = peaks.memory(None)
    assert (memory.peak_allocated_bytes, memory.peak_reserved_bytes, memory.phases_peak_allocated_bytes) == (
        None,
        None,
        {},
    )
    assert (memory.parts, memory.out_of_memory) == ({}, None)
