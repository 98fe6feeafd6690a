"""Seams at a causal model's block boundaries: by hand, along and against a motion, at the limits, and growing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.controls.broken import BROKEN
from fixtures.controls.sound import SOUND, make_clip
from fixtures.metrics.clip import Clip
from fixtures.metrics.seam_ratio import NO_BLOCKS, departures, other_latent_starts, seam_ratio
from fixtures.metrics.spec import NotApplicableError, apply_metric, apply_metrics, find_metrics
from reports.floors import judge_floor
from reports.judged import Floor
from tests.textured_clip import as_clip, grey_clip, textured

METRICS = {"seam_ratio": find_metrics()["seam_ratio"]}
CAUSVID = (9, 21, 33, 45, 57, 69)
FEW = settings(max_examples=8, deadline=None)
Array = np.ndarray[Any, Any]


def tones(levels: Sequence[float] | Array, block_starts: Sequence[int] = CAUSVID) -> Clip:
    """Give frames of 32×32 px, the least that has flow, of one rounded tone each: nothing in them moves."""
    clip = grey_clip(np.asarray(levels, dtype=np.float64).reshape(-1, 1, 1) * np.ones((1, 32, 32)))
    return replace(clip, block_starts=tuple(block_starts))


@pytest.mark.parametrize(
    ("starts", "frames", "others"),
    [
        ((9, 21), 33, [1, 5, 13, 17, 25, 29]),
        ((), 9, [1, 5]),
        # CausVid's second rollout begins with frame 72, whose first latent frame is a single one again.
        ((57, 69, 72, 81), 93, [*range(1, 57, 4), 61, 65, 73, 77, 85, 89]),
    ],
)
def test_other_latent_frames_are_counted_back_from_the_end_of_a_block(
    starts: tuple[int, ...], frames: int, others: list[int]
) -> None:
    """Of a single rollout they are 1 + 4 k without the blocks' starts."""
    assert other_latent_starts(starts, frames) == others


def test_boundaries_of_an_81_frame_clip_are_every_fourth_frame() -> None:
    """Seams and others together are all that the VAE has."""
    assert sorted([*other_latent_starts(CAUSVID, 81), *CAUSVID]) == list(range(1, 81, 4))


