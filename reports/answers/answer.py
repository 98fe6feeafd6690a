"""An answer of the first screen, and how its numbers are written.

Why it matters: a person reads ten of these in a minute and a paper quotes them, so each says in one headline what is
known, what it does not say, and from which cases and fields of the record its numbers come.
"""

import math
from typing import Literal, NamedTuple

from reports.record import CaseRecord, Run

MEASURE = "to measure it"
Tone = Literal["good", "bad", "neutral", "unknown"]


class Seen(NamedTuple):
    """A case together with its run, and that run's `number` among those of the page, from 0."""

    number: int
    run: Run
    case: CaseRecord


class Anchor(NamedTuple):
    """Where a number comes from: run (by number, from 0), case id, and the fields of the case's record."""

    run: int
    case: str
    fields: tuple[str, ...]


class Answer(NamedTuple):
    """What the runs say to one question.

    `headline` is a number with its unit or a word or two, `interval` how sure it is ("" where nothing tells that), and
    `sentence` what both mean. `lines` are what a second look is for. `caveats` are told beside the headline wherever it
    stands. What was not measured has the tone "unknown", a sentence that says why, and among its `commands` (what each
    is for, and the command) what measures it.
    """

    id: str
    question: str
    headline: str
    sentence: str
    tone: Tone
    interval: str = ""
    lines: tuple[str, ...] = ()
    commands: tuple[tuple[str, str], ...] = ()
    caveats: tuple[str, ...] = ()
    anchors: tuple[Anchor, ...] = ()


def not_measured(
    id_: str, question: str, why: str, command: str, lines: tuple[str, ...] = (), takes: str = ""
) -> Answer:
    """Say that a question has no answer here, why, which command measures it, and how long that `takes` by estimate."""
    what = f"{MEASURE} ({takes}, as --collect-only estimates)" if takes else MEASURE
    return Answer(id_, question, "Not measured", why, "unknown", lines=lines, commands=((what, command),))


def number(value: float, low: float | None = None, high: float | None = None) -> str:
    """Write a number with as many decimals as its interval allows: to the interval's first digit that counts.

    Without an interval, or where it has no width, it has three significant digits.

    >>> number(18.883, 18.851, 18.962), number(3.5117), number(1234.0), number(0.0)
    ('18.88', '3.51', '1,234', '0')
    """
    width = abs(high - low) / 2 if low is not None and high is not None else 0.0
    if not width:
        return f"{value:,.{_decimals(value, 3)}f}"
    return f"{value:,.{_decimals(width, 2 if _leads_with_one(width) else 1)}f}"


def anchor(seen: Seen, *fields: str) -> Anchor:
    """Point to fields of a case's record, below `cases[]` of its run."""
    return Anchor(seen.number, seen.case.id, fields)


def prefix(number_: int, runs: int) -> str:
    """Name the run that a line is about, where there are several.

    >>> prefix(1, 2), prefix(0, 1)
    ('B: ', '')
    """
    return f"{label(number_, runs)}: " if runs > 1 else ""


def label(number_: int, runs: int) -> str:
    """Give the short name of a run on a page of several: A, B, … Z, 27, …; "" where it is alone."""
    if runs < 2:
        return ""
    return chr(ord("A") + number_) if number_ < 26 else str(number_ + 1)


def _decimals(value: float, digits: int) -> int:
    return 0 if not value else min(max(0, digits - 1 - math.floor(math.log10(abs(value)))), 6)


def _leads_with_one(value: float) -> bool:
    return f"{value:e}"[0] == "1"
