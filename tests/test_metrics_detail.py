"""Noise, sharpness, grids, SI and TI: against second implementations, and growing with the defect."""

import math
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
import torch
from av.filter import Graph
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.filters import laplace
from torchmetrics.functional.image import peak_signal_noise_ratio_with_blocked_effect

from fixtures.metrics.block8 import block8
from fixtures.metrics.block16 import block16
from fixtures.metrics.clip import Clip
from fixtures.metrics.lapvar import lapvar
from fixtures.metrics.noise import noise
from fixtures.metrics.sharp_drift import sharp_drift
from fixtures.metrics.si_mean import si_mean
from fixtures.metrics.spec import NotApplicableError, apply_metrics, find_metrics
from fixtures.metrics.ti_mean import ti_mean
from tests.textured_clip import Frames, as_clip, grey_clip, over_time, textured

IDS = ("noise", "lapvar", "sharp_drift", "block8", "block16")
METRICS = {id_: find_metrics()[id_] for id_ in IDS}
FEW = settings(max_examples=8, deadline=None)
IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])


def verdicts(clip: Clip) -> dict[str, str]:
    return {metric.id: metric.verdict for metric in apply_metrics(METRICS, clip, "hub")}


def luma64(frames_THWC: Frames) -> Frames:
    luma_THW: Frames = frames_THWC.astype(np.float64) @ [0.299, 0.587, 0.114]
    return luma_THW


def noisy(frames_THWC: Frames, sigma: float, seed: int = 1) -> Frames:
    noise_THWC = np.random.default_rng(seed).normal(size=frames_THWC.shape[:3])[..., None]
    return np.asarray(frames_THWC + sigma * noise_THWC)


def blurred(frames_THWC: Frames, sigma: float) -> Frames:
    return np.asarray(ndimage.gaussian_filter(frames_THWC.astype(np.float64), (0, sigma, sigma, 0)))


def gridded(frames_THWC: Frames, period_px: int, codes: float, seed: int = 2) -> Frames:
    """Add or subtract `codes` in each square of the grid, by chance."""
    rows, columns = (side // period_px for side in frames_THWC.shape[1:3])
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(rows, columns))
    return np.asarray(frames_THWC + codes * np.kron(signs, np.ones((period_px, period_px)))[..., None])


def jpeg(frames_THWC: Frames, quality: int) -> Frames:
    coded = (cv2.imencode(".jpg", frame_HWC, [cv2.IMWRITE_JPEG_QUALITY, quality])[1] for frame_HWC in frames_THWC)
    return np.stack([np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR)) for code in coded])


def test_noise_is_the_direct_convolutions() -> None:
    """The paper's formula with its two-dimensional mask, by scipy in float64."""
    frames_THWC = textured()
    height, width = frames_THWC.shape[1:3]
    sums_T = [np.abs(ndimage.convolve(luma_HW, IMMERKAER)[1:-1, 1:-1]).sum() for luma_HW in luma64(frames_THWC)]
    expected_T = [math.sqrt(math.pi / 2) / (6 * (width - 2) * (height - 2)) * found for found in sums_T]
    assert noise(as_clip(frames_THWC)).per_frame == pytest.approx(expected_T, rel=1e-5)


@pytest.mark.parametrize("sigma", [2.0, 5.0, 20.0])
def test_noise_on_a_flat_picture_is_its_deviation(sigma: float) -> None:
    """Within 2 % on 4 × 64 × 96 pixels; a slope under it changes nothing."""
    slope = np.linspace(100, 150, 96)[None, None, :, None] * np.ones((4, 64, 1, 3))
    assert noise(as_clip(noisy(slope, sigma))).value == pytest.approx(sigma, rel=0.02)


@FEW
@given(sigma=st.floats(3.0, 12.0), factor=st.floats(1.4, 3.0), seed=st.integers(0, 99))
def test_growing_noise_grows_noise(sigma: float, factor: float, seed: int) -> None:
    """More of it on any picture is more of it measured."""
    picture = textured(2, 32, 32, seed)
    some, more = (noise(as_clip(noisy(picture, level, seed))).value for level in (sigma, sigma * factor))
    assert noise(as_clip(picture)).value < some < more


@FEW
@given(factor=st.sampled_from([2, 3, 4]), seed=st.integers(0, 99))
def test_scaled_luma_scales_what_is_linear_in_it(factor: int, seed: int) -> None:
    """Noise, SI and TI by the factor, the Laplacian's variance by its square."""
    luma_THW = textured(3, 16, 16, seed)[..., 1] // 4
    small, large = grey_clip(luma_THW), grey_clip(luma_THW * factor)
    for metric in (noise, si_mean, ti_mean):
        assert metric(large).value == pytest.approx(factor * metric(small).value, rel=1e-5)
    assert lapvar(large).value == pytest.approx(factor**2 * lapvar(small).value, rel=1e-5)


