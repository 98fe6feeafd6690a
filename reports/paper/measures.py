"""Numbers out of records: medians with their spread, ratios, quotients, each with the fields that it came from.

Why it matters: every section says numbers, and none may compute one past its references.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from reports.paper.document import Absent, Inline, Text
from reports.paper.numbers import AGGREGATIONS, Number, Source, at
from reports.paper.rounding import PLAIN_DIGITS, decimals_of_plain, decimals_of_spread
from reports.record import CaseRecord, Run

EQUAL_DIGITS = 4
# Below, a number without a spread is written as a power of ten.
LEAST_PLAIN = 1e-4


class Place(NamedTuple):
    """Fields of a case, or with `case` None of the run, at a path: see `reports.paper.numbers.at`."""

    run: Run
    case: CaseRecord | None
    path: str

    @property
    def values(self) -> list[Any]:
        """What is there; a part of the path that is None ends it."""
        try:
            return at(self.case if self.case is not None else self.run, self.path)
        except (TypeError, KeyError, IndexError):  # a measurement, a memory's part, a phase that is not there
            return [None]

    @property
    def source(self) -> Source:
        """The place by names."""
        return Source(self.run.run_id, self.case.id if self.case is not None else "", self.path)


def number(
    aggregation: str,
    unit: str,
    *operands: Sequence[Place],
    decimals: int | None = None,
    divisor: float = 1.0,
    signed: bool = False,
) -> Number | None:
    """Make a number of its operands' values; None where one of these is missing, or where the number is none.

    Without `decimals` it has three digits.
    """
    values = [[value for place in places for value in place.values] for places in operands]
    if not all(values) or any(value is None for operand in values for value in operand):
        return None
    try:
        value = AGGREGATIONS[aggregation].of(values) / divisor
    except ZeroDivisionError:
        return None
    is_power = decimals is None and 0 < abs(value) < LEAST_PLAIN
    if is_power:
        decimals = PLAIN_DIGITS - 1
    return Number(
        value=value,
        unit=unit,
        aggregation=aggregation,
        operands=tuple(tuple(place.source for place in places) for places in operands),
        decimals=decimals_of_plain(value) if decimals is None else decimals,
        divisor=divisor,
        signed=signed,
        is_power=is_power,
    )


def exact(unit: str, *places: Place, decimals: int = 0, divisor: float = 1.0) -> Inline:
    """Give a number that has no spread: a setting, a count, a size."""
    return number("value", unit, places, decimals=decimals, divisor=divisor) or Absent("not in the record")


def counted(aggregation: str, places: Sequence[Place], noun: str) -> Text:
    """Count things for people: "1 case", "2 cases"; nothing is told as "no case"."""
    found = number(aggregation, "1", places, decimals=0)
    if found is None:
        return (f"no {noun}",)
    return found, f" {noun}" if found.value == 1 else f" {noun}s"


def setting(place: Place) -> Inline:
    """Give a setting's value with the decimals that it was written with: 8, 0.95."""
    values = place.values
    if values[0] is None:
        return Absent("not in the record")
    return exact("1", place, decimals=len(f"{values[0]:.6f}".rstrip("0").partition(".")[2]))


def with_spread(
    unit: str,
    *operands: Sequence[Place],
    kind: tuple[str, str] = ("median", "furthest"),
    divisor: float = 1.0,
    why: str = "not measured",
) -> Text:
    """Give a number and, where there are several values, how far the furthest of them lies from it.

    `kind` names the aggregations of the two. `why` is told where the number is missing.
    """
    value = number(kind[0], unit, *operands, divisor=divisor)
    spread = number(kind[1], unit, *operands, divisor=divisor)
    if value is None or spread is None:
        return (Absent(why),)
    if not spread.value:
        several = sum(len(place.values) for place in operands[-1]) > 1
        digits = decimals_of_plain(value.value, EQUAL_DIGITS) if several else value.decimals
        return (value._replace(decimals=digits),)
    decimals = decimals_of_spread(spread.value)
    ending = [one._replace(decimals=decimals, is_power=False) for one in (value, spread)]
    return ending[0], " ± ", ending[1]
