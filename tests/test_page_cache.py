"""Weights leave the page cache when told to, and it is measured whether they did."""

from pathlib import Path

import pytest

from fixtures.cold.page_cache import cached_ratio, drop, weights_paths
from models.spec import WeightsFile

MIB = 2**20
COMMIT = "c" * 40
CHECKPOINT = WeightsFile(repository="o/n", path="a/model.pt", licence="x", revision=COMMIT, key="generator", config={})
FOLDER = WeightsFile(repository="o/n", path="vae/", licence="x", revision=COMMIT)


def test_dropped_file_is_out_of_the_cache_and_read_again_is_in_it(tmp_path: Path) -> None:
    """Just written: all there. Dropped: none of it. Read by half: about half."""
    path = tmp_path / "weights"
    path.write_bytes(b"x" * (8 * MIB))
    assert cached_ratio([path]) == 1.0
    drop([path])
    dropped = cached_ratio([path])
    assert dropped is not None
    if dropped == 1.0:
        pytest.skip("this file system keeps its pages (a tmpfs does)")
    assert dropped == 0.0
    with path.open("rb") as file:
        file.read(4 * MIB)
    half = cached_ratio([path])
    assert half is not None
    assert 0.4 < half <= 1.0  # the kernel may read ahead


def test_nothing_has_no_ratio(tmp_path: Path) -> None:
    """No files, or empty ones: there is no share of nothing."""
    (tmp_path / "empty").touch()
    assert cached_ratio([]) is None
    assert cached_ratio([tmp_path / "empty"]) is None


def test_files_that_a_recipe_reads_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a folder; of a checkpoint its converted file in the recipe's dtype, then in float32, then itself."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("CONVERTED_WEIGHTS_DIR", str(tmp_path / "converted"))
    snapshot = tmp_path / "hub" / "models--o--n" / "snapshots" / COMMIT
    names = ["a/model.pt", "vae/config.json", "vae/x/model.safetensors"]
    source, *folder = [snapshot / name for name in names]
    converted = [
        tmp_path / f"converted/o--n/{COMMIT}/a/model.generator.{t}.safetensors" for t in ("bfloat16", "float32")
    ]
    for path in (source, *folder):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert weights_paths((CHECKPOINT, FOLDER), "bfloat16") == [source, *folder]
    for path in reversed(converted):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        assert weights_paths((CHECKPOINT,), "bfloat16") == [path]
    assert weights_paths((CHECKPOINT,), "float32") == [converted[1]]
    assert weights_paths((), "bfloat16") == []
