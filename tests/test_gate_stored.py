"""Which stored baselines a run is judged against: nothing of this suite is lost, nothing else is missed."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from fixtures.gate.against import Commit
from fixtures.gate.asked import Asked
from fixtures.gate.covered import covered, told
from fixtures.gate.gate import header
from fixtures.gate.stored import judged_against, narrowed_by, narrowed_here_by, suite_of
from fixtures.invocation import BENCHMARKS, ROOT
from fixtures.options import Options
from reports.gate.baseline import Baseline, Change, read_baseline, retired, samples_in, with_sample
from reports.gate.judge import judge
from reports.gate.judge_quality import judge_quality
from reports.gate.numbers import Standing, Student
from tests.gate_samples import samples
from tests.gate_sessions import FAST, SLOW, runs_of

WHO = Change(at="2026-11-22", who="a", why="b")
(NEW,) = samples(runs_of(4.0, 1, FAST))


def baseline(case: str, suite: str = "smoke", gpu: str = NEW.facts["gpu"]) -> Baseline:
    """Give a case's baseline of one run of a suite."""
    run = f"20261122T100000Z-{suite}-host of 2026-11-22T10:00:00.000+00:00 on host"
    (sample,) = samples(runs_of(4.0, 1, case))
    return with_sample(None, msgspec.structs.replace(sample, run=run, facts=sample.facts | {"gpu": gpu}), "main", WHO)


@pytest.mark.parametrize("path", sorted((ROOT / "reports" / "baselines").glob("*/*.json")), ids=lambda path: path.stem)
def test_clip_of_another_formula_passes_no_baseline_that_comes_with_the_suite(path: Path) -> None:
    """They were stored before files held formulas, so that a metric that a change made blind passed."""
    kept = samples_in([read_baseline(path)])
    checks = {name: msgspec.structs.replace(check, formula="b11d") for name, check in kept[-1].checks.items()}
    blind = msgspec.structs.replace(kept[-1], checks=checks)
    for new, expected in ((kept[-1], "PASS"), (blind, "AMBIGUOUS")):
        rows = {row.check: row.verdict for row in judge_quality(kept, [new])}
        assert checks
        assert [rows[name] for name in checks] == [expected] * len(checks)


def chosen(*baselines: Baseline, is_narrowed: bool = False) -> tuple[list[str], list[str]]:
    judged = judged_against(baselines, [NEW], "smoke", is_narrowed=is_narrowed)
    return [sample.id for sample in judged.base], judged.not_asked


def test_case_that_the_suite_lost_is_judged() -> None:
    """So it becomes MISSING; of another suite, or left out on purpose, it was not asked for."""
    assert chosen(baseline(FAST), baseline(SLOW)) == ([FAST, SLOW], [])
    assert chosen(baseline(FAST), baseline(SLOW, "quick")) == ([FAST], [SLOW])
    assert chosen(baseline(FAST), baseline(SLOW), is_narrowed=True) == ([FAST], [SLOW])


def test_run_of_unknown_suite_is_taken_for_this_ones() -> None:
    """What cannot be told is looked into."""
    one = baseline(SLOW)
    entry = msgspec.structs.replace(one.entries[0], run="a name of long ago")
    assert chosen(msgspec.structs.replace(one, entries=[entry])) == ([SLOW], [])


def test_other_gpus_baseline_keeps_a_case_from_being_new() -> None:
    """Of a planned case all baselines are given to the judge; of others those of this GPU alone."""
    assert chosen(baseline(FAST, gpu="another GPU")) == ([FAST], [])
    assert chosen(baseline(SLOW, gpu="another GPU")) == ([], [])


def test_retired_baseline_is_none() -> None:
    """A case that was given up on purpose is not missed."""
    assert chosen(retired(baseline(SLOW), WHO)) == ([], [])


def test_retired_baseline_beside_one_that_counts_hides_no_lost_case() -> None:
    """As of the GPU before: the case is missed all the same; of retired ones alone it is not."""
    gone = retired(baseline(SLOW, gpu="another GPU"), WHO)
    for old, expected in (([gone, baseline(SLOW)], "MISSING"), ([gone], None)):
        found = {one.id: one.verdict for one in judge(samples_in(old), [NEW])}
        assert (found.get(SLOW), found[FAST]) == (expected, "NEW")


def test_planned_case_whose_baselines_are_all_retired_is_not_new() -> None:
    """Who retires a baseline has to make another one; of several files those that count decide."""
    gone = retired(baseline(FAST), WHO)
    judged = judged_against([gone], [NEW], "smoke", is_narrowed=False)
    (found,) = judge(judged.base, [NEW])
    assert (found.verdict, found.why) == (
        "CALIBRATION_NEEDED",
        "its baseline is retired 2026-11-22 by a, and no run was added since",
    )
    both = judged_against([gone, baseline(FAST, gpu="another GPU")], [NEW], "smoke", is_narrowed=False)
    assert "another machine or stack" in judge(both.base, [NEW])[0].why


def test_newest_of_several_retired_runs_speaks_for_its_baseline() -> None:
    """Who retired the last of them is who has to make another one."""
    first = retired(baseline(FAST), WHO)
    (sample,) = samples(runs_of(4.0, 1, FAST))
    later = Change(at="2026-11-25", who="z", why="another kernel")
    gone = retired(with_sample(first, sample, "main", WHO), later)
    (spoken,) = samples_in([gone])
    assert (spoken.run, spoken.invalid) == (sample.run, "retired 2026-11-25 by z")


