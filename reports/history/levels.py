"""Levels of a number over runs: where it changed for good, and by more than the gate allows.

Why it matters: slow-downs that are each too small for a gate add up, and a table of numbers hides the run from which on
they were there. A run that was disturbed is no step: a level holds two runs at least, and what one run alone does is
taken out before (running median of three). Where steps may lie is found by ruptures, which minimises the squared
distance from a level's mean plus a penalty a step; whether two neighbours are two levels is asked of the gate's limits.
Sources: C. Truong, L. Oudre, N. Vayatis, "Selective review of offline change point detection methods", Signal
Processing 167 (2020); ruptures 1.1.10, KernelCPD with the linear kernel. tests/test_history_levels.py simulates it.
"""

import math
import statistics
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import pairwise
from typing import NamedTuple

from reports.gate.judge_metric import is_worse
from reports.gate.limits import Limit
from reports.gate.robust import relative_limit_pct, scale

SHORTEST = 2
# The penalty of a step, in squared deviations, for each e-fold of runs; 2 is Schwarz's criterion.
PENALTY = 3.0
# How many deviations a step of exactly the limit counts where runs repeat more closely than that.
SHARPNESS = 6.0
NO_RUPTURES = "steps are not marked: ruptures is not installed here (dependency group bench)"


class Level(NamedTuple):
    """Values `start` up to but not `end`, and their median."""

    start: int
    end: int
    median: float


def missing() -> str:
    """Say why levels cannot be told, "" where they can."""
    return "" if find_spec("ruptures") else NO_RUPTURES


def levels_of(values: Sequence[float], limit: Limit) -> list[Level]:
    """Part positive values in their order into levels; neighbours differ by more than `limit`, either way.

    From ten runs of a level on, the relative limit is the gate's own for such a baseline, which may be less.
    """
    if not values:
        return []
    found: list[tuple[int, int]] = []
    for start, end in pairwise([0, *_candidates(values, limit)]):
        if found and not _differ(values[slice(*found[-1])], values[start:end], limit):
            start, _ = found.pop()  # noqa: PLW2901 - the level goes on
        found.append((start, end))
    return [Level(start, end, statistics.median(values[start:end])) for start, end in found]


def _candidates(values: Sequence[float], limit: Limit) -> list[int]:
    """Give the ends of segments between which a step may lie, the last being the number of values."""
    count = len(values)
    if count < 2 * SHORTEST:
        return [count]
    import numpy as np
    import ruptures

    middle = statistics.median(values)
    smallest = max(limit.relative_pct / 100 * middle, limit.absolute) / SHARPNESS
    noise = scale([later - earlier for earlier, later in pairwise(values)]) / math.sqrt(2)
    units = np.array([[(value - middle) / max(noise, smallest)] for value in _undisturbed(values)])
    search = ruptures.KernelCPD(kernel="linear", min_size=SHORTEST).fit(units)
    return [int(end) for end in search.predict(pen=PENALTY * math.log(count))]


def _undisturbed(values: Sequence[float]) -> list[float]:
    """Put in each value's place the median of it and its neighbours, at the ends of the three outermost.

    >>> _undisturbed([4.0, 9.0, 4.1, 5.0, 5.1, 5.1, 2.0])
    [4.1, 4.1, 5.0, 5.0, 5.1, 5.1, 5.1]
    """
    last = len(values) - 3
    return [statistics.median(values[min(max(at - 1, 0), last) :][:3]) for at in range(len(values))]


def _differ(one: Sequence[float], other: Sequence[float], limit: Limit) -> bool:
    own = limit._replace(relative_pct=relative_limit_pct(one, limit.relative_pct))
    base, new = statistics.median(one), statistics.median(other)
    return is_worse(base, new, own) or is_worse(new, base, own)
