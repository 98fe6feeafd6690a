"""One number of a case: the median of the runs under test against the median of the baseline's runs.

Why it matters: with three to five rounds the noise that decides is between processes, so a test over rounds calls a
third of unchanged code slower; the size of the effect against several runs does not. A time that grew while the clock
fell by as much is not the code's: worse in seconds and not in cycles (time × SM clock) is no verdict.
Source of the check in cycles: nvbench, docs/nvbench_compare_robust.md.
"""

import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from reports.gate.limits import STALE_PCT, Limit, is_time, limit_of
from reports.gate.robust import relative_limit_pct
from reports.gate.sample import Sample, is_number
from reports.gate.verdict import MetricVerdict, Verdict
from reports.gate.words import amount, beyond_text, limit_text, signed_pct

# Float arithmetic alone must not break a limit that is met exactly.
ROUNDING = 1e-12
# Runs of one side that differ by so many times the limit say nothing: with 1 % between processes none do.
TOO_WIDE = 3
# From so many runs of a side on, which are one more than a gate begins with, one may have been disturbed.
DISTURBED_FROM = 4
# What an improvement says of what it is held against: a stored baseline, or runs in turns.
BETTER_THAN = (
    "its baseline is stale",
    "better than the base that ran in turns with it; no stored baseline was looked at",
)


class Rules(NamedTuple):
    """How many runs a baseline needs, and whether its runs alternated with those under test (base against head).

    Alternated runs are judged by the default limits: their own noise is in both. Where the runs of the two
    sides overlap, nothing is said to be worse, and where those of one side differ by several limits, nothing at all. As
    many of each side are asked for, unless they are `uneven` because some failed.
    """

    fewest: int = 5
    paired: bool = False
    uneven: bool = False


PAIRED = Rules(fewest=3, paired=True)


class Numbers(NamedTuple):
    """A metric of the runs that have it as a number, by run."""

    values: list[float]
    clocks_mhz: list[float]
    refused: int


class Held(NamedTuple):
    """What a number is held to: the `limit` under test, and `was`, that of the newest baseline run.

    `told` says that they are not the same, "" where they are, and `is_wider` that the one under test allows more.
    """

    limit: Limit
    was: Limit
    told: str
    is_wider: bool


def judge_metric(metric: str, base: Sequence[Sample], new: Sequence[Sample], rules: Rules) -> MetricVerdict:
    """Judge a metric of one case over baseline runs of its cohort and one run or more under test.

    Missing in a run under test is MISSING, in all baseline runs NEW. A value that is not finite or not above 0 is none:
    of a baseline it does not count, under test it is AMBIGUOUS. Limits are those of the newest run under test, whose
    suite is reviewed with it; where the newest baseline run had others it is told (of a PASS, where they were
    tighter), and what is worse by those alone is AMBIGUOUS.
    """
    old, now = _numbers(metric, base), _numbers(metric, new)
    held = _held(metric, (base, new), [] if rules.paired else _of_its_cards(metric, base, new))

    def verdict(name: Verdict, why: str, cycles_pct: float | None = None) -> MetricVerdict:
        told = held.told if old.values and (held.is_wider or name != "PASS") else ""
        said = f"{why}; {told}" if why and told else f"{metric}: {told}" if told else why
        return _verdict(metric, name, said, (old.values, now.values), held.limit, cycles_pct)

    found = _undecided(metric, (old, now), (len(base), len(new)), rules)
    return verdict(*found) if found is not None else _compared(metric, (old, now), (held, rules), verdict)


def _held(metric: str, sides: tuple[Sequence[Sample], Sequence[Sample]], spread: Sequence[float]) -> Held:
    """Give what a number is held to, tightened by the spread of baseline values, if any.

    A baseline that kept no limits counts as one of the defaults, and is told of where those of now are wider.
    """
    own, kept = sides[1][-1].limits or (), sides[0][-1].limits if sides[0] else ()
    limit, was = limit_of(metric, own), limit_of(metric, kept or ())
    is_wider = any(now > then for now, then in zip(limit, was, strict=True))
    is_told = limit != was if kept is not None else is_wider
    told = f"limit {limit_text(metric, limit)}, the base had {limit_text(metric, was)}" if is_told else ""
    return Held(_tightened(limit, spread), _tightened(was, spread), told, is_wider)


