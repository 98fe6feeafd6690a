"""Missing weights are named before anything heavy is imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from models.spec import WeightsFile
from models.weights import cached_snapshot, missing_weights, resolved_revision

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


def fill(folder: Path, *names: str) -> Path:
    """Put empty files into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")
    return folder


def test_what_is_there_is_not_missing(snapshot: Path) -> None:
    """Files and folders, by main or by commit."""
    fill(snapshot / "vae", "config.json", "weights.safetensors")
    fill(snapshot, "model.pt")
    files = (file("vae/"), file("model.pt"), file("vae/weights.safetensors", COMMIT), file("vae/", "main"))
    assert missing_weights(files) == []


def test_what_is_not_there_is_named_in_order(snapshot: Path) -> None:
    """Repository and path, as one would ask the hub for them."""
    (snapshot / "model.pt").write_bytes(b"x")
    files = (file("vae/"), file("model.pt"), file("other.pt"), file("model.pt", "f" * 40))
    assert missing_weights(files) == ["owner/name/vae/", "owner/name/other.pt", "owner/name/model.pt"]


def test_broken_link_counts_as_missing(snapshot: Path) -> None:
    """The cache links to blobs, and a cleaned-up blob leaves its link behind."""
    (snapshot / "model.pt").symlink_to(snapshot / "no-such-blob")
    assert missing_weights((file("model.pt"),)) == ["owner/name/model.pt"]


def test_shards_of_an_interrupted_download_are_named(snapshot: Path) -> None:
    """An index says which shards a folder must hold."""
    first, last = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    folder = fill(snapshot / "transformer", "config.json", first)
    index = {"weight_map": {"a": first, "b": last, "c": last}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert missing_weights((file("transformer/"),)) == [f"owner/name/transformer/{last}"]
    fill(folder, last)
    assert missing_weights((file("transformer/"),)) == []


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ((), ["config.json", "*.safetensors*"]),
        (("config.json",), ["*.safetensors*"]),
        (("model.safetensors",), ["config.json"]),
        (("config.json", "model.safetensors.incomplete"), ["*.safetensors*"]),
        (("config.json", "model-00001-of-00002.safetensors"), ["*.safetensors*"]),
        (("config.json", "model.safetensors"), []),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["transformer", "text_encoder", "vae"])
def test_folder_of_weights_needs_its_config_and_its_weights(
    snapshot: Path, name: str, there: tuple[str, ...], missing: list[str]
) -> None:
    """A shard whose index never came, or what a broken download leaves behind, is not the weights."""
    fill(snapshot / name, *there)
    assert missing_weights((file(f"{name}/"),)) == [f"owner/name/{name}/{part}" for part in missing]


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ((), ["tokenizer_config.json", "tokenizer.json or spiece.model"]),
        (("tokenizer_config.json", "config.json", "model.safetensors"), ["tokenizer.json or spiece.model"]),
        (("tokenizer.json",), ["tokenizer_config.json"]),
        (("tokenizer_config.json", "tokenizer.json"), []),
        (("tokenizer_config.json", "spiece.model"), []),
    ],
    ids=str,
)
def test_tokenizer_needs_its_config_and_its_pieces(snapshot: Path, there: tuple[str, ...], missing: list[str]) -> None:
    """Either of the two formats is enough; a tokenizer has no weights."""
    fill(snapshot / "tokenizer", *there)
    assert missing_weights((file("tokenizer/"),)) == [f"owner/name/tokenizer/{part}" for part in missing]


@pytest.mark.parametrize(("name", "missing"), [("config.json", "config.json"), ("model.safetensors", "*.safetensors*")])
def test_broken_link_in_a_folder_counts_as_missing(snapshot: Path, name: str, missing: str) -> None:
    """A link whose blob is gone is neither a config nor weights."""
    folder = fill(snapshot / "vae", *{"config.json", "model.safetensors"} - {name})
    (folder / name).symlink_to(snapshot / "no-such-blob")
    assert missing_weights((file("vae/"),)) == [f"owner/name/vae/{missing}"]


@pytest.mark.parametrize("content", ["", '{"weight_map": {"a": "par', "[]", "{}", '{"weight_map": []}', "\xff", None])
def test_unreadable_index_is_named_and_raises_nothing(snapshot: Path, content: str | None) -> None:
    """Cut off, another format, or a link to nothing: an index that says nothing is missing, whatever lies beside it."""
    index = fill(snapshot / "vae", "config.json", "model.safetensors") / "model.safetensors.index.json"
    if content is None:
        index.symlink_to(snapshot / "no-such-blob")
    else:
        index.write_bytes(content.encode("latin-1"))
    assert missing_weights((file("vae/"),)) == ["owner/name/vae/model.safetensors.index.json (unreadable)"]


def test_folder_is_no_file_and_a_file_no_folder(snapshot: Path) -> None:
    """The kind counts, not the name alone."""
    fill(snapshot, "vae")
    fill(snapshot / "model.pt")
    assert missing_weights((file("vae/"), file("model.pt"))) == ["owner/name/vae/", "owner/name/model.pt"]


def test_commit_that_is_loaded_can_be_told(snapshot: Path) -> None:
    """A pin is itself, a branch the commit it names, and no revision is what main names at that moment."""
    other = "f" * 40
    fill(snapshot.parent / other)
    assert resolved_revision(file("vae/")) == resolved_revision(file("vae/", "main")) == COMMIT
    assert resolved_revision(file("vae/", other)) == other
    (snapshot.parents[1] / "refs" / "main").write_text(f"{other}\n")
    assert resolved_revision(file("vae/")) == other


def test_commit_of_what_is_not_cached_is_unknown(snapshot: Path, tmp_path: Path) -> None:
    """A pin that was never fetched, a main whose files are gone, or no such repository."""
    assert resolved_revision(file("vae/", "f" * 40)) is None
    snapshot.rename(tmp_path / "gone")
    assert resolved_revision(file("vae/")) is None
    assert resolved_revision(WeightsFile(repository="owner/other", path="vae/", licence="MIT")) is None


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
