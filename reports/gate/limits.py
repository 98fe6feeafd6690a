"""How much worse a number may be before it is a regression: by a relative and by an absolute limit.

Both must be passed. Why it matters: 3 % of a phase of 20 ms is less than what two runs differ by anyway, and 30 ms of a
clip that takes a minute are nothing. Defaults are by kind of number; a suite's `[[gates]]` change them by case.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from reports.frozen import Frozen

MIB = 2**20
# The least that a relative limit tightens to once a machine's own noise is known.
LEAST_PCT = 1.0
# Over this much better, the baseline is of other code than today's.
STALE_PCT = 20.0


class GateLimit(Frozen):
    """What a suite changes of a metric's limits: `absolute` is in the unit that ends the metric's name; None: default.

    `source` says who set it.
    """

    metric: str
    source: str
    relative_pct: float | None = None
    absolute: float | None = None


class Limit(NamedTuple):
    """A number is worse where it is above its baseline by more than `relative_pct` and by more than `absolute`."""

    relative_pct: float
    absolute: float


END_TO_END = Limit(3.0, 0.030)
PHASE = Limit(5.0, 0.020)
DEFAULTS = {
    "prompt_to_host_s": END_TO_END,
    "cold_start_s": END_TO_END,
    "time_to_first_frame_s": Limit(5.0, 0.010),
    "chunk_gap_s": Limit(5.0, 0.010),
    # Both are parts of the phase `denoise`, and share a phase's limits.
    "first_step_s": PHASE,
    "later_steps_s": PHASE,
    "peak_allocated_bytes": Limit(0.0, 32 * MIB),
    "energy_per_video_j": Limit(5.0, 0.0),
}
# A model's file names its phases as it likes, and each is gated.
OF_A_PHASE = re.compile(r"phase_.*_s\Z", re.DOTALL)
KNOWN = (*DEFAULTS, "phase_<name>_s")


def is_gated(metric: str) -> bool:
    """Tell whether a metric of this name has limits."""
    return metric in DEFAULTS or OF_A_PHASE.match(metric) is not None


def is_time(metric: str) -> bool:
    """Tell whether a metric is a duration of the device, which is checked in cycles as well.

    A cold start is none: it begins in a fresh process, before the device is at work at a clock that could be read.
    """
    return metric.endswith("_s") and metric != "cold_start_s"


def limit_of(metric: str, changed: Iterable[GateLimit] = ()) -> Limit:
    """Give a metric's limits, of several changes the last; raises `KeyError` for a metric that is not gated.

    >>> limit_of("phase_decode_s", [GateLimit(metric="phase_decode_s", source="here", relative_pct=2.5)])
    Limit(relative_pct=2.5, absolute=0.02)
    """
    limit = PHASE if OF_A_PHASE.match(metric) else DEFAULTS[metric]
    for change in changed:
        if change.metric == metric:
            given = {"relative_pct": change.relative_pct, "absolute": change.absolute}
            limit = limit._replace(**{name: value for name, value in given.items() if value is not None})
    return limit
