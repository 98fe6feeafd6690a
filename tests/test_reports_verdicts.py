"""reports/verdicts.py: pairs by what must be the same, nothing dropped, broken clips the worst, several runs as one."""

import doctest
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from fixtures.results import exit_status
from reports import formulas as formulas_module
from reports import verdict_lines as lines_module
from reports.__main__ import main
from reports.comparison_record import MarginVerdict, StudentTeacher, StudentVerdict
from reports.html import render_html
from reports.judged import Floor, JudgedFloor, Margin
from reports.margins import DIVERSITY, MARGINS, OVER_PROMPTS
from reports.measured import MetricValue
from reports.record import CaseRecord, Run, Status, WeightsRecord
from reports.strict_json import write_json_atomically
from reports.summary import render_summary, render_together
from reports.verdict_lines import verdict_lines
from reports.verdicts import is_breach, overall, verdicts
from tests.reports_samples import case_of, planned, replaced, run_of

STUDENT, TEACHER = "causvid-1.3b", "wan2.1-t2v-1.3b"
SCORE = Margin(metric="score", better="higher", absolute=0.5, why="it would look worse")
DRIFT = Margin(metric="L_drift", better="lower", absolute=4.0, magnitude=True, why="light runs away")
MOTION = Margin(metric="flow95", better="higher", of_teacher_pct=25.0, worst=0.0, why="motion collapses")
DIVERSE = Margin(metric=DIVERSITY, better="higher", of_teacher_pct=25.0, worst=0.0, why="seeds give one clip")
PROMPTS = ("dogs", "campfire", "sailboat", "fox")


def clip(
    model: str,
    prompt: str,
    value: float | None,
    *,
    metric: str = "score",
    seed: int = 0,
    weights: str = "hub",
    status: Status = "passed",
    feature: Sequence[float] = (),
    reason: str = "",
) -> CaseRecord:
    """Give a clip of scenario quality with one metric; None has a `reason`, and "not applicable" is none."""
    case = replaced(case_of(planned(model, prompt, seed=seed), 4.0, status=status), scenario="quality", weights=weights)
    assert case.measurement is not None
    one = MetricValue(
        id=metric,
        value=value,
        unit="1",
        better="higher",
        reason=reason,
        not_applicable=reason.startswith("not app"),
        formula="3f2a",
    )
    features = {"clip-vit-base-patch32": list(feature)} if feature else {}
    measurement = msgspec.structs.replace(
        case.measurement,
        metrics=[one],
        features=features,
        features_formula="51e0" if features else "",
        features_weights_sha256="c1" * 32 if features else "",
    )
    return msgspec.structs.replace(case, measurement=measurement)


def run_with(*cases: CaseRecord, margins: Sequence[Margin] = (SCORE,)) -> Run:
    """Give a run whose suite holds the student against the teacher."""
    asked = StudentTeacher(
        id="distilled",
        students=[STUDENT],
        settings=["480p81"],
        teacher=TEACHER,
        teacher_setting="480p81",
        margins=list(margins),
    )
    run = msgspec.structs.replace(run_of(*cases), comparisons=[asked])
    return msgspec.structs.replace(run, verdicts=verdicts([run]))


def pairs(differences: Sequence[float], teacher: float = 30.0, metric: str = "score") -> list[CaseRecord]:
    """Give student and teacher of a prompt for each difference."""
    return [
        clip(model, prompt, teacher + (difference if model == STUDENT else 0.0), metric=metric)
        for prompt, difference in zip(PROMPTS, differences, strict=False)
        for model in (STUDENT, TEACHER)
    ]


def only_row(run: Run) -> MarginVerdict:
    ((row,),) = (one.rows for one in verdicts([run]))
    return row


def test_doctests() -> None:
    """What the docstrings show is so."""
    for module in (lines_module, formulas_module):
        assert doctest.testmod(module).attempted >= 1
        assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [(-0.499, "PASS"), (-0.5, "INCONCLUSIVE"), (-0.501, "FAIL")],
)
def test_the_margin_is_where_the_verdict_turns(difference: float, verdict: str) -> None:
    """Differences that are all equal have no width: just inside passes, just outside fails, at the margin neither."""
    row = only_row(run_with(*pairs([difference] * 4, teacher=0.0)))
    assert (row.verdict, row.prompts, row.clips) == (verdict, 4, 4)
    assert row.difference == pytest.approx(difference)


def by_formulas(formulas: dict[str, str], cases: Sequence[CaseRecord]) -> list[CaseRecord]:
    """Give the cases with each model's metrics measured by its formula."""
    return [
        msgspec.structs.replace(
            case,
            measurement=msgspec.structs.replace(
                case.measurement,
                metrics=[
                    msgspec.structs.replace(metric, formula=formulas[case.plan.model.id])
                    for metric in case.measurement.metrics
                ],
            ),
        )
        for case in cases
        if case.measurement is not None
    ]


