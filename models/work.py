"""The arithmetic of a request, worked out from the sizes of the networks; a multiply-add counts 2 FLOP.

A time says little about how well the hardware was used until it is divided by the work done. Counting on the GPU
misses custom kernels, so the sums are written down here and tested against torch's own counter. They hold matrix
products and convolutions, nothing else. Formulas: Kaplan et al. 2020 (arXiv:2001.08361) §2.1 for transformers; the
decoder's layers from huggingface/diffusers 0.42.1 `autoencoder_kl_wan.py` (`WanDecoder3d`).
"""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from models.causal.lengths import LongVideo, plan_clip
from models.causal.window import Window
from models.spec import Request, Work
from models.wan.architecture import Architecture

TIME_STRIDE = 4
SPACE_STRIDE = 8


def bidirectional_work(architecture: Architecture, request: Request, forwards: int) -> Work:
    """Work of `forwards` whole-clip forwards, guidance's included; with guidance two prompts are encoded.

    Each forward and the decoding do the whole batch; its prompt is encoded once.
    """
    frames, height, width = latent_shape(request)
    tokens = frames * _tokens_per_frame(architecture, height, width)
    once = _forward_flop(architecture, tokens, tokens) + _text_flop(architecture)
    prompts = 2 if request.guidance_scale > 1.0 else 1
    return Work(
        text_encode_flop=prompts * text_encoder_flop(architecture),
        denoise_flop=request.batch * forwards * once,
        decode_flop=request.batch * vae_decode_flop(architecture.vae, frames, height, width),
        forwards=forwards,
    )


def causal_work(
    architecture: Architecture,
    request: Request,
    frames_per_block: int,
    steps: int,
    *,
    final_cache_pass: bool = False,
    long_video: LongVideo | None = None,
) -> Work:
    """Work of a block-by-block run with a key-value cache: `steps` forwards a block and one that fills the cache.

    Each forward and the decoding do the whole batch; its prompt is encoded once.

    Block b attends to itself and all before it, as far as a window reaches. Given blocks only fill the cache. The cache
    of a rollout's last block is read by nobody: its pass is counted only with `final_cache_pass`. Keys and values of
    the text are computed once a rollout. Encoding the frame that a further rollout starts from, or a start clip, is not
    counted: one frame takes 1.1 % of what decoding a rollout does.
    """
    _, height, width = latent_shape(request)
    plan = plan_clip(request, frames_per_block, long_video)
    blocks = plan.latent_frames // frames_per_block
    per_frame = _tokens_per_frame(architecture, height, width)
    tokens = frames_per_block * per_frame
    most_keys = (long_video.frames if isinstance(long_video, Window) else plan.latent_frames) * per_frame
    denoise_flop, total = 0.0, 0
    for given in plan.given:
        denoise_flop += _text_flop(architecture)
        for block in range(1, blocks + 1):
            passes = (steps if block * frames_per_block > given else 0) + (block < blocks or final_cache_pass)
            denoise_flop += passes * _forward_flop(architecture, tokens, min(block * tokens, most_keys))
            total += passes
    clips = request.batch * len(plan.given)
    return Work(
        text_encode_flop=text_encoder_flop(architecture),
        denoise_flop=request.batch * denoise_flop,
        decode_flop=clips * vae_decode_flop(architecture.vae, plan.decoded_latents, height, width),
        forwards=total,
    )


def latent_shape(request: Request) -> tuple[int, int, int]:
    """Latent frames, height and width of a request of 4k+1 frames."""
    return (request.frames - 1) // TIME_STRIDE + 1, request.height // SPACE_STRIDE, request.width // SPACE_STRIDE


