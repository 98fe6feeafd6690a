"""A transformer's linear weights stored in 8 bits: half the memory of bfloat16, computed with in the recipe's dtype.

The linear layers of the blocks, nearly all of the parameters, rest as float8_e4m3 and are cast up for each forward;
embeddings, norms, modulation and the head keep their precision. It is storage only: nothing is scaled, products are
not computed in 8 bits, and each forward pays for the casts. Source: huggingface/diffusers 0.42.1
`hooks/layerwise_casting.py` and `WanTransformer3DModel._skip_layerwise_casting_patterns`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from diffusers import WanTransformer3DModel


def store_as_float8(transformer: "WanTransformer3DModel", compute_dtype: "torch.dtype") -> None:
    """Store the blocks' linear weights as float8_e4m3fn, on whatever device they lie, meta included.

    To be called once, on a whole model: a LoRA is fused before, since fusing into stored weights would round twice.
    """
    import torch

    transformer.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=compute_dtype)


def compute_weights(
    layer: "torch.nn.Linear", compute_dtype: "torch.dtype"
) -> "tuple[torch.Tensor, torch.Tensor | None]":
    """Give a linear layer's weight and bias in `compute_dtype`, however they are stored; no copy where they are in it.

    For code that computes with the weights itself and does not call the layer, which casts them on its own.
    """
    bias = layer.bias
    return layer.weight.to(compute_dtype), None if bias is None else bias.to(compute_dtype)
