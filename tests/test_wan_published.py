"""The stated sizes of published files are those of the networks that load them."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from transformers import UMT5Config, UMT5EncoderModel

from models.discover import discover
from models.spec import WeightsFile
from models.wan.architecture import T2V_1_3B, T2V_14B
from models.wan.published import SHARED_WEIGHTS, TRANSFORMER_1_3B, TRANSFORMER_14B

TEXT_ENCODER, VAE, TOKENIZER = SHARED_WEIGHTS
CHECKPOINTS = {
    f"{file.path}:{file.key}": file for spec in discover().values() for file in spec.weights if file.config is not None
}


def counts(build: Callable[[], Any]) -> tuple[int, int]:
    """Count parameters and tensors without memory; a tied tensor counts once."""
    with torch.device("meta"):
        parameters = list(build().parameters())
    return sum(parameter.numel() for parameter in parameters), len(parameters)


def text_encoder() -> Any:
    """Build UMT5's encoder with its one embedding, as it is loaded."""
    network = UMT5EncoderModel(UMT5Config(**T2V_1_3B.text_encoder))
    network.encoder.embed_tokens.weight = network.shared.weight
    return network


@pytest.mark.parametrize(
    ("file", "build", "expected"),
    [
        (TRANSFORMER_1_3B, lambda: WanTransformer3DModel(**T2V_1_3B.transformer), (1_418_996_800, 825)),
        (TRANSFORMER_14B, lambda: WanTransformer3DModel(**T2V_14B.transformer), (14_288_491_584, 1095)),
        (VAE, lambda: AutoencoderKLWan(**T2V_1_3B.vae), (126_892_531, 194)),
        (TEXT_ENCODER, text_encoder, (5_680_910_336, 242)),
    ],
    ids=["1.3B", "14B", "VAE", "UMT5-XXL"],
)
def test_stated_counts_are_those_of_the_architecture(
    file: WeightsFile, build: Callable[[], Any], expected: tuple[int, int]
) -> None:
    """Parameters and tensors, for all that is loaded from a folder."""
    assert (file.parameters, file.tensors) == counts(build) == expected


@pytest.mark.parametrize("file", CHECKPOINTS.values(), ids=list(CHECKPOINTS))
def test_checkpoints_count_is_that_of_its_configuration(file: WeightsFile) -> None:
    """A `.pt` file states the sizes that it is converted by, and the dictionary that is taken."""
    config: Mapping[str, Any] = file.config or {}
    assert (file.parameters, file.tensors) == counts(lambda: WanTransformer3DModel(**config))
    assert file.key in {"generator", "generator_ema"}


def test_every_weights_file_of_a_network_states_its_counts() -> None:
    """Only a tokenizer holds no network; whatever is pickled states what is taken of it."""
    for spec in discover().values():
        for file in spec.weights:
            is_network = file.path.endswith(".pt") or (file.path.endswith("/") and file.path != TOKENIZER.path)
            assert not is_network or (file.parameters and file.tensors), f"{spec.id}: {file.path}"
            assert (file.config is not None) == file.path.endswith(".pt"), f"{spec.id}: {file.path}"
