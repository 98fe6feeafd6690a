"""Motion on optical flow: known shifts, other libraries' flow and warping, and what no motion explains."""

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from skimage.registration import optical_flow_tvl1

from fixtures.metrics import clip as clip_module
from fixtures.metrics.clip import Clip
from fixtures.metrics.flow import FLOW_SHORT_SIDE_PX, dis_flow, fetch, shrink, visible
from fixtures.metrics.flow95 import flow95
from fixtures.metrics.occlusion import occlusion
from fixtures.metrics.spec import apply_metrics, find_metrics
from fixtures.metrics.warp_mse import warp_mse
from tests.textured_clip import as_clip, grey_clip, textured

METRICS = {id_: find_metrics()[id_] for id_ in ("flow95", "warp_mse", "occlusion")}
FEW = settings(max_examples=8, deadline=None)
Array = np.ndarray[Any, Any]


def verdicts(clip: Clip) -> tuple[str, ...]:
    return tuple(metric.verdict for metric in apply_metrics(METRICS, clip, "hub"))


def sliding(step_px: int, seed: int = 0, frames: int = 4) -> Array:
    """Give a texture that moves to the left, by nothing if `step_px` is 0."""
    if step_px == 0:
        return np.repeat(textured(1, 96, 128, seed), frames, axis=0)
    return textured(frames, 96, 128, seed, step_px)


@pytest.mark.parametrize("step_px", [0, 2, 3, 4])
def test_moved_texture_moves_by_its_shift(step_px: int) -> None:
    """The shift times frames a second over the short side; where new texture enters, flow overshoots by up to 15 %."""
    expected = step_px * 16.0 / 96
    reading = flow95(as_clip(sliding(step_px)))
    assert expected - 1e-6 <= reading.value <= 1.15 * expected
    assert len(reading.per_frame) == 3


def test_motion_under_a_pixel_reads_at_most_a_quarter_too_long() -> None:
    """What the preset "fast" costs: half a pixel, made by averaging pairs of columns of a texture that moves by one."""
    fine_THWC = textured(4, 96, 256, step_px=1).astype(np.float64)
    half_THWC = (fine_THWC[:, :, ::2] + fine_THWC[:, :, 1::2]) / 2
    assert np.median(np.abs(as_clip(half_THWC).flow_forward_THWC[..., 0])) == pytest.approx(0.5, rel=0.25)


def test_motion_is_per_second_and_per_short_side() -> None:
    """Twice the frames a second are twice the speed; a clip of twice the size has the speed of the small one."""
    frames_THWC = textured(3, 256, 320, step_px=4)
    value = flow95(as_clip(frames_THWC)).value
    assert flow95(as_clip(frames_THWC, fps=32.0)).value == pytest.approx(2 * value)
    large = as_clip(frames_THWC.repeat(2, axis=1).repeat(2, axis=2))
    assert large.flow_luma_THW.shape == (3, 256, 320)
    assert flow95(large).value == pytest.approx(value, rel=0.01)


def test_fastest_part_is_what_counts() -> None:
    """A quarter of the picture that moves has nearly the value of a picture that moves as a whole."""
    frames_THWC = sliding(0)
    frames_THWC[:, 20:84, 20:68] = sliding(4, seed=1)[:, 20:84, 20:68]
    assert flow95(as_clip(frames_THWC)).value == pytest.approx(4 * 16.0 / 96, rel=0.2)
    assert np.median(np.abs(as_clip(frames_THWC).flow_forward_THWC)) < 0.2


