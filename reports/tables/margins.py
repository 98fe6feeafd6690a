"""Students against their teacher as tables, one a student: every margin a row, those that fail first."""

from collections.abc import Sequence

from reports.comparison_record import MarginVerdict, StudentVerdict
from reports.record import Run
from reports.tables.table import Row, Table, Tone, by_need, table_of
from reports.verdict_lines import bounds, heading, note, share, silent, spelled, unmatched

TONES: dict[str, Tone] = {"PASS": "good", "FAIL": "bad", "INCONCLUSIVE": "neutral"}


def margin_tables(found: Sequence[StudentVerdict], runs: Sequence[Run]) -> list[Table]:
    """Give a table to each student; metrics that say nothing share a row a reason. Units are those of the clips."""
    units = units_of(runs)
    return [
        table_of(
            heading(one),
            by_need([*(_row(row, units) for row in one.rows if row.verdict in TONES), *_silent(one), *_unmatched(one)]),
            subject="prompts",
            actual="student less teacher",
            interval="two one-sided 95 % bounds",
        )
        for one in found
    ]


def units_of(runs: Sequence[Run]) -> dict[str, str]:
    """Give the unit of every metric that a clip of the runs was put to, "" for plain numbers."""
    cases = [case for run in runs for case in (*run.cases, *run.lent) if case.measurement]
    units = {metric.id: metric.unit for case in cases if case.measurement for metric in case.measurement.metrics}
    return {id_: "" if unit == "1" else unit for id_, unit in units.items()}


def _row(row: MarginVerdict, units: dict[str, str]) -> Row:
    ends = bounds(row)
    of_teacher = f" ({share(row.margin)})" if row.margin.of_teacher_pct is not None else ""
    return Row(
        verdict=row.verdict,
        tone=TONES[row.verdict],
        subject=str(row.prompts),
        quantity=spelled(row.margin),
        actual="" if row.difference is None else f"{row.difference:+.4g}",
        interval=f"{ends[0]:+.4g} to {ends[1]:+.4g} ({row.gate})" if ends else "",
        limit="" if row.limit is None else f"{row.limit:+.4g}{of_teacher}",
        unit=units.get(row.margin.metric, ""),
        note=note(row),
    )


def _silent(one: StudentVerdict) -> list[Row]:
    return [
        Row(verdict, "unknown", "", ", ".join(metrics), note=reason)
        for (verdict, reason), metrics in silent(one).items()
    ]


def _unmatched(one: StudentVerdict) -> list[Row]:
    return [Row("no counterpart", "unknown", "", "clips", note=unmatched(one))] if one.unmatched else []
