"""What the teacher gives in the student's time, and how long it takes to be as good.

Why it matters: a student that is ten times as fast as fifty steps is no news if four of the teacher's are as fast and
as good. So the teacher's rows with fewer steps are laid beside the student: the one with the most steps that is no
slower, held by the same margins against the student; and the fewest steps that are not inferior to it in any of them.

Times are medians from prompt to host frames of the scenario `speed`, on one kind of GPU, alone on it; quality is that
of the comparison's scenario, over the prompts and seeds that both have. A row that lacks either is named, never
guessed, and one that lacks a prompt of the student's passes nothing.
Of a case that several runs hold the last that ran it counts, as for the verdicts.
"""

import statistics
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from reports.budgets import is_over_only
from reports.compare import comparisons, is_shared, is_timed
from reports.comparison_record import MarginVerdict, StudentTeacher
from reports.formulas import told_apart
from reports.matching import OF_ONE_SCENE, Cases, cases_of, made_of_several
from reports.record import CaseRecord, PlannedCase, Run
from reports.rows import figures, median
from reports.verdicts import NOT_COMPARABLE, comparisons_of, other_grids, overall, rows_of

SPEED = "speed"
DECIDED = ("PASS", "FAIL", "INCONCLUSIVE")
LACKS = "the row lacks"


class Row(NamedTuple):
    """The teacher in one setting. `time_s` None has a `lacks`, and so has a row without clips to judge."""

    setting: str
    steps: int
    guidance_scale: float
    time_s: float | None
    clips: Cases
    lacks: str = ""


class EqualTime(NamedTuple):
    """What the teacher's rows say beside one student; `time_s` None has a `reason`.

    `in_time` is the row with the most steps that takes no longer, and `beside` holds the student against it, by each
    margin. `as_good` is the row with the fewest steps that is not inferior to the student by any margin, `undecided`
    what is known of rows before it that pass, but not over all of the student's prompts. Where no row can be judged,
    `silent` says why. `longer` is how many times the student's time `as_good` takes, with its least and
    greatest: the median over the prompts and seeds that both were timed with, None where a ratio is not to be given.
    """

    student: str
    teacher: str
    time_s: float | None
    rows: list[Row]
    in_time: Row | None = None
    beside: tuple[MarginVerdict, ...] = ()
    as_good: Row | None = None
    reason: str = ""
    silent: str = ""
    longer: tuple[float, float, float] | None = None
    undecided: tuple[str, ...] = ()


def equal_times(runs: Sequence[Run]) -> list[EqualTime]:
    """Answer for every student of the runs' comparisons whose teacher has rows of other steps here."""
    runs = told_apart(runs)
    return [
        _answer(comparison, (model, setting), runs, rows)
        for comparison in comparisons_of(runs)
        for model in comparison.students
        for setting in comparison.settings
        if _held(runs, comparison, model, setting) and len(rows := _rows(comparison, runs, (model, setting))) > 1
    ]


def most_steps_within(rows: Sequence[Row], time_s: float) -> Row | None:
    """Give the row with the most steps that takes at most `time_s`, of several the quickest; equal is within."""
    within = [row for row in rows if row.time_s is not None and row.time_s <= time_s]
    return max(within, key=lambda row: (row.steps, -(row.time_s or 0.0)), default=None)


def _answer(comparison: StudentTeacher, student: tuple[str, str], runs: Sequence[Run], rows: list[Row]) -> EqualTime:
    time_s, _gpu, reason = _time(runs, *student)
    own = cases_of(runs, comparison.scenario, *student)
    if why := _several(runs, comparison, *student):
        return EqualTime(" ".join(student), comparison.teacher, None, rows, reason=why, silent=why)
    in_time = most_steps_within(rows, time_s) if time_s is not None else None
    as_good, silent, undecided = _as_good_row(rows, own, comparison)
    return EqualTime(
        student=" ".join(student),
        teacher=comparison.teacher,
        time_s=time_s,
        rows=rows,
        in_time=in_time,
        beside=tuple(_common_rows(own, in_time.clips, comparison, own)) if in_time else (),
        as_good=as_good,
        reason=reason,
        silent=silent,
        longer=_longer(comparison.teacher, as_good, student, runs) if as_good else None,
        undecided=undecided,
    )


