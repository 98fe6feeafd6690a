"""Wan's networks, loaded as a recipe asks: from the local hub cache, or built at random on the device.

One trap is closed here: Wan's repositories store UMT5's embedding only once (huggingface/transformers#43880).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from models.spec import Recipe, WeightsFile, WeightsMissingError
from models.wan.architecture import Architecture
from models.wan.attention import require_attention, set_attention
from models.wan.compiling import compile_networks
from models.wan.facts import network_bytes
from models.wan.meta import transformer_on_meta
from models.wan.precision import store_as_float8
from models.wan.random_weights import build_random, offline_tokenizer
from models.wan.text_encoder import TextEncoder
from models.weights import cached_snapshot, missing_parts

if TYPE_CHECKING:
    from diffusers import AutoencoderKLWan, WanTransformer3DModel
    from transformers import PreTrainedTokenizerBase, UMT5EncoderModel


@dataclass(frozen=True)
class Components:
    """The loaded networks, in evaluation mode, without gradients; on the device, the text encoder where it is kept.

    `attention` is the recipe's.
    """

    tokenizer: "PreTrainedTokenizerBase"
    text_encoder: TextEncoder
    transformer: "WanTransformer3DModel"
    vae: "AutoencoderKLWan"
    text_length: int
    attention: str

    @cached_property
    def resident_bytes(self) -> dict[str, int]:
        """Count what each network keeps on the device of the transformer; layers that visit it are not kept."""
        return network_bytes(self)


@dataclass(frozen=True)
class HubLayout:
    """Where published weights lie: a repository in diffusers' layout, and a loader where the transformer is another's.

    `revision` is a commit or `None` (that of `models/weights.lock`, else whatever revision the cache calls main).
    """

    repository: str
    revision: str | None
    load_transformer: "Callable[[Architecture, Recipe], WanTransformer3DModel] | None" = None


def load_components(
    architecture: Architecture,
    recipe: Recipe,
    hub: HubLayout | None = None,
    change_transformer: "Callable[[WanTransformer3DModel], None] | None" = None,
) -> Components:
    """Load or build what `recipe` names; `hub` is needed for its weights source "hub" only.

    `change_transformer` may change the transformer's weights as they were loaded, before anything else is done to it.
    What is then stored in float8 waits for that in host memory, so that the device never holds it in a longer dtype.
    The text encoder comes after that: a transformer that cannot be used is told before 11 GB are read, and host memory
    never holds both in a longer dtype.

    Raises `WeightsMissingError` where published weights are not in the local cache: nothing is ever downloaded.
    """
    from models.wan.decoder_layout import prepare_decoder

    require_attention(recipe.attention)
    if recipe.weights == "hub":
        if hub is None:
            message = f"{recipe.model}: weights source 'hub' has no repository; use one of random, tiny"
            raise WeightsMissingError(message)
        components = _from_hub(architecture, recipe, hub, change_transformer)
    else:
        components = _at_random(architecture, recipe, change_transformer)
    prepare_decoder(components.vae)
    set_attention(components.transformer, recipe.attention)
    compile_networks(components.transformer, components.vae, recipe.compile)
    return components


def _stored(
    transformer: "WanTransformer3DModel",
    recipe: Recipe,
    change: "Callable[[WanTransformer3DModel], None] | None",
) -> "WanTransformer3DModel":
    """Give a loaded transformer changed, stored as the recipe asks, and on the device."""
    if change is not None:
        change(transformer)
    if recipe.weights_dtype == "float8":
        store_as_float8(transformer, recipe.transformer_dtype)
    return transformer.to(recipe.device)


def _at_random(
    architecture: Architecture, recipe: Recipe, change: "Callable[[WanTransformer3DModel], None] | None"
) -> Components:
    from diffusers import AutoencoderKLWan

    def text_encoder() -> Any:
        build, rests_on = (lambda: _text_encoder(architecture)), _text_encoder_rests_on(recipe)
        return build_random(build, recipe.text_encoder_dtype, recipe.device, rests_on=rests_on)

    def transformer() -> Any:
        build, rests_on = (lambda: transformer_on_meta(architecture.transformer)), transformer_rests_on(recipe)
        return build_random(build, recipe.transformer_dtype, recipe.device, rests_on=rests_on)

    return Components(
        transformer=_stored(transformer(), recipe, change),
        tokenizer=offline_tokenizer(),
        text_encoder=TextEncoder(text_encoder, recipe.text_encoder, recipe.device),
        vae=build_random(lambda: AutoencoderKLWan(**architecture.vae), recipe.vae_dtype, recipe.device),
        text_length=architecture.text_length,
        attention=recipe.attention,
    )


def _text_encoder_rests_on(recipe: Recipe) -> str:
    return recipe.device if recipe.text_encoder == "resident" else "cpu"


def transformer_rests_on(recipe: Recipe) -> str:
    """Say where the transformer waits until it is stored as the recipe asks: for float8, not on the device."""
    return recipe.device if recipe.weights_dtype == "same" else "cpu"


def _text_encoder(architecture: Architecture) -> "UMT5EncoderModel":
    from transformers import UMT5Config, UMT5EncoderModel

    text_encoder = UMT5EncoderModel(UMT5Config(**architecture.text_encoder))
    text_encoder.encoder.embed_tokens.weight = text_encoder.shared.weight
    return text_encoder


def _from_hub(
    architecture: Architecture,
    recipe: Recipe,
    hub: HubLayout,
    change: "Callable[[WanTransformer3DModel], None] | None",
) -> Components:
    import torch
    from diffusers import AutoencoderKLWan
    from transformers import UMT5EncoderModel

    def load(loader: Any, subfolder: str, dtype: str) -> Any:
        """Load a network to host memory."""
        model = _pretrained(loader, hub, subfolder, dtype=getattr(torch, dtype))
        return model.eval().requires_grad_(requires_grad=False)

    def text_encoder() -> Any:
        model = load(UMT5EncoderModel, "text_encoder", recipe.text_encoder_dtype)
        require_shared_embedding(model)
        return model.to(_text_encoder_rests_on(recipe))

    load_transformer = hub.load_transformer or pretrained_transformer(hub.repository, hub.revision)
    for subfolder in ("tokenizer", "vae", "text_encoder"):  # looking is cheap: before anything is loaded
        _whole_snapshot(hub, subfolder)
    return Components(
        tokenizer=load_tokenizer(hub),
        vae=load(AutoencoderKLWan, "vae", recipe.vae_dtype).to(recipe.device),
        transformer=_stored(load_transformer(architecture, recipe).requires_grad_(requires_grad=False), recipe, change),
        text_encoder=TextEncoder(text_encoder, recipe.text_encoder, recipe.device),
        text_length=architecture.text_length,
        attention=recipe.attention,
    )


def pretrained_transformer(
    repository: str, revision: str | None = None
) -> "Callable[[Architecture, Recipe], WanTransformer3DModel]":
    """Give a `HubLayout.load_transformer` that takes the folder `transformer/` of another repository."""

    def load(_architecture: Architecture, recipe: Recipe) -> "WanTransformer3DModel":
        import torch
        from diffusers import WanTransformer3DModel

        dtype, hub = getattr(torch, recipe.transformer_dtype), HubLayout(repository, revision)
        return (
            _pretrained(WanTransformer3DModel, hub, "transformer", dtype=dtype).to(transformer_rests_on(recipe)).eval()
        )

    return load


def load_tokenizer(hub: HubLayout) -> "PreTrainedTokenizerBase":
    """Load the published tokenizer; `WeightsMissingError` where its files are not in the local cache."""
    from transformers import AutoTokenizer

    tokenizer: PreTrainedTokenizerBase = _pretrained(AutoTokenizer, hub, "tokenizer")
    return tokenizer


def _whole_snapshot(hub: HubLayout, subfolder: str) -> Path:
    """Give the repository's folder in the local cache; WeightsMissingError unless all of `subfolder` is there."""
    snapshot = cached_snapshot(hub.repository, hub.revision)
    if snapshot is None or not (snapshot / subfolder).is_dir():
        raise WeightsMissingError(_missing(hub, subfolder))
    if parts := missing_parts(snapshot / subfolder):
        raise WeightsMissingError(f"{_missing(hub, subfolder)} (it lacks {', '.join(parts)})")
    return snapshot


