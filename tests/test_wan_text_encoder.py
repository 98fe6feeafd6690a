"""Where the text encoder is kept changes where its weights lie, and not one bit of what it says."""

import gc
import weakref
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from models.spec import Recipe, TextEncoderPlace
from models.wan import components as wan_components
from models.wan.architecture import TINY
from models.wan.components import Components, HubLayout, load_components
from models.wan.facts import component_dtypes, component_parameters, text_encode_reasons
from models.wan.text import EncodedPrompt, encode_prompt, encode_prompts
from tests.test_wan_components import HUB, RECIPE, hub_cache  # noqa: F401 - a fixture

PLACES: tuple[TextEncoderPlace, ...] = ("resident", "offload", "freed")


def components_of(place: TextEncoderPlace, recipe: Recipe = RECIPE, hub: HubLayout | None = None) -> Components:
    return load_components(TINY, msgspec.structs.replace(recipe, text_encoder=place), hub)


class Loads:
    """Counts the text encoders that were built, and tells which of them are still in memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.built: list[weakref.ref[torch.nn.Module]] = []
        self._build = wan_components._text_encoder
        monkeypatch.setattr(wan_components, "_text_encoder", self)

    def __call__(self, architecture: object) -> torch.nn.Module:
        network: torch.nn.Module = self._build(architecture)  # type: ignore[arg-type]
        self.built.append(weakref.ref(network))
        return network

    def alive(self) -> int:
        return sum(network() is not None for network in self.built)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Loads:
    return Loads(monkeypatch)


@pytest.mark.parametrize("place", PLACES[1:])
def test_embeddings_are_the_resident_encoders_to_the_bit(place: TextEncoderPlace) -> None:
    """A setting of memory must not become one of content."""
    expected = encode_prompt(components_of("resident"), "a dog", "cpu").embeds_BLD
    assert expected.abs().sum() > 0
    assert torch.equal(encode_prompt(components_of(place), "a dog", "cpu").embeds_BLD, expected)


@pytest.mark.parametrize("place", PLACES)
def test_facts_name_the_encoder_wherever_it_is(place: TextEncoderPlace) -> None:
    """A freed encoder is no longer there to be counted, and is told of all the same."""
    components = components_of(place)
    encode_prompt(components, "a dog", "cpu")
    assert component_dtypes(components)["text_encoder"] == "bfloat16"
    resident = components_of("resident").text_encoder.network()
    assert component_parameters(components)["text_encoder"] == sum(p.numel() for p in resident.parameters())


def test_layers_fetch_their_weights_and_let_go_of_them() -> None:
    """While a layer runs its weights are a copy and no others are; afterwards none is; every weight has its layer."""
    network = components_of("offload").text_encoder.network()
    parameters = list(network.parameters())
    before = [parameter.data_ptr() for parameter in parameters]
    seen: list[int] = []

    def look(running: torch.nn.Module, *_unused: object) -> None:
        copied = {id(p) for p, address in zip(parameters, before, strict=True) if p.data_ptr() != address}
        assert copied == {id(parameter) for parameter in running.parameters()}
        seen.extend(copied)

    encoder = network.encoder
    for layer in (encoder.embed_tokens, *encoder.block, encoder.final_layer_norm):
        layer.register_forward_pre_hook(look)
    ids_BL = torch.zeros((1, 32), dtype=torch.long)
    network(ids_BL, torch.ones_like(ids_BL))
    assert sorted(seen) == sorted(map(id, parameters))
    assert [parameter.data_ptr() for parameter in parameters] == before


def test_freed_encoder_is_loaded_for_a_new_prompt_only(loads: Loads) -> None:
    """Not before the first prompt, once for the prompts of a request, and not for those that it knows."""
    components = components_of("freed")
    assert len(loads.built) == 0
    with torch.no_grad():
        first = encode_prompts(components, ["a dog", "blurred"], "cpu")
        again = encode_prompts(components, ["a dog", "blurred"], "cpu")
    assert len(loads.built) == 1
    assert [one.embeds_BLD.data_ptr() for one in again] == [one.embeds_BLD.data_ptr() for one in first]
    encode_prompt(components, "a cat", "cpu")
    assert len(loads.built) == 2
    encode_prompt(components, "a dog", "cpu")
    assert len(loads.built) == 3, "only the last request's prompts are remembered"


def test_freed_encoder_leaves_memory_at_once_and_is_never_there_twice(loads: Loads) -> None:
    """No reference cycle keeps it: memory is free before the first denoising step, not some time later."""
    components = components_of("freed")
    gc.collect()
    gc.disable()
    try:
        for prompt in ("a dog", "a cat"):
            encode_prompt(components, prompt, "cpu")
            assert loads.alive() == 0
    finally:
        gc.enable()


def test_kept_encoders_are_loaded_once(loads: Loads) -> None:
    """Resident or offloaded, there is one, and it is used for every prompt."""
    for number, place in enumerate(("resident", "offload"), start=1):
        components = components_of(place)  # type: ignore[arg-type]
        assert len(loads.built) == number
        encode_prompts(components, ["a dog", "a cat"], "cpu")
        encode_prompt(components, "a bird", "cpu")
        assert len(loads.built) == number
        assert components.text_encoder.remembered == {}


def test_reused_embeddings_are_told() -> None:
    """A time without text encoding must not pass for one with it."""
    for place in PLACES:
        components = components_of(place)
        encode_prompt(components, "a dog", "cpu")
        assert text_encode_reasons(components) == {}
        encode_prompt(components, "a dog", "cpu")
        assert list(text_encode_reasons(components)) == (["text_encode"] if place == "freed" else [])
    encode_prompt(components, "a cat", "cpu")
    assert text_encode_reasons(components) == {}


@pytest.mark.parametrize("place", PLACES)
def test_published_weights_take_every_place(place: TextEncoderPlace, hub_cache: Path) -> None:  # noqa: F811
    """Loaded from the hub's cache as well, a freed encoder is gone afterwards."""
    components = components_of(place, msgspec.structs.replace(RECIPE, weights="hub"), HUB)
    loaded: list[weakref.ref[torch.nn.Module]] = []
    load = components.text_encoder.network

    def noted() -> Any:
        network: Any = load()
        loaded.append(weakref.ref(network))
        assert network.encoder.embed_tokens.weight is network.shared.weight, "two copies of 2 GB"
        return network

    components.text_encoder.network = noted  # type: ignore[method-assign]
    gc.collect()
    gc.disable()
    try:
        encoded: EncodedPrompt = encode_prompt(components, "a dog", "cpu")
        assert [network() is None for network in loaded] == [place == "freed"]
    finally:
        gc.enable()
    assert torch.equal(encoded.embeds_BLD, encode_prompt(components_of("resident"), "a dog", "cpu").embeds_BLD)
