"""Published weights on this machine, in the hub's cache or converted: where they lie and which are missing.

Asked before anything heavy is imported, so that a run on a machine without the weights ends in one sentence and not
minutes later. Nothing is ever downloaded here. Source of the layout: huggingface_hub 2.4.0, "Manage your cache"
(`models--<owner>--<name>/refs/<name>` holds a commit, `snapshots/<commit>/` links to the files that are wholly there).
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from models.hub.lock import locked
from models.spec import DtypeName, WeightsFile

TOKENIZER_FOLDER = "tokenizer"
TOKENIZER_FILES = ("tokenizer.json", "spiece.model")
SHARD = "*-?????-of-?????.safetensors"
CONVERTED_VARIABLE = "CONVERTED_WEIGHTS_DIR"
CONVERTED_DTYPES: tuple[DtypeName, ...] = ("bfloat16", "float32")


def missing_weights(files: tuple[WeightsFile, ...]) -> list[str]:
    """Name as "repository/path" what this machine lacks of `files`; folders as in `missing_parts`.

    A checkpoint is there when its own file is in the hub's cache, or when it was converted to float32, which serves
    every dtype; its bfloat16 alone would let a recipe in float32 fail when it is loaded.
    """
    return [name for file in files for name in _missing(file)]


def missing_parts(folder: Path) -> list[str]:
    """Name what one folder of a snapshot lacks.

    A folder of weights needs its `config.json` and either one whole file of weights or an index with all its shards;
    a tokenizer's folder its `tokenizer_config.json` and one of `TOKENIZER_FILES`, without which transformers 5 makes
    an empty tokenizer and says nothing.
    """
    return list(_lacking_tokenizer(folder) if folder.name == TOKENIZER_FOLDER else _lacking_weights(folder))


def cached_snapshot(repository: str, revision: str | None) -> Path | None:
    """Give the folder in the local cache with this revision (a commit, branch or tag), or `None`.

    Without a revision it is that of `models/weights.lock`, else main.
    """
    commit = _commit(repository, revision)
    snapshot = _repository(repository) / "snapshots" / commit if commit else None
    return snapshot if snapshot is not None and snapshot.is_dir() else None


def resolved_revision(file: WeightsFile) -> str | None:
    """Give the commit that is loaded for `file`: its pin, the lock's or the cache's main; `None` where it is absent."""
    snapshot = cached_snapshot(file.repository, file.revision)
    if snapshot is None and _is_converted(file):
        return _commit(file.repository, file.revision)
    return None if snapshot is None else snapshot.name


def loads_as_it_is(file: WeightsFile) -> bool:
    """Tell safetensors, a file or a folder in diffusers' layout, from a pickled checkpoint, which is converted."""
    return file.path.endswith(("/", ".safetensors"))


def belongs(path: str, file: WeightsFile) -> bool:
    """Tell whether a path of `file`'s repository is that file, or lies in the folder that it is."""
    return path.startswith(file.path) if file.path.endswith("/") else path == file.path


def converted_file(file: WeightsFile, dtype: str, commit: str | None = None) -> Path | None:
    """Give where the converted weights of a checkpoint belong: at `commit`, or at that which is loaded.

    `None` where no commit of its repository is known.
    """
    commit = commit or _commit(file.repository, file.revision)
    if commit is None:
        return None
    folder = converted_root() / file.repository.replace("/", "--") / commit
    return folder / f"{file.path.removesuffix('.pt')}.{file.key}.{dtype}.safetensors"


def converted_root() -> Path:
    """Give the folder of converted weights: `CONVERTED_WEIGHTS_DIR` or `converted-weights` beside the hub's cache."""
    root = os.environ.get(CONVERTED_VARIABLE) or hub_cache().parent / "converted-weights"
    return Path(root).expanduser()


def hub_cache() -> Path:
    """Follow the hub's own environment variables; read at each call, unlike `huggingface_hub.constants`."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def _repository(repository: str) -> Path:
    return hub_cache() / f"models--{repository.replace('/', '--')}"


def _commit(repository: str, revision: str | None) -> str | None:
    """Resolve a revision as the cache does; what is no branch or tag there is taken for a commit."""
    entry = None if revision else locked(repository)
    name = revision or (entry.revision if entry else None)
    reference = _repository(repository) / "refs" / (name or "main")
    return reference.read_text().strip() if reference.is_file() else name


def _missing(file: WeightsFile) -> Iterator[str]:
    snapshot = cached_snapshot(file.repository, file.revision)
    name = f"{file.repository}/{file.path}"
    wanted = None if snapshot is None else snapshot / file.path
    is_folder = file.path.endswith("/")
    if wanted is None or not (wanted.is_dir() if is_folder else wanted.is_file()):
        yield from () if _is_converted(file) else (name,)
    elif is_folder:
        yield from (name + part for part in missing_parts(wanted))


def _is_converted(file: WeightsFile) -> bool:
    path = converted_file(file, "float32") if file.key and not loads_as_it_is(file) else None
    return path is not None and _holds_data(path)


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
