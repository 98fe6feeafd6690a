"""What holds of every metric of motion, rhythm and repetition: mirrored, backwards, too short, too small, too still."""

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from fixtures.metrics.clip import Clip
from fixtures.metrics.spec import Reading, apply_metric, find_metrics
from tests.textured_clip import as_clip, textured

ANY_WEIGHTS = ("longest_freeze", "unique_frames")
LUMA = ("mad", "max_jump", "luma_flicker", "luma_flicker_hf", "period_dip", "vbench_temporal_flickering")
FLOW = ("flow95", "warp_mse", "occlusion")
EVERY = (*ANY_WEIGHTS, *LUMA, *FLOW, "seam_ratio")
SERIES = ("mad", "vbench_temporal_flickering", *FLOW)
STARTS = (9, 21, 33)
FRAMES = 45
METRICS = find_metrics()
Array = np.ndarray[Any, Any]


def reading(id_: str, clip: Clip) -> Reading:
    measured = METRICS[id_].measure(clip)
    return measured if isinstance(measured, Reading) else Reading(value=measured)


def blocked(frames_THWC: Array, starts: tuple[int, ...] = STARTS) -> Clip:
    return replace(as_clip(frames_THWC), block_starts=starts)


@pytest.fixture(scope="module")
def uneven() -> Array:
    """Make a clip that trembles, cuts, stands still and comes back, so that no metric is at its best."""
    frames_THWC = np.concatenate([textured(25, 48, 64), textured(20, 48, 64, seed=1, step_px=2)]).astype(np.float32)
    frames_THWC += np.random.default_rng(0).normal(0, 4, size=(FRAMES, 1, 1, 1))
    frames_THWC[30:33] = frames_THWC[29]
    return np.clip(frames_THWC, 0, 255).round()


@pytest.mark.parametrize("id_", [*ANY_WEIGHTS, *LUMA])
def test_mirrored_clip_has_the_same_value(id_: str, uneven: Array) -> None:
    """Nothing but flow knows left from right; test_metrics_flow.py and test_metrics_seams.py hold it to a tenth."""
    expected = reading(id_, blocked(uneven))
    for mirrored in (uneven[:, :, ::-1], uneven[:, ::-1]):
        found = reading(id_, blocked(mirrored))
        assert found.value == pytest.approx(expected.value, rel=1e-5)
        assert found.per_frame == pytest.approx(expected.per_frame, rel=1e-5)


@pytest.mark.parametrize("id_", [*ANY_WEIGHTS, *LUMA, "seam_ratio"])
def test_reversed_clip_has_the_same_value(id_: str, uneven: Array) -> None:
    """Changes have no direction, and blocks of whole latent frames have their boundaries at the same changes."""
    frames_THWC, starts, ends = uneven[:44], (12, 24, 36), (8, 20, 32)
    forwards, backwards = reading(id_, blocked(frames_THWC, starts)), reading(id_, blocked(frames_THWC[::-1], ends))
    assert backwards.value == pytest.approx(forwards.value, rel=1e-5)
    assert backwards.per_frame == pytest.approx(forwards.per_frame[::-1], rel=1e-5)


@pytest.mark.parametrize("id_", SERIES)
def test_series_is_that_of_the_pairs_alone(id_: str, uneven: Array) -> None:
    """Each pair's entry is the value of a clip of that pair, and the value is their mean."""
    frames_THWC = uneven[23:28]
    whole = reading(id_, as_clip(frames_THWC))
    alone = [reading(id_, as_clip(frames_THWC[at : at + 2])).value for at in range(4)]
    assert whole.per_frame == pytest.approx(alone, rel=1e-6)
    assert whole.value == pytest.approx(np.mean(alone), rel=1e-6)


