"""A number in a text and where it comes from: runs, cases, fields, and what was made of their values.

Why it matters: numbers.json beside the text holds these references, so that anybody can compute each number again from
run.json alone; a test does. A value is computed from nothing but its references, so text and reference cannot part.
"""

import json
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from reports.paper.rounding import rounded_up, shown

_STEP = re.compile(r"\.?(?:(\w+)|\[(\*|\d+)\]|\[(\"(?:[^\"\\]|\\.)*\")\])")


class Source(NamedTuple):
    """A field of a case of a run, or with `case` "" of the run itself; `[*]` in its path stands for every element."""

    run: str
    case: str
    path: str


Values = Sequence[Sequence[float]]


def _furthest(values: Sequence[float], middle: float) -> float:
    return max(abs(value - middle) for value in values)


def _rates(values: Values) -> list[float]:
    clips, frames, times_s = values
    return [clips[0] * frames[0] / time_s for time_s in times_s]


class Aggregation(NamedTuple):
    """What is made of the operands' values, in words and as a function of them."""

    meaning: str
    of: Callable[[Values], float]


AGGREGATIONS: Mapping[str, Aggregation] = {
    "value": Aggregation("The value, which is the same in all sources.", lambda v: v[0][0]),
    "count": Aggregation("How many values there are.", lambda v: len(v[0])),
    "distinct": Aggregation("How many different values there are.", lambda v: len(set(v[0]))),
    "sum": Aggregation("The sum of all values.", lambda v: sum(v[0])),
    "least": Aggregation("The least value.", lambda v: min(v[0])),
    "greatest": Aggregation("The greatest value.", lambda v: max(v[0])),
    "median": Aggregation("The median of all values.", lambda v: statistics.median(v[0])),
    "furthest": Aggregation(
        "The distance of the value that is furthest from the median, rounded up.",
        lambda v: _furthest(v[0], statistics.median(v[0])),
    ),
    "rate": Aggregation(
        "The first operand times the second, over the median of the third.",
        lambda v: v[0][0] * v[1][0] / statistics.median(v[2]),
    ),
    "rate furthest": Aggregation(
        "The distance of the furthest of the rates (first operand times second, over each value of the third) from "
        "the rate, rounded up.",
        lambda v: _furthest(_rates(v), v[0][0] * v[1][0] / statistics.median(v[2])),
    ),
    "ratio": Aggregation(
        "The median of the first operand over that of the second.",
        lambda v: statistics.median(v[0]) / statistics.median(v[1]),
    ),
    "least ratio": Aggregation(
        "The least of the first operand over the greatest of the second.", lambda v: min(v[0]) / max(v[1])
    ),
    "greatest ratio": Aggregation(
        "The greatest of the first operand over the least of the second.", lambda v: max(v[0]) / min(v[1])
    ),
    "quotient": Aggregation("The sum of the first operand over that of the second.", lambda v: sum(v[0]) / sum(v[1])),
    "outer quotient": Aggregation(
        "The sum of the first operand over that of the third.", lambda v: sum(v[0]) / sum(v[2])
    ),
    "hourly": Aggregation(
        "The first operand over the median of the second in hours.", lambda v: 3600 * v[0][0] / statistics.median(v[1])
    ),
    "cost": Aggregation(
        "The first operand, a price of an hour, times the median of the second in hours, over the third.",
        lambda v: v[0][0] * statistics.median(v[1]) / 3600 / v[2][0],
    ),
    "difference quotient": Aggregation(
        "The distance of the sums of the first two operands, over the sum of the third, rounded up.",
        lambda v: abs(sum(v[0]) - sum(v[1])) / sum(v[2]),
    ),
}
ROUNDED_UP = frozenset({"furthest", "rate furthest", "difference quotient"})


class Number(NamedTuple):
    """A number as it stands in a text, of `unit`: `value` (already over `divisor`) with so many decimals."""

    value: float
    unit: str
    aggregation: str
    operands: tuple[tuple[Source, ...], ...]
    decimals: int
    divisor: float = 1.0
    signed: bool = False
    is_power: bool = False

    @property
    def text(self) -> str:
        """The number in ASCII, as both formats show it but for the minus; `is_power` gives "2.79e-05"."""
        if self.is_power:
            return f"{self.value:.{self.decimals}e}"
        up = self.aggregation in ROUNDED_UP
        return shown(rounded_up(self.value, self.decimals) if up else self.value, self.decimals, signed=self.signed)


def at(record: Any, path: str) -> list[Any]:
    """Give the values of a record (structs, mappings, lists) at a path; a name that is not there raises `LookupError`.

    A name after a dot is a field or a mapping's key, `[2]` an element, `[*]` each of them, `["a.b"]` a key of any kind.

    >>> at({"rounds": [{"s": 1.0}, {"s": 2.0}], "by": {"a b": 3}}, "rounds[*].s")
    [1.0, 2.0]
    >>> at({"by": {"a b": 3}}, 'by["a b"]')
    [3]
    """
    found, position = [record], 0
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise LookupError(f"{path!r} is no path: not understood from {path[position:]!r} on")
        found = [inner for value in found for inner in _into(value, *step.groups())]
        position = step.end()
    return found


def _into(value: Any, name: str | None, index: str | None, key: str | None) -> list[Any]:
    if index == "*":
        return list(value)
    if index is not None:
        return [value[int(index)]]
    known = name if key is None else str(json.loads(key))
    assert known is not None, "one of the three matched"
    if isinstance(value, msgspec.Struct):
        if known not in value.__struct_fields__:
            raise LookupError(f"{type(value).__name__} has no field {known!r}")
        return [getattr(value, known)]
    return [value[known]]


def key(name: str) -> str:
    """Write a mapping's key as a step of a path, whatever it holds.

    >>> key("text_encode")
    '["text_encode"]'
    """
    return f"[{json.dumps(name)}]"
