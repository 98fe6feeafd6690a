"""Flicker, cuts and loops: by hand, against scipy, at the limits, backwards, and growing with the defect."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import periodogram

from fixtures.metrics.clip import Clip
from fixtures.metrics.luma_flicker import luma_flicker
from fixtures.metrics.luma_flicker_hf import luma_flicker_hf
from fixtures.metrics.max_jump import max_jump
from fixtures.metrics.period_dip import period_dip
from fixtures.metrics.spec import NotApplicableError, apply_metrics, find_metrics
from fixtures.metrics.vbench_temporal_flickering import vbench_temporal_flickering
from tests.textured_clip import as_clip, grey_clip, textured

METRICS = {id_: find_metrics()[id_] for id_ in ("luma_flicker", "luma_flicker_hf", "max_jump")}
FEW = settings(max_examples=20, deadline=None)
Array = np.ndarray[Any, Any]


def verdict(id_: str, clip: Clip) -> str:
    return {metric.id: metric.verdict for metric in apply_metrics(METRICS, clip, "hub")}[id_]


def tones(levels: Sequence[float] | Array) -> Clip:
    """Give frames of 2×2 px of one rounded tone each."""
    return grey_clip(np.asarray(levels, dtype=np.float64).reshape(-1, 1, 1) * np.ones((1, 2, 2)))


def wandering(frames: int, seed: int = 0, step_codes: float = 1.0) -> Array:
    """Give tones that go up and down by about `step_codes`, unevenly and far from black and white."""
    steps = np.random.default_rng(seed).uniform(0.8, 1.2, size=frames) * step_codes
    return 128 + np.cumsum(np.where(np.arange(frames) // 10 % 2, -steps, steps))


def mean_tones(levels: Array, size_px: int = 32) -> Clip:
    """Give frames whose mean tone is that of `levels` to a thousandth: two codes, mixed."""
    pixels = size_px * size_px
    higher = np.rint((levels - np.floor(levels)) * pixels).astype(int)
    frames = [np.floor(level) + (np.arange(pixels) < count) for level, count in zip(levels, higher, strict=True)]
    return grey_clip(np.stack(frames).reshape(-1, size_px, size_px))


# Flicker


@pytest.mark.parametrize("frames", [3, 4, 24, 81])
def test_alternating_light_flickers_by_four_times_its_amplitude(frames: int) -> None:
    """Tones m ± a have second differences of ± 4 a: ± 4 % of 125 codes are 5, so 20."""
    assert luma_flicker(tones(125 + 5 * (-1.0) ** np.arange(frames))) == pytest.approx(20.0, rel=1e-5)


def test_steady_fade_does_not_flicker() -> None:
    """Its second differences are 0, and its spectrum has nothing that the parabola does not take."""
    fade = tones(np.arange(20, 60, 2))
    assert luma_flicker(fade) == pytest.approx(0.0, abs=1e-4)


def test_hf_share_of_two_waves_is_that_of_their_energies() -> None:
    """A slow wave of amplitude a has energy a²/2, alternation by b has b²: with 8 and 3 codes 9 / (32 + 9)."""
    at = np.arange(128)
    clip = mean_tones(128 + 8 * np.sin(2 * np.pi * at / 16) + 3 * (-1.0) ** at)
    assert luma_flicker_hf(clip) == pytest.approx(9 / (32 + 9), rel=0.01)


@pytest.mark.parametrize("frames", [8, 9, 24, 81])
def test_hf_share_is_scipys(frames: int) -> None:
    """By its one-sided periodogram on the same window, of what numpy's older polynomial fit leaves."""
    levels = np.random.default_rng(frames).uniform(90, 160, size=frames).round()
    at = np.arange(frames)
    rest = levels - np.polyval(np.polyfit(at, levels, 2), at)
    frequency, energy = periodogram(rest, window=np.hanning(frames), detrend=False)
    expected = energy[frequency > 0.25].sum() / energy.sum()
    assert luma_flicker_hf(tones(levels)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("levels", "flicker", "quick"),
    [
        (100 + 4 * (-1.0) ** np.arange(81), "fail", "fail"),
        (100 + 0.7 * (-1.0) ** np.arange(81), "warn", "warn"),
        (100 + 0.4 * (-1.0) ** np.arange(81), "within", "within"),
        (np.where(np.arange(81) < 40, 60, 160), "within", "within"),
    ],
)
def test_flicker_is_judged_by_both_together(levels: Array, flicker: str, quick: str) -> None:
    """±4 % fail; 2.8 codes warn; 1.6 codes, all of them quick, and a cut, of great but slow variation, are within."""
    clip = mean_tones(levels)
    assert (verdict("luma_flicker", clip), verdict("luma_flicker_hf", clip)) == (flicker, quick)


def test_cut_alone_would_break_the_limit_of_flicker() -> None:
    """That is why the limits go together."""
    cut = tones(np.where(np.arange(81) < 40, 60, 160))
    assert luma_flicker(cut) > 3
    assert luma_flicker_hf(cut) < 0.3