@pytest.mark.parametrize(("teacher", "named"), [("9b1c", "9b1c"), ("", "one not recorded")])
def test_values_of_another_formula_are_not_compared(teacher: str, named: str) -> None:
    """Under one id, however good they look; which fails a strict run, and the sentence names both formulas."""
    run = run_with(*by_formulas({STUDENT: "3f2a", TEACHER: teacher}, pairs([1.0] * 4)))
    row = only_row(run)
    assert (row.verdict, row.difference, row.prompts, row.clips) == ("INCONCLUSIVE", None, 4, 4)
    assert verdict_lines(run.verdicts)[1] == (
        f"  INCONCLUSIVE: score; not comparable: measured by other formulas, the student's clips by 3f2a, "
        f"the teacher's by {named}; make the older clips again"
    )
    assert is_breach(run.verdicts, strict=True)
    assert not is_breach(run.verdicts, strict=False)


def older(run: Run, run_id: str = "run-1") -> Run:
    """Give a run as a record from before formulas were kept has it."""
    return msgspec.structs.replace(run, run_id=run_id, cases=[nameless(case) for case in run.cases])


def nameless(case: CaseRecord) -> CaseRecord:
    assert case.measurement is not None
    metrics = [msgspec.structs.replace(metric, formula="") for metric in case.measurement.metrics]
    return msgspec.structs.replace(
        case,
        measurement=msgspec.structs.replace(
            case.measurement, metrics=metrics, features_formula="", features_weights_sha256=""
        ),
    )


@pytest.mark.parametrize("margin", [SCORE, DIVERSE])
def test_formulas_that_are_not_recorded_are_those_of_one_run_alone(margin: Margin) -> None:
    """Within an older run values are compared as ever; over two of them, and with what one was lent, nobody knows."""
    diverse = margin is DIVERSE
    cases = [*seeded(0.4, STUDENT), *seeded(0.4, TEACHER)] if diverse else pairs([0.0] * 4)
    own, theirs = ([c for c in cases if c.plan.model.id == model] for model in (STUDENT, TEACHER))
    whole, student, teacher = (run_with(*some, margins=[margin]) for some in (cases, own, theirs))
    lent = msgspec.structs.replace(older(student), lent=older(teacher).cases)
    others = msgspec.structs.replace(older(run_with(margins=[margin]), "run-9"), lent=older(student).cases)
    assert only_row(older(whole)).verdict == "PASS"
    for runs, told in (
        ([student, teacher], ""),
        ([older(student), older(teacher, "run-9")], r"one not recorded in run 1 \(run-1\), .* run 2 \(run-9\); make"),
        (
            [student, older(teacher)],
            r"by (3f2a|51e0 with weights (c1){6}), the teacher's by one not recorded in run 2 \(run-1\)",
        ),
        ([lent], r"the teacher's by one not recorded in the run that lent to run 1 \(run-1\); make"),
        (
            [msgspec.structs.replace(lent, cases=[]), others],
            r"lent to run 2 \(run-9\), the teacher's by one not recorded in the run that lent to run 1 \(run-1\)",
        ),
    ):
        (one,) = verdicts(runs)
        (row,) = one.rows
        assert row.verdict == ("INCONCLUSIVE" if told else "PASS")
        assert re.search(told, row.reason), row.reason


def scored_by(weights: str, cases: Sequence[CaseRecord]) -> list[CaseRecord]:
    """Give clips whose score is a network's of these weights."""
    found = []
    for case in cases:
        assert case.measurement is not None
        metrics = [msgspec.structs.replace(metric, weights_sha256=weights) for metric in case.measurement.metrics]
        measurement = msgspec.structs.replace(case.measurement, metrics=metrics, features_weights_sha256=weights)
        found.append(replaced(msgspec.structs.replace(case, measurement=measurement), scorers=["score"]))
    return found


@pytest.mark.parametrize("margin", [SCORE, DIVERSE])
def test_values_of_networks_with_other_weights_are_not_compared(margin: Margin) -> None:
    """Of one formula: in one run or two; where weights are not recorded, two runs are two networks, and one is one."""
    cases = [*seeded(0.4, STUDENT), *seeded(0.4, TEACHER)]
    own, theirs = ([c for c in cases if c.plan.model.id == model] for model in (STUDENT, TEACHER))
    a, b = "a1" * 32, "a1" * 31 + "b2"
    for student, teacher, apart, told in (
        (a, a, True, ""),
        ("", "", False, ""),
        (a, b, True, "with weights a1a1a1a1a1a1, the teacher's by"),
        (a, b, False, "scored with other weights, the student's clips by"),
        (a, "", True, r"with weights a1a1a1a1a1a1, the teacher's by \S+ with weights one not recorded in run 2"),
        ("", "", True, r"recorded in run 1 \(.*\), the teacher's by \S+ with weights one not recorded in run 2"),
    ):
        sides = scored_by(student, own), scored_by(teacher, theirs)
        runs = [run_with(*side, margins=[margin]) for side in (sides if apart else [[*sides[0], *sides[1]]])]
        ((row,),) = (one.rows for one in verdicts(runs))
        assert row.verdict == ("INCONCLUSIVE" if told else "PASS"), (student, teacher, row)
        assert re.search(told, row.reason), row.reason


def test_one_clip_of_another_formula_is_enough() -> None:
    """A run that was resumed with other code."""
    (first, *rest) = by_formulas({STUDENT: "3f2a", TEACHER: "3f2a"}, pairs([1.0] * 4))
    assert only_row(run_with(first, *rest)).verdict == "PASS"
    (other,) = by_formulas({STUDENT: "9b1c", TEACHER: "9b1c"}, [first])
    assert "the student's clips by 3f2a and 9b1c, the teacher's by 3f2a" in only_row(run_with(other, *rest)).reason


