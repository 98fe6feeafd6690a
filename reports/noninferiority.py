"""Is the student as good as its teacher, up to a margin: PASS, FAIL or INCONCLUSIVE, at a stated confidence.

Why it matters: two averages always differ, and a gate on their difference either fires by chance or hides a loss. Here
the unit is the prompt, since clips of one prompt resemble each other: seeds are averaged within it, and what counts is
the paired difference of each prompt. At a one-sided 5 % the student passes when the lower bound of the mean difference
lies above minus the margin, fails when the upper bound lies below, and is inconclusive in between. That all metrics
pass needs no correction for their number (each must pass: an intersection-union test).

Below 24 prompts the bound of Student's t on prompt means decides, from there on the BCa bootstrap over prompts (10,000
resamples, seeded), whose coverage is poor below; both are told. `python -m tests.measure_noninferiority` simulates it.
A relative margin is tested as the contrast student - (1 ± margin) x teacher, so that the teacher's mean, which is
measured too, is not taken for exact.

Nothing drops out. A student's clip without a finite value counts as the metric's worst, and as no better than twice the
margin below its teacher: that can fail, and where it does not, nothing passes all the same, as a few of many prompts
would hardly move the mean. Where a teacher's clip has none, the reference is not whole and nothing passes or fails.
Sources: B. Efron, "Better Bootstrap Confidence Intervals", JASA 82 (1987), through scipy; R.
Berger, "Multiparameter Hypothesis Testing and Acceptance Sampling", Technometrics 24 (1982).
"""

import math
import warnings
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Literal, NamedTuple

from reports.judged import Margin

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]
ALPHA = 0.05
FEWEST_FOR_BOOTSTRAP = 24
RESAMPLES = 10_000
SEED = 20261125
# (z of 0.95 + z of 0.80) squared: what 80 % power at a one-sided 5 % takes when student and teacher are truly equal.
POWER_FACTOR = 6.2


class Pair(NamedTuple):
    """One metric of a student's and its teacher's clip of one prompt and seed; None where there is no number."""

    prompt: str
    seed: int
    student: float | None
    teacher: float | None


class Bounds(NamedTuple):
    """The two one-sided 95 % bounds of a mean: together a 90 % interval."""

    low: float
    high: float


class NonInferiority(NamedTuple):
    """What the pairs say, in the metric's unit and sign: `difference` is student less teacher, the mean over prompts.

    `limit` is where the margin ends: the difference that a student must stay above (higher is better) or below.
    `teacher` is the teacher's mean. `t` and `bca` are bounds of the difference, None where there are none; `gate` names
    the one that decided.
    `more_prompts` is how many more would probably decide; None where that is decided or cannot be told.
    """

    verdict: Verdict
    prompts: int
    clips: int
    missing_student: int
    missing_teacher: int
    teacher: float | None = None
    difference: float | None = None
    limit: float | None = None
    t: Bounds | None = None
    bca: Bounds | None = None
    gate: Literal["t", "BCa"] | None = None
    more_prompts: int | None = None
    reason: str = ""


def judge(pairs: Sequence[Pair], margin: Margin) -> NonInferiority:
    """Hold a student's clips against its teacher's; every asked pair is in `pairs`, whatever became of its clips."""
    pairs = [p._replace(student=_finite(p.student), teacher=_finite(p.teacher)) for p in pairs]
    counts = NonInferiority(
        "INCONCLUSIVE",
        prompts=len({pair.prompt for pair in pairs}),
        clips=len(pairs),
        missing_student=sum(pair.student is None for pair in pairs),
        missing_teacher=sum(pair.teacher is None for pair in pairs),
    )
    if reason := _why_not(counts, pairs, margin):
        return counts._replace(reason=reason)
    rooms, margins, teachers = _of_prompts(pairs, margin)
    found = _decided(counts, rooms, fmean(margins), margin.better)._replace(teacher=fmean(teachers))
    if counts.missing_teacher:
        why = f"{counts.missing_teacher} of the teacher's clips have no value: the reference is not whole"
        return found._replace(verdict="INCONCLUSIVE", reason=why, more_prompts=None)
    if counts.missing_student and found.verdict != "FAIL":
        why = "nothing passes while clips of the student are missing"
        return found._replace(verdict="INCONCLUSIVE", reason=why, more_prompts=None)
    return found