def test_fastest_part_is_a_twentieth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 2,000 vectors 0 to 19.99 px long the hundred longest have a mean of 19.495, whichever way they point."""
    lengths_N = np.random.default_rng(0).permutation(2000) / 100
    angles_N = np.linspace(0, 6, 2000)
    flow_HWC = np.stack([lengths_N * np.cos(angles_N), lengths_N * np.sin(angles_N)], axis=-1).reshape(40, 50, 2)
    monkeypatch.setattr(clip_module, "dis_flow", lambda _luma_THW: flow_HWC[None].astype(np.float32))
    assert flow95(as_clip(textured(2, 40, 50))).value == pytest.approx(19.495 * 16.0 / 40, rel=1e-5)


def test_flow_is_that_of_scikit_images_tv_l1() -> None:
    """In direction and length, within 0.15 px of 3, away from the borders."""
    clip = as_clip(textured(2, 64, 96, step_px=3))
    down_HW, right_HW = optical_flow_tvl1(*clip.luma_THW / 255)
    inside = (slice(12, -12), slice(12, -12))
    expected = np.median(right_HW[inside]), np.median(down_HW[inside])
    found_HWC = clip.flow_forward_THWC[0][inside]
    assert expected == pytest.approx((-3.0, 0.0), abs=0.01)
    assert np.median(found_HWC.reshape(-1, 2), axis=0) == pytest.approx(expected, abs=0.15)


def test_flow_is_that_of_the_preset_that_the_limits_were_found_with() -> None:
    """Its own words: patches of 8 px every 4 px, down to a quarter of the size, 16 steps, 5 rounds of refinement."""
    dis = cv2.DISOpticalFlow.create()
    dis.setPatchSize(8)
    dis.setPatchStride(4)
    dis.setFinestScale(2)
    dis.setGradientDescentIterations(16)
    dis.setVariationalRefinementIterations(5)
    luma_THW = as_clip(textured(2, 96, 128, step_px=2)).luma_THW
    before_HW, after_HW = np.rint(luma_THW).astype(np.uint8)
    expected_HWC = dis.calc(before_HW, after_HW, None)
    np.testing.assert_array_equal(dis_flow(luma_THW)[0], expected_HWC)


def test_warping_is_scipys() -> None:
    """Bilinear, at x + flow(x), within 1/32 of a pixel's change: OpenCV's steps; beyond the edge the edge, or 0."""
    rng = np.random.default_rng(0)
    image_THW = textured(1, 40, 48)[..., 0].astype(np.float32)
    flow_THWC = rng.uniform(-6, 6, size=(1, 40, 48, 2)).astype(np.float32)
    y_HW, x_HW = np.mgrid[:40, :48]
    places = [y_HW + flow_THWC[0, ..., 1], x_HW + flow_THWC[0, ..., 0]]
    for repeat_edge, mode in ((True, "nearest"), (False, "grid-constant")):
        (found_HW,) = fetch(image_THW, flow_THWC, repeat_edge=repeat_edge)
        expected_HW = map_coordinates(image_THW[0], places, order=1, mode=mode)
        assert np.abs(found_HW - expected_HW).mean() < 0.1 * np.abs(np.diff(image_THW)).mean()
        np.testing.assert_allclose(found_HW, expected_HW, atol=5.0 if repeat_edge else 12.0)


def test_warp_error_is_scipys() -> None:
    """The definition once more, with another library's warping and numpy's mean over what is visible."""
    clip = as_clip(textured(3, 64, 96, step_px=2) + np.random.default_rng(0).normal(0, 6, size=(3, 64, 96, 3)))
    y_HW, x_HW = np.mgrid[:64, :96]
    expected = []
    for at, flow_HWC in enumerate(clip.flow_forward_THWC):
        places = [y_HW + flow_HWC[..., 1], x_HW + flow_HWC[..., 0]]
        there_HW = map_coordinates(clip.luma_THW[at + 1].astype(np.float64), places, order=1, mode="nearest")
        squared_HW = ((there_HW - clip.luma_THW[at]) / 255) ** 2
        expected.append(squared_HW[clip.visible_THW[at]].mean())
    assert warp_mse(clip).per_frame == pytest.approx(expected, rel=0.02)
    assert warp_mse(clip).value == pytest.approx(np.mean(expected), rel=0.02)


def test_visible_is_what_leads_home() -> None:
    """By hand: there and back by 4 px is seen; back by 2 px misses by 2: 4 > 0.01 · 20 + 0.5. 3.4 px is near."""
    forward_THWC = np.zeros((3, 5, 20, 2), dtype=np.float32)
    forward_THWC[..., 0] = 4
    backward_THWC = np.zeros_like(forward_THWC)
    for at, back_px in enumerate((4.0, 2.0, 3.4)):
        backward_THWC[at, ..., 0] = -back_px
    seen_THW = visible(forward_THWC, backward_THWC)
    assert [row.all() for row in seen_THW[:, :, :16]] == [True, False, True]
    assert not seen_THW[:, :, 16:].any()  # what leaves the frame is not seen again: 16 > 0.01 · 16 + 0.5


@pytest.mark.parametrize(("back_px", "seen"), [(17.5, True), (16.5, False)])
def test_fast_motion_may_miss_home_by_a_hundredth_of_its_square(back_px: float, seen: bool) -> None:
    """By hand, of 20 px: 2.5² = 6.25 < 0.01 (400 + 306.25) + 0.5 = 7.56; 3.5² = 12.25 > 0.01 (400 + 272.25) + 0.5."""
    forward_THWC = np.zeros((1, 5, 60, 2), dtype=np.float32)
    forward_THWC[..., 0] = 20
    backward_THWC = np.zeros_like(forward_THWC)
    backward_THWC[..., 0] = -back_px
    assert visible(forward_THWC, backward_THWC)[:, :, :40].all() == seen
    assert visible(forward_THWC, backward_THWC)[:, :, :40].any() == seen


def test_occlusion_is_the_share_that_is_not_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pair by pair, and their mean."""
    seen_THW = np.ones((2, 96, 128), dtype=bool)
    seen_THW[0, :24] = False
    monkeypatch.setattr(clip_module, "visible", lambda _forward, _back: seen_THW)
    reading = occlusion(as_clip(sliding(0, frames=3)))
    assert (reading.value, reading.per_frame) == (0.125, (0.25, 0.0))


