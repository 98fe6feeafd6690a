"""`python -m reports compare BASE... --new NEW...`: runs under test held against baseline runs, with an exit code.

Roles are explicit: neither order nor names of files decide which run is the baseline. Exit codes: 0 nothing wrong, 1 a
regression, 2 nothing worse but something undecided (or nothing compared), 4 unusable input.
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from reports.gate.baseline import baselines_in, read_baseline, samples_in
from reports.gate.judge import GateError, judge
from reports.gate.judge_metric import PAIRED, Rules
from reports.gate.sample import Sample, samples_of
from reports.gate.table import Gate, markdown, text_table
from reports.gate.verdict import EXIT_UNUSABLE, RELAXABLE, exit_code
from reports.journal import RunFolderError
from reports.merge import read_run
from reports.rows import one_line
from reports.strict_json import NonFiniteError, encode

COMPARE = (
    "hold runs against baseline runs, or stored baselines: 1 for a regression, 2 for something undecided, 4 for "
    "unusable input"
)


def takes_roles(parser: argparse.ArgumentParser) -> None:
    """Take the two roles, what may differ between them, and the form of the output."""
    base = "a run folder, a run.json, a baseline's file, or a folder of baselines"
    parser.add_argument("base", nargs="*", type=Path, metavar="BASE", help=base)
    parser.add_argument(
        "--new", nargs="+", action="extend", type=Path, default=[], metavar="RUN", help="the runs under test"
    )
    parser.add_argument("--paired", action="store_true", help="base and new alternated: three runs of each are enough")
    parser.add_argument("--under-test", default="", metavar="PACKAGE,…", help="packages whose versions may differ")
    parser.add_argument("--lenient", default="", metavar="VERDICT,…", help=f"let pass: {', '.join(RELAXABLE)}")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print everything as JSON")
    form.add_argument("--markdown", action="store_true", help="print a table for a job's summary")


def compare(options: argparse.Namespace) -> int:
    """Judge, print, and give the exit code."""
    return or_unusable("compare", lambda: _compare(options))


def or_unusable(command: str, act: Callable[[], int]) -> int:
    """Give the exit code of `act`, or 4 and a sentence where its input is not usable."""
    try:
        return act()
    except (GateError, RunFolderError, NonFiniteError, OSError) as error:
        sys.stderr.write(f"python -m reports {command}: {one_line(str(error), 2000)}\n")
        return EXIT_UNUSABLE


def _compare(options: argparse.Namespace) -> int:
    if not options.base or not options.new:
        raise GateError("give both roles: python -m reports compare BASE... --new RUN...")
    under_test, lenient = _names(options.under_test), _names(options.lenient)
    if unknown := [name for name in lenient if name not in RELAXABLE]:
        raise GateError(f"--lenient {', '.join(unknown)}: not to be let pass; known: {', '.join(RELAXABLE)}")
    base = [sample for path in options.base for sample in read_samples(path)]
    new = [sample for path in options.new for sample in samples_of(read_run(path))]
    cases = judge(base, new, under_test=under_test, rules=PAIRED if options.paired else Rules())
    code = exit_code(cases, lenient)
    gate = Gate(
        base=[str(path) for path in options.base],
        new=[str(path) for path in options.new],
        under_test=under_test,
        lenient=lenient,
        paired=options.paired,
        exit_code=code,
        cases=cases,
    )
    sys.stdout.write(_printed(gate, options))
    return code


def _printed(gate: Gate, options: argparse.Namespace) -> str:
    if options.json:
        return msgspec.json.format(encode(gate), indent=1).decode() + "\n"
    return (markdown if options.markdown else text_table)(gate.cases, paired=gate.paired)


def read_samples(path: Path) -> list[Sample]:
    """Read what stands in the baseline's role: a run, a baseline's file, or a folder of such files."""
    if path.is_dir() and not any((path / name).exists() for name in ("plan.json", "run.json")):
        return _some(path, samples_in(baselines_in(path).values()))
    if path.is_file() and is_baseline(path):
        return _some(path, samples_in([read_baseline(path)]))
    return samples_of(read_run(path))


def _some(path: Path, samples: list[Sample]) -> list[Sample]:
    if all(sample.retired for sample in samples):
        raise GateError(f"{path}: no run and no baseline that is not retired")
    return samples


def is_baseline(path: Path) -> bool:
    """Tell whether a file calls itself a baseline, whole or not."""

    class Marked(msgspec.Struct):
        baseline_version: int

    try:
        msgspec.json.decode(path.read_bytes(), type=Marked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _names(text: str | Iterable[str]) -> list[str]:
    return [name.strip() for name in str(text).split(",") if name.strip()]
