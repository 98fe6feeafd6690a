"""`python -m reports history PLACE...`: cases over many runs as tables, as SVG, or as JSON."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from reports.charts.drawing import svg_text
from reports.charts.history import chart_of
from reports.gate.judge import GateError
from reports.history.lines import History, histories_of, metrics_of
from reports.history.places import read_place
from reports.history.readings import Reading
from reports.history.table import text_tables
from reports.journal import RunFolderError
from reports.rows import counted, one_line
from reports.strict_json import encode, write_atomically

HISTORY = "show cases over many runs in the order of time, joined by GPU and stack, and where their level changed"
LISTED = 8


def takes_places(parser: argparse.ArgumentParser) -> None:
    """Take the runs, which case and number of them, and the form."""
    place = "a run folder, a run.json, a baseline's file, or a folder of any of them"
    parser.add_argument("places", nargs="+", type=Path, metavar="RUN|FOLDER", help=place)
    case = "only this case, by id or by what stands in its brackets (repeat)"
    parser.add_argument("--case", action="append", default=[], dest="cases", metavar="ID", help=case)
    parser.add_argument("--metric", metavar="NAME", help="phase_decode_s, peak_allocated_bytes, … (default: the whole)")
    joined = "packages whose versions may differ within a line"
    parser.add_argument("--under-test", default="", metavar="PACKAGE,…", help=joined)
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw a chart, too")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def history(options: argparse.Namespace) -> int:
    """Print the histories, draw them where that is asked, and give the exit code."""
    try:
        readings = [reading for place in options.places for reading in read_place(place)]
        found = _asked(options, readings)
    except GateError as error:
        raise RunFolderError(str(error)) from error
    if options.svg is not None:
        write_atomically(options.svg, f"{svg_text(chart_of(found))}\n".encode())
    text = msgspec.json.format(encode(found), indent=1).decode() + "\n" if options.json else text_tables(found)
    sys.stdout.write(text)
    return 0


def _asked(options: argparse.Namespace, readings: Sequence[Reading]) -> list[History]:
    known, metrics = sorted({reading.sample.id for reading in readings}), metrics_of(readings)
    for wanted in options.cases:
        if not any(_is(wanted, case) for case in known):
            raise RunFolderError(f"no case {one_line(wanted)!r}; the {counted(known, 'case')} are {_listed(known)}")
    if options.metric is not None and options.metric not in metrics:
        raise RunFolderError(f"no metric {one_line(options.metric)!r}; the runs have {_listed(metrics, len(metrics))}")
    chosen = [one for one in readings if not options.cases or any(_is(case, one.sample.id) for case in options.cases)]
    under_test = [name.strip() for name in options.under_test.split(",") if name.strip()]
    found = histories_of(chosen, options.metric, under_test)
    if not found:
        raise RunFolderError("no case of these runs has a number that the gate judges")
    return found


def _is(wanted: str, case: str) -> bool:
    return wanted == case or case.endswith(f"[{wanted}]")


def _listed(names: Sequence[str], most: int = LISTED) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(one_line(name, 120) for name in names[:most]) + more
