"""The three parts of a Wan block between its attentions, as plain functions on tensors, and the network's head.

Their shapes never change during a rollout, while those of the attention grow with every block of frames: so each part
can be compiled once and the attention calls and cache writes stay outside. Two numerics share this code, because what
they compute in follows from the dtype of the tables that they are given (models/causal/tables.py): modulation and norm
weights in float32 give what diffusers computes, the same in bfloat16 round after every operation as the CausVid
reference does. Only the norm of queries and keys tells them apart by name.

Source: huggingface/diffusers 0.42.1 models/transformers/transformer_wan.py (`WanTransformerBlock`,
`WanTransformer3DModel.forward`); the reference's order of operations restated from a description, not from its code.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from models.spec import Numerics
from models.wan.compiling import compile_function

EPSILON = 1e-6


class BeforeWeights(NamedTuple):
    """What comes before self-attention: query, key and value in one projection, and the norms of the first two."""

    qkv_weight: Tensor
    qkv_bias: Tensor
    norm_query: Tensor
    norm_key: Tensor


class BetweenWeights(NamedTuple):
    """What lies between the attentions: self-attention's output, the norm, cross-attention's query and its norm."""

    out_weight: Tensor
    out_bias: Tensor
    norm_weight: Tensor
    norm_bias: Tensor
    query_weight: Tensor
    query_bias: Tensor
    norm_query: Tensor


class AfterWeights(NamedTuple):
    """What comes after cross-attention: its output, and the feed-forward network's two projections."""

    out_weight: Tensor
    out_bias: Tensor
    up_weight: Tensor
    up_bias: Tensor
    down_weight: Tensor
    down_bias: Tensor


class Turns(NamedTuple):
    """The rotary embedding of S tokens: cosines and sines [S, 1, D / 2], in the dtype that rotations have."""

    cos: Tensor
    sin: Tensor


def before_self_attention(
    weights: BeforeWeights, modulation_6C: Tensor, turns: Turns, hidden_BSC: Tensor, numerics: Numerics
) -> tuple[Tensor, Tensor, Tensor]:
    """Return query, key (both after norm and rotation) and value, each BSHD in the dtype of `hidden_BSC`."""
    normed = modulated_norm(hidden_BSC, modulation_6C[0], modulation_6C[1])
    query, key, value = project(normed, weights.qkv_weight, weights.qkv_bias).chunk(3, dim=-1)
    size = 2 * turns.cos.shape[-1]
    query = rotate(split_heads(rms_norm(query, weights.norm_query, numerics), size), turns)
    key = rotate(split_heads(rms_norm(key, weights.norm_key, numerics), size), turns)
    return query, key, split_heads(value, size)


def between_attentions(
    weights: BetweenWeights, modulation_6C: Tensor, hidden_BSC: Tensor, attended_BSHD: Tensor, numerics: Numerics
) -> tuple[Tensor, Tensor]:
    """Return the hidden states [B, S, C], self-attention's output added, and cross-attention's query [B, S, H, D]."""
    attended = project(attended_BSHD.flatten(2), weights.out_weight, weights.out_bias)
    hidden = gated_add(hidden_BSC, attended, modulation_6C[2])
    normed = functional.layer_norm(
        hidden.to(weights.norm_weight.dtype), hidden.shape[-1:], weights.norm_weight, weights.norm_bias, EPSILON
    )
    query = project(normed.to(hidden.dtype), weights.query_weight, weights.query_bias)
    return hidden, split_heads(rms_norm(query, weights.norm_query, numerics), attended_BSHD.shape[-1])


def after_cross_attention(
    weights: AfterWeights, modulation_6C: Tensor, hidden_BSC: Tensor, attended_BSHD: Tensor
) -> Tensor:
    """Return the block's result [B, S, C]: cross-attention's output added, then the gated feed-forward network's."""
    hidden = hidden_BSC + project(attended_BSHD.flatten(2), weights.out_weight, weights.out_bias)
    normed = modulated_norm(hidden, modulation_6C[3], modulation_6C[4])
    raised = functional.gelu(project(normed, weights.up_weight, weights.up_bias), approximate="tanh")
    return gated_add(hidden, project(raised, weights.down_weight, weights.down_bias), modulation_6C[5])


