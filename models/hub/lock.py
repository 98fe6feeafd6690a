"""`models/weights.lock`: the revision of each repository that was fetched, and the checksum of each of its files.

No public source pins the weights that the suite compares, so "the newest" would be another thing on every machine and
day. `python -m models.prefetch` writes down what it verified; from then on that revision is fetched and loaded, and a
file that has changed is noticed. To take a newer revision, delete the repository's entry (or the file) and prefetch.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from models.spec import WeightsMissingError

PATH = Path(__file__).parents[1] / "weights.lock"


class LockError(WeightsMissingError):
    """A lock file that cannot be read; the message names it and what is wrong in it."""


class LockedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Size and checksum (64 hexadecimal digits) of one verified file."""

    bytes: int
    sha256: str


class LockedRepository(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A repository's commit (40 hexadecimal digits) and those of its files that were verified, by path."""

    revision: str
    files: dict[str, LockedFile]


def read_lock() -> dict[str, LockedRepository]:
    """Give the locked repositories by name; none where there is no lock. A malformed one raises `LockError`."""
    try:
        return msgspec.json.decode(PATH.read_bytes(), type=dict[str, LockedRepository])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise LockError(f"{PATH}: {error}; mend it, or delete it and run `python -m models.prefetch MODEL`") from error


def locked(repository: str, revision: str | None = None) -> LockedRepository | None:
    """Give a repository's entry, or `None` where it has none or, with `revision`, one of another revision."""
    entry = read_lock().get(repository)
    return entry if entry is not None and revision in {None, entry.revision} else None


def lock_files(repository: str, revision: str, files: Mapping[str, LockedFile]) -> None:
    """Add verified files to the lock, atomically; files of another revision of the repository are dropped from it."""
    entries = read_lock()
    before = entries.get(repository)
    kept = before.files if before is not None and before.revision == revision else {}
    entries[repository] = LockedRepository(revision, dict(sorted({**kept, **files}.items())))
    partial = PATH.with_name(f"{PATH.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps(msgspec.to_builtins(dict(sorted(entries.items()))), indent=2) + "\n")
    partial.replace(PATH)
