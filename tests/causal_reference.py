"""The reference numerics restated plainly: one forward of a whole clip, every operation rounded to the weights' dtype.

Independent of models/causal: it reads the transformer's weights by their names and has no cache, no fused weights and
no tables computed ahead. Restated from a description of the order of operations in tianweiy/CausVid at ca21150.
"""

import math

import torch
from diffusers import WanTransformer3DModel
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it


def reference_forward(transformer: WanTransformer3DModel, x_BCFHW: Tensor, timestep: float, text_BLD: Tensor) -> Tensor:
    """Return the velocity of a clip whose frames attend to each other in full."""
    dtype, w = x_BCFHW.dtype, {name: value.to(x_BCFHW.dtype) for name, value in transformer.state_dict().items()}
    heads = transformer.config.num_attention_heads

    def lin(name: str, value: Tensor) -> Tensor:
        return F.linear(value, w[f"{name}.weight"], w[f"{name}.bias"])

    def norm(value: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        return F.layer_norm(value, value.shape[-1:], weight, bias, eps=1e-6)

    def rms(name: str, value: Tensor) -> Tensor:
        wide = value.float()
        normed = wide * torch.rsqrt(wide.pow(2).mean(dim=-1, keepdim=True) + 1e-6)
        weight: Tensor = w[f"{name}.weight"]
        return normed.to(dtype) * weight

    def split(value: Tensor) -> Tensor:
        return value.view(*value.shape[:2], heads, -1)

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return out.transpose(1, 2).flatten(2)

    hidden = F.conv3d(x_BCFHW, w["patch_embedding.weight"], w["patch_embedding.bias"], stride=(1, 2, 2))
    grid = hidden.shape[2:]
    hidden = hidden.flatten(2).transpose(1, 2)
    turns = rotations(grid, hidden.shape[-1] // heads)

    def turn(value: Tensor) -> Tensor:
        pairs = torch.view_as_complex(value.double().view(*value.shape[:-1], -1, 2))
        return torch.view_as_real(pairs * turns).flatten(-2).to(dtype)

    half = transformer.config.freq_dim // 2
    angles = torch.tensor(timestep, dtype=torch.float64) * torch.pow(10000, -torch.arange(half).double() / half)
    sinusoid = torch.cat([angles.cos(), angles.sin()])[None].to(dtype)
    embedder = "condition_embedder"
    time = lin(f"{embedder}.time_embedder.linear_2", F.silu(lin(f"{embedder}.time_embedder.linear_1", sinusoid)))
    levels = lin(f"{embedder}.time_proj", F.silu(time)).view(1, 6, -1)
    gelu = F.gelu(lin(f"{embedder}.text_embedder.linear_1", text_BLD), approximate="tanh")
    text = lin(f"{embedder}.text_embedder.linear_2", gelu)
    for number in range(transformer.config.num_layers):
        b = f"blocks.{number}"
        m = (w[f"{b}.scale_shift_table"] + levels).chunk(6, dim=1)
        y = norm(hidden) * (1 + m[1]) + m[0]
        q, k = (turn(split(rms(f"{b}.attn1.norm_{n}", lin(f"{b}.attn1.to_{n}", y)))) for n in "qk")
        out = lin(f"{b}.attn1.to_out.0", attend(q, k, split(lin(f"{b}.attn1.to_v", y))))
        hidden = hidden + (out * m[2])
        y = norm(hidden, w[f"{b}.norm2.weight"], w[f"{b}.norm2.bias"])
        q, k = (split(rms(f"{b}.attn2.norm_{n}", lin(f"{b}.attn2.to_{n}", v))) for n, v in (("q", y), ("k", text)))
        hidden = hidden + lin(f"{b}.attn2.to_out.0", attend(q, k, split(lin(f"{b}.attn2.to_v", text))))
        y = norm(hidden) * (1 + m[4]) + m[3]
        y = lin(f"{b}.ffn.net.2", F.gelu(lin(f"{b}.ffn.net.0.proj", y), approximate="tanh"))
        hidden = hidden + (y * m[5])
    shift, scale = (w["scale_shift_table"] + time[:, None]).chunk(2, dim=1)
    patches = lin("proj_out", norm(hidden) * (1 + scale) + shift).view(1, *grid, 2, 2, -1)
    return patches.permute(0, 6, 1, 2, 4, 3, 5).flatten(5, 6).flatten(3, 4)


def rotations(grid: torch.Size, size: int) -> Tensor:
    """Return e^(i angle) [S, 1, size / 2] in complex128: time, height and width have their share of the pairs."""
    frames, height, width = grid
    side = size // 6
    rows = []
    for f in range(frames):
        for y in range(height):
            for x in range(width):
                shares = ((f, size // 2 - 2 * side), (y, side), (x, side))
                rows.append([place / math.pow(10000, k / pairs) for place, pairs in shares for k in range(pairs)])
    angles = torch.tensor(rows, dtype=torch.float64)
    return torch.polar(torch.ones_like(angles), angles)[:, None]
