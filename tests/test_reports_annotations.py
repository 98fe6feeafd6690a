"""What failed stands on a job's page, line by line, and no text of a record becomes a command."""

from typing import Any

import msgspec
import pytest

from reports.__main__ import main
from reports.comparison_record import StudentVerdict
from reports.exports.annotations import MOST, render_annotations
from reports.exports.markdown import render_markdown
from reports.gate.outcome import GateOutcome, side_of
from reports.gate.verdict import CaseVerdict, Verdict
from reports.record import CaseRecord, Run, Status
from reports.strict_json import write_json_atomically
from tests.payloads import PAYLOADS, hostile_run
from tests.reports_samples import case_of, planned, run_of
from tests.test_charts_verdicts import row

CASE = planned().id
NAME = CASE.replace(":", "%3A").replace(",", "%2C")


def ended(status: Status, reason: str = "") -> CaseRecord:
    """Give a case without a measurement."""
    return CaseRecord(id=CASE, status=status, reason=reason, plan=planned(), measurement=None, attempts=[])


def gated(
    *verdicts: tuple[str, Verdict, str],
    lenient: list[Verdict] | None = None,
    run: Run | None = None,
) -> Run:
    """Give a run whose gate gave these cases these verdicts, for these reasons."""
    outcome = GateOutcome(
        kind="paired",
        against="main",
        verdicts=[CaseVerdict(id=id_, verdict=verdict, why=why) for id_, verdict, why in verdicts],
        base=side_of([]),
        new=side_of([]),
        at="2026-11-22T12:00:00.000000Z",
        seconds=31.5,
        lenient=lenient or [],
    )
    return msgspec.structs.replace(run or run_of(case_of(planned(), 4.0)), gate=outcome)


def lines_of(*runs: Run) -> list[str]:
    return render_annotations(runs).splitlines()


def test_failed_verdict_is_an_error_with_its_reason() -> None:
    """GitHub reads title and message; colons and commas of a title are escaped."""
    found = lines_of(gated((CASE, "REGRESSION", "phase_decode_s: 5 % above, limit 3 %"), ("x", "PASS", "")))
    assert found == [f"::error title=REGRESSION {NAME}::phase_decode_s: 5 %25 above, limit 3 %25"]


def test_verdict_that_was_let_pass_is_no_error_and_a_stale_baseline_a_warning() -> None:
    """What the gate does not fail for is not red."""
    cases: list[tuple[str, Verdict, str]] = [(CASE, "MISSING", ""), ("y", "IMPROVED", "25 % better")]
    run = gated(*cases, ("z", "AMBIGUOUS", ""), lenient=["MISSING", "AMBIGUOUS"])
    assert lines_of(run) == ["::warning title=IMPROVED y::25 %25 better"]


def test_gate_that_compared_nothing_is_an_error() -> None:
    """It fails, so it must not fail in silence."""
    (line,) = lines_of(gated((CASE, "NEW", "")))
    assert line == "::error title=gate::no case was compared with the baseline, so nothing is known of this change"


def test_process_of_a_gate_that_died_is_an_error() -> None:
    """Whatever its cases' verdicts are; in the job's summary, too."""
    run = gated((CASE, "PASS", ""))
    assert run.gate is not None
    run = msgspec.structs.replace(run, gate=msgspec.structs.replace(run.gate, faults={"new-1": "code 139\nboom"}))
    assert lines_of(run) == ["::error title=gate process new-1::code 139 boom"]
    page = render_markdown([run])
    assert "may it be merged? undecided" in page
    assert "- code 139 boom\n" in page


def test_gate_with_nothing_under_test_is_an_error_and_what_differs_is_told() -> None:
    """Both in the job's summary; a regression stays one."""
    verdicts: list[tuple[Verdict, int]] = [("PASS", 1), ("REGRESSION", 2)]
    for verdict, lines in verdicts:
        run = gated((CASE, verdict, ""))
        assert run.gate is not None
        same = msgspec.structs.replace(run.gate, nothing_under_test="nothing under test: one commit")
        run = msgspec.structs.replace(run, gate=same)
        found = lines_of(run)
        assert (len(found), found[-1]) == (lines, "::error title=gate::nothing under test: one commit")
        assert "- nothing under test: one commit\n" in render_markdown([run])
    other = msgspec.structs.replace(same, nothing_under_test="", difference="under test: uncommitted changes")
    assert "- under test: uncommitted changes\n" in render_markdown([msgspec.structs.replace(run, gate=other)])


