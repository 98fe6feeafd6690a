"""`python -m reports COMMAND RUN...` renders the records of runs again; see `python -m reports --help`.

Why it matters: every view is made from the record alone, so an old run, or one whose process was killed, can be
rendered at any time, on any machine.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from reports.benchmark_json import benchmark_document
from reports.equal_time import equal_time_lines
from reports.html import render_html
from reports.journal import RunFolderError
from reports.merge import read_run
from reports.record import Run
from reports.schema import schema_json
from reports.strict_json import NonFiniteError, encode, write_atomically
from reports.summary import render_summary, render_together
from reports.verdict_lines import verdict_lines
from reports.verdicts import is_breach, verdicts

EXIT_BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns 0, 1 for a verdict that fails, or 2 where a run is not readable or a view not writable."""
    options = _parser().parse_args(arguments)
    if options.command == "schema":
        sys.stdout.write(schema_json())
        return 0
    try:
        runs = [read_run(path) for path in options.runs]
        if options.command == "verdict":
            return _verdict(runs, options.quality)
        for run, path in zip(runs, options.runs, strict=True):
            sys.stdout.write(COMMANDS[options.command](run, path))
        if options.command == "summary" and len(runs) > 1:
            sys.stdout.write(render_together(runs, _columns()))
    except (RunFolderError, NonFiniteError, OSError) as error:
        sys.stderr.write(f"python -m reports {options.command}: {error}\n")
        return EXIT_BAD_INPUT
    return 0


def _verdict(runs: Sequence[Run], quality: str) -> int:
    found = verdicts(runs)
    lines = [*verdict_lines(found), *equal_time_lines(runs)] or ["no student of a suite's comparisons has a case here"]
    sys.stdout.write("\n".join([*lines, ""]))
    return int(quality != "report" and is_breach(found, strict=quality == "strict"))


def _html(run: Run, path: Path) -> str:
    folder = path if path.is_dir() else path.parent
    page = folder / "report.html"
    write_atomically(page, render_html(run, folder).encode())
    return f"{page}\n"


def _summary(run: Run, _path: Path) -> str:
    return render_summary(run, _columns())


def _columns() -> int:
    return shutil.get_terminal_size((120, 24)).columns


def _json(run: Run, _path: Path) -> str:
    return encode(run).decode() + "\n"


def _benchmark_json(run: Run, _path: Path) -> str:
    return encode(benchmark_document(run)).decode() + "\n"


COMMANDS: dict[str, Callable[[Run, Path], str]] = {
    "html": _html,
    "summary": _summary,
    "json": _json,
    "benchmark-json": _benchmark_json,
}
HELP = {
    "html": "write report.html into each run folder and print its path",
    "summary": "print each run's tables, and of several runs what they together say",
    "json": "print each run's record, a line each",
    "benchmark-json": "print each run as pytest-benchmark's JSON, a line each",
}

VERDICT = "hold students against their teacher over all the runs; 1 for a FAIL, and with strict for an undecided one"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m reports", description="Render runs from their records.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in COMMANDS:
        command = commands.add_parser(name, help=HELP[name], description=HELP[name])
        command.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder or a run.json")
    verdict = commands.add_parser("verdict", help=VERDICT, description=VERDICT)
    verdict.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder or a run.json")
    verdict.add_argument("--quality", choices=("enforce", "strict", "report"), default="enforce")
    commands.add_parser("schema", help="print the JSON Schema of run.json")
    return parser


if __name__ == "__main__":
    sys.exit(main())
