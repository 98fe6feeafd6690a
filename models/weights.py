"""Published weights in the local hub cache: where they lie and which are missing.

Asked before anything heavy is imported, so that a run on a machine without the weights ends in one sentence and not
minutes later. Nothing is ever downloaded here. Source of the layout: huggingface_hub 2.4.0, "Manage your cache"
(`models--<owner>--<name>/refs/<name>` holds a commit, `snapshots/<commit>/` links to the files that are wholly there).
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from models.spec import WeightsFile

TOKENIZER_FOLDER = "tokenizer"
TOKENIZER_FILES = ("tokenizer.json", "spiece.model")
SHARD = "*-?????-of-?????.safetensors"


def missing_weights(files: tuple[WeightsFile, ...]) -> list[str]:
    """Name as "repository/path" what the local cache lacks of `files`; folders as in `missing_parts`."""
    return [name for file in files for name in _missing(file)]


def missing_parts(folder: Path) -> list[str]:
    """Name what one folder of a snapshot lacks.

    A folder of weights needs its `config.json` and either one whole file of weights or an index with all its shards;
    a tokenizer's folder its `tokenizer_config.json` and one of `TOKENIZER_FILES`, without which transformers 5 makes
    an empty tokenizer and says nothing.
    """
    return list(_lacking_tokenizer(folder) if folder.name == TOKENIZER_FOLDER else _lacking_weights(folder))


def cached_snapshot(repository: str, revision: str | None) -> Path | None:
    """Give the folder in the local cache with this revision (a commit, branch or tag; `None` means main), or `None`."""
    folder = _cache() / f"models--{repository.replace('/', '--')}"
    reference = folder / "refs" / (revision or "main")
    commit = reference.read_text().strip() if reference.is_file() else revision
    snapshot = folder / "snapshots" / commit if commit else None
    return snapshot if snapshot is not None and snapshot.is_dir() else None


def resolved_revision(file: WeightsFile) -> str | None:
    """Give the commit that is loaded for `file`: its pin, or else what the cache calls main; `None` if not cached."""
    snapshot = cached_snapshot(file.repository, file.revision)
    return None if snapshot is None else snapshot.name


def _cache() -> Path:
    """Follow the hub's own environment variables; read at each call, unlike `huggingface_hub.constants`."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def _missing(file: WeightsFile) -> Iterator[str]:
    snapshot = cached_snapshot(file.repository, file.revision)
    name = f"{file.repository}/{file.path}"
    wanted = None if snapshot is None else snapshot / file.path
    is_folder = file.path.endswith("/")
    if wanted is None or not (wanted.is_dir() if is_folder else wanted.is_file()):
        yield name
    elif is_folder:
        yield from (name + part for part in missing_parts(wanted))


def _lacking_tokenizer(folder: Path) -> Iterator[str]:
    if not (folder / "tokenizer_config.json").is_file():
        yield "tokenizer_config.json"
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        yield " or ".join(TOKENIZER_FILES)


def _lacking_weights(folder: Path) -> Iterator[str]:
    if not (folder / "config.json").is_file():
        yield "config.json"
    indexes = sorted(folder.glob("*.safetensors.index.json"))
    for index in indexes:
        shards = _shards(index)
        yield from (shard for shard in shards if not _holds_data(folder / shard))
        if not shards:
            yield f"{index.name} (unreadable)"
    whole = (path for path in folder.glob("*.safetensors") if _holds_data(path) and not path.match(SHARD))
    if not indexes and not any(whole):
        yield "*.safetensors*"  # as a pattern for a download: weights, and the index if there is one


def _shards(index: Path) -> list[str]:
    """List the files that an index names; none where it is cut off, or a link to nothing."""
    try:
        return sorted({str(shard) for shard in json.loads(index.read_bytes())["weight_map"].values()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _holds_data(path: Path) -> bool:
    """Tell a file with content from the empty one that a download leaves which has just begun."""
    return path.is_file() and path.stat().st_size > 0
