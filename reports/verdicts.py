"""Is each student as good as its teacher: every margin a verdict over many prompts, from the records of runs.

Why it matters: a student's speed is worth what its clips are. Each pair of clips goes into reports/noninferiority.py,
whatever became of it: a student's clip that is missing, or broken on its own, counts as the worst, and one that was
tried and made no clip at all fails, whatever its teacher made. A metric that says
of both sides' clips that they are not for it (of content, with random weights) decides nothing; where one side alone
says so, nothing is known. Clips that were made from different things are no one model, and not judged. Nothing passes
where the teacher has clips that the student was never asked for: the prompts would be a choice; and a student that a
comparison names beside others and that has no case at all is not judged, never left out. The same function gives the
verdicts at a run's end and over several runs, whose folders may hold student and teacher apart.

Diversity over seeds is one number a prompt, from the clips' CLIP features (reports/diversity.py), and its margin a
share of the teacher's.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from reports.comparison_record import MarginVerdict, RowVerdict, StudentTeacher, StudentVerdict
from reports.diversity import NETWORK, mean_pairwise_distance
from reports.formulas import are_of_weights, source_of, source_of_features, spelled_formulas, told_apart
from reports.judged import Margin
from reports.margins import DIVERSITY
from reports.matching import (
    Cases,
    Key,
    beyond,
    came_to_nothing,
    cases_of,
    is_made,
    made_of_several,
    sound,
    teacher_setting_of,
    unmatched,
    variants_of,
)
from reports.measured import MetricValue
from reports.noninferiority import NonInferiority, Pair, judge
from reports.record import CaseRecord, Run

NOT_COMPARABLE = "not comparable"
# From the worst on: a verdict over rows is the first of these that a row has.
ORDER: tuple[RowVerdict, ...] = ("FAIL", "INCONCLUSIVE", "PASS", "not applicable", "not measured")


def comparisons_of(runs: Sequence[Run]) -> list[StudentTeacher]:
    """List the comparisons of the runs' suites, each once."""
    found: list[StudentTeacher] = []
    for run in runs:
        found += [comparison for comparison in run.comparisons if comparison not in found]
    return found


def verdicts(runs: Sequence[Run]) -> list[StudentVerdict]:
    """Hold every student of each comparison that has a case in the runs against its teacher, by every margin."""
    known = told_apart(runs)
    return [one for comparison in comparisons_of(runs) for one in _of_comparison(comparison, known)]


def overall(rows: Sequence[MarginVerdict]) -> RowVerdict:
    """Give the worst of several rows' verdicts, of which PASS is better than FAIL and INCONCLUSIVE."""
    found = {row.verdict for row in rows}
    return next((verdict for verdict in ORDER if verdict in found), "not measured")


def is_breach(found: Sequence[StudentVerdict], *, strict: bool) -> bool:
    """Tell whether verdicts fail a run: a FAIL does, and with `strict` whatever is not decided or not measured."""
    undecided = any(overall(one.rows) in ("INCONCLUSIVE", "not measured") for one in found)
    return any(overall(one.rows) == "FAIL" for one in found) or (strict and undecided)


def rows_of(margins: Sequence[Margin], students: Cases, teachers: Cases) -> list[MarginVerdict]:
    """Judge the student's clips, all of them, by every margin; one without a counterpart has no reference."""
    of_clips = [margin for margin in margins if margin.metric != DIVERSITY]
    rows = [_of_metric(margin, students, teachers) for margin in of_clips]
    return rows + [_of_diversity(margin, students, teachers) for margin in margins if margin.metric == DIVERSITY]


def _of_comparison(comparison: StudentTeacher, runs: Sequence[Run]) -> list[StudentVerdict]:
    """Judge each student in each setting, swept ones apart; one that has no case at all beside others is told."""
    settings = {
        (model, setting): variants_of(runs, comparison.scenario, model, setting)
        for model in comparison.students
        for setting in comparison.settings
    }
    teachers = variants_of(runs, comparison.scenario, comparison.teacher, comparison.teacher_setting)
    if not teachers and not any(settings.values()):
        return []
    asked = [(model, name) for (model, setting), found in settings.items() for name in found or [setting]]
    return [
        _of_student(
            comparison,
            (model, name),
            (comparison.teacher, teacher_setting_of(name, comparison.teacher_setting, teachers)),
            runs,
        )
        for model, name in asked
    ]


