"""The causal rollout: one block of latent frames after another, each in a few steps, each seeing the clean past.

For every block: denoise at the schedule's levels, hand the clean latents out, then run the transformer once more on
them at timestep 0, so that later blocks attend to clean keys and values. That last pass comes after the block is
handed out: decoding the block need not wait for it. Given blocks (`start_latents`) only have the pass at timestep 0.

Source: tianweiy/CausVid at ca21150, restated from a description of its behaviour, not from its code.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from models.fewstep import FewStepSchedule, predict_clean, renoise

CACHE_PASS_TIMESTEP = 0.0


class BlockTransformer(Protocol):
    """A transformer that predicts a block's velocity from the block and what it remembers of the clip."""

    def start_clip(self, prompt_embeds_BLD: Tensor) -> None:
        """Forget the clip before; take the text of the new one."""

    def velocity(self, latents_BCFHW: Tensor, level: int, first_frame: int) -> Tensor:
        """Predict the velocity of the block that begins at latent frame `first_frame`, and remember the block.

        `level` counts the rollout's `timesteps`.
        """


@dataclass(frozen=True, kw_only=True)
class Clip:
    """Everything that decides a clip's latents, on the transformer's device in its compute dtype.

    `noise_BCFHW` covers all blocks. `renoise_NBCFHW` holds the draws in the order of use, steps - 1 for every block
    that is generated. `start_latents_BCFHW` are given clean blocks, the first of the clip.
    """

    prompt_embeds_BLD: Tensor
    noise_BCFHW: Tensor
    renoise_NBCFHW: Sequence[Tensor] | Tensor
    start_latents_BCFHW: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """How clips are rolled out. The cache pass after the last block serves nobody but who continues the clip."""

    schedule: FewStepSchedule
    frames_per_block: int
    final_cache_pass: bool

    @property
    def timesteps(self) -> tuple[float, ...]:
        """The levels at which the transformer is run: the schedule's, then that of the cache pass."""
        return (*self.schedule.model_timesteps, CACHE_PASS_TIMESTEP)

    def blocks(self, latent_frames: int) -> int:
        """Return the number of blocks of a clip, or raise ValueError where they are not whole."""
        blocks, rest = divmod(latent_frames, self.frames_per_block)
        if rest or not blocks:
            message = f"{latent_frames} latent frames are not whole blocks of {self.frames_per_block}"
            raise ValueError(message)
        return blocks

    def forwards(self, latent_frames: int, start_frames: int = 0) -> int:
        """Return the number of transformer forwards of a clip, cache passes included."""
        blocks, given = self.blocks(latent_frames), start_frames // self.frames_per_block
        return (blocks - given) * self.schedule.steps + blocks - (not self.final_cache_pass)


@torch.no_grad()
def roll_out(
    transformer: BlockTransformer, rollout: Rollout, clip: Clip, on_forward: Callable[[int, int], None] | None = None
) -> Iterator[Tensor]:
    """Yield the clean latents [B, C, frames_per_block, H, W] block by block, given blocks included.

    `on_forward(done, total)` is called after every transformer forward has been enqueued. Work on a block begins when
    the block is asked for. Raises ValueError where blocks are not whole or the re-noise draws are not the right number.
    """
    noise_BCFHW, size = clip.noise_BCFHW, rollout.frames_per_block
    blocks, given = _counted_blocks(rollout, clip)
    total, done = rollout.forwards(blocks * size, given * size), 0

    def velocity(latents_BCFHW: Tensor, level: int, first_frame: int) -> Tensor:
        nonlocal done
        predicted = transformer.velocity(latents_BCFHW, level, first_frame)
        done += 1
        if on_forward:
            on_forward(done, total)
        return predicted

    draws = iter(clip.renoise_NBCFHW)
    transformer.start_clip(clip.prompt_embeds_BLD)
    for block in range(blocks):
        first = block * size
        if clip.start_latents_BCFHW is not None and block < given:
            clean = clip.start_latents_BCFHW[:, :, first : first + size]
        else:
            noisy = noise_BCFHW[:, :, first : first + size]
            for step, sigma in enumerate(rollout.schedule.sigmas):
                if step:
                    noisy = renoise(clean, next(draws), sigma)
                clean = predict_clean(noisy, velocity(noisy, step, first), sigma)
        yield clean
        if block + 1 < blocks or rollout.final_cache_pass:
            velocity(clean, rollout.schedule.steps, first)


def _counted_blocks(rollout: Rollout, clip: Clip) -> tuple[int, int]:
    """Count the clip's blocks and the given ones among them, and see that the draws are as many as will be used."""
    blocks, given = rollout.blocks(clip.noise_BCFHW.shape[2]), 0
    if clip.start_latents_BCFHW is not None:
        given = rollout.blocks(clip.start_latents_BCFHW.shape[2])
    expected = (blocks - given) * (rollout.schedule.steps - 1)
    if given > blocks or len(clip.renoise_NBCFHW) != expected:
        message = (
            f"{len(clip.renoise_NBCFHW)} re-noise draws do not fit {blocks} blocks, {given} of them given, of"
            f" {rollout.schedule.steps} steps: {expected} are needed, steps - 1 for each generated block"
        )
        raise ValueError(message)
    return blocks, given
