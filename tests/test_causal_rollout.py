"""The cached rollout computes what a masked full pass computes, block by block, in the stated number of forwards."""

from dataclasses import replace

import pytest
import torch
from diffusers import FlowMatchLCMScheduler

from models.causal.block import EAGER, Parts
from models.causal.cached_transformer import CachedTransformer, CacheShape, Execution
from models.causal.pipeline import WholeClipTransformer
from models.causal.rollout import Clip, Rollout, roll_out
from models.fewstep import FewStepSchedule, unwarped_schedule, warped_schedule
from models.spec import Numerics
from models.wan.precision import store_as_float8
from tests.causal_masked_pass import masked_rollout, random_clip, random_transformer

THREE_STEPS = unwarped_schedule((1000, 757, 522), 8.0)
FOUR_STEPS = warped_schedule((1000, 750, 500, 250), 8.0)
SELF_FORCING = warped_schedule((1000, 750, 500, 250), 5.0)
ROLLOUT = Rollout(schedule=THREE_STEPS, frames_per_block=3, final_cache_pass=True)


def cached_transformer(
    blocks: int,
    schedule: FewStepSchedule = THREE_STEPS,
    *,
    batch: int = 1,
    numerics: Numerics = "diffusers",
    parts: Parts = EAGER,
    **sizes: int,
) -> CachedTransformer:
    shape = CacheShape(frames=3 * blocks, height=8, width=8, text_length=16, batch=batch)
    timesteps = replace(ROLLOUT, schedule=schedule).timesteps
    execution = Execution(timesteps=timesteps, numerics=numerics, parts=parts)
    return CachedTransformer(random_transformer(**sizes), shape, execution)


def latents(transformer: CachedTransformer, clip: Clip, rollout: Rollout = ROLLOUT) -> list[torch.Tensor]:
    return [block.clone() for block in roll_out(transformer, rollout, clip)]


@pytest.mark.parametrize(
    ("schedule", "given", "numerics"),
    [
        (THREE_STEPS, 0, "diffusers"),
        (FOUR_STEPS, 0, "diffusers"),
        (SELF_FORCING, 0, "diffusers"),
        (THREE_STEPS, 1, "diffusers"),
        (THREE_STEPS, 0, "reference"),
    ],
)
def test_cached_rollout_equals_block_causal_masked_full_pass(
    schedule: FewStepSchedule, given: int, numerics: Numerics
) -> None:
    """Latents and layer 0's cache agree to 1e-5 with full passes that have no cache, given blocks included."""
    clip = random_clip(blocks=3, steps=schedule.steps, given=given)
    cached = cached_transformer(3, schedule, numerics=numerics)
    found = torch.cat(latents(cached, clip, replace(ROLLOUT, schedule=schedule)), dim=2)
    expected, keys, values = masked_rollout(random_transformer(), schedule, clip)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(cached.cache.keys_LBSHD[0], keys, rtol=0, atol=1e-5)
    torch.testing.assert_close(cached.cache.values_LBSHD[0], values, rtol=0, atol=1e-5)


@pytest.mark.parametrize("numerics", ["diffusers", "reference"])
def test_weights_in_8_bits_give_what_the_same_weights_widened_give(numerics: Numerics) -> None:
    """The runner casts as diffusers' own layers do: stored in 8 bits, or rounded to 8 bits and widened again."""
    stored, widened = random_transformer(), random_transformer()
    store_as_float8(stored, "float32")
    for narrow, wide in zip(stored.parameters(), widened.parameters(), strict=True):
        wide.data = narrow.data.to(wide.dtype, copy=True)
    shape = CacheShape(frames=6, height=8, width=8, text_length=16)
    execution = Execution(timesteps=ROLLOUT.timesteps, numerics=numerics)
    found, expected, plain = (
        torch.cat(latents(CachedTransformer(transformer, shape, execution), random_clip(blocks=2, steps=3)), dim=2)
        for transformer in (stored, widened, random_transformer())
    )
    assert [p.dtype for p in stored.parameters()].count(torch.float8_e4m3fn) == 3 * 20
    assert torch.equal(found, expected)
    assert not torch.equal(found, plain)


