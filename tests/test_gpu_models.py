"""What models make on a CUDA device: what the CPU makes, and nothing that waits for the device."""

from collections.abc import Iterator
from typing import get_args

import msgspec
import pytest
import torch
from diffusers import AutoencoderKLWan

from fixtures.compilations import graphs_compiled
from models.causal.block import EAGER, compiled_parts
from models.causal.cached_transformer import CachedTransformer, CacheShape, Execution
from models.causal.rollout import Clip, Rollout, roll_out
from models.discover import discover
from models.fewstep import unwarped_schedule
from models.spec import Compile, Numerics, Request, TextEncoderPlace
from models.wan.architecture import T2V_1_3B, TINY
from models.wan.components import load_components
from models.wan.decode import StreamingDecoder, decode_clip, latent_statistics, to_uint8
from models.wan.decoder_layout import prepare_decoder
from models.wan.lora import add_deltas, random_deltas
from models.wan.random_weights import build_random
from models.wan.text import encode_prompt
from tests.on_gpu import ON_GPU, recipe_of, request_of
from tests.recording_probe import RecordingProbe

pytestmark = ON_GPU


@pytest.fixture
def _no_tf32() -> Iterator[None]:
    """Keep cuDNN's convolutions in float32; set back by hand: monkeypatch cannot undo this flag."""
    before = torch.backends.cudnn.conv.fp32_precision  # type: ignore[attr-defined]
    torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]
    yield
    torch.backends.cudnn.conv.fp32_precision = before  # type: ignore[attr-defined]


@pytest.mark.parametrize("model", ["causvid-tiny", "causvid-tiny-bidirectional", "wan2.1-t2v-tiny"])
def test_same_seed_makes_the_same_clip_on_the_device(model: str) -> None:
    """Two generations with one seed are equal in every byte, and not constant."""
    spec = discover()[model]
    request = request_of(21)
    noise = spec.load(recipe_of(model, "cpu")).draw_noise(request)
    on_gpu = spec.load(recipe_of(model, "cuda"))
    first = torch.cat(list(on_gpu.generate(request, tuple(n.cuda() for n in noise), RecordingProbe())), dim=1)
    again = torch.cat(list(on_gpu.generate(request, tuple(n.cuda() for n in noise), RecordingProbe())), dim=1)
    assert first.is_cuda
    assert torch.equal(first, again)
    assert first.float().std() > 1


@pytest.mark.usefixtures("_no_tf32")
def test_cached_transformer_agrees_with_the_cpu() -> None:
    """One velocity of the cached transformer on the device equals the CPU's to 1e-4 in float32 without TF32."""
    components = load_components(TINY, recipe_of("causvid-tiny", "cpu"))
    shape = CacheShape(frames=3, height=8, width=8, text_length=TINY.text_length)
    embeds_BLD = torch.randn(1, TINY.text_length, TINY.transformer["text_dim"])
    latents_BCFHW = torch.randn(1, 16, 3, 8, 8)
    found = []
    for device in ("cpu", "cuda"):
        cached = CachedTransformer(components.transformer.to(device), shape, Execution(timesteps=(757.0,)))
        cached.start_clip(embeds_BLD.to(device))
        found.append(cached.velocity(latents_BCFHW.to(device), 0, 0).cpu())
    assert (found[0] - found[1]).abs().max() <= 1e-4


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("numerics", get_args(Numerics))
def test_rollout_never_waits_for_the_device(compiled: bool, numerics: Numerics) -> None:
    """From the text to the last latents nothing synchronises: torch would raise."""
    recipe = msgspec.structs.replace(recipe_of("causvid-tiny", "cuda"), transformer_dtype="bfloat16")
    transformer = load_components(TINY, recipe).transformer
    shape = CacheShape(frames=6, height=8, width=8, text_length=TINY.text_length, batch=2)
    rollout = Rollout(schedule=unwarped_schedule((1000, 757, 522), 8.0), frames_per_block=3, final_cache_pass=True)
    parts = compiled_parts(numerics) if compiled else EAGER
    execution = Execution(timesteps=rollout.timesteps, numerics=numerics, parts=parts)
    cached = CachedTransformer(transformer, shape, execution)

    def draw(*size: int) -> torch.Tensor:
        return torch.randn(size, device="cuda", dtype=torch.bfloat16)

    clip = Clip(
        prompt_embeds_BLD=draw(2, TINY.text_length, TINY.transformer["text_dim"]),
        noise_BCFHW=draw(2, 16, 6, 8, 8),
        renoise_NBCFHW=draw(4, 2, 16, 3, 8, 8),
    )
    list(roll_out(cached, rollout, clip))
    torch.cuda.set_sync_debug_mode("error")
    try:
        blocks = list(roll_out(cached, rollout, clip))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(block.isfinite().all() for block in blocks)


@pytest.mark.usefixtures("_no_tf32")
@pytest.mark.parametrize("compile_", ["transformer", "all"])
def test_compiled_clip_is_that_of_eager_mode_and_compiled_once(compile_: Compile) -> None:
    """In float32 frames are within 2 of 255 levels of the eager ones, and later clips compile nothing."""
    request, frames = request_of(21), []
    for name in ("none", compile_):
        pipeline = discover()["causvid-tiny"].load(
            msgspec.structs.replace(recipe_of("causvid-tiny", "cuda"), compile=name)
        )
        noise = pipeline.draw_noise(request)
        frames.append(torch.cat(list(pipeline.generate(request, noise, RecordingProbe())), dim=1).float())
    before = graphs_compiled()
    list(pipeline.generate(request, noise, RecordingProbe()))
    assert graphs_compiled() == before
    assert (frames[0] - frames[1]).abs().max() <= 2


