"""Runs as github-action-benchmark's `customSmallerIsBetter`: a list of name, unit, value, range and extra.

Why it matters: the action's own reading of pytest-benchmark's file shows iterations a second, which nobody says of a
clip. In this format less is better in every entry, so a rise is an alert: times, memory, energy, losses.
Source: README of benchmark-action/github-action-benchmark, "Use this action with custom benchmarks".
"""

from collections.abc import Sequence
from typing import Any

from reports.case_values import Value
from reports.exports.passed import Exported, passed
from reports.record import Run


def benchmark_action(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Give an entry for each value of each passed case. Raises `ExportError` where two runs hold the same case."""
    return [_entry(one, value) for one in passed(runs) for value in one.values]


def _entry(one: Exported, value: Value) -> dict[str, Any]:
    several = {"range": f"{min(value.data):.6g} to {max(value.data):.6g}"} if len(value.data) > 1 else {}
    counted = f"median of {len(value.data)} rounds" if several else "one value"
    return {
        "name": f"{one.name} {value.name}",
        "unit": value.unit,
        "value": value.median,
        **several,
        "extra": f"{counted}\n{one.device}\nrun {one.run_id}",
    }
