"""Peak memory by phase on a stand-in for torch's counters; the real ones are read on a GPU only."""

import pytest
import torch

from fixtures.vram import CudaPeaks, NoPeaks, peaks_for


class Counters:
    """torch.cuda's peak counters: `peak` is what was allocated at most since the last reset."""

    def __init__(self) -> None:
        self.peak, self.reserved, self.resets = 0, 0, 0

    def reset(self) -> None:
        self.peak, self.resets = 0, self.resets + 1


@pytest.fixture
def counters(monkeypatch: pytest.MonkeyPatch) -> Counters:
    """Stand in for torch's counters."""
    made = Counters()
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: made.peak)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda: made.reserved)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", made.reset)
    return made


def test_peak_is_counted_to_the_phase_that_it_fell_in(counters: Counters) -> None:
    """A re-entered phase keeps its highest, the case the highest of all, and each phase starts from a fresh count."""
    peaks = peaks_for("cuda")
    for phase, peak, reserved in [("denoise", 50, 60), ("decode", 90, 100), ("denoise", 40, 100), ("decode", 80, 70)]:
        counters.peak, counters.reserved = peak, reserved
        peaks.phase_ended(phase)
        assert counters.peak == 0
    memory = peaks.memory(device_bytes=123)
    assert memory.phases_peak_allocated_bytes == {"denoise": 50, "decode": 90}
    assert (memory.peak_allocated_bytes, memory.peak_reserved_bytes, memory.peak_device_bytes) == (90, 100, 123)


def test_meter_of_a_case_starts_from_a_fresh_count(counters: Counters) -> None:
    """What the case before, or loading, had at its peak is not this case's."""
    counters.peak = 10**12
    assert isinstance(peaks_for("cuda"), CudaPeaks)
    assert (counters.peak, counters.resets) == (0, 1)


def test_cpu_has_no_peaks_rather_than_zero() -> None:
    """Nothing was measured, and 0 would say otherwise."""
    peaks = peaks_for("cpu")
    peaks.phase_ended("denoise")
    assert isinstance(peaks, NoPeaks)
    memory = peaks.memory(None)
    assert (memory.peak_allocated_bytes, memory.peak_reserved_bytes, memory.phases_peak_allocated_bytes) == (
        None,
        None,
        {},
    )
