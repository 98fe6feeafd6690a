"""What a history is made of: cases of runs as the gate reduces them, with the spread of their rounds.

Why it matters: a median without its interval looks as sure as any other, and a step within it is none.
"""

from collections.abc import Iterable
from typing import NamedTuple

from reports.gate.sample import Sample, samples_of, times_of
from reports.record import CaseRecord, Run
from reports.spread import median_interval


class Reading(NamedTuple):
    """A case of a run as the gate reduces it; `case` is its record, None of a stored baseline."""

    sample: Sample
    case: CaseRecord | None = None

    def interval(self, metric: str) -> tuple[float, float] | None:
        """Give the interval of the median over rounds, None of what is one number a run."""
        values = rounds_of(self.case, metric) if self.case else []
        return median_interval(values) if len(values) > 1 else None


def readings_of(runs: Iterable[Run]) -> list[Reading]:
    """Reduce every case of the runs."""
    return [Reading(sample, case) for run in runs for sample, case in zip(samples_of(run), run.cases, strict=True)]


def rounds_of(case: CaseRecord, metric: str) -> list[float]:
    """Give a gated time of every round that has it, in order; of memory, energy and cold starts nothing."""
    rounds = case.measurement.rounds if case.measurement else []
    found = [times_of(case, [timed]).get(metric) for timed in rounds]
    return [value for value in found if value is not None]