def test_steady_light_has_no_share_of_quick_variation() -> None:
    """Nothing varies, so there is nothing to take a share of; a fade is steady, too."""
    for levels in (np.full(16, 90.0), np.arange(16.0) * 3):
        with pytest.raises(NotApplicableError, match="the mean luma is steady"):
            luma_flicker_hf(tones(levels))
    assert luma_flicker(tones(np.full(16, 90.0))) == 0.0


@FEW
@given(amplitude=st.integers(1, 20), more=st.integers(1, 20), seed=st.integers(0, 99))
def test_stronger_flicker_is_more_of_both(amplitude: int, more: int, seed: int) -> None:
    """Over light that wanders."""
    swing = (-1.0) ** np.arange(40)
    some, much = (tones(wandering(40, seed).round() + size * swing) for size in (amplitude, amplitude + more))
    assert luma_flicker(some) < luma_flicker(much)
    assert luma_flicker_hf(some) < luma_flicker_hf(much)


# Cuts


def test_jump_is_measured_in_ordinary_changes() -> None:
    """Nineteen changes by 2 and one by 30."""
    levels = np.cumsum([0] + [2] * 10 + [30] + [2] * 9)
    assert max_jump(tones(levels)) == pytest.approx(15.0, rel=1e-5)


@pytest.mark.parametrize(("jump", "expected"), [(13, "within"), (14, "within"), (15, "warn"), (60, "warn")])
def test_cut_warns_beyond_seven_and_never_fails(jump: int, expected: str) -> None:
    """A cut may be asked for; by 14 codes where 2 are ordinary is exactly 7."""
    assert verdict("max_jump", tones(np.cumsum([0] + [2] * 10 + [jump] + [2] * 9))) == expected


@FEW
@given(jump=st.integers(10, 60), more=st.integers(1, 40), at=st.integers(3, 30))
def test_harder_cut_jumps_more(jump: int, more: int, at: int) -> None:
    """Wherever it is."""
    some, much = (np.cumsum([0] + [2] * at + [size] + [2] * (33 - at)) for size in (jump, jump + more))
    assert max_jump(tones(some)) < max_jump(tones(much))


# Loops


def test_clip_that_only_moves_away_does_not_dip() -> None:
    """However slowly it moves, D grows with the lag; naively, the least over the largest D would be 4 / 30."""
    assert period_dip(tones(np.arange(40) * 2)) == pytest.approx(1.0)


@pytest.mark.parametrize("period", [5, 8, 13])
def test_exact_loop_dips_to_nothing(period: int) -> None:
    """At a lag of its period."""
    levels = np.random.default_rng(period).permutation(period) * 7
    assert period_dip(tones(np.tile(levels, 5))) == 0.0


def test_dip_is_the_nearness_of_the_return() -> None:
    """Tones 0, 10, …, 50 in a loop whose every round is 1 brighter: D(6) = 1, of at most D(3) = 31 or 29 in halves."""
    levels = np.array([10 * (at % 6) + at // 6 for at in range(24)], dtype=float)
    apart = [np.abs(levels[lag:] - levels[:-lag]).mean() for lag in range(1, 19)]
    assert apart[5] == 1.0
    assert period_dip(tones(levels)) == pytest.approx(1 / max(apart[:6]), rel=1e-5)


def test_repetition_under_three_frames_is_no_loop() -> None:
    """Lags below 4 are flicker's; a lag above three quarters of the clip rests on too few frames."""
    levels = np.arange(40.0)
    levels[-5:] = levels[:5]
    assert period_dip(tones(levels)) > 0.6


@FEW
@given(noise=st.floats(1.0, 5.0), factor=st.floats(1.5, 2.5), seed=st.integers(0, 99))
def test_nearer_loop_dips_deeper(noise: float, factor: float, seed: int) -> None:
    """Under noise, which makes every round another."""
    rng = np.random.default_rng(seed)
    loop_THWC = np.tile(textured(10, 32, 48, seed, step_px=3), (4, 1, 1, 1))
    drawn_THWC = rng.normal(size=loop_THWC.shape)
    near, far = (period_dip(as_clip(loop_THWC + size * drawn_THWC)) for size in (noise, noise * factor))
    assert 0 < near < far < 1


def test_still_clip_has_nothing_to_come_back_from() -> None:
    """It is longest_freeze's."""
    with pytest.raises(NotApplicableError, match="no frame differs from another"):
        period_dip(tones(np.full(20, 7)))


# VBench's


def test_vbench_prefers_what_is_frozen() -> None:
    """Black and frozen have 1, uniform noise about 1 - 1/3, by VBench's formula over RGB; it has no limits."""
    assert vbench_temporal_flickering(tones(np.zeros(4))).value == 1.0
    assert vbench_temporal_flickering(as_clip(np.repeat(textured(1), 4, axis=0))).value == 1.0
    noise_THWC = np.random.default_rng(0).integers(0, 256, size=(4, 32, 32, 3))
    noisy = vbench_temporal_flickering(as_clip(noise_THWC))
    expected_T = (255 - np.abs(np.diff(noise_THWC, axis=0)).mean(axis=(1, 2, 3))) / 255
    assert noisy.per_frame == pytest.approx(expected_T)
    assert noisy.value == pytest.approx(2 / 3, abs=0.01)
    assert find_metrics()["vbench_temporal_flickering"].limits is None
