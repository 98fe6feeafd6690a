"""The gate's verdicts: what each means, which of several rules, and what they make of a program's exit code."""

from collections.abc import Collection, Sequence
from typing import Literal, get_args

from reports.frozen import Frozen

Verdict = Literal[
    "REGRESSION",
    "RECIPE_MISMATCH",
    "INVALID_ENV",
    "MISSING",
    "CALIBRATION_NEEDED",
    "AMBIGUOUS",
    "IMPROVED",
    "PASS",
    "NEW",
]
MEANING: dict[Verdict, str] = {
    "PASS": "no number is worse than its baseline by more than its limits, and no check of its clip is broken",
    "REGRESSION": "a number is worse by more than both its limits, or a case or a check of its clip that passed fails",
    "IMPROVED": "over 20 % better: a stored baseline is stale, record a new one",
    "AMBIGUOUS": "worse, but not in cycles, all runs in turns, or by the new limits; no number; only some runs fail",
    "CALIBRATION_NEEDED": "too few valid baseline runs on this GPU and stack",
    "RECIPE_MISMATCH": "another workload or recipe under the same id, or another one ran than was asked for",
    "INVALID_ENV": "the GPU was slowed down, shared or not watched, or clocks disagree",
    "MISSING": "in the baseline or the plan, but not measured",
    "NEW": "no baseline has this case, or it failed in the base and passes now",
}
# Undecided states, which whoever calls may let pass by name.
RELAXABLE: tuple[Verdict, ...] = ("CALIBRATION_NEEDED", "MISSING", "INVALID_ENV", "AMBIGUOUS")
UNDECIDED: tuple[Verdict, ...] = (*RELAXABLE, "RECIPE_MISMATCH")
COMPARED: tuple[Verdict, ...] = ("PASS", "REGRESSION", "IMPROVED")
# Worst first; a number without a baseline leaves a case that was compared passed.
RANKS: tuple[Verdict, ...] = get_args(Verdict)
EXIT_FINE, EXIT_WORSE, EXIT_UNDECIDED, EXIT_UNUSABLE = 0, 1, 2, 4


class MetricVerdict(Frozen):
    """One number against its baseline, in the unit that ends the name; less is better in all.

    `base` and `new` are medians over `base_runs` and `new_runs` runs. `limit_pct` and `limit_absolute` are the limits
    that held. `cycles_change_pct` is the change of time × SM clock; None where it was not needed or a clock is unknown.
    `low_ratio` and `high_ratio` are the extremes of new over base over all pairs of runs.
    """

    metric: str
    verdict: Verdict
    why: str
    base: float | None
    new: float | None
    base_runs: int
    new_runs: int
    limit_pct: float
    limit_absolute: float
    change_pct: float | None = None
    cycles_change_pct: float | None = None
    low_ratio: float | None = None
    high_ratio: float | None = None


class QualityVerdict(Frozen):
    """A check of the clip, or a margin of a student, against its baseline; `base` and `new` are told with their units.

    `frames`, from 0, are those that the verdict is about. A PASS with a `why` is worth a look all the same.
    """

    check: str
    verdict: Verdict
    why: str
    base: str
    new: str
    base_runs: int
    new_runs: int
    limit: str = ""
    frames: list[int] = []


class CaseVerdict(Frozen):
    """A case's one verdict, with the numbers and checks that it is made of; or that of a student over many cases.

    `versions` tells what packages differ, old and new. `causes` name where a slower time or a higher peak stands, and
    are in `why` as well, after the first number. `unjudged` says by metric why a measured number is not judged.
    """

    id: str
    verdict: Verdict
    why: str
    metrics: list[MetricVerdict] = []
    versions: dict[str, tuple[str, str]] = {}
    quality: list[QualityVerdict] = []
    of: Literal["case", "student"] = "case"
    causes: list[str] = []
    unjudged: dict[str, str] = {}

    @property
    def notes(self) -> list[str]:
        """What changed without being a regression: another limit of a number, one that is not judged, and the clip."""
        limits = [metric.why for metric in self.metrics if metric.why and metric.verdict == "PASS"]
        left_out = [f"{metric}: {why}" for metric, why in self.unjudged.items()]
        return limits + left_out + [row.why for row in self.quality if row.why and row.verdict in ("PASS", "NEW")]


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Give the verdict that rules over several: the first of `RANKS` that is among them."""
    return min(verdicts, key=RANKS.index)


def suspects(cases: Sequence[CaseVerdict]) -> list[str]:
    """Name the cases that two more processes have to confirm: what is worse or fails, or is undecided by a number."""
    return [case.id for case in cases if case.of == "case" and (case.verdict == "REGRESSION" or _is_undecided(case))]


def _is_undecided(case: CaseVerdict) -> bool:
    return case.verdict == "AMBIGUOUS" and any(metric.verdict == "AMBIGUOUS" for metric in case.metrics)


def exit_code(cases: Sequence[CaseVerdict], lenient: Collection[str] = ()) -> int:
    """Give 1 for a regression, 2 where something is undecided or nothing was compared, 0 otherwise.

    `lenient` names undecided verdicts that count for nothing. What lets everything pass has still compared nothing,
    where no number and no check of any case was.
    """
    found = {case.verdict for case in cases}
    if "REGRESSION" in found:
        return EXIT_WORSE
    if (found & set(UNDECIDED)) - (set(lenient) & set(RELAXABLE)) or not any(map(_was_compared, cases)):
        return EXIT_UNDECIDED
    return EXIT_FINE


def _was_compared(case: CaseVerdict) -> bool:
    return not {case.verdict, *(metric.verdict for metric in case.metrics)}.isdisjoint(COMPARED)


def fails(case: CaseVerdict, lenient: Collection[str] = ()) -> bool:
    """Tell whether a gate fails for this case: it regressed, or is undecided in a way that nobody let pass."""
    return exit_code([case, CaseVerdict(id="", verdict="PASS", why="")], lenient) != EXIT_FINE
