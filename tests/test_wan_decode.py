"""Streamed decoding equals whole decoding, bit for bit, and NaN is not hidden on the way to bytes."""

import copy

import pytest
import torch
from diffusers import AutoencoderKLWan

from models.wan.architecture import TINY
from models.wan.decode import StreamingDecoder, decode_clip, to_uint8
from models.wan.decoder_layout import (
    DoublingResample,
    EnlargingResample,
    StreamedDecoder,
    StreamedResidualBlock,
    prepare_decoder,
)
from models.wan.random_weights import build_random
from tests.recording_probe import RecordingProbe


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def stock(request: pytest.FixtureRequest) -> AutoencoderKLWan:
    """Give the VAE as diffusers makes it."""
    return build_random(lambda: AutoencoderKLWan(**TINY.vae), request.param, "cpu")


@pytest.fixture(scope="module", params=["stock", "prepared", "channels last"])
def vae(stock: AutoencoderKLWan, request: pytest.FixtureRequest) -> AutoencoderKLWan:
    """Give it as it is, and as the suite loads it: on a CPU, and with the weights' layout of half precision on CUDA."""
    if request.param == "stock":
        return stock
    prepared = copy.deepcopy(stock)
    prepare_decoder(prepared, channels_last=request.param == "channels last")
    return prepared


@pytest.fixture(scope="module")
def latents_BCFHW() -> torch.Tensor:
    return latents_of(1)


def latents_of(batch: int) -> torch.Tensor:
    return torch.randn((batch, 16, 6, 4, 6), generator=torch.Generator().manual_seed(3))


def whole(vae: AutoencoderKLWan, latents_BCFHW: torch.Tensor) -> torch.Tensor:
    """Decode as diffusers' pipeline does (huggingface/diffusers 0.42.1 `pipeline_wan.py`)."""
    latents_BCFHW = latents_BCFHW.to(vae.dtype)
    mean = torch.tensor(vae.config.latents_mean).view(1, 16, 1, 1, 1).to(vae.dtype)
    inverse_std = 1.0 / torch.tensor(vae.config.latents_std).view(1, 16, 1, 1, 1).to(vae.dtype)
    frames_BCTHW: torch.Tensor = vae.decode(latents_BCFHW / inverse_std + mean).sample
    return frames_BCTHW


@pytest.fixture(scope="module")
def whole_BCTHW(vae: AutoencoderKLWan, latents_BCFHW: torch.Tensor) -> torch.Tensor:
    """Give the frames that every way of decoding is held against."""
    return whole(vae, latents_BCFHW)


@pytest.mark.parametrize("blocks", [[6], [3, 3], [1, 2, 3], [1, 1, 1, 1, 1, 1]], ids=str)
def test_streamed_decode_equals_one_whole_decode(
    vae: AutoencoderKLWan, latents_BCFHW: torch.Tensor, whole_BCTHW: torch.Tensor, blocks: list[int]
) -> None:
    """However the latents are cut, the frames are the same bits; the first latent gives 1 frame, each later one 4."""
    decoder = StreamingDecoder(vae)
    chunks = [decoder.push(block) for block in torch.split(latents_BCFHW, blocks, dim=2)]
    assert [chunk.shape[2] for chunk in chunks] == [4 * blocks[0] - 3, *(4 * count for count in blocks[1:])]
    frames_BCTHW = torch.cat(chunks, dim=2)
    assert frames_BCTHW.shape == (1, 3, 21, 32, 48)
    assert torch.equal(frames_BCTHW, whole_BCTHW)


def test_clip_decoded_as_a_whole_has_the_bytes_of_every_other_way(
    vae: AutoencoderKLWan, latents_BCFHW: torch.Tensor, whole_BCTHW: torch.Tensor
) -> None:
    """Whole clip, block by block and diffusers' own decode give the same picture."""
    decoder = StreamingDecoder(vae)
    streamed = [to_uint8(decoder.push(b), RecordingProbe()) for b in torch.split(latents_BCFHW, 3, dim=2)]
    clip_BTCHW = decode_clip(StreamingDecoder(vae), latents_BCFHW, RecordingProbe())
    assert torch.equal(clip_BTCHW, torch.cat(streamed, dim=1))
    assert torch.equal(clip_BTCHW, to_uint8(whole_BCTHW.clamp(-1.0, 1.0), RecordingProbe()))


@pytest.mark.parametrize("batch", [1, 2])
def test_prepared_decoder_makes_the_frames_of_diffusers_own(stock: AutoencoderKLWan, batch: int) -> None:
    """Zeros for what was not yet there, and padding in the convolution, change no bit of any clip of a batch."""
    prepared, latents_BCFHW = copy.deepcopy(stock), latents_of(batch)
    prepare_decoder(prepared)
    expected, decoder = whole(stock, latents_BCFHW), StreamingDecoder(prepared)
    chunks = [decoder.push(block) for block in torch.split(latents_BCFHW, [1, 2, 3], dim=2)]
    assert torch.equal(torch.cat(chunks, dim=2), expected)
    assert torch.equal(whole(prepared, latents_BCFHW), expected)