@pytest.mark.usefixtures("_no_tf32")
def test_lora_is_fused_on_the_device_as_on_the_cpu() -> None:
    """The same LoRA gives the same weights to 1e-6 in float32, each on the device it was on."""
    fused = []
    for device in ("cpu", "cuda"):
        transformer = load_components(TINY, recipe_of("wan2.1-t2v-tiny", "cpu")).transformer
        deltas = list(random_deltas(transformer, seed=1))
        assert add_deltas(transformer.to(device), deltas, 0.95) == 20
        assert {parameter.device.type for parameter in transformer.parameters()} == {device}
        fused.append(torch.cat([parameter.flatten().cpu() for parameter in transformer.parameters()]))
    assert (fused[0] - fused[1]).abs().max() <= 1e-6


@pytest.mark.usefixtures("_no_tf32")
@pytest.mark.parametrize("model", ["causvid-tiny", "causvid-tiny-bidirectional", "wan2.1-t2v-tiny"])
def test_batch_holds_the_clips_of_its_seeds_on_the_device(model: str) -> None:
    """Two clips at once are within 2 of 255 levels of each alone, in float32."""
    pipeline = discover()[model].load(recipe_of(model, "cuda"))

    def clips(request: Request) -> torch.Tensor:
        chunks = list(pipeline.generate(request, pipeline.draw_noise(request), RecordingProbe()))
        return torch.cat(chunks, dim=1).float()

    alone = torch.cat([clips(msgspec.structs.replace(request_of(21), seed=seed)) for seed in (0, 1)])
    assert (clips(request_of(21, batch=2)) - alone).abs().max() <= 2


def full_size_vae(dtype: str) -> AutoencoderKLWan:
    """Give Wan 2.1's VAE with random weights, always the same, as diffusers makes it."""
    return build_random(lambda: AutoencoderKLWan(**T2V_1_3B.vae), dtype, "cuda")


@pytest.mark.usefixtures("_no_tf32")
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_prepared_decoder_on_the_device_is_diffusers_own_but_for_rounding(dtype: str, batch: int) -> None:
    """In float32 to 1e-3 at most; in bfloat16 to 2^-3 at most and 2^-6, two levels of 255, on average."""
    stock, prepared = full_size_vae(dtype), full_size_vae(dtype)
    prepare_decoder(prepared)
    assert prepared.decoder.conv_in.weight.is_contiguous() is (dtype == "float32")
    latents_BCFHW = torch.randn((batch, 16, 6, 8, 8), generator=torch.Generator().manual_seed(3)).cuda()
    mean, inverse_std = latent_statistics(stock)
    expected_BCTHW = stock.decode(latents_BCFHW.to(stock.dtype) / inverse_std + mean).sample
    off = (StreamingDecoder(prepared).push(latents_BCFHW).float() - expected_BCTHW.float()).abs()
    assert off.max() <= (1e-3 if dtype == "float32" else 2**-3)
    assert off.mean() <= (1e-4 if dtype == "float32" else 2**-6)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_streamed_frames_are_those_of_a_whole_clip_on_the_device(dtype: str, batch: int) -> None:
    """However its latents are cut, a clip has the same bits, in the layout of either precision."""
    vae = full_size_vae(dtype)
    prepare_decoder(vae)
    latents_BCFHW = torch.randn((batch, 16, 6, 8, 8), generator=torch.Generator().manual_seed(3)).cuda()
    whole_BCTHW = StreamingDecoder(vae).push(latents_BCFHW)
    for cut in ([3, 3], [1, 2, 3], [1] * 6):
        decoder = StreamingDecoder(vae)
        streamed = [decoder.push(block_BCFHW) for block_BCFHW in torch.split(latents_BCFHW, cut, dim=2)]
        assert torch.equal(torch.cat(streamed, dim=2), whole_BCTHW)
    clip_BTCHW = decode_clip(StreamingDecoder(vae), latents_BCFHW, RecordingProbe())
    assert torch.equal(clip_BTCHW, to_uint8(whole_BCTHW, RecordingProbe()))


@pytest.mark.parametrize("place", ["offload", "freed"])
def test_text_encoder_off_the_device_says_what_the_resident_one_says(place: TextEncoderPlace) -> None:
    """Its weights visit the device layer by layer, and the embeddings are the same bits; offloaded, they are pinned."""
    recipe = recipe_of("wan2.1-t2v-tiny", "cuda")
    resident = load_components(TINY, recipe)
    other = load_components(TINY, msgspec.structs.replace(recipe, text_encoder=place))
    expected = encode_prompt(resident, "a dog", "cuda").embeds_BLD
    assert torch.equal(encode_prompt(other, "a dog", "cuda").embeds_BLD, expected)
    if place == "offload":
        assert all(weight.is_pinned() and not weight.is_cuda for weight in other.text_encoder.network().parameters())


@pytest.mark.parametrize("model", ["causvid-tiny", "wan2.1-t2v-tiny"])
def test_float8_storage_runs_on_the_device(model: str) -> None:
    """The clip is finite and the weights are still in 8 bits afterwards."""
    recipe = recipe_of(model, "cuda")
    recipe = msgspec.structs.replace(recipe, transformer_dtype="bfloat16", weights_dtype="float8")
    pipeline, probe = discover()[recipe.model].load(recipe), RecordingProbe()
    request = request_of(21)
    list(pipeline.generate(request, pipeline.draw_noise(request), probe))
    assert probe.finite["latents"].isfinite().all()
    assert pipeline.facts(request).dtypes["transformer"].startswith("float8_e4m3fn")
