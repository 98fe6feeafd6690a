"""The rollout restated without any cache: every forward is a full pass over the clip under a block-causal mask.

Time goes in per token, so that each block has its own noise level; the mask lets a token see its own block and those
before it. Stock diffusers code but for the mask; slow, independent, and equal to the cached run.
"""

from typing import Any, cast

import torch
from diffusers import WanTransformer3DModel
from torch import Tensor
from torch.nn import functional

from models.causal.rollout import Clip
from models.causal.window import Window
from models.fewstep import FewStepSchedule

SIZES = {
    "num_attention_heads": 2,
    "attention_head_dim": 24,
    "num_layers": 3,
    "ffn_dim": 96,
    "text_dim": 32,
    "freq_dim": 32,
}


def random_transformer(**sizes: int) -> WanTransformer3DModel:
    """Build a small transformer whose output is of the order of 1, the same at every call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformer = WanTransformer3DModel(**{**SIZES, **sizes})
    transformer.requires_grad_(requires_grad=False).eval()
    return transformer


def random_clip(blocks: int, steps: int, given: int = 0, seed: int = 1, frames_per_block: int = 3) -> Clip:
    """Draw the inputs of a clip of 8 x 8 latents."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    return Clip(
        prompt_embeds_BLD=draw(1, 16, 32),
        noise_BCFHW=draw(1, 16, blocks * frames_per_block, 8, 8),
        renoise_NBCFHW=draw((blocks - given) * (steps - 1), 1, 16, frames_per_block, 8, 8),
        start_latents_BCFHW=draw(1, 16, given * frames_per_block, 8, 8) if given else None,
    )


class MaskedSelfAttention:
    """Self-attention under a mask, by the book; keeps its last keys (rotated) and values."""

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def __call__(self, attn: Any, hidden: Tensor, _text: None, _mask: None, rotary: tuple[Tensor, Tensor]) -> Tensor:
        cos, sin = rotary[0][..., 0::2], rotary[1][..., 1::2]

        def heads(values: Tensor) -> Tensor:
            return values.view(*values.shape[:2], attn.heads, -1)

        def turned(values: Tensor) -> Tensor:
            even, odd = values[..., 0::2], values[..., 1::2]
            return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)

        query = turned(heads(attn.norm_q(attn.to_q(hidden))))
        self.key = turned(heads(attn.norm_k(attn.to_k(hidden))))
        self.value = heads(attn.to_v(hidden))
        query, key, value = (tensor.transpose(1, 2) for tensor in (query, self.key, self.value))
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=self.mask)
        return cast("Tensor", attn.to_out[0](attended.transpose(1, 2).flatten(2)))


def masked_rollout(
    transformer: WanTransformer3DModel,
    schedule: FewStepSchedule,
    clip: Clip,
    frames_per_block: int = 3,
    window: Window | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return all latents_BCFHW, and layer 0's keys and values for them at timestep 0."""
    frames, height, width = clip.noise_BCFHW.shape[2:]
    per_frame = (height // 2) * (width // 2)
    block_of = torch.arange(frames * per_frame) // (frames_per_block * per_frame)
    mask = block_of[None, :] <= block_of[:, None]
    if window is not None:
        oldest = frames_per_block * (block_of + 1) - (window.frames - window.sink)  # that a block sees behind the sink
        frame_of = torch.arange(frames * per_frame) // per_frame
        mask &= (frame_of < window.sink)[None, :] | (frame_of[None, :] >= oldest[:, None])
    for block in transformer.blocks:
        block.attn1.processor = MaskedSelfAttention(mask)

    def full_pass(latents: Tensor, timestep_of_frame: Tensor) -> Tensor:
        tokens = timestep_of_frame.repeat_interleave(per_frame)[None]
        return cast("Tensor", transformer(latents, tokens, clip.prompt_embeds_BLD, return_dict=False)[0])

    known, draws = torch.zeros_like(clip.noise_BCFHW), list(clip.renoise_NBCFHW)
    given = 0
    if clip.start_latents_BCFHW is not None:
        given = clip.start_latents_BCFHW.shape[2]
        known[:, :, :given] = clip.start_latents_BCFHW
    for start in range(given, frames, frames_per_block):
        here = slice(start, start + frames_per_block)
        noisy = clip.noise_BCFHW[:, :, here]
        for step, (timestep, sigma) in enumerate(zip(schedule.model_timesteps, schedule.sigmas, strict=True)):
            noisy = (1 - sigma) * known[:, :, here] + sigma * draws.pop(0) if step else noisy
            known[:, :, here] = noisy
            timesteps = torch.zeros(frames)
            timesteps[here] = timestep
            known[:, :, here] = noisy - sigma * full_pass(known, timesteps)[:, :, here]
    full_pass(known, torch.zeros(frames))
    layer_0 = transformer.blocks[0].attn1.processor
    return known, layer_0.key, layer_0.value
