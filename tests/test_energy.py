"""Joules a case: how long the window is, what stands in it, and when the counter is believed."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from fixtures.device.energy import AGREE_RATIO, Generations, energy_of, repeat, rounds_are_long
from fixtures.device.sampler import Sample
from tests.reports_samples import a_round


def generated(start_s: float, total_s: float, videos: int = 1) -> Any:
    """Stand for a generation of 81 frames a video."""
    frames_BTCHW = torch.zeros((videos, 81, 3, 1, 1), dtype=torch.uint8)
    return SimpleNamespace(frames_BTCHW=frames_BTCHW, times=a_round(total_s), start_s=start_s)


def rounds_of(*totals_s: float) -> Generations:
    """Give rounds with a second between them, the first at 100 s."""
    made, start_s = Generations(), 100.0
    for total_s in totals_s:
        made.add(generated(start_s, total_s))
        start_s += total_s + 1.0
    return made


def readings(end_s: float, *, power_w: float = 500.0, counted_w: float = 500.0, instant: bool = True) -> list[Sample]:
    """Read constant power and a counter that grows by `counted_w`, four times a second from 100 s on."""
    moments = [100.0 + 0.25 * n for n in range(int(4 * (end_s - 100.0)) + 1)]
    return [
        Sample(at_s=at, power_w=power_w, power_is_instant=instant, energy_j=7000.0 + counted_w * (at - 100.0))
        for at in moments
    ]


@pytest.mark.parametrize(("totals_s", "long"), [((15.0, 15.0), True), ((14.99, 60.0), False), ((4.0,), False)])
def test_every_round_must_be_long_enough(totals_s: tuple[float, ...], long: bool) -> None:
    """15 s is long enough, just under it is not."""
    assert rounds_are_long(rounds_of(*totals_s)) is long


def test_short_generations_fill_one_window_back_to_back() -> None:
    """Four of 4.3 s are the first to reach 15 s; two clips a generation count twice."""
    times = iter([100.0 + 4.3 * n for n in range(99)])
    made = repeat(lambda: generated(next(times), 4.3, videos=2))
    assert [(window.start_s, round(window.end_s, 6)) for window in made.windows] == [(100.0, 117.2)]
    assert (made.source, made.videos, made.frames) == ("repeated", 8, 648)


def test_at_least_one_generation_is_made() -> None:
    """One that is long enough by itself is enough."""
    made = repeat(lambda: generated(100.0, 15.0))
    assert (made.videos, len(made.windows)) == (1, 1)


def test_rounds_are_windows_of_their_own() -> None:
    """The second between two rounds is not counted: 2 x 20 s at 500 W."""
    energy, reasons = energy_of(readings(145.0), rounds_of(20.0, 20.0))
    assert energy is not None
    assert (energy.source, energy.windows_s, energy.videos, energy.frames) == ("rounds", [20.0, 20.0], 2, 162)
    assert energy.counter_j == pytest.approx(20_000.0)
    assert energy.integrated_j == pytest.approx(20_000.0)
    assert (energy.cross_check, reasons) == ("agrees", {})


@pytest.mark.parametrize(
    ("apart", "verdict"),
    [(AGREE_RATIO, "agrees"), (AGREE_RATIO + 1e-6, "disagrees"), (0.43, "disagrees"), (-0.43, "disagrees")],
)
def test_disagreement_over_the_limit_is_marked(apart: float, verdict: str) -> None:
    """Up to 5 % of the counter is agreement; beyond it, above or below, the reason has both numbers."""
    energy, reasons = energy_of(readings(125.0, power_w=512.0 * (1 - apart), counted_w=512.0), rounds_of(20.0))
    assert energy is not None
    assert energy.cross_check == verdict
    if verdict == "disagrees":
        assert "the energy counter says 10240.0 J, integrated instantaneous power" in reasons["energy_cross_check"]
    else:
        assert reasons == {}


def test_short_window_is_not_cross_checked() -> None:
    """The joules are told all the same, and why nobody checked them."""
    energy, reasons = energy_of(readings(125.0, counted_w=900.0), rounds_of(14.9))
    assert energy is not None
    assert energy.cross_check == "not cross-checked"
    assert energy.counter_j == pytest.approx(14.9 * 900.0)
    assert reasons["energy_cross_check"] == "a window of 14.9 s is too short for it, the least is 15 s"


def test_average_power_is_no_cross_check() -> None:
    """A one-second average trails behind: it is integrated, but judges nothing. Nor does power that is not told."""
    energy, reasons = energy_of(readings(125.0, counted_w=900.0, instant=False), rounds_of(20.0))
    assert energy is not None
    assert energy.cross_check == "not cross-checked"
    assert energy.integrated_j == pytest.approx(10_000.0)
    assert "NVML_FI_DEV_POWER_INSTANT" in reasons["energy_cross_check"]
    blind = [Sample(at_s=s.at_s, energy_j=s.energy_j) for s in readings(125.0)]
    energy, reasons = energy_of(blind, rounds_of(20.0))
    assert energy is not None
    assert (energy.cross_check, energy.integrated_j) == ("not cross-checked", None)
    assert "did not tell power" in reasons["energy_cross_check"]


@pytest.mark.parametrize("samples", [[], readings(119.0), readings(125.0, counted_w=0.0)])
def test_no_energy_without_a_counter_over_every_window(samples: list[Sample]) -> None:
    """No readings, readings that end too early, and a counter that stands still: None with a reason, never 0."""
    energy, reasons = energy_of(samples, rounds_of(20.0))
    assert energy is None
    assert reasons == {"energy": "NVML's energy counter did not tell of every window"}
