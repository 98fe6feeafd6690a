"""Wan's networks as they are loaded: precision, ties, sizes, and the way from a local hub cache."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from transformers import UMT5Config, UMT5EncoderModel

from models.spec import Recipe, WeightsFile, WeightsMissingError
from models.wan.architecture import T2V_1_3B, T2V_14B, TINY
from models.wan.components import (
    Components,
    HubLayout,
    load_components,
    require_shared_embedding,
)
from models.wan.facts import component_dtypes, component_parameters
from models.wan.random_weights import build_random, offline_tokenizer
from models.wan.text_encoder import TextEncoder
from models.weights import missing_weights

RECIPE = Recipe(
    model="wan2.1-t2v-tiny",
    weights="tiny",
    device="cpu",
    transformer_dtype="bfloat16",
    text_encoder_dtype="bfloat16",
    vae_dtype="float32",
    attention="native",
)
HUB = HubLayout("owner/tiny", revision=None)


def networks(components: Components) -> tuple[torch.nn.Module, ...]:
    return components.text_encoder.network(), components.transformer, components.vae


def sizes_on_meta(build: Callable[[], Any]) -> list[int]:
    with torch.device("meta"):
        return [parameter.numel() for parameter in build().parameters()]


@pytest.mark.parametrize(
    ("build", "count", "tensors"),
    [
        (lambda: WanTransformer3DModel(**T2V_1_3B.transformer), 1_418_996_800, 825),
        (lambda: WanTransformer3DModel(**T2V_14B.transformer), 14_288_491_584, 1095),
        (lambda: AutoencoderKLWan(**T2V_1_3B.vae), 126_892_531, 194),
        (lambda: UMT5EncoderModel(UMT5Config(**T2V_1_3B.text_encoder)), 5_680_910_336, 242),
    ],
    ids=["1.3B", "14B", "VAE", "UMT5-XXL"],
)
def test_full_size_networks_have_the_published_number_of_parameters(
    build: Callable[[], Any], count: int, tensors: int
) -> None:
    """The sizes are those of Wan-Video/Wan2.1 and google/umt5-xxl, counted without memory."""
    sizes = sizes_on_meta(build)
    assert (sum(sizes), len(sizes)) == (count, tensors)


def test_bfloat16_keeps_in_float32_what_diffusers_keeps() -> None:
    """Norms, modulation, time embedder and rotary tables stay in float32, everything else is bfloat16."""
    transformer = load_components(TINY, RECIPE).transformer
    kept = {name for name, parameter in transformer.named_parameters() if parameter.dtype == torch.float32}
    expected = {
        name
        for name, _ in transformer.named_parameters()
        if "scale_shift_table" in name or "time_embedder" in name or ".norm2." in name
    }
    assert kept == expected
    assert {buffer.dtype for buffer in transformer.rope.buffers()} == {torch.float32}


def test_rotary_tables_hold_the_values_of_an_ordinary_build() -> None:
    """They are no parameters: a build on the meta device alone would leave them without values."""
    rope = load_components(TINY, RECIPE).transformer.rope
    expected = WanTransformer3DModel(**TINY.transformer).rope
    assert torch.equal(rope.freqs_cos, expected.freqs_cos)
    assert torch.equal(rope.freqs_sin, expected.freqs_sin)


def test_nothing_is_left_on_the_meta_device_and_nothing_learns() -> None:
    """Every tensor of every network has values, on the device of the recipe."""
    components = load_components(TINY, RECIPE)
    for network in networks(components):
        tensors = [*network.parameters(), *network.buffers()]
        assert {tensor.device.type for tensor in tensors} == {"cpu"}
        assert not any(tensor.requires_grad for tensor in tensors)
        assert not network.training


def test_tensors_left_without_values_are_named() -> None:
    """A buffer that nobody filled is an error, not garbage in the result."""

    class Forgetful(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("table", torch.zeros(3))

    with pytest.raises(RuntimeError, match="Forgetful: 1 tensors have no values: table"):
        build_random(Forgetful, "float32", "cpu")


def test_random_weights_depend_on_their_seed_only() -> None:
    """Two machines' random weights are the same clip on the same kind of device."""

    def weights(seed: int) -> torch.Tensor:
        layer: torch.nn.Linear = build_random(lambda: torch.nn.Linear(64, 64), "float32", "cpu", seed=seed)
        return layer.weight

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))
    assert weights(0).std() == pytest.approx(64**-0.5, rel=0.05)


