"""reports/equal_time.py: the teacher's rows beside a student's time and clips; what lacks a number is named."""

import sys
from collections.abc import Mapping

import msgspec
import pytest

from reports.comparison_record import StudentTeacher
from reports.equal_time import Row, equal_times, most_steps_within
from reports.equal_time_lines import equal_time_lines
from reports.judged import Margin
from reports.measured import MetricValue
from reports.record import CaseRecord, Run, Status
from reports.summary import render_summary, render_together
from tests.reports_samples import case_of, planned, replaced, run_of
from tests.test_reports_verdicts import IN_ONE_PIECE, PROMPTS, SEAMS, STUDENT, TEACHER, clip, nameless

SCORE = Margin(metric="score", better="higher", absolute=0.5, why="it would look worse")
STEPS = {"480p81-4step": 4, "480p81-8step": 8, "480p81": 50}
TIMES = {"480p81-4step": 5.0, "480p81-8step": 9.0, "480p81": 50.0}
SCORES = {"480p81-4step": 20.0, "480p81-8step": 30.0, "480p81": 31.0}


def timed(model: str, setting: str, total_s: float, steps: int = 3) -> CaseRecord:
    """Give a sound case of scenario speed."""
    return replaced(case_of(planned(model), total_s), setting=setting, steps=steps, weights="hub")


def scored(model: str, setting: str, value: float, steps: int = 3) -> list[CaseRecord]:
    """Give the clips of four prompts, all of this score."""
    return [replaced(clip(model, prompt, value), setting=setting, steps=steps) for prompt in PROMPTS]


def run_with(*cases: CaseRecord) -> Run:
    asked = StudentTeacher(
        id="distilled",
        students=[STUDENT],
        settings=["480p81"],
        teacher=TEACHER,
        teacher_setting="480p81",
        margins=[SCORE],
    )
    return msgspec.structs.replace(run_of(*cases), comparisons=[asked])


def whole(
    student_s: float = 6.0, times: Mapping[str, float] = TIMES, scores: Mapping[str, float] = SCORES
) -> list[CaseRecord]:
    """Give the student, 6 s and a score of 30, and the teacher's rows."""
    rows = [timed(TEACHER, setting, times[setting], STEPS[setting]) for setting in times]
    clips = [case for setting in scores for case in scored(TEACHER, setting, scores[setting], STEPS[setting])]
    return [timed(STUDENT, "480p81", student_s), *scored(STUDENT, "480p81", 30.0), *rows, *clips]


def test_most_steps_within_the_students_time_and_fewest_steps_that_are_as_good() -> None:
    """Four steps fit in 6 s and are far worse, eight are as good and take 1.5 times as long."""
    in_time, beside, as_good = equal_time_lines([run_with(*whole())])
    assert in_time == (
        f"equal time: {STUDENT} 480p81 takes 6.00 s from prompt to host frames; in that {TEACHER} makes 4 steps at "
        "guidance 5 (480p81-4step, 5.00 s)"
    )
    assert beside == f"  {STUDENT} 480p81 against that row: PASS score (4 prompts)"
    assert as_good == (
        f"  the fewest steps of {TEACHER} that are not inferior to it: 8 steps at guidance 5 (480p81-8step, 9.00 s), "
        "1.50× (one round each) its time"
    )


def test_ratio_of_the_times_is_that_of_the_matched_track_with_its_extremes() -> None:
    """8.8 to 9.4 s over 5.9 to 6.2 s; where attention differs, there is no ratio, only both times."""
    others = whole()[1:]
    rounds = [
        replaced(case_of(planned(model), *totals_s), setting=setting, steps=steps, weights="hub")
        for model, setting, steps, totals_s in (
            (STUDENT, "480p81", 3, (5.9, 6.0, 6.2)),
            (TEACHER, "480p81-8step", 8, (8.8, 9.0, 9.4)),
        )
    ]
    rest = [case for case in others if (case.plan.scenario, case.plan.setting) != ("speed", "480p81-8step")]
    as_good = equal_time_lines([run_with(*rounds, *rest)])[2]
    assert as_good.endswith("(480p81-8step, 9.00 s), 1.50× [1.42×, 1.59×] its time")
    apart = [replaced(c, attention="native_flash") if c.plan.model.id == STUDENT else c for c in whole()]
    assert equal_time_lines([run_with(*apart)])[2].endswith("(480p81-8step, 9.00 s)")


def test_teacher_that_is_better_in_the_same_time_is_told() -> None:
    """The student loses against the teacher's four steps: its speed buys nothing."""
    _, beside, as_good = equal_time_lines([run_with(*whole(scores={**SCORES, "480p81-4step": 31.0}))])
    assert beside == f"  {STUDENT} 480p81 against that row: FAIL score (4 prompts)"
    assert "4 steps" in as_good