def test_formula_of_a_clip_without_a_value_does_not_count() -> None:
    """It counts as the worst, by whatever formula it has none."""
    own = by_formulas({STUDENT: "3f2a", TEACHER: "3f2a"}, pairs([1.0] * 4))
    none = by_formulas({STUDENT: "9b1c"}, [clip(STUDENT, PROMPTS[0], None, reason="it raised")])
    row = only_row(run_with(*none, *own[1:]))
    assert (row.missing_student, "not comparable" in row.reason) == (1, False)


def test_wide_differences_are_inconclusive_and_say_how_many_prompts_more() -> None:
    """6.2 (1.1547 / 0.5)² is 33.07, so 34 prompts and thus 30 more."""
    run = run_with(*pairs([-1.0, 1.0, -1.0, 1.0]))
    assert (only_row(run).verdict, only_row(run).more_prompts) == ("INCONCLUSIVE", 30)
    assert "about 30 more prompts would decide (80 % power" in verdict_lines(run.verdicts)[1]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("size", "verdict"), [(3.99, "PASS"), (4.0, "INCONCLUSIVE"), (4.01, "FAIL")])
def test_darkening_counts_as_brightening_does(sign: int, size: float, verdict: str) -> None:
    """L* that drifts by this much more than the teacher's none, either way."""
    cases = pairs([sign * size] * 4, teacher=0.0, metric="L_drift")
    assert only_row(run_with(*cases, margins=[DRIFT])).verdict == verdict


def test_drifts_of_both_signs_do_not_cancel() -> None:
    """Half of the clips brighten by 10, half darken by 10: their mean is 0, and the student fails."""
    cases = pairs([10.0, -10.0, 10.0, -10.0], teacher=0.0, metric="L_drift")
    assert only_row(run_with(*cases, margins=[DRIFT])).verdict == "FAIL"


@pytest.mark.parametrize(("share", "verdict"), [(0.76, "PASS"), (0.75, "INCONCLUSIVE"), (0.74, "FAIL")])
def test_motion_is_a_share_of_the_teachers(share: float, verdict: str) -> None:
    """A quarter less than the teacher's 2.0 is where it turns."""
    cases = pairs([2.0 * share - 2.0] * 4, teacher=2.0, metric="flow95")
    assert only_row(run_with(*cases, margins=[MOTION])).verdict == verdict


def broken(case: CaseRecord) -> CaseRecord:
    """Break a floor of this clip, as --quality report leaves it: passed."""
    assert case.measurement is not None
    floor = JudgedFloor(floor=Floor(metric="y_std", source="a test", at_least=5), actual=1.0, verdict="fail")
    return msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, floors=[floor]))


@pytest.mark.parametrize("how", ["no measurement", "broken alone", "NaN", "failed"])
def test_clip_that_is_missing_or_broken_counts_as_the_worst(how: str) -> None:
    """Three equal prompts and one without a clip that counts: no pass, and the clip is counted."""
    first, *others = pairs([0.0] * 4)
    assert first.measurement is not None
    no_number = clip(STUDENT, "dogs", None, reason="the metric gave nan")
    damaged = {
        "no measurement": msgspec.structs.replace(first, status="oom", measurement=None),
        "broken alone": broken(first),
        "NaN": no_number,
        "failed": msgspec.structs.replace(first, status="failed", reason="wrong frame count"),
    }[how]
    assert only_row(run_with(first, *others)).verdict == "PASS"
    run = run_with(damaged, *others)
    assert (only_row(run).verdict, only_row(run).missing_student) == ("INCONCLUSIVE", 1)
    assert "1 of 4 of the student's are missing or broken and count as the worst" in verdict_lines(run.verdicts)[1]


def test_clips_that_are_all_missing_fail() -> None:
    """Nothing that the student made counts, so it is worse than its teacher."""
    cases = [msgspec.structs.replace(c, measurement=None, status="oom") for c in pairs([0.0] * 4)[::2]]
    assert only_row(run_with(*cases, *pairs([0.0] * 4)[1::2])).verdict == "FAIL"


def test_teachers_clip_that_is_missing_leaves_no_pass() -> None:
    """The reference is not whole."""
    *others, last = pairs([0.0] * 4)
    row = only_row(run_with(*others, msgspec.structs.replace(last, measurement=None, status="crashed")))
    assert (row.verdict, row.missing_teacher) == ("INCONCLUSIVE", 1)
    assert "the reference is not whole" in row.reason


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"frames": 72}, "dogs s0: they differ in frames 81 and 72"),
        ({"fps": 24.0}, "dogs s0: they differ in fps 16.0 and 24.0"),
        ({"width": 848}, "dogs s0: they differ in width 832 and 848"),
        ({"weights": "random"}, "dogs s0: they differ in weights hub and random"),
    ],
)
def test_what_is_not_the_same_is_no_pair_and_named(changes: dict[str, object], told: str) -> None:
    """The student's clip stays without a reference: no pass."""
    student, teacher, *others = pairs([0.0] * 4)
    run = run_with(student, replaced(teacher, **changes), *others)
    (one,) = run.verdicts
    assert one.unmatched == [told]
    assert one.rows[0].verdict == "INCONCLUSIVE"
    assert f"  without a counterpart: {told}" in verdict_lines([one])


