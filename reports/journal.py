"""The journal of a run: one line when a case starts and one when it ends, on disk before anything else happens.

Why it matters: the journal is the truth. Whatever kills the process, each finished case is already in
`journal/<worker>.jsonl`, and every view is rebuilt from there. Exactly one process writes a file.
"""

import os
from pathlib import Path
from typing import NamedTuple

import msgspec

from reports.frozen import Frozen
from reports.measured import Measurement
from reports.record import Status
from reports.strict_json import encode

TAIL_BYTES = 1 << 16


class RunFolderError(ValueError):
    """A run folder cannot be read; the message names the file, the line and the fault."""


class Started(Frozen, tag_field="event", tag="started"):
    """Attempt `attempt` (1-based) at `case` begins; `at` is UTC in ISO 8601."""

    case: str
    attempt: int
    worker: str
    at: str


class Finished(Frozen, tag_field="event", tag="finished"):
    """Attempt `attempt` at `case` has ended at `at` with `status`; `reason` and `output` are empty where it passed."""

    case: str
    attempt: int
    worker: str
    started_at: str
    at: str
    status: Status
    reason: str
    measurement: Measurement | None
    output: str = ""


class Journal(NamedTuple):
    """All whole lines of a run in the order of the files, and how many torn last lines were left out."""

    entries: list[Started | Finished]
    torn_lines: int


_DECODER: msgspec.json.Decoder[Started | Finished] = msgspec.json.Decoder(Started | Finished)


def load_journal(run_dir: Path) -> Journal:
    """Read `journal/*.jsonl` of a run folder; no folder is an empty journal.

    A last line without its newline is one that the writer could not complete: it is counted and left out. Raises
    `RunFolderError` with file and line where any other line is malformed.
    """
    entries: list[Started | Finished] = []
    torn_lines = 0
    for path in sorted(run_dir.glob("journal/*.jsonl")):
        *lines, tail = path.read_bytes().split(b"\n")
        entries += [_decode(line, path, number) for number, line in enumerate(lines, start=1)]
        torn_lines += bool(tail)
    return Journal(entries, torn_lines)


def append_line(path: Path, entry: Started | Finished) -> None:
    """Append `entry` to the journal file in one write and wait until it lies on the disk.

    What a killed writer left of a line is cut off first; a line that does not fit on the disk is taken back and
    `OSError` raised, so the file always ends in a whole line. Raises `NonFiniteError` before anything is written.
    """
    line = encode(entry) + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = _end_of_whole_lines(handle)
        os.ftruncate(handle, size)
        written = os.write(handle, line)
        if written != len(line):
            os.ftruncate(handle, size)
            msg = f"{path}: wrote {written} of a journal line's {len(line)} bytes; is the disk full?"
            raise OSError(msg)
        os.fsync(handle)
    finally:
        os.close(handle)


def _decode(line: bytes, path: Path, number: int) -> Started | Finished:
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"{path}, line {number}: not a journal line: {error}"
        raise RunFolderError(msg) from error


def _end_of_whole_lines(handle: int) -> int:
    """Look for the last newline from the end on: a long journal is not read whole for every line."""
    end = os.fstat(handle).st_size
    while end > 0:
        start = max(0, end - TAIL_BYTES)
        newline = os.pread(handle, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
