"""`python -m reports paper RUN... --out DIR [--format markdown|latex]`; both formats where none is given."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from reports.arguments import takes_runs
from reports.paper.write import FORMATS, write_paper
from reports.record import Run

PAPER = "write a paper's sections, tables, figures and references from the records, every number with its source"


def takes_paper(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    takes_runs(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the folder to write to")
    parser.add_argument("--format", choices=FORMATS, help="only this one; both without it")


def write(runs: Sequence[Run], options: argparse.Namespace) -> str:
    """Write the files and list their paths, a line each."""
    formats = FORMATS if options.format is None else (options.format,)
    folders = [path if path.is_dir() else path.parent for path in options.runs]
    return "".join(f"{path}\n" for path in write_paper(runs, options.out, formats, folders))
