"""What a gate's verdicts become: failures with their sentences, exit codes, and lines at the end."""

from types import SimpleNamespace
from typing import Any, get_args

import msgspec
import pytest

from fixtures.gate.telling import (
    NOTHING_COMPARED,
    failing,
    gate_nodeid,
    report_case,
    seconds_of,
    summary_lines,
)
from fixtures.results import exit_status
from reports.exports.markdown import render_markdown
from reports.gate.excused import excused_by
from reports.gate.judge import judge
from reports.gate.judge_metric import PAIRED
from reports.gate.outcome import GateOutcome, GateProcess, GateSide
from reports.gate.rests_on import NONE_DIFFERS
from reports.gate.verdict import CaseVerdict, Verdict
from reports.record import Attempt, CaseRecord, Status
from tests.gate_samples import gate_case, gate_run, samples
from tests.reports_samples import run_of


def outcome(*verdicts: Verdict, **fields: Any) -> GateOutcome:
    """Give an outcome of a case a verdict."""
    given: dict[str, Any] = {
        "kind": "stored",
        "against": "reports/baselines",
        "verdicts": [CaseVerdict(id=f"f.py::b[{name}]", verdict=name, why="") for name in verdicts],
        "base": GateSide(runs=["a"]),
        "new": GateSide(runs=["b"]),
        "at": "2026-11-26",
        "seconds": 61.0,
    }
    return GateOutcome(**given | fields)


def paired_outcome(verdicts: list[CaseVerdict]) -> GateOutcome:
    return outcome(kind="paired", verdicts=verdicts)


@pytest.mark.parametrize(
    ("verdict", "fails"),
    [(verdict, verdict not in ("IMPROVED", "PASS", "NEW")) for verdict in get_args(Verdict)],
)
def test_regressions_and_undecided_verdicts_fail(verdict: Verdict, fails: bool) -> None:
    """Beside a case that passes; the sentence begins with the verdict, and is never empty."""
    found = failing(outcome("PASS", verdict))
    assert list(found) == ([f"f.py::b[{verdict}]"] if fails else [])
    assert all(text.startswith(f"{verdict} f.py::b[{verdict}]: ") and len(text) > 50 for text in found.values())


def test_lenient_verdicts_fail_nothing_but_a_gate_that_compared_nothing_does() -> None:
    """What lets everything pass has compared nothing."""
    assert failing(outcome("PASS", "MISSING", lenient=["MISSING"])) == {}
    assert failing(outcome("MISSING", lenient=["MISSING"])) == {"": NOTHING_COMPARED}
    assert failing(outcome("NEW")) == {"": NOTHING_COMPARED}


def test_fault_of_a_process_is_told_and_nothing_may_be_merged() -> None:
    """The verdicts pass, the answer does not; a regression stays a no."""
    fault = {"new-1": "gate process new-1 ended with code 139\nits last lines:\nSegmentation fault"}
    passed = outcome("PASS", faults=fault)
    assert (passed.exit_code, passed.may_merge, failing(passed)) == (2, "undecided", {})
    assert "FAULT: gate process new-1 ended with code 139: nothing may be merged on it" in summary_lines(passed)
    assert outcome("PASS", "REGRESSION", faults=fault).may_merge == "no"


def test_nothing_under_test_is_undecided_and_a_regression_stays_a_no() -> None:
    """An A/A run that finds one has found that its runner errs; other differences than versions are told."""
    passed = outcome("PASS", nothing_under_test="nothing under test: X")
    assert (passed.exit_code, passed.may_merge, failing(passed)) == (2, "undecided", {})
    assert "  nothing under test: X" in summary_lines(passed)
    assert outcome("REGRESSION", nothing_under_test="nothing under test: X").may_merge == "no"
    changed = outcome("PASS", difference="under test: X")
    assert (changed.may_merge, "  under test: X" in summary_lines(changed)) == ("yes", True)


