"""What pipelines tell that they keep on the device: every network's bytes, and caches while they are allocated."""

import contextlib
from collections.abc import Iterator

import msgspec
import pytest
import torch

from models.discover import discover
from models.spec import Recipe, Request, TellsResident
from models.wan.architecture import TINY
from models.wan.components import load_components

RECIPE = Recipe(
    model="causvid-tiny",
    weights="tiny",
    device="cpu",
    transformer_dtype="float32",
    text_encoder_dtype="bfloat16",
    vae_dtype="float32",
    attention="native",
)
REQUEST = Request(
    prompt="a dog", width=32, height=48, frames=33, fps=16.0, steps=3, guidance_scale=1.0, shift=8.0, seed=7
)
MODELS = ("causvid-tiny", "causvid-tiny-bidirectional", "wan2.1-t2v-tiny")


class AskingProbe:
    """Asks at every phase's end what is resident, as the meter does."""

    def __init__(self, pipeline: TellsResident) -> None:
        self.pipeline, self.told = pipeline, list[tuple[str, dict[str, int]]]()

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        yield
        self.told.append((name, dict(self.pipeline.resident_bytes())))

    def step(self, done: int, total: int) -> None: ...

    def check_finite(self, name: str, values: torch.Tensor) -> None: ...


def asked(**changes: str) -> list[tuple[str, dict[str, int]]]:
    """Generate a clip and give what was resident at the end of each phase."""
    recipe = msgspec.structs.replace(RECIPE, **changes)
    pipeline = discover()[recipe.model].load(recipe)
    assert isinstance(pipeline, TellsResident)
    probe = AskingProbe(pipeline)
    list(pipeline.generate(REQUEST, pipeline.draw_noise(REQUEST), probe))
    return probe.told


@pytest.mark.parametrize("model", MODELS)
def test_every_pipeline_tells_the_bytes_of_its_networks(model: str) -> None:
    """Parameters times the size of their dtype, buffers included; the same at the end of every phase."""
    components = load_components(TINY, RECIPE)
    networks = {
        "text_encoder": components.text_encoder.network(),
        "transformer": components.transformer,
        "vae": components.vae,
    }
    expected = {
        name: sum(t.numel() * t.element_size() for t in (*network.parameters(), *network.buffers()))
        for name, network in networks.items()
    }
    assert min(expected.values()) > 0
    for _, told in asked(model=model):
        assert {name: told[name] for name in expected} == expected


@pytest.mark.parametrize("place", ["offload", "freed"])
def test_text_encoder_off_the_device_is_not_kept(place: str) -> None:
    """Its layers visit the device; what stays is nothing."""
    assert {told["text_encoder"] for _, told in asked(text_encoder=place)} == {0}


@pytest.mark.parametrize(("decode", "in_decode"), [("streamed", True), ("whole", False)])
def test_caches_are_kept_from_the_first_block_until_they_are_given_up(decode: str, in_decode: bool) -> None:
    """Keys and values of 9 latent frames of 2 x 3 patches and of the text, in every layer, in float32."""
    config = TINY.transformer
    width = config["num_attention_heads"] * config["attention_head_dim"]
    places = 9 * (48 // 16) * (32 // 16) + TINY.text_length
    expected = 2 * config["num_layers"] * places * width * 4
    told = [(phase, held.get("kv_caches", 0)) for phase, held in asked(decode=decode)]
    assert dict(told)["text_encode"] == 0
    assert {size for phase, size in told if phase == "denoise"} == {expected}
    assert {size for phase, size in told if phase == "decode"} == {expected if in_decode else 0}
