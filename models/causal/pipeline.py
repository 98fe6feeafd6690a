"""The few-step pipeline: a prompt to decoded frames, block by block or, for bidirectional students, in one piece.

Each block is decoded as soon as its latents are clean, with the decoder's state kept, so the first frames are there
long before the last latents; or, where the recipe says "whole", all blocks after the caches were given up. Once the
text is encoded, nothing waits for the device until the last frame.

Source: tianweiy/CausVid at ca21150, restated from a description of its behaviour, not from its code; unlike there, all
noise comes from the request's seed and decoding does not wait for the whole clip.
"""

from collections.abc import Iterator, Mapping
from typing import cast

import torch
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from torch import Tensor

from models.causal.block import EAGER, compiled_parts
from models.causal.cached_transformer import CachedTransformer, CacheShape, Execution
from models.causal.lengths import ClipPlan, LongVideo, plan_clip
from models.causal.long_video import Stages, roll_on
from models.causal.rollout import CACHE_PASS_TIMESTEP, BlockTransformer, Clip, Rollout
from models.causal.start_clip import read_start_clip
from models.causal.window import Window
from models.fewstep import FewStepSchedule
from models.spec import PipelineFacts, Probe, Recipe, Request
from models.wan.attention import attention_kernel, resolved_attention
from models.wan.components import Components
from models.wan.decode import StreamingDecoder
from models.wan.encode import FrameEncoder
from models.wan.facts import component_dtypes, component_parameters, text_encode_reasons
from models.wan.noise import draw_batch
from models.wan.rules import pixel_frames
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

    `long_video` says how clips are made that are longer than one rollout; the model's rules hold the same.
    The caches of a causal model are allocated for the first request of a shape and kept until the shape changes or,
    with whole-clip decoding, until the rollout's latents are there.
    """

    def __init__(
        self,
        components: Components,
        recipe: Recipe,
        schedule: FewStepSchedule,
        frames_per_block: int | None,
        long_video: LongVideo | None = None,
    ) -> None:
        weight = components.transformer.patch_embedding.weight
        self._components, self._schedule = components, schedule
        self._decodes_whole = recipe.decode == "whole" or frames_per_block is None
        parts = EAGER if recipe.compile == "none" else compiled_parts(recipe.numerics)
        timesteps = (*schedule.model_timesteps, CACHE_PASS_TIMESTEP)
        self._execution = Execution(
            timesteps=timesteps, numerics=recipe.numerics, parts=parts, attention=recipe.attention
        )
        self._device, self._dtype = weight.device, weight.dtype
        self._timesteps_NB = torch.tensor(timesteps, device=self._device)[:, None]
        self._frames_per_block, self._long_video = frames_per_block, long_video
        self._cached: CachedTransformer | None = None
        self._prompt: EncodedPrompt | None = None

    def draw_noise(self, request: Request) -> tuple[Tensor, ...]:
        """Draw the initial noise [B, C, F, H, W], then all re-noise draws [N, B, C, frames a block, H, W] in order.

        On the CPU in float32 from the clips' seeds; then moved, and cast to the transformer's compute dtype. Those of
        further rollouts follow, so that a longer clip begins with a shorter one's. Last come a start clip's frames.
        """
        rollout, (channels, frames, *size) = self._rollout(request), self._latent_shape(request)
        shapes: list[tuple[int, ...]] = []
        for given in self._plan(request).given:
            draws = (rollout.blocks(frames) - given // rollout.frames_per_block) * (self._schedule.steps - 1)
            shapes += [(1, channels, frames, *size), (draws, 1, channels, rollout.frames_per_block, *size)]
        noise = [tensor.to(self._device).to(self._dtype) for tensor in draw_batch(request, shapes)]
        return (*noise, self._start_frames(request)) if request.start_clip else tuple(noise)

    @torch.no_grad()
    def generate(self, request: Request, noise: tuple[Tensor, ...], probe: Probe) -> Iterator[Tensor]:
        """Yield each block's frames_BTCHW, uint8, on the device: 9 then 12 frames for blocks of 3 latent frames.

        Where the recipe decodes whole clips, and for a bidirectional model, each rollout is one chunk.
        """
        # These two copy their constants to the device: before work is enqueued.
        decoder, encoder = StreamingDecoder(self._components.vae), FrameEncoder(self._components.vae)

        def encode(frames_BCTHW: Tensor) -> Tensor:
            return encoder.encode(frames_BCTHW).to(self._dtype)

        with probe.phase("text_encode"):
            self._prompt = encode_prompt(self._components, request.prompt, self._device)
            embeds_BLD = self._prompt.embeds_BLD.to(self._dtype).expand(request.batch, -1, -1)
        start_BCFHW = None
        if request.start_clip:
            with probe.phase("encode_clip"):
                start_BCFHW = encode(noise[-1]).expand(request.batch, -1, -1, -1, -1)
        clips = [
            Clip(
                prompt_embeds_BLD=embeds_BLD,
                noise_BCFHW=noise[2 * index],
                renoise_NBCFHW=noise[2 * index + 1],
                start_latents_BCFHW=None if index else start_BCFHW,
            )
            for index in range(len(self._plan(request).given))
        ]
        stages = Stages(
            transformer=lambda: self._transformer(request),
            rollout=self._rollout(request),
            decoder=decoder,
            encode=encode,
            give_up_caches=self._give_up_caches if self._decodes_whole else None,
        )
        yield from roll_on(stages, clips, probe)

    def facts(self, request: Request) -> PipelineFacts:
        """Tell what the last `generate` of this request did; RuntimeError where there was none."""
        if self._prompt is None:
            message = "facts are known after a generation; generate a clip first"
            raise RuntimeError(message)
        plan = self._plan(request)
        return PipelineFacts(
            scheduler_class=type(self._schedule).__name__,
            timesteps=self._schedule.model_timesteps,
            sigmas=self._schedule.sigmas,
            forwards=sum(self._rollout(request).forwards(plan.latent_frames, given) for given in plan.given),
            prompt_tokens=self._prompt.tokens,
            prompt_truncated=self._prompt.truncated,
            attention_resolved=resolved_attention(self._components.transformer, self._components.attention),
            dtypes=component_dtypes(self._components),
            parameters=component_parameters(self._components),
            reasons=text_encode_reasons(self._components),
        )

    def resident_bytes(self) -> Mapping[str, int]:
        """Tell what the networks and, where they are allocated, the caches hold: see `models.spec.TellsResident`."""
        cached = {} if self._cached is None else {"kv_caches": self._cached.cache_bytes}
        return {**self._components.resident_bytes, **cached}

    def _plan(self, request: Request) -> ClipPlan:
        return plan_clip(request, self._frames_per_block, self._long_video)

    def _start_frames(self, request: Request) -> Tensor:
        """Read the end of the start clip: [1, 3, T, H, W] in [-1, 1], float32, on the device."""
        frames_THWC = torch.from_numpy(read_start_clip(request, pixel_frames(self._plan(request).given[0])))
        return frames_THWC.permute(3, 0, 1, 2)[None].to(self._device).float() / 127.5 - 1

    def _latent_shape(self, request: Request) -> tuple[int, int, int, int]:
        """Return one rollout's latents' (C, F, H, W)."""
        _, height, width = latent_shape(request)
        return self._components.transformer.config.in_channels, self._plan(request).latent_frames, height, width

    def _rollout(self, request: Request) -> Rollout:
        """Leave out the cache pass after the last block: nothing comes after it."""
        frames_per_block = self._frames_per_block or self._latent_shape(request)[1]
        return Rollout(schedule=self._schedule, frames_per_block=frames_per_block, final_cache_pass=False)

    def _transformer(self, request: Request) -> BlockTransformer:
        if self._frames_per_block is None:
            return WholeClipTransformer(self._components.transformer, self._timesteps_NB, self._components.attention)
        _, frames, height, width = self._latent_shape(request)
        window = self._long_video if isinstance(self._long_video, Window) else None
        shape = CacheShape(
            frames=frames,
            height=height,
            width=width,
            text_length=self._components.text_length,
            batch=request.batch,
            window=window,
        )
        if self._cached is None or self._cached.shape != shape:
            self._cached = None  # freed before the new caches are allocated
            self._cached = CachedTransformer(self._components.transformer, shape, self._execution)
        return self._cached

    def _give_up_caches(self) -> None:
        if self._cached is not None:
            self._cached.give_up_cache()