def _of_student(
    comparison: StudentTeacher, student: tuple[str, str], teacher: tuple[str, str], runs: Sequence[Run]
) -> StudentVerdict:
    students, teachers = (cases_of(runs, comparison.scenario, *who) for who in (student, teacher))
    empty = StudentVerdict(comparison=comparison.id, student=" ".join(student), teacher=" ".join(teacher), rows=[])
    for who, side in ((empty.student, students), (empty.teacher, teachers)):
        if not side:
            return replace(empty, reason=f"no case of {who} ({comparison.scenario}) is here")
        if several := made_of_several(case.plan for case in side.values()):
            return replace(empty, reason=f"the clips of {who} were made from different things: {several}")
    if other := other_grids(students, teachers):
        return replace(empty, reason=other)
    try:
        rows = rows_of(comparison.margins, students, teachers)
    except ModuleNotFoundError as error:  # the run's other results must not be lost for it
        return replace(empty, reason=f"{error}; install scipy, then `python -m reports verdict RUN`")
    more = beyond(students, teachers)
    why = f"{len(more)} of the teacher's clips are of prompts or seeds that the student was not asked for"
    held = [replace(row, verdict="INCONCLUSIVE", reason=why) if row.verdict == "PASS" else row for row in rows]
    return replace(empty, rows=held if more else rows, unmatched=unmatched(students, teachers) + more)


def other_grids(students: Cases, teachers: Cases) -> str:
    """Say where clips of one length were looked at for seams at different frames; empty where they were not."""
    grids: defaultdict[int, dict[tuple[int, ...], None]] = defaultdict(dict)
    for key, case in (*students.items(), *teachers.items()):
        if case.plan.seams_at:
            grids[key.frames][tuple(case.plan.seams_at)] = None
    told = [" and ".join(map(str, seen)) for seen in grids.values() if len(seen) > 1]
    return f"clips were looked at for seams at different frames: {'; '.join(told)}" if told else ""


def _of_metric(margin: Margin, students: Cases, teachers: Cases) -> MarginVerdict:
    matched = [teachers[key] for key in students if key in teachers]
    own, theirs = ([one for case in cases if (one := _metric(case, margin))] for cases in (students.values(), matched))
    asked = any(margin.metric in case.plan.scorers for case in (*students.values(), *matched))
    if not own and not theirs and (why := _never_put(students, matched, asked=asked)):
        return MarginVerdict(margin=margin, verdict="not measured", reason=why)
    if own and theirs and all(metric.not_applicable for metric in (*own, *theirs)):
        return MarginVerdict(margin=margin, verdict="not applicable", reason=theirs[0].reason)
    if other := _other_formula(*(_formulas(cases, margin) for cases in (students.values(), matched))):
        prompts = len({key.prompt for key in students})
        return MarginVerdict(margin=margin, verdict="INCONCLUSIVE", prompts=prompts, clips=len(students), reason=other)
    pairs = [
        Pair(key.prompt, key.seed, _value(case, margin), _value(teachers.get(key), margin))
        for key, case in students.items()
    ]
    found = judge(pairs, margin)
    if theirs and all(metric.value is None for metric in theirs):
        found = found._replace(reason=f"{found.reason}: {theirs[0].reason}")
    if (not theirs or any(not metric.not_applicable for metric in theirs)) and came_to_nothing(students.values()):
        found = _failed(found, students)
    return _row(margin, found)


def _never_put(students: Cases, matched: Sequence[CaseRecord], *, asked: bool) -> str:
    """Say why no clip of either side was put to a metric; empty where clips should have been, and are not there."""
    cases = [*students.values(), *matched]
    if any(map(is_made, cases)):
        return "" if asked else "no clip was put to it"
    return "" if came_to_nothing(cases) else f"no clip was made: {_statuses(cases)}"


def _statuses(cases: Iterable[CaseRecord]) -> str:
    counts = Counter(case.status for case in cases)
    return ", ".join(f"{count} {status}" for status, count in counts.items())


def _failed(found: NonInferiority, students: Cases) -> NonInferiority:
    """Fail a student without any clip, where its teacher's are too few for a difference as well."""
    if found.verdict == "FAIL":
        return found
    why = f"the student made no clip ({_statuses(students.values())})"
    return found._replace(verdict="FAIL", reason=f"{why}; {found.reason}", more_prompts=None)