def _tokens_per_frame(architecture: Architecture, height: int, width: int) -> int:
    _, patch_height, patch_width = architecture.transformer["patch_size"]
    return int((height // patch_height) * (width // patch_width))


def _forward_flop(architecture: Architecture, query_tokens: int, key_tokens: int) -> float:
    """Count one forward of the transformer without what depends on the text alone."""
    sizes = architecture.transformer
    width = sizes["num_attention_heads"] * sizes["attention_head_dim"]
    patch = math.prod(sizes["patch_size"])
    layer = (
        4 * query_tokens * key_tokens * width  # self-attention: scores and values
        + 4 * query_tokens * architecture.text_length * width  # cross-attention: the same
        + 8 * query_tokens * width**2  # self-attention: query, key, value, output
        + 4 * query_tokens * width**2  # cross-attention: query, output
        + 4 * query_tokens * width * sizes["ffn_dim"]
    )
    ends = 2 * query_tokens * width * patch * (sizes["in_channels"] + sizes["out_channels"])
    timestep = 2 * (sizes["freq_dim"] * width + width**2 + 6 * width**2)
    return float(sizes["num_layers"] * layer + ends + timestep)


def _text_flop(architecture: Architecture) -> float:
    """Count the transformer's own embedding of the text, and its keys and values in every layer."""
    sizes = architecture.transformer
    width = sizes["num_attention_heads"] * sizes["attention_head_dim"]
    per_token = 2 * (sizes["text_dim"] * width + width**2) + 4 * sizes["num_layers"] * width**2
    return float(architecture.text_length * per_token)


def text_encoder_flop(architecture: Architecture) -> float:
    """Count one prompt through UMT5, padded to the text length."""
    sizes, tokens = architecture.text_encoder, architecture.text_length
    inner = sizes["num_heads"] * sizes["d_kv"]
    layer = (
        8 * tokens * sizes["d_model"] * inner + 4 * tokens**2 * inner + 6 * tokens * sizes["d_model"] * sizes["d_ff"]
    )
    return float(sizes["num_layers"] * layer)


def vae_decode_flop(vae: Mapping[str, Any], latent_frames: int, height: int, width: int) -> float:
    """Decode `latent_frames` of `height` x `width` latents: the first is cheaper, for it becomes one frame only."""
    first = _latent_frame_flop(vae, height, width, first=True)
    later = _latent_frame_flop(vae, height, width, first=False)
    return first + (latent_frames - 1) * later


def _latent_frame_flop(vae: Mapping[str, Any], height: int, width: int, *, first: bool) -> float:
    widths: list[int] = [vae["base_dim"] * factor for factor in (vae["dim_mult"][-1], *reversed(vae["dim_mult"]))]
    doubles_time = list(reversed(vae["temperal_downsample"]))
    z_dim: int = vae["z_dim"]
    top, pixels, frames = widths[0], height * width, 1
    flop = _conv_flop(pixels, z_dim, z_dim, 1) + _conv_flop(pixels, z_dim, top, 27)
    flop += 2 * _resnet_flop(pixels, top, top)
    flop += _conv_flop(pixels, top, 3 * top, 1) + _conv_flop(pixels, top, top, 1) + 4 * pixels**2 * top
    for level, (wide, out) in enumerate(pairwise(widths)):
        entry = wide // 2 if level > 0 else wide
        flop += _resnet_flop(frames * pixels, entry, out)
        flop += vae["num_res_blocks"] * _resnet_flop(frames * pixels, out, out)
        if level == len(widths) - 2:
            continue
        if doubles_time[level] and not first:
            flop += _conv_flop(frames * pixels, out, 2 * out, 3)
            frames *= 2
        pixels *= 4
        flop += _conv_flop(frames * pixels, out, out // 2, 9)
    return flop + _conv_flop(frames * pixels, widths[-1], 3, 27)


def _conv_flop(points: int, channels_in: int, channels_out: int, taps: int) -> float:
    return 2.0 * points * channels_in * channels_out * taps


def _resnet_flop(points: int, channels_in: int, channels_out: int) -> float:
    shortcut = _conv_flop(points, channels_in, channels_out, 1) if channels_in != channels_out else 0.0
    return (
        _conv_flop(points, channels_in, channels_out, 27)
        + _conv_flop(points, channels_out, channels_out, 27)
        + shortcut
    )
