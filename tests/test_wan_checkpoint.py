"""A published checkpoint is loaded whole or refused by name, and nothing in it is ever executed."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from models.wan.checkpoint import CheckpointError, load_transformer, read_generator
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


def test_tensor_with_and_without_the_prefix_is_refused_by_name(tmp_path: Path) -> None:
    """Which of the two is meant cannot be known."""
    path = changed_checkpoint(tmp_path, lambda generator: generator.update({"head.head.bias": torch.ones(64)}))
    with pytest.raises(CheckpointError, match=r'model\.pt: holds with and without "model\.": head\.head\.bias$'):
        load(path)


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.bool, torch.complex64], ids=str)
def test_tensor_of_other_than_floating_point_numbers_is_refused_by_name(tmp_path: Path, dtype: torch.dtype) -> None:
    """Quantised or foreign weights are no weights once they are cast."""
    name = "model.head.head.bias"
    path = changed_checkpoint(tmp_path, lambda generator: generator.update({name: generator[name].to(dtype)}))
    with pytest.raises(CheckpointError, match=rf"floating-point numbers: model\.head\.head\.bias \({dtype}\)$"):
        load(path)


class Malicious:
    """Creates a file when it is unpickled."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.victim,)


@pytest.mark.parametrize("unsafe", ["", "1"])
@pytest.mark.parametrize("write", [torch.save, lambda thing, path: path.write_bytes(pickle.dumps(thing))])
def test_malicious_pickle_is_refused_and_not_executed(
    tmp_path: Path, write: Callable[[object, Path], None], unsafe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pickle that would create a file when loaded raises and creates none, though the environment allow it."""
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", unsafe)
    victim, path = tmp_path / "executed", tmp_path / "model.pt"
    write({"generator": Malicious(victim)}, path)
    with pytest.raises(CheckpointError, match="cannot be loaded as plain tensors"):
        read_generator(path)
    assert not victim.exists()


def test_good_file_is_loaded_though_the_environment_asks_for_unsafe_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    """What torch is told explicitly goes before its variable: nothing is given up by loading."""
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    assert len(read_generator(PUBLISHED)) == 15 + 3 * 27


@pytest.mark.parametrize("kept", [0, 1, 3, 100, 5000, -1, -100])
def test_truncated_file_is_a_clear_error(tmp_path: Path, kept: int) -> None:
    """Cut anywhere, it is refused by name."""
    path = tmp_path / "model.pt"
    path.write_bytes(PUBLISHED.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=r"model\.pt: cannot be loaded as plain tensors: ."):
        read_generator(path)


def test_flipped_bits_never_end_in_another_error(tmp_path: Path) -> None:
    """Wherever the pickle itself is damaged, the file loads or is refused with this suite's own error."""
    content = PUBLISHED.read_bytes()
    start, path, refused = content.index(b"generator"), tmp_path / "model.pt", 0
    for place in range(start, start + 400, 4):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        try:
            load(path)
        except CheckpointError:
            refused += 1
    assert refused > 25


def test_other_key_is_loaded_and_the_critic_left(tmp_path: Path) -> None:
    """Self-Forcing's averaged weights lie behind "generator_ema"."""
    checkpoint = torch.load(PUBLISHED, weights_only=True)
    averaged = {name: tensor + 1 for name, tensor in checkpoint["generator"].items()}
    torch.save({**checkpoint, "generator_ema": averaged}, tmp_path / "model.pt")
    plain, other = (
        load(tmp_path / "model.pt"),
        load_transformer(tmp_path / "model.pt", SIZES, torch.float32, "cpu", "generator_ema"),
    )
    assert torch.equal(other.proj_out.bias, plain.proj_out.bias + 1)
    with pytest.raises(CheckpointError, match=r'no dictionary "generator_x"; found: generator, critic, generator_ema'):
        read_generator(tmp_path / "model.pt", "generator_x")


def test_dictionary_of_other_things_is_refused_by_name(tmp_path: Path) -> None:
    """A wrong model's file may hold numbers where tensors belong."""
    path = changed_checkpoint(tmp_path, lambda generator: generator.update(step=7))
    with pytest.raises(CheckpointError, match=r'"generator" holds other than tensors: step$'):
        load(path)


def test_folder_in_the_layout_of_diffusers_is_loaded(tmp_path: Path) -> None:
    """One file or several shards: the same weights; without a shard it is refused by name."""
    original = load(PUBLISHED)
    for folder, shard_size in (("whole", "1GB"), ("shards", "20KB")):
        original.save_pretrained(tmp_path / folder, max_shard_size=shard_size)
        loaded = load(tmp_path / folder).state_dict()
        assert all(torch.equal(tensor, loaded[name]) for name, tensor in original.state_dict().items())
    shard = max((tmp_path / "shards").glob("*.safetensors"))
    shard.unlink()
    with pytest.raises(CheckpointError, match=f"shards: is not a complete folder of weights: it lacks {shard.name}"):
        load(tmp_path / "shards")


def test_safetensors_with_wans_own_names_are_loaded(tmp_path: Path) -> None:
    """Wan's repositories and others publish the transformer alone, under its own names."""
    generator = torch.load(PUBLISHED, weights_only=True)["generator"]
    save_file({name.removeprefix("model."): tensor for name, tensor in generator.items()}, tmp_path / "w.safetensors")
    loaded = load(tmp_path / "w.safetensors").state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in load(PUBLISHED).state_dict().items())


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 7, (2**62).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"[]"]
)
def test_damaged_safetensors_are_a_clear_error(tmp_path: Path, content: bytes) -> None:
    """Cut off, an absurd header, or another format."""
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"w\.safetensors: cannot be read as safetensors"):
        load(tmp_path / "w.safetensors")


def test_cut_safetensors_are_a_clear_error(tmp_path: Path) -> None:
    """One byte less than its header states is enough."""
    save_file({"a": torch.ones(3)}, tmp_path / "w.safetensors")
    content = (tmp_path / "w.safetensors").read_bytes()
    assert json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["a"]["shape"] == [3]
    (tmp_path / "w.safetensors").write_bytes(content[:-1])
    with pytest.raises(CheckpointError, match="cannot be read as safetensors"):
        load(tmp_path / "w.safetensors")


def test_folder_that_holds_a_tensor_twice_is_refused_by_name(tmp_path: Path) -> None:
    """Two precisions in one folder: which is meant cannot be known."""
    load(PUBLISHED).save_pretrained(tmp_path)
    save_file({"proj_out.bias": torch.ones(64)}, tmp_path / "diffusion_pytorch_model.fp16.safetensors")
    with pytest.raises(CheckpointError, match=r"another file of its folder holds, too: proj_out\.bias$"):
        load(tmp_path)


@pytest.mark.parametrize(("content", "found"), [({"critic": {}}, "found: critic"), ([1, 2], "found: list")])
def test_other_layout_is_refused_with_what_was_found(tmp_path: Path, content: object, found: str) -> None:
    """A file of tensors that holds no generator says what it holds."""
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match=found):
        read_generator(tmp_path / "model.pt")