@pytest.mark.parametrize("ended", ["passed", "crashed"])
def test_row_without_all_of_the_students_prompts_is_undecided(ended: Status) -> None:
    """Four steps were asked for two prompts of four, also where the student's clips of the others are not there."""
    cases = [
        case
        for case in whole(scores={**SCORES, "480p81-4step": 30.2})
        if (case.plan.scenario, case.plan.setting) != ("quality", "480p81-4step") or case.plan.prompt.id in PROMPTS[:2]
    ]
    lost = [
        msgspec.structs.replace(case, status=ended, measurement=None if ended == "crashed" else case.measurement)
        if (case.plan.model.id, case.plan.scenario) == (STUDENT, "quality") and case.plan.prompt.id in PROMPTS[2:]
        else case
        for case in cases
    ]
    _, beside, as_good = equal_time_lines([run_with(*lost)])
    why = "the row lacks 2 of the student's 4 prompts"
    assert beside == f"  {STUDENT} 480p81 against that row: INCONCLUSIVE score (2 prompts); {why}"
    if ended == "passed":
        assert "not inferior to it: 8 steps" in as_good
    assert as_good.endswith(f"; undecided: 480p81-4step ({why})")


@pytest.mark.parametrize(("time_s", "steps"), [(4.99, None), (5.0, 4), (8.99, 4), (9.0, 8), (60.0, 50)])
def test_a_row_that_takes_exactly_the_students_time_is_within(time_s: float, steps: int | None) -> None:
    """Just under, equal, just over."""
    rows = [Row(setting, STEPS[setting], 5.0, TIMES[setting], {}) for setting in TIMES]
    found = most_steps_within(rows, time_s)
    assert (found.steps if found else None) == steps


def test_of_equal_steps_the_quicker_row_is_taken() -> None:
    """With and without guidance."""
    rows = [Row("cfg", 4, 5.0, 5.0, {}), Row("nocfg", 4, 1.0, 2.5, {})]
    found = most_steps_within(rows, 6.0)
    assert found is not None
    assert found.setting == "nocfg"


def test_no_row_in_time_names_the_quickest() -> None:
    """The student takes 1 s, four steps take 5."""
    first, *others = equal_time_lines([run_with(*whole(student_s=1.0))])
    assert first.endswith(
        f"{TEACHER} makes none of its rows in that, the quickest is 4 steps at guidance 5 (480p81-4step, 5.00 s)"
    )
    assert "9.00× (one round each) its time" in others[0]


def test_rows_that_lack_time_or_clips_are_named() -> None:
    """Four steps were never timed, eight have no clips: no answer is made up of either."""
    times = {name: TIMES[name] for name in ("480p81-8step", "480p81")}
    scores = {name: SCORES[name] for name in ("480p81-4step", "480p81")}
    lines = equal_time_lines([run_with(*whole(student_s=10.0, times=times, scores=scores))])
    assert "in that" in lines[0]
    assert lines[1] == "  that row has no clips of the student's prompts and seeds"
    assert lines[2].startswith(f"  the fewest steps of {TEACHER} that are not inferior to it: 50 steps")
    assert lines[3] == (
        "  rows that lack something: 480p81-4step (its speed was not asked for), 480p81-8step (no clips of it to judge)"
    )


def test_without_the_students_time_there_is_no_equal_time() -> None:
    """Its clips alone still say which row is as good."""
    first, second = equal_time_lines([run_with(*whole()[1:])])
    assert first == f"equal time: {STUDENT} 480p81: no answer, its speed was not asked for"
    assert "8 steps" in second


def test_times_of_another_gpu_are_not_laid_beside() -> None:
    """Nothing is scaled from one GPU to another."""
    student, *others = whole()
    assert student.measurement is not None
    device = msgspec.structs.replace(student.measurement.devices[0], name="NVIDIA L4")
    elsewhere = msgspec.structs.replace(
        student, measurement=msgspec.structs.replace(student.measurement, devices=[device])
    )
    lines = equal_time_lines([run_with(elsewhere, *others)])
    assert lines[0].endswith(f"no row of {TEACHER} has a time beside it")
    assert "480p81-4step (its time is of NVIDIA H200, the student's of NVIDIA L4)" in lines[-1]


def test_failed_speed_gives_no_time() -> None:
    """An out-of-memory row is not the quickest."""
    cases = [
        msgspec.structs.replace(case, status="oom", measurement=None) if case.plan.setting == "480p81-4step" else case
        for case in whole()
    ]
    (one,) = equal_times([run_with(*cases)])
    assert one.in_time is None
    assert one.rows[0].lacks.startswith("its speed case is oom")


