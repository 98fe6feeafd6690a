"""Colour, light and their drift: against scikit-image and numpy, worked out by hand, and growing with the defect."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2lab

from fixtures.metrics.ab_shift import ab_shift
from fixtures.metrics.chroma_drift import chroma_drift
from fixtures.metrics.chroma_slope import chroma_slope
from fixtures.metrics.clip import Clip
from fixtures.metrics.colourfulness import colourfulness
from fixtures.metrics.contrast_drift import contrast_drift
from fixtures.metrics.lightness_drift import lightness_drift
from fixtures.metrics.spec import apply_metrics, find_metrics
from tests.textured_clip import Frames, as_clip, grey_clip, over_time, saturated, textured

METRICS = {id_: find_metrics()[id_] for id_ in ("chroma_drift", "L_drift", "contrast_drift")}
FEW = settings(max_examples=8, deadline=None)


def verdicts(clip: Clip) -> dict[str, str]:
    return {metric.id: metric.verdict for metric in apply_metrics(METRICS, clip, "hub")}


def ramp(seed: int, saturation: float = 1.0, gain: float = 1.0, offset: float = 0.0) -> Clip:
    """Give a standing picture whose saturation, light and level go from none of the change to all of it."""

    def change(frame_HWC: Frames, at: float) -> Frames:
        return saturated(frame_HWC, 1 + (saturation - 1) * at) * (1 + (gain - 1) * at) + offset * at

    picture_HWC = saturated(textured(1, 32, 32, seed)[0].astype(np.float32), 0.5)
    return as_clip(over_time(np.repeat(picture_HWC[None], 8, axis=0), change))


def colours(*rgb: tuple[int, int, int], fps: float = 16.0) -> Clip:
    """Give a clip of one colour a frame."""
    return as_clip(np.array(rgb).reshape(-1, 1, 1, 3) * np.ones((1, 2, 2, 1)), fps)


def test_lab_series_are_scikit_images() -> None:
    """Means and deviations within 0.15 of a unit: OpenCV interpolates what scikit-image computes."""
    frames_THWC = textured()
    lab_THWC = rgb2lab(frames_THWC)
    lightness, a, b = np.moveaxis(lab_THWC, -1, 0)
    series = as_clip(frames_THWC).lab_series
    axes = (1, 2)
    np.testing.assert_allclose(series.lightness_T, lightness.mean(axes), atol=0.15)
    np.testing.assert_allclose(series.contrast_T, lightness.std(axes), atol=0.15)
    np.testing.assert_allclose(series.a_T, a.mean(axes), atol=0.15)
    np.testing.assert_allclose(series.b_T, b.mean(axes), atol=0.15)
    np.testing.assert_allclose(series.chroma_T, np.hypot(a, b).mean(axes), atol=0.15)


def test_drifts_are_those_of_scikit_images_lab() -> None:
    """The definitions once more, on another library's colours: within 0.01, of L* and tint within 0.15."""
    clip = ramp(seed=3, saturation=1.5, gain=1.2)
    lightness, a, b = np.moveaxis(rgb2lab(clip.rgb_THWC), -1, 0)

    def ends(plane_THW: Frames) -> tuple[float, float]:
        return float(plane_THW[:2].mean()), float(plane_THW[-2:].mean())

    (chroma1, chroma4), (light1, light4) = ends(np.hypot(a, b)), ends(lightness)
    deviation1, deviation4 = (lightness[part].std(axis=(1, 2)).mean() for part in (slice(2), slice(-2, None)))
    assert chroma_drift(clip).value == pytest.approx((chroma4 - chroma1) / chroma1, abs=0.01)
    assert lightness_drift(clip).value == pytest.approx(light4 - light1, abs=0.15)
    assert contrast_drift(clip).value == pytest.approx((deviation4 - deviation1) / deviation1, abs=0.01)
    assert ab_shift(clip).value == pytest.approx(np.hypot(ends(a)[1] - ends(a)[0], ends(b)[1] - ends(b)[0]), abs=0.15)


