"""What holds of every metric of single frames and of drift: mirrored, backwards, in pieces, and too small."""

import math
import warnings

import numpy as np
import pytest
import torch

from fixtures.metrics.clip import Clip
from fixtures.metrics.quarters import first_and_last_quarter
from fixtures.metrics.spec import Reading, apply_metric, find_metrics
from tests.textured_clip import as_clip, over_time, saturated, textured

STILL = (
    *("y_mean", "y_std", "clip_lo", "clip_hi", "noise", "block8", "block16", "lapvar", "colourfulness"),
    *("si_mean", "si_max"),
)
PAIRS = ("ti_mean", "ti_max")
DRIFTS = ("chroma_drift", "chroma_slope", "L_drift", "contrast_drift", "sharp_drift", "ab_shift")
EVERY = (*STILL, *PAIRS, *DRIFTS, "empty_codes")
METRICS = find_metrics()


def reading(id_: str, clip: Clip) -> Reading:
    measured = METRICS[id_].measure(clip)
    return measured if isinstance(measured, Reading) else Reading(value=measured)


@pytest.fixture(scope="module")
def drifting() -> np.ndarray:
    """Make a clip that gains light, contrast, colour and sharpness as it goes on."""

    def change(frame_HWC: np.ndarray, at: float) -> np.ndarray:
        return saturated(frame_HWC, 1 + 0.5 * at) * (1 + 0.1 * at) + 10 * at

    return over_time(textured(), change)


@pytest.mark.parametrize("id_", EVERY)
def test_mirrored_clip_has_the_same_value(id_: str, drifting: np.ndarray) -> None:
    """Left and right, up and down are alike to all of them; a grid is, where the sides are whole periods."""
    expected = reading(id_, as_clip(drifting)).value
    for mirrored in (drifting[:, :, ::-1], drifting[:, ::-1]):
        assert reading(id_, as_clip(mirrored)).value == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("id_", [*STILL, *PAIRS, "empty_codes", "ab_shift"])
def test_reversed_clip_has_the_same_value(id_: str, drifting: np.ndarray) -> None:
    """Frames, and distances between them, do not know which way time runs."""
    forwards, backwards = reading(id_, as_clip(drifting)), reading(id_, as_clip(drifting[::-1]))
    assert backwards.value == pytest.approx(forwards.value, rel=1e-5)
    if id_ != "ab_shift":
        assert backwards.per_frame == pytest.approx(forwards.per_frame[::-1], rel=1e-5)


@pytest.mark.parametrize("id_", ["L_drift", "sharp_drift"])
def test_reversed_clip_drifts_by_the_same_amount_the_other_way(id_: str, drifting: np.ndarray) -> None:
    """Differences and octaves negate."""
    forwards = reading(id_, as_clip(drifting)).value
    assert forwards > 0.1
    assert reading(id_, as_clip(drifting[::-1])).value == pytest.approx(-forwards, rel=1e-5)


@pytest.mark.parametrize("id_", ["chroma_drift", "chroma_slope", "contrast_drift"])
def test_reversed_clip_drifts_the_other_way(id_: str, drifting: np.ndarray) -> None:
    """What is relative to the beginning changes its size with its sign: a gain of d is a loss of d / (1 + d)."""
    forwards, backwards = (reading(id_, as_clip(clip)).value for clip in (drifting, drifting[::-1]))
    assert forwards > 0.05
    assert backwards < -0.03
    if id_ != "chroma_slope":
        assert backwards == pytest.approx(-forwards / (1 + forwards), rel=1e-5)


@pytest.mark.parametrize(
    ("series", "first", "last"),
    [((1, 9), 1, 9), ((1, 5, 9), 1, 9), ((1, 5, 5, 5, 5, 5, 9), 1, 9), ((1, 3, 5, 5, 5, 5, 5, 6, 8), 2, 7)],
)
def test_quarters_are_rounded_down_and_never_empty(series: tuple[float, ...], first: float, last: float) -> None:
    """Of 9 frames the first two and the last two, of 2 to 7 one each."""
    assert first_and_last_quarter(np.array(series)) == (first, last)


@pytest.mark.parametrize("id_", DRIFTS)
def test_standing_picture_does_not_drift(id_: str) -> None:
    """Equal frames drift by exactly nothing."""
    still = np.repeat(textured(frames=1), 6, axis=0)
    assert reading(id_, as_clip(still)).value == 0.0