def test_sharpness_is_scikit_images_laplacian() -> None:
    """The same kernel with the other sign, whose variance is the same, inside the border."""
    frames_THWC = textured()
    expected_T = [laplace(luma_HW)[1:-1, 1:-1].var() for luma_HW in luma64(frames_THWC)]
    assert lapvar(as_clip(frames_THWC)).per_frame == pytest.approx(expected_T, rel=1e-4)


@FEW
@given(sigma=st.floats(0.6, 1.5), factor=st.floats(1.5, 3.0), seed=st.integers(0, 99))
def test_growing_blur_lowers_sharpness(sigma: float, factor: float, seed: int) -> None:
    """What is blurred more is less sharp."""
    picture = textured(2, 32, 48, seed)
    some, more = (lapvar(as_clip(blurred(picture, level))).value for level in (sigma, sigma * factor))
    assert lapvar(as_clip(picture)).value > some > more


def test_blurred_picture_breaks_its_limits() -> None:
    """Sharp is within, blurred by 4 px fails."""
    assert verdicts(as_clip(textured()))["lapvar"] == "within"
    assert verdicts(as_clip(blurred(textured(), 4.0)))["lapvar"] == "fail"


@FEW
@given(sigma=st.floats(0.5, 1.0), factor=st.floats(1.5, 3.0), seed=st.integers(0, 99))
def test_growing_progressive_blur_lowers_the_drift(sigma: float, factor: float, seed: int) -> None:
    """The more the end is blurred, the more octaves it is below the beginning."""
    standing = np.repeat(textured(1, 32, 48, seed), 8, axis=0)

    def ending_in(level: float) -> float:
        return sharp_drift(
            as_clip(over_time(standing, lambda frame, at: blurred(frame[None], 0.01 + level * at)[0]))
        ).value

    assert 0 > ending_in(sigma) > ending_in(sigma * factor)


def test_progressive_blur_warns_and_never_fails() -> None:
    """A camera that leaves the detail reads like it, so that only a comparison may fail it."""
    clip = as_clip(over_time(textured(), lambda frame, at: blurred(frame[None], 0.01 + 3 * at)[0]))
    assert verdicts(clip)["sharp_drift"] == "warn"


def test_sharpness_below_rounding_is_no_drift() -> None:
    """A clip without detail does not drift from nothing to nothing, and detail that goes is finite."""
    flat = np.full((4, 16, 16), 90)
    assert sharp_drift(grey_clip(flat)).value == 0.0
    fading = textured(4, 16, 16)[..., 1].copy()
    first = lapvar(grey_clip(fading[:1])).value
    fading[2:] = 90
    assert sharp_drift(grey_clip(fading)).value == pytest.approx(-math.log2(first), rel=1e-5)


def test_si_and_ti_are_those_of_an_independent_statement() -> None:
    """Sobel by scipy in float64, deviations by numpy, the border pixels left out of SI and not of TI."""
    frames_THWC = textured()
    luma_THW = luma64(frames_THWC)
    gradients = (np.hypot(ndimage.sobel(luma_HW, 0), ndimage.sobel(luma_HW, 1)) for luma_HW in luma_THW)
    clip = as_clip(frames_THWC)
    assert si_mean(clip).per_frame == pytest.approx([plane[1:-1, 1:-1].std() for plane in gradients], rel=1e-5)
    assert ti_mean(clip).per_frame == pytest.approx(np.diff(luma_THW, axis=0).std(axis=(1, 2)), rel=1e-5)


def test_si_and_ti_are_ffmpegs() -> None:
    """Its filter siti tells two decimals; it counts a TI of 0 for the first frame."""
    luma_THW = textured()[..., 1]
    spatial_T, temporal_T = zip(*_ffmpeg_siti(luma_THW), strict=True)
    assert si_mean(grey_clip(luma_THW)).per_frame == pytest.approx(spatial_T, abs=0.006)
    assert ti_mean(grey_clip(luma_THW)).per_frame == pytest.approx(temporal_T[1:], abs=0.006)


