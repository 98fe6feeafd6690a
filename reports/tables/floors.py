"""Quality of single clips as a table: every broken floor and limit a row, and what is kept counted by metric."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reports.judged import Floor, Limits
from reports.measured import MetricValue
from reports.record import CaseRecord, Run
from reports.rows import counted, names, one_line
from reports.tables.table import Row, Table, Tone, by_need, table_of

TONES: dict[str, Tone] = {"fail": "bad", "warn": "neutral", "within": "good", "not judged": "unknown"}
CAPTION = "Clips within and beyond the floors of suite and markers, and each metric's own limits"


class _Judged(NamedTuple):
    """One floor or limit of one clip: `limit` is its text, `note` what is said of it."""

    verdict: str
    metric: str
    limit: str
    unit: str
    value: float | None
    note: str


def floor_tables(run: Run) -> list[Table]:
    """Give the table of a run's clips; none where nothing was judged or asked."""
    rows: list[Row] = []
    alike: dict[tuple[str, str, str, str], list[tuple[str, _Judged]]] = {}
    for case in run.cases:
        who = " ".join(names(case)[:-1])
        for one in _judged(case):
            if one.verdict == "fail":
                rows.append(_broken(case, who, one))
            else:
                alike.setdefault((one.verdict, one.metric, one.limit, one.unit), []).append((who, one))
    rows += [_kept(found) for found in alike.values()]
    return [table_of(CAPTION, by_need(rows), subject="clip", interval="from least to greatest")] if rows else []


def _judged(case: CaseRecord) -> Iterator[_Judged]:
    """Give what suite, markers and the metrics' own limits say of a clip; a metric without limits says nothing."""
    if case.measurement is None:
        return
    by_id = {metric.id: metric for metric in case.measurement.metrics}
    for metric in by_id.values():
        if metric.verdict != "not judged" and metric.limits is not None:
            limit = _limit(metric, metric.limits)
            yield _Judged(metric.verdict, metric.id, limit, _unit(metric), metric.value, metric.explanation)
    for one in case.measurement.floors:
        known = by_id.get(one.floor.metric)
        unit = _unit(known) if known else ""
        yield _Judged(one.verdict, one.floor.metric, _floor(one.floor), unit, one.actual, one.explanation)


def _unit(metric: MetricValue) -> str:
    return "" if metric.unit == "1" else metric.unit


def _floor(floor: Floor) -> str:
    return _ends(floor.at_least, floor.at_most)


def _limit(metric: MetricValue, limits: Limits) -> str:
    """Give the ends that the verdict is by: a warning's of who is warned of or within, else those that fail."""
    low, high = limits.fail_below, limits.fail_above
    if metric.verdict != "fail":
        low = low if limits.warn_below is None else limits.warn_below
        high = high if limits.warn_above is None else limits.warn_above
    return _ends(low, high)


def _ends(low: float | None, high: float | None) -> str:
    return " and ".join(f"{sign} {end:g}" for sign, end in (("≥", low), ("≤", high)) if end is not None)


def _broken(case: CaseRecord, who: str, one: _Judged) -> Row:
    unfailed = ["reported only"] if case.status == "passed" else []
    return Row(
        verdict="broken",
        tone="bad",
        subject=who,
        quantity=one.metric,
        actual="" if one.value is None else f"{one.value:.4g}",
        limit=one.limit,
        unit=one.unit,
        note="; ".join([one.note, *unfailed]),
    )


def _kept(found: Sequence[tuple[str, _Judged]]) -> Row:
    """Lay out the clips that fared alike by one limit as one row; of warnings and what was not judged the first."""
    who, first = found[0]
    values = [one.value for _, one in found if one.value is not None]
    alone = len(set(values)) == 1
    return Row(
        verdict="warning" if first.verdict == "warn" else first.verdict,
        tone=TONES[first.verdict],
        subject=who if len(found) == 1 else counted(found, "clip"),
        quantity=first.metric,
        actual=f"{values[0]:.4g}" if alone else "",
        interval=f"{min(values):.4g} to {max(values):.4g}" if values and not alone else "",
        limit=first.limit,
        unit=first.unit,
        note=""
        if first.verdict == "within"
        else one_line(first.note if len(found) == 1 else f"first {who}: {first.note}"),
    )
