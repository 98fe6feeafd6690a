"""The arithmetic of a request, worked out from the sizes of the networks; a multiply-add counts 2 FLOP.

A time says little about how well the hardware was used until it is divided by the work done. Counting on the GPU
misses custom kernels, so the sums are written down here; a test runs every model's own pipeline on torch's meta device
and compares them, phase by phase and kind by kind, with torch's counter. They hold matrix products, attention's scores
and values, and convolutions, nothing else. Formulas: Kaplan et al. 2020 (arXiv:2001.08361) §2.1.

Bytes are a lower bound: weights once a forward, the latents, frames and embeddings that go in and come out, and what a
causal model's caches hold. Activations between layers are not in it, nor biases and norms.
"""

import math

from models.causal.lengths import LongVideo, plan_clip
from models.causal.window import Window
from models.spec import Request
from models.wan.architecture import Architecture
from models.wan.vae_work import decode_work, encode_work
from models.work_kinds import PhaseWork, Work

TIME_STRIDE = 4
SPACE_STRIDE = 8


def bidirectional_work(architecture: Architecture, request: Request, forwards: int) -> Work:
    """Work of `forwards` whole-clip forwards, guidance's included; with guidance two prompts are encoded.

    Each forward and the decoding do the whole batch; its prompt is encoded once.
    """
    frames, height, width = latent_shape(request)
    tokens = frames * _tokens_per_frame(architecture, height, width)
    text = PhaseWork(values=architecture.text_length * architecture.transformer["text_dim"])
    once = _forward(architecture, tokens, tokens) + _timestep(architecture) + _text_projections(architecture) + text
    prompts = 2 if request.guidance_scale > 1.0 else 1
    return Work(
        phases={
            "text_encode": prompts * text_encoder_work(architecture),
            "denoise": (forwards * once).of_batch(request.batch),
            "decode": decode_work(architecture.vae, frames, height, width).of_batch(request.batch),
        },
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
    the text are computed once a rollout, modulation never: it is a table. A further rollout starts from a frame that is
    encoded again (`encode_frame`), a start clip is encoded once for all clips (`encode_clip`).
    """
    _, height, width = latent_shape(request)
    plan = plan_clip(request, frames_per_block, long_video)
    denoise, forwards = PhaseWork(), 0
    for given in plan.given:
        denoise += _text_projections(architecture) + PhaseWork(values=_cached(architecture, architecture.text_length))
        for block in range(1, plan.latent_frames // frames_per_block + 1):
            fills = block * frames_per_block < plan.latent_frames or final_cache_pass
            passes = (steps if block * frames_per_block > given else 0) + fills
            once, cached = _block_pass(architecture, request, frames_per_block, block, long_video)
            denoise += passes * once + fills * cached
            forwards += passes
    decode = decode_work(architecture.vae, plan.decoded_latents, height, width)
    phases = {
        "text_encode": text_encoder_work(architecture),
        "denoise": denoise.of_batch(request.batch),
        "decode": (len(plan.given) * decode).of_batch(request.batch),
    }
    if plan.given[0]:
        phases["encode_clip"] = encode_work(architecture.vae, plan.given[0], height, width)
    if further := len(plan.given) - 1:
        phases["encode_frame"] = (further * encode_work(architecture.vae, 1, height, width)).of_batch(request.batch)
    return Work(phases=phases, forwards=forwards)


def _block_pass(
    architecture: Architecture, request: Request, frames_per_block: int, block: int, long_video: LongVideo | None
) -> tuple[PhaseWork, PhaseWork]:
    """Give a forward of a rollout's block number `block` (from 1), and what keeping its keys and values adds."""
    _, height, width = latent_shape(request)
    per_frame = _tokens_per_frame(architecture, height, width)
    tokens = frames_per_block * per_frame
    keys = block * tokens
    if isinstance(long_video, Window):
        keys = min(keys, long_video.frames * per_frame)
    read = _cached(architecture, keys - tokens) + _cached(architecture, architecture.text_length)
    once = _forward(architecture, tokens, keys) + PhaseWork(values=read)
    return once, PhaseWork(values=_cached(architecture, tokens))


def latent_shape(request: Request) -> tuple[int, int, int]:
    """Latent frames, height and width of a request of 4k+1 frames."""
    return (request.frames - 1) // TIME_STRIDE + 1, request.height // SPACE_STRIDE, request.width // SPACE_STRIDE


def _tokens_per_frame(architecture: Architecture, height: int, width: int) -> int:
    _, patch_height, patch_width = architecture.transformer["patch_size"]
    return int((height // patch_height) * (width // patch_width))


def _width(architecture: Architecture) -> int:
    return int(architecture.transformer["num_attention_heads"] * architecture.transformer["attention_head_dim"])


def _cached(architecture: Architecture, tokens: int) -> int:
    """Count the keys and values of so many tokens in all layers."""
    return int(2 * architecture.transformer["num_layers"] * tokens * _width(architecture))


def _linear(tokens: float, weights: float) -> PhaseWork:
    return PhaseWork(flop={"matmul": 2.0 * tokens * weights}, weights=weights)


def _forward(architecture: Architecture, query_tokens: int, key_tokens: int) -> PhaseWork:
    """Count one forward of the transformer without what depends on the text or the timestep alone."""
    sizes, width = architecture.transformer, _width(architecture)
    patch, layers = math.prod(sizes["patch_size"]), sizes["num_layers"]
    attended = key_tokens + architecture.text_length
    # Self-attention projects query, key, value and output here, cross-attention query and output.
    linear = _linear(query_tokens, layers * (4 * width**2 + 2 * width**2 + 2 * width * sizes["ffn_dim"]))
    embedding = width * patch * sizes["in_channels"]
    return (
        linear
        + PhaseWork(flop={"attention": 4.0 * layers * query_tokens * attended * width})
        + PhaseWork(flop={"convolution": 2.0 * query_tokens * embedding}, weights=embedding)
        + _linear(query_tokens, width * patch * sizes["out_channels"])
        + PhaseWork(values=query_tokens * patch * (sizes["in_channels"] + sizes["out_channels"]))
    )


def _timestep(architecture: Architecture) -> PhaseWork:
    """Count the embedding of the timestep and its projection to all layers' modulation."""
    width = _width(architecture)
    return _linear(1, architecture.transformer["freq_dim"] * width + width**2 + 6 * width**2)


def _text_projections(architecture: Architecture) -> PhaseWork:
    """Count the transformer's own embedding of the text, and its keys and values in every layer."""
    sizes, width = architecture.transformer, _width(architecture)
    weights = sizes["text_dim"] * width + width**2 + 2 * sizes["num_layers"] * width**2
    return _linear(architecture.text_length, weights)


def text_encoder_work(architecture: Architecture) -> PhaseWork:
    """Count one prompt through UMT5, padded to the text length; of the embedding only the prompt's rows are read."""
    sizes, tokens = architecture.text_encoder, architecture.text_length
    inner = sizes["num_heads"] * sizes["d_kv"]
    layers, wide = sizes["num_layers"], sizes["d_model"]
    scores = PhaseWork(flop={"attention": 4.0 * layers * tokens**2 * inner}, values=2 * tokens * wide)
    return _linear(tokens, layers * (4 * wide * inner + 3 * wide * sizes["d_ff"])) + scores