def t_bounds(values: Sequence[float]) -> Bounds:
    """Bound the mean of at least two values, each side at 95 %, by Student's t.

    >>> [round(end, 3) for end in t_bounds([1.0, 2.0, 3.0])]
    [0.314, 3.686]
    """
    from scipy.stats import t

    half = float(t.ppf(1 - ALPHA, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return Bounds(fmean(values) - half, fmean(values) + half)


def bca_bounds(values: Sequence[float]) -> Bounds | None:
    """Bound the mean, each side at 95 %, by the seeded BCa bootstrap; None where it is degenerate.

    Values that are all equal have their mean for both bounds.
    """
    import numpy as np
    from scipy.stats import bootstrap

    if min(values) == max(values):
        return Bounds(values[0], values[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is degenerate comes back as NaN, and is told as None
        interval = bootstrap(
            (np.asarray(values),),
            np.mean,
            n_resamples=RESAMPLES,
            confidence_level=1 - 2 * ALPHA,
            method="BCa",
            rng=np.random.default_rng(SEED),
        ).confidence_interval
    low, high = float(interval.low), float(interval.high)
    return Bounds(low, high) if math.isfinite(low) and math.isfinite(high) else None


def verdict_of(bounds: Bounds | None, limit: float) -> Verdict:
    """Decide where higher is better: above the limit, below it, or neither; at the limit it is neither.

    >>> [verdict_of(Bounds(low, low + 1.0), 0.0) for low in (0.1, 0.0, -1.0, -1.1)]
    ['PASS', 'INCONCLUSIVE', 'INCONCLUSIVE', 'FAIL']
    """
    if bounds is None:
        return "INCONCLUSIVE"
    return "PASS" if bounds.low > limit else "FAIL" if bounds.high < limit else "INCONCLUSIVE"


def prompts_needed(deviation: float, margin: float) -> int:
    """Say how many prompts pass a truly equal student with 80 % power: 6.2 (deviation / margin)², rounded up.

    `deviation` is that of the prompts' differences. It holds for differences that are normal and stay as wide as
    those seen, and counts too few below ten, where t is wider than the normal distribution.

    >>> prompts_needed(1.0, 0.5)
    25
    """
    return math.ceil(POWER_FACTOR * (deviation / margin) ** 2)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _why_not(counts: NonInferiority, pairs: Sequence[Pair], margin: Margin) -> str:
    if counts.prompts < 2:
        return f"a difference over prompts needs two of them, and there is {counts.prompts or 'none'}"
    teachers = [pair.teacher for pair in pairs if pair.teacher is not None]
    if not teachers:
        return f"no clip of the teacher has a value of {margin.metric}"
    if margin.of_teacher_pct is not None and fmean(teachers) <= 0:
        return f"the teacher's mean is {fmean(teachers):g}, of which no share can be a margin"
    return ""


def _of_prompts(pairs: Sequence[Pair], margin: Margin) -> tuple[list[float], list[float], list[float]]:
    """Give by prompt, seeds averaged: how far inside the margin the student is, the margin, and the teacher's value."""
    observed = [value for pair in pairs for value in (pair.student, pair.teacher) if value is not None]
    worst = margin.worst if margin.worst is not None else (min if margin.better == "higher" else max)(observed)
    sign = 1 if margin.better == "higher" else -1
    of_prompt: defaultdict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for pair in pairs:
        teacher = worst if pair.teacher is None else pair.teacher
        allowed = margin.absolute if margin.absolute is not None else (margin.of_teacher_pct or 0) / 100 * teacher
        room = sign * ((worst if pair.student is None else pair.student) - teacher) + allowed
        of_prompt[pair.prompt].append((min(room, -allowed) if pair.student is None else room, allowed, teacher))
    means = [[fmean(column) for column in zip(*seeds, strict=True)] for seeds in of_prompt.values()]
    rooms, margins, teachers = map(list, zip(*means, strict=True))
    return rooms, margins, teachers


def _decided(counts: NonInferiority, rooms: list[float], margin: float, better: str) -> NonInferiority:
    t, bca = t_bounds(rooms), bca_bounds(rooms)
    is_t = len(rooms) < FEWEST_FOR_BOOTSTRAP
    verdict = verdict_of(t if is_t else bca, 0.0)

    def shown(bounds: Bounds | None) -> Bounds | None:
        """Turn what is left of the margin into the difference itself, in the metric's own sign."""
        if bounds is None:
            return None
        ends = [end - margin if better == "higher" else margin - end for end in bounds]
        return Bounds(min(ends), max(ends))

    mean = fmean(rooms) - margin
    sign = 1 if better == "higher" else -1
    found = counts._replace(verdict=verdict, difference=sign * mean, limit=-sign * margin, t=shown(t), bca=shown(bca))
    found = found._replace(gate="t" if is_t else "BCa")
    return found if verdict != "INCONCLUSIVE" else _with_more(found, stdev(rooms), margin, mean)


def _with_more(found: NonInferiority, deviation: float, margin: float, mean: float) -> NonInferiority:
    """Say how many more prompts would probably decide, and under which assumption."""
    needed = prompts_needed(deviation, margin)
    if needed > found.prompts:
        why = "80 % power if student and teacher are equal and differences stay as wide"
        return found._replace(more_prompts=needed - found.prompts, reason=why)
    if mean == -margin or deviation == 0:
        return found._replace(reason="the mean difference lies exactly at the margin")
    needed = prompts_needed(deviation, mean + margin)
    why = "80 % power if the difference is the one that was seen, which lies near the margin"
    return found._replace(more_prompts=max(needed - found.prompts, 1), reason=why)
