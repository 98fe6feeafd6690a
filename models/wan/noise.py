"""The noise of a request: each clip of a batch has that of its own seed, and so is the same alone and in a batch.

Source: huggingface/diffusers 0.42.1 `utils/torch_utils.py` (`randn_tensor`), which takes a list of generators for this.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from models.spec import Request

if TYPE_CHECKING:
    import torch


def draw_batch(request: Request, shapes: Sequence[tuple[int, ...]]) -> "list[torch.Tensor]":
    """Draw tensors of `shapes` in order, float32 on the CPU, clip i with a generator of its own seeded `seed + i`.

    `shapes` are those of one clip, B being 1 in [B, C, F, H, W] and [N, B, C, F, H, W]; the clips are joined there.
    """
    import torch

    generators = [torch.Generator().manual_seed(request.seed + clip) for clip in range(request.batch)]
    return [
        torch.cat([torch.randn(shape, generator=one, dtype=torch.float32) for one in generators], dim=len(shape) - 5)
        for shape in shapes
    ]
