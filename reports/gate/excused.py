"""Which cases did not pass and count for nothing, since the gate let their verdict pass by name.

Why it matters: pytest's outcome of the case and the job's annotations must not fail what `--lenient` let pass.
"""

from collections.abc import Mapping

from reports.gate.outcome import GateOutcome
from reports.record import CaseRecord


def excused_by(outcome: GateOutcome, records: Mapping[str, CaseRecord]) -> frozenset[str]:
    """Name the cases whose own end a lenient verdict excuses: of an invalid environment, not of any failure.

    Of a failure that most runs do not share (AMBIGUOUS), too: in which of the runs it stood must not decide.
    """
    lenient = {one.id: one.verdict for one in outcome.verdicts if one.verdict in outcome.lenient}
    ends = {id_: records[id_].status for id_ in lenient if id_ in records and records[id_].status != "passed"}
    return frozenset(id_ for id_ in ends if ends[id_] == "invalid_env" or lenient[id_] == "AMBIGUOUS")
