"""Float8 storage: which weights it takes, that it was not bfloat16 on the way, and what it does to the output."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from models import causvid_tiny, causvid_tiny_bidirectional, wan21_t2v_tiny
from models.spec import ModelSpec, Recipe
from models.wan import components
from models.wan.architecture import TINY
from models.wan.components import load_components
from models.wan.facts import component_dtypes
from models.wan.meta import transformer_on_meta
from models.wan.precision import compute_weights
from tests.recording_probe import RecordingProbe
from tests.test_wan_components import HUB, RECIPE, hub_cache  # noqa: F401 - a fixture
from tests.test_wan_pipeline import REQUEST

FLOAT8 = msgspec.structs.replace(RECIPE, weights_dtype="float8")


def dtypes_by_name(recipe: Recipe) -> dict[str, torch.dtype]:
    transformer = load_components(TINY, recipe, HUB).transformer
    return {name: parameter.dtype for name, parameter in transformer.named_parameters()}


@pytest.mark.parametrize("weights", ["random", "hub"])
def test_linear_layers_of_the_blocks_are_stored_in_float8_and_nothing_else(
    weights: str,
    hub_cache: Path,  # noqa: F811
) -> None:
    """Random or published, attention and feed-forward rest in 8 bits; all else is as without the setting."""
    plain = dtypes_by_name(msgspec.structs.replace(RECIPE, weights=weights))
    stored = dtypes_by_name(msgspec.structs.replace(FLOAT8, weights=weights))
    linear = {name for name in plain if name.startswith("blocks.") and (".to_" in name or ".ffn." in name)}
    assert len(linear) == 2 * (2 * 4 + 2) * 2  # blocks x (attentions x projections + feed-forward) x weight and bias
    assert {name for name, dtype in stored.items() if dtype == torch.float8_e4m3fn} == linear
    assert {name: plain[name] for name in plain if name not in linear} == {
        name: stored[name] for name in stored if name not in linear
    }


def test_facts_show_the_stored_dtype_before_and_after_a_generation() -> None:
    """The proof that a row really ran in 8 bits is read from the weights."""
    pipeline = wan21_t2v_tiny.MODEL.load(FLOAT8)
    list(pipeline.generate(REQUEST, pipeline.draw_noise(REQUEST), RecordingProbe()))
    assert pipeline.facts(REQUEST).dtypes["transformer"] == "float8_e4m3fn + bfloat16 + float32"
    assert component_dtypes(load_components(TINY, FLOAT8))["transformer"] == "float8_e4m3fn + bfloat16 + float32"


def test_random_weights_are_those_of_bfloat16_rounded() -> None:
    """The same draws, so that rows with and without the setting differ in the storage alone."""
    plain, stored = (load_components(TINY, recipe).transformer.state_dict() for recipe in (RECIPE, FLOAT8))
    assert all(torch.equal(stored[name], plain[name].to(stored[name].dtype)) for name in plain)


def test_each_parameter_is_in_8_bits_before_the_next_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a 14B model never lies on a device in bfloat16, not even while it is made."""
    fill, build = components._fill, transformer_on_meta
    built: list[Any] = []

    def watched(name: str, values: torch.Tensor, generator: torch.Generator) -> None:
        for model in built:
            layers = [layer for layer in model.blocks.modules() if isinstance(layer, torch.nn.Linear)]
            filled = {weight.dtype for layer in layers for weight in layer.parameters() if not weight.is_meta}
            assert filled <= {torch.float8_e4m3fn}
        fill(name, values, generator)

    def remembered(config: Mapping[str, Any]) -> Any:
        built.append(build(config))
        return built[-1]

    monkeypatch.setattr(components, "transformer_on_meta", remembered)
    monkeypatch.setattr(components, "_fill", watched)
    load_components(TINY, FLOAT8)
    assert len(built) == 1


@pytest.mark.parametrize(
    "model", [wan21_t2v_tiny.MODEL, causvid_tiny_bidirectional.MODEL, causvid_tiny.MODEL], ids=lambda spec: spec.id
)
def test_output_stays_close_to_bfloat16s(model: ModelSpec) -> None:
    """Storage in 8 bits moves the latents a little, never nothing, never everything."""
    request = msgspec.structs.replace(
        REQUEST, height=64, frames=21, steps=model.sampling.steps, guidance_scale=model.sampling.guidance_scale
    )
    latents = []
    for recipe in (RECIPE, FLOAT8):
        pipeline, probe = model.load(recipe), RecordingProbe()
        list(pipeline.generate(request, pipeline.draw_noise(request), probe))
        latents.append(probe.finite["latents"].float().flatten())
    plain, stored = latents
    assert not torch.equal(plain, stored)
    assert torch.nn.functional.cosine_similarity(plain, stored, dim=0) > 0.9


def test_compute_weights_are_what_the_layer_computes_with() -> None:
    """Code that multiplies by itself gets what the layer's own forward gives, stored or not."""
    for recipe in (RECIPE, FLOAT8):
        layer = load_components(TINY, recipe).transformer.blocks[0].attn1.to_q
        inputs = torch.randn((3, 24), generator=torch.Generator().manual_seed(0)).bfloat16()
        weight, bias = compute_weights(layer, torch.bfloat16)
        assert torch.equal(torch.nn.functional.linear(inputs, weight, bias), layer(inputs))
        assert (weight is layer.weight) == (recipe is RECIPE)
    assert compute_weights(torch.nn.Linear(2, 2, bias=False), torch.bfloat16)[1] is None