@pytest.mark.parametrize("id_", EVERY)
@pytest.mark.parametrize("tone", [0, 128, 255])
@pytest.mark.parametrize(
    "shape",
    [(0, 4, 4), (1, 1, 1), (1, 40, 40), (2, 2, 2), (2, 40, 40), (3, 31, 400), (9, 2, 2), (45, 2, 3), (45, 32, 32)],
)
def test_clip_of_one_tone_has_a_finite_value_or_a_sentence(id_: str, tone: int, shape: tuple[int, ...]) -> None:
    """Never a crash, NaN or warning, however few, small or still the frames are."""
    frames, height, width = shape
    clip = Clip(
        frames_TCHW=torch.full((frames, 3, height, width), tone, dtype=torch.uint8), fps=16.0, block_starts=STARTS
    )
    with warnings.catch_warnings(action="error"):
        found = apply_metric(METRICS[id_], clip, "hub")
    if found.value is None:
        assert found.not_applicable
        assert found.reason.startswith("not applicable: ")
    else:
        assert all(map(math.isfinite, (found.value, *found.per_frame)))


@pytest.mark.parametrize(
    ("id_", "shape", "sentence"),
    [
        ("unique_frames", (0, 4, 4), "this takes 1 frames or more, and the clip has 0"),
        ("longest_freeze", (1, 4, 4), "this takes 2 frames or more, and the clip has 1"),
        ("mad", (1, 4, 4), "this takes 2 frames or more, and the clip has 1"),
        ("vbench_temporal_flickering", (1, 4, 4), "this takes 2 frames or more, and the clip has 1"),
        ("luma_flicker", (2, 4, 4), "this takes 3 frames or more, and the clip has 2"),
        ("luma_flicker_hf", (7, 4, 4), "this takes 8 frames or more, and the clip has 7"),
        ("max_jump", (3, 4, 4), "this takes 4 frames or more, and the clip has 3"),
        ("max_jump", (4, 4, 4), "most frames equal the one before, so no change is the ordinary one"),
        ("period_dip", (15, 4, 4), "this takes 16 frames or more, and the clip has 15"),
        (
            "seam_ratio",
            (45, 40, 40),
            "most frames inside the blocks are where motion has them, so no departure is ordinary",
        ),
        ("flow95", (1, 40, 40), "this takes 2 frames or more, and the clip has 1"),
        ("flow95", (2, 31, 400), "this takes frames of 32 px or more, and a side is 31"),
        ("warp_mse", (2, 400, 31), "this takes frames of 32 px or more, and a side is 31"),
        ("occlusion", (2, 2, 2), "this takes frames of 32 px or more, and a side is 2"),
    ],
)
def test_clip_that_cannot_be_judged_says_why(id_: str, shape: tuple[int, ...], sentence: str) -> None:
    """What is not applicable is neither good nor bad; a still clip is judged by longest_freeze and unique_frames."""
    frames, height, width = shape
    clip = Clip(frames_TCHW=torch.zeros(frames, 3, height, width, dtype=torch.uint8), fps=16.0, block_starts=STARTS)
    found = apply_metric(METRICS[id_], clip, "hub")
    assert (found.value, found.not_applicable, found.reason) == (None, True, f"not applicable: {sentence}")


def test_still_clip_has_no_motion_no_error_and_no_flicker() -> None:
    """Defined values, of which longest_freeze's fails."""
    still = as_clip(np.repeat(textured(1, 48, 64), 20, axis=0))
    values = {id_: reading(id_, still).value for id_ in ("mad", "luma_flicker", *FLOW, *ANY_WEIGHTS)}
    assert values == {
        **dict.fromkeys(("mad", "luma_flicker", "flow95", "warp_mse", "occlusion"), 0.0),
        "longest_freeze": 19 / 20,
        "unique_frames": 1 / 20,
    }


@pytest.mark.parametrize("id_", EVERY)
@pytest.mark.parametrize("weights", ["random", "tiny"])
def test_only_standing_and_repeating_are_judged_without_real_weights(id_: str, weights: str, uneven: Array) -> None:
    """Noise must move and change as well; all else is content."""
    found = apply_metric(METRICS[id_], blocked(uneven), weights)
    assert found.not_applicable == (id_ not in ANY_WEIGHTS)
    assert (found.value is None) == found.not_applicable
