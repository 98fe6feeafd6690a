"""A transformer's linear weights stored in 8 bits: half the memory of bfloat16, computed with in the recipe's dtype.

The linear layers of the blocks, nearly all of the parameters, rest as float8_e4m3 and are cast up for each forward;
embeddings, norms, modulation and the head keep their precision. It is storage only: nothing is scaled, products are
not computed in 8 bits, and each forward pays for the casts. Source: huggingface/diffusers 0.42.1
`hooks/layerwise_casting.py` and `WanTransformer3DModel._skip_layerwise_casting_patterns`.
"""

from typing import TYPE_CHECKING

from models.spec import DtypeName

if TYPE_CHECKING:
    from diffusers import WanTransformer3DModel


def store_as_float8(transformer: "WanTransformer3DModel", compute_dtype: DtypeName) -> None:
    """Store the blocks' linear weights as float8_e4m3fn, on whatever device they lie.

    To be called once, on a whole model: a LoRA is fused before, since fusing into stored weights would round twice.
    """
    import torch

    transformer.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=getattr(torch, compute_dtype))
