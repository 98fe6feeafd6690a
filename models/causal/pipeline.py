"""The few-step pipeline: a prompt to decoded frames, block by block or, for bidirectional students, in one piece.

Each block is decoded as soon as its latents are clean, with the decoder's state kept, so the first frames are there
long before the last latents. Once the text is encoded, nothing waits for the device until the last frame.

Source: tianweiy/CausVid at ca21150, restated from a description of its behaviour, not from its code; unlike there, all
noise comes from the request's seed and decoding does not wait for the whole clip.
"""

from collections.abc import Iterator
from typing import cast

import torch
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from torch import Tensor

from models.causal.attention import CachedTransformer, CacheShape, Execution
from models.causal.block import EAGER, compiled_parts
from models.causal.rollout import CACHE_PASS_TIMESTEP, BlockTransformer, Clip, Rollout, roll_out
from models.fewstep import FewStepSchedule
from models.spec import PipelineFacts, Probe, Recipe, Request
from models.wan.attention import attention_kernel, resolved_attention
from models.wan.components import Components
from models.wan.decode import StreamingDecoder, to_uint8
from models.wan.facts import component_dtypes, component_parameters
from models.wan.text import EncodedPrompt, encode_prompt
from models.work import latent_shape


class WholeClipTransformer:
    """A Wan transformer without memory, as diffusers runs it: its one block is the whole clip, attended in full.

    `timesteps_NB` are the noise levels, on the device; `attention` is a recipe's name of the kernel.
    """

    def __init__(self, transformer: WanTransformer3DModel, timesteps_NB: Tensor, attention: str = "native") -> None:
        self._transformer, self._timesteps_NB, self._attention = transformer, timesteps_NB, attention

    def start_clip(self, prompt_embeds_BLD: Tensor) -> None:
        """Take the clip's text."""
        self._prompt_embeds_BLD = prompt_embeds_BLD

    def velocity(self, latents_BCFHW: Tensor, level: int, first_frame: int) -> Tensor:
        """Predict the velocity of the whole clip at timestep number `level`; `first_frame` is 0."""
        if first_frame:
            message = f"a bidirectional model has one block, which begins at latent frame 0, not {first_frame}"
            raise ValueError(message)
        timestep_B = self._timesteps_NB[level].expand(latents_BCFHW.shape[0])
        with attention_kernel(self._attention):
            output = self._transformer(latents_BCFHW, timestep_B, self._prompt_embeds_BLD, return_dict=False)
        return cast("Tensor", output[0])


class FewStepPipeline:
    """A loaded few-step model; `frames_per_block` latent frames are made at a time, `None` for the whole clip.

    The caches of a causal model are allocated for the first request of a shape and kept until the shape changes.
    """

    def __init__(
        self, components: Components, recipe: Recipe, schedule: FewStepSchedule, frames_per_block: int | None
    ) -> None:
        weight = components.transformer.patch_embedding.weight
        self._components, self._schedule = components, schedule
        parts = EAGER if recipe.compile == "none" else compiled_parts()
        timesteps = (*schedule.model_timesteps, CACHE_PASS_TIMESTEP)
        self._execution = Execution(
            timesteps=timesteps, numerics=recipe.numerics, parts=parts, attention=recipe.attention
        )
        self._device, self._dtype = weight.device, weight.dtype
        self._frames_per_block = frames_per_block
        self._cached: CachedTransformer | None = None
        self._prompt: EncodedPrompt | None = None

    def draw_noise(self, request: Request) -> tuple[Tensor, Tensor]:
        """Draw the initial noise [1, C, F, H, W], then all re-noise draws [N, 1, C, frames a block, H, W] in order.

        On the CPU in float32 from the request's seed; then moved, and cast to the transformer's compute dtype.
        """
        rollout, (channels, frames, *size) = self._rollout(request), self._latent_shape(request)
        draws = rollout.blocks(frames) * (self._schedule.steps - 1)
        generator = torch.Generator().manual_seed(request.seed)
        shapes = ((1, channels, frames, *size), (draws, 1, channels, rollout.frames_per_block, *size))
        initial, renoise = (torch.randn(shape, generator=generator, dtype=torch.float32) for shape in shapes)
        return initial.to(self._device).to(self._dtype), renoise.to(self._device).to(self._dtype)

    @torch.no_grad()
    def generate(self, request: Request, noise: tuple[Tensor, ...], probe: Probe) -> Iterator[Tensor]:
        """Yield each block's frames_BTCHW, uint8, on the device: 9 then 12 frames for blocks of 3 latent frames."""
        noise_BCFHW, renoise_NBCFHW = noise
        rollout = self._rollout(request)
        transformer = self._transformer(request)
        decoder = StreamingDecoder(self._components.vae)  # copies its constants to the device: before work is enqueued
        with probe.phase("text_encode"):
            self._prompt = encode_prompt(self._components, request.prompt, self._device)
            embeds_BLD = self._prompt.embeds_BLD.to(self._dtype)
        clip = Clip(prompt_embeds_BLD=embeds_BLD, noise_BCFHW=noise_BCFHW, renoise_NBCFHW=renoise_NBCFHW)
        blocks = roll_out(transformer, rollout, clip, probe.step)
        for _ in range(rollout.blocks(noise_BCFHW.shape[2])):
            with probe.phase("denoise"):
                latents_BCFHW = next(blocks)
                probe.check_finite("latents", latents_BCFHW)
            with probe.phase("decode"):
                frames_BTCHW = to_uint8(decoder.push(latents_BCFHW), probe)
            yield frames_BTCHW

    def facts(self, request: Request) -> PipelineFacts:
        """Tell what the last `generate` of this request did; RuntimeError where there was none."""
        if self._prompt is None:
            message = "facts are known after a generation; generate a clip first"
            raise RuntimeError(message)
        return PipelineFacts(
            scheduler_class=type(self._schedule).__name__,
            timesteps=self._schedule.model_timesteps,
            sigmas=self._schedule.sigmas,
            forwards=self._rollout(request).forwards(self._latent_shape(request)[1]),
            prompt_tokens=self._prompt.tokens,
            prompt_truncated=self._prompt.truncated,
            attention_resolved=resolved_attention(self._components.transformer, self._components.attention),
            dtypes=component_dtypes(self._components),
            parameters=component_parameters(self._components),
        )

    def _latent_shape(self, request: Request) -> tuple[int, int, int, int]:
        """Return the latents' (C, F, H, W)."""
        return self._components.transformer.config.in_channels, *latent_shape(request)

    def _rollout(self, request: Request) -> Rollout:
        """Leave out the cache pass after the last block: nothing comes after it."""
        frames_per_block = self._frames_per_block or self._latent_shape(request)[1]
        return Rollout(schedule=self._schedule, frames_per_block=frames_per_block, final_cache_pass=False)

    def _transformer(self, request: Request) -> BlockTransformer:
        if self._frames_per_block is None:
            timesteps_NB = torch.tensor(self._execution.timesteps, device=self._device)[:, None]
            return WholeClipTransformer(self._components.transformer, timesteps_NB, self._components.attention)
        _, frames, height, width = self._latent_shape(request)
        shape = CacheShape(frames=frames, height=height, width=width, text_length=self._components.text_length)
        if self._cached is None or self._cached.shape != shape:
            self._cached = None  # freed before the new caches are allocated
            self._cached = CachedTransformer(self._components.transformer, shape, self._execution)
        return self._cached
