"""A table of verdicts: one row a judgement, in columns that are the same whatever was judged."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

Tone = Literal["good", "bad", "neutral", "unknown"]
ORDER: tuple[Tone, ...] = ("bad", "neutral", "unknown", "good")


class Row(NamedTuple):
    """A judgement: `actual`, `interval` and `limit` are numbers in `unit`, written as texts; "" where there is none."""

    verdict: str
    tone: Tone
    subject: str
    quantity: str
    actual: str = ""
    interval: str = ""
    limit: str = ""
    unit: str = ""
    note: str = ""


class Table(NamedTuple):
    """Rows below a caption; `names` are the columns' headings, by the field of `Row` that they show."""

    caption: str
    names: dict[str, str]
    rows: list[Row]


def table_of(caption: str, rows: Sequence[Row], *, subject: str, actual: str = "actual", interval: str) -> Table:
    """Put rows below their headings; a column that is empty in all rows is left out."""
    headings = {
        "verdict": "verdict",
        "subject": subject,
        "quantity": "quantity",
        "actual": actual,
        "interval": interval,
        "limit": "limit",
        "unit": "unit",
        "note": "note",
    }
    names = {field: name for field, name in headings.items() if any(getattr(row, field) for row in rows)}
    return Table(caption, names, list(rows))


def by_need(rows: Iterable[Row]) -> list[Row]:
    """Put what needs a look first."""
    return sorted(rows, key=lambda row: ORDER.index(row.tone))


def span(low: float, high: float, decimals: int) -> str:
    """Write the extremes of a number's rounds; "" where they are the same.

    >>> span(3.5049, 3.5121, 2), span(1.0, 1.0, 2)
    ('3.50 to 3.51', '')
    """
    return "" if low == high else f"{low:,.{decimals}f} to {high:,.{decimals}f}"