def test_base_in_turns_that_no_record_tells_from_the_new_side_is_told() -> None:
    """As another environment with the same packages, which may be a mistyped one."""
    both = {"base": GateSide(runs=["a"], versions={"torch": ["2.13.0"]}), "kind": "paired"}
    same = outcome("PASS", **both, new=GateSide(runs=["b"], versions={"torch": ["2.13.0"]}))
    other = outcome("PASS", **both, new=GateSide(runs=["b"], versions={"torch": ["2.14.0"]}))
    assert [f"  {NONE_DIFFERS}" in summary_lines(one) for one in (same, other)] == [True, False]
    for told in ({"difference": "under test: X"}, {"kind": "stored"}):
        assert f"  {NONE_DIFFERS}" not in summary_lines(msgspec.structs.replace(same, **told))


def test_fault_of_the_base_alone_is_told_and_stands_in_nobodys_way() -> None:
    """In terminal and Markdown; a regression stays a no."""
    fault = {"base-1": "gate process base-1 ended with code 139 after its first case\nits last lines:\nboom"}
    passed = outcome("PASS", kind="paired", base_faults=fault)
    assert (passed.exit_code, passed.may_merge) == (0, "yes")
    told = "in the base alone, and in nobody's way: gate process base-1 ended with code 139 after its first case"
    assert told in summary_lines(passed)
    assert told in markdown_of(passed).replace("\\", "")
    assert outcome("REGRESSION", base_faults=fault).may_merge == "no"


def test_report_stands_in_the_cases_own_file() -> None:
    """Where that was collected; names of two functions of one file differ."""
    case = "test_mine.py::bench_a[x]"
    assert gate_nodeid(case, {case: "../mine/test_mine.py"}) == "../mine/test_mine.py::gate[bench_a-x]"
    assert gate_nodeid("a 480p81 against b (c)", {}) == "benchmarks::gate[a 480p81 against b (c)]"
    assert gate_nodeid("test_mine.py::bench_b[x]", {}) != gate_nodeid("test_mine.py::bench_a[x]", {})


def test_excused_case_need_not_have_passed() -> None:
    """An invalid case that --lenient lets pass is not the run's failure; any other is."""
    case = msgspec.structs.replace(gate_case(), status="invalid_env")
    run = run_of(case)
    assert exit_status(0, run) == 1
    assert exit_status(0, run, excused={case.id}) == 0
    assert exit_status(0, run, excused={"another"}) == 1


@pytest.mark.parametrize("status", ["failed", "oom", "crashed", "timeout", "not_run"])
def test_lenient_verdict_excuses_no_failure(status: Status) -> None:
    """A case that ran out of memory may be MISSING or CALIBRATION_NEEDED, and has failed all the same."""
    invalid = msgspec.structs.replace(gate_case(), status="invalid_env")
    verdict = CaseVerdict(id=invalid.id, verdict="MISSING", why="")
    told = outcome(verdicts=[verdict], lenient=["MISSING"])
    assert excused_by(told, {invalid.id: msgspec.structs.replace(invalid, status=status)}) == frozenset()
    assert excused_by(told, {invalid.id: invalid}) == {invalid.id}
    assert excused_by(told, {}) == frozenset()
    assert excused_by(outcome(verdicts=[verdict]), {invalid.id: invalid}) == frozenset()


@pytest.mark.parametrize("status", ["failed", "oom", "crashed"])
def test_failure_that_most_runs_do_not_share_is_excused_where_it_is_let_pass(status: Status) -> None:
    """Whether it stood in the session's own process or in a confirming one; a case that passed is not skipped."""
    passed = gate_case()
    failed = msgspec.structs.replace(passed, status=status)
    verdicts = [CaseVerdict(id=passed.id, verdict="AMBIGUOUS", why="it failed in 1 of 3 runs under test")]
    told = outcome(verdicts=verdicts, lenient=["AMBIGUOUS"])
    assert excused_by(told, {failed.id: failed}) == {failed.id}
    assert excused_by(told, {passed.id: passed}) == frozenset()
    assert excused_by(outcome(verdicts=verdicts), {failed.id: failed}) == frozenset()