def _of_its_cards(metric: str, base: Sequence[Sample], new: Sequence[Sample]) -> list[float]:
    """Give the baseline's values of the one card under test: others of the kind differ by more than runs on one."""
    cards = {one.gpu_uuid for one in new}
    return _numbers(metric, [one for one in base if {one.gpu_uuid} == cards]).values


def _tightened(limit: Limit, spread: Sequence[float]) -> Limit:
    return limit._replace(relative_pct=relative_limit_pct(spread, limit.relative_pct)) if spread else limit


def _compared(
    metric: str, sides: tuple[Numbers, Numbers], by: tuple[Held, Rules], verdict: Callable[..., MetricVerdict]
) -> MetricVerdict:
    base, new = (statistics.median(side.values) for side in sides)
    held, rules = by
    if is_worse(base, new, held.limit):
        return verdict(*_worse(metric, sides, held.limit, rules))
    if is_worse(base, new, held.was):
        return verdict("AMBIGUOUS", beyond_text(metric, base, new, held.was, in_turns=rules.paired))
    if rules.paired and (scattered := _scattered(metric, sides, held.limit)):
        return verdict("AMBIGUOUS", scattered)
    if is_worse(new, base, held.limit) and base - new > (STALE_PCT / 100 + ROUNDING) * base:
        change = signed_pct(100 * (new / base - 1))
        return verdict("IMPROVED", f"{metric} {amount(metric, new)}, {change}: {BETTER_THAN[rules.paired]}")
    return verdict("PASS", "")


def _worse(
    metric: str, sides: tuple[Numbers, Numbers], limit: Limit, rules: Rules
) -> tuple[Verdict, str, float | None]:
    """Give verdict, words and change in cycles of a number whose median is beyond its limit."""
    base, new = (statistics.median(side.values) for side in sides)
    text = beyond_text(metric, base, new, limit, in_turns=rules.paired)
    cycles_pct = _cycles_pct(metric, sides)
    if cycles_pct is not None and cycles_pct <= limit.relative_pct:
        why = f"{text}, but in cycles (time × SM clock) by {signed_pct(cycles_pct)} only: the clock was lower"
        return "AMBIGUOUS", why, cycles_pct
    if rules.paired and (overlap := _overlap(sides)):
        return "AMBIGUOUS", f"{text}, but {overlap}", cycles_pct
    unknown = ", cycles unknown" if is_time(metric) and cycles_pct is None else ""
    return "REGRESSION", f"{text}{unknown}", cycles_pct


def _overlap(sides: tuple[Numbers, Numbers]) -> str:
    """Say that the runs of two sides overlap, "" where every new run is above every run of the base.

    >>> _overlap((Numbers([1.0, 2.0], [], 0), Numbers([1.5, 3.0], [], 0)))
    'the two sides overlap: new to base from 0.750 to 3.000'
    >>> _overlap((Numbers([1.0, 2.0], [], 0), Numbers([2.5, 3.0], [], 0)))
    ''
    """
    base, new = (_undisturbed(side.values) for side in sides)
    if new[0] > base[-1]:
        return ""
    return f"the two sides overlap: new to base from {new[0] / base[-1]:.3f} to {new[-1] / base[0]:.3f}"


def _scattered(metric: str, sides: tuple[Numbers, Numbers], limit: Limit) -> str:
    """Say which side's runs lie too far apart to tell anything by their median, "" where neither's do."""
    for name, side in zip(("base", "new"), sides, strict=True):
        kept = _undisturbed(side.values)
        low, high = kept[0], kept[-1]
        if high - low > TOO_WIDE * max(limit.relative_pct / 100 * statistics.median(side.values), limit.absolute):
            text = f"{metric} of the {name} side's runs is {amount(metric, low)} to {amount(metric, high)}"
            return f"{text}, over {TOO_WIDE} times its limit apart: too noisy to tell"
    return ""