@pytest.mark.parametrize("id_", STILL)
def test_series_is_that_of_the_frames_alone(id_: str) -> None:
    """Each frame's entry is the value of a clip of that frame, and the value is the series' mean, or its maximum."""
    frames_THWC = textured(frames=4)
    whole = reading(id_, as_clip(frames_THWC))
    alone = [reading(id_, as_clip(frames_THWC[at : at + 1])).value for at in range(4)]
    assert whole.per_frame == pytest.approx(alone, rel=1e-6)
    assert whole.value == pytest.approx(max(alone) if id_ == "si_max" else sum(alone) / 4, rel=1e-6)


@pytest.mark.parametrize("id_", PAIRS)
def test_series_is_that_of_the_pairs_alone(id_: str) -> None:
    """Each pair's entry is the value of a clip of that pair."""
    frames_THWC = textured(frames=5)
    whole = reading(id_, as_clip(frames_THWC))
    alone = [reading(id_, as_clip(frames_THWC[at : at + 2])).value for at in range(4)]
    assert whole.per_frame == pytest.approx(alone, rel=1e-6)
    assert whole.value == pytest.approx(max(alone) if id_ == "ti_max" else sum(alone) / 4, rel=1e-6)


@pytest.mark.parametrize("id_", EVERY)
@pytest.mark.parametrize("tone", [0, 128, 255])
@pytest.mark.parametrize("shape", [(0, 4, 4), (1, 1, 1), (1, 2, 2), (2, 2, 2), (1, 3, 3), (3, 9, 17), (5, 18, 1)])
def test_tiny_clip_of_one_tone_has_a_finite_value_or_a_sentence(id_: str, tone: int, shape: tuple[int, ...]) -> None:
    """Never a crash, NaN or warning, however few or small the frames are."""
    frames, height, width = shape
    clip = Clip(frames_TCHW=torch.full((frames, 3, height, width), tone, dtype=torch.uint8), fps=16.0)
    with warnings.catch_warnings(action="error"):
        found = apply_metric(METRICS[id_], clip, "hub")
    if found.value is None:
        assert found.not_applicable
        assert found.reason.startswith(
            ("not applicable: this takes ", "not applicable: frames of ", "not applicable: luma ")
        )
    else:
        assert all(map(math.isfinite, (found.value, *found.per_frame)))


@pytest.mark.parametrize(
    ("id_", "shape", "sentence"),
    [
        ("y_mean", (0, 4, 4), "this takes 1 frames or more, and the clip has 0"),
        ("ti_mean", (1, 4, 4), "this takes 2 frames or more, and the clip has 1"),
        ("L_drift", (1, 4, 4), "this takes 2 frames or more, and the clip has 1"),
        ("sharp_drift", (1, 4, 4), "this takes 2 frames or more, and the clip has 1"),
        ("noise", (2, 2, 9), "this takes frames of 3 px or more, and a side is 2"),
        ("sharp_drift", (2, 9, 2), "this takes frames of 3 px or more, and a side is 2"),
        ("block16", (2, 17, 9), "frames of 9x17 px have no line of a grid of 16 px inside them"),
        ("empty_codes", (2, 4, 4), "luma spans 1 codes, this takes 8 or more"),
    ],
)
def test_clip_that_is_too_small_is_not_judged_and_told_why(id_: str, shape: tuple[int, ...], sentence: str) -> None:
    """What is not applicable is neither good nor bad: the frame count is checked elsewhere."""
    frames, height, width = shape
    clip = Clip(frames_TCHW=torch.zeros(frames, 3, height, width, dtype=torch.uint8), fps=16.0)
    found = apply_metric(METRICS[id_], clip, "hub")
    assert (found.value, found.not_applicable, found.reason) == (None, True, f"not applicable: {sentence}")


@pytest.mark.parametrize("id_", ["block8", "block16"])
def test_side_that_is_no_multiple_of_the_period_is_measured(id_: str) -> None:
    """The grid begins in the corner; what is left at the far side has no line of its own."""
    grid = np.kron(np.indices((5, 5)).sum(axis=0) % 2, np.ones((16, 16)))[None, :75, :70, None] * [40, 40, 40]
    assert reading(id_, as_clip(grid)).value > 100


@pytest.mark.parametrize("id_", EVERY)
def test_content_of_random_weights_is_not_judged(id_: str) -> None:
    """Random weights make noise, of which none of these says anything."""
    assert METRICS[id_].judges_content
    assert apply_metric(METRICS[id_], as_clip(textured()), "random").not_applicable