def reported(record: CaseRecord, *excused: str) -> list[str]:
    """Report a case to a stand-in of its item; give what each phase ended with."""
    ended: list[str] = []
    hook = SimpleNamespace(
        pytest_runtest_logstart=lambda **given: None,
        pytest_runtest_makereport=lambda item, call: call,
        pytest_runtest_logreport=lambda report: ended.append(
            f"{report.excinfo.typename}: {report.excinfo.value.msg}" if report.excinfo else report.when
        ),
        pytest_runtest_logfinish=lambda **given: None,
    )
    item: Any = SimpleNamespace(ihook=hook, nodeid="a", location=("a", 0, "a"), stash={}, user_properties=[])
    report_case(item, record, excused)
    return ended


def ended(status: Status, reason: str) -> CaseRecord:
    return msgspec.structs.replace(gate_case(), status=status, reason=reason)


def test_case_is_reported_as_it_ended() -> None:
    """Failed with status and reason, skipped where it was skipped or is excused, not at all where it never began."""
    assert reported(gate_case()) == ["setup", "call", "teardown"]
    assert reported(ended("oom", "16 GiB")) == ["setup", "Failed: oom: 16 GiB", "teardown"]
    assert reported(ended("skipped", "no kernel")) == ["setup", "Skipped: skipped: no kernel", "teardown"]
    hot = ended("invalid_env", "too hot")
    assert reported(hot) == ["setup", "Failed: invalid_env: too hot", "teardown"]
    assert reported(hot, hot.id) == ["setup", "Skipped: invalid_env: too hot", "teardown"]
    assert reported(ended("not_run", "")) == []


def test_attempts_of_a_case_are_its_seconds() -> None:
    """All that ended."""
    attempt = Attempt(
        number=1,
        status="passed",
        reason="",
        worker="main",
        started_at="2026-11-26T07:00:00.000+00:00",
        finished_at="2026-11-26T07:00:02.500+00:00",
        measurement=None,
    )
    crashed = msgspec.structs.replace(attempt, finished_at=None)
    case = msgspec.structs.replace(gate_case(), attempts=[attempt, crashed, attempt])
    assert seconds_of(case) == 5.0


def measured(total_s: float) -> list[CaseVerdict]:
    """Judge three pairs of runs that took 4 s, 4.04 s and 4 s before, and this long now."""
    before = samples([gate_run(number, gate_case(4.04 if number == 2 else 4.0)) for number in (1, 2, 3)])
    return judge(before, samples([gate_run(number, gate_case(total_s)) for number in (4, 5, 6)]), rules=PAIRED)


def test_gate_in_turns_tells_the_ratio_over_its_pairs() -> None:
    """Now over baseline by their medians, and its extremes; stored baselines are no pairs."""
    verdicts = measured(4.4)
    text = "\n".join(summary_lines(outcome(kind="paired", verdicts=verdicts)))
    head = next(line for line in text.splitlines() if line.startswith("case"))
    assert head.split()[:5] == ["case", "verdict", "number", "base", "now"]
    assert "ratio (extremes over all runs)" in head
    assert "1.100 (1.089 to 1.100)" in text
    assert "prompt_to_host_s 4.4 s is above the base of 4 s" in text
    assert "1.100 (1.089" in markdown_of(paired_outcome(verdicts))
    text = "\n".join(summary_lines(outcome(verdicts=verdicts)))
    assert "ratio" not in text
    assert "baseline" in next(line for line in text.splitlines() if line.startswith("case"))


def markdown_of(gate: GateOutcome, device: str = "cuda") -> str:
    """Render the summary of a run of this gate for a job."""
    case = gate_case()
    recipe = msgspec.structs.replace(case.plan.recipe, device=device)
    case = msgspec.structs.replace(case, plan=msgspec.structs.replace(case.plan, recipe=recipe))
    return render_markdown([msgspec.structs.replace(run_of(case), gate=gate)])


