"""Which values under one metric's id came from one code: only these may be compared, or drawn on one axis.

Why it matters: a formula that is changed keeps its id, so that runs of two versions would differ in code and be told
as models that differ. A record from before formulas were kept does not say: its values came from one code among
themselves, as far as anybody knows, and from no other run's.
"""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from reports.record import CaseRecord, Run

UNKNOWN = "one not recorded"


def told_apart(runs: Sequence[Run]) -> list[Run]:
    """Give each run's values without a formula one that is this run's alone, and those that it was lent another one."""
    several = len(runs) > 1 or any(run.lent for run in runs)
    return [_named(run, number) for number, run in enumerate(runs, start=1)] if several else list(runs)


def spelled_formulas(formulas: Iterable[str]) -> str:
    """Name formulas for people.

    >>> spelled_formulas({"9b1c", ""})
    'one not recorded and 9b1c'
    """
    return " and ".join(formula or UNKNOWN for formula in sorted(formulas))


def _named(run: Run, number: int) -> Run:
    own, lent = (f"{UNKNOWN} in {which} {number} ({run.run_id})" for which in ("run", "the run that lent to run"))
    return replace(run, cases=[_known(case, own) for case in run.cases], lent=[_known(case, lent) for case in run.lent])


def _known(case: CaseRecord, name: str) -> CaseRecord:
    measurement = case.measurement
    if measurement is None or (
        all(metric.formula for metric in measurement.metrics)
        and (measurement.features_formula or not measurement.features)
    ):
        return case
    metrics = [metric if metric.formula else replace(metric, formula=name) for metric in measurement.metrics]
    known = replace(measurement, metrics=metrics, features_formula=measurement.features_formula or name)
    return replace(case, measurement=known)
