"""Missing weights are named before anything heavy is imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from models.spec import WeightsFile
from models.weights import cached_snapshot, missing_weights

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty revision of owner/name in a hub cache of its own."""
    repository = tmp_path / "hub" / "models--owner--name"
    folder = repository / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    return folder


def file(path: str, revision: str | None = None) -> WeightsFile:
    return WeightsFile(repository="owner/name", path=path, licence="Apache-2.0", revision=revision)


def test_what_is_there_is_not_missing(snapshot: Path) -> None:
    """Files and folders, by main or by commit."""
    (snapshot / "vae").mkdir()
    (snapshot / "vae" / "weights.safetensors").touch()
    (snapshot / "model.pt").touch()
    files = (file("vae/"), file("model.pt"), file("vae/weights.safetensors", COMMIT), file("vae/", "main"))
    assert missing_weights(files) == []


def test_what_is_not_there_is_named_in_order(snapshot: Path) -> None:
    """Repository and path, as one would ask the hub for them."""
    (snapshot / "model.pt").touch()
    files = (file("vae/"), file("model.pt"), file("other.pt"), file("model.pt", "f" * 40))
    assert missing_weights(files) == ["owner/name/vae/", "owner/name/other.pt", "owner/name/model.pt"]


def test_broken_link_counts_as_missing(snapshot: Path) -> None:
    """The cache links to blobs, and a cleaned-up blob leaves its link behind."""
    (snapshot / "model.pt").symlink_to(snapshot / "no-such-blob")
    assert missing_weights((file("model.pt"),)) == ["owner/name/model.pt"]


def test_shards_of_an_interrupted_download_are_named(snapshot: Path) -> None:
    """An index says which shards a folder must hold."""
    (snapshot / "transformer").mkdir()
    index = {"weight_map": {"a": "part-1.safetensors", "b": "part-2.safetensors", "c": "part-2.safetensors"}}
    (snapshot / "transformer" / "model.safetensors.index.json").write_text(json.dumps(index))
    (snapshot / "transformer" / "part-1.safetensors").touch()
    assert missing_weights((file("transformer/"),)) == ["owner/name/transformer/part-2.safetensors"]


def test_repository_that_was_never_fetched_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty or absent cache is no error: everything is missing."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "absent"))
    assert missing_weights((file("vae/"),)) == ["owner/name/vae/"]
    assert cached_snapshot("owner/name", None) is None


def test_own_variable_of_the_cache_goes_before_the_home(
    snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HF_HUB_CACHE, then HF_HOME, then XDG_CACHE_HOME: the hub's own order."""
    assert cached_snapshot("owner/name", None) == snapshot
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    assert cached_snapshot("owner/name", None) is None
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    (tmp_path / "xdg").mkdir()
    (tmp_path / "xdg" / "huggingface").symlink_to(tmp_path)
    found = cached_snapshot("owner/name", None)
    assert found is not None
    assert found.samefile(snapshot)


def test_asking_imports_no_heavy_library() -> None:
    """The question is asked when pytest is configured."""
    code = (
        "import sys; from models.weights import missing_weights; missing_weights(());"
        " print(*{'torch', 'diffusers', 'transformers', 'huggingface_hub'} & set(sys.modules))"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
