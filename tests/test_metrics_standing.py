"""Standing still and repeating: by hand, at the limits, whatever the weights, and growing with the defect."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.metrics.clip import Clip
from fixtures.metrics.longest_freeze import longest_freeze
from fixtures.metrics.mad import mad
from fixtures.metrics.spec import apply_metrics, find_metrics
from fixtures.metrics.unique_frames import unique_frames
from tests.textured_clip import as_clip, grey_clip, textured

METRICS = {id_: find_metrics()[id_] for id_ in ("longest_freeze", "unique_frames")}
FEW = settings(max_examples=20, deadline=None)


def levels(*codes: int) -> Clip:
    """Give frames of 2×2 px of one tone each."""
    return grey_clip(np.array(codes).reshape(-1, 1, 1) * np.ones((1, 2, 2)))


def frozen_tail(frames: int, still_pairs: int) -> Clip:
    """Give a clip whose last frame comes `still_pairs` times more."""
    frames_THWC = textured(frames, 16, 16)
    frames_THWC[frames - still_pairs - 1 :] = frames_THWC[frames - still_pairs - 1]
    return as_clip(frames_THWC)


def verdicts(clip: Clip, weights: str = "hub") -> tuple[str, str]:
    freeze, unique = apply_metrics(METRICS, clip, weights)
    return freeze.verdict, unique.verdict


@pytest.mark.parametrize(
    ("codes", "share"),
    [((1, 2, 3), 0), ((1, 1, 2), 1 / 3), ((1, 1, 1, 1), 3 / 4), ((1, 2, 1, 2), 0), ((5, 5, 0, 5, 5, 5), 2 / 6)],
)
def test_longest_freeze_is_the_longest_run_of_still_pairs(codes: tuple[int, ...], share: float) -> None:
    """A frame that comes back later is none of it; of two runs the longer counts; T frames hold at most T-1 pairs."""
    assert longest_freeze(levels(*codes)) == pytest.approx(share)


@pytest.mark.parametrize(("codes", "share"), [((5,), 1), ((1, 2, 3), 1), ((1, 1, 2), 2 / 3), ((1, 2, 1, 2), 1 / 2)])
def test_unique_frames_counts_each_picture_once(codes: tuple[int, ...], share: float) -> None:
    """Wherever the copies lie."""
    assert unique_frames(levels(*codes)) == pytest.approx(share)


def test_same_pixels_in_other_places_are_another_picture() -> None:
    """A picture and its mirror image are two."""
    frames_THWC = textured(1, 16, 16)
    assert unique_frames(as_clip(np.concatenate([frames_THWC, frames_THWC[:, :, ::-1]]))) == 1.0


def test_one_changed_byte_makes_another_frame() -> None:
    """Equality is exact; to be still, 0.1 codes of luma on average are allowed."""
    nearly = levels(7, 7)
    nearly.frames_TCHW[1, 2, 1, 1] = 8
    assert unique_frames(nearly) == 1.0
    assert mad(nearly).value == pytest.approx(0.114 / 4, rel=1e-4)
    assert longest_freeze(nearly) == 0.5


@pytest.mark.parametrize(("changed", "share"), [(24, 0.5), (25, 0.0)])
def test_still_is_below_a_tenth_of_a_code(changed: int, share: float) -> None:
    """A code more in 24 of 250 pixels is 0.096 codes, in 25 of them 0.1."""
    luma_THW = np.full((2, 10, 25), 7)
    luma_THW[1].reshape(-1)[:changed] += 1
    assert longest_freeze(grey_clip(luma_THW)) == share


@pytest.mark.parametrize(
    ("still_pairs", "freeze", "unique"),
    [
        (0, "within", "within"),
        (2, "within", "within"),
        (3, "warn", "within"),
        (8, "warn", "within"),
        (9, "fail", "fail"),
    ],
)
@pytest.mark.parametrize("weights", ["hub", "random", "tiny"])
def test_frozen_tail_is_judged_with_any_weights(still_pairs: int, freeze: str, unique: str, weights: str) -> None:
    """Of 81 frames: two still pairs are within, equal to the limit; 8 are 0.099 of them, 9 are 0.111."""
    assert verdicts(frozen_tail(81, still_pairs), weights) == (freeze, unique)


def test_doubled_frames_fail_by_their_uniqueness_alone() -> None:
    """No run is longer than one pair, and only half of the frames exist."""
    clip = as_clip(np.repeat(textured(41, 16, 16), 2, axis=0)[:81])
    assert unique_frames(clip) == pytest.approx(41 / 81)
    assert verdicts(clip) == ("within", "fail")


def test_loop_fails_by_its_uniqueness_alone() -> None:
    """Twenty-seven frames three times."""
    clip = as_clip(np.tile(textured(27, 16, 16), (3, 1, 1, 1)))
    assert unique_frames(clip) == pytest.approx(1 / 3)
    assert verdicts(clip) == ("within", "fail")


@FEW
@given(still=st.integers(0, 38), more=st.integers(1, 10), seed=st.integers(0, 99))
def test_longer_freeze_is_worse_in_both(still: int, more: int, seed: int) -> None:
    """By a pair each."""
    some, much = frozen_tail(50, still), frozen_tail(50, still + more)
    assert longest_freeze(much) - longest_freeze(some) == pytest.approx(more / 50)
    assert unique_frames(some) - unique_frames(much) == pytest.approx(more / 50)


def test_mad_is_the_mean_over_pixels_and_pairs() -> None:
    """By numpy in float64, on rounded luma of grey frames; the series is that of the pairs."""
    luma_THW = textured(6)[..., 0].astype(np.float64)
    expected_T = np.abs(np.diff(luma_THW, axis=0)).mean(axis=(1, 2))
    reading = mad(grey_clip(luma_THW))
    assert reading.per_frame == pytest.approx(expected_T, rel=1e-5)
    assert reading.value == pytest.approx(expected_T.mean(), rel=1e-5)


def test_frames_a_second_do_not_change_what_repeats() -> None:
    """Both are shares of frames."""
    clip = frozen_tail(20, 5)
    assert longest_freeze(replace(clip, fps=60.0)) == longest_freeze(clip) == 0.25
