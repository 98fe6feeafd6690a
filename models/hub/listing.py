"""What a repository holds of the files that are wanted, and whether what came is that.

The hub states the size of each file and its checksum: sha256 for large files, git's own for small ones. Without the
hub (`HF_HUB_OFFLINE`, no network) the same is read from `models/weights.lock`. Source: huggingface_hub 2.4.0.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.errors import HTTPError as NoAnswerError  # type: ignore[attr-defined]  # of its own HTTP library

from models.hub.bars import Advance, file_sha256, ignore
from models.hub.lock import LockedFile, locked
from models.spec import WeightsFile
from models.weights import (
    CONVERTED_DTYPES,
    belongs,
    cached_snapshot,
    converted_file,
    hub_cache,
    loads_as_it_is,
    missing_weights,
)

# Stored by some exports beside the embedding that it is tied to.
TIED = {"encoder.embed_tokens.weight": "shared.weight"}


class FetchError(RuntimeError):
    """Weights that cannot be fetched or are not what was published; the message names the file and the way on."""


class HubSilentError(FetchError):
    """The hub gives no answer, and what is on this machine is not all."""


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """One file of a repository; `sha256` or else `git_sha1`, the name of git's blob, is known of it."""

    path: str
    size_bytes: int
    sha256: str | None
    git_sha1: str | None = None


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The files wanted of a repository at one commit; `offline` says why the hub was not asked, else it is empty."""

    repository: str
    commit: str
    wanted: tuple[WeightsFile, ...]
    files: tuple[PublishedFile, ...]
    offline: str = ""

    @property
    def folder(self) -> Path:
        """Where the files lie once they are fetched."""
        return hub_cache() / f"models--{self.repository.replace('/', '--')}" / "snapshots" / self.commit

    @property
    def absent(self) -> tuple[PublishedFile, ...]:
        """The files that are still to be fetched."""
        return tuple(file for file in self.files if not self._is_here(file))

    def _is_here(self, file: PublishedFile) -> bool:
        blob = self.folder.parents[1] / "blobs" / (file.sha256 or file.git_sha1 or "")
        return (self.folder / file.path).is_file() or blob.is_file()


def list_files(repository: str, revision: str | None, wanted: Sequence[WeightsFile]) -> Listing:
    """Ask the hub what it holds of `wanted` at `revision` (`None`: the lock's, else main).

    Where it gives no answer, what lies in the cache will do if it is complete. Raises HubSilentError where it is
    not, and FetchError where the hub refuses or lacks a file.
    """
    entry = None if revision else locked(repository)
    revision = entry.revision if entry else revision
    try:
        info = HfApi().model_info(repository, revision=revision, files_metadata=True)
    except HfHubHTTPError as error:
        reason = " ".join(str(error).split())
        raise FetchError(f"{repository} at {revision or 'main'}: the hub refuses: {reason}") from error
    except (NoAnswerError, OSError) as error:
        return _from_cache(repository, revision, tuple(wanted), f"{type(error).__name__}: {str(error).splitlines()[0]}")
    commit, siblings = str(info.sha), info.siblings or []
    needed = [file for file in wanted if not _is_converted_only(file, commit)]
    files = tuple(
        PublishedFile(
            path=found.rfilename,
            size_bytes=found.size or 0,
            sha256=found.lfs.sha256 if found.lfs else None,
            git_sha1=None if found.lfs else found.blob_id,
        )
        for found in siblings
        if any(belongs(found.rfilename, file) for file in needed)
    )
    if lacking := [file.path for file in needed if not any(belongs(found.path, file) for found in files)]:
        held = ", ".join(sorted(found.rfilename for found in siblings)[:20])
        raise FetchError(f"{repository} at {commit} has no {', '.join(lacking)}; it holds: {held}")
    return Listing(repository=repository, commit=commit, wanted=tuple(wanted), files=files)


def checksum(path: Path, file: PublishedFile, advance: Advance = ignore) -> LockedFile:
    """Read a file whole and give what the lock is to say of it; FetchError where it is not as published."""
    if not path.is_file():
        raise FetchError(f"{path}: is not there, though its repository was fetched; run the prefetch again")
    size_bytes = path.stat().st_size
    if size_bytes != file.size_bytes:
        raise FetchError(f"{path}: has {size_bytes} bytes, published were {file.size_bytes}; {_again(path)}")
    sha256 = file_sha256(path, advance)
    if file.sha256 not in {None, sha256}:
        raise FetchError(f"{path}: its sha256 is {sha256}, published is {file.sha256}; {_again(path)}")
    if file.git_sha1 is not None:
        git_sha1 = hashlib.sha1(b"blob %d\0" % size_bytes + path.read_bytes(), usedforsecurity=False).hexdigest()
        if git_sha1 != file.git_sha1:
            raise FetchError(f"{path}: its git blob is {git_sha1}, published is {file.git_sha1}; {_again(path)}")
    return LockedFile(size_bytes, sha256)


def stored_counts(folder: Path) -> tuple[int, int]:
    """Count the parameters and tensors in a folder's safetensors, from their headers; a tied tensor counts once."""
    sizes: dict[str, int] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        sizes |= {name: math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}
    own = {name: size for name, size in sizes.items() if TIED.get(name) not in sizes}
    return sum(own.values()), len(own)


def check_counts(folder: Path, file: WeightsFile) -> None:
    """Raise FetchError where a folder does not hold the network that is expected."""
    if file.parameters is None or not file.path.endswith("/"):
        return
    parameters, tensors = stored_counts(folder / file.path)
    if (parameters, tensors) != (file.parameters, file.tensors):
        raise FetchError(
            f"{file.repository}/{file.path} holds {parameters:,} parameters in {tensors} tensors,"
            f" expected {file.parameters:,} in {file.tensors}: it is another model"
        )


def _from_cache(repository: str, revision: str | None, wanted: tuple[WeightsFile, ...], why: str) -> Listing:
    if missing := missing_weights(wanted):
        raise HubSilentError(
            f"the hub gives no answer ({why}) and this machine lacks {', '.join(missing)}; run again with a network"
            " and without HF_HUB_OFFLINE"
        )
    snapshot = cached_snapshot(repository, revision)
    commit = snapshot.name if snapshot is not None else str(revision)
    entry = locked(repository, commit)
    files = tuple(
        PublishedFile(path=path, size_bytes=held.bytes, sha256=held.sha256)
        for path, held in (entry.files.items() if entry is not None else ())
        if any(belongs(path, file) for file in wanted)
        if snapshot is not None and (snapshot / path).is_file()  # a checkpoint may be here converted only
    )
    return Listing(repository=repository, commit=commit, wanted=wanted, files=files, offline=why)


def _is_converted_only(file: WeightsFile, commit: str) -> bool:
    """Tell a checkpoint that was deleted after its conversion: its converted files need no second download."""
    is_checkpoint = file.key is not None and not loads_as_it_is(file)
    paths = [converted_file(file, dtype, commit) for dtype in CONVERTED_DTYPES] if is_checkpoint else []
    snapshot = cached_snapshot(file.repository, commit)
    is_here = snapshot is not None and (snapshot / file.path).is_file()
    return bool(paths) and not is_here and all(path is not None and path.is_file() for path in paths)


def _again(path: Path) -> str:
    return f"delete {path.resolve()} and run the prefetch again"