def _ffmpeg_siti(luma_THW: Frames) -> list[tuple[float, float]]:
    """Give SI and TI of every frame by ffmpeg's filter, of full-range luma."""
    height, width = luma_THW.shape[1:]
    graph = Graph()
    source = graph.add_buffer(width=width, height=height, format=av.VideoFormat("yuvj420p"), time_base=Fraction(1, 16))
    siti, sink = graph.add("siti"), graph.add("buffersink")
    source.link_to(siti)
    siti.link_to(sink)
    graph.configure()
    found = []
    for at, luma_HW in enumerate(luma_THW):
        planar = np.vstack([luma_HW, np.full((height // 2, width), 128, dtype=np.uint8)])
        frame = av.VideoFrame.from_ndarray(planar, format="yuvj420p")
        frame.pts = at
        source.push(frame)
        told = sink.pull().metadata
        found.append((float(told["lavfi.siti.si"]), float(told["lavfi.siti.ti"])))
    return found


def test_one_axis_grid_has_the_ratio_worked_out_by_hand() -> None:
    """Steps of 6 on the grid's lines, of 2 everywhere else, and none down: (3 + 0.05) / (1 + 0.05).

    Of the lines' pixels half are on each axis where the frame is a square.
    """
    steps_W = np.where(np.arange(32) % 8 == 0, 6, 2)
    luma_W = np.cumsum(steps_W)
    assert block8(grey_clip(np.tile(luma_W, (1, 32, 1)))).value == pytest.approx(3.05 / 1.05, rel=1e-5)


def test_grid_is_held_against_the_steps_to_both_sides_of_its_lines() -> None:
    """A step of 10 on the line, of 2 before it and of 6 after it: (10 + 0.05) / (4 + 0.05)."""
    luma_W = np.array([100] * 7 + [102, 112] + [118] * 7)
    assert block8(grey_clip(np.tile(luma_W, (1, 2, 1)))).value == pytest.approx(10.05 / 4.05, rel=1e-5)


def test_grid_takes_a_line_with_a_step_to_each_side() -> None:
    """Sides of 9 px have a line of 8 and no step after it; 10 px have both."""
    for side_px, told in ((9, True), (10, False)):
        clip = grey_clip(np.full((1, side_px, side_px), 100.0))
        if told:
            with pytest.raises(NotApplicableError, match="frames of 9x9 px have no line of a grid of 8 px inside them"):
                block8(clip)
        else:
            assert block8(clip).value == 1


@pytest.mark.parametrize(("metric", "period_px"), [(block8, 8), (block16, 16)])
def test_growing_grid_grows_its_ratio(metric: object, period_px: int) -> None:
    """Squares that are off by more codes show more; without any the ratio is about 1."""
    assert callable(metric)
    clean, *found = (metric(as_clip(gridded(textured(), period_px, codes))).value for codes in (0.0, 4.0, 8.0, 16.0))
    assert clean == pytest.approx(1.0, abs=0.1)
    assert clean < found[0] < found[1] < found[2]


def test_grid_of_16_shows_at_16_more_than_at_8() -> None:
    """Half of the lines at 8 are those at 16."""
    clip = as_clip(gridded(textured(), 16, 16.0))
    assert block16(clip).value - 1 == pytest.approx(2 * (block8(clip).value - 1), rel=0.2)


def test_grid_that_does_not_begin_in_the_corner_is_not_seen() -> None:
    """The blind spot that the definition names."""
    in_place = gridded(textured(), 8, 16.0)
    assert block8(as_clip(in_place)).value > 1.5
    assert block8(as_clip(np.roll(in_place, 3, axis=(1, 2)))).value < 1.1


def test_grid_under_growing_light_stays() -> None:
    """A ratio does not know brightness: doubling luma leaves it."""
    luma_THW = gridded(textured()[..., 1:2] // 4, 8, 4.0)[..., 0]
    assert block8(grey_clip(luma_THW * 2)).value == pytest.approx(block8(grey_clip(luma_THW)).value, rel=0.02)


def test_jpeg_of_low_quality_fails() -> None:
    """Quality 8, on the codec's own grid; quality 95 is within."""
    assert verdicts(as_clip(jpeg(textured(), 8)))["block8"] == "fail"
    assert verdicts(as_clip(jpeg(textured(), 95)))["block8"] == "within"


def test_grid_grows_as_the_blocking_effect_of_psnr_b_does() -> None:
    """Torchmetrics' blocking effect factor, read from PSNR-B against the clip itself, orders grids in the same way."""
    ours, theirs = [], []
    for codes in (1.0, 4.0, 8.0, 16.0):
        clip = as_clip(gridded(textured(1), 8, codes))
        luma_BCHW = torch.from_numpy(clip.luma_THW)[:, None]
        told = peak_signal_noise_ratio_with_blocked_effect(luma_BCHW, luma_BCHW, data_range=255.0)
        theirs.append(255.0**2 / 10 ** (float(told) / 10))
        ours.append(block8(clip).value)
    assert ours == sorted(ours)
    assert theirs == sorted(theirs)
    assert theirs[-1] > 10 * theirs[0]
