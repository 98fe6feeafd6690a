"""Float8 storage: which weights it takes, that it was not bfloat16 on the way, and what it does to the output."""

from pathlib import Path

import msgspec
import pytest
import torch
from diffusers import WanTransformer3DModel

from models import causvid_tiny_bidirectional, wan21_t2v_tiny
from models.spec import ModelSpec, Recipe
from models.wan.architecture import TINY
from models.wan.components import load_components, transformer_rests_on
from models.wan.facts import component_dtypes
from models.wan.lora import LoraError, add_deltas, random_deltas
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


def test_stored_weights_wait_off_the_device() -> None:
    """So a 14B model never lies on a device in bfloat16, not even while it is made or a LoRA is fused into it."""
    on_cuda = msgspec.structs.replace(FLOAT8, device="cuda")
    assert transformer_rests_on(on_cuda) == "cpu"
    assert transformer_rests_on(msgspec.structs.replace(on_cuda, weights_dtype="same")) == "cuda"


@pytest.mark.parametrize("weights", ["random", "hub"])
def test_lora_is_fused_before_weights_are_stored_and_never_after(
    weights: str,
    hub_cache: Path,  # noqa: F811
) -> None:
    """The change sees the weights as they were loaded, and is rounded with them; stored ones refuse a LoRA."""
    dtypes = set()

    def double(transformer: WanTransformer3DModel) -> None:
        layer = transformer.blocks[0].ffn.net[2]
        dtypes.add(layer.weight.dtype)
        layer.weight.mul_(2)

    recipes = (msgspec.structs.replace(recipe, weights=weights) for recipe in (FLOAT8, RECIPE))
    changed, plain = (load_components(TINY, recipe, HUB, double).transformer for recipe in recipes)
    assert dtypes == {torch.bfloat16}
    weight, expected = (model.blocks[0].ffn.net[2].weight for model in (changed, plain))
    assert torch.equal(weight, expected.to(torch.float8_e4m3fn))
    with pytest.raises(LoraError, match="before they are quantised"):
        add_deltas(changed, random_deltas(changed, 1), 1.0)


@pytest.mark.parametrize("model", [wan21_t2v_tiny.MODEL, causvid_tiny_bidirectional.MODEL], ids=lambda spec: spec.id)
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
