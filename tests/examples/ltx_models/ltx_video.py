"""Another family's model in one file outside the tree: LTX-Video through diffusers' own pipeline, at toy size."""

from typing import Any

from models.spec import ModelSpec, PipelineFacts, Probe, Recipe, Request, RequestError, Sampling
from models.wan.random_weights import offline_tokenizer

VAE = {"block_out_channels": (8,) * 4, "layers_per_block": (1,) * 5}
TRANSFORMER = {"num_attention_heads": 4, "attention_head_dim": 8, "num_layers": 1, "cross_attention_dim": 32}


def check(request: Request) -> None:
    if request.frames % 8 != 1 or request.width % 32 or request.height % 32 or request.batch != 1:
        raise RequestError(f"LTX wants one clip at a time, 8k+1 frames and multiples of 32 pixels, not {request}")


class Ltx:
    def __init__(self, recipe: Recipe) -> None:
        import diffusers as d
        import torch
        from transformers import T5Config, T5EncoderModel

        self.torch = torch
        torch.manual_seed(0)
        text = T5EncoderModel(T5Config(vocab_size=128, d_model=32, num_layers=2, num_heads=4)).eval()
        transformer = d.LTXVideoTransformer3DModel(caption_channels=32, **TRANSFORMER).eval()
        vae = d.AutoencoderKLLTXVideo(**VAE, **{f"decoder_{name}": sizes for name, sizes in VAE.items()}).eval()
        self.pipe = d.LTXPipeline(d.FlowMatchEulerDiscreteScheduler(), vae, text, offline_tokenizer(), transformer)
        self.pipe.to(recipe.device).set_progress_bar_config(disable=True)

    def draw_noise(self, request: Request) -> tuple[Any, ...]:
        rows = ((request.frames - 1) // 8 + 1) * (request.height // 32) * (request.width // 32)
        noise = self.torch.randn((1, rows, 128), generator=self.torch.Generator().manual_seed(request.seed))
        return (noise.to(self.pipe.device),)

    def generate(self, request: Request, noise: tuple[Any, ...], probe: Probe) -> Any:
        size = {"height": request.height, "width": request.width, "num_frames": request.frames}
        steps = {"num_inference_steps": request.steps, "guidance_scale": request.guidance_scale, "latents": noise[0]}
        step: Any = probe.step
        told = {"callback_on_step_end": lambda _pipe, i, _t, tensors: step(i + 1, request.steps) or tensors}
        with probe.phase("denoise"):  # the pipeline encodes the prompt in the same call
            latents = self.pipe(request.prompt, output_type="latent", **size, **steps, **told).frames
            probe.check_finite("latents", latents)
        with probe.phase("decode"):
            latents = latents.unflatten(1, (-1, request.height // 32, request.width // 32)).permute(0, 4, 1, 2, 3)
            frames = self.pipe.vae.decode(latents).sample.detach().clamp(-1, 1)
            probe.check_finite("frames", frames)
        yield ((frames + 1) * 127.5).round().byte().transpose(1, 2)

    def facts(self, request: Request) -> PipelineFacts:
        done = self.pipe.scheduler
        walked: Any = {name: tuple(getattr(done, name).tolist()[: request.steps]) for name in ("timesteps", "sigmas")}
        told: Any = {"scheduler_class": type(done).__name__, "attention_resolved": "native", "forwards": request.steps}
        return PipelineFacts(**told, **walked, prompt_tokens=0, prompt_truncated=False, dtypes={}, parameters={})


ABOUT: Any = {"id": "ltx-tiny", "title": "LTX-Video, toy size", "licence": "Apache-2.0", "non_commercial": False}
SIZE: Any = {"weights": (), "weights_sources": ("tiny",), "width": 64, "height": 64, "frames": 17, "fps": 24.0}
DEFAULTS = Sampling(steps=2, guidance_scale=3.0, shift=1.0, scheduler="FlowMatchEuler", source="LTXPipeline's defaults")
MODEL = ModelSpec(**ABOUT, **SIZE, sampling=DEFAULTS, check=check, load=Ltx)
