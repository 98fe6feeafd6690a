"""The key of a blinded comparison, which stays with who made it, and the votes, which come back from a voter.

Why it matters: the page knows clips by random names alone. Which model a name stands for is in the key, so that neither
the page, its addresses nor a file of votes gives a model away, and a vote counts only where the key knows it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from reports.frozen import Frozen

SCHEMA_VERSION = 1
LARGEST_FILE_BYTES = 64 * 2**20

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class VotesError(ValueError):
    """A key or votes cannot be used; the message names the file, the fault and what to do."""


class BlindClip(Frozen):
    """A clip under its random `name` (a file in `vote/clips/`): the side and the case that it stands for."""

    name: Name
    side: str
    run_id: str
    case: str
    sha256: str


class Trial(Frozen):
    """Two clips of one prompt and seed, shown beside each other; `first` is the student's where there is one."""

    id: Name
    prompt: str
    seed: int
    first: BlindClip
    second: BlindClip


class Key(Frozen):
    """key.json: what the trials of one comparison stand for. `weights` are the sources of the clips' weights."""

    kind: Literal["blinded comparison: key"]
    schema_version: int
    id: Name
    created_at: str
    weights: list[Literal["hub", "random", "tiny"]]
    trials: list[Trial]


class Vote(Frozen):
    """A voter's answer to a trial: the name of the better clip, or None for no difference; which clip stood left."""

    trial: Name
    better: Name | None
    left: Name
    at: str


class Votes(Frozen):
    """What one voter saved: `key` is the id of the key that the votes belong to."""

    kind: Literal["blinded comparison: votes"]
    schema_version: int
    key: Name
    voter: Name
    votes: list[Vote]


Record = TypeVar("Record", Key, Votes)


def read_key(path: Path) -> Key:
    """Read a key; raises `VotesError` where it cannot be read or names a trial or clip twice."""
    key = _read(path, Key)
    names = [trial.id for trial in key.trials]
    names += [clip.name for trial in key.trials for clip in (trial.first, trial.second)]
    _refuse_twice(names, f"{path}: the key names")
    return key


def read_votes(paths: Sequence[Path], key: Key) -> list[Votes]:
    """Read the votes of any number of voters, a file each, and refuse those that do not belong to the key.

    Raises `VotesError` for another key, trials and clips that the key does not know, a trial that was voted on twice,
    and a voter with two files: which of both counts is not ours to guess.
    """
    found = [(path, _read(path, Votes)) for path in paths]
    files: dict[str, Path] = {}
    for path, votes in found:
        if votes.voter in files:
            raise VotesError(
                f"{path}: {files[votes.voter]} holds votes of {votes.voter[:60]!r} as well; give one of them"
            )
        files[votes.voter] = path
        _refuse_foreign(path, votes, key)
    return [votes for _, votes in found]


def _refuse_foreign(path: Path, votes: Votes, key: Key) -> None:
    if votes.key != key.id:
        raise VotesError(
            f"{path}: holds votes on {votes.key[:60]!r}, the key is of {key.id[:60]!r}; give their own key"
        )
    clips = {trial.id: {trial.first.name, trial.second.name} for trial in key.trials}
    for vote in votes.votes:
        if vote.trial not in clips:
            raise VotesError(
                f"{path}: votes on trial {vote.trial[:60]!r}, which the key does not hold; was the file edited?"
            )
        strange = {vote.left, vote.better} - clips[vote.trial] - {None}
        if strange:
            raise VotesError(
                f"{path}: trial {vote.trial[:60]!r} has no clip {min(map(str, strange))[:60]!r}; was the file edited?"
            )
    _refuse_twice([vote.trial for vote in votes.votes], f"{path}: votes on")


def _refuse_twice(names: Sequence[str], what: str) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise VotesError(f"{what} {twice[0][:60]!r} twice; was the file edited?")


def _read(path: Path, kind: type[Record]) -> Record:
    what = kind.__name__.lower()
    try:
        if (size := path.stat().st_size) > LARGEST_FILE_BYTES:
            raise VotesError(f"{path}: has {size:,} bytes, more than {what} ever takes ({LARGEST_FILE_BYTES:,})")
        record = msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise VotesError(f"{path}: cannot be read ({error.strerror})") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise VotesError(f"{path}: is no {what} of a blinded comparison: {error}") from error
    if record.schema_version != SCHEMA_VERSION:
        raise VotesError(f"{path}: has schema version {record.schema_version}, this code reads {SCHEMA_VERSION}")
    return record
