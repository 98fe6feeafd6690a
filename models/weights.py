"""Published weights in the local hub cache: where they lie and which are missing.

Asked before anything heavy is imported, so that a run on a machine without the weights ends in one sentence and not
minutes later. Nothing is ever downloaded here. Source of the layout: huggingface_hub 2.4.0, "Manage your cache"
(`models--<owner>--<name>/refs/<name>` holds a commit, `snapshots/<commit>/` its files).
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from models.spec import WeightsFile


def missing_weights(files: tuple[WeightsFile, ...]) -> list[str]:
    """Name as "repository/path" each of `files` that the local cache lacks, shards of an indexed folder included."""
    return [name for file in files for name in _missing(file)]


def cached_snapshot(repository: str, revision: str | None) -> Path | None:
    """Give the folder in the local cache with this revision (a commit, branch or tag; `None` means main), or `None`."""
    folder = _cache() / f"models--{repository.replace('/', '--')}"
    reference = folder / "refs" / (revision or "main")
    commit = reference.read_text().strip() if reference.is_file() else revision
    snapshot = folder / "snapshots" / commit if commit else None
    return snapshot if snapshot is not None and snapshot.is_dir() else None


def _cache() -> Path:
    """Follow the hub's own environment variables; read at each call, unlike `huggingface_hub.constants`."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def _missing(file: WeightsFile) -> Iterator[str]:
    snapshot = cached_snapshot(file.repository, file.revision)
    wanted = None if snapshot is None else snapshot / file.path
    if wanted is None or not wanted.exists():
        yield f"{file.repository}/{file.path}"
        return
    for index in sorted(wanted.glob("*.index.json")) if wanted.is_dir() else ():
        shards = set(json.loads(index.read_text())["weight_map"].values())
        yield from (
            f"{file.repository}/{file.path}{shard}" for shard in sorted(shards) if not (wanted / shard).exists()
        )
