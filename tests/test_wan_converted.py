"""A checkpoint is converted once; what is loaded from then on is exactly what converting gives, or is made anew."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from models.hub.lock import LockedFile, lock_files
from models.spec import DtypeName, WeightsFile, WeightsMissingError
from models.wan.checkpoint import CheckpointError, load_transformer
from models.wan.converted import bit_fault, load_converted, source_file, write_converted
from models.weights import converted_file, converted_root, missing_weights, resolved_revision
from tests.causal_masked_pass import SIZES

PUBLISHED = Path(__file__).parent / "golden" / "causvid-3step" / "model.pt"
COMMIT = "c" * 40
FILE = WeightsFile(repository="owner/name", path="student/model.pt", licence="MIT", key="generator", config=SIZES)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the golden checkpoint into a hub cache of its own."""
    repository = tmp_path / "hub" / "models--owner--name"
    path = repository / "snapshots" / COMMIT / FILE.path
    path.parent.mkdir(parents=True)
    shutil.copy(PUBLISHED, path)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("models.hub.lock.PATH", tmp_path / "weights.lock")
    return path


def target(dtype: DtypeName = "bfloat16") -> Path:
    path = converted_file(FILE, dtype)
    assert path is not None
    return path


def state(dtype: DtypeName = "bfloat16", file: WeightsFile = FILE) -> dict[str, torch.Tensor]:
    """Give copies: on a CPU the loaded tensors are the file's own pages."""
    loaded = load_converted(file, SIZES, dtype, "cpu").state_dict()
    return {name: tensor.clone() for name, tensor in loaded.items()}


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(
        ours[name].dtype == theirs[name].dtype and torch.equal(ours[name], theirs[name]) for name in theirs
    )


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float16"])
def test_converted_weights_are_exactly_the_checkpoints(source: Path, dtype: DtypeName) -> None:
    """Bit for bit and dtype for dtype what loading the checkpoint gives, the first time, later and without it."""
    directly = load_transformer(source, SIZES, getattr(torch, dtype), "cpu").state_dict()
    assert same(state(dtype), directly)
    assert same(state(dtype), directly)
    source.unlink()
    assert same(state(dtype), directly)


def test_float32_file_serves_bfloat16_when_nothing_else_is_left(source: Path) -> None:
    """Rounding the stored float32 is what converting does."""
    directly = load_transformer(source, SIZES, torch.bfloat16, "cpu").state_dict()
    write_converted(FILE, source, SIZES, "float32")
    source.unlink()
    assert same(state("bfloat16"), directly)


def test_bfloat16_file_keeps_norms_in_float32_and_holds_no_critic(source: Path) -> None:
    """It holds the transformer alone, in the precision that diffusers would load."""
    tensors = load_file(write_converted(FILE, source, SIZES, "bfloat16"))
    assert len(tensors) == 15 + 3 * 27
    assert tensors["proj_out.weight"].dtype == torch.bfloat16
    assert tensors["scale_shift_table"].dtype == torch.float32
    assert tensors["condition_embedder.time_embedder.linear_1.weight"].dtype == torch.float32


def test_converted_file_says_what_it_was_made_of(source: Path) -> None:
    """Source, checksum, key and version stand in its metadata; nothing else is left in its folder."""
    path = write_converted(FILE, source, SIZES, "bfloat16")
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    assert metadata["source"] == "owner/name/student/model.pt"
    assert len(metadata["source_sha256"]) == 64
    assert (metadata["key"], metadata["conversion"]) == ("generator", "1")
    assert [path.name] == [found.name for found in path.parent.iterdir()]
    assert path.is_relative_to(source.parents[5] / "converted-weights" / "owner--name" / COMMIT)