def test_student_that_the_selection_left_out_is_not_asked_for() -> None:
    """Its teacher or its other clips may not be selected; of the whole suite, or where the run has it, it is judged."""
    student = {"a against b (few-step)": Student(clips=3, margins={"sharp": Standing(verdict="PASS")})}
    one = baseline(FAST)
    entry = msgspec.structs.replace(one.entries[0], students=student)
    kept = msgspec.structs.replace(one, entries=[entry])
    with_it = msgspec.structs.replace(NEW, students=student)
    for new, is_narrowed, left_out in ((NEW, True, True), (NEW, False, False), (with_it, True, False)):
        judged = judged_against([kept], [new], "smoke", is_narrowed=is_narrowed)
        assert judged.not_asked == (list(student) if left_out else [])
        found = [one.verdict for one in judge(judged.base, [new]) if one.of == "student"]
        assert found == ([] if left_out else ["MISSING"] if new is NEW else ["PASS"])


def test_suites_with_hyphens_and_hosts_are_told_apart() -> None:
    """The host's name ends the run's."""
    assert suite_of("20261126T071400Z-paper-14b-gpu-1 of 2026-11-26T07:14:00.000+00:00 on gpu-1") == "paper-14b"
    assert suite_of("run-1 of 2026 on h") is None


def config(*arguments: object, **option: Any) -> Any:
    given = {"keyword": "", "markexpr": "", "deselect": None, "ignore": None, "ignore_glob": None} | option
    return SimpleNamespace(
        args=list(arguments), option=SimpleNamespace(**given), invocation_params=SimpleNamespace(dir=ROOT)
    )


@pytest.mark.parametrize("argument", [BENCHMARKS, ROOT, "benchmarks"])
def test_whole_suite_is_not_narrowed(argument: object) -> None:
    """The folder, or one above it."""
    assert narrowed_by(config(argument), Options(suite="smoke", rounds=3)) == []


@pytest.mark.parametrize(
    ("given", "options"),
    [
        (config("benchmarks/bench_speed.py"), Options()),
        (config("benchmarks/bench_speed.py::bench_generate"), Options()),
        (config("benchmarks", keyword="dogs"), Options()),
        (config("benchmarks", deselect=["x"]), Options()),
        (config("benchmarks"), Options(models=("a",))),
        (config("benchmarks"), Options(sweeps=("steps=1",))),
    ],
)
def test_selection_is_narrowed_by(given: Any, options: Options) -> None:
    """Each way to leave cases out counts; the base of a gate in turns has the options of the suite as well."""
    assert len(narrowed_by(given, options)) == 1
    assert len(narrowed_here_by(given)) == (0 if options != Options() else 1)


def runs(baseline_: Baseline, count: int) -> Baseline:
    """Give a baseline of as many runs."""
    entries = [msgspec.structs.replace(baseline_.entries[0], run=f"run {n}") for n in range(count)]
    return msgspec.structs.replace(baseline_, entries=entries)


def of_case(baseline_: Baseline, id_: str) -> Baseline:
    return msgspec.structs.replace(baseline_, case=id_)


def line(*baselines: Baseline, lenient: bool = False, under_test: tuple[str, ...] = (), **environment: Any) -> str:
    """Give what is said of two cases before they run, on the machine of the baselines with some fields changed."""
    (run,) = runs_of(4.0, 1)
    here = msgspec.structs.replace(run.environment, **environment)
    found = covered(baselines, [case.plan for case in run.cases], here, under_test)
    return told(found, Path("baselines"), is_let_pass=lenient)


OURS = NEW.facts["gpu"]
NEXT_STEP = "python -m reports baseline add RUN... --folder baselines --who NAME --why REASON"


def test_it_is_told_how_many_cases_have_a_baseline() -> None:
    """Five valid runs of the case's own cohort, as far as it is known before anything runs."""
    fast, slow = runs(baseline(FAST), 5), runs(baseline(SLOW), 6)
    assert line(fast, slow) == f"2 of 2 cases have a baseline for {OURS} in baselines"
    one = f"1 of 2 cases has a baseline for {OURS} in baselines; of the others nothing is compared"
    assert line(fast, runs(baseline(SLOW), 4), of_case(runs(baseline(FAST), 5), "another")) == one
    assert line(fast, retired(slow, WHO)) == one
    (run,) = runs_of(4.0, 1)
    upgraded = run.environment.packages | {"torch": "9.9"}
    assert line(fast, packages=upgraded).startswith("NO BASELINE")
    assert line(fast, packages=upgraded, under_test=("torch",)) == one


@pytest.mark.parametrize(
    ("baselines", "what"),
    [
        ((), ""),
        ((runs(baseline(FAST), 4),), " (the most valid runs that a case has are 4 of 5)"),
        ((runs(baseline(FAST, gpu="another GPU"), 5),), " (there are some for another GPU)"),
        (
            (of_case(runs(baseline(FAST), 5), "another"),),
            " (those for it are of other cases, recipes, drivers or versions)",
        ),
        ((retired(runs(baseline(FAST), 5), WHO),), ""),
    ],
)
def test_no_baseline_says_what_there_is_and_how_to_make_one(baselines: tuple[Baseline, ...], what: str) -> None:
    """Nothing is run then, unless --lenient names CALIBRATION_NEEDED."""
    assert line(*baselines) == (
        f"NO BASELINE for {OURS} in baselines{what}: CALIBRATION_NEEDED, nothing is run; "
        f"run this five times without --gate, then: {NEXT_STEP}"
    )
    assert "it runs, since --lenient names that, but compares nothing" in line(*baselines, lenient=True)


def test_header_says_what_is_judged_against() -> None:
    """The commit, or where the baselines lie."""
    asked = Asked(place=Path("baselines"), baselines=(), base=None, lenient=(), under_test=())
    assert header(asked) == "gate: against the stored baselines in baselines, in a fresh process"
    assert header(replace(asked, base=Commit(name="main", commit="a" * 40))) == (
        f"gate: in turns with main ({'a' * 12}), each time in fresh processes"
    )