def _longer(teacher: str, row: Row, student: tuple[str, str], runs: Sequence[Run]) -> tuple[float, float, float] | None:
    """Take the ratios of the matched track of a teacher's row over a student, pair by pair."""
    found: list[tuple[float, float, float]] = []
    for pair in (pair for run in runs for pair in comparisons(run) if pair.faster.plan.scenario == SPEED):
        fast, slow = ((case.plan.model.id, case.plan.setting) for case in (pair.faster, pair.slower))
        if (fast, slow) == (student, (teacher, row.setting)):
            found.append((pair.ratio, pair.low, pair.high))
        elif (slow, fast) == (student, (teacher, row.setting)):
            found.append((1 / pair.ratio, 1 / pair.high, 1 / pair.low))
    if not found:
        return None
    ratios, lows, highs = zip(*found, strict=True)
    return statistics.median(ratios), min(lows), max(highs)


def _as_good_row(
    rows: Sequence[Row], own: Cases, comparison: StudentTeacher
) -> tuple[Row | None, str, tuple[str, ...]]:
    """Find the first row, of fewest steps, that passes every margin against the student, or say why none is judged.

    Rows before it that pass over some of the prompts are told, too.
    """
    silent: list[str] = []
    undecided: list[str] = []
    for row in rows:
        judged = _common_rows(row.clips, own, comparison, own)
        if overall(judged) == "PASS":
            return row, "", tuple(undecided)
        open_ = [one for one in judged if one.verdict in ("FAIL", "INCONCLUSIVE")]
        if open_ and all(one.reason.startswith(LACKS) for one in open_):
            undecided.append(f"{row.setting} ({open_[0].reason})")
        silent += [_silent(judged)] if judged else []
    nothing = [] if silent else ["no row has clips of the student's prompts and seeds"]
    return None, next(filter(None, silent + nothing), ""), tuple(undecided)


def _silent(judged: Sequence[MarginVerdict]) -> str:
    """Say why a row that does not pass is not judged either; empty where its clips have numbers that do not pass."""
    if overall(judged) not in DECIDED:
        return judged[0].reason
    other = [row for row in judged if row.reason.startswith(NOT_COMPARABLE)]
    lacking = [row for row in judged if row.verdict in DECIDED and row.missing_student == row.clips]
    rest = overall([row for row in judged if row not in lacking + other])
    if other and rest not in ("FAIL", "INCONCLUSIVE"):
        return other[0].reason
    names = ", ".join(row.margin.metric for row in lacking)
    return f"the row's clips have no value of {names}" if lacking and rest == "PASS" else ""


def _common_rows(students: Cases, teachers: Cases, comparison: StudentTeacher, own: Cases) -> list[MarginVerdict]:
    """Judge over what both were planned with: a row of one seed is no fault of a student with two.

    Of the prompts of the student's `own` clips the row must have every one, or nothing passes: some are a choice.
    """
    common = {key: case for key, case in students.items() if key in teachers}
    if other := other_grids(common, {key: teachers[key] for key in common}):
        why, prompts = f"{NOT_COMPARABLE}: {other}", len({key.prompt for key in common})
        return [
            MarginVerdict(margin=margin, verdict="INCONCLUSIVE", prompts=prompts, clips=len(common), reason=why)
            for margin in comparison.margins
        ]
    judged = rows_of(comparison.margins, common, teachers) if common else []
    wanted = {key.prompt for key in own}
    lacking = wanted - {key.prompt for key in common}
    why = f"{LACKS} {len(lacking)} of the student's {len(wanted)} prompts"
    passed = [replace(row, verdict="INCONCLUSIVE", reason=why) if row.verdict == "PASS" else row for row in judged]
    return passed if lacking else judged


