"""Wan's networks built by hand are as diffusers' and transformers' own `from_pretrained` makes them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import WanTransformer3DModel
from transformers import UMT5Config, UMT5EncoderModel

from models.wan.architecture import TINY
from models.wan.checkpoint import load_transformer
from models.wan.meta import parameter_dtypes, transformer_on_meta
from models.wan.random_weights import build_random
from tests.causal_masked_pass import SIZES

PUBLISHED = Path(__file__).parent / "golden" / "causvid-3step" / "model.pt"


def saved(model: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=str)
def test_dtypes_are_those_of_from_pretrained(tmp_path: Path, dtype: torch.dtype) -> None:
    """Both libraries, in every dtype: what they keep in float32 differs, and is told without loading."""
    transformer = WanTransformer3DModel(**TINY.transformer)
    text_encoder = UMT5EncoderModel(UMT5Config(**TINY.text_encoder))
    for model, option in ((transformer, "torch_dtype"), (text_encoder, "dtype")):
        folder = saved(model, tmp_path / option)
        loaded = type(model).from_pretrained(folder, **{option: dtype}, local_files_only=True)
        expected = {name: parameter.dtype for name, parameter in loaded.named_parameters(remove_duplicate=False)}
        assert parameter_dtypes(model, dtype) == expected


@pytest.mark.parametrize("around", ["cpu", "meta"])
def test_only_the_parameters_stay_without_values(around: str) -> None:
    """The rotary tables are an ordinary build's, whatever device is the default."""
    with torch.device(around):
        transformer = transformer_on_meta(TINY.transformer)
    expected = WanTransformer3DModel(**TINY.transformer).rope
    assert all(parameter.is_meta for parameter in transformer.parameters())
    assert torch.equal(transformer.rope.freqs_cos, expected.freqs_cos)
    assert torch.equal(transformer.rope.freqs_sin, expected.freqs_sin)


def test_random_and_published_weights_follow_the_same_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the library keeps in float32 tomorrow, both ways of filling a transformer keep."""
    monkeypatch.setattr(WanTransformer3DModel, "_keep_in_fp32_modules", ["proj_out"])
    made = build_random(lambda: transformer_on_meta(SIZES), "bfloat16", "cpu")
    loaded = load_transformer(PUBLISHED, SIZES, torch.bfloat16, "cpu")
    for transformer in (made, loaded):
        kept = {name for name, parameter in transformer.named_parameters() if parameter.dtype == torch.float32}
        assert kept == {"proj_out.weight", "proj_out.bias"}
        assert {buffer.dtype for buffer in transformer.rope.buffers()} == {torch.float32}
