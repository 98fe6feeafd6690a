"""The window: its arithmetic against a plain list of what a cache must hold, a rollout under it against a mask."""

from typing import get_args

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models import causvid_tiny
from models.causal.cached_transformer import CachedTransformer, CacheShape, Execution
from models.causal.pipeline import FewStepPipeline
from models.causal.rollout import Clip, Rollout, roll_out
from models.causal.window import Window, place_block
from models.fewstep import unwarped_schedule
from models.spec import Numerics, Recipe
from tests.causal_masked_pass import masked_rollout, random_clip, random_transformer
from tests.recording_probe import RecordingProbe
from tests.test_causal_rules import request_of

SCHEDULE = unwarped_schedule((1000, 757, 522), 8.0)
Token = tuple[int, int]  # its index in the clip, and in which pass it was written


@settings(deadline=None)
@given(data=st.data(), block=st.integers(1, 5), sink=st.integers(0, 7), spare=st.integers(0, 9))
def test_cache_holds_the_sink_and_the_latest(data: st.DataObject, block: int, sink: int, spare: int) -> None:
    """After every pass: the clip's first `sink` tokens and the last that fit, in order, each as last written."""
    window = sink + block + spare
    cache: list[Token | None] = [None] * window
    clip: list[Token] = []  # every token that was ever written, as last written
    evicted = 0
    for number in range(data.draw(st.integers(1, 12), "blocks")):
        for written in range(data.draw(st.integers(1, 3), "passes")):
            first = number * block
            here = [(token, written) for token in range(first, first + block)]
            placed = place_block(window=window, sink=sink, first=first, block=block, evicted=evicted)
            for copy in placed.copies:
                assert 0 < copy.length <= copy.source - copy.target, "source and target overlap"
                moved = cache[copy.source : copy.source + copy.length]
                cache[copy.target : copy.target + copy.length] = moved
            cache[placed.start : placed.stop] = here
            evicted = placed.evicted
            clip[first:] = here
            room = window - sink
            expected = clip if len(clip) <= window else clip[:sink] + clip[-room:]
            assert cache[: placed.stop] == expected
            assert placed.stop - placed.start == block
            assert len(cache) == window


def test_published_window_evicts_a_block_for_a_block() -> None:
    """21 frames of 1,560 tokens: the eighth block moves six blocks up, one at a time, and takes the last places."""
    block, window = 3 * 1560, 21 * 1560
    for number in range(7):
        placed = place_block(window=window, sink=0, first=number * block, block=block, evicted=0)
        assert (placed.copies, placed.start, placed.evicted) == ((), number * block, 0)
    placed = place_block(window=window, sink=0, first=7 * block, block=block, evicted=0)
    assert [(c.source, c.target, c.length) for c in placed.copies] == [
        ((n + 1) * block, n * block, block) for n in range(6)
    ]
    assert (placed.start, placed.stop, placed.evicted) == (6 * block, window, block)
    again = place_block(window=window, sink=0, first=7 * block, block=block, evicted=placed.evicted)
    assert (again.copies, again.start, again.stop) == ((), placed.start, placed.stop)


def test_evicted_block_cannot_be_placed_again() -> None:
    """Its place belongs to another now."""
    with pytest.raises(ValueError, match="token 3 was evicted, as 6 tokens behind the sink of 0 were"):
        place_block(window=9, sink=0, first=3, block=3, evicted=6)


def test_block_must_fit_behind_the_sink() -> None:
    """A window of nine with a sink of seven has room for two."""
    with pytest.raises(ValueError, match="block of 3 tokens does not fit a window of 9 behind a sink of 7"):
        place_block(window=9, sink=7, first=0, block=3, evicted=0)


@pytest.mark.parametrize(("frames", "sink"), [(21, 21), (21, -1), (0, 0)])
def test_window_without_room_is_refused(frames: int, sink: int) -> None:
    """A sink is shorter than its window."""
    with pytest.raises(ValueError, match="does not fit a window"):
        Window(frames=frames, sink=sink)


