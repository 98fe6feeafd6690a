"""Control clips are what they say: the same bytes from the same seed, and defects of the stated strength."""

import cv2
import numpy as np
import pytest

from fixtures.controls.broken import BROKEN, BrokenClip
from fixtures.controls.sound import SOUND, SoundClip, make_clip

T, H, W = 49, 120, 208
BLOCK_STARTS = (9, 21, 33, 45)
DEFECTS = {defect.id: defect for defect in BROKEN}
CLEAN = make_clip(SOUND[0], T, H, W)
WEIGHTS_C = np.array([0.299, 0.587, 0.114])


def spoilt(name: str) -> np.ndarray:
    return DEFECTS[name].spoil(CLEAN, BLOCK_STARTS)


def luma_T(frames_THWC: np.ndarray) -> np.ndarray:
    return np.asarray((frames_THWC @ WEIGHTS_C).mean((1, 2)))


@pytest.mark.parametrize("clip", SOUND, ids=lambda clip: clip.id)
def test_sound_clip_is_its_seeds_and_looks_natural(clip: SoundClip) -> None:
    """The same seed gives the same bytes, another one another picture; spread and clipping are a photograph's."""
    frames_THWC = make_clip(clip, 5, H, W, seed=1)
    assert frames_THWC.shape == (5, H, W, 3)
    assert frames_THWC.dtype == np.uint8
    np.testing.assert_array_equal(frames_THWC, make_clip(clip, 5, H, W, seed=1))
    assert (frames_THWC != make_clip(clip, 5, H, W, seed=2)).mean() > 0.9
    assert 25 < (frames_THWC @ WEIGHTS_C).std() < 60
    assert (frames_THWC == 255).mean() < 0.02
    assert (frames_THWC == 0).mean() < 0.02


def test_sound_clips_move_by_themselves() -> None:
    """Six motions are six: no two clips change alike from frame to frame."""
    changes = [np.abs(np.diff(make_clip(clip, 9, H, W).astype(int), axis=0)).mean().round(3) for clip in SOUND]
    assert len(set(changes)) == len(SOUND) == 6
    assert min(changes) > 1


def test_pan_moves_by_the_stated_speed() -> None:
    """0.11 short sides a second of 120 px at 16 fps are 0.825 px a frame; ten frames are 8.25 px."""
    before, after = (cv2.cvtColor(CLEAN[i], cv2.COLOR_RGB2GRAY).astype(np.float32) for i in (0, 10))
    (dx, dy), _ = cv2.phaseCorrelate(before, after, cv2.createHanningWindow((W, H), cv2.CV_32F))
    assert (-dx, -dy) == pytest.approx((8.25, 1.5), abs=0.1)


