"""From runs and baselines to the history of a case: points in the order of time, a line for each cohort.

Why it matters: times of two GPUs, or of two versions of torch, in one line show a step that nobody's change made. A
line joins only what may be compared (reports/gate/cohort.py); another machine, stack or recipe begins a new one, and
what differs is said. Runs that failed or were not valid are shown, but belong to no level.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec

from reports.frozen import Frozen
from reports.gate.cohort import differing, is_asked
from reports.gate.limits import Limit, is_gated, limit_of
from reports.gate.sample import is_number
from reports.history.levels import levels_of, missing
from reports.history.readings import Reading
from reports.rows import one_line

PRIMARY = ("prompt_to_host_s", "cold_start_s")
SHOWN_FACTS = 4


class Point(Frozen):
    """A run's number: `value` is the median over rounds, `low` and `high` are the interval of that median.

    `refused` says why it belongs to no level, "" where it does; `level` is the level's median.
    """

    run: str
    created_at: str
    line: str
    commit: str | None
    versions: dict[str, str]
    value: float | None
    low: float | None
    high: float | None
    refused: str
    level: float | None = None


class Step(Frozen):
    """A change of level: `run` is the first of the new level, `after` the last of the old one."""

    line: str
    run: str
    created_at: str
    commit: str | None
    after: str
    after_commit: str | None
    before_level: float
    level: float
    change_pct: float


class Line(Frozen):
    """A cohort: `differs` tells what is other than in the run before its first, "" for the first line."""

    name: str
    facts: dict[str, str]
    differs: str


class History(Frozen):
    """One number of one case over runs, oldest first. `reason` says why steps are not marked."""

    case: str
    metric: str
    points: list[Point]
    lines: list[Line]
    steps: list[Step]
    reason: str = ""


def histories_of(
    readings: Iterable[Reading], metric: str | None = None, under_test: Collection[str] = ()
) -> list[History]:
    """Give the history of each case, in the order of ids: of `metric`, or of its primary number.

    Cases in which nothing of the sort was ever measured are left out. `under_test` names packages whose versions do not
    begin a new line. A run that is given twice counts once.
    """
    by_case: dict[str, dict[str, Reading]] = {}
    for reading in readings:
        by_case.setdefault(reading.sample.id, {}).setdefault(reading.sample.run, reading)
    machines: list[Mapping[str, str]] = []
    found = []
    for case, runs in sorted(by_case.items()):
        own = sorted(runs.values(), key=lambda reading: (reading.sample.created_at, reading.sample.run))
        wanted = metric or _primary(own)
        if wanted and any(wanted in reading.sample.values for reading in own):
            found.append(_history(case, wanted, own, under_test, machines))
    return found


def metrics_of(readings: Iterable[Reading]) -> list[str]:
    """List the metrics that a history can be asked for."""
    return sorted({name for reading in readings for name in reading.sample.values if is_gated(name)})


def _primary(readings: Sequence[Reading]) -> str | None:
    known = metrics_of(readings)
    return next((name for name in (*PRIMARY, *known) if name in known), None)


def _history(
    case: str,
    metric: str,
    readings: Sequence[Reading],
    under_test: Collection[str],
    machines: list[Mapping[str, str]],
) -> History:
    lines: list[Line] = []
    points: list[Point] = []
    before: Mapping[str, str] = {}
    for reading in readings:
        facts = reading.sample.facts
        line = next((one for one in lines if not differing(one.facts, facts, under_test)), None)
        if line is None:
            name = _name(facts, lines, machines, under_test)
            line = Line(name=name, facts=facts, differs=_differs(before, facts, under_test))
            lines.append(line)
        points.append(_point(reading, metric, line.name))
        before = facts
    reason, steps = missing(), list[Step]()
    if not reason:
        limit = limit_of(metric, readings[-1].sample.limits or ())
        for line in lines:
            steps += _levelled(points, line.name, limit)
    steps.sort(key=lambda step: step.created_at)
    return History(case=case, metric=metric, points=points, lines=lines, steps=steps, reason=reason)


def _name(
    facts: Mapping[str, str], lines: Sequence[Line], machines: list[Mapping[str, str]], under_test: Collection[str]
) -> str:
    """Give machine and stack a number, the same in every case, and another recipe on it a second one: 1.2."""
    machine = {fact: value for fact, value in facts.items() if not is_asked(fact)}
    number = next((n for n, one in enumerate(machines) if not differing(one, machine, under_test)), len(machines))
    if number == len(machines):
        machines.append(machine)
    again = sum(line.name.partition(".")[0] == str(number + 1) for line in lines)
    return f"{number + 1}.{again + 1}" if again else str(number + 1)


def _differs(before: Mapping[str, str], facts: Mapping[str, str], under_test: Collection[str]) -> str:
    """Say what a run has other than the run before it, whatever the case."""
    if not before:
        return ""
    names = differing(before, facts, under_test)
    told = [f"{n} {one_line(before.get(n, '–'), 40)!r}, now {one_line(facts.get(n, '–'), 40)!r}" for n in names]
    more = f"; and {len(told) - SHOWN_FACTS} more" if len(told) > SHOWN_FACTS else ""
    return "; ".join(told[:SHOWN_FACTS]) + more


def _point(reading: Reading, metric: str, line: str) -> Point:
    sample = reading.sample
    value = sample.values.get(metric)
    refused = sample.invalid or sample.mismatch
    if not refused and sample.status != "passed":
        refused = f"{sample.status}: {sample.reason}" if sample.reason else sample.status
    if value is None:
        refused = refused or f"{metric} was not measured"
    elif not is_number(value):
        value, refused = None, refused or f"{metric} is no positive finite number"
    low, high = (reading.interval(metric) if value is not None else None) or (None, None)
    return Point(
        run=sample.run,
        created_at=sample.created_at,
        line=line,
        commit=sample.versions.get("git"),
        versions={name: version for name, version in sample.versions.items() if name != "git"},
        value=value,
        low=low,
        high=high,
        refused=one_line(refused),
    )


def _levelled(points: list[Point], line: str, limit: Limit) -> list[Step]:
    """Write each point's level into it, and give the steps between the line's levels."""
    own = [(at, p.value) for at, p in enumerate(points) if p.line == line and not p.refused and p.value is not None]
    levels = levels_of([value for _, value in own], limit)
    for level in levels:
        for at, _ in own[level.start : level.end]:
            points[at] = msgspec.structs.replace(points[at], level=level.median)
    return [
        _step(points[own[new.start - 1][0]], points[own[new.start][0]], old.median, new.median)
        for old, new in pairwise(levels)
    ]


def _step(last: Point, first: Point, before: float, level: float) -> Step:
    return Step(
        line=first.line,
        run=first.run,
        created_at=first.created_at,
        commit=first.commit,
        after=last.run,
        after_commit=last.commit,
        before_level=before,
        level=level,
        change_pct=100 * (level / before - 1),
    )
