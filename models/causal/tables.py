"""What a causal runner computes once of a transformer, before the first clip: rotations, modulation, fused weights.

Every forward of a few-step model runs at one of a handful of noise levels, so that the embedding of time and the
modulation of all layers are tables. The tables also carry the numerics: their dtypes decide in what the parts of a
block compute (models/causal/block.py).

Source: huggingface/diffusers 0.42.1 models/transformers/transformer_wan.py and models/embeddings.py; the CausVid
reference's float64 sinusoid and rotation tables restated from a description, not from its code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from torch import Tensor, nn
from torch.nn import functional

from models.causal.block import EPSILON, AfterWeights, BeforeWeights, BetweenWeights, Turns, project
from models.spec import Numerics

PERIOD = 10_000.0


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The weights of one block's three parts."""

    before: BeforeWeights
    between: BetweenWeights
    after: AfterWeights


@dataclass(frozen=True, kw_only=True)
class Modulation:
    """Shift, scale and gate at one noise level: [6, C] for every layer, [2, C] for the head; scales have 1 added."""

    layers_6C: tuple[Tensor, ...]
    head_2C: Tensor


def fused_layers(transformer: WanTransformer3DModel, numerics: Numerics) -> tuple[Layer, ...]:
    """Collect every layer's weights, with query, key and value projected as one.

    The fused weights take the place of the three: the transformer's own parameters become views of them, so that its
    state is what it was and no memory is held twice. Raises ValueError for a transformer with another norm epsilon.
    """
    if transformer.config.eps != EPSILON:
        message = f"the transformer's norms add {transformer.config.eps}, the causal runner's {EPSILON:g}"
        raise ValueError(message)
    dtype = transformer.patch_embedding.weight.dtype
    return tuple(
        _fused_layer(block, torch.float32 if numerics == "diffusers" else dtype) for block in transformer.blocks
    )


def _fused_layer(block: Any, norm_dtype: torch.dtype) -> Layer:
    own, text, up, down = block.attn1, block.attn2, block.ffn.net[0].proj, block.ffn.net[2]
    qkv = (own.to_q, own.to_k, own.to_v)
    return Layer(
        before=BeforeWeights(
            _fused([linear.weight for linear in qkv]),
            _fused([linear.bias for linear in qkv]),
            own.norm_q.weight,
            own.norm_k.weight,
        ),
        between=BetweenWeights(
            own.to_out[0].weight,
            own.to_out[0].bias,
            block.norm2.weight.to(norm_dtype),
            block.norm2.bias.to(norm_dtype),
            text.to_q.weight,
            text.to_q.bias,
            text.norm_q.weight,
        ),
        after=AfterWeights(text.to_out[0].weight, text.to_out[0].bias, up.weight, up.bias, down.weight, down.bias),
    )


def _fused(parameters: Sequence[nn.Parameter]) -> Tensor:
    """Lay parameters one behind the other along their first axis, and make them views of the result.

    Joined as bytes, for which every dtype has kernels on every device.
    """
    whole = torch.cat([parameter.data.view(torch.uint8) for parameter in parameters]).view(parameters[0].dtype)
    for parameter, part in zip(parameters, whole.chunk(len(parameters)), strict=True):
        parameter.data = part
    return whole


def rotations(transformer: WanTransformer3DModel, size: tuple[int, int, int], numerics: Numerics) -> Turns:
    """Return the rotary embedding of a clip of F x H x W latents, on the transformer's device.

    "diffusers": its own float32 table; "reference": float64.
    """
    frames, height, width = size
    if numerics == "diffusers":
        like = torch.empty((1, 1, frames, height, width), device="meta")  # only its shape is read
        cos, sin = transformer.rope(like)
        return Turns(cos[0, ..., 0::2].contiguous(), sin[0, ..., 1::2].contiguous())
    head_size, patch = transformer.config.attention_head_dim, transformer.config.patch_size
    counts = [length // step for length, step in zip(size, patch, strict=True)]
    side = 2 * (head_size // 6)
    angles = []
    for axis, (count, width_of_axis) in enumerate(zip(counts, (head_size - 2 * side, side, side), strict=True)):
        frequencies = PERIOD ** -(torch.arange(0, width_of_axis, 2, dtype=torch.float64) / width_of_axis)
        angle = torch.outer(torch.arange(count, dtype=torch.float64), frequencies)
        shape = [1, 1, 1, -1]
        shape[axis] = count
        angles.append(angle.view(shape).expand(*counts, -1))
    angle_S1D = torch.cat(angles, dim=-1).flatten(0, 2).unsqueeze(1).to(transformer.patch_embedding.weight.device)
    return Turns(angle_S1D.cos(), angle_S1D.sin())


@torch.no_grad()
def modulations(
    transformer: WanTransformer3DModel, timesteps: Sequence[float], numerics: Numerics
) -> tuple[Modulation, ...]:
    """Compute the modulation of all layers and of the head at each timestep (0 to 1000), one timestep at a time."""
    return tuple(_modulation(transformer, timestep, numerics) for timestep in timesteps)


def _modulation(transformer: WanTransformer3DModel, timestep: float, numerics: Numerics) -> Modulation:
    embedder, weight = transformer.condition_embedder, transformer.patch_embedding.weight
    dtype = torch.float32 if numerics == "diffusers" else weight.dtype
    half = transformer.config.freq_dim // 2
    angles = timestep * PERIOD ** -(torch.arange(half, dtype=torch.float64) / half)
    sinusoid = torch.cat([angles.cos(), angles.sin()])[None].to(weight.device)
    if numerics == "diffusers":
        time_1C = embedder.time_embedder(sinusoid.to(embedder.time_embedder.linear_1.weight.dtype)).to(weight.dtype)
    else:
        sinusoid = sinusoid.to(dtype)
        first, second = embedder.time_embedder.linear_1, embedder.time_embedder.linear_2
        hidden = functional.silu(project(sinusoid, first.weight, first.bias))
        time_1C = project(hidden, second.weight, second.bias)
    projected_6C = embedder.time_proj(functional.silu(time_1C)).unflatten(1, (6, -1))[0].to(dtype)
    layers_6C = tuple(block.scale_shift_table[0].to(dtype) + projected_6C for block in transformer.blocks)
    for layer_6C in layers_6C:
        layer_6C[1::3] += 1
    head_2C = transformer.scale_shift_table[0].to(dtype) + time_1C.to(dtype)
    head_2C[1] += 1
    return Modulation(layers_6C=layers_6C, head_2C=head_2C)
