"""What the gate keeps of one run of a case, alike in a run's sample and in a baseline's file.

Why it matters: the numbers alone say that something is worse. What is kept beside them says what: which check of the
clip, which frames, which part of a phase, which kernel.
"""

from typing import Annotated, Literal

import msgspec

from reports.comparison_record import RowVerdict
from reports.frozen import Frozen
from reports.gate.limits import GateLimit

Text = Annotated[str, msgspec.Meta(min_length=1)]


class Bound(Frozen):
    """One number that a check judges, and its limits; equal is within. A value of None is beyond any.

    `of` names the number among those of its check. `together_with` names the metric that must be beyond its own limit
    as well before the check is broken.
    """

    of: str
    value: float | None
    at_least: float | None = None
    at_most: float | None = None
    together_with: str = ""


class Source(Frozen):
    """What a metric's value came from: hashes of its code and, of a learned scorer, of its weights; "" is unknown."""

    formula: str = ""
    weights_sha256: str = ""


class Check(Source, kw_only=True):
    """What one check says of a run's clip; `value` and `limit` are told with their units, `bounds` hold the numbers.

    A broken one has what is `told` of it and the `frames`, from 0, that its series shows; of a series with an entry for
    each two frames, the first of them. `sources` are those of the distances that bands are of, by id.
    """

    verdict: Literal["within", "broken"]
    value: str = ""
    limit: str = ""
    told: str = ""
    frames: list[int] = []
    bounds: list[Bound] = []
    sources: dict[str, Source] = {}


class Standing(Source, kw_only=True):
    """What a margin over many prompts says of a student; `told` is why it did not pass.

    The margin is `absolute`, in the metric's unit, or `of_teacher_pct`; neither where it was not kept.
    """

    verdict: RowVerdict
    told: str = ""
    absolute: float | None = None
    of_teacher_pct: float | None = None


class Student(Frozen):
    """How a student stands to its teacher over `clips` of its clips, by margin."""

    clips: int
    margins: dict[str, Standing]


class Numbers(Frozen):
    """A run of a case. `run` tells runs apart; `values` are by gated metric, the unit at the end of its name.

    `doubtful` metrics were measured, but two ways of counting disagree; they have no value.
    `versions` are the packages that it ran with, and "git", this repository's commit. `checks` are of its clip, by
    name, `students` by the comparison that the clip is part of. `frames_sha256` is that of every round's frames, ""
    where they differ or there is none, `series` the metrics of each frame of that clip. `parts_s` are medians over the
    rounds by phase: of a phase with steps each step's, of one that was visited several times each visit's, of a
    cold start each part's. `limits` are those that its suite set for its numbers, None where they were not kept.
    `kernels_s` are those of a profiled round by phase and name, `peaks_bytes` the allocated peaks by phase.
    `gpu_uuid` is that of the very card, None on a CPU and where it was not kept.
    """

    run: Text
    created_at: str
    versions: dict[str, str]
    values: dict[str, float]
    sm_clock_mhz: float | None
    gpu_uuid: str | None = None
    doubtful: list[str] = []
    limits: list[GateLimit] | None = None
    checks: dict[str, Check] = {}
    students: dict[str, Student] = {}
    frames_sha256: str = ""
    series: dict[str, list[float]] = {}
    parts_s: dict[str, list[float]] = {}
    kernels_s: dict[str, dict[str, float]] = {}
    peaks_bytes: dict[str, int] = {}