def test_clip_of_another_seed_is_no_pair_and_both_are_named() -> None:
    """Neither the student's without a reference passes, nor a teacher's that the student was never asked for."""
    student, teacher, *others = pairs([0.0] * 4)
    (one,) = run_with(student, replaced(teacher, seed=7), *others).verdicts
    assert one.unmatched == ["dogs s0: the teacher has no such clip", "dogs s7: the student was not asked for it"]
    assert one.rows[0].verdict == "INCONCLUSIVE"


@pytest.mark.parametrize(("difference", "verdict"), [(0.0, "INCONCLUSIVE"), (-1.0, "FAIL")])
def test_student_that_was_asked_for_a_part_of_the_prompts_does_not_pass(difference: float, verdict: str) -> None:
    """Two prompts of the teacher's four: equal on them is undecided, worse on them is worse."""
    cases = pairs([difference] * 2)
    run = run_with(*cases, *(clip(TEACHER, prompt, 30.0) for prompt in PROMPTS[2:]))
    assert only_row(run).verdict == verdict
    assert run.verdicts[0].unmatched == [f"{name} s0: the student was not asked for it" for name in PROMPTS[2:]]
    if verdict == "INCONCLUSIVE":
        assert "2 of the teacher's clips are of prompts or seeds that" in verdict_lines(run.verdicts)[1]
        assert is_breach(run.verdicts, strict=True)


def test_diversity_of_one_seed_against_the_teachers_two_is_undecided() -> None:
    """Of one clip there is none, and that its teacher has some is no reason to leave it out."""
    students = [case for case in seeded(0.4, STUDENT) if case.plan.seed == 0]
    run = run_with(*students, *seeded(0.4, TEACHER), margins=[DIVERSE])
    assert only_row(run).verdict == "INCONCLUSIVE"
    assert is_breach(run.verdicts, strict=True)
    alone = run_with(*students, *(case for case in seeded(0.4, TEACHER) if case.plan.seed == 0), margins=[DIVERSE])
    assert only_row(alone).verdict == "not measured"


def test_one_seed_at_two_lengths_is_no_diversity() -> None:
    """Of two runs whose clips go by one name: what differs are lengths, and no clip is of a second seed."""
    cases = [*seeded(0.4, STUDENT), *seeded(0.4, TEACHER)]
    first = [case for case in cases if case.plan.seed == 0]
    short = [replaced(case, seed=0, frames=21) for case in cases if case.plan.seed == 1]
    (one,) = verdicts([run_with(*first, margins=[DIVERSE]), run_with(*short, margins=[DIVERSE])])
    assert (one.rows[0].verdict, one.rows[0].reason) == ("not measured", "it takes two seeds of a prompt")


def test_nothing_that_was_measured_on_either_side_is_no_strict_pass() -> None:
    """Nobody tried to make a clip."""
    run = run_with(*ended("not_run", "not_run"))
    (row,) = run.verdicts[0].rows
    assert (row.verdict, row.reason) == ("not measured", "no clip was made: 8 not_run")
    assert (is_breach(run.verdicts, strict=False), is_breach(run.verdicts, strict=True)) == (False, True)


def ended(student: Status, teacher: Status) -> list[CaseRecord]:
    """Give four prompts whose cases ended so, without a clip."""
    how = {STUDENT: student, TEACHER: teacher}
    return [
        msgspec.structs.replace(case, status=how[case.plan.model.id], measurement=None) for case in pairs([0.0] * 4)
    ]