@FEW
@given(columns=st.integers(48, 80), more=st.integers(48, 80), seed=st.integers(0, 99))
def test_more_of_a_picture_that_dissolves_is_more_occlusion(columns: int, more: int, seed: int) -> None:
    """Columns of fresh noise in every frame, beside a picture that stands."""
    noise_THWC = np.random.default_rng(seed).integers(0, 256, size=(3, 128, 192, 3), dtype=np.uint8)
    whole_THWC = np.repeat(textured(1, 128, 192, seed), 3, axis=0)

    def dissolved(part: int) -> float:
        return occlusion(as_clip(np.concatenate([noise_THWC[:, :, :part], whole_THWC[:, :, part:]], axis=2))).value

    assert dissolved(0) == 0.0
    assert 0.05 < dissolved(columns) < dissolved(columns + more)


def test_pair_that_shows_nothing_is_judged_by_all_of_its_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the worst pair of all would be left out, or divide by zero."""
    frames_THWC = np.stack([np.full((40, 40, 3), level) for level in (0, 51)])
    monkeypatch.setattr(clip_module, "visible", lambda forward, _back: np.zeros(forward.shape[:3], dtype=bool))
    assert warp_mse(as_clip(frames_THWC)).value == pytest.approx(0.04)


def test_noise_breaks_both_fail_limits_and_still_picture_warns() -> None:
    """Uniform noise shows nothing again; a still is found whole, and moves too little."""
    noise_THWC = np.random.default_rng(0).integers(0, 256, size=(4, 96, 128, 3))
    assert verdicts(as_clip(noise_THWC)) == ("within", "fail", "fail")
    assert verdicts(as_clip(sliding(0))) == ("warn", "within", "within")
    assert verdicts(as_clip(sliding(2))) == ("within", "within", "within")


@FEW
@given(step_px=st.integers(1, 4), seed=st.integers(0, 99))
def test_faster_is_more_motion(step_px: int, seed: int) -> None:
    """By about a pixel's worth each."""
    slow, fast = (flow95(as_clip(sliding(step, seed, frames=3))).value for step in (step_px, step_px + 1))
    assert slow < fast


@FEW
@given(deviation=st.floats(2.0, 15.0), factor=st.floats(1.3, 2.0), seed=st.integers(0, 99))
def test_more_noise_is_more_warp_error(deviation: float, factor: float, seed: int) -> None:
    """No motion explains noise."""
    frames_THWC = textured(3, 64, 96, seed)
    drawn_THWC = np.random.default_rng(seed).normal(size=(3, 64, 96, 1))
    clean, some, much = (
        warp_mse(as_clip(frames_THWC + size * drawn_THWC)).value for size in (0.0, deviation, deviation * factor)
    )
    assert clean < some < much


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("id_", METRICS)
def test_mirrored_clip_has_about_the_same_motion(id_: str, axis: int) -> None:
    """DIS works through a picture from its upper left corner: within a tenth, or 0.005 of the share occluded."""
    frames_THWC = textured(4, 96, 128, step_px=2)
    plain, mirrored = (
        next(iter(apply_metrics({id_: METRICS[id_]}, as_clip(frames), "hub"))).value
        for frames in (frames_THWC, np.flip(frames_THWC, axis))
    )
    assert mirrored == pytest.approx(plain, rel=0.1, abs=0.005 if id_ == "occlusion" else 0.0)


def test_backward_flow_is_the_forward_flow_of_the_reversed_clip() -> None:
    """So that pixel for pixel there and back belong to the same pair."""
    frames_THWC = textured(4, 48, 64, step_px=2)
    clip, back = as_clip(frames_THWC), as_clip(frames_THWC[::-1])
    np.testing.assert_array_equal(clip.flow_backward_THWC, back.flow_forward_THWC[::-1])
    assert np.median(clip.flow_forward_THWC[..., 0]) == pytest.approx(-2, abs=0.1)
    assert np.median(clip.flow_backward_THWC[..., 0]) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((480, 832), (256, 444)), ((832, 480), (444, 256)), ((256, 300), (256, 300)), ((64, 96), (64, 96))],
)
def test_flow_is_of_256_px_short_side_or_less(size: tuple[int, int], expected: tuple[int, int]) -> None:
    """Averaged down, never up; a flat picture keeps its tone."""
    small_THW = shrink(np.full((1, *size), 77, dtype=np.float32), FLOW_SHORT_SIDE_PX)
    assert small_THW.shape == (1, *expected)
    np.testing.assert_allclose(small_THW, 77, rtol=1e-6)


@pytest.mark.parametrize("size", [(32, 32), (32, 200), (33, 400), (40, 1000), (200, 32), (32, 4000)])
def test_smallest_frames_have_a_finite_flow(size: tuple[int, int]) -> None:
    """Below 32 px DIS ends the process or gives NaN on wide frames, so the metrics ask for as much."""
    noise_THW = np.random.default_rng(0).integers(0, 256, size=(2, *size)).astype(np.float32)
    assert np.isfinite(dis_flow(noise_THW)).all()


def test_flow_does_not_see_colour() -> None:
    """It works on luma: a grey clip of the same luma moves alike."""
    frames_THWC = textured(3, 48, 64, step_px=2)
    coloured = as_clip(frames_THWC)
    grey = grey_clip(coloured.luma_THW)
    assert flow95(grey).value == pytest.approx(flow95(coloured).value, rel=0.02)
