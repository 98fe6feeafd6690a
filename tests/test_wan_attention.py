"""Attention kernels are chosen by name, one transformer at a time."""

import pytest
import torch
from diffusers import WanTransformer3DModel
from diffusers.models.attention_dispatch import AttentionBackendName, _AttentionBackendRegistry

from fixtures.suite import ATTENTIONS
from models.discover import discover
from models.spec import Recipe, Request
from models.wan.architecture import TINY
from models.wan.attention import (
    TORCH_KERNELS,
    attention_kernel,
    dispatched_backend,
    require_attention,
    resolved_attention,
    set_attention,
    usable_attention,
)
from tests.recording_probe import RecordingProbe


@pytest.fixture
def transformer() -> WanTransformer3DModel:
    return WanTransformer3DModel(**TINY.transformer).eval()


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        ("native", "native"),
        *((name, "native") for name in TORCH_KERNELS),
        ("flash", "flash"),
        ("flash_3", "_flash_3"),
        ("flex", "flex"),
        ("sage", "sage"),
    ],
)
def test_names_are_diffusers_without_underscore_and_torchs_own_kernels_go_through_native(
    name: str, backend: str
) -> None:
    """People write "native_cudnn"; diffusers' own way to that kernel would copy queries, keys and values first."""
    assert dispatched_backend(name).value == backend
    assert f"_{name}" in {known.value for known in AttentionBackendName} or name == backend


def test_unknown_name_lists_the_known_ones() -> None:
    """A typing error costs a second, not a run."""
    with pytest.raises(ValueError, match=r"attention 'cudnn' is unknown; known are .*native, .*native_cudnn"):
        dispatched_backend("cudnn")


def test_choice_is_the_transformers_own(transformer: WanTransformer3DModel) -> None:
    """Neither another transformer nor the process-wide default is touched."""
    other = WanTransformer3DModel(**TINY.transformer).eval()
    default = _AttentionBackendRegistry.get_active_backend()
    set_attention(transformer, "flex")
    assert resolved_attention(transformer, "flex") == "flex"
    assert {p._attention_backend.value for p in transformer.attn_processors.values()} == {"flex"}
    assert all(processor._attention_backend is None for processor in other.attn_processors.values())
    assert _AttentionBackendRegistry.get_active_backend() == default


def test_choice_is_what_runs(transformer: WanTransformer3DModel) -> None:
    """A kernel that the CPU does not have fails, so the name really reaches the call."""
    latents_BCFHW = torch.randn((1, 16, 2, 4, 4), generator=torch.Generator().manual_seed(0))
    inputs = {"timestep": torch.tensor([500]), "encoder_hidden_states": torch.ones((1, 8, 32))}
    set_attention(transformer, "native_math")
    with attention_kernel("native_math"):
        transformer(hidden_states=latents_BCFHW, **inputs)
    set_attention(transformer, "native_cudnn")
    with attention_kernel("native_cudnn"), pytest.raises(RuntimeError, match=r"kernel|cuDNN|CUDA"):
        transformer(hidden_states=latents_BCFHW, **inputs)
    transformer(hidden_states=latents_BCFHW, **inputs)


def test_native_tells_the_kernel_that_torch_chooses(transformer: WanTransformer3DModel) -> None:
    """To say "native" is to ask torch, and the record wants its answer."""
    assert resolved_attention(transformer, "native") in {"native (flash_attention)", "native (math)"}


def test_torch_without_the_question_is_told(
    transformer: WanTransformer3DModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question is private to torch and may go away; that must not end a run."""
    monkeypatch.delattr(torch, "_fused_sdp_choice")
    assert resolved_attention(transformer, "native") == "native (unknown: AttributeError)"


@pytest.mark.parametrize("model", ["causvid-tiny", "causvid-tiny-bidirectional", "wan2.1-t2v-tiny"])
def test_every_pipeline_runs_the_recipes_kernel_or_fails(model: str) -> None:
    """A CPU has no cuDNN: whoever generates there with it has fallen back to something else."""
    recipe = Recipe(
        model=model,
        weights="tiny",
        device="cpu",
        transformer_dtype="float32",
        text_encoder_dtype="float32",
        vae_dtype="float32",
        attention="native_cudnn",
    )
    request = Request(prompt="dogs", width=64, height=64, frames=9, fps=16, steps=3, guidance_scale=1, shift=8, seed=0)
    pipeline = discover()[model].load(recipe)
    with pytest.raises(RuntimeError, match=r"kernel|cuDNN|CUDA"):
        list(pipeline.generate(request, pipeline.draw_noise(request), RecordingProbe()))


@pytest.mark.parametrize(
    ("name", "said"),
    [("flash_3_hub", "fetches code from the hub"), ("sage", "cannot run here: .*[Ss]age"), ("cudnn", "is unknown")],
)
def test_backend_that_cannot_run_is_told_before_anything_is_loaded(
    name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing package costs a second, not the loading of a model."""
    monkeypatch.setattr("models.wan.components._at_random", lambda *_: pytest.fail("loaded"))
    recipe = Recipe(
        model="wan2.1-t2v-tiny",
        weights="tiny",
        device="cpu",
        transformer_dtype="float32",
        text_encoder_dtype="float32",
        vae_dtype="float32",
        attention=name,
    )
    with pytest.raises(ValueError, match=said):
        discover()[recipe.model].load(recipe)
    require_attention("native_math")


def test_usable_backends_can_be_asked_for_and_hold_no_code_from_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's own kernels are listed as far as torch was built with them; each listed name is one of a suite's."""
    monkeypatch.setattr("torch.backends.cudnn.is_available", lambda: True)
    monkeypatch.setattr("torch.backends.cuda.is_flash_attention_available", lambda: False)
    monkeypatch.setattr("diffusers.models.attention_dispatch._CAN_USE_FLASH_ATTN", False)
    usable = usable_attention()
    assert {"native", "native_cudnn", "native_math"} <= set(usable) <= ATTENTIONS
    assert not {"native_flash", "flash", "flash_varlen"} & set(usable)
    for name in usable:
        require_attention(name)