@pytest.mark.parametrize(
    ("student", "teacher", "verdict"),
    [
        ("crashed", "crashed", "FAIL"),
        ("oom", "not_run", "FAIL"),
        ("not_run", "crashed", "INCONCLUSIVE"),
        ("invalid_env", "invalid_env", "not measured"),
    ],
)
def test_student_that_made_no_clip_fails_whatever_its_teacher_made(
    student: Status, teacher: Status, verdict: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of its clips counts as the worst; one that nobody tried to make is no fault of its own."""
    write_json_atomically(tmp_path / "run.json", run_with(*ended(student, teacher)))
    assert main(["verdict", str(tmp_path / "run.json")]) == (verdict == "FAIL")
    told = capsys.readouterr().out
    assert f"{verdict}: " in told
    assert (f"the student made no clip (4 {student}); no clip of the teacher has a value" in told) == (
        verdict == "FAIL"
    )
    assert "no clip was put to it" not in told


@pytest.mark.parametrize("side", [STUDENT, TEACHER])
def test_score_that_was_asked_for_and_that_nobody_has_is_undecided(side: str) -> None:
    """Every clip was made, and no scorer came, which one side was to be put to; what neither was stays silent."""
    gone = pairs([0.0] * 4, metric="other")
    asked = [replaced(case, scorers=["score"]) if case.plan.model.id == side else case for case in gone]
    assert (only_row(run_with(*gone)).verdict, only_row(run_with(*asked)).verdict) == ("not measured", "INCONCLUSIVE")


def test_teacher_without_a_student_is_no_strict_pass(tmp_path: Path) -> None:
    """Nothing was held against it; and without any clip of a comparison the command passes nothing either."""
    run = run_with(*pairs([0.0] * 4)[1::2])
    assert [exit_status(0, run, mode) for mode in ("enforce", "strict", "report")] == [0, 1, 0]
    empty = run_with(case_of(planned(STUDENT), 4.0))
    assert [exit_status(0, empty, mode) for mode in ("enforce", "strict")] == [0, 0]
    write_json_atomically(tmp_path / "run.json", empty)
    modes = ("enforce", "strict", "report")
    assert [main(["verdict", str(tmp_path / "run.json"), "--quality", mode]) for mode in modes] == [0, 1, 0]


def swept(cases: Sequence[CaseRecord], sweep: str) -> list[CaseRecord]:
    """Give the cases as a session with `--set` names them."""
    return [replaced(case, setting=f"480p81+{sweep}") for case in cases]


def test_sweep_takes_no_verdict_away() -> None:
    """Each value of a swept setting has a verdict of its own, against the teacher in the same sweep."""
    good, bad = swept(pairs([0.0] * 4), "decode=streamed"), swept(pairs([-9.0] * 4), "decode=whole")
    assert [overall(one.rows) for one in run_with(*bad).verdicts] == ["FAIL"]
    both = run_with(*good, *bad).verdicts
    assert [(one.student.partition("+")[2], overall(one.rows)) for one in both] == [
        ("decode=streamed", "PASS"),
        ("decode=whole", "FAIL"),
    ]
    assert all(one.student.partition("+")[2] == one.teacher.partition("+")[2] for one in both)


@pytest.mark.parametrize(
    "sweep", ["guidance_scale=1.0", "decode=whole+steps=4", "shift=5.0", "negative_prompt=blurred"]
)
def test_sweep_of_how_the_teacher_samples_makes_no_weaker_teacher(sweep: str) -> None:
    """A student that is worse stays so: it is held against the teacher's own setting, or not judged without it."""
    weak = swept(pairs([0.0] * 4, teacher=20.0), sweep)
    (found,) = run_with(*weak).verdicts
    assert found.reason == f"no case of {TEACHER} 480p81 (quality) is here"
    own = [case for case in pairs([-9.0] * 4) if case.plan.model.id == TEACHER]
    (found,) = run_with(*weak, *own).verdicts
    assert (overall(found.rows), found.teacher) == ("FAIL", f"{TEACHER} 480p81")


def test_swept_student_is_held_against_a_teacher_that_was_not_swept() -> None:
    """Of two runs, the teacher's may be without the sweep; a student that is absent in one of two sweeps is told."""
    cases = pairs([-9.0] * 4)
    students, teachers = ([case for case in cases if case.plan.model.id == one] for one in (STUDENT, TEACHER))
    (found,) = run_with(*swept(students, "decode=whole"), *teachers).verdicts
    assert (overall(found.rows), found.teacher) == ("FAIL", f"{TEACHER} 480p81")
    (found,) = run_with(*students, *swept(teachers, "decode=whole")).verdicts
    assert found.reason == f"no case of {TEACHER} 480p81 (quality) is here"


@pytest.mark.parametrize("absent", [{"students": [STUDENT, "other"]}, {"settings": ["480p81", "480p81-fast"]}])
def test_student_of_a_comparison_that_is_wholly_absent_is_told_and_no_strict_pass(absent: dict[str, list[str]]) -> None:
    """Beside one that passes, in another model or another setting: left out of a run, it is not left out of its end."""
    run = run_with(*pairs([0.0] * 4))
    assert [exit_status(0, run, mode) for mode in ("enforce", "strict")] == [0, 0]
    asked = msgspec.structs.replace(run.comparisons[0], **absent)
    run = msgspec.structs.replace(run, comparisons=[asked])
    run = msgspec.structs.replace(run, verdicts=verdicts([run]))
    passed, missing = run.verdicts
    assert (overall(passed.rows), missing.rows) == ("PASS", [])
    assert missing.reason == f"no case of {missing.student} (quality) is here"
    assert missing.student in ("other 480p81", f"{STUDENT} 480p81-fast")
    assert f"{missing.student} against teacher {TEACHER} 480p81 (distilled): not judged, no case of" in render_summary(
        run, 200
    )
    assert [exit_status(0, run, mode) for mode in ("enforce", "strict", "report")] == [0, 1, 0]


def with_commit(case: CaseRecord, commit: str, *paths: str) -> CaseRecord:
    """Give the case as if its weights were the file `x` of repository a/b, or those `paths`, at this commit."""
    files = [
        WeightsRecord(repository="a/b", path=path, licence="", revision=None, resolved_revision=commit)
        for path in paths or ["x"]
    ]
    model = msgspec.structs.replace(case.plan.model, weights=files)
    return msgspec.structs.replace(case, plan=msgspec.structs.replace(case.plan, model=model))


@pytest.mark.parametrize("side", [STUDENT, TEACHER])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda case: replaced(case, compile="transformer"), "recipe.compile 'none' and 'transformer'"),
        (lambda case: replaced(case, steps=4), "request.steps .* and 4"),
        (lambda case: replaced(case, guidance_scale=2.5), "request.guidance_scale .* and 2.5"),
        (lambda case: with_commit(case, "f" * 40), "weights a/b/x '0+' and 'f+'"),
        (lambda case: with_commit(case, "0" * 40, "y"), "weights 'a/b/x' and 'a/b/y'"),
        (lambda case: with_commit(case, "0" * 40, "x", "lora"), "weights 'a/b/x' and 'a/b/lora, a/b/x'"),
    ],
)
def test_clips_of_two_recipes_under_one_name_are_no_one_model(
    side: str, change: Callable[[CaseRecord], CaseRecord], told: str
) -> None:
    """Of two runs, each of two prompts: not judged, and the field is named, which fails strictly."""
    cases = [with_commit(case, "0" * 40) for case in pairs([0.0] * 4)]
    (one,) = verdicts([run_with(*cases[:4]), run_with(*cases[4:])])
    assert overall(one.rows) == "PASS"
    others = [change(case) if case.plan.model.id == side else case for case in cases[4:]]
    (one,) = verdicts([run_with(*cases[:4]), run_with(*others)])
    assert one.rows == []
    assert re.fullmatch(f"the clips of {re.escape(side)} 480p81 were made from different things: {told}", one.reason)
    assert is_breach([one], strict=True)


