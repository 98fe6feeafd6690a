"""Which runs may become a baseline: valid ones that passed, by somebody who says why, and no worse than what is there.

Why it matters: one bad run in a baseline lets every later one pass.
"""

from collections.abc import Sequence

from reports.environment import Environment
from reports.gate.baseline import Baseline, samples_in
from reports.gate.judge import GateError, judge
from reports.gate.judge_metric import Rules
from reports.gate.sample import Sample, samples_of
from reports.gate.verdict import CaseVerdict, Verdict
from reports.record import Run
from reports.rows import one_line
from reports.verdicts import is_breach

# One baseline run is enough to notice a run that does not fit to it.
ADMISSION = Rules(fewest=1)
# RECIPE_MISMATCH of a run that ran as asked is a new cohort under an old id.
FITTING: tuple[Verdict, ...] = ("PASS", "NEW", "CALIBRATION_NEEDED", "MISSING", "RECIPE_MISMATCH")


def admitted(run: Run, baselines: Sequence[Baseline]) -> list[Sample]:
    """Give the cases of a run that may enter, after those that are there already; raises `GateError` for the whole run.

    It is refused where a case failed, was not valid, or made a broken clip that was only reported, where a student's
    verdict is a breach, where its code is not known to be a commit's, where it does not fit to the baseline, and where
    it has no number and no check at all.
    """
    where = f"run {run.run_id}"
    samples = [sample for sample in samples_of(run) if sample.status not in ("skipped", "not_run")]
    for sample in samples:
        _refuse_unsound(where, sample)
    if is_breach(run.verdicts, strict=False):
        raise GateError(f"{where}: a student is worse than its teacher; such a run becomes no baseline")
    if unknown := _unknown_code(run.environment):
        raise GateError(f"{where}: {unknown}, so nobody can say of what it is the baseline")
    entering = [sample for sample in samples if sample.is_measured]
    if not entering:
        raise GateError(f"{where}: no case was measured")
    for verdict in judge(samples_in(baselines), entering, rules=ADMISSION):
        _refuse_unfitting(where, verdict)
    return entering


def _unknown_code(environment: Environment) -> str:
    if environment.git_commit is None:
        return "its code is of no commit that git could name where it ran"
    if environment.git_dirty is None:
        return "git did not tell whether its code was the commit's"
    return "made from uncommitted changes" if environment.git_dirty else ""


def _refuse_unsound(where: str, sample: Sample) -> None:
    broken = "; ".join(check.told for check in sample.checks.values() if check.verdict == "broken")
    failed = "" if sample.status == "passed" else f"{sample.status}: {sample.reason}"
    fault = sample.invalid or sample.mismatch or failed or broken
    if fault:
        raise GateError(f"{where}: {sample.id} is no baseline: {one_line(fault)}; nothing of the run was added")


def _refuse_unfitting(where: str, verdict: CaseVerdict) -> None:
    if verdict.verdict not in FITTING:
        raise GateError(
            f"{where}: {verdict.id} does not fit to its baseline, {verdict.verdict}: {one_line(verdict.why)}; where "
            "that is meant, retire the old baseline first and say why"
        )