def _undisturbed(values: Sequence[float]) -> list[float]:
    """Sort what a side's runs took, of four or more without the one farthest from their median.

    One process may have been disturbed; that is what the fourth of a side is run for.

    >>> _undisturbed([1.0, 1.1, 9.0]), _undisturbed([1.0, 9.0, 1.1, 1.2])
    ([1.0, 1.1, 9.0], [1.0, 1.1, 1.2])
    """
    ordered, middle = sorted(values), statistics.median(values)
    if len(ordered) < DISTURBED_FROM:
        return ordered
    return ordered[1:] if middle - ordered[0] > ordered[-1] - middle else ordered[:-1]


def is_worse(base: float, new: float, limit: Limit) -> bool:
    """Tell whether `new` is above `base` by more than both limits; a limit met exactly is kept.

    >>> [is_worse(base, new, Limit(3.0, 0.03)) for base, new in ((4.0, 4.12), (4.0, 4.121), (0.1, 0.12))]
    [False, True, False]
    """
    return new - base > max(limit.relative_pct / 100 * base, limit.absolute) + ROUNDING * base


def _undecided(
    metric: str, sides: tuple[Numbers, Numbers], runs: tuple[int, int], rules: Rules
) -> tuple[Verdict, str] | None:
    (old, now), (base_runs, new_runs) = sides, runs
    if now.refused:
        return "AMBIGUOUS", f"{metric} of {now.refused} of {new_runs} runs under test is no positive finite number"
    if not old.values and not old.refused:
        return "NEW", f"{metric} has no baseline"
    if len(now.values) < new_runs:
        return "MISSING", f"{metric} was not measured in {new_runs - len(now.values)} of {new_runs} runs under test"
    if len(old.values) < rules.fewest:
        refused = f" ({old.refused} hold no positive finite number)" if old.refused else ""
        return "CALIBRATION_NEEDED", f"{metric}: {len(old.values)} of {rules.fewest} baseline runs{refused}"
    if rules.paired and not rules.uneven and len(now.values) != base_runs:
        return "CALIBRATION_NEEDED", f"{metric}: {len(now.values)} runs under test do not pair with {base_runs}"
    return None


def _numbers(metric: str, samples: Sequence[Sample]) -> Numbers:
    given = [(sample.values[metric], sample.sm_clock_mhz) for sample in samples if metric in sample.values]
    sound = [(value, clock) for value, clock in given if is_number(value)]
    clocks_mhz = [clock for _, clock in sound if clock is not None and is_number(clock)]
    return Numbers([value for value, _ in sound], clocks_mhz, len(given) - len(sound))


def _cycles_pct(metric: str, sides: tuple[Numbers, Numbers]) -> float | None:
    """Give the change of the median of time × SM clock in percent; None where a run has no clock."""
    if not is_time(metric) or any(len(side.clocks_mhz) < len(side.values) for side in sides):
        return None
    base, new = (
        statistics.median(value * clock for value, clock in zip(side.values, side.clocks_mhz, strict=True))
        for side in sides
    )
    return 100 * (new / base - 1)


def _verdict(
    metric: str,
    verdict: Verdict,
    why: str,
    values: tuple[Sequence[float], Sequence[float]],
    limit: Limit,
    cycles_pct: float | None,
) -> MetricVerdict:
    old, now = values
    base, new = (statistics.median(side) if side else None for side in values)
    both = base is not None and new is not None
    return MetricVerdict(
        metric=metric,
        verdict=verdict,
        why=why,
        base=base,
        new=new,
        base_runs=len(old),
        new_runs=len(now),
        limit_pct=limit.relative_pct,
        limit_absolute=limit.absolute,
        change_pct=100 * (new / base - 1) if base is not None and new is not None else None,
        cycles_change_pct=cycles_pct,
        low_ratio=min(now) / max(old) if both else None,
        high_ratio=max(now) / min(old) if both else None,
    )
