"""The arithmetic of Wan's VAE, layer by layer, without torch.

Decoding takes the causal models about as long as sampling does. Both networks are causal in time: a clip's first latent
frame is one picture and costs less than each later one, which is four. Layers: huggingface/diffusers 0.42.1
`autoencoder_kl_wan.py` (`WanDecoder3d`, `WanEncoder3d`, `AutoencoderKLWan._decode` and `_encode`).
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from models.work_kinds import PhaseWork

COLOURS = 3
FRAMES_PER_LATENT = 4
SPACE_STRIDE = 8


def decode_work(vae: Mapping[str, Any], latent_frames: int, height: int, width: int) -> PhaseWork:
    """Decode `latent_frames` of `height` x `width` latents, one at a time: the weights are read for each.

    In go the latents, out come the frames; what is remembered from one latent frame to the next is not counted, since
    a decoder that takes them all at once needs none of it.
    """
    return _clip(_decode_latent_frame, vae, latent_frames, height, width)


def encode_work(vae: Mapping[str, Any], latent_frames: int, height: int, width: int) -> PhaseWork:
    """Encode the frames that become `latent_frames` of `height` x `width` latents; counted as in `decode_work`."""
    return _clip(_encode_latent_frame, vae, latent_frames, height, width)


def _clip(
    latent_frame: Callable[..., PhaseWork], vae: Mapping[str, Any], latent_frames: int, height: int, width: int
) -> PhaseWork:
    pictures = 1 + FRAMES_PER_LATENT * (latent_frames - 1)
    values = latent_frames * vae["z_dim"] + pictures * COLOURS * SPACE_STRIDE**2
    first = latent_frame(vae, height * width, first=True)
    later = latent_frame(vae, height * width, first=False)
    return first + (latent_frames - 1) * later + PhaseWork(values=values * height * width)


def _decode_latent_frame(vae: Mapping[str, Any], pixels: int, *, first: bool) -> PhaseWork:
    widths: list[int] = [vae["base_dim"] * factor for factor in (vae["dim_mult"][-1], *reversed(vae["dim_mult"]))]
    doubles_time = list(reversed(vae["temperal_downsample"]))
    z_dim: int = vae["z_dim"]
    frames = 1
    work = _conv(pixels, z_dim, z_dim, 1) + _conv(pixels, z_dim, widths[0], 27) + _middle(pixels, widths[0])
    for level, (wide, out) in enumerate(pairwise(widths)):
        entry = wide // 2 if level > 0 else wide
        work += _resnet(frames * pixels, entry, out) + vae["num_res_blocks"] * _resnet(frames * pixels, out, out)
        if level == len(widths) - 2:
            continue
        if doubles_time[level] and not first:
            work += _conv(frames * pixels, out, 2 * out, 3)
            frames *= 2
        pixels *= 4
        work += _conv(frames * pixels, out, out // 2, 9)
    return work + _conv(frames * pixels, widths[-1], COLOURS, 27)


def _encode_latent_frame(vae: Mapping[str, Any], pixels: int, *, first: bool) -> PhaseWork:
    widths: list[int] = [vae["base_dim"] * factor for factor in (1, *vae["dim_mult"])]
    moments = 2 * vae["z_dim"]
    frames = 1 if first else FRAMES_PER_LATENT
    pixels *= SPACE_STRIDE**2
    work = _conv(frames * pixels, COLOURS, widths[0], 27)
    for level, (wide, out) in enumerate(pairwise(widths)):
        work += _resnet(frames * pixels, wide, out)
        work += (vae["num_res_blocks"] - 1) * _resnet(frames * pixels, out, out)
        if level == len(widths) - 2:
            continue
        pixels //= 4
        work += _conv(frames * pixels, out, out, 9)
        if vae["temperal_downsample"][level] and not first:
            frames //= 2
            work += _conv(frames * pixels, out, out, 3)
    return (
        work + _middle(pixels, widths[-1]) + _conv(pixels, widths[-1], moments, 27) + _conv(pixels, moments, moments, 1)
    )


def _conv(points: int, channels_in: int, channels_out: int, taps: int) -> PhaseWork:
    weights = channels_in * channels_out * taps
    return PhaseWork(flop={"convolution": 2.0 * points * weights}, weights=weights)


def _resnet(points: int, channels_in: int, channels_out: int) -> PhaseWork:
    work = _conv(points, channels_in, channels_out, 27) + _conv(points, channels_out, channels_out, 27)
    return work + _conv(points, channels_in, channels_out, 1) if channels_in != channels_out else work


def _middle(pixels: int, channels: int) -> PhaseWork:
    """Count two residual blocks and, between them, attention of every pixel of a frame to every other."""
    projections = _conv(pixels, channels, 3 * channels, 1) + _conv(pixels, channels, channels, 1)
    return (
        2 * _resnet(pixels, channels, channels)
        + projections
        + PhaseWork(flop={"attention": 4.0 * pixels**2 * channels})
    )