def _pretrained(loader: Any, hub: HubLayout, subfolder: str, **options: Any) -> Any:
    """Load one folder of the repository from the local cache."""
    snapshot = _whole_snapshot(hub, subfolder)
    try:
        return loader.from_pretrained(str(snapshot), subfolder=subfolder, local_files_only=True, **options)
    except (OSError, ValueError, SafetensorError) as error:  # cut off, or other than JSON: each library has its own
        message = f"{_missing(hub, subfolder)} ({error})"
        raise WeightsMissingError(message) from error


def _missing(hub: HubLayout, subfolder: str) -> str:
    return (
        f"{hub.repository}/{subfolder}/ (revision {hub.revision or 'main, UNPINNED'}) is not complete in the local"
        f" hub cache and nothing is downloaded during a run; fetch it first with"
        f" `hf download {hub.repository} --include '{subfolder}/*'`, or take the weights source 'random'"
    )


def published_file(file: WeightsFile) -> Path:
    """Give a single published file's place in the local hub cache; `WeightsMissingError` where it is not there."""
    snapshot = cached_snapshot(file.repository, file.revision)
    if snapshot is None or not (snapshot / file.path).is_file():
        raise WeightsMissingError(
            f"{file.repository}/{file.path} is not in the local hub cache and nothing is downloaded during a run; fetch"
            f" it first with `hf download {file.repository} {file.path}`, or take the weights source 'random'"
        )
    return snapshot / file.path


def require_shared_embedding(text_encoder: "UMT5EncoderModel") -> None:
    """Raise `RuntimeError` unless UMT5's encoder uses the one embedding that Wan's repositories store.

    Some releases of transformers leave the encoder's own copy at zero (huggingface/transformers#43880).
    """
    import torch

    own, shared = text_encoder.encoder.embed_tokens.weight, text_encoder.shared.weight
    if own is not shared and own.data_ptr() != shared.data_ptr() and not torch.equal(own, shared):
        message = (
            "UMT5 was loaded with an encoder embedding that differs from its shared embedding, so every prompt would be"
            " encoded to garbage; use transformers 5.17 or newer"
        )
        raise RuntimeError(message)