def test_random_weights_of_another_precision_are_the_same_rounded() -> None:
    """A clip in bfloat16 differs from one in float32 by rounding, not by other weights."""

    def weights(dtype: str) -> torch.Tensor:
        layer: torch.nn.Linear = build_random(lambda: torch.nn.Linear(64, 64), dtype, "cpu")
        return layer.weight

    assert torch.equal(weights("bfloat16"), weights("float32").bfloat16())


def test_text_encoder_ties_its_embedding() -> None:
    """UMT5 stores one embedding; the encoder must use that one."""
    text_encoder = load_components(TINY, RECIPE).text_encoder.network()
    assert text_encoder.encoder.embed_tokens.weight is text_encoder.shared.weight


def test_embedding_that_was_left_at_zero_is_an_error() -> None:
    """Some releases of transformers load Wan's repositories that way."""
    text_encoder = load_components(TINY, RECIPE).text_encoder.network()
    text_encoder.encoder.embed_tokens.weight = torch.nn.Parameter(torch.zeros_like(text_encoder.shared.weight))
    with pytest.raises(RuntimeError, match="encoded to garbage"):
        require_shared_embedding(text_encoder)


def test_offline_tokenizer_needs_no_file_and_stays_below_128() -> None:
    """Its ids fit the toy vocabulary and every larger one."""
    ids = offline_tokenizer()("A dog, 2 cats & Ünïcode!").input_ids
    assert max(ids) < 128
    assert ids[-1] == 1  # </s>


def test_facts_name_dtypes_and_count_tied_parameters_once() -> None:
    """The dtype that most parameters have comes first."""
    components = load_components(TINY, RECIPE)
    dtypes = component_dtypes(components)
    assert dtypes == {"text_encoder": "bfloat16", "transformer": "bfloat16 + float32", "vae": "float32"}
    counts = component_parameters(components)
    assert counts["text_encoder"] == sum(sizes_on_meta(lambda: UMT5EncoderModel(UMT5Config(**TINY.text_encoder))))
    assert counts["transformer"] == sum(sizes_on_meta(lambda: WanTransformer3DModel(**TINY.transformer)))


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a hub cache with the toy networks as a repository in diffusers' layout; give its snapshot folder."""
    repository = tmp_path / "hub" / "models--owner--tiny"
    snapshot = repository / "snapshots" / ("a" * 40)
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("a" * 40)
    components = load_components(TINY, msgspec.structs.replace(RECIPE, transformer_dtype="float32"))
    components.transformer.save_pretrained(snapshot / "transformer")
    components.vae.save_pretrained(snapshot / "vae")
    components.text_encoder.network().save_pretrained(snapshot / "text_encoder")
    components.tokenizer.save_pretrained(snapshot / "tokenizer")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return snapshot


def test_hub_weights_are_read_from_the_local_cache(hub_cache: Path) -> None:
    """The same weights come back, in the same precision as random ones of the same recipe."""
    recipe = msgspec.structs.replace(RECIPE, weights="hub")
    loaded, made = load_components(TINY, recipe, HUB), load_components(TINY, RECIPE)
    for one, other in zip(networks(loaded), networks(made), strict=True):
        theirs, ours = one.state_dict(), other.state_dict()
        assert theirs.keys() == ours.keys()
        assert {key: value.dtype for key, value in theirs.items()} == {key: value.dtype for key, value in ours.items()}
        assert all(torch.equal(theirs[key], ours[key]) for key in ours)
        assert not any(parameter.requires_grad for parameter in one.parameters())
    assert loaded.tokenizer("a dog").input_ids == made.tokenizer("a dog").input_ids


def test_another_loader_may_bring_the_transformer(hub_cache: Path) -> None:
    """A distilled model brings its own transformer and shares the rest."""
    shutil.rmtree(hub_cache / "transformer")
    made = load_components(TINY, RECIPE).transformer
    layout = HubLayout("owner/tiny", None, load_transformer=lambda _architecture, _recipe: made)
    assert load_components(TINY, msgspec.structs.replace(RECIPE, weights="hub"), layout).transformer is made


