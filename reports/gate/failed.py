"""Cases that failed: in which runs of either side, and whether that is a regression or cannot be told.

Why it matters: a case that fails once in a while, in the base as well, would be blamed on whichever change is being
judged. So what most runs of a side show counts: a suspected failure is confirmed by fresh processes like a slow-down.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from reports.gate.cohort import differing
from reports.gate.judge_quality import is_most
from reports.gate.sample import Sample
from reports.gate.verdict import Verdict
from reports.rows import one_line

NOT_MEASURED = ("skipped", "not_run")


class Sides(NamedTuple):
    """A case's runs on either side, the baseline's `eligible` ones, and of these those `matched` in their cohort."""

    id: str
    base: Sequence[Sample]
    new: Sequence[Sample]
    eligible: Sequence[Sample]
    matched: Sequence[Sample]


def failure(sides: Sides, under_test: Collection[str]) -> tuple[Verdict, str] | None:
    """Judge a case that failed in runs under test, but not in all of the base's; None where it did not."""
    failed = [one for one in sides.new if has_failed(one)]
    if not failed or not sides.matched:
        return None
    is_known, known = failed_before(sides, under_test)
    runs = "" if len(sides.new) == 1 else f" in {len(failed)} of {len(sides.new)} runs"
    if is_most(failed, sides.new) and not is_known:
        return "REGRESSION", "; ".join([f"it passed in the baseline, now{runs}: {told_end(failed[0])}", *known])
    return "AMBIGUOUS", "; ".join([f"it failed{runs} under test: {told_end(failed[0])}", *known])


def failed_before(sides: Sides, under_test: Collection[str]) -> tuple[bool, list[str]]:
    """Tell whether most of the base's runs of the cohort failed, with a sentence where any did."""
    own = [one for one in sides.base if not differing(one.facts, sides.new[0].facts, under_test)]
    failed = [one for one in own if has_failed(one)]
    told = [f"it failed in {len(failed)} of {len(own)} runs of the base: {told_end(one)}" for one in failed[-1:]]
    return is_most(failed, own), told


def has_failed(sample: Sample) -> bool:
    """Tell whether a case was run, in an environment that was valid as far as is known, and did not pass."""
    return sample.status not in ("passed", "invalid_env", *NOT_MEASURED)


def told_end(sample: Sample) -> str:
    """Say how a case ended, in a line."""
    return one_line(f"{sample.status}: {sample.reason}" if sample.reason else sample.status)
