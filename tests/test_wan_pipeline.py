"""The Wan 2.1 baseline at toy size: what a request changes in the clip, and that it is what diffusers would make."""

import msgspec
import numpy as np
import pytest
import torch
from diffusers import UniPCMultistepScheduler
from diffusers import WanPipeline as DiffusersWanPipeline

from models import wan21_t2v_tiny
from models.spec import Recipe, Request
from models.wan.architecture import TINY
from models.wan.components import Components, load_components
from models.wan.pipeline import WanPipeline, official_scheduler
from models.wan.text import encode_prompt
from tests.recording_probe import RecordingProbe

RECIPE = Recipe(
    model="wan2.1-t2v-tiny",
    weights="tiny",
    device="cpu",
    transformer_dtype="float32",
    text_encoder_dtype="float32",
    vae_dtype="float32",
    attention="native",
)
REQUEST = Request(
    prompt="two dogs play",
    negative_prompt="blurred",
    width=64,
    height=48,
    frames=17,
    fps=16.0,
    steps=4,
    guidance_scale=6.0,
    shift=8.0,
    seed=7,
)


@pytest.fixture(scope="module")
def components() -> Components:
    return load_components(TINY, RECIPE)


@pytest.fixture(scope="module")
def pipeline(components: Components) -> WanPipeline:
    return WanPipeline(components, "cpu")


def clip(pipeline: WanPipeline, **changes: object) -> torch.Tensor:
    changed = msgspec.structs.replace(REQUEST, **changes)
    (frames_BTCHW,) = pipeline.generate(changed, pipeline.draw_noise(changed), RecordingProbe())
    return frames_BTCHW


@pytest.fixture(scope="module")
def reference(pipeline: WanPipeline) -> torch.Tensor:
    return clip(pipeline)


def test_clip_is_one_chunk_of_bytes_in_the_requested_size(reference: torch.Tensor) -> None:
    """A bidirectional model yields all frames at once, as uint8 BTCHW."""
    assert reference.shape == (1, 17, 3, 48, 64)
    assert reference.dtype == torch.uint8
    assert reference.float().std() > 20.0


def test_same_request_gives_the_same_clip_and_leaves_the_noise_alone(
    pipeline: WanPipeline, reference: torch.Tensor
) -> None:
    """Nothing of one generation is left over in the next."""
    noise = pipeline.draw_noise(REQUEST)
    before = noise[0].clone()
    (again,) = pipeline.generate(REQUEST, noise, RecordingProbe())
    assert torch.equal(again, reference)
    assert torch.equal(noise[0], before)


@pytest.mark.parametrize(
    "change",
    [{"seed": 8}, {"steps": 3}, {"guidance_scale": 1.0}, {"guidance_scale": 5.0}, {"shift": 5.0}, {"prompt": "a cat"}],
    ids=str,
)
def test_every_setting_of_a_request_changes_the_clip(
    pipeline: WanPipeline, reference: torch.Tensor, change: dict[str, object]
) -> None:
    """A setting that changed nothing would be measured for nothing."""
    assert not torch.equal(clip(pipeline, **change), reference)


def test_negative_prompt_counts_with_guidance_only(pipeline: WanPipeline, reference: torch.Tensor) -> None:
    """Without guidance the negative prompt is not even encoded."""
    assert not torch.equal(clip(pipeline, negative_prompt="grey"), reference)
    without = clip(pipeline, guidance_scale=1.0)
    assert torch.equal(clip(pipeline, guidance_scale=1.0, negative_prompt="grey"), without)


def test_noise_is_drawn_on_the_cpu_in_float32_from_the_seed(pipeline: WanPipeline) -> None:
    """The noise of a seed is the same on every device, and can be drawn again by anybody."""
    (noise_BCFHW,) = pipeline.draw_noise(REQUEST)
    assert torch.equal(noise_BCFHW, torch.randn((1, 16, 5, 6, 8), generator=torch.Generator().manual_seed(7)))


def test_probe_hears_the_stages_in_order_and_every_step(pipeline: WanPipeline) -> None:
    """Phases do not nest, and both forwards of guidance belong to one step."""
    probe = RecordingProbe()
    list(pipeline.generate(REQUEST, pipeline.draw_noise(REQUEST), probe))
    steps = [f"step {step}/4" for step in (1, 2, 3, 4)]
    encode, decode = ["text_encode begins", "text_encode ends"], ["decode begins", "decode ends"]
    assert probe.events == [*encode, "denoise begins", *steps, "denoise ends", *decode]
    assert set(probe.finite) == {"latents", "frames"}
    assert probe.finite["frames"].is_floating_point()


def test_generation_leaves_gradients_as_they_were(pipeline: WanPipeline) -> None:
    """Between chunks the caller's own code runs, and must not find gradients switched off."""
    chunks = pipeline.generate(REQUEST, pipeline.draw_noise(REQUEST), RecordingProbe())
    next(chunks)
    assert torch.is_grad_enabled()
    assert list(chunks) == []