@pytest.mark.parametrize("changed", [0, 1, 2])
def test_noise_of_a_block_changes_no_earlier_block(changed: int) -> None:
    """Blocks before the changed one are bitwise equal, it and all later ones differ."""
    clip, cached = random_clip(blocks=3, steps=3), cached_transformer(3)
    before = latents(cached, clip)
    noise = clip.noise_BCFHW.clone()
    noise[:, :, 3 * changed : 3 * changed + 3] += 1
    after = latents(cached, replace(clip, noise_BCFHW=noise))
    assert [torch.equal(*pair) for pair in zip(before, after, strict=True)] == [b < changed for b in range(3)]


def test_second_clip_does_not_see_the_first() -> None:
    """A clip through used caches is bitwise the clip through fresh ones, another prompt and all."""
    first, second = random_clip(blocks=2, steps=3, seed=1), random_clip(blocks=2, steps=3, seed=2)
    used = cached_transformer(2)
    latents(used, first)
    for again, fresh in zip(latents(used, second), latents(cached_transformer(2), second), strict=True):
        assert torch.equal(again, fresh)


@pytest.mark.parametrize(
    ("schedule", "final_cache_pass", "forwards"),
    [(THREE_STEPS, True, 28), (THREE_STEPS, False, 27), (FOUR_STEPS, True, 35)],
)
def test_seven_blocks_take_the_published_number_of_forwards(
    schedule: FewStepSchedule, final_cache_pass: bool, forwards: int
) -> None:
    """81 frames are 7 blocks: 28 forwards in 3 steps, 27 without the last cache pass, 35 in 4 steps."""
    rollout = Rollout(schedule=schedule, frames_per_block=3, final_cache_pass=final_cache_pass)
    told: list[tuple[int, int]] = []
    cached = cached_transformer(7, schedule, num_layers=1)
    list(roll_out(cached, rollout, random_clip(7, schedule.steps), lambda done, total: told.append((done, total))))
    assert told == [(n, forwards) for n in range(1, forwards + 1)]
    assert rollout.forwards(21) == forwards


def test_block_is_handed_out_before_its_cache_pass() -> None:
    """The first block costs its three steps only: decoding it need not wait for the cache pass."""
    told: list[int] = []
    blocks = roll_out(cached_transformer(2), ROLLOUT, random_clip(2, 3), lambda done, _total: told.append(done))
    next(blocks)
    assert told == [1, 2, 3]


