"""Which cases the first screen speaks of: one student and one teacher, the same in all its answers.

Why it matters: ten numbers of ten different settings would add up to nothing. So the pair is chosen once: a pair of the
matched track that may be compared by a ratio, of a student and its teacher where the suite names them, in the order of
the plan. A case that several runs hold is taken from the last of them.
"""

from collections.abc import Sequence
from typing import NamedTuple

from reports.answers.answer import Seen
from reports.budgets import is_over_only
from reports.compare import Comparison, comparisons, is_timed
from reports.record import CaseRecord, Run
from reports.rows import figures, one_line

TOY = "toy models: their numbers say nothing of the real ones"


class Subject(NamedTuple):
    """Whom the answers are about; `pair` is None where no two cases may be compared by a ratio."""

    student: Seen | None
    teacher: Seen | None
    pair: Comparison | None


def subject_of(runs: Sequence[Run]) -> Subject:
    """Choose student and teacher; without a pair, a sound case of a student, or else the quickest, and its teacher."""
    pairs = ratios(runs)
    named = [(number, pair) for number, pair in pairs if _is_named(runs, pair)] or pairs
    if named:
        number, pair = named[0]
        is_student = pair.faster.plan.model.id in _students(runs) or pair.slower.plan.model.id not in _students(runs)
        student, teacher = (pair.faster, pair.slower) if is_student else (pair.slower, pair.faster)
        return Subject(Seen(number, runs[number], student), Seen(number, runs[number], teacher), pair)
    seen = [one for one in cases_seen(runs) if is_sound(one.case)]
    speed = [one for one in seen if one.case.plan.scenario == "speed"] or seen
    timed = [one for one in speed if is_timed(one.case.plan)] or speed
    students = [one for one in timed if one.case.plan.model.id in _students(runs)]
    teachers = [one for one in timed if one.case.plan.model.id in _teachers(runs)]
    student_ = next(iter(students), None) or min(timed, key=_time_s, default=None)
    return Subject(student_, next((one for one in teachers if one != student_), None), None)


def ratios(runs: Sequence[Run]) -> list[tuple[int, Comparison]]:
    """Give every pair of the runs that has a ratio, with its run's number; of one in several runs the last."""
    found = {
        (pair.faster.id, pair.slower.id): (number, pair) for number, run in enumerate(runs) for pair in comparisons(run)
    }
    return list(found.values())


def cases_seen(runs: Sequence[Run]) -> list[Seen]:
    """Give every case of the runs once; of one that several hold, the last that was run."""
    found: dict[str, Seen] = {}
    for number, run in enumerate(runs):
        for case in run.cases:
            if case.id not in found or case.status != "not_run":
                found[case.id] = Seen(number, run, case)
    return list(found.values())


def is_sound(case: CaseRecord) -> bool:
    """Tell whether a case has rounds that count; being over a budget does not spoil them."""
    return bool(case.measurement and case.measurement.rounds) and (case.status == "passed" or is_over_only(case))


def named(seen: Seen) -> str:
    """Name a case in a sentence: its model's title and its setting."""
    return one_line(f"{seen.case.plan.model.title} ({seen.case.plan.setting})", 80)


def caveats(*cases: Seen | None) -> tuple[str, ...]:
    """Tell what must stand beside every number of these cases: weights that are not real, a GPU that was shared."""
    found: dict[str, None] = {}
    for one in cases:
        if one is None:
            continue
        weights = one.case.plan.model.weights_source
        found |= {"random weights": None} if weights == "random" else {"toy models": None} if weights == "tiny" else {}
        if one.case.measurement is not None and "shared_gpu" in one.case.measurement.reasons:
            found |= {"GPU was shared": None}
    return tuple(found)


def device_name(seen: Seen) -> str:
    """Name the device that a case ran on, "" where it is not known."""
    devices = seen.case.measurement.devices if seen.case.measurement else []
    return devices[0].name if devices else ""


def _time_s(seen: Seen) -> float:
    return figures(seen.case).prompt_to_host_s or float("inf")


def _is_named(runs: Sequence[Run], pair: Comparison) -> bool:
    models = {pair.faster.plan.model.id, pair.slower.plan.model.id}
    asked = [comparison for run in runs for comparison in run.comparisons]
    return any(one.teacher in models and models & set(one.students) for one in asked)


def _students(runs: Sequence[Run]) -> set[str]:
    return {student for run in runs for comparison in run.comparisons for student in comparison.students}


def _teachers(runs: Sequence[Run]) -> set[str]:
    return {comparison.teacher for run in runs for comparison in run.comparisons}