def test_colourfulness_is_the_papers_formula() -> None:
    """By numpy in float64, on the same pixels."""
    frames_THWC = textured()
    red, green, blue = np.moveaxis(frames_THWC.astype(np.float64), -1, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    axes = (1, 2)
    expected_T = np.hypot(rg.std(axes), yb.std(axes)) + 0.3 * np.hypot(rg.mean(axes), yb.mean(axes))
    assert colourfulness(as_clip(frames_THWC)).per_frame == pytest.approx(expected_T, rel=1e-6)


def test_grey_has_no_colour() -> None:
    """Whatever its tones are."""
    assert colourfulness(grey_clip(textured()[..., 0])).value == 0.0


@FEW
@given(factor=st.floats(1.2, 2.0), seed=st.integers(0, 99))
def test_growing_saturation_grows_colourfulness(factor: float, seed: int) -> None:
    """Until it clips, by about its factor."""
    muted = saturated(textured(2, 32, 32, seed).astype(np.float32), 0.3)
    plain, more = (colourfulness(as_clip(frames)).value for frames in (muted, saturated(muted, factor)))
    assert more == pytest.approx(factor * plain, rel=0.05)


@FEW
@given(factor=st.floats(1.1, 1.5), more=st.floats(1.2, 1.6), seed=st.integers(0, 99))
def test_growing_saturation_ramp_grows_chroma_drift_and_slope(factor: float, more: float, seed: int) -> None:
    """And a ramp to less than the beginning is negative in both."""
    for metric in (chroma_drift, chroma_slope):
        fading, some, much = (metric(ramp(seed, saturation=to)).value for to in (1 / factor, factor, factor * more))
        assert fading < 0 < some < much


def test_chroma_drift_of_near_grey_is_measured_by_what_is_noticeable() -> None:
    """From grey to (200, 160, 160), 15.80 by scikit-image, is 15.80 / 2.3, not infinite; grey to grey is nothing."""
    assert chroma_drift(colours((9, 9, 9), (200, 160, 160))).value == pytest.approx(15.80 / 2.3, abs=0.05)
    assert chroma_drift(colours((9, 9, 9), (90, 90, 90))).value == pytest.approx(0.0, abs=0.02)


def test_chroma_slope_is_the_median_over_all_pairs() -> None:
    """Theil and Sen's definition, pair by pair, per second at the clip's rate."""
    clip = ramp(seed=5, saturation=1.4)
    chroma_T = clip.lab_series.chroma_T
    slopes = [(chroma_T[b] - chroma_T[a]) / ((b - a) / 16.0) for a, b in combinations(range(len(chroma_T)), 2)]
    assert chroma_slope(clip).value == pytest.approx(np.median(slopes) / chroma_T[:2].mean(), rel=1e-9)


def test_chroma_slope_is_per_second() -> None:
    """Played twice as fast, it grows twice as fast."""
    frames_THWC = ramp(seed=5, saturation=1.4).rgb_THWC
    slow, fast = (chroma_slope(as_clip(frames_THWC, fps)).value for fps in (8.0, 16.0))
    assert fast == pytest.approx(2 * slow)


def test_one_garish_frame_moves_the_drift_and_not_the_slope() -> None:
    """What the robust twin is for."""
    frames_THWC = np.repeat(textured(1), 12, axis=0)
    frames_THWC[-1] = (255, 0, 0)
    assert chroma_drift(as_clip(frames_THWC)).value > 0.35
    assert chroma_slope(as_clip(frames_THWC)).value == 0.0


def test_tint_shift_is_the_distance_in_the_ab_plane() -> None:
    """From grey to (200, 160, 160): 15.80 by scikit-image; light alone does not shift it."""
    assert ab_shift(colours((90, 90, 90), (200, 160, 160))).value == pytest.approx(15.80, abs=0.15)
    assert ab_shift(colours((20, 20, 20), (200, 200, 200))).value == pytest.approx(0.0, abs=0.02)


@FEW
@given(codes=st.floats(10.0, 40.0), factor=st.floats(1.3, 2.0), seed=st.integers(0, 99))
def test_growing_ramp_of_light_grows_its_drift(codes: float, factor: float, seed: int) -> None:
    """Brightening is positive, darkening negative, and more of either is more."""
    for sign in (1, -1):
        some, much = (sign * lightness_drift(ramp(seed, offset=sign * to)).value for to in (codes, codes * factor))
        assert 0 < some < much


@FEW
@given(gain=st.floats(0.3, 0.6), factor=st.floats(1.2, 1.5), seed=st.integers(0, 99))
def test_growing_loss_of_contrast_lowers_its_drift(gain: float, factor: float, seed: int) -> None:
    """A fade to black loses contrast; the further it goes, the more."""
    some, much = (contrast_drift(ramp(seed, gain=to)).value for to in (gain, gain / factor))
    assert 0 > some > much


def test_contrast_drift_out_of_one_tone_is_finite() -> None:
    """From no contrast to some is measured by what is noticeable."""
    luma_THW = np.array([[[90, 90]], [[0, 255]]])
    assert contrast_drift(grey_clip(luma_THW)).value == pytest.approx(50 / 2.3, abs=0.01)


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, set()),
        ({"saturation": 2.8, "gain": 1.5}, {"chroma_drift", "L_drift"}),
        ({"gain": 0.15}, {"L_drift", "contrast_drift"}),
    ],
)
def test_known_ways_of_drifting_fail(changes: dict[str, float], broken: set[str]) -> None:
    """Over-saturation with over-exposure, and a fade; the picture itself is within every limit."""
    found = verdicts(ramp(seed=0, **changes))
    assert {id_ for id_, verdict in found.items() if verdict == "fail"} == broken
    if not changes:
        assert set(found.values()) == {"within"}


@pytest.mark.parametrize(("codes", "verdict"), [(0.0, "within"), (25.0, "warn"), (60.0, "fail")])
@pytest.mark.parametrize("sign", [1, -1])
def test_light_that_drifts_either_way_breaks_its_limits(codes: float, verdict: str, sign: int) -> None:
    """Darkening is a defect as brightening is: Self-Forcing is known for it."""
    assert verdicts(ramp(seed=0, offset=sign * codes))["L_drift"] == verdict
