"""Wan 2.1 text to video: encode, denoise with UniPC, decode, each stage told to the probe.

The baseline of the comparison. It does what diffusers' `WanPipeline` does (huggingface/diffusers 0.42.1), stage by
stage, with one difference: its noise levels are those of Wan's own code (Wan-Video/Wan2.1 @9737cba
`wan/utils/fm_solvers_unipc.py`), which diffusers has not walked since 0.37.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from models.spec import PipelineFacts, Probe, Request
from models.wan.attention import attention_kernel, resolved_attention
from models.wan.components import Components
from models.wan.decode import StreamingDecoder, decode_clip
from models.wan.facts import component_dtypes, component_parameters, text_encode_reasons
from models.wan.noise import draw_batch
from models.wan.text import EncodedPrompt, encode_prompts
from models.work import latent_shape

if TYPE_CHECKING:
    import torch
    from diffusers import UniPCMultistepScheduler

SIGMA_MAX = 0.999


def official_scheduler(steps: int, shift: float) -> "UniPCMultistepScheduler":
    """Make UniPC with the noise levels of Wan's own code: linspace(0.999, 0, steps + 1) without its end, shifted once.

    diffusers' own grid starts at 1 and ends higher, at other timesteps. The result is ready for its first step.
    """
    import numpy as np
    from diffusers import UniPCMultistepScheduler

    scheduler = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift)
    scheduler.set_timesteps(sigmas=np.linspace(SIGMA_MAX, 0.0, steps + 1)[:-1], device="cpu")
    scheduler.set_begin_index(0)
    return scheduler


@dataclass(frozen=True)
class _Done:
    """What the last generation did."""

    scheduler_class: str
    timesteps: tuple[float, ...]
    sigmas: tuple[float, ...]
    forwards: int
    prompt_tokens: int
    prompt_truncated: bool


def _done(scheduler: "UniPCMultistepScheduler", prompts: list[EncodedPrompt]) -> _Done:
    return _Done(
        scheduler_class=type(scheduler).__name__,
        timesteps=tuple(map(float, scheduler.timesteps.tolist())),
        sigmas=tuple(scheduler.sigmas[:-1].tolist()),
        forwards=len(scheduler.timesteps) * len(prompts),
        prompt_tokens=prompts[0].tokens,
        prompt_truncated=prompts[0].truncated,
    )


class WanPipeline:
    """The `Pipeline` of Wan 2.1; one chunk a clip."""

    def __init__(self, components: Components, device: str) -> None:
        """Take loaded components that lie on `device`."""
        self._components = components
        self._device = device
        self._done: _Done | None = None

    def draw_noise(self, request: Request) -> tuple["torch.Tensor", ...]:
        """Draw the initial noise, BCFHW, float32."""
        shape = (1, self._components.transformer.config.in_channels, *latent_shape(request))
        (noise_BCFHW,) = draw_batch(request, [shape])
        return (noise_BCFHW.to(self._device),)

    def generate(self, request: Request, noise: tuple["torch.Tensor", ...], probe: Probe) -> Iterator["torch.Tensor"]:
        """Yield the batch's clips as one chunk `frames_BTCHW`."""
        import torch

        with torch.no_grad():
            with probe.phase("text_encode"):
                prompts = self._encode(request)
            with probe.phase("denoise"), attention_kernel(self._components.attention):
                latents_BCFHW = self._denoise(request, noise[0], prompts, probe)
                probe.check_finite("latents", latents_BCFHW)
            with probe.phase("decode"):
                frames_BTCHW = decode_clip(StreamingDecoder(self._components.vae), latents_BCFHW, probe)
        yield frames_BTCHW

    def facts(self, request: Request) -> PipelineFacts:
        """Tell what the last `generate(request, …)` did; raises `RuntimeError` before the first."""
        if self._done is None:
            message = f"nothing was generated yet, so there are no facts of {request.prompt!r}; call generate first"
            raise RuntimeError(message)
        components = self._components
        return PipelineFacts(
            **asdict(self._done),
            attention_resolved=resolved_attention(components.transformer, components.attention),
            dtypes=component_dtypes(components),
            parameters=component_parameters(components),
            reasons=text_encode_reasons(components),
        )

    def resident_bytes(self) -> Mapping[str, int]:
        """Tell what the networks keep on the device: see `models.spec.TellsResident`."""
        return self._components.resident_bytes

    def _encode(self, request: Request) -> list[EncodedPrompt]:
        """Encode the prompt and, with guidance, the negative prompt after it."""
        texts = [request.prompt] + ([request.negative_prompt] if request.guidance_scale > 1.0 else [])
        return encode_prompts(self._components, texts, self._device)

    def _denoise(
        self, request: Request, latents_BCFHW: "torch.Tensor", prompts: list[EncodedPrompt], probe: Probe
    ) -> "torch.Tensor":
        """Walk the noise levels; latents stay float32, only the transformer's input is cast (as in diffusers)."""
        transformer = self._components.transformer
        dtype = transformer.patch_embedding.weight.dtype
        embeds = [prompt.embeds_BLD.to(dtype).expand(request.batch, -1, -1) for prompt in prompts]
        scheduler = official_scheduler(request.steps, request.shift)
        self._done = _done(scheduler, prompts)
        # On the device, so that a step copies nothing to it; UniPC's 2x2 solve is the one wait that is left in a step.
        scheduler.sigmas = scheduler.sigmas.to(self._device)
        timesteps = scheduler.timesteps.to(self._device)
        for step in range(request.steps):
            inputs_BCFHW = latents_BCFHW.to(dtype)
            velocities = [
                transformer(
                    hidden_states=inputs_BCFHW,
                    timestep=timesteps[step].expand(request.batch),
                    encoder_hidden_states=embeds_BLD,
                    return_dict=False,
                )[0]
                for embeds_BLD in embeds
            ]
            velocity_BCFHW = velocities[0]
            if len(velocities) > 1:
                velocity_BCFHW = velocities[1] + request.guidance_scale * (velocities[0] - velocities[1])
            latents_BCFHW = scheduler.step(velocity_BCFHW, timesteps[step], latents_BCFHW, return_dict=False)[0]
            probe.step(step + 1, request.steps)
        return latents_BCFHW
