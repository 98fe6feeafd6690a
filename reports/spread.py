"""How far repeated measurements lie apart: quartiles, spread, drift over the rounds, and an interval of the median.

Why it matters: three rounds have no normal distribution and one of them may be an outlier, so everything here goes by
order, not by mean and standard deviation. Drift is told beside spread because it is another fault: a card that warms
up, not one that is noisy.
Sources: quartiles as pytest-benchmark 5.3.1 `stats.py`; P. K. Sen, "Estimates of the regression coefficient based on
Kendall's tau", JASA 63 (1968), for the drift.
"""

import statistics
from collections.abc import Sequence
from itertools import combinations
from math import comb
from typing import NamedTuple


class Spread(NamedTuple):
    """The values of a case's rounds, in their own unit.

    `iqr_over_median_pct` is the distance of the quartiles in percent of the median. `drift_pct` is how much later
    rounds are above earlier ones, first to last, in percent of the median; None below three rounds.
    """

    median: float
    q1: float
    q3: float
    iqr_over_median_pct: float | None
    drift_pct: float | None


def spread_of(values: Sequence[float]) -> Spread | None:
    """Describe values in the order of their rounds; None where there are none. Percents of a median 0 are None."""
    if not values:
        return None
    median = statistics.median(values)
    q1, q3 = quartiles(sorted(values))
    iqr_pct = 100 * (q3 - q1) / median if median else None
    return Spread(median, q1, q3, iqr_pct, drift_pct(values))


def drift_pct(values: Sequence[float]) -> float | None:
    """Give the Theil-Sen trend over all rounds, in percent of the median: the median slope of all pairs of rounds.

    Up to 29 % of the rounds may be outliers without deciding it. None below three rounds, or with a median of 0.
    """
    median = statistics.median(values) if values else 0.0
    if len(values) < 3 or not median:
        return None
    slopes = [(later - earlier) / (j - i) for (i, earlier), (j, later) in combinations(enumerate(values), 2)]
    return 100 * statistics.median(slopes) * (len(values) - 1) / median


def quartiles(ordered: Sequence[float]) -> tuple[float, float]:
    """Quartiles by method 2 for even and method 3 for odd counts (https://en.wikipedia.org/wiki/Quartile)."""
    count, (quarter, rest) = len(ordered), divmod(len(ordered), 4)
    if count == 1:
        return ordered[0], ordered[0]
    if count % 2 == 0:
        return statistics.median(ordered[: count // 2]), statistics.median(ordered[count // 2 :])
    at = 3 * quarter
    if rest == 1:
        return (
            0.25 * ordered[quarter - 1] + 0.75 * ordered[quarter],
            0.75 * ordered[at] + 0.25 * ordered[at + 1],
        )
    return (
        0.75 * ordered[quarter] + 0.25 * ordered[quarter + 1],
        0.25 * ordered[at + 1] + 0.75 * ordered[at + 2],
    )


def median_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Give the distribution-free interval of the median: the narrowest symmetric pair of order statistics.

    Below six values even the extremes are not 95 % confident; they are given all the same.
    """
    ordered, count = sorted(values), len(values)
    rank = 0
    while rank + 1 < count - rank - 1:
        outside = 2 * sum(comb(count, k) for k in range(rank + 2)) / 2**count
        if 1 - outside < confidence:
            break
        rank += 1
    return ordered[rank], ordered[-1 - rank]
