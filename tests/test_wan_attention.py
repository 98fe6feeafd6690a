"""Attention kernels are chosen by name, one transformer at a time."""

import pytest
import torch
from diffusers import WanTransformer3DModel
from diffusers.models.attention_dispatch import _AttentionBackendRegistry

from models.wan.architecture import TINY
from models.wan.attention import backend_name, resolved_attention, set_attention


@pytest.fixture
def transformer() -> WanTransformer3DModel:
    return WanTransformer3DModel(**TINY.transformer).eval()


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        ("native", "native"),
        ("native_flash", "_native_flash"),
        ("native_cudnn", "_native_cudnn"),
        ("native_math", "_native_math"),
        ("native_efficient", "_native_efficient"),
        ("flash", "flash"),
        ("flash_3", "_flash_3"),
        ("flex", "flex"),
        ("sage", "sage"),
    ],
)
def test_recipe_names_are_diffusers_names_without_underscore(name: str, backend: str) -> None:
    """People write "native_cudnn"."""
    assert backend_name(name) == backend


def test_unknown_name_lists_the_known_ones() -> None:
    """A typing error costs a second, not a run."""
    with pytest.raises(ValueError, match=r"attention 'cudnn' is unknown; known are .*native, .*native_cudnn"):
        backend_name("cudnn")


def test_choice_is_the_transformers_own(transformer: WanTransformer3DModel) -> None:
    """Neither another transformer nor the process-wide default is touched."""
    other = WanTransformer3DModel(**TINY.transformer).eval()
    default = _AttentionBackendRegistry.get_active_backend()
    set_attention(transformer, "native_math")
    assert resolved_attention(transformer) == "native_math"
    assert {p._attention_backend.value for p in transformer.attn_processors.values()} == {"_native_math"}
    assert all(processor._attention_backend is None for processor in other.attn_processors.values())
    assert _AttentionBackendRegistry.get_active_backend() == default


def test_choice_is_what_runs(transformer: WanTransformer3DModel) -> None:
    """A kernel that the CPU does not have fails, so the name really reaches the call."""
    latents_BCFHW = torch.randn((1, 16, 2, 4, 4), generator=torch.Generator().manual_seed(0))
    inputs = {"timestep": torch.tensor([500]), "encoder_hidden_states": torch.ones((1, 8, 32))}
    set_attention(transformer, "native_math")
    transformer(hidden_states=latents_BCFHW, **inputs)
    set_attention(transformer, "native_cudnn")
    with pytest.raises(RuntimeError, match=r"kernel|cuDNN|CUDA"):
        transformer(hidden_states=latents_BCFHW, **inputs)


@pytest.mark.parametrize("name", [None, "native"])
def test_native_tells_the_kernel_that_torch_chooses(transformer: WanTransformer3DModel, name: str | None) -> None:
    """To say "native" is to ask torch, and the record wants its answer."""
    if name is not None:
        set_attention(transformer, name)
    assert resolved_attention(transformer) in {"native (flash_attention)", "native (math)"}


def test_torch_without_the_question_is_told(
    transformer: WanTransformer3DModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question is private to torch and may go away; that must not end a run."""
    monkeypatch.delattr(torch, "_fused_sdp_choice")
    assert resolved_attention(transformer) == "native (unknown: AttributeError)"
