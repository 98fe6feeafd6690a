"""pytest-benchmark's statistics of a list of numbers, by its own definitions.

Why it matters: `pytest-benchmark compare` reads statistics from the file and computes none.
Source: `Stats` of pytest_benchmark/stats.py, version 5.3.1.
"""

import statistics
from bisect import bisect_left, bisect_right
from typing import Any

from reports.spread import quartiles


def stats_of(data: list[float]) -> dict[str, Any]:
    """Compute pytest-benchmark's statistics of numbers in any one unit, of which there is at least one."""
    ordered = sorted(data)
    mean, spread = statistics.mean(data), statistics.stdev(data) if len(data) > 1 else 0
    q1, q3 = quartiles(ordered)
    low_fence, high_fence = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    by_spread = sum(not mean - spread <= value <= mean + spread for value in data)
    by_fence = sum(not low_fence <= value <= high_fence for value in data)
    return {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "stddev": spread,
        "rounds": len(data),
        "median": statistics.median(data),
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": by_fence,
        "stddev_outliers": by_spread,
        "outliers": f"{by_spread};{by_fence}",
        "ld15iqr": ordered[bisect_left(ordered, low_fence)],
        "hd15iqr": ordered[bisect_right(ordered, high_fence) - 1],
        "ops": len(data) / sum(data) if sum(data) else 0,
        "total": sum(data),
        "data": data,
        "iterations": 1,
    }
