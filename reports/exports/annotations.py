"""What failed in runs as GitHub's workflow commands, which stand as annotations on the job and the pull request.

Why it matters: who opens a red pull request sees the case, the number and the limit without opening a log. GitHub shows
ten errors and ten warnings a step, so the last of more tells how many there are. Whatever text a record holds comes
out in one line, its percent signs, colons and commas escaped, so that none can be a command of its own.
Source: GitHub's "Workflow commands", setting an error message; actions/toolkit, docs/problem-matchers.md, limitations.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from reports.gate.excused import excused_by
from reports.gate.outcome import GateOutcome, was_lost
from reports.gate.verdict import MEANING, CaseVerdict, exit_code, fails
from reports.record import Run
from reports.rows import one_line
from reports.verdict_lines import verdict_lines
from reports.verdicts import overall

MOST = 10
UNTOLD = ("passed", "skipped")


class Annotation(NamedTuple):
    """A line for people who look at the job: how bad, about what, and what is the matter."""

    level: Literal["error", "warning"]
    title: str
    message: str


def render_annotations(runs: Sequence[Run]) -> str:
    """Give a line for each case that failed or that a gate fails, each worse student, and each stale baseline."""
    found = [annotation for run in runs for annotation in _of_run(run)]
    errors = [annotation for annotation in found if annotation.level == "error"]
    warnings = [annotation for annotation in found if annotation.level == "warning"]
    return "".join(_line(annotation) for annotation in (*_shortened(errors), *_shortened(warnings)))


def _of_run(run: Run) -> Iterable[Annotation]:
    gated = run.gate.verdicts if run.gate else []
    failing = [case for case in gated if run.gate and fails(case, run.gate.lenient)]
    if run.gate:
        yield from _of_gate(run.gate, failing)
    if was_lost(run.command, run.gate):
        yield Annotation("error", "gate", "it was not judged, so nothing is known of this change; see the job's log")
    told = {case.id for case in failing}
    excused = excused_by(run.gate, {record.id: record for record in run.cases}) if run.gate else frozenset()
    for record in run.cases:
        if record.status not in UNTOLD and record.id not in told:
            level: Literal["error", "warning"] = "warning" if record.id in excused else "error"
            yield Annotation(level, f"{record.status} {record.id}", record.reason or "no reason was recorded")
    for student in run.verdicts:
        if overall(student.rows) == "FAIL":
            head, *lines = verdict_lines([student])
            yield Annotation("error", head, "; ".join(line.strip() for line in lines if line.startswith("  FAIL")))
    for case in gated:
        if case.verdict == "IMPROVED":
            yield Annotation("warning", f"{case.verdict} {case.id}", case.why or MEANING[case.verdict])


def _of_gate(gate: GateOutcome, failing: Sequence[CaseVerdict]) -> Iterable[Annotation]:
    for case in failing:
        yield Annotation("error", f"{case.verdict} {case.id}", case.why or MEANING[case.verdict])
    for name, text in gate.faults.items():
        yield Annotation("error", f"gate process {name}", text)
    if gate.nothing_under_test:
        yield Annotation("error", "gate", gate.nothing_under_test)
    if exit_code(gate.verdicts, gate.lenient) and not failing:
        yield Annotation("error", "gate", "no case was compared with the baseline, so nothing is known of this change")


def _shortened(annotations: Sequence[Annotation]) -> list[Annotation]:
    if len(annotations) <= MOST:
        return list(annotations)
    left_out = len(annotations) - MOST + 1
    level = annotations[0].level
    return [*annotations[: MOST - 1], Annotation(level, f"{left_out} more", "the job's summary and page list all")]


def _line(annotation: Annotation) -> str:
    title = _escaped(one_line(annotation.title, 200)).replace(":", "%3A").replace(",", "%2C")
    return f"::{annotation.level} title={title}::{_escaped(one_line(annotation.message, 1000))}\n"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
