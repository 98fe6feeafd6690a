"""Is a repeated prompt faster than a new one? Then something is kept between clips, and the times are of a cache.

Why it matters: an embedding or a step that is remembered makes every later round of a benchmark faster than what a
person waits for, who asks for something new. Each phase is looked at by itself, for in the whole a cached prompt
encoding of 1 % would hide.
Source: MLPerf Inference's compliance test TEST04 (mlcommons/inference, compliance/TEST04), which allows 10 %.
"""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from reports.measured import Round
from reports.spread import median_interval

LIMIT_RATIO = 0.97
# The extremes of six pairs are a 95 % interval of the median, those of five are not.
LEAST_PAIRS = 6


class Repeat(NamedTuple):
    """Time of a prompt's second clip over that of its first: median over prompts, its 95 % interval, their number."""

    ratio: float
    low: float
    high: float
    pairs: int


def repeats(rounds: Sequence[Round]) -> dict[str, Repeat]:
    """Compare the first two rounds of each take, as a whole (`prompt_to_host_s`) and by phase.

    Empty where no take was repeated. A phase that takes no time in a first round is left out; one that is missing in
    the second took none.
    """
    takes: defaultdict[int, list[Round]] = defaultdict(list)
    for timed in rounds:
        if timed.take is not None:
            takes[timed.take].append(timed)
    pairs = [(_times_s(pair[0]), _times_s(pair[1])) for pair in takes.values() if len(pair) > 1]
    found: dict[str, Repeat] = {}
    for name in pairs[0][0] if pairs else ():
        if all(first.get(name) for first, _ in pairs):
            ratios = [second.get(name, 0.0) / first[name] for first, second in pairs]
            found[name] = Repeat(statistics.median(ratios), *median_interval(ratios), len(ratios))
    return found


def cached(found: dict[str, Repeat], limit_ratio: float = LIMIT_RATIO) -> list[str]:
    """Describe what a repeated prompt has faster: all of the interval lies below the limit. Empty where nothing is."""
    return [
        f"{name} of a repeated prompt takes {r.ratio:.3f} [{r.low:.3f}, {r.high:.3f}] of a new one's time"
        for name, r in found.items()
        if r.high < limit_ratio
    ]


def _times_s(timed: Round) -> dict[str, float]:
    return {"prompt_to_host_s": timed.prompt_to_host_s, **timed.phases_s}