def test_gate_that_was_asked_for_and_not_judged_is_an_error() -> None:
    """It was stopped, or one of its processes did not start; the run itself may look sound."""
    run = msgspec.structs.replace(run_of(case_of(planned(), 4.0)), command="pytest benchmarks/ --gate --against main")
    assert lines_of(run) == [
        "::error title=gate::it was not judged, so nothing is known of this change; see the job's log"
    ]
    assert "### Gate: not judged\n" in render_markdown([run])
    assert lines_of(gated((CASE, "PASS", ""), run=run)) == []


def test_case_that_failed_is_an_error_once() -> None:
    """Where the gate tells of the case already, its status adds nothing."""
    broken = run_of(ended("oom", "out of memory"))
    assert lines_of(broken) == [f"::error title=oom {NAME}::out of memory"]
    (line,) = lines_of(gated((CASE, "REGRESSION", "it passed in the baseline, now: oom"), run=broken))
    assert line == f"::error title=REGRESSION {NAME}::it passed in the baseline, now: oom"
    passed = gated((CASE, "MISSING", ""), ("y", "PASS", ""), lenient=["MISSING"], run=broken)
    assert lines_of(passed) == lines_of(broken)
    flaky = gated((CASE, "AMBIGUOUS", ""), ("y", "PASS", ""), lenient=["AMBIGUOUS"], run=broken)
    assert lines_of(flaky) == [f"::warning title=oom {NAME}::out of memory"]


def test_student_that_is_worse_is_an_error_with_its_margins() -> None:
    """Those that fail, not those that pass."""
    rows = [row("FAIL", 0.3, (0.2, 0.4), 0.1), row("PASS", 0.0, (-0.1, 0.05), 0.1)]
    one = StudentVerdict(comparison="c", student="causvid 480p81", teacher="wan 480p81", rows=rows)
    run = msgspec.structs.replace(run_of(case_of(planned(), 4.0)), verdicts=[one])
    (line,) = lines_of(run)
    assert line.startswith("::error title=student causvid 480p81 against teacher wan 480p81 (c)%3A FAIL::FAIL: ")
    assert "PASS" not in line


def test_sound_run_has_no_annotation() -> None:
    """Skipped cases neither."""
    assert lines_of(run_of(case_of(planned(), 4.0), ended("skipped"))) == []


@pytest.mark.parametrize(("count", "more"), [(MOST, None), (MOST + 1, "2 more"), (300, "291 more")])
def test_more_errors_than_github_shows_are_counted(count: int, more: str | None) -> None:
    """The last line tells how many it stands for."""
    found = lines_of(gated(*((f"case {number}", "REGRESSION", "slower") for number in range(count))))
    assert len(found) == MOST
    assert (f"title={more}::" in found[-1]) is (more is not None)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_becomes_a_command(payload: str) -> None:
    """Each line begins as ours, whatever a prompt, a reason or an id holds."""
    run: Any = gated((payload, "REGRESSION", f"{payload}\n::set-output name=x::y"), run=hostile_run(payload))
    for line in render_annotations([run]).split("\n")[:-1]:
        assert line.startswith(("::error title=", "::warning title="))
        assert "\r" not in line
        assert line.count("::") >= 2


def test_command_prints_them(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """From a record's file."""
    write_json_atomically(tmp_path / "run.json", gated((CASE, "REGRESSION", "slower")))
    assert main(["annotations", str(tmp_path / "run.json")]) == 0
    assert capsys.readouterr().out.startswith("::error title=REGRESSION ")


def test_markdown_shows_the_gate_first() -> None:
    """With its answer and table, above the run's own."""
    page = render_markdown([gated((CASE, "REGRESSION", "slower"))])
    assert "### Gate: may it be merged? no. Held against main\n" in page
    assert page.index("| REGRESSION |") < page.index("### speed")
