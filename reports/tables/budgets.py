"""Budgets as a table: every judged one a row, those over first, and those that were not judged once a reason."""

from collections.abc import Sequence

from reports.budgets import decimals, share
from reports.judged import Budget, JudgedBudget
from reports.measured import Measurement
from reports.quantities import extremes_of, spelled, unit_of
from reports.record import CaseRecord, Run
from reports.rows import counted, names
from reports.tables.table import Row, Table, by_need, span, table_of


def budget_tables(run: Run) -> list[Table]:
    """Give the table of a run's budgets; none where there was no budget."""
    rows: list[Row] = []
    unjudged: dict[tuple[Budget, str], list[str]] = {}
    for case in run.cases:
        for one in case.measurement.budgets if case.measurement else ():
            if one.actual is None or case.measurement is None:
                unjudged.setdefault((one.budget, one.explanation), []).append(case.id)
            else:
                rows.append(_row(case, case.measurement, one))
    rows += [_unjudged(budget, why, ids) for (budget, why), ids in unjudged.items()]
    if not rows:
        return []
    return [
        table_of("Budgets: lower is better, equal is within", by_need(rows), subject="case", interval="over its rounds")
    ]


def _row(case: CaseRecord, measurement: Measurement, one: JudgedBudget) -> Row:
    budget, digits = one.budget, decimals(one.budget.limit)
    assert one.actual is not None, f"{case.id}: a judged budget has an actual value"
    extremes = extremes_of(measurement, budget.quantity, budget.phase)
    unfailed = ["reported only"] if one.verdict == "over" and case.status == "passed" else []
    return Row(
        verdict=one.verdict,
        tone="bad" if one.verdict == "over" else "good",
        subject=" ".join(names(case)[:-1]),
        quantity=spelled(budget.quantity, budget.phase),
        actual=f"{one.actual:,.{digits}f}",
        interval=span(*extremes, digits) if extremes else "",
        limit=f"{budget.limit:,.{digits}f}",
        unit=unit_of(budget.quantity),
        note="; ".join([f"{share(one.actual, budget)} of it", *unfailed]),
    )


def _unjudged(budget: Budget, why: str, cases: Sequence[str]) -> Row:
    return Row(
        verdict="not judged",
        tone="unknown",
        subject=counted(cases, "case"),
        quantity=spelled(budget.quantity, budget.phase),
        limit=f"{budget.limit:,.{decimals(budget.limit)}f}",
        unit=unit_of(budget.quantity),
        note=why,
    )