def test_clips_looked_at_for_seams_at_different_frames_are_not_compared() -> None:
    """A teacher's clips of two runs, planned beside students of other blocks; of one grid they are."""
    cases = [replaced(case, seams_at=[9, 21, 33]) for case in pairs([0.0] * 4)]
    others = [replaced(case, seams_at=[5, 13, 29]) if case.plan.model.id == TEACHER else case for case in cases[4:]]
    (one,) = verdicts([run_with(*cases[:4]), run_with(*cases[4:])])
    assert (overall(one.rows), one.reason) == ("PASS", "")
    (one,) = verdicts([run_with(*cases[:4]), run_with(*others)])
    assert one.rows == []
    assert one.reason == "clips were looked at for seams at different frames: (9, 21, 33) and (5, 13, 29)"


def test_run_that_made_every_clip_again_is_of_one_model() -> None:
    """Of a case that several runs hold the last that ran counts, whatever the earlier ones were made from."""
    cases = pairs([-1.0] * 4)
    again = [replaced(case, compile="transformer") for case in pairs([0.0] * 4)]
    (one,) = verdicts([run_with(*cases), run_with(*again)])
    assert (overall(one.rows), one.reason) == ("PASS", "")
    idle = [msgspec.structs.replace(case, status="not_run", measurement=None) for case in again]
    (one,) = verdicts([run_with(*cases), run_with(*idle)])
    assert (overall(one.rows), one.reason) == ("FAIL", "")


@pytest.mark.parametrize("other", ["", "1" * 64])
def test_clip_that_continues_another_is_no_pair(other: str) -> None:
    """Or one that begins with nothing."""
    student, teacher, *others = (replaced(case, start_clip_sha256="2" * 64) for case in pairs([0.0] * 4))
    (one,) = run_with(student, replaced(teacher, start_clip_sha256=other), *others).verdicts
    assert one.unmatched == ["dogs s0: they differ in start_clip_sha256"]
    assert one.rows[0].verdict == "INCONCLUSIVE"


def test_another_text_under_the_same_prompt_id_is_no_pair() -> None:
    """Its hash differs."""
    student, teacher, *others = pairs([0.0] * 4)
    prompt = msgspec.structs.replace(teacher.plan.prompt, sha256="1" * 64)
    other = msgspec.structs.replace(teacher, plan=msgspec.structs.replace(teacher.plan, prompt=prompt))
    (one,) = run_with(student, other, *others).verdicts
    assert one.unmatched == ["dogs s0: they differ in sha256"]


def test_seeds_are_averaged_within_their_prompt() -> None:
    """Two seeds of two prompts are two prompts, with differences 0.1 and 0.2."""
    cases = [
        clip(model, prompt, 30.0 + (by if model == STUDENT else 0.0), seed=seed)
        for prompt, seed, by in [("dogs", 0, 0.0), ("dogs", 1, 0.2), ("fox", 0, 0.1), ("fox", 1, 0.3)]
        for model in (STUDENT, TEACHER)
    ]
    row = only_row(run_with(*cases))
    assert (row.prompts, row.clips) == (2, 4)
    assert row.difference == pytest.approx(0.15)


def test_student_and_teacher_of_two_runs_are_held_together() -> None:
    """Alone the student's run says what it lacks; together they give the verdict, shown once."""
    cases = pairs([-1.0] * 4)
    students, teachers = run_with(*cases[::2]), run_with(*cases[1::2])
    assert students.verdicts == [
        StudentVerdict(
            comparison="distilled",
            student=f"{STUDENT} 480p81",
            teacher=f"{TEACHER} 480p81",
            rows=[],
            reason=f"no case of {TEACHER} 480p81 (quality) is here",
        )
    ]
    (alone,) = teachers.verdicts
    assert (alone.rows, alone.reason) == ([], f"no case of {STUDENT} 480p81 (quality) is here")
    (one,) = verdicts([students, teachers])
    assert overall(one.rows) == "FAIL"
    told = render_together([students, teachers], 200)
    assert f"student {STUDENT} 480p81 against teacher {TEACHER} 480p81 (distilled): FAIL" in told
    assert "  FAIL: score -1 [-1, -1] (t, 4 prompts), limit -0.5: it would look worse" in told


