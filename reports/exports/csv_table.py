"""Runs as CSV (RFC 4180, UTF-8, a header line): a row a case, or in the long form a row a number.

Why it matters: spreadsheets and data frames read it, and a spreadsheet runs a cell that begins like a formula. Text
from a prompt or an error message is therefore quoted by an apostrophe where it begins so; numbers are unrounded, and
an empty cell is "not measured".
Source: https://owasp.org/www-community/attacks/CSV_Injection for what a formula begins with.
"""

import csv
import io
from collections.abc import Iterable, Sequence

from reports.case_values import Value, case_values, quality_values
from reports.record import CaseRecord, Run
from reports.rows import figures

FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
LONG = ("quantity", "unit", "better", "round", "value")
Cell = str | int | float | bool | None


def csv_table(runs: Sequence[Run], *, long: bool = False) -> str:
    """Give all cases of all runs as one table; with `long` a row for each number, each round's own.

    Columns of the short form hold medians over the rounds; `metric_` and a metric's id name what it says of the clip.
    """
    rows = list(_long(runs) if long else _short(runs))
    columns = list(dict.fromkeys(name for row in rows for name in row)) or list(_of_case_names(long=long))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _short(runs: Iterable[Run]) -> Iterable[dict[str, Cell]]:
    found = [(_of_case(run, case), _medians(case)) for run in runs for case in run.cases]
    # Columns that any case has, in the order of the first, and the prompt's long text last.
    names = dict.fromkeys(name for _, medians in found for name in medians)
    for told, medians in found:
        prompt_text = told.pop("prompt_text")
        row = {**told, **{name: medians.get(name) for name in names}, "prompt_text": prompt_text}
        yield {name: _cell(value) for name, value in row.items()}


def _long(runs: Iterable[Run]) -> Iterable[dict[str, Cell]]:
    for run in runs:
        for case in run.cases:
            told = {name: _cell(value) for name, value in _of_case(run, case).items()}
            del told["prompt_text"], told["rounds"]
            for value in [*case_values(case), *quality_values(case)]:
                yield from ({**told, **numbered} for numbered in _numbered(value))


def _numbered(value: Value) -> Iterable[dict[str, Cell]]:
    """Give a row to each round, from 1 on; what is one number for all of them has no round."""
    several = len(value.data) > 1
    for number, one in enumerate(value.data, start=1):
        round_number = number if several else None
        cells = (_cell(value.name), _cell(value.unit), value.better, round_number, one)
        yield dict(zip(LONG, cells, strict=True))


def _medians(case: CaseRecord) -> dict[str, Cell]:
    metrics = {f"metric_{value.name}": value.median for value in quality_values(case)}
    values = {value.name: value.median for value in case_values(case)}
    return {**values, "frames_per_second": figures(case).frames_per_second, **metrics}


def _of_case(run: Run, case: CaseRecord) -> dict[str, Cell]:
    plan, measurement = case.plan, case.measurement
    return {
        "run_id": run.run_id,
        "suite": run.suite,
        "created_at": run.created_at,
        "git_commit": run.environment.git_commit,
        "case": case.id,
        "scenario": plan.scenario,
        "track": plan.track,
        "model": plan.model.id,
        "setting": plan.setting,
        "prompt": plan.prompt.id,
        "seed": plan.seed,
        "weights": plan.model.weights_source,
        "device": measurement.devices[0].name if measurement and measurement.devices else None,
        "status": case.status,
        "reason": case.reason,
        "deterministic": measurement.deterministic if measurement else None,
        "rounds": len(measurement.rounds) if measurement else 0,
        "prompt_text": plan.request.prompt,
    }


def _of_case_names(*, long: bool) -> tuple[str, ...]:
    """Name the columns of a table without rows."""
    return ("run_id", "case", "status", *(LONG if long else ()))


def _cell(value: Cell) -> Cell:
    """Quote text that a spreadsheet would run; numbers are written as they are.

    >>> _cell("=1+1"), _cell("two dogs"), _cell(-1.5), _cell(" @SUM(A1)")
    ("'=1+1", 'two dogs', -1.5, "' @SUM(A1)")
    """
    begins = value.lstrip(" ")[:1] if isinstance(value, str) else ""
    return f"'{value}" if begins in FORMULA and begins else value
