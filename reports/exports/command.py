"""`python -m reports csv|markdown|annotations|bencher|benchmark-action|json|benchmark-json RUN…`: for programs."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from reports.arguments import takes_runs
from reports.benchmark_json import benchmark_document
from reports.exports.annotations import render_annotations
from reports.exports.bencher import bencher
from reports.exports.benchmark_action import benchmark_action
from reports.exports.csv_table import csv_table
from reports.exports.markdown import render_markdown
from reports.record import Run
from reports.run_file import run_file
from reports.strict_json import encode


class Export(NamedTuple):
    """A format: what the command does, the text that it prints of runs, and the arguments that it takes."""

    help: str
    render: Callable[[Sequence[Run], argparse.Namespace], str]
    arguments: Callable[[argparse.ArgumentParser], None]


def _takes_long(parser: argparse.ArgumentParser) -> None:
    takes_runs(parser)
    parser.add_argument("--long", action="store_true", help="a row a number, of every round, in place of a row a case")


def _takes_extra_entries(parser: argparse.ArgumentParser) -> None:
    takes_runs(parser)
    parser.add_argument(
        "--extra-entries",
        action="store_true",
        help="entries for pytest-benchmark also of peak VRAM, time a frame, first frame and quality losses",
    )


def _lines(documents: Sequence[Any]) -> str:
    return "".join(encode(document).decode() + "\n" for document in documents)


EXPORTS = {
    "json": Export(
        "print each run's run.json, a line each",
        lambda runs, options: _lines([run_file(run, extra_entries=options.extra_entries) for run in runs]),
        _takes_extra_entries,
    ),
    "benchmark-json": Export(
        "print each run as pytest-benchmark's JSON, a line each",
        lambda runs, options: _lines([benchmark_document(run, extra_entries=options.extra_entries) for run in runs]),
        _takes_extra_entries,
    ),
    "csv": Export(
        "print all cases of all runs as one CSV table",
        lambda runs, options: csv_table(runs, long=options.long),
        _takes_long,
    ),
    "markdown": Export(
        "print the runs as Markdown, under the limit of $GITHUB_STEP_SUMMARY",
        lambda runs, _options: render_markdown(runs),
        takes_runs,
    ),
    "annotations": Export(
        "print what failed, and what a gate fails, as GitHub's ::error lines",
        lambda runs, _options: render_annotations(runs),
        takes_runs,
    ),
    "bencher": Export(
        "print the cases that passed as Bencher Metric Format",
        lambda runs, _options: _lines([bencher(runs)]),
        takes_runs,
    ),
    "benchmark-action": Export(
        "print the cases that passed as customSmallerIsBetter of github-action-benchmark",
        lambda runs, _options: _lines([benchmark_action(runs)]),
        takes_runs,
    ),
}
