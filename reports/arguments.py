"""The argument that most commands of `python -m reports` take: the runs that they are about."""

import argparse
from pathlib import Path


def takes_runs(parser: argparse.ArgumentParser) -> None:
    """Add the runs, one or more, each a run folder or a run.json."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder or a run.json")