def test_row_of_another_precision_or_length_is_none_of_the_teachers() -> None:
    """What differs in more than steps and guidance is another question."""
    cases = [
        replaced(case, frames=33) if case.plan.setting == "480p81-4step" else case
        for case in whole()
        if case.plan.setting != "480p81-8step"
    ] + [replaced(timed(TEACHER, "480p81-8step", 9.0, 8), vae_dtype="float32")]
    assert equal_times([run_with(*cases)]) == []


@pytest.mark.parametrize("change", [{"shift": 5.0}, {"batch": 2}, {"fps": 24.0}, {"attention": "native_math"}])
def test_row_that_differs_in_more_than_steps_is_none_of_the_teachers(change: dict[str, object]) -> None:
    """Each of these would be another question."""
    cases = [replaced(case, **change) if case.plan.setting == "480p81-8step" else case for case in whole()]
    (one,) = equal_times([run_with(*cases)])
    assert [row.setting for row in one.rows] == ["480p81-4step", "480p81"]


def test_rows_of_an_earlier_run_count() -> None:
    """The teacher's clips were lent by it: eight steps have no time here, and answer by their clips."""
    cases = whole()
    lent = [case for case in cases if (case.plan.model.id, case.plan.scenario) == (TEACHER, "quality")]
    own = [case for case in cases if case not in lent and case.plan.setting != "480p81-8step"]
    lines = equal_time_lines([msgspec.structs.replace(run_with(*own), lent=lent)])
    assert "not inferior to it: 8 steps at guidance 5 (480p81-8step)" in lines[2]
    assert lines[3] == "  rows that lack something: 480p81-8step (its speed was not asked for)"


def test_rows_whose_values_came_from_other_code_are_not_judged() -> None:
    """By what is said of the first: eight steps are as good, or are not; nobody knows."""
    cases = [nameless(c) if c.plan.model.id == TEACHER and c.plan.scenario == "quality" else c for c in whole()]
    *_, last = equal_time_lines([run_with(*cases)])
    assert last.startswith(f"  which row of {TEACHER} is as good is not judged: not comparable: measured by other form")


def test_rows_that_were_looked_at_for_seams_elsewhere_are_not_judged() -> None:
    """As clips of an earlier suite, whose student had other blocks; looked at alike they are."""
    cases = [replaced(case, seams_at=[9, 21, 33]) for case in whole()]
    assert "8 steps" in equal_time_lines([run_with(*cases)])[-1]
    others = [replaced(c, seams_at=[5, 9, 13]) if c.plan.model.id == TEACHER else c for c in cases]
    *_, beside, last = equal_time_lines([run_with(*others)])
    why = "not comparable: clips were looked at for seams at different frames: (9, 21, 33) and (5, 9, 13)"
    assert beside.endswith(f"against that row: INCONCLUSIVE score (4 prompts); {why}")
    why = "not comparable: clips were looked at for seams at different frames: (5, 9, 13) and (9, 21, 33)"
    assert last == f"  which row of {TEACHER} is as good is not judged: {why}"


def test_row_of_two_recipes_under_one_name_is_not_judged() -> None:
    """Clips of eight steps in one run and of six in another: no row, as it is of no one model; so with the student."""
    cases = whole()
    rows = [case for case in cases if case.plan.setting == "480p81-8step"]
    runs = [run_with(*cases), run_with(*(replaced(case, steps=6, seed=1) for case in rows))]
    *_, answer, lacks = equal_time_lines(runs)
    assert "50 steps" in answer
    assert lacks == (
        "  rows that lack something: 480p81-8step (its speed cases were made from different things: "
        "request.steps 8 and 6)"
    )
    students = [replaced(case, compile="all", seed=1) for case in cases if case.plan.model.id == STUDENT]
    first, second = equal_time_lines([run_with(*cases), run_with(*students)])
    assert first.endswith("no answer, its speed cases were made from different things: recipe.compile 'none' and 'all'")
    assert "is not judged: its speed cases were made from different things" in second


def test_student_that_was_made_again_with_another_recipe_is_the_later_one() -> None:
    """All of it is; its speed made again alone is not the time of its clips, one clip alone is not of them."""
    cases = whole()
    again = [replaced(case, compile="all") for case in whole(student_s=9.0) if case.plan.model.id == STUDENT]
    first, *_ = equal_time_lines([run_with(*cases), run_with(*again)])
    assert "takes 9.00 s from prompt to host frames; in that wan2.1-t2v-1.3b makes 8 steps" in first
    idle = [msgspec.structs.replace(case, status="not_run", measurement=None) for case in again]
    assert "takes 6.00 s" in equal_time_lines([run_with(*cases), run_with(*idle)])[0]
    first, second = equal_time_lines([run_with(*cases), run_with(again[0])])
    why = "its speed cases and its clips were made from different things: recipe.compile 'all' and 'none'"
    assert (first.endswith(f"no answer, {why}"), why in second) == (True, True)
    first, _ = equal_time_lines([run_with(*cases), run_with(again[1])])
    assert "no answer, its clips were made from different things: recipe.compile 'all' and 'none'" in first