def test_metric_of_content_is_not_applicable_with_random_weights_and_told_once() -> None:
    """Two margins, one line; nothing is decided and nothing fails, not even strictly."""
    cases = [
        clip(model, prompt, None, metric="flow95", weights="random", reason="not applicable: random weights")
        for prompt in PROMPTS
        for model in (STUDENT, TEACHER)
    ]
    also = msgspec.structs.replace(MOTION, better="lower")
    run = run_with(*cases, margins=[MOTION, also, DIVERSE, SCORE])
    assert [row.verdict for row in run.verdicts[0].rows] == ["not applicable"] * 2 + ["not measured"] * 2
    assert verdict_lines(run.verdicts)[1:] == [
        "  not applicable: random weights: flow95",
        "  not measured: no clip was put to it: score",
        "  not measured: it takes two seeds of a prompt: seed_diversity",
    ]
    assert not is_breach(run.verdicts, strict=True)


IN_ONE_PIECE = "not applicable: the clip was made in one piece, or nobody said where its blocks begin"
SEAMS = next(margin for margin in OVER_PROMPTS if margin.metric == "seam_ratio")


def seamed(teacher: float | None, student: float | None = 2.4) -> Run:
    """Give a run of clips with these seams; None is a clip in one piece that nobody looked at."""
    sides = ((STUDENT, student), (TEACHER, teacher))
    clips = [
        clip(model, prompt, value, metric="seam_ratio", reason="" if value is not None else IN_ONE_PIECE)
        for prompt in PROMPTS
        for model, value in sides
    ]
    return run_with(*clips, margins=[SEAMS])


@pytest.mark.parametrize(
    ("teacher", "student", "verdict"),
    [(1.0, 2.4, "FAIL"), (1.0, 1.4, "PASS"), (None, 2.4, "INCONCLUSIVE"), (None, None, "not applicable")],
)
def test_seams_of_the_student_beside_a_teacher_in_one_piece(
    teacher: float | None, student: float | None, verdict: str
) -> None:
    """Within the limit of a single clip, and yet worse; a teacher that was not looked at lets nothing pass."""
    run = seamed(teacher, student)
    assert only_row(run).verdict == verdict
    assert is_breach(run.verdicts, strict=True) == (verdict in ("FAIL", "INCONCLUSIVE"))


def test_teacher_that_was_not_looked_at_is_told_with_its_reason() -> None:
    """In the row, which has no number."""
    (line,) = verdict_lines(seamed(None).verdicts)[1:]
    assert line == f"  INCONCLUSIVE: seam_ratio; no clip of the teacher has a value of seam_ratio: {IN_ONE_PIECE}"


def test_teacher_whose_scorer_could_not_be_had_silences_no_margin() -> None:
    """The student has its score: undecided, which fails strictly."""
    reason = "not applicable: its weights are not here"
    students = [clip(STUDENT, prompt, 20.0) for prompt in PROMPTS]
    run = run_with(*students, *(clip(TEACHER, prompt, None, reason=reason) for prompt in PROMPTS))
    assert only_row(run).verdict == "INCONCLUSIVE"
    assert is_breach(run.verdicts, strict=True)


def test_student_without_a_clip_is_not_excused_by_random_weights() -> None:
    """What is not applicable to the teacher's clips is not known of clips that are not there."""
    reason = "not applicable: random weights"
    students = [clip(STUDENT, prompt, None, weights="random") for prompt in PROMPTS]
    gone = [msgspec.structs.replace(case, status="crashed", measurement=None) for case in students]
    teachers = [clip(TEACHER, prompt, None, weights="random", reason=reason) for prompt in PROMPTS]
    assert only_row(run_with(*gone, *teachers)).verdict == "INCONCLUSIVE"


def test_scorer_that_gave_nothing_for_the_student_alone_is_no_way_round_it() -> None:
    """The teacher has values: the student's missing ones are the worst, whatever the reason they give."""
    teachers = pairs([0.0] * 4)[1::2]
    cases = [clip(STUDENT, prompt, None, reason="not applicable: not here") for prompt in PROMPTS]
    assert only_row(run_with(*cases, *teachers)).verdict == "FAIL"


def test_teacher_of_whose_clips_one_says_nothing_is_not_whole() -> None:
    """Not applicable is what none of the teacher's clips says; one of four leaves no pass, and no way out either."""
    *others, _ = pairs([0.0] * 4)
    row = only_row(run_with(*others, clip(TEACHER, "fox", None, reason="not applicable: it stands still")))
    assert (row.verdict, row.missing_teacher) == ("INCONCLUSIVE", 1)


def test_without_scipy_nothing_is_judged_and_nothing_else_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The record is made all the same, says what to install, and passes nothing strictly."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "scipy"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scipy", None)
    run = run_with(*pairs([0.0] * 4))
    assert "install scipy" in run.verdicts[0].reason
    assert is_breach(run.verdicts, strict=True)


def seeded(angle: float, model: str, *, missing: bool = False) -> list[CaseRecord]:
    """Give two seeds of each prompt with features at this cosine distance: (1, 0) and one at it."""
    features = ([1.0, 0.0], [1 - angle, (1 - (1 - angle) ** 2) ** 0.5])
    return [
        clip(model, prompt, 1.0, seed=seed, feature=() if missing and (prompt, seed) == ("dogs", 1) else feature)
        for prompt in PROMPTS
        for seed, feature in enumerate(features)
    ]