def pulsing(seam_codes: int, pulse_codes: int = 3, frames: int = 81) -> Clip:
    """Give tones that change by 1, by `pulse_codes` into each latent frame, by `seam_codes` into each block."""
    change = np.ones(frames)
    change[1::4] = pulse_codes
    change[list(CAUSVID)] = seam_codes
    change[0] = 0
    sign = np.where(np.arange(frames) // 8 % 2, -1, 1)
    return tones(100 + np.cumsum(change * sign))


def test_pulse_of_the_vae_is_no_seam() -> None:
    """Changes of 3 into every latent frame, blocks among them, are a ratio of 1; against all frames it would be 3."""
    clip = pulsing(3)
    assert seam_ratio(clip) == pytest.approx(1.0, rel=1e-5)
    assert np.median(departures(clip, range(2, 80))) == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize(
    ("seam", "pulse", "expected"), [(8, 5, "within"), (9, 5, "warn"), (5, 2, "warn"), (11, 4, "fail")]
)
def test_seam_is_judged_against_the_other_latent_frames(seam: int, pulse: int, expected: str) -> None:
    """Equal to 1.6 is within, 1.8 and exactly 2.5 warn, 2.75 fails."""
    (found,) = apply_metrics(METRICS, pulsing(seam, pulse), "hub")
    assert found.verdict == expected


@FEW
@given(seam=st.integers(1, 20), more=st.integers(1, 10), pulse=st.integers(1, 5))
def test_harder_seam_of_light_has_a_higher_ratio(seam: int, more: int, pulse: int) -> None:
    """By what is added over the pulse."""
    some, much = seam_ratio(pulsing(seam, pulse)), seam_ratio(pulsing(seam + more, pulse))
    assert much - some == pytest.approx(more / pulse, rel=1e-3)


def test_single_glitch_at_a_seam_is_no_seam() -> None:
    """The median over the blocks' starts stands against one of them."""
    levels = np.arange(81.0)
    levels[21:] += 50
    assert seam_ratio(tones(levels)) == pytest.approx(1.0, rel=1e-5)


def panning(jumps_px: Sequence[int], step_px: int = 4, seed: int = 0, noise_codes: float = 2.0) -> Clip:
    """Give a texture that slides by `step_px` a frame, by as much and one of `jumps_px` into each block; with noise."""
    step = np.full(45, step_px)
    step[[9, 21, 33]] += jumps_px
    left = np.cumsum(step) - step[0]
    wide_HWC = textured(1, 64, 96 + int(left.max()), seed)[0]
    frames_THWC = np.stack([wide_HWC[:, at : at + 96] for at in left]).astype(np.float32)
    frames_THWC += noise_codes * np.random.default_rng(seed).standard_normal((45, 64, 96, 1), dtype=np.float32)
    return replace(as_clip(frames_THWC), block_starts=(9, 21, 33))


@pytest.mark.parametrize("jump_px", [2, -2, -4, -8])
def test_jump_along_a_motion_and_against_it_is_a_seam(jump_px: int) -> None:
    """Also one that stands still for a frame (-4), or goes as far backwards (-8): its change is as large as any."""
    clip = panning([jump_px] * 3)
    assert seam_ratio(panning([0] * 3)) == pytest.approx(1.0, abs=0.1)
    assert seam_ratio(clip) > 2.5
    if jump_px == -8:
        assert np.median(clip.mad_T[[8, 20, 32]]) == pytest.approx(np.median(clip.mad_T), rel=0.05)


def test_departure_is_all_of_a_jump_as_the_motion_before_and_after_it_knows_nothing_of_it() -> None:
    """As far as the frame lies from itself by the jump's 3 px; the motion of the jump itself would explain it away."""
    jumped = panning([3, 3, 3], noise_codes=0.0)
    frame_HW = jumped.luma_THW[9]
    apart = np.abs(frame_HW[:, 3:] - frame_HW[:, :-3]).mean()
    (found,) = departures(jumped, [9])
    assert found == pytest.approx(float(apart), rel=0.2)


@FEW
@given(jump_px=st.integers(1, 3), seed=st.integers(0, 99), sign=st.sampled_from([-1, 1]))
def test_wider_jump_has_a_higher_ratio(jump_px: int, seed: int, sign: int) -> None:
    """By a pixel at least, in turns along the motion and against it."""
    none, some, much = (
        seam_ratio(panning([sign * px, -sign * px, sign * px], seed=seed)) for px in (0, jump_px, jump_px + 1)
    )
    assert none < some < much


def test_seams_of_a_fast_pan_fail_at_full_size() -> None:
    """By 3.3 px a frame at 832x480, of 3 px: along and against it in turns, the changes' median is as without seams."""
    (defect,) = (defect for defect in BROKEN if defect.id == "seams")
    clean_THWC = make_clip(SOUND[0], 45, 480, 832)
    clean, seamed = (
        replace(as_clip(frames_THWC), block_starts=(9, 21, 33))
        for frames_THWC in (clean_THWC, defect.spoil(clean_THWC, (9, 21, 33)))
    )
    assert seam_ratio(clean) == pytest.approx(1.0, abs=0.1)
    assert seam_ratio(seamed) > 2.5
    assert np.median(seamed.mad_T[[8, 20, 32]]) < 1.2 * np.median(clean.mad_T)


def test_departure_is_the_change_that_motion_does_not_explain() -> None:
    """Little of the change of a slide; all of that of light."""
    slide = panning([0] * 3, noise_codes=0.0)
    assert np.median(departures(slide, range(2, 44))) < 0.2 * np.median(slide.mad_T)
    assert departures(tones(3 * np.arange(9.0)), [2, 5, 7]) == pytest.approx([3.0] * 3, rel=1e-5)


def test_clip_in_one_piece_is_looked_at_where_another_models_blocks_begin_and_not_judged() -> None:
    """The same number as of a model with these blocks, and no limit: it has none of its own."""
    seamed = panning([4, -4, 4])
    own = apply_metric(METRICS["seam_ratio"], seamed, "hub")
    (beside,) = apply_metrics(METRICS, replace(seamed, block_starts=(), seams_at=(9, 21, 33)), "hub")
    assert own.value is not None
    assert own.value > 2.5
    assert (beside.value, beside.limits, beside.verdict) == (own.value, None, "not judged")
    (judged,) = apply_metrics(METRICS, replace(seamed, seams_at=(5, 17, 29)), "hub")
    assert (judged.value, judged.verdict) == (own.value, "fail")
    asked = Floor(metric="seam_ratio", source="suite mine", at_most=1.5)
    floors = [judge_floor(asked, [value]) for value in (own, beside)]
    assert [floor.verdict for floor in floors] == ["fail", "not judged"]
    assert floors[1].explanation == NO_BLOCKS


@pytest.mark.parametrize("axis", [1, 2])
def test_mirrored_clip_has_about_the_same_seams(axis: int) -> None:
    """DIS works through a picture from its upper left corner: within a tenth."""
    clip = panning([3, -3, 3])
    mirrored = replace(as_clip(np.flip(clip.rgb_THWC, axis)), block_starts=clip.block_starts)
    assert seam_ratio(mirrored) == pytest.approx(seam_ratio(clip), rel=0.1)


@pytest.mark.parametrize(
    ("starts", "frames", "sentence"),
    [
        ((), 81, "made in one piece, or nobody said where its blocks begin"),
        ((9, 21), 33, "this takes 3 seams and as many other latent frames, .* and there are 2 and 5"),
        ((9, 21, 33, 45), 33, "there are 2 and 5"),
        ((4, 8, 12), 16, "there are 3 and 0"),
        ((9, 21, 33), 34, "there are 2 and 5"),
        ((9,), 1, "this takes 2 frames or more, and the clip has 1"),
    ],
)
def test_clip_without_enough_seams_is_not_judged(starts: tuple[int, ...], frames: int, sentence: str) -> None:
    """A median of two is chance; starts beyond the end are none, and the last frame has no motion after it."""
    with pytest.raises(NotApplicableError, match=sentence):
        seam_ratio(tones(np.arange(frames), starts))


def test_seams_of_tiny_frames_are_not_judged() -> None:
    """DIS needs 32 px."""
    clip = replace(as_clip(textured(45, 31, 64)), block_starts=(9, 21, 33))
    found = apply_metric(METRICS["seam_ratio"], clip, "hub")
    assert found.reason == "not applicable: this takes frames of 32 px or more, and a side is 31"
