"""What the script times as the harness is what the suite does in a case."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from fixtures.memory.vram import NoPeaks, Part
from models.discover import discover
from tests import measure_overhead
from tests.measure_overhead import measure, recipe_and_request


@dataclass
class AskingPeaks(NoPeaks):
    """A meter that asks the pipeline at every border and keeps what it was told."""

    parts: list[Part] = field(default_factory=list)
    told: list[dict[str, int]] = field(default_factory=list)

    def begin(self, part: Part) -> None:
        self.parts.append(part)

    def phase_ended(self, name: str) -> None:
        assert self.resident is not None, name
        self.told.append(dict(self.resident()))


def test_harness_meters_what_the_pipeline_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """One meter, the first call and the rounds apart, the pipeline asked in the clock; the bare loop has none of it."""
    made: list[AskingPeaks] = []

    def peaks_for(_device: str) -> Any:
        made.append(AskingPeaks())
        return made[-1]

    monkeypatch.setattr(measure_overhead, "peaks_for", peaks_for)
    spec = discover()["causvid-tiny"]
    recipe, request = recipe_and_request(spec)
    ratios = measure(spec.load(recipe), request, recipe.device, pairs=2)
    assert all(ratio > 0 for ratio in ratios)
    (peaks,) = made
    assert peaks.parts == ["first_call", "rounds", "rounds"]
    assert peaks.told
    assert len(peaks.told) % 3 == 0
    assert all("transformer" in told for told in peaks.told)
