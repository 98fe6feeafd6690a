"""What a tracker of performance over time is given of runs: the cases that passed, each with what it is to be held by.

Why it matters: a tracker keeps one history a name. The time of a case that failed, or of another kind of weights, must
not become a point of the history that the next run is judged by; and two runs of a case in one file would be one point.
"""

from collections.abc import Sequence
from typing import NamedTuple

from reports.case_values import Value, case_values, quality_losses
from reports.journal import RunFolderError
from reports.record import CaseRecord, Run
from reports.rows import one_line


class ExportError(RunFolderError):
    """Runs that cannot be told in one file of this format; the message says which case stands in the way."""


class Exported(NamedTuple):
    """A passed case under the name of its history, with the values of which less is better."""

    name: str
    run_id: str
    device: str
    values: list[Value]


def passed(runs: Sequence[Run]) -> list[Exported]:
    """List the passed cases of all runs that have a measurement; raises `ExportError` for one that stands twice."""
    found: dict[str, Exported] = {}
    for run in runs:
        for case in run.cases:
            if case.status != "passed" or case.measurement is None:
                continue
            one = _exported(run, case)
            if one.name in found:
                msg = (
                    f"{one.name} stands in run {found[one.name].run_id} and again in {run.run_id}, and a history takes "
                    "one point at a time: export the runs one by one"
                )
                raise ExportError(msg)
            found[one.name] = one
    return list(found.values())


def _exported(run: Run, case: CaseRecord) -> Exported:
    weights, devices = case.plan.model.weights_source, case.measurement.devices if case.measurement else []
    return Exported(
        name=one_line(case.id, 900) + ("" if weights == "hub" else f" ({weights} weights)"),
        run_id=one_line(run.run_id),
        device=one_line(", ".join(dict.fromkeys(device.name for device in devices)) or "unknown device"),
        values=[*case_values(case), *quality_losses(case)],
    )
