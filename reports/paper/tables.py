"""What all tables share: no more rows than a page holds, and why a cell is empty."""

import textwrap
from collections.abc import Callable, Sequence
from typing import TypeVar

from reports.paper.document import Absent, Column, Said, Table, Text, joined
from reports.paper.escape import letters, short

One = TypeVar("One")

MOST_ROWS = 60
LONGEST_HEADING = 64
LEFT_OUT = "Only the first rows are shown; the record holds all."


def table(
    label: str, caption: Text, columns: tuple[Column, ...], rows: list[tuple[Text, ...]], notes: Text = ()
) -> Table:
    """Build a table of at most `MOST_ROWS` rows; below it stands why cells are empty."""
    shown = tuple(rows[:MOST_ROWS])
    reasons = dict.fromkeys(
        piece.reason for row in shown for cell in row for piece in cell if isinstance(piece, Absent) and piece.reason
    )
    parts: list[Text] = [notes] if notes else []
    if reasons:
        parts.append(("–: ", *joined([(Said(reason),) for reason in reasons], "; ", "; "), "."))
    if len(rows) > MOST_ROWS:
        parts.append((LEFT_OUT,))
    return Table(label, caption, columns, shown, joined(parts, " ", " "))


def rows_of(found: Sequence[One], row: Callable[[One], tuple[Text, ...]]) -> list[tuple[Text, ...]]:
    """Make the rows that a table shows, and one more where there are more."""
    return [row(one) for one in found[: MOST_ROWS + 1]]


def lines(text: str, width: int = 16, most: int = 4) -> tuple[str, ...]:
    """Break a name into lines for a column's heading."""
    shown = short(text, width * most)
    if not shown:
        return ()
    return tuple(textwrap.wrap(shown, int(width * len(shown) / letters(shown)), max_lines=most, placeholder="…"))


def in_brackets(unit: str) -> tuple[str, ...]:
    """Give a unit as the last lines of a column's heading; what has none gets no line.

    >>> in_brackets("dB"), in_brackets("1")
    (('[dB]',), ())
    """
    return () if unit in {"", "1"} else lines(f"[{short(unit, 16)}]")


def name(*heading: str) -> Column:
    """Give a column of names."""
    return Column(heading, "name")


def words(*heading: str) -> Column:
    """Give a column of running text."""
    return Column(heading, "text")


def figure(*heading: str) -> Column:
    """Give a column of numbers."""
    return Column(heading, "figure")


def figure_of(*names: str, unit: str = "1") -> Column:
    """Give a column of numbers below names of the record, which break where they are long, and their unit.

    >>> figure_of("wan2.1-t2v-14b-causvid-lora").heading
    ('wan2.1-t2v-14b-', 'causvid-lora')
    >>> figure_of("wan2.1-t2v-14b-causvid-lora", unit="dB").one_line
    'wan2.1-t2v-14b-causvid-lora [dB]'
    """
    shown = [*names, *([f"[{short(unit, 16)}]"] if in_brackets(unit) else [])]
    broken = (*(line for one in names for line in lines(one)), *in_brackets(unit))
    return Column(broken, "figure", " ".join(short(one, LONGEST_HEADING) for one in shown if one))
