"""`python -m reports COMMAND …` renders the records of runs again; see `python -m reports --help`.

Why it matters: every view is made from the record alone, so an old run, or one whose process was killed, can be
rendered at any time, on any machine. A command is a function and an entry in `COMMANDS`.
"""

import argparse
import io
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from reports.ab import command as ab
from reports.ab.record import VotesError
from reports.arguments import Parser, takes_runs
from reports.equal_time_lines import equal_time_lines
from reports.exports.command import EXPORTS, Export
from reports.gate.baseline_command import BASELINE, baseline, takes_action
from reports.gate.command import COMPARE, compare, takes_roles
from reports.gate.verdict import EXIT_UNUSABLE
from reports.history.command import HISTORY, history, takes_places
from reports.journal import RunFolderError
from reports.merge import read_runs
from reports.page_files import write_page_of_all, write_pages
from reports.paper.command import PAPER, takes_paper, write
from reports.record import Run
from reports.schema import schema_json
from reports.strict_json import NonFiniteError
from reports.summary import render_summary, render_together
from reports.verdict_lines import verdict_lines
from reports.verdicts import is_breach, verdicts


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code, or 4 and a sentence where a run is not readable or a view not writable."""
    options = _parser().parse_args(arguments)
    try:
        return COMMANDS[options.command].run(options)
    except (RunFolderError, VotesError, NonFiniteError, OSError) as error:
        sys.stderr.write(f"python -m reports {options.command}: {error}\n")
        return EXIT_UNUSABLE


def _takes_runs_and_quality(parser: argparse.ArgumentParser) -> None:
    takes_runs(parser)
    parser.add_argument(
        "--quality",
        choices=("enforce", "strict", "report"),
        default="enforce",
        help="enforce (default): 1 for a FAIL; strict: also for an undecided student or none; report: always 0",
    )


def _takes_runs_and_page(parser: argparse.ArgumentParser) -> None:
    takes_runs(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="one page of all the runs; the first is the baseline")
    parser.add_argument(
        "--single-file", action="store_true", help="put small clips and stills into the page, link none"
    )


def _takes_nothing(_parser: argparse.ArgumentParser) -> None:
    pass


class Command(NamedTuple):
    """A command: what it does, the function that does it and gives the exit code, and the arguments that it takes."""

    help: str
    run: Callable[[argparse.Namespace], int]
    arguments: Callable[[argparse.ArgumentParser], None] = takes_runs


def _runs(options: argparse.Namespace) -> list[Run]:
    return read_runs(options.runs)


def _print(*texts: str) -> int:
    sys.stdout.write("".join(texts))
    return 0


def _html(options: argparse.Namespace) -> int:
    runs = _runs(options)
    if options.out is None:
        pages = write_pages(runs, options.runs, single_file=options.single_file)
    else:
        pages = [write_page_of_all(runs, options.runs, options.out, single_file=options.single_file)]
    return _print(*(f"{page}\n" for page in pages))


def _summary(options: argparse.Namespace) -> int:
    runs, columns = _runs(options), shutil.get_terminal_size((120, 24)).columns
    together = [render_together(runs, columns)] if len(runs) > 1 else []
    return _print(*(render_summary(run, columns) for run in runs), *together)


def _printed(export: Export) -> Callable[[argparse.Namespace], int]:
    return lambda options: _print(export.render(_runs(options), options))


def _verdict(options: argparse.Namespace) -> int:
    runs = _runs(options)
    found = verdicts(runs)
    lines = [*verdict_lines(found), *equal_time_lines(runs)] or ["no student of a suite's comparisons has a case here"]
    _print("\n".join([*lines, ""]))
    strict = options.quality == "strict"
    return int(options.quality != "report" and (is_breach(found, strict=strict) or (strict and not found)))


def _schema(_options: argparse.Namespace) -> int:
    return _print(schema_json())


COMMANDS = {
    "html": Command(
        "write report.html into each run folder, or one page of all, and print its path", _html, _takes_runs_and_page
    ),
    "summary": Command("print each run's tables, and of several runs what they together say", _summary),
    **{name: Command(export.help, _printed(export), export.arguments) for name, export in EXPORTS.items()},
    "paper": Command(PAPER, lambda options: _print(write(_runs(options), options)), takes_paper),
    "verdict": Command(
        "hold students against their teacher over the runs; 1 for a FAIL, and with strict for an undecided one or none",
        _verdict,
        _takes_runs_and_quality,
    ),
    "compare": Command(COMPARE, compare, takes_roles),
    "baseline": Command(BASELINE, baseline, takes_action),
    "history": Command(HISTORY, history, takes_places),
    "ab": Command(ab.AB, ab.write, ab.takes_runs),
    "votes": Command(ab.VOTES, ab.tell_votes, ab.takes_votes),
    "schema": Command("print the JSON Schema of run.json", _schema, _takes_nothing),
}


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m reports", description="Render runs from their records.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        command.arguments(commands.add_parser(name, help=command.help, description=command.help))
    return parser


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            encoding="utf-8"
        )  # what is printed is a file's content, whatever the terminal's encoding
    sys.exit(main())
