"""Luma, clipped shares and unused codes: worked out by hand, at their boundaries, and growing with the defect."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.metrics.clip import Clip
from fixtures.metrics.clip_hi import clip_hi
from fixtures.metrics.clip_lo import clip_lo
from fixtures.metrics.empty_codes import empty_codes
from fixtures.metrics.spec import apply_metrics, find_metrics
from fixtures.metrics.y_mean import y_mean
from fixtures.metrics.y_std import y_std
from tests.textured_clip import as_clip, grey_clip, textured

METRICS = {id_: find_metrics()[id_] for id_ in ("y_mean", "y_std", "clip_lo", "clip_hi", "empty_codes")}
FEW = settings(max_examples=8, deadline=None)


def verdicts(clip: Clip) -> dict[str, str]:
    return {metric.id: metric.verdict for metric in apply_metrics(METRICS, clip, "hub")}


def test_mean_and_deviation_are_those_of_the_pixels() -> None:
    """Two frames: 0, 0, 30, 30 has mean 15 and deviation 15; 10, 10, 10, 50 has 20 and √300."""
    clip = grey_clip(np.array([[[0, 0], [30, 30]], [[10, 10], [10, 50]]]))
    assert y_mean(clip).per_frame == pytest.approx((15.0, 20.0))
    assert y_std(clip).per_frame == pytest.approx((15.0, math.sqrt(300.0)))
    assert y_std(clip).value == pytest.approx((15.0 + math.sqrt(300.0)) / 2)


@pytest.mark.parametrize(("rgb", "luma"), [((255, 0, 0), 76.245), ((0, 255, 0), 149.685), ((0, 0, 255), 29.07)])
def test_luma_weighs_the_primaries_as_bt601_does(rgb: tuple[int, ...], luma: float) -> None:
    """0.299, 0.587 and 0.114 of 255."""
    assert y_mean(as_clip(np.full((1, 2, 2, 3), rgb))).value == pytest.approx(luma, rel=1e-5)


def test_mean_and_deviation_are_numpys() -> None:
    """A second implementation, in float64, on a picture with colours."""
    frames_THWC = textured()
    luma_THW = frames_THWC.astype(np.float64) @ [0.299, 0.587, 0.114]
    assert y_mean(as_clip(frames_THWC)).per_frame == pytest.approx(luma_THW.mean(axis=(1, 2)), rel=1e-5)
    assert y_std(as_clip(frames_THWC)).per_frame == pytest.approx(luma_THW.std(axis=(1, 2)), rel=1e-5)


@pytest.mark.parametrize(
    ("code", "black", "white"),
    [(0, 1, 0), (2, 1, 0), (3, 0, 0), (128, 0, 0), (252, 0, 0), (253, 0, 1), (255, 0, 1)],
)
def test_clipped_shares_begin_at_codes_2_and_253(code: int, black: int, white: int) -> None:
    """The last code that counts, and the first that does not."""
    clip = grey_clip(np.full((2, 3, 3), code))
    assert (clip_lo(clip).value, clip_hi(clip).value) == (black, white)


def test_clipped_shares_have_a_series_that_shows_growing() -> None:
    """One, then three of four pixels are white."""
    clip = grey_clip(np.array([[[255, 9], [9, 9]], [[255, 254], [253, 9]]]))
    assert (clip_hi(clip).value, clip_hi(clip).per_frame) == (0.5, (0.25, 0.75))


@FEW
@given(gain=st.floats(1.0, 4.0), more=st.floats(1.2, 2.0), seed=st.integers(0, 99))
def test_growing_exposure_grows_mean_and_white(gain: float, more: float, seed: int) -> None:
    """Over-exposure is seen as light, and as white once it clips."""
    less_clip, more_clip = (as_clip(textured(2, 32, 32, seed) * float(factor)) for factor in (gain, gain * more))
    assert y_mean(more_clip).value > y_mean(less_clip).value
    assert clip_hi(more_clip).value >= clip_hi(less_clip).value
    assert clip_hi(as_clip(textured(2, 32, 32, seed) * 26.0)).value == 1.0


@FEW
@given(share=st.floats(0.05, 0.45), seed=st.integers(0, 99))
def test_growing_black_grows_its_share(share: float, seed: int) -> None:
    """Crushing the darkest share of the pixels makes about that share black, and more makes more."""
    frames_THWC = textured(2, 32, 32, seed).astype(np.float64)
    luma_THW = frames_THWC @ [0.299, 0.587, 0.114]
    some, more = (
        clip_lo(as_clip(frames_THWC * (luma_THW > np.quantile(luma_THW, part))[..., None])).value
        for part in (share, 2 * share)
    )
    assert some == pytest.approx(share, abs=0.02)
    assert more > some


@FEW
@given(factor=st.sampled_from([2, 3, 4]), seed=st.integers(0, 99))
def test_scaled_luma_scales_mean_and_deviation(factor: int, seed: int) -> None:
    """Both are linear, while nothing clips."""
    luma_THW = textured(2, 16, 16, seed)[..., 1] // 4
    for metric in (y_mean, y_std):
        assert metric(grey_clip(luma_THW * factor)).value == pytest.approx(factor * metric(grey_clip(luma_THW)).value)


def test_every_code_of_a_ramp_is_used() -> None:
    """A smooth shade has no gap."""
    assert empty_codes(grey_clip(np.arange(256).reshape(1, 16, 16))).value == 0.0


@pytest.mark.parametrize(("step", "share"), [(2, 125 / 251), (4, 189 / 253), (16, 225 / 241)])
def test_posterised_ramp_leaves_the_codes_between_its_steps_empty(step: int, share: float) -> None:
    """Of the codes from the first percentile's to the 99th's, all but every `step`-th."""
    assert empty_codes(grey_clip(np.arange(256).reshape(1, 16, 16) // step * step)).value == pytest.approx(share)


def test_codes_that_are_hardly_used_count_as_empty() -> None:
    """A few stray pixels between two tones do not make a shade: 1 % of the mean count is the limit."""
    luma = np.repeat([100, 120], 5000)
    luma[:3] = [105, 110, 115]
    assert empty_codes(grey_clip(luma.reshape(1, 100, 100))).value == pytest.approx(19 / 21)
    luma[:15] = np.repeat([105, 110, 115], 5)
    assert empty_codes(grey_clip(luma.reshape(1, 100, 100))).value == pytest.approx(16 / 21)


def test_coarser_posterising_leaves_more_codes_empty() -> None:
    """Fewer bits, more gaps; with two bits it is a defect."""
    frames_THWC = textured(4)
    clean, *posterised = (empty_codes(as_clip(frames_THWC // step * step)).value for step in (1, 16, 32, 64))
    assert clean < 0.03
    assert clean <= posterised[0] < posterised[1] < posterised[2]
    assert posterised[2] > 0.20


@pytest.mark.parametrize("tone", [0, 128, 255])
def test_one_tone_fails(tone: int) -> None:
    """Black, grey and white have no spread of luma."""
    assert verdicts(grey_clip(np.full((4, 32, 32), tone)))["y_std"] == "fail"


def test_black_and_white_fail_by_their_share() -> None:
    """Each by its own side only."""
    black, white = (verdicts(grey_clip(np.full((4, 32, 32), tone))) for tone in (0, 255))
    assert (black["clip_lo"], black["clip_hi"]) == ("fail", "within")
    assert (white["clip_lo"], white["clip_hi"]) == ("within", "fail")


def test_ordinary_picture_is_within_every_limit() -> None:
    """What has no limits is not judged."""
    found = verdicts(as_clip(textured()))
    assert found.pop("y_mean") == "not judged"
    assert set(found.values()) == {"within"}