@pytest.mark.parametrize(
    "name",
    [
        "transformer/config.json",
        "transformer/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "tokenizer/tokenizer.json",
    ],
)
def test_what_is_told_missing_is_what_loading_fails_for(hub_cache: Path, name: str) -> None:
    """The libraries' own folders are complete; without one file, both the question and the loading say so."""
    folder = f"{name.partition('/')[0]}/"
    file = WeightsFile(repository="owner/tiny", path=folder, licence="Apache-2.0")
    assert missing_weights((file,)) == []
    (hub_cache / name).unlink()
    assert len(missing_weights((file,))) == 1
    with pytest.raises(WeightsMissingError, match=f"owner/tiny/{folder} .*it lacks"):
        load_components(TINY, msgspec.structs.replace(RECIPE, weights="hub"), HUB)


@pytest.mark.parametrize("folder", ["transformer", "text_encoder", "vae", "tokenizer"])
def test_folder_missing_from_the_cache_is_named(hub_cache: Path, folder: str) -> None:
    """The message names repository, folder and the ways on; nothing is downloaded."""
    shutil.rmtree(hub_cache / folder)
    with pytest.raises(WeightsMissingError, match=rf"owner/tiny/{folder}/.*UNPINNED.*hf download.*random"):
        load_components(TINY, msgspec.structs.replace(RECIPE, weights="hub"), HUB)


def test_weights_file_missing_from_its_folder_is_named(hub_cache: Path) -> None:
    """An interrupted download leaves a folder without its weights."""
    (hub_cache / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(WeightsMissingError, match="owner/tiny/vae/"):
        load_components(TINY, msgspec.structs.replace(RECIPE, weights="hub"), HUB)


@pytest.mark.parametrize("folder", ["transformer", "text_encoder", "vae", "tokenizer"])
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_no_transformer_or_text_encoder_is_read_where_something_cheaper_fails(
    hub_cache: Path, monkeypatch: pytest.MonkeyPatch, folder: str, damage: str
) -> None:
    """What is missing is told before any network is read, what is damaged before a larger one is."""
    if damage == "missing":
        shutil.rmtree(hub_cache / folder)
    elif folder == "tokenizer":
        (hub_cache / folder / "tokenizer.json").write_text("{")
    else:
        path = next((hub_cache / folder).glob("*.safetensors"))
        path.write_bytes(path.read_bytes()[:-1])
    read: list[str] = []

    def counting(kind: type) -> Callable[..., Any]:
        original = kind.from_pretrained  # type: ignore[attr-defined]

        def from_pretrained(*arguments: Any, **options: Any) -> Any:
            read.append(kind.__name__)
            return original(*arguments, **options)

        return from_pretrained

    for kind in (WanTransformer3DModel, UMT5EncoderModel):
        monkeypatch.setattr(kind, "from_pretrained", counting(kind))
    with pytest.raises(WeightsMissingError, match=f"owner/tiny/{folder}/"):
        load_components(TINY, msgspec.structs.replace(RECIPE, weights="hub"), HUB)
    expensive = [WanTransformer3DModel.__name__, UMT5EncoderModel.__name__]
    at_most = {"transformer": 1, "text_encoder": 2}.get(folder, 0) if damage == "cut" else 0
    assert read == expensive[:at_most]


@pytest.mark.parametrize("source", ["hub", "tiny"])
def test_text_encoder_is_loaded_when_the_transformer_is_stored_in_8_bits(
    hub_cache: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """Before that, host memory would hold both in a longer dtype."""
    transformers: list[WanTransformer3DModel] = []
    stored: list[torch.dtype] = []
    original = TextEncoder.__init__

    def loading(self: TextEncoder, *arguments: Any) -> None:
        stored.extend(transformer.blocks[0].ffn.net[2].weight.dtype for transformer in transformers)
        original(self, *arguments)

    monkeypatch.setattr(TextEncoder, "__init__", loading)
    recipe = msgspec.structs.replace(RECIPE, weights=source, weights_dtype="float8")
    load_components(TINY, recipe, HUB, transformers.append)
    assert stored == [torch.float8_e4m3fn]


def test_hub_without_a_repository_is_an_error() -> None:
    """A toy model has no published weights to ask for."""
    with pytest.raises(WeightsMissingError, match="'hub' has no repository"):
        load_components(TINY, msgspec.structs.replace(RECIPE, weights="hub"))