def test_last_cache_pass_does_not_change_the_clip() -> None:
    """Leaving it out gives the same latents, bit for bit."""
    clip, without = random_clip(2, 3), replace(ROLLOUT, final_cache_pass=False)
    pairs = zip(latents(cached_transformer(2), clip), latents(cached_transformer(2), clip, without), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


def test_given_blocks_come_back_unchanged_for_one_forward_each() -> None:
    """A given block is yielded as it is; with two of three given, 3 + 3 forwards are made."""
    clip = random_clip(blocks=3, steps=3, given=2)
    told: list[int] = []
    found = list(roll_out(cached_transformer(3), ROLLOUT, clip, lambda done, _total: told.append(done)))
    assert clip.start_latents_BCFHW is not None
    assert torch.equal(torch.cat(found[:2], dim=2), clip.start_latents_BCFHW)
    assert told[-1] == 6


def test_inputs_are_never_written_to() -> None:
    """Noise, draws and given latents are the same after a rollout."""
    clip, same = random_clip(3, 3, given=1), random_clip(3, 3, given=1)
    latents(cached_transformer(3), clip)
    for name in ("noise_BCFHW", "renoise_NBCFHW", "start_latents_BCFHW", "prompt_embeds_BLD"):
        assert torch.equal(getattr(clip, name), getattr(same, name))


def test_too_few_renoise_draws_are_refused_with_the_number_needed() -> None:
    """Three blocks of three steps need six draws."""
    clip = random_clip(3, 3)
    with pytest.raises(ValueError, match=r"5 re-noise draws do not fit 3 blocks.*6 are needed"):
        latents(cached_transformer(3), replace(clip, renoise_NBCFHW=clip.renoise_NBCFHW[:5]))


def test_incomplete_block_is_refused() -> None:
    """Seven latent frames are not whole blocks of three."""
    with pytest.raises(ValueError, match="7 latent frames are not whole blocks of 3"):
        ROLLOUT.blocks(7)


def test_block_beyond_the_cache_is_refused() -> None:
    """A clip longer than the cache ends in an error, not in a wrong clip."""
    with pytest.raises(ValueError, match="latent frame 6 lies beyond the 3"):
        latents(cached_transformer(1), random_clip(2, 3))


def test_batch_of_two_equals_two_batches_of_one() -> None:
    """Two clips with prompts of their own, rolled out together, are to 1e-5 what each is by itself."""
    clips = [random_clip(blocks=2, steps=3, seed=seed) for seed in (1, 2)]
    both = Clip(
        prompt_embeds_BLD=torch.cat([clip.prompt_embeds_BLD for clip in clips]),
        noise_BCFHW=torch.cat([clip.noise_BCFHW for clip in clips]),
        renoise_NBCFHW=torch.cat([torch.as_tensor(clip.renoise_NBCFHW) for clip in clips], dim=1),
    )
    found = torch.cat(latents(cached_transformer(2, batch=2), both), dim=2)
    alone = [torch.cat(latents(cached_transformer(2), clip), dim=2) for clip in clips]
    assert not torch.allclose(alone[0], alone[1], atol=0.1)
    torch.testing.assert_close(found, torch.cat(alone), rtol=0, atol=1e-5)


def test_other_batch_than_the_cache_is_refused() -> None:
    """One clip does not fit caches of two: silently it would be broadcast."""
    with pytest.raises(ValueError, match="1 clips at once, but this cache was made for 2"):
        latents(cached_transformer(2, batch=2), random_clip(2, 3))


def test_bidirectional_loop_is_that_of_diffusers_lcm_scheduler() -> None:
    """With the table's sigmas both make the same clip; the scheduler alone would say 756.757, and draws once more."""
    clip, transformer = random_clip(blocks=1, steps=3, frames_per_block=6), random_transformer()
    scheduler = FlowMatchLCMScheduler(num_train_timesteps=1000, shift=1.0)
    scheduler.set_timesteps(sigmas=list(THREE_STEPS.sigmas))
    timesteps = scheduler.timesteps.tolist()
    assert timesteps == pytest.approx([1000.0, 756.757, 521.739], abs=1e-3)
    assert THREE_STEPS.model_timesteps == (1000.0, 757.0, 522.0)
    schedule = replace(THREE_STEPS, model_timesteps=tuple(timesteps))
    rollout = Rollout(schedule=schedule, frames_per_block=6, final_cache_pass=False)
    seen, noisy = torch.Generator().manual_seed(5), clip.noise_BCFHW
    renoise = torch.stack([torch.randn(noisy.shape, generator=seen) for _ in range(2)])
    whole = WholeClipTransformer(transformer, torch.tensor(rollout.timesteps)[:, None])
    (clean,) = roll_out(whole, rollout, replace(clip, renoise_NBCFHW=renoise))
    generator = torch.Generator().manual_seed(5)
    for timestep in scheduler.timesteps:
        with torch.no_grad():
            velocity = transformer(noisy, timestep[None], clip.prompt_embeds_BLD, return_dict=False)[0]
        noisy = scheduler.step(velocity, timestep, noisy, generator=generator, return_dict=False)[0]
    assert clean.std() > 0.1
    torch.testing.assert_close(clean, noisy, rtol=0, atol=1e-5)
    assert not torch.equal(generator.get_state(), seen.get_state())
    torch.randn(noisy.shape, generator=seen)
    assert torch.equal(generator.get_state(), seen.get_state())
