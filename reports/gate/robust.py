"""How far unchanged runs lie apart: the scale estimator Qn, which one run in ten that was disturbed does not move.

Why it matters: after ten unchanged runs the machine's own noise takes the place of a default. The usual robust scale,
1.4826 times the median absolute deviation, is so uncertain of ten values that three of it give false alarms in one of
two hundred unchanged cases; Qn is twice as efficient and errs upward in small samples. And as with Student's
quantiles, three deviations that are known from few runs are more than three. tests/measure_gate.py simulates it all.
Source: P. J. Rousseeuw and C. Croux, "Alternatives to the Median Absolute Deviation", JASA 88 (1993), the asymptotic
factor 2.2219 without a correction for small samples.
"""

import statistics
from collections.abc import Sequence
from itertools import combinations
from math import comb

from reports.gate.limits import LEAST_PCT

NORMAL = 2.2219
DEVIATIONS = 3.0
FEWEST_RUNS = 10


def deviations(runs: int) -> float:
    """Give how many deviations of so many runs say what three of a known one do.

    Within 3 % of Student's quantile at the level of three normal deviations, for ten runs or more: 4.09, 3.45, 3.16.

    >>> [round(deviations(runs), 2) for runs in (10, 20, 50)]
    [4.0, 3.47, 3.18]
    """
    return DEVIATIONS * (1 + 3 / (runs - 1))


def scale(values: Sequence[float]) -> float:
    """Give the robust standard deviation of two values or more, in their unit: the h over 2-th smallest distance.

    >>> round(scale([1.0, 2.0, 3.0, 4.0, 100.0]), 4)
    2.2219
    """
    half = len(values) // 2 + 1
    distances = sorted(abs(one - other) for one, other in combinations(values, 2))
    return NORMAL * distances[comb(half, 2) - 1]


def relative_limit_pct(baseline: Sequence[float], default_pct: float) -> float:
    """Give the relative limit in percent: from ten runs on three `deviations`, from 1 % up to the default.

    `baseline` holds positive values, one a run; of fewer it is the default, as is a default below 1 %.
    """
    if len(baseline) < FEWEST_RUNS:
        return default_pct
    own_pct = 100 * deviations(len(baseline)) * scale(baseline) / statistics.median(baseline)
    return min(default_pct, max(LEAST_PCT, own_pct))