def rolled_out(blocks: int, window: Window | None, seed: int = 1) -> torch.Tensor:
    shape = CacheShape(frames=3 * blocks, height=8, width=8, text_length=16, window=window)
    rollout = Rollout(schedule=SCHEDULE, frames_per_block=3, final_cache_pass=False)
    cached = CachedTransformer(random_transformer(), shape, Execution(timesteps=rollout.timesteps))
    if window is not None:
        assert cached.cache.tokens == 16 * min(3 * blocks, window.frames)
    list(roll_out(cached, rollout, random_clip(blocks, 3, seed=seed + 1)))  # a clip before, which must not be seen
    return torch.cat(list(roll_out(cached, rollout, random_clip(blocks, 3, seed=seed))), dim=2)


@pytest.mark.parametrize("window", [Window(frames=12), Window(frames=21, sink=3), Window(frames=12, sink=11)], ids=str)
def test_window_that_holds_the_clip_changes_nothing(window: Window) -> None:
    """Four blocks under a window of as many or more latent frames are bitwise those without a window."""
    assert torch.equal(rolled_out(4, window), rolled_out(4, None))


@pytest.mark.parametrize(
    "window", [Window(frames=6), Window(frames=7), Window(frames=9, sink=3), Window(frames=8, sink=1)], ids=str
)
def test_rollout_under_a_window_equals_the_masked_full_pass(window: Window) -> None:
    """Six blocks agree to 1e-5 with full passes in which a block sees the sink and what the window still holds."""
    found = rolled_out(6, window)
    expected, _, _ = masked_rollout(random_transformer(), SCHEDULE, random_clip(6, 3), window=window)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert not torch.allclose(found[:, :, 15:], rolled_out(6, None)[:, :, 15:], rtol=0, atol=1e-3)


@pytest.mark.parametrize("numerics", get_args(Numerics))
def test_batch_under_a_window_equals_its_clips_alone(numerics: Numerics) -> None:
    """What is evicted and moved is so for every clip of the batch, in either numerics."""
    clips = [random_clip(4, 3, seed=seed) for seed in (1, 2)]
    both = Clip(
        prompt_embeds_BLD=torch.cat([clip.prompt_embeds_BLD for clip in clips]),
        noise_BCFHW=torch.cat([clip.noise_BCFHW for clip in clips]),
        renoise_NBCFHW=torch.cat([torch.as_tensor(clip.renoise_NBCFHW) for clip in clips], dim=1),
    )
    rollout = Rollout(schedule=SCHEDULE, frames_per_block=3, final_cache_pass=False)
    execution = Execution(timesteps=rollout.timesteps, numerics=numerics)
    made = []
    for clip in (*clips, both):
        shape = CacheShape(
            frames=12, height=8, width=8, text_length=16, batch=len(clip.noise_BCFHW), window=Window(frames=7, sink=1)
        )
        cached = CachedTransformer(random_transformer(), shape, execution)
        made.append(torch.cat(list(roll_out(cached, rollout, clip)), dim=2))
    torch.testing.assert_close(made[2], torch.cat(made[:2]), rtol=0, atol=1e-5)


def test_model_with_a_window_makes_longer_clips() -> None:
    """Five blocks stream as 9 + 4 x 12 frames through a cache of two; the first two are those of a shorter clip."""
    recipe = Recipe(model="causvid-tiny", weights="tiny", device="cpu", **causvid_tiny.MODEL.published_recipe)  # type: ignore[arg-type]
    pipeline = causvid_tiny.load(recipe)
    assert isinstance(pipeline, FewStepPipeline)
    pipeline._long_video = Window(frames=6)
    request = request_of(causvid_tiny.MODEL, frames=57)
    chunks = list(pipeline.generate(request, noise := pipeline.draw_noise(request), RecordingProbe()))
    assert [chunk.shape[1] for chunk in chunks] == [9, 12, 12, 12, 12]
    assert pipeline._cached is not None
    assert pipeline._cached.cache.keys_LBSHD.shape[2] == 6 * 16
    assert pipeline.facts(request).forwards == 5 * 4 - 1
    short = msgspec.structs.replace(request, frames=21)
    noise = (noise[0][:, :, :6], noise[1][:4])
    for same, chunk in zip(pipeline.generate(short, noise, RecordingProbe()), chunks, strict=False):
        assert torch.equal(same, chunk)
