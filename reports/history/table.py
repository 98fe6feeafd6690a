"""A history as a table for a terminal: a row a run in the order of time, its line, and the steps where they are."""

from collections.abc import Iterable, Sequence
from itertools import chain

from reports.gate.cohort import device_of
from reports.gate.words import amount, signed_pct
from reports.history.lines import History, Line, Point, Step
from reports.rows import MISSING, counted, one_line

HEADINGS = ("time", "line", "commit", "median", "rounds", "")
MACHINE = ("driver_branch", "cuda", "torch", "diffusers")
SHOWN_PACKAGES = 3
COMMIT = 12


def text_tables(histories: Sequence[History]) -> str:
    """Lay the histories out, one below the other."""
    return "\n".join(chain.from_iterable([*_table(history), ""] for history in histories))


def step_text(metric: str, step: Step) -> str:
    """Tell a step: how much, between which levels, and after which commit.

    The direction is said in words: of all that is gated, less is better.
    """
    commits = [_short(commit) for commit in (step.after_commit, step.commit)]
    where = f"between commits {commits[0]} and {commits[1]}" if commits[0] != commits[1] else f"at commit {commits[1]}"
    way = "worse" if step.level > step.before_level else "better"
    levels = f"{amount(metric, step.before_level)} to {amount(metric, step.level)}"
    return f"STEP {signed_pct(step.change_pct)}, {way}: {levels}, {where}"


def machine_text(line: Line) -> str:
    """Name a line's machine and stack."""
    facts = line.facts
    told = [f"{name} {one_line(facts[name], 40)}" for name in MACHINE if facts[name] not in {"None", "none"}]
    return ", ".join([one_line(device_of(facts), 80), *told])


def _table(history: History) -> Iterable[str]:
    yield f"{one_line(history.case, 200)}: {history.metric}, {counted(history.points, 'run')}"
    begun: dict[str, Line] = {}
    rows: list[tuple[str, ...]] = [HEADINGS]
    steps = {(step.line, step.run): step for step in history.steps}
    before: dict[str, Point] = {}
    for point in history.points:
        line = next(one for one in history.lines if one.name == point.line)
        notes = [point.refused and f"does not count: {one_line(point.refused, 160)}"]
        if begun and point.line not in begun:
            notes.append(f"new line: {line.differs}")
        if step := steps.get((point.line, point.run)):
            notes.append(step_text(history.metric, step))
        notes.append(_changed(before.get(point.line), point))
        begun[point.line], before[point.line] = line, point
        rows.append(_row(history.metric, point, "; ".join(filter(None, notes))))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS) - 1)]
    rows.insert(1, tuple("-" * width for width in (*widths, 0)))
    for *cells, note in rows:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        yield "  ".join([*padded, note]).rstrip()
    for line in history.lines:
        source = line.facts["weights.source"]
        weights = "" if source == "hub" else f", {one_line(source, 40)} weights"
        yield f"line {line.name}: {machine_text(line)}{weights}"
    if history.reason:
        yield history.reason


def _row(metric: str, point: Point, note: str) -> tuple[str, ...]:
    value = amount(metric, point.value)
    interval = "" if point.low is None else f"[{amount(metric, point.low)}, {amount(metric, point.high)}]"
    shown = value if not point.refused or point.value is None else f"({value})"
    return point.created_at[:19].replace("T", " "), point.line, _short(point.commit), shown, interval, note


def _changed(before: Point | None, point: Point) -> str:
    """Name the packages whose versions are others than in the line's run before."""
    if before is None:
        return ""
    names = [name for name, version in point.versions.items() if before.versions.get(name, version) != version]
    told = [f"{name} {before.versions[name]} to {point.versions[name]}" for name in names]
    more = f" and {len(told) - SHOWN_PACKAGES} more" if len(told) > SHOWN_PACKAGES else ""
    return ", ".join(told[:SHOWN_PACKAGES]) + more


def _short(commit: str | None) -> str:
    return one_line(commit[:COMMIT]) if commit else MISSING
