"""What the tests share that only a CUDA device can pass: `tox run -e gpu`, or `pytest tests/test_gpu_*.py -m gpu`.

Elsewhere they are skipped and counted.
"""

from typing import Literal

import msgspec
import pytest

from fixtures.device.gpu import visible_gpus
from models.spec import Recipe, Request

MIB, GIB = 2**20, 2**30

ON_GPU = [
    pytest.mark.gpu,
    pytest.mark.skipif(not visible_gpus(), reason="no CUDA device is visible"),
    # torch's CUDA builds warn of their own deprecations while they initialise; that is not ours to mend.
    pytest.mark.filterwarnings("default"),
]


def recipe_of(model: str, device: Literal["cpu", "cuda"]) -> Recipe:
    return Recipe(
        model=model,
        weights="tiny",
        device=device,
        transformer_dtype="float32",
        text_encoder_dtype="float32",
        vae_dtype="float32",
        attention="native_math",
    )


def request_of(frames: int, batch: int = 1) -> Request:
    one = Request(prompt="dogs", width=64, height=64, frames=frames, fps=16, steps=3, guidance_scale=1, shift=8, seed=0)
    return msgspec.structs.replace(one, batch=batch)
