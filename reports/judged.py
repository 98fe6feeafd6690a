"""Budgets, limits, claims, margins: what a suite, marker or metric allows, what somebody claimed, and the verdicts."""

import math
from typing import Annotated, Literal

import msgspec

from reports.frozen import Frozen

# What a budget or a claim may speak of, its unit at the end: GiB of 2^30 bytes, GB of 10^9 bytes, seconds.
Quantity = Literal[
    "peak_allocated_gib",
    "peak_allocated_gb",
    "peak_reserved_gib",
    "peak_reserved_gb",
    "peak_device_gib",
    "peak_device_gb",
    "sampling_s",
    "prompt_to_device_s",
    "prompt_to_host_s",
    "time_to_first_frame_s",
    "prompt_to_mp4_s",
    "cold_start_s",
    "phase_s",
]


BudgetVerdict = Literal["within", "over", "not judged"]


class Budget(Frozen):
    """The most that a case may need of a quantity, in the unit that ends its name: in all or in one phase.

    `gpu` is the name, or whole words of the name, of the GPU that it is meant for; None for any. `source` says who set
    it: a suite's table or a marker.
    """

    quantity: Quantity
    limit: float
    phase: str | None
    gpu: str | None
    source: str


class JudgedBudget(Frozen):
    """A budget as judged: durations by the median of the timed rounds, memory by their peak.

    `actual` has the limit's unit. `explanation` says why it is over or not judged, and is empty otherwise.
    """

    budget: Budget
    actual: float | None
    verdict: BudgetVerdict
    explanation: str = ""


LimitVerdict = Literal["within", "warn", "fail", "not judged"]


class Limits(Frozen):
    """Between what a metric's value is ordinary: below or above `warn_…` it is worth a look, beyond `fail_…` a defect.

    A value that equals a limit is within it; None is no limit on that side. `together_with` names another metric that
    must break its own limit, too: alone, neither says anything. `looks_like` is what a person would see, `source` where
    the limits come from.
    """

    source: str
    looks_like: str
    warn_below: float | None = None
    warn_above: float | None = None
    fail_below: float | None = None
    fail_above: float | None = None
    together_with: str | None = None


class Floor(Frozen):
    """What a suite or a marker asks of a metric's value of a case's clip; equal is within. `source` says who set it."""

    metric: str
    source: str
    at_least: float | None = None
    at_most: float | None = None


class JudgedFloor(Frozen):
    """A floor as judged: `actual` has the metric's unit, and None where there was no value.

    `explanation` says why it is broken ("fail") or not judged, and is empty otherwise.
    """

    floor: Floor
    actual: float | None
    verdict: Literal["within", "fail", "not judged"]
    explanation: str = ""


class Candidate(Frozen):
    """Configurations that a claim may be about: these models in these settings of a suite."""

    suite: str
    models: Annotated[list[str], msgspec.Meta(min_length=1)]
    settings: Annotated[list[str], msgspec.Meta(min_length=1)]


class Claim(Frozen):
    """A number that somebody claimed, to be held against what is measured.

    `quantities` are what the claim may mean, all in one unit, which is that of `value`. Measured on another GPU than
    `gpu` (whole words of its name; None: the claim names none), nothing is said of the claim.
    """

    id: str
    text: str
    quantities: Annotated[list[Quantity], msgspec.Meta(min_length=1)]
    value: Annotated[float, msgspec.Meta(gt=0)]
    tolerance_pct: Annotated[float, msgspec.Meta(ge=0, lt=100)]
    candidates: Annotated[list[Candidate], msgspec.Meta(min_length=1)]
    gpu: str | None = None

    def __post_init__(self) -> None:
        """Refuse readings of two units, which one value cannot have, and a phase's time, which names no phase."""
        if not math.isfinite(self.value):
            raise ValueError(f"`value` must be a finite number, not {self.value}")
        if "phase_s" in self.quantities:
            raise ValueError("`quantities` holds phase_s, but a claim is about a whole generation")
        if len(units := sorted({name.rpartition("_")[2] for name in self.quantities})) > 1:
            raise ValueError(f"`quantities` have the units {', '.join(units)}, but one value has one unit")


class Margin(Frozen):
    """How much worse than its teacher a student may be in one metric, in the mean over prompts: see noninferiority.py.

    `better` is the direction that the margin guards: a metric that may drift both ways has a margin each way. One of
    `absolute` (in the metric's unit) and `of_teacher_pct` (of the teacher's mean) is given. `worst` is the value that
    a clip without one counts as; None where the metric has no worst: then it is the worst that any clip had.
    `magnitude` compares values without their sign, where to run away in either direction is a failure.
    """

    metric: str
    better: Literal["lower", "higher"]
    why: str
    absolute: Annotated[float, msgspec.Meta(gt=0)] | None = None
    of_teacher_pct: Annotated[float, msgspec.Meta(gt=0)] | None = None
    worst: float | None = None
    magnitude: bool = False

    def __post_init__(self) -> None:
        """Refuse a margin of neither kind or of both, and one that nothing could break."""
        given = [value for value in (self.absolute, self.of_teacher_pct) if value is not None]
        if len(given) != 1:
            raise ValueError(f"the margin of {self.metric} needs one of `absolute` and `of_teacher_pct`")
        if not math.isfinite(given[0]):
            raise ValueError(f"the margin of {self.metric} must be a finite number, not {given[0]}")
        if self.better == "higher" and (self.of_teacher_pct or 0) >= 100:
            raise ValueError(
                f"the margin of {self.metric} lets {self.of_teacher_pct:g} % of the teacher's be lost, and 0 would "
                "pass; give less than 100"
            )
