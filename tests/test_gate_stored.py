"""Which stored baselines a run is judged against: nothing of this suite is lost, nothing else is missed."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from fixtures.gate.against import Commit
from fixtures.gate.asked import Asked
from fixtures.gate.gate import header
from fixtures.gate.stored import judged_against, narrowed_by, suite_of
from fixtures.invocation import BENCHMARKS, ROOT
from fixtures.options import Options
from reports.gate.baseline import Baseline, Change, retired, with_sample
from reports.gate.judge import judge
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
    """Each way to leave cases out counts."""
    assert len(narrowed_by(given, options)) == 1


def line(*baselines: Baseline, base: Commit | None = None, gpu: str = NEW.facts["gpu"]) -> str:
    """Give the header's line on a machine with a GPU."""
    asked = Asked(place=Path("baselines"), baselines=baselines, base=base, lenient=(), under_test=())
    choice: Any = SimpleNamespace(
        cases=[SimpleNamespace(recipe=SimpleNamespace(device="cuda"))],
        gpu=SimpleNamespace(gpus=[SimpleNamespace(name=gpu)]),
    )
    return header(asked, choice)


def test_header_says_what_is_judged_against() -> None:
    """Before anything runs: how many baselines for this GPU, or none and how to make them, or the commit."""
    ours = NEW.facts["gpu"]
    assert line(baseline(FAST), baseline(SLOW)) == f"gate: against 2 stored baselines in baselines for {ours}"
    none = line(baseline(FAST, gpu="another GPU"))
    assert none.startswith(f"gate: NO BASELINE for {ours} in baselines (there are some for another GPU): it will fail")
    assert none.endswith("python -m reports baseline add RUN... --folder baselines --who NAME --why REASON")
    assert line(retired(baseline(FAST), WHO)).startswith(f"gate: NO BASELINE for {ours} in baselines: ")
    assert line(base=Commit(name="main", commit="a" * 40)) == (
        f"gate: in turns with main ({'a' * 12}), each time in fresh processes"
    )
