"""Where pages are written: one into each run folder, or one of several runs, of which the first is the baseline."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from reports.answers.answer import label
from reports.html import render_page
from reports.media import Source
from reports.record import Run
from reports.strict_json import write_atomically

PAGE = "report.html"


def write_pages(runs: Sequence[Run], paths: Sequence[Path], *, single_file: bool = False) -> list[Path]:
    """Write a page beside each record and return the pages; `single_file` puts small clips and stills into it."""
    written = []
    for run, path in zip(runs, paths, strict=True):
        folder = folder_of(path)
        write_atomically(folder / PAGE, render_page([Source(run, folder, embed=single_file)], charts=True).encode())
        written.append(folder / PAGE)
    return written


def write_page_of_all(runs: Sequence[Run], paths: Sequence[Path], out: Path, *, single_file: bool = False) -> Path:
    """Write one page of all the runs to `out`; it links their media by the way from its folder to theirs."""
    sources = [
        Source(
            run=run,
            folder=folder_of(path),
            prefix=_prefix(folder_of(path), out.parent),
            label=label(number, len(runs)),
            embed=single_file,
        )
        for number, (run, path) in enumerate(zip(runs, paths, strict=True))
    ]
    write_atomically(out, render_page(sources, charts=True).encode())
    return out


def folder_of(path: Path) -> Path:
    """Give the run folder of what a command was given: itself, or that of a run.json."""
    return path if path.is_dir() else path.parent


def _prefix(folder: Path, page_folder: Path) -> str:
    """Give the relative address from a page's folder to a run's, "" or with a "/" at its end."""
    way = Path(os.path.relpath(folder.resolve(), page_folder.resolve())).as_posix()
    return "" if way == "." else f"{quote(way)}/"