def test_folder_of_converted_weights_can_be_chosen(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment variable names it."""
    monkeypatch.setenv("CONVERTED_WEIGHTS_DIR", str(tmp_path / "elsewhere"))
    assert write_converted(FILE, source, SIZES, "float32").is_relative_to(tmp_path / "elsewhere")


def test_second_loading_does_not_read_the_checkpoint(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pickle is opened once."""
    state()
    monkeypatch.setattr("models.wan.converted.write_converted", lambda *_: pytest.fail("converted again"))
    state()


def test_changed_source_is_converted_anew(source: Path) -> None:
    """Another size or time of the checkpoint makes the converted file out of date."""
    before = state()
    checkpoint = torch.load(source, weights_only=True)
    checkpoint["generator"]["model.head.head.bias"] += 1
    torch.save(checkpoint, source)
    assert torch.equal(state()["proj_out.bias"], (checkpoint["generator"]["model.head.head.bias"]).bfloat16())
    assert not same(state(), before)


def test_cut_converted_file_is_made_anew_or_named(source: Path) -> None:
    """With the checkpoint at hand it is converted again; without, the error names the damage and the way on."""
    before = state()
    target().write_bytes(target().read_bytes()[:-1])
    assert same(state(), before)
    target().write_bytes(target().read_bytes()[:-1])
    source.unlink()
    with pytest.raises(WeightsMissingError, match=r"models\.prefetch.*bfloat16\.safetensors is damaged"):
        state()


def test_flipped_bit_of_a_converted_file_is_found_by_reading_it_whole(source: Path) -> None:
    """Safetensors has no checksum of its own."""
    path = write_converted(FILE, source, SIZES, "bfloat16")
    assert bit_fault(path) is None
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    fault = bit_fault(path)
    assert fault is not None
    assert "sha256" in fault


def test_flipped_bit_of_the_source_is_found_by_the_lock(source: Path) -> None:
    """A checkpoint that differs from the locked checksum is not converted, and nothing is written."""
    lock_files("owner/name", COMMIT, {FILE.path: LockedFile(source.stat().st_size, "0" * 64)})
    with pytest.raises(CheckpointError, match=rf"published file's is {'0' * 64}.*delete it and fetch it again"):
        state()
    assert not target().parent.exists()


def test_flipped_bit_of_the_source_is_found_by_its_name_in_the_hubs_cache(source: Path) -> None:
    """The hub's cache names a large file by its sha256 and links to it."""
    blob = source.parents[3] / "blobs" / ("0" * 64)
    blob.parent.mkdir()
    source.rename(blob)
    source.symlink_to(blob)
    with pytest.raises(CheckpointError, match="damaged or another"):
        state()


def test_converted_file_of_another_source_than_the_locks_is_refused(source: Path) -> None:
    """The lock decides also where the checkpoint itself is gone."""
    state()
    lock_files("owner/name", COMMIT, {FILE.path: LockedFile(1, "0" * 64)})
    source.unlink()
    with pytest.raises(WeightsMissingError, match="made of something else: another source_sha256"):
        state()


def test_wrong_model_leaves_nothing_behind(source: Path) -> None:
    """A checkpoint of another size is refused by the tensor's name, before anything is written."""
    with pytest.raises(CheckpointError, match="instead of"):
        load_converted(FILE, {**SIZES, "ffn_dim": 16}, "bfloat16", "cpu")
    assert not target().parent.exists()


def test_interrupted_writing_leaves_nothing_behind(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ends the writing, no partial file stays and none is taken for whole."""

    def interrupted(_tensors: object, path: Path, _metadata: object) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("models.wan.converted.save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        state()
    assert list(target().parent.iterdir()) == []


def test_disk_that_cannot_be_written_is_warned_of_and_loading_goes_on(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read-only weights are still usable: each run converts."""
    (tmp_path / "a-file").touch()
    monkeypatch.setenv("CONVERTED_WEIGHTS_DIR", str(tmp_path / "a-file"))
    with pytest.warns(UserWarning, match="cannot be kept"):
        found = state()
    assert same(found, dict(load_transformer(source, SIZES, torch.bfloat16, "cpu").state_dict()))


def test_other_key_has_its_own_file(source: Path) -> None:
    """Two dictionaries of one checkpoint are two models."""
    checkpoint = torch.load(source, weights_only=True)
    averaged = {name: tensor + 1 for name, tensor in checkpoint["generator"].items()}
    torch.save({**checkpoint, "generator_ema": averaged}, source)
    other = replace(FILE, key="generator_ema")
    assert torch.equal(state("float32", other)["proj_out.bias"], state("float32")["proj_out.bias"] + 1)
    assert converted_file(other, "float32") != converted_file(FILE, "float32")


@pytest.mark.parametrize("path", ["student/", "shards/", "diffusers.safetensors", "wan.safetensors"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_published_safetensors_are_loaded_as_they_are(source: Path, path: str, dtype: DtypeName) -> None:
    """A folder in diffusers' layout, whole or in shards, or a file with either names: nothing is converted."""
    original = load_transformer(source, SIZES, torch.float32, "cpu")
    generator = torch.load(source, weights_only=True)["generator"]
    snapshot = source.parents[1]
    source.unlink()
    file = replace(FILE, path=path)
    with pytest.raises(WeightsMissingError, match=rf"owner/name/{path} is not whole.*it lacks owner/name/{path}"):
        state(dtype, file)
    if path.endswith("/"):
        original.save_pretrained(snapshot / path, max_shard_size="20KB" if path == "shards/" else "1GB")
    else:
        wans = {name.removeprefix("model."): tensor for name, tensor in generator.items()}
        save_file(wans if path == "wan.safetensors" else original.state_dict(), snapshot / path)
    assert missing_weights((file,)) == []
    assert resolved_revision(file) == COMMIT
    expected = original.state_dict()
    loaded = state(dtype, file)
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name].to(tensor.dtype)) for name, tensor in loaded.items())
    assert loaded["proj_out.weight"].dtype == getattr(torch, dtype)
    assert not converted_root().exists()
    with pytest.raises(CheckpointError, match="instead of"):
        load_converted(file, {**SIZES, "ffn_dim": 16}, dtype, "cpu")


def test_folder_without_a_shard_is_named_missing(source: Path) -> None:
    """As before loading, so at loading."""
    folder = source.parents[1] / "shards"
    load_transformer(source, SIZES, torch.float32, "cpu").save_pretrained(folder, max_shard_size="20KB")
    shard = max(folder.glob("*.safetensors"))
    shard.unlink()
    with pytest.raises(WeightsMissingError, match=rf"--include 'shards/\*'.*it lacks owner/name/shards/{shard.name}$"):
        state("float32", replace(FILE, path="shards/"))


def test_bfloat16_alone_does_not_count_as_present(source: Path) -> None:
    """A recipe in float32 could not be loaded from it: what is there is asked before a recipe is known."""
    write_converted(FILE, source, SIZES, "bfloat16")
    source.unlink()
    assert missing_weights((FILE,)) == ["owner/name/student/model.pt"]
    with pytest.raises(WeightsMissingError, match="is not whole in the local hub cache"):
        state("float32")


def test_weights_converted_to_float32_count_as_present_for_every_dtype(source: Path) -> None:
    """The checkpoint may be deleted once it is converted: model and commit are still known."""
    write_converted(FILE, source, SIZES, "float32")
    shutil.rmtree(source.parents[1])
    assert source_file(FILE) is None
    assert missing_weights((FILE,)) == []
    assert resolved_revision(FILE) == COMMIT
    for dtype in get_args(DtypeName):
        assert state(dtype)
    os.truncate(target("float32"), 0)
    assert missing_weights((FILE,)) == ["owner/name/student/model.pt"]
    assert resolved_revision(FILE) is None