@pytest.mark.parametrize("defect", BROKEN, ids=lambda defect: defect.id)
def test_defect_is_pure_and_changes_the_clip(defect: BrokenClip) -> None:
    """The clean clip stays as it was, twice gives the same, and something is different."""
    before = CLEAN.copy()
    once, again = (defect.spoil(CLEAN, BLOCK_STARTS) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(CLEAN, before)
    assert once.dtype == (np.float32 if defect.id == "nan" else np.uint8)
    assert once.shape != CLEAN.shape if defect.id == "short" else (once != CLEAN).any()


def test_defects_have_unique_names_and_state_their_strength() -> None:
    """Both kinds are there, as the issue lists them."""
    assert len(DEFECTS) == len(BROKEN)
    assert all(defect.strength for defect in BROKEN)
    assert [sum(d.must == must for d in BROKEN) for must in ("fail", "paired")] == [12, 6]


@pytest.mark.parametrize(("name", "level"), [("black", 0), ("white", 255), ("grey", 128)])
def test_flat_clips_hold_one_value(name: str, level: int) -> None:
    """Every value of every frame."""
    assert np.unique(spoilt(name)).tolist() == [level]


def test_uniform_noise_is_uniform() -> None:
    """Mean 127.5, deviation 73.9 (256 levels), every level taken."""
    noise = spoilt("noise")
    assert (noise.mean(), noise.std()) == pytest.approx((127.5, 73.9), abs=0.2)
    assert len(np.unique(noise)) == 256


def test_frozen_tail_stands_still_for_the_last_quarter() -> None:
    """Of 49 frames the last 13 are one picture."""
    same = [bool((a == b).all()) for a, b in zip(spoilt("frozen tail"), spoilt("frozen tail")[1:], strict=False)]
    assert same == [False] * 36 + [True] * 12


def test_doubled_frames_show_half_of_the_clip() -> None:
    """Each picture stands for two frames."""
    np.testing.assert_array_equal(spoilt("doubled frames")[::2], CLEAN[:25])
    np.testing.assert_array_equal(spoilt("doubled frames")[1::2], CLEAN[:24])


def test_flicker_is_4_percent_up_and_down() -> None:
    """Of the mean luma, frame by frame."""
    ratios = luma_T(spoilt("flicker")) / luma_T(CLEAN)
    assert ratios[::2] == pytest.approx(0.96, abs=0.002)
    assert ratios[1::2] == pytest.approx(1.04, abs=0.002)


@pytest.mark.parametrize(("name", "last"), [("fade", 0.15), ("mild darkening", 0.6)])
def test_exposure_is_ramped_from_1_to_the_stated_factor(name: str, last: float) -> None:
    """The first frame is untouched, the middle one half way."""
    ratios = luma_T(spoilt(name)) / luma_T(CLEAN)
    assert ratios[[0, 24, 48]] == pytest.approx([1, (1 + last) / 2, last], abs=0.004)


@pytest.mark.parametrize(("name", "last"), [("mild saturation", 1.6), ("oversaturation", 2.8 * 1.5)])
def test_saturation_is_ramped_to_the_stated_factor(name: str, last: float) -> None:
    """Distances from the luma grow by it, where nothing is clipped."""
    clean, strong = (frames[-1].astype(float) for frames in (CLEAN, spoilt(name)))
    away = clean - (clean @ WEIGHTS_C)[..., None], strong - (strong @ WEIGHTS_C)[..., None]
    inside = ((strong > 0) & (strong < 255)).all(axis=-1)
    ratio = np.abs(away[1][inside]).mean() / np.abs(away[0][inside]).mean()
    assert ratio == pytest.approx(last, rel=0.02)


def test_short_clip_lacks_a_latent_frame() -> None:
    """Wan's decoder makes four frames of one."""
    np.testing.assert_array_equal(spoilt("short"), CLEAN[:-4])


def test_one_value_is_nan() -> None:
    """All others are the clip, in [0, 1]."""
    floats = spoilt("nan")
    assert np.isnan(floats).sum() == 1
    np.testing.assert_array_equal((np.nan_to_num(floats, nan=0) * 255).round() != CLEAN, np.isnan(floats))


def test_blur_grows_to_the_stated_sigma() -> None:
    """The last frame is the clip's through a Gaussian of 120 / 160 px."""
    np.testing.assert_array_equal(spoilt("blur")[0], CLEAN[0])
    np.testing.assert_array_equal(spoilt("blur")[-1], cv2.GaussianBlur(CLEAN[-1], (0, 0), 0.75))


def test_shuffled_frames_are_all_there() -> None:
    """Only their order is another."""
    assert sorted(map(bytes, spoilt("shuffled"))) == sorted(map(bytes, CLEAN))


def test_posterised_colours_have_16_levels() -> None:
    """From 0 to 255 in steps of 17."""
    assert np.unique(spoilt("posterised")).tolist() == list(range(0, 256, 17))


def test_seams_move_every_other_block() -> None:
    """Frames 9 to 20 and 33 to 44 lie 3 px to the right and are 3 % brighter, all others are the clip's."""
    seamed = spoilt("seams")
    changed = [index for index in range(T) if (seamed[index] != CLEAN[index]).any()]
    assert changed == [*range(9, 21), *range(33, 45)]
    expected = (CLEAN[10, :, :-3] * np.float32(1.03)).round().clip(0, 255)
    np.testing.assert_array_equal(seamed[10, :, 3:], expected)
    assert DEFECTS["seams"].spoil(CLEAN, ()).tobytes() == CLEAN.tobytes()


def test_jpeg_keeps_the_colours_in_order() -> None:
    """OpenCV codes BGR: swapped channels would be another defect."""
    coded = spoilt("jpeg").astype(int)
    apart = [np.abs(coded - CLEAN[..., order]).mean() for order in ([0, 1, 2], [2, 1, 0])]
    assert 3 < apart[0] < apart[1]
