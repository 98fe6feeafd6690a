"""A model's own pipeline on torch's meta device, under torch's FLOP counter: all shapes real, no values, no memory.

Every call of the pipeline is made, from the text to the last frame, so that what is counted is what runs. Attention is
torch's own, which the counter sees as its two batched products.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from torch.utils.flop_counter import FlopCounterMode
from transformers import UMT5Config, UMT5EncoderModel

from models.spec import ModelSpec, Recipe, Request
from models.wan.architecture import Architecture
from models.wan.components import Components
from models.wan.decoder_layout import prepare_decoder
from models.wan.random_weights import offline_tokenizer
from models.wan.text_encoder import TextEncoder
from models.work_kinds import Operation
from tests.untraced import untraced

KINDS: dict[str, Operation] = {
    "aten.mm": "matmul",
    "aten.addmm": "matmul",
    "aten.bmm": "attention",
    "aten.convolution": "convolution",
}


class Unmasked(torch.nn.Module):
    """A text encoder that leaves its mask out: transformers asks a mask for its values, which meta has not."""

    def __init__(self, network: UMT5EncoderModel) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids_BL: torch.Tensor, _mask_BL: torch.Tensor) -> Any:
        return self.network(ids_BL)


def meta_components(architecture: Architecture, *_: Any) -> Components:
    """Stand in for `load_components`."""
    with torch.device("meta"):
        transformer = WanTransformer3DModel(**architecture.transformer).eval()
        text_encoder = Unmasked(UMT5EncoderModel(UMT5Config(**architecture.text_encoder)).eval())
        vae = AutoencoderKLWan(**architecture.vae).eval()
    prepare_decoder(vae)
    return Components(
        tokenizer=offline_tokenizer(),
        text_encoder=TextEncoder(lambda: text_encoder, "resident", "meta"),
        transformer=transformer.requires_grad_(requires_grad=False),
        vae=vae,
        text_length=architecture.text_length,
        attention="native",
    )


class CountingProbe:
    """A probe that keeps the FLOP of every phase by kind."""

    def __init__(self, counter: FlopCounterMode) -> None:
        self.phases: dict[str, dict[Operation, int]] = {}
        self._counter = counter

    def _counted(self) -> dict[Operation, int]:
        counted: dict[Operation, int] = dict.fromkeys(KINDS.values(), 0)
        for operation, flop in self._counter.get_flop_counts().get("Global", {}).items():
            counted[KINDS[str(operation)]] += flop
        return counted

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        before = self._counted()
        yield
        mine = self.phases.setdefault(name, dict.fromkeys(before, 0))
        for kind, flop in self._counted().items():
            mine[kind] += flop - before[kind]

    def step(self, done: int, total: int) -> None:
        """Nothing is counted by steps."""

    def check_finite(self, name: str, values: torch.Tensor) -> None:
        """Look at nothing: there are no values."""


def count_phases(
    model: ModelSpec, request: Request, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, dict[Operation, int]], int]:
    """Generate the request's clip on meta tensors: each phase's FLOP by kind, and the clip's frames."""
    blank_THWC = np.zeros((9, request.height, request.width, 3), dtype=np.uint8)
    monkeypatch.setattr("models.wan.components.load_components", meta_components)
    monkeypatch.setattr("models.causal.pipeline.read_start_clip", lambda *_: blank_THWC)
    recipe = Recipe(
        model=model.id,
        weights=model.weights_sources[-1],
        device="meta",  # type: ignore[arg-type] # no recipe of a run: it allocates nothing
        transformer_dtype="bfloat16",
        text_encoder_dtype="bfloat16",
        vae_dtype="bfloat16",
        attention="native",
        lora=model.published_recipe.get("lora"),  # type: ignore[arg-type] # a mapping of any values
        lora_strength=model.published_recipe.get("lora_strength"),  # type: ignore[arg-type] # likewise
    )
    pipeline = model.load(recipe)
    noise = tuple(tensor.to("meta") for tensor in pipeline.draw_noise(request))
    # Nearly all that runs is torch's own Python; what the pipelines run is traced where they make frames.
    with untraced(), FlopCounterMode(display=False) as counter:
        probe = CountingProbe(counter)
        frames = sum(chunk.shape[1] for chunk in pipeline.generate(request, noise, probe))
    return probe.phases, frames


def count_flop(call: Callable[[], object]) -> int:
    """Count the FLOP of one call."""
    with FlopCounterMode(display=False) as counter:
        call()
    return int(counter.get_total_flops())