def _other_formula(own: set[str], theirs: set[str]) -> str:
    """Say that numbers came from more than one formula, or network, and which; empty where one gave them all."""
    if len(own | theirs) < 2:
        return ""
    how, then = (
        ("scored with other weights", "score all of them with the same")
        if are_of_weights(own | theirs)
        else ("measured by other formulas", "make the older clips again")
    )
    return (
        f"{NOT_COMPARABLE}: {how}, the student's clips by {spelled_formulas(own) or 'none'}, "
        f"the teacher's by {spelled_formulas(theirs) or 'none'}; {then}"
    )


def _formulas(cases: Iterable[CaseRecord], margin: Margin) -> set[str]:
    return {source_of(metric) for case in cases if (metric := _given(case, margin))}


def _given(case: CaseRecord, margin: Margin) -> MetricValue | None:
    metric = _metric(case, margin)
    return metric if metric is not None and metric.value is not None else None


def _metric(case: CaseRecord, margin: Margin) -> MetricValue | None:
    metrics = case.measurement.metrics if case.measurement is not None else ()
    return next((metric for metric in metrics if metric.id == margin.metric), None)


def _value(case: CaseRecord | None, margin: Margin) -> float | None:
    if case is None or sound(case) is None or (metric := _metric(case, margin)) is None or metric.value is None:
        return None
    return abs(metric.value) if margin.magnitude else metric.value


def _of_diversity(margin: Margin, students: Cases, teachers: Cases) -> MarginVerdict:
    several = _of_several_seeds(students)
    if not several:
        why = "it takes two seeds of a prompt"
        if _of_several_seeds(teachers):
            return MarginVerdict(margin=margin, verdict="INCONCLUSIVE", reason=f"{why}, which the teacher alone has")
        return MarginVerdict(margin=margin, verdict="not measured", reason=why)
    if not any(_feature(case) for case in (*students.values(), *teachers.values())):
        weights = next(iter(students)).weights
        if weights != "hub":
            return MarginVerdict(margin=margin, verdict="not applicable", reason=f"not applicable: {weights} weights")
        lost = any(case.plan.scorers for case in (*students.values(), *teachers.values()))
        worst: RowVerdict = "FAIL" if came_to_nothing(students.values()) else "INCONCLUSIVE"
        verdict: RowVerdict = worst if lost else "not measured"
        return MarginVerdict(margin=margin, verdict=verdict, reason=f"no clip has features of {NETWORK}")
    if other := _other_formula(*(_feature_formulas(cases) for cases in (students, teachers))):
        return MarginVerdict(
            margin=margin,
            verdict="INCONCLUSIVE",
            prompts=len({own[0].prompt for own in several}),
            clips=sum(map(len, several)),
            reason=other,
        )
    pairs = [Pair(own[0].prompt, 0, _diversity(students, own), _diversity(teachers, own)) for own in several]
    return _row(margin, judge(pairs, margin))


def _of_several_seeds(cases: Cases) -> list[list[Key]]:
    """Collect the clips that differ in nothing but their seed, where there are two or more."""
    keys: defaultdict[Key, list[Key]] = defaultdict(list)
    for key in cases:
        keys[key._replace(seed=0)].append(key)
    return [own for own in keys.values() if len(own) > 1]


def _feature_formulas(cases: Cases) -> set[str]:
    return {source_of_features(case.measurement) for case in cases.values() if case.measurement and _feature(case)}


def _feature(case: CaseRecord | None) -> list[float] | None:
    measurement = sound(case)
    return measurement.features.get(NETWORK) if measurement is not None else None


def _diversity(cases: Cases, keys: Sequence[Key]) -> float | None:
    """Give the diversity of one prompt's clips; None where a seed has no feature, or one without a direction."""
    features = [feature for key in keys if (feature := _feature(cases.get(key)))]
    if len(features) < len(keys):
        return None
    try:
        return mean_pairwise_distance(features)
    except ValueError:  # no number: judge() counts it as missing
        return None


def _row(margin: Margin, found: NonInferiority) -> MarginVerdict:
    return MarginVerdict(
        margin=margin,
        **found._replace(
            t=tuple(found.t) if found.t else None,  # type: ignore[arg-type] # a record holds plain pairs
            bca=tuple(found.bca) if found.bca else None,  # type: ignore[arg-type] # the same
        )._asdict(),
    )