@pytest.mark.parametrize(("share", "verdict"), [(0.76, "PASS"), (0.74, "FAIL")])
def test_diversity_over_seeds_gates_as_a_share_of_the_teachers(share: float, verdict: str) -> None:
    """The teacher's clips lie 0.4 apart; below three quarters of that the student's seeds are too alike."""
    cases = [*seeded(0.4 * share, STUDENT), *seeded(0.4, TEACHER)]
    row = only_row(run_with(*cases, margins=[DIVERSE]))
    assert (row.verdict, row.prompts) == (verdict, 4)
    assert row.teacher == pytest.approx(0.4)


@pytest.mark.parametrize("seeds", [2, 3])
def test_seed_without_a_feature_leaves_its_prompt_the_worst_diversity(seeds: int) -> None:
    """Three prompts as diverse as the teacher's and one of which a seed is missing, of two or of three: no pass."""
    more = [
        clip(model, prompt, 1.0, seed=2, feature=[0.0, 1.0])
        for model in (STUDENT, TEACHER)
        for prompt in PROMPTS
        if seeds == 3
    ]
    cases = [*seeded(0.4, STUDENT, missing=True), *seeded(0.4, TEACHER), *more]
    row = only_row(run_with(*cases, margins=[DIVERSE]))
    assert (row.verdict, row.missing_student) == ("INCONCLUSIVE", 1)


def test_features_that_scorers_lost_leave_diversity_undecided() -> None:
    """Damaged weights on both sides: what was asked for and is not there is no pass, not even beside one."""
    clips = [clip(m, p, 30.0, seed=s) for m in (STUDENT, TEACHER) for p in PROMPTS for s in (0, 1)]
    (unasked,) = verdicts([run_with(*clips, margins=[SCORE, DIVERSE])])
    assert (unasked.rows[-1].verdict, overall(unasked.rows)) == ("not measured", "PASS")
    asked = [replaced(case, scorers=["clip_text_alignment"]) for case in clips]
    (lost,) = verdicts([run_with(*asked, margins=[SCORE, DIVERSE])])
    assert (lost.rows[-1].verdict, overall(lost.rows)) == ("INCONCLUSIVE", "INCONCLUSIVE")
    gone = [msgspec.structs.replace(case, status="crashed", measurement=None) for case in asked]
    assert [row.verdict for row in verdicts([run_with(*gone, margins=[DIVERSE])])[0].rows] == ["FAIL"]


def test_diversity_of_random_weights_is_not_applicable() -> None:
    """Two seeds, no features: noise is diverse, which says nothing."""
    cases = [clip(m, p, 1.0, seed=s, weights="random") for m in (STUDENT, TEACHER) for p in PROMPTS for s in (0, 1)]
    row = only_row(run_with(*cases, margins=[DIVERSE]))
    assert (row.verdict, row.reason) == ("not applicable", "not applicable: random weights")


@pytest.mark.parametrize(
    ("differences", "enforced", "strict", "reported"),
    [([0.0] * 4, 0, 0, 0), ([-1.0, 1.0, -1.0, 1.0], 0, 1, 0), ([-1.0] * 4, 1, 1, 0)],
)
def test_exit_code_by_verdict(differences: list[float], enforced: int, strict: int, reported: int) -> None:
    """PASS, INCONCLUSIVE and FAIL: a failure fails, undecided fails only strictly, and nothing when only told."""
    run = run_with(*pairs(differences))
    modes = ("enforce", "strict", "report")
    assert [exit_status(0, run, mode) for mode in modes] == [enforced, strict, reported]
    assert exit_status(2, run, "enforce") == 2


def test_strict_takes_no_absent_teacher_for_a_pass() -> None:
    """Nothing was decided."""
    run = run_with(*pairs([0.0] * 4)[::2])
    assert [exit_status(0, run, mode) for mode in ("enforce", "strict")] == [0, 1]


def test_record_summary_page_and_command_show_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The rows come back from the file with their margins and reasons, and each view has the line."""
    run = run_with(*pairs([-1.0] * 4))
    write_json_atomically(tmp_path / "run.json", run)
    row = json.loads((tmp_path / "run.json").read_text())["verdicts"][0]["rows"][0]
    assert (row["verdict"], row["margin"]["absolute"], row["gate"], row["t"]) == ("FAIL", 0.5, "t", [-1.0, -1.0])
    said = f"student {STUDENT} 480p81 against teacher {TEACHER} 480p81 (distilled): FAIL"
    assert said in render_summary(run, 160)
    assert said in render_html(run)
    modes = {"enforce": 1, "strict": 1, "report": 0}
    assert {mode: main(["verdict", str(tmp_path / "run.json"), "--quality", mode]) for mode in modes} == modes
    assert said in capsys.readouterr().out


def test_starting_margins_say_why_and_guard_both_ways() -> None:
    """Each has a reason; what may run away in two directions is compared by its size, and once."""
    assert all(margin.why for margin in OVER_PROMPTS)
    by_size = {margin.metric: margin.absolute for margin in OVER_PROMPTS if margin.magnitude}
    assert by_size == {"L_drift": 4.0, "contrast_drift": 0.15}
    names = [margin.metric for margin in OVER_PROMPTS]
    assert len(names) == len(set(names))
    assert {margin.metric for margin in MARGINS} < set(names)