def _held(runs: Sequence[Run], comparison: StudentTeacher, model: str, setting: str) -> list[PlannedCase]:
    """List what was planned of a model in a setting: the cases that its time and its clips are of."""
    scenarios = dict.fromkeys((SPEED, comparison.scenario))
    return [case.plan for name in scenarios for case in cases_of(runs, name, model, setting).values()]


def _several(runs: Sequence[Run], comparison: StudentTeacher, model: str, setting: str) -> str:
    """Say what is not of one model, its speed cases, its clips, or the two together; empty where all are."""
    plans = _held(runs, comparison, model, setting)
    timed, clips = ([plan for plan in plans if (plan.scenario == SPEED) is of_speed] for of_speed in (True, False))
    told = {"speed cases": timed, "clips": clips, "speed cases and its clips": plans}
    found = ((who, made_of_several(some, OF_ONE_SCENE)) for who, some in told.items())
    return next((f"its {who} were made from different things: {several}" for who, several in found if several), "")


def _rows(comparison: StudentTeacher, runs: Sequence[Run], student: tuple[str, str]) -> list[Row]:
    """Find the teacher's settings that differ from its own in steps and guidance alone, fewest steps first."""
    own = _held(runs, comparison, comparison.teacher, comparison.teacher_setting)
    if not own:
        return []
    settings = _settings_like(own[0], comparison, runs)
    gpu = _time(runs, *student)[1]
    rows = [_row(comparison, runs, setting, gpu) for setting in settings]
    return sorted(rows, key=lambda row: (row.steps, row.guidance_scale))


def _settings_like(own: PlannedCase, comparison: StudentTeacher, runs: Sequence[Run]) -> Iterator[str]:
    cases = (case.plan for run in runs for case in (*run.cases, *run.lent))
    settings = dict.fromkeys(plan.setting for plan in cases if plan.model.id == own.model.id)
    for setting in settings:
        held = _held(runs, comparison, own.model.id, setting)
        if any(plan.track == own.track and _same(plan, own) for plan in held):
            yield setting


def _same(plan: PlannedCase, own: PlannedCase) -> bool:
    fields = ("width", "height", "frames", "fps", "shift", "batch", "start_clip_sha256")
    alike = all(getattr(plan.request, name) == getattr(own.request, name) for name in fields)
    return alike and plan.recipe == own.recipe


def _row(comparison: StudentTeacher, runs: Sequence[Run], setting: str, gpu: str | None) -> Row:
    request = _held(runs, comparison, comparison.teacher, setting)[0].request
    time_s, own_gpu, lacks = _time(runs, comparison.teacher, setting)
    if time_s is not None and gpu is not None and own_gpu != gpu:
        time_s, lacks = None, f"its time is of {own_gpu}, the student's of {gpu}"
    clips = cases_of(runs, comparison.scenario, comparison.teacher, setting)
    if several := _several(runs, comparison, comparison.teacher, setting):
        time_s, clips, lacks = None, {}, several
    elif not clips:
        lacks = "; ".join(filter(None, (lacks, "no clips of it to judge")))
    return Row(setting, request.steps, request.guidance_scale, time_s, clips, lacks)


def _time(runs: Sequence[Run], model: str, setting: str) -> tuple[float | None, str | None, str]:
    """Give the median time of a model's sound speed cases and its GPU, or why there is none; lent ones have no time."""
    cases = list(cases_of([replace(run, lent=[]) for run in runs], SPEED, model, setting).values())
    if not cases:
        return None, None, "its speed was not asked for"
    sound = [case for case in cases if _is_sound(case)]
    gpus = {case.measurement.devices[0].name for case in sound if case.measurement}
    times = [time_s for case in sound if (time_s := figures(case).prompt_to_host_s) is not None]
    if not times:
        return None, None, f"its speed case is {cases[0].status}, or its time does not count (a toy, a shared GPU)"
    if len(gpus) > 1:
        return None, None, f"its times are of {' and '.join(sorted(gpus))}"
    return median(times), gpus.pop(), ""


def _is_sound(case: CaseRecord) -> bool:
    return (case.status == "passed" or is_over_only(case)) and is_timed(case.plan) and not is_shared(case)