def head(weight: Tensor, bias: Tensor, modulation_2C: Tensor, hidden_BSC: Tensor) -> Tensor:
    """Return every token's patch of velocities [B, S, patch volume x channels]."""
    return project(modulated_norm(hidden_BSC, modulation_2C[0], modulation_2C[1]), weight, bias)


def project(values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return values @ weight + bias in the dtype of `values`, to which weights stored in 8 bits are cast."""
    return functional.linear(values, weight.to(values.dtype), bias.to(values.dtype))


def modulated_norm(hidden: Tensor, shift_C: Tensor, scale_C: Tensor) -> Tensor:
    """Return LayerNorm(hidden) * scale + shift, where `scale` has its 1 added already.

    A wider modulation than the hidden states is computed in, and rounded from, that dtype in one kernel.
    """
    size = hidden.shape[-1:]
    if shift_C.dtype == hidden.dtype:
        return functional.layer_norm(hidden, size, eps=EPSILON) * scale_C + shift_C
    return functional.layer_norm(hidden.to(shift_C.dtype), size, scale_C, shift_C, EPSILON).to(hidden.dtype)


def gated_add(hidden: Tensor, update: Tensor, gate_C: Tensor) -> Tensor:
    """Return hidden + update * gate; with a wider gate in its dtype and rounded once, by one kernel."""
    if gate_C.dtype == hidden.dtype:
        return hidden + update * gate_C
    return torch.addcmul(hidden, update, gate_C, out=torch.empty_like(hidden))


def rms_norm(values: Tensor, weight: Tensor, numerics: Numerics) -> Tensor:
    """Normalise over the last axis in float32; the reference rounds before it multiplies by the weight."""
    if numerics == "reference":
        return functional.rms_norm(values, values.shape[-1:], eps=EPSILON) * weight
    return functional.rms_norm(values, values.shape[-1:], weight, EPSILON)


def split_heads(values_BSC: Tensor, size: int) -> Tensor:
    """Return a view BSHD with heads of `size` channels."""
    return values_BSC.view(*values_BSC.shape[:-1], -1, size)


def rotate(values_BSHD: Tensor, turns: Turns) -> Tensor:
    """Rotate neighbouring pairs of the last axis in the dtype of `turns`, and round once."""
    even, odd = values_BSHD[..., 0::2], values_BSHD[..., 1::2]
    cos, sin = turns
    if torch.compiler.is_compiling():  # which has no use for the writes into every other element
        turned = torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1)
        return turned.flatten(-2).to(values_BSHD.dtype)
    rotated = torch.empty_like(values_BSHD)
    torch.addcmul(even * cos, odd, sin, value=-1, out=rotated[..., 0::2])
    torch.addcmul(even * sin, odd, cos, out=rotated[..., 1::2])
    return rotated


class Parts(NamedTuple):
    """The three parts of a block, as they are or compiled."""

    before: Callable[[BeforeWeights, Tensor, Turns, Tensor, Numerics], tuple[Tensor, Tensor, Tensor]]
    between: Callable[[BetweenWeights, Tensor, Tensor, Tensor, Numerics], tuple[Tensor, Tensor]]
    after: Callable[[AfterWeights, Tensor, Tensor, Tensor], Tensor]


EAGER = Parts(before_self_attention, between_attentions, after_cross_attention)


def compiled_parts(numerics: Numerics, backend: str = "inductor") -> Parts:
    """Return the parts compiled each as one graph, at their first call in a shape; `backend` is torch.compile's.

    In reference numerics they round where the eager ones do; in the others fusing saves roundings.
    """
    exact = numerics == "reference"
    return Parts(
        before=compile_function(before_self_attention, backend, exact_rounding=exact),
        between=compile_function(between_attentions, backend, exact_rounding=exact),
        after=compile_function(after_cross_attention, backend, exact_rounding=exact),
    )
