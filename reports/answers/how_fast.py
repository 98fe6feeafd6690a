"""How many times as fast is the student as its teacher, at matched settings, and how sure is that."""

from collections.abc import Sequence

from reports.answers.answer import Answer, anchor, not_measured, prefix
from reports.answers.subject import TOY, Subject, caveats, device_name, named, ratios
from reports.compare import Comparison, is_timed, sampling_recipe
from reports.comparison_lines import barred_lines, times, with_extremes
from reports.record import Run
from reports.rows import figures, show

ID, QUESTION = "speed", "How many times as fast, at matched settings?"
MEASURE = "pytest benchmarks/ --suite quick"
MOST_PAIRS = 20
FIELD = "measurement.rounds[].prompt_to_host_s"


def answer(runs: Sequence[Run], subject: Subject) -> Answer:
    """Give the ratio of the medians from prompt to host frames, with the extremes over all pairs of rounds."""
    student, teacher, pair = subject
    if student is None or teacher is None or pair is None:
        return not_measured(ID, QUESTION, _why(runs), MEASURE, _others(runs, None))
    ratio, low, high = _of_student(pair, is_faster=pair.faster == student.case)
    rounds = [len(one.case.measurement.rounds) for one in (student, teacher) if one.case.measurement]
    ends = dict.fromkeys((times(low), times(high)))  # one where they differ by less than is written
    spread = f"{' to '.join(ends)}, extremes over {rounds[0]} × {rounds[1]} rounds"
    times_s = [figures(one.case).prompt_to_host_s for one in (student, teacher)]
    return Answer(
        id=ID,
        question=QUESTION,
        headline=times(ratio),
        interval=spread if low < high else "one round each: nothing tells how sure that is",
        sentence=f"{named(student)} takes {show(times_s[0])} s from prompt to the last frame in host memory, "
        f"{named(teacher)} {show(times_s[1])} s, on one {device_name(student)}.",
        tone="good" if low > 1 else "bad" if high < 1 else "neutral",
        lines=(
            f"{sampling_recipe(student.case)} against {sampling_recipe(teacher.case)}; all else is the same.",
            *_others(runs, pair),
        ),
        caveats=caveats(student, teacher),
        anchors=(anchor(student, FIELD), anchor(teacher, FIELD)),
    )


def _of_student(pair: Comparison, *, is_faster: bool) -> tuple[float, float, float]:
    if is_faster:
        return pair.ratio, pair.low, pair.high
    return 1 / pair.ratio, 1 / pair.high, 1 / pair.low


def _others(runs: Sequence[Run], told: Comparison | None) -> tuple[str, ...]:
    """Tell every other pair; those without a ratio with what keeps them from one."""
    others = [
        (at, pair)
        for at, pair in ratios(runs)
        if told is None or (pair.faster.id, pair.slower.id) != (told.faster.id, told.slower.id)
    ]
    lines = [
        f"{prefix(at, len(runs))}{_short(pair)}: {with_extremes(pair.ratio, pair.low, pair.high)}"
        for at, pair in others[:MOST_PAIRS]
    ]
    more = len(others) - MOST_PAIRS
    barred = [line for run in runs for line in barred_lines(run)]
    return (
        *(["Ratios of medians; in brackets the extremes over all pairs of rounds."] if lines else []),
        *lines,
        *([f"And {more} more, below under “How many times as fast”."] if more > 0 else []),
        *dict.fromkeys(barred),
    )


def _short(pair: Comparison) -> str:
    fast, slow = pair.faster.plan, pair.slower.plan
    return f"{fast.model.id} {fast.setting} over {slow.model.id} {slow.setting}, {fast.prompt.id} s{fast.seed}"


def _why(runs: Sequence[Run]) -> str:
    plans = [case.plan for run in runs for case in run.cases]
    if plans and all(plan.recipe.weights == "tiny" for plan in plans):
        return f"These are {TOY}."
    if not any(is_timed(plan) for plan in plans):
        return "No case here is timed after a warm-up."
    if len({plan.model.id for plan in plans if plan.track == "matched"}) < 2:
        return "A ratio takes two models in the matched track; here is at most one."
    return "No two passed cases of the matched track differ in their sampling recipe alone."
