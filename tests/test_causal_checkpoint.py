"""A published checkpoint is loaded whole or refused by name, and nothing in it is ever executed."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from models.causal.checkpoint import UNSAFE_VARIABLE, CheckpointError, load_transformer, read_generator
from tests.causal_masked_pass import SIZES

PUBLISHED = Path(__file__).parent / "golden" / "causvid-3step" / "model.pt"


def changed_checkpoint(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Write the golden checkpoint with its generator changed."""
    checkpoint = torch.load(PUBLISHED, weights_only=True)
    change(checkpoint["generator"])
    path = folder / "model.pt"
    torch.save(checkpoint, path)
    return path


def load(path: Path, dtype: torch.dtype = torch.float32) -> Any:
    return load_transformer(path, SIZES, dtype, "cpu")


def test_every_published_tensor_arrives_under_its_name() -> None:
    """15 tensors of the whole and 27 a layer are loaded; Wan's norm3 becomes diffusers' norm2."""
    transformer = load(PUBLISHED)
    published = torch.load(PUBLISHED, weights_only=True)["generator"]
    assert len(transformer.state_dict()) == len(published) == 15 + 3 * 27
    assert torch.equal(transformer.blocks[1].norm2.weight, published["model.blocks.1.norm3.weight"])
    assert not any(tensor.is_meta for tensor in (*transformer.parameters(), *transformer.buffers()))
    assert not transformer.training


def test_bfloat16_keeps_norms_time_embedder_and_rope_in_float32() -> None:
    """Only what diffusers itself would cast is bfloat16."""
    transformer = load(PUBLISHED, torch.bfloat16)
    assert transformer.patch_embedding.weight.dtype == torch.bfloat16
    assert transformer.blocks[0].attn1.norm_q.weight.dtype == torch.bfloat16
    for exact in (
        transformer.blocks[0].norm2.weight,
        transformer.scale_shift_table,
        transformer.condition_embedder.time_embedder.linear_1.weight,
        transformer.rope.freqs_cos,
    ):
        assert exact.dtype == torch.float32


def test_missing_key_is_named(tmp_path: Path) -> None:
    """A checkpoint without one tensor is refused, and the tensor named."""
    path = changed_checkpoint(tmp_path, lambda generator: generator.pop("model.blocks.2.self_attn.k.bias"))
    with pytest.raises(CheckpointError, match=r"model\.pt: lacks blocks\.2\.attn1\.to_k\.bias"):
        load(path)


def test_unknown_key_is_named(tmp_path: Path) -> None:
    """A tensor that the architecture does not have is refused, not ignored."""
    path = changed_checkpoint(tmp_path, lambda generator: generator.update({"model.blocks.9.extra": torch.ones(1)}))
    with pytest.raises(CheckpointError, match=r"has the unknown blocks\.9\.extra"):
        load(path)


def test_wrong_shape_is_named_with_both_shapes(tmp_path: Path) -> None:
    """A tensor of another size is refused with its shape and the expected one."""
    path = changed_checkpoint(tmp_path, lambda generator: generator.update({"model.head.head.bias": torch.ones(7)}))
    with pytest.raises(CheckpointError, match=r"proj_out\.bias of shape \[7\] instead of \[64\]"):
        load(path)


class Malicious:
    """Creates a file when it is unpickled."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.victim,)


@pytest.mark.parametrize("write", [torch.save, lambda thing, path: path.write_bytes(pickle.dumps(thing))])
def test_malicious_pickle_is_refused_and_not_executed(tmp_path: Path, write: Callable[[object, Path], None]) -> None:
    """A pickle that would create a file when loaded raises and creates none, in torch's format and as plain pickle."""
    victim, path = tmp_path / "executed", tmp_path / "model.pt"
    write({"generator": Malicious(victim)}, path)
    with pytest.raises(CheckpointError, match="cannot be loaded as plain tensors"):
        read_generator(path)
    assert not victim.exists()


def test_environment_that_allows_code_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable set that turns the protection off, even a good file is not opened."""
    monkeypatch.setenv(UNSAFE_VARIABLE, "1")
    with pytest.raises(CheckpointError, match=UNSAFE_VARIABLE):
        read_generator(PUBLISHED)


@pytest.mark.parametrize(("content", "found"), [({"critic": {}}, "found: critic"), ([1, 2], "found: list")])
def test_other_layout_is_refused_with_what_was_found(tmp_path: Path, content: object, found: str) -> None:
    """A file of tensors that holds no generator says what it holds."""
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match=found):
        read_generator(tmp_path / "model.pt")