@pytest.mark.parametrize("batch", [1, 2])
def test_layout_of_weights_changes_no_more_than_rounding(stock: AutoencoderKLWan, batch: int) -> None:
    """Channels last, a CPU may take other kernels: 1e-5 off on average in float32 and 2^-6 in bfloat16 at most."""
    turned, latents_BCFHW = copy.deepcopy(stock), latents_of(batch)
    prepare_decoder(turned, channels_last=True)
    off = (whole(turned, latents_BCFHW) - whole(stock, latents_BCFHW)).abs().mean()
    assert off <= (1e-5 if stock.dtype == torch.float32 else 2**-6)


@pytest.mark.parametrize("channels_last", [None, True])
def test_preparing_changes_the_decoder_alone(stock: AutoencoderKLWan, channels_last: bool | None) -> None:
    """Its layers and, where asked, the layout of its weights and of what it remembers; the encoder keeps its own."""
    prepared = copy.deepcopy(stock)
    prepare_decoder(prepared, channels_last)
    changed = {type(module) for module in prepared.modules()} - {type(module) for module in stock.modules()}
    assert changed == {StreamedResidualBlock, EnlargingResample, DoublingResample, StreamedDecoder}
    assert not any(type(module) in changed for module in prepared.encoder.modules())
    assert all(parameter.is_contiguous() for parameter in prepared.encoder.parameters())
    turned = [weight for weight in prepared.decoder.parameters() if not weight.is_contiguous()]
    assert bool(turned) is bool(channels_last)
    decoder = StreamingDecoder(prepared)
    decoder.push(torch.randn(1, 16, 1, 4, 6))
    states = [state for state in decoder._state if state is not None]
    assert {state.is_contiguous() for state in states} == {not channels_last}


def test_vae_of_wan_2_2_is_refused_before_it_is_changed() -> None:
    """Its residual blocks have other layers; the message names it, what can be prepared, and the way on."""
    residual = AutoencoderKLWan(**TINY.vae, is_residual=True)
    before = [type(module) for module in residual.modules()]
    with pytest.raises(ValueError, match=r"is_residual \(Wan 2\.2's VAE\): only Wan 2\.1's .* give a VAE without"):
        prepare_decoder(residual)
    assert [type(module) for module in residual.modules()] == before


def test_two_clips_may_be_decoded_in_turns(vae: AutoencoderKLWan, latents_BCFHW: torch.Tensor) -> None:
    """The state is the decoder's own, so that one clip cannot leak into another."""
    first, second = StreamingDecoder(vae), StreamingDecoder(vae)
    mine, theirs = [], []
    for latent_BCFHW in torch.split(latents_BCFHW, 2, dim=2):
        mine.append(first.push(latent_BCFHW))
        theirs.append(second.push(-latent_BCFHW))
    assert torch.equal(torch.cat(mine, dim=2), whole(vae, latents_BCFHW))
    assert torch.equal(torch.cat(theirs, dim=2), whole(vae, -latents_BCFHW))


def test_latents_are_left_as_they_were(vae: AutoencoderKLWan, latents_BCFHW: torch.Tensor) -> None:
    """A caller may still want its latents."""
    before = latents_BCFHW.clone()
    StreamingDecoder(vae).push(latents_BCFHW)
    assert torch.equal(latents_BCFHW, before)


def test_nan_in_latents_reaches_the_check(vae: AutoencoderKLWan, latents_BCFHW: torch.Tensor) -> None:
    """Clamping must not turn NaN into a colour before anybody has looked."""
    broken, probe = latents_BCFHW.clone(), RecordingProbe()
    broken[0, 0, 1, 2, 2] = float("nan")
    to_uint8(StreamingDecoder(vae).push(broken), probe)
    assert probe.finite["frames"].isnan().any()


def test_bytes_are_rounded_not_cut_off() -> None:
    """-1 is 0, 1 is 255, and a value goes to its nearest byte."""
    values = torch.tensor([-1.0, -0.999, 0.0, 0.5, 0.999, 1.0]).view(1, 1, 1, 1, 6).expand(1, 3, 2, 1, 6)
    probe = RecordingProbe()
    frames_BTCHW = to_uint8(values, probe)
    assert frames_BTCHW.shape == (1, 2, 3, 1, 6)
    assert frames_BTCHW.dtype == torch.uint8
    assert frames_BTCHW[0, 0, 0, 0].tolist() == [0, 0, 128, 191, 255, 255]  # 127.5 rounds to even
    assert torch.equal(probe.finite["frames"], values)
