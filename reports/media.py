"""Where a page finds the files of a run: clips and stills beside it, told as absent where they are not there.

Why it matters: a record is only text, and a path in it could lead anywhere; a page links nothing outside of the run
folder, however the path is written.
"""

import base64
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import quote

from reports.page_parts import UNPRINTABLE
from reports.record import CaseRecord, Run

# What a page that is one file holds of clips and stills: small ones, or it would not be sent around.
EMBEDDED_BYTES = 512 * 2**10
TYPES = {".mp4": "video/mp4", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


class UnsafePathError(ValueError):
    """A file's path does not stay inside the run folder."""


class Source(NamedTuple):
    """A run on a page. `folder` holds its media, or None: then nothing is looked for, and all is linked.

    `prefix` leads from the page's folder to the run's ("" or with a "/" at its end). `label` names the run where a page
    has several, else it is "". `embed` puts small files into the page and links none.
    """

    run: Run
    folder: Path | None = None
    prefix: str = ""
    label: str = ""
    embed: bool = False


class Entry(NamedTuple):
    """A case on a page, with the run that it is of; `anchor` is its element's id."""

    source: Source
    case: CaseRecord
    anchor: str


class Clip(NamedTuple):
    """The address of a file relative to the page (or the file itself, as data), or why there is none."""

    url: str | None
    absence: str


def entries_of(sources: Sequence[Source]) -> list[Entry]:
    """List the cases of all runs on a page, run by run, in the order of their plans."""
    pairs = [(source, case) for source in sources for case in source.run.cases]
    return [Entry(source, case, f"case-{number}") for number, (source, case) in enumerate(pairs, start=1)]


def clip_of(case: CaseRecord, source: Source) -> Clip:
    """Find a case's clip; a path that leaves the run folder is refused and the refusal shown in its place."""
    video = case.measurement.video if case.measurement else None
    return Clip(None, "No clip was written.") if video is None else file_of(video, source)


def file_of(path: str, source: Source) -> Clip:
    """Give the address of a file that a record names, relative to its run folder, or say why there is none."""
    try:
        url = clip_url(path)
    except UnsafePathError as error:
        return Clip(None, str(error))
    if source.folder is None:
        return Clip(source.prefix + url, "")
    file = source.folder / path
    if not _is_there(file):
        return Clip(None, "The clip is not in this folder.")
    return _embedded(file) if source.embed else Clip(source.prefix + url, "")


def clip_url(video: str) -> str:
    """Turn a file's path, relative to the run folder with "/" between its parts, into a relative address.

    Raises `UnsafePathError` for everything that could lead elsewhere: absolute paths, "..", backslashes, schemes.
    """
    path = PurePosixPath(video)
    if (
        not path.parts
        or path.is_absolute()
        or ".." in path.parts
        or re.search(r"[\\:]", video)
        or UNPRINTABLE.search(video)
    ):
        raise UnsafePathError(
            f"The clip's path {video[:200]!r} does not stay inside the run folder, so it is not linked."
        )
    return quote(str(path))


def _is_there(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # a name that the file system cannot have, as one that is too long
        return False


def _embedded(file: Path) -> Clip:
    size_bytes, kind = file.stat().st_size, TYPES.get(file.suffix.lower())
    if kind is None or size_bytes > EMBEDDED_BYTES:
        limit = f"{EMBEDDED_BYTES / 2**10:.0f} KiB"
        return Clip(None, f"Not in this file: {file.name} has {size_bytes / 2**10:,.0f} KiB, at most {limit} are.")
    return Clip(f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}", "")
