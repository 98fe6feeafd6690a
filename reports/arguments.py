"""What `python -m reports` and `python -m fixtures.*` have in common: exit codes, and the runs that they take.

Why it matters: a job tells by the exit code whether to fail, to ask again, or to be mended. 0 is fine, 1 that what was
judged failed, 2 (of `compare`) undecided, and 4, as pytest's, that input or command line are not usable. argparse's own
2 for a mistyped option would read as a state that somebody let pass.
"""

import argparse
import sys
from pathlib import Path
from typing import Any, NoReturn

from reports.gate.verdict import EXIT_UNUSABLE
from reports.nearest import nearest


class Parser(argparse.ArgumentParser):
    """argparse, whose exit code for a bad command line is 4; the parsers of its sub-commands are of this kind, too."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Tell beside the choices which of them is nearest; argparse has a switch for that from Python 3.14 on."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            choices = [str(choice) for choice in action.choices or ()]
            raise argparse.ArgumentError(action, error.message + nearest([str(value)], choices)) from None

    def error(self, message: str) -> NoReturn:
        """Tell the usage and the fault, and exit."""
        self.print_usage(sys.stderr)
        self.exit(EXIT_UNUSABLE, f"{self.prog}: error: {message}\n")


def takes_runs(parser: argparse.ArgumentParser) -> None:
    """Add the runs, one or more, each a run folder or a run.json."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder or a run.json")