@pytest.mark.parametrize(("with_it", "told"), [(0, "of 2 cases"), (1, "of 1 of 2 cases"), (2, None)])
def test_gate_in_turns_tells_that_energy_was_not_judged(with_it: int, told: str | None) -> None:
    """In one line, with why, in terminal and Markdown; not where it was, against stored baselines, nor on a CPU."""
    (case,) = measured(4.0)
    energy = msgspec.structs.replace(case.metrics[0], metric="energy_per_video_j")
    judged = msgspec.structs.replace(case, metrics=[*case.metrics, energy])
    gate = paired_outcome([msgspec.structs.replace((case, judged)[n < with_it], id=f"f.py::{n}") for n in (0, 1)])
    lines = [line for line in summary_lines(gate) if line.startswith("not judged")]
    why = "in turns it is counted only where rounds take 15 s by themselves, a gate against stored baselines counts it"
    assert lines == ([f"not judged: energy ({told}): {why}"] if told else [])
    assert ("not judged: energy (" in markdown_of(gate).replace("\\", "")) is bool(told)
    assert "not judged" not in "\n".join(summary_lines(gate, on_gpu=False)) + markdown_of(gate, "cpu")
    assert "not judged" not in "\n".join(summary_lines(outcome(verdicts=[case])))


def test_of_several_processes_under_test_the_one_in_the_tables_is_named() -> None:
    """In terminal and Markdown; a confirming one of either side is told as such. One process needs no word."""
    places = (("base", "gate/base-1"), ("new", "."), ("new", "gate/new-4"), ("base", "gate/base-4"))
    ran = [GateProcess(side=side, folder=folder, exit_code=0, seconds=1.0) for side, folder in places]  # type: ignore[arg-type]
    gate = outcome("PASS", kind="paired", processes=ran)
    lines = summary_lines(gate)
    assert lines[0].startswith("the run's own tables are of the first of 2 processes under test (new-1); ")
    sides = [line[2:].partition("  ")[0] for line in lines[-4:]]
    assert sides == ["base", "new", "new, confirming", "base, confirming"]
    assert "first of 2 processes under test" in markdown_of(gate)
    assert "own tables" not in "\n".join(summary_lines(outcome("PASS", processes=ran[1:2])))
    confirmed = GateProcess(side="confirmation", folder="gate/confirm-1", exit_code=0, seconds=1.0)
    lines = summary_lines(outcome("PASS", processes=[ran[1], confirmed]))
    assert "first of 2 processes" in lines[0]
    assert lines[-1].startswith("  new, confirming ")


def test_summary_tells_what_the_answer_rests_on() -> None:
    """Verdicts, both sides' versions, what was let pass and not asked for, and every process with its seconds."""
    told = outcome(
        "PASS",
        base=GateSide(runs=["a"], versions={"torch": ["2.12.0"], "av": ["1"], "git": ["aaa"]}),
        new=GateSide(runs=["b"], versions={"torch": ["2.13.0"], "av": ["1"], "git": ["aaa", "bbb"]}),
        lenient=["MISSING"],
        not_asked=["x", "y"],
        processes=[GateProcess(side="new", folder=".", exit_code=0, seconds=60.5)],
    )
    lines = summary_lines(told)
    assert lines[-1] == "  new                 60.5 s  exit code 0  ."
    text = "\n".join(lines)
    for expected in (
        "1 case: 1 PASS",
        "may it be merged: yes, against reports/baselines",
        "  commit: aaa in the baseline, aaa, bbb under test\n  torch: 2.12.0 in the baseline, 2.13.0 under test\n",
        "let pass: MISSING\n",
        "not asked for: 2 of the baseline's cases\n",
        "took 61 s, in 1 process:\n",
    ):
        assert expected in text
    assert "av:" not in text
    in_turns = "\n".join(summary_lines(msgspec.structs.replace(told, kind="paired")))
    assert "not asked for: 2 of the base's cases\n" in in_turns
    assert "  commit: aaa in the base, aaa, bbb under test\n" in in_turns
    shown = markdown_of(told)
    assert "- commit: aaa in the baseline, aaa, bbb under test\n- torch: 2.12.0 in" in shown.replace("\\", "")
