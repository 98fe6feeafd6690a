"""Runs as Bencher Metric Format, for `bencher run --adapter json --file FILE`.

Why it matters: its adapter for pytest-benchmark takes every entry for a time in seconds and knows no memory; in this
format each quantity is a measure of its own. Bencher makes unknown measures by their slug, which says the unit, since
the file has no room for one.
Source: https://bencher.dev/docs/reference/bencher-metric-format (a benchmark is found by a name of at most 1,024
characters, a measure by a slug of at most 64; `lower_value` and `upper_value` are optional).
"""

from collections.abc import Sequence

from reports.case_values import Value
from reports.exports.passed import Exported, passed
from reports.record import Run

SLUG_LENGTH = 64
NAME_LENGTH = 1024


def bencher(runs: Sequence[Run]) -> dict[str, dict[str, dict[str, float]]]:
    """Give each passed case's values by measure: the median, and the extremes where there are several rounds.

    Less is better in all of them. Raises `ExportError` where two runs hold the same case.
    """
    return {_name(one): {_slug(value.name): _metric(value) for value in one.values} for one in passed(runs)}


def _name(one: Exported) -> str:
    return one.name[:NAME_LENGTH]


def _slug(name: str) -> str:
    """Spell a measure as Bencher's slugs are: lower case, hyphens.

    >>> _slug("peak_allocated_bytes"), _slug("L_drift")
    ('peak-allocated-bytes', 'l-drift')
    """
    return "-".join("".join(c if c.isalnum() and c.isascii() else " " for c in name.lower()).split())[:SLUG_LENGTH]


def _metric(value: Value) -> dict[str, float]:
    extremes = {"lower_value": min(value.data), "upper_value": max(value.data)} if len(value.data) > 1 else {}
    return {"value": value.median, **extremes}
