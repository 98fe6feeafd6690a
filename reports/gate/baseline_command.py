"""`python -m reports baseline add|list|show|retire`: what stored baselines hold, and who changed them why."""

import argparse
import shlex
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from reports.gate.admit import admitted
from reports.gate.baseline import (
    Baseline,
    Change,
    baselines_in,
    find,
    path_in,
    retired,
    with_sample,
    write_baseline,
)
from reports.gate.cohort import device_of
from reports.gate.command import or_unusable
from reports.gate.judge import GateError
from reports.gate.words import amount
from reports.merge import read_run
from reports.rows import counted, median, one_line

BASELINE = "add runs to the stored baselines, list and show them, or retire what is stale; 4 for what is refused"
FOLDER = Path(__file__).parent.parent / "baselines"


def takes_action(parser: argparse.ArgumentParser) -> None:
    """Take the action, what it is about, and for a change who makes it and why."""
    parser.add_argument("action", choices=sorted(ACTIONS), help="what to do with baselines")
    parser.add_argument("names", nargs="*", metavar="RUN|KEY", help="add: run folders; show, retire: keys or cases")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where baselines lie (default reports/baselines)")
    parser.add_argument("--who", default="", help="add, retire: who changes it")
    parser.add_argument("--why", default="", help="add, retire: for what reason")
    parser.add_argument("--branch", default="main", help="add: the branch that the runs are of")


def baseline(options: argparse.Namespace) -> int:
    """Act, print what was done, and give the exit code."""
    return or_unusable(f"baseline {options.action}", lambda: ACTIONS[options.action](options))


def _add(options: argparse.Namespace) -> int:
    change = _change(options)
    known = _known(options.folder)
    for name in _named(options, "a run folder or run.json"):
        run = read_run(Path(name))
        for sample in admitted(run, list(known.values())):
            path = _path(known, sample.id, path_in(options.folder, sample))
            known[path] = with_sample(known.get(path), sample, options.branch, change)
    for path, one in known.items():
        if any(entry.added == change for entry in one.entries):
            write_baseline(path, one)
            sys.stdout.write(f"{_line(one)}: {path}\n")
    return 0


def _path(known: dict[Path, Baseline], case: str, wanted: Path) -> Path:
    """Find a cohort's file, wherever below the folder it lies."""
    key = wanted.stem.rpartition("-")[2]
    return next((path for path, one in known.items() if (one.case, one.key) == (case, key)), wanted)


def _list(options: argparse.Namespace) -> int:
    known = _stored(options.folder)
    lines = [_line(one) for one in known.values()] or [f"no baseline in {options.folder}"]
    sys.stdout.write("\n".join([*lines, ""]))
    return 0


def _show(options: argparse.Namespace) -> int:
    for one in find(_stored(options.folder), _named(options, "a key or a case")).values():
        values = {
            name: [e.values[name] for e in one.active if name in e.values] for e in one.active for name in e.values
        }
        sys.stdout.write(
            "\n".join(
                [
                    _line(one),
                    *(f"  {one_line(f'{name}: {value}', 2000)}" for name, value in one.facts.items()),
                    *(
                        f"  {one_line(name)}: {amount(name, median(found))} over {len(found)}"
                        for name, found in values.items()
                    ),
                    *_clip_lines(one),
                    *(f"  {_entry_text(entry.run, entry.added, entry.retired)}" for entry in one.entries),
                    "",
                ]
            )
        )
    return 0


def _retire(options: argparse.Namespace) -> int:
    change = _change(options)
    for path, one in find(_stored(options.folder), _named(options, "a key or a case")).items():
        write_baseline(path, retired(one, change))
        sys.stdout.write(f"retired {counted(one.active, 'run')} of {one_line(one.case)}, whose values stay in {path}\n")
    return 0


def _known(folder: Path) -> dict[Path, Baseline]:
    return baselines_in(folder) if folder.is_dir() else {}


def _stored(folder: Path) -> dict[Path, Baseline]:
    """Read what is there; a folder that is not there is a mistyped one."""
    if not folder.is_dir():
        raise GateError(
            f"--folder {folder}: no such folder of baselines; name it, or make it: "
            f"python -m reports baseline add RUN... --folder {shlex.quote(str(folder))} --who NAME --why REASON"
        )
    return baselines_in(folder)


def _named(options: argparse.Namespace, what: str) -> list[str]:
    if not options.names:
        raise GateError(f"name {what}")
    return list(options.names)


def _change(options: argparse.Namespace) -> Change:
    if missing := [f"--{name}" for name in ("who", "why", "branch") if not getattr(options, name).strip()]:
        raise GateError(f"{' and '.join(missing)}: say who changes the baseline and why")
    return Change(at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", who=options.who.strip(), why=options.why.strip())


def _line(one: Baseline) -> str:
    state = counted(one.active, "run") if one.active else "retired"
    return f"{one.key}  {one_line(device_of(one.facts), 120)}  {one_line(one.case, 120)}  {state}"


def _clip_lines(one: Baseline) -> list[str]:
    """Tell what is kept of the clips: checks, students and frames, each with the runs that have it."""
    counts = Counter(
        text
        for entry in one.active
        for text in (
            *(f"{name}: {check.verdict}" for name, check in entry.checks.items()),
            *(
                f"{name}, {margin}: {row.verdict}"
                for name, s in entry.students.items()
                for margin, row in s.margins.items()
            ),
            *([f"frames {entry.frames_sha256[:12]}"] if entry.frames_sha256 else []),
        )
    )
    return [f"  {one_line(text, 160)} in {counted(range(count), 'run')}" for text, count in counts.items()]


def _entry_text(run: str, added: Change, gone: Change | None) -> str:
    told = f"{one_line(run)}: added {one_line(added.at, 60)} by {one_line(added.who, 60)}, {one_line(added.why)}"
    if gone is None:
        return told
    return f"{told}; retired {one_line(gone.at, 60)} by {one_line(gone.who, 60)}, {one_line(gone.why)}"


ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {"add": _add, "list": _list, "show": _show, "retire": _retire}
