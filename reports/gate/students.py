"""How the student that a case's clip is of stands to its teachers, reduced to what a later run is held against.

Why it matters: a margin is over many clips, and was judged in the run itself (reports/verdicts.py). Here it is named,
with what its metric was measured by: a verdict of another formula says nothing of the one before it.
"""

from collections.abc import Collection, Iterable, Iterator

from reports.comparison_record import MarginVerdict, StudentVerdict
from reports.gate.checks import LONGEST, numbered
from reports.gate.numbers import Source, Standing, Student
from reports.judged import Margin
from reports.margins import DIVERSITY
from reports.measured import Measurement
from reports.record import CaseRecord, Run
from reports.rows import one_line


def students_of(case: CaseRecord, run: Run) -> dict[str, Student]:
    """Give how the student that the case's clip is of stands to its teachers; empty where it is nobody's student."""
    scenarios = {comparison.id: comparison.scenario for comparison in run.comparisons}
    who = f"{case.plan.model.id} {case.plan.setting}"
    return {
        f"{one.student} against {one.teacher} ({one.comparison})": _of_student(one, _measured(case, run))
        for one in run.verdicts
        if one.student == who and scenarios.get(one.comparison) == case.plan.scenario
    }


def _measured(case: CaseRecord, run: Run) -> Iterator[Measurement]:
    """Give what the cases of the case's student measured, which all came from the same formulas."""
    who = (case.plan.model.id, case.plan.setting)
    return (one.measurement for one in run.cases if (one.plan.model.id, one.plan.setting) == who and one.measurement)


def _of_student(verdict: StudentVerdict, measured: Iterable[Measurement]) -> Student:
    sources = _sources(measured, {row.margin.metric for row in verdict.rows})
    order = [_margin_name(row) for row in verdict.rows]
    ordered = sorted(verdict.rows, key=lambda row: (order.index(_margin_name(row)), *_strictness(row.margin)))
    rows = numbered((_margin_name(row), _standing(row, sources.get(row.margin.metric, Source()))) for row in ordered)
    if verdict.reason:
        rows["all margins"] = Standing(verdict="not measured", told=one_line(verdict.reason, LONGEST))
    return Student(clips=max((row.clips for row in verdict.rows), default=0), margins=rows)


def _sources(measured: Iterable[Measurement], wanted: Collection[str]) -> dict[str, Source]:
    """Find what the values of the wanted metrics came from: of each that of the first clip that has one."""
    found: dict[str, Source] = {}
    for one in measured:
        if len(found) == len(wanted):
            break
        sources = {
            metric.id: Source(formula=metric.formula, weights_sha256=metric.weights_sha256)
            for metric in one.metrics
            if metric.id in wanted
        }
        if one.features and DIVERSITY in wanted:
            of = Source(formula=one.features_formula, weights_sha256=one.features_weights_sha256)
            sources[DIVERSITY] = of
        found = sources | found
    return found


def _standing(row: MarginVerdict, source: Source) -> Standing:
    margin = row.margin
    return Standing(
        verdict=row.verdict,
        told=_row_told(row),
        absolute=margin.absolute,
        of_teacher_pct=margin.of_teacher_pct,
        formula=source.formula,
        weights_sha256=source.weights_sha256,
    )


def _strictness(margin: Margin) -> tuple[bool, float]:
    """Order margins of one metric, the widest first, as floors are (checks.py); shares of the teacher's come last."""
    return margin.absolute is None, -(margin.absolute or margin.of_teacher_pct or 0)


def _margin_name(row: MarginVerdict) -> str:
    magnitude = ", magnitude" if row.margin.magnitude else ""
    return f"{row.margin.metric}, {row.margin.better} is better{magnitude}"


def _row_told(row: MarginVerdict) -> str:
    if row.verdict == "PASS":
        return ""
    beyond_by = (
        "" if row.difference is None or row.limit is None else f"difference {row.difference:.4g}, limit {row.limit:.4g}"
    )
    return one_line("; ".join(text for text in (beyond_by, row.reason) if text), LONGEST)