def test_facts_tell_what_ran(pipeline: WanPipeline) -> None:
    """Timesteps, forwards, tokens, precision and sizes are those of the generation before."""
    clip(pipeline)
    facts = pipeline.facts(REQUEST)
    assert facts.scheduler_class == "UniPCMultistepScheduler"
    assert facts.timesteps == (999.0, 959.0, 888.0, 727.0)
    assert len(facts.sigmas) == 4
    assert facts.sigmas[0] == pytest.approx(8 * 0.999 / (1 + 7 * 0.999), abs=1e-7)
    assert facts.forwards == 8
    assert (facts.prompt_tokens, facts.prompt_truncated) == (len("_two_dogs_play") + 1, False)
    assert facts.attention_resolved.startswith("native (")
    assert facts.dtypes == {"text_encoder": "float32", "transformer": "float32", "vae": "float32"}
    assert set(facts.parameters) == set(facts.dtypes)
    clip(pipeline, guidance_scale=1.0)
    assert pipeline.facts(REQUEST).forwards == 4


def test_facts_before_any_generation_are_an_error(components: Components) -> None:
    """Facts are told of something that happened, never guessed."""
    with pytest.raises(RuntimeError, match="call generate first"):
        WanPipeline(components, "cpu").facts(REQUEST)


def test_timesteps_are_those_of_wans_own_code() -> None:
    """50 steps at shift 8 walk 999, 997, 994, 991 … 337, 249, 140 (Wan-Video/Wan2.1 `fm_solvers_unipc.py`)."""
    scheduler = official_scheduler(50, 8.0)
    timesteps = scheduler.timesteps.tolist()
    assert len(timesteps) == 50
    assert timesteps[:4] == [999, 997, 994, 991]
    assert timesteps[-3:] == [337, 249, 140]
    plain = np.linspace(0.999, 0.0, 51)
    assert scheduler.sigmas.numpy() == pytest.approx(8.0 * plain / (1.0 + 7.0 * plain), abs=1e-7)  # shifted once


class _OfficialGrid(UniPCMultistepScheduler):  # type: ignore[misc]
    """UniPC that takes Wan's own noise levels when diffusers' pipeline asks it for a number of steps."""

    def set_timesteps(self, num_inference_steps: int, device: object = None) -> None:
        super().set_timesteps(sigmas=np.linspace(0.999, 0.0, num_inference_steps + 1)[:-1], device=device)


@pytest.mark.parametrize("guidance_scale", [1.0, 6.0])
def test_latents_equal_those_of_diffusers_pipeline(components: Components, guidance_scale: float) -> None:
    """Given the same noise levels, noise and prompt embeddings, diffusers' own loop ends at the same latents."""
    request = msgspec.structs.replace(REQUEST, guidance_scale=guidance_scale)
    pipeline, probe = WanPipeline(components, "cpu"), RecordingProbe()
    noise = pipeline.draw_noise(request)
    list(pipeline.generate(request, noise, probe))
    scheduler = _OfficialGrid(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=request.shift)
    theirs = DiffusersWanPipeline(
        components.tokenizer, components.text_encoder.network(), components.vae, scheduler, components.transformer
    )
    theirs.set_progress_bar_config(disable=True)
    latents_BCFHW = theirs(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        height=request.height,
        width=request.width,
        num_frames=request.frames,
        num_inference_steps=request.steps,
        guidance_scale=guidance_scale,
        latents=noise[0],
        max_sequence_length=TINY.text_length,
        output_type="latent",
    ).frames
    assert (probe.finite["latents"] - latents_BCFHW).abs().max() <= 1e-5
    with torch.no_grad():
        embeds_BLD = encode_prompt(components, request.prompt, "cpu").embeds_BLD
        expected_BLD, _ = theirs.encode_prompt(
            request.prompt, do_classifier_free_guidance=False, max_sequence_length=TINY.text_length, device="cpu"
        )
    assert torch.equal(embeds_BLD, expected_BLD)


def test_bfloat16_recipe_draws_a_like_clip() -> None:
    """The mixed precision of the published recipe runs, and leads to nearly the same latents."""
    recipe = msgspec.structs.replace(RECIPE, transformer_dtype="bfloat16", text_encoder_dtype="bfloat16")
    probes = []
    for one in (RECIPE, recipe):
        pipeline = wan21_t2v_tiny.MODEL.load(one)
        probes.append(RecordingProbe())
        list(pipeline.generate(REQUEST, pipeline.draw_noise(REQUEST), probes[-1]))
    full, short = (probe.finite["latents"] for probe in probes)
    assert short.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(full.flatten(), short.flatten(), dim=0) > 0.9
    assert not torch.equal(full, short)