def test_teacher_that_was_made_again_with_another_recipe_is_the_later_one() -> None:
    """Every row of it, in time and clips; of one row alone, it is no row beside the others."""
    cases = whole()
    times = {name: 2 * time_s for name, time_s in TIMES.items()}
    again = [replaced(case, compile="all") for case in whole(times=times) if case.plan.model.id == TEACHER]
    first, *_ = equal_time_lines([run_with(*cases), run_with(*again)])
    assert "makes none of its rows in that, the quickest is 4 steps at guidance 5 (480p81-4step, 10.00 s)" in first
    (one,) = equal_times([run_with(*cases), run_with(*(c for c in again if c.plan.setting == "480p81-8step"))])
    assert [row.setting for row in one.rows] == ["480p81-4step", "480p81"]


@pytest.mark.parametrize("change", [{"frames": 21}, {"width": 416}, {"weights": "random"}])
def test_times_of_clips_of_another_size_or_weights_are_not_pooled(change: dict[str, object]) -> None:
    """A setting of one name in two runs, once shorter: its median time would be nobody's."""
    short = replaced(timed(STUDENT, "480p81", 1.5), seed=1, **change)
    (first, *_) = equal_time_lines([run_with(*whole()), run_with(short)])
    assert "no answer, its speed cases were made from different things: " in first


def test_random_weights_are_not_judged_and_their_times_are_shown() -> None:
    """The clips are noise, the times are not."""
    reason = "not applicable: random weights"
    cases = whole()
    noise = [clip(c.plan.model.id, c.plan.prompt.id, None, reason=reason) for c in cases]
    unjudged = [
        replaced(
            blank if case.plan.scenario == "quality" else case,
            setting=case.plan.setting,
            steps=case.plan.request.steps,
            weights="random",
        )
        for case, blank in zip(cases, noise, strict=True)
    ]
    first, second, third = equal_time_lines([run_with(*unjudged)])
    assert "makes 4 steps" in first
    assert second == f"  {STUDENT} 480p81 against that row: not applicable: random weights"
    assert third == f"  which row of {TEACHER} is as good is not judged: not applicable: random weights"


def with_seams(cases: list[CaseRecord], rows: float | None) -> Run:
    """Add seams to every clip: of 1.0 to the student's, of `rows` to the teacher's, None for clips in one piece."""
    own = MetricValue(id="seam_ratio", value=1.0, unit="1", better="lower")
    one_piece = msgspec.structs.replace(own, value=rows, reason=IN_ONE_PIECE, not_applicable=rows is None)

    def added(case: CaseRecord) -> CaseRecord:
        assert case.measurement is not None
        seen = own if case.plan.model.id == STUDENT else one_piece
        metrics = [*case.measurement.metrics, seen]
        return msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, metrics=metrics))

    run = run_with(*(added(case) if case.plan.scenario == "quality" else case for case in cases))
    asked = msgspec.structs.replace(run.comparisons[0], margins=[SCORE, SEAMS])
    return msgspec.structs.replace(run, comparisons=[asked])


def test_student_of_blocks_has_an_answer_too() -> None:
    """The teacher's rows were looked at where its blocks begin."""
    lines = equal_time_lines([with_seams(whole(), 1.0)])
    assert lines[1] == f"  {STUDENT} 480p81 against that row: PASS score, seam_ratio (4 prompts)"
    assert "not inferior to it: 8 steps at guidance 5" in lines[2]


def test_rows_that_nobody_looked_at_for_seams_are_not_judged() -> None:
    """As records from before that was done: nothing but the missing number keeps eight steps from being as good."""
    last = equal_time_lines([with_seams(whole(), None)])[-1]
    assert last == (f"  which row of {TEACHER} is as good is not judged: the row's clips have no value of seam_ratio")


def test_without_scipy_there_is_a_line_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A summary is rendered all the same."""
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    monkeypatch.setitem(sys.modules, "scipy", None)
    (line,) = equal_time_lines([run_with(*whole())])
    assert line.startswith("equal time: no answer, ")
    assert line.endswith("; install scipy")


def test_summary_of_one_run_and_of_several_ends_with_the_answer() -> None:
    """Student and teacher may be runs of their own."""
    cases = whole()
    line = f"equal time: {STUDENT} 480p81 takes 6.00 s"
    assert line in render_summary(run_with(*cases), 200)
    apart = [run_with(*cases[:5]), run_with(*cases[5:])]
    assert line in render_together(apart, 200)
    assert line not in render_summary(apart[0], 200)
