"""Which values under one metric's id came from one code and one network: only these may be compared, or share an axis.

Why it matters: a formula that is changed keeps its id, and a learned scorer takes whatever weights lie in its folder,
so that runs of two versions would differ in code or networks and be told as models that differ. A record from before
these were kept does not say: its values came from one source among themselves, as far as anybody knows, and from no
other run's.
"""

import re
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from reports.measured import Measurement, MetricValue
from reports.record import CaseRecord, Run

UNKNOWN = "one not recorded"
WEIGHTS = " with weights "
SHA256 = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")


def told_apart(runs: Sequence[Run]) -> list[Run]:
    """Give each run's values without a source one that is this run's alone, and those that it was lent another one."""
    several = len(runs) > 1 or any(run.lent for run in runs)
    return [_named(run, number) for number, run in enumerate(runs, start=1)] if several else list(runs)


def source_of(metric: MetricValue) -> str:
    """Give what a value came from: its formula, and of a learned scorer the weights."""
    return _source(metric.formula, metric.weights_sha256)


def source_of_features(measurement: Measurement) -> str:
    """Give what a clip's features came from: their formula and the network's weights."""
    return _source(measurement.features_formula, measurement.features_weights_sha256)


def are_of_weights(sources: Iterable[str]) -> bool:
    """Tell whether sources differ in weights alone.

    >>> are_of_weights({"9b1c with weights 3f2a", "9b1c with weights 51e0"}), are_of_weights({"9b1c", "51e0"})
    (True, False)
    """
    return len({source.partition(WEIGHTS)[0] for source in sources}) == 1


def spelled_formulas(formulas: Iterable[str]) -> str:
    """Name formulas, or sources, for people, hashes by their beginnings.

    >>> spelled_formulas({"9b1c", ""})
    'one not recorded and 9b1c'
    >>> spelled_formulas(["9b1c with weights " + 8 * "3f2a51e0"])
    '9b1c with weights 3f2a51e03f2a'
    """
    return " and ".join(SHA256.sub(r"\1", formula) or UNKNOWN for formula in sorted(formulas))


def _source(formula: str, weights_sha256: str) -> str:
    if weights_sha256 in ("", formula):  # none, or both unknown by one name
        return formula
    return f"{formula or UNKNOWN}{WEIGHTS}{weights_sha256}"


def _named(run: Run, number: int) -> Run:
    own, lent = (f"{UNKNOWN} in {which} {number} ({run.run_id})" for which in ("run", "the run that lent to run"))
    return replace(run, cases=[_known(case, own) for case in run.cases], lent=[_known(case, lent) for case in run.lent])


def _known(case: CaseRecord, name: str) -> CaseRecord:
    measurement = case.measurement
    if measurement is None:
        return case
    learned = frozenset(case.plan.scorers)
    metrics = [
        replace(
            metric,
            formula=metric.formula or name,
            weights_sha256=metric.weights_sha256 or (name if metric.id in learned else ""),
        )
        for metric in measurement.metrics
    ]
    known = replace(
        measurement,
        metrics=metrics,
        features_formula=measurement.features_formula or name,
        features_weights_sha256=measurement.features_weights_sha256 or name,
    )
    return replace(case, measurement=known)
