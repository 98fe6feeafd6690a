"""What does the teacher give in the student's time, and is that as good."""

from collections.abc import Sequence

from reports.answers.answer import Anchor, Answer, not_measured
from reports.answers.subject import Subject, caveats
from reports.equal_time import DECIDED, EqualTime, equal_times
from reports.equal_time_lines import equal_time_lines
from reports.record import Run
from reports.rows import one_line, show
from reports.verdicts import comparisons_of, overall

ID, QUESTION = "equal-time", "What does the teacher give in the student's time?"
UNNAMED = (
    "No teacher is named here: [[comparisons]] of a suite's TOML do that, by students, settings, teacher and "
    "teacher_setting. Suite paper has them; without them no row is taken for a teacher's."
)
MEASURE = "pytest benchmarks/bench_speed.py --suite paper --model causvid-1.3b,wan2.1-t2v-1.3b"
TAKES = "16 cases, about 25 min"


def answer(runs: Sequence[Run], subject: Subject) -> Answer:
    """Give the teacher's row with the most steps that takes no longer, and the student's verdict against it."""
    try:
        found = equal_times(runs)
    except ModuleNotFoundError as error:  # the other answers must not be lost for it
        return not_measured(ID, QUESTION, f"Cannot be worked out: {error}.", "pip install scipy")
    timed = next((one for one in found if one.time_s is not None), None)
    if timed is None:
        why = f"{found[0].student}: {found[0].reason}." if found else _missing(runs)
        return not_measured(ID, QUESTION, why, MEASURE, tuple(equal_time_lines(runs)), TAKES)
    headline, sentence = _told(timed)
    verdict = overall(timed.beside) if timed.beside else "not measured"
    return Answer(
        id=ID,
        question=QUESTION,
        headline=headline,
        interval="" if verdict not in DECIDED else f"student against that row: {verdict}",
        sentence=sentence,
        tone="good" if verdict == "PASS" else "bad" if verdict == "FAIL" else "neutral",
        lines=tuple(equal_time_lines(runs)),
        caveats=caveats(subject.student),
        anchors=(Anchor(0, "", ("comparisons",)),),
    )


def _missing(runs: Sequence[Run]) -> str:
    """Say what of the comparisons is not among the runs, so that no teacher's rows stand beside a student."""
    asked = comparisons_of(runs)
    if not asked:
        return UNNAMED
    here = {(case.plan.model.id, case.plan.setting) for run in runs for case in (*run.cases, *run.lent)}
    named = [one for one in asked if any((model, at) in here for model in one.students for at in one.settings)]
    if not named:
        students = ", ".join(f"{model} {setting}" for model in asked[0].students for setting in asked[0].settings)
        return f"No case of the students that [[comparisons]] name is here: {one_line(students, 200)}."
    teacher, setting = named[0].teacher, named[0].teacher_setting
    if (teacher, setting) not in here:
        return f"No case of the teacher that [[comparisons]] name is here: {teacher} {setting}."
    return f"No rows of {teacher} are here that differ from its {setting} in steps and guidance alone."


def _told(one: EqualTime) -> tuple[str, str]:
    start = f"{one.student} takes {show(one.time_s)} s;"
    if one.in_time is not None:
        row = one.in_time
        told = f"{row.steps} steps at guidance {row.guidance_scale:g} ({show(row.time_s)} s)"
        return f"{row.steps} steps", f"{start} in that {one.teacher} makes {told}."
    timed = [row for row in one.rows if row.time_s is not None]
    if not timed:
        return "Not measured", f"{start} no row of {one.teacher} has a time beside it."
    quickest = min(timed, key=lambda row: row.time_s or 0.0)
    return (
        "Nothing",
        f"{start} even {quickest.steps} steps of {one.teacher} take longer ({show(quickest.time_s)} s).",
    )
