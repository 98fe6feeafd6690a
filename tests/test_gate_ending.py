"""How a gate's session ends, its processes made up: what they leave becomes failures, and signals end it in order."""

import signal
import sys
from pathlib import Path

import pytest

from fixtures.gate import judged
from fixtures.gate.gate import typed
from fixtures.gate.procedure import Decided, GateEndedError
from reports.exports.annotations import render_annotations
from reports.gate.outcome import was_lost
from reports.gate.verdict import CaseVerdict
from reports.merge import read_run
from tests.inner_session import Ended, bench
from tests.reports_samples import finished, plan_of, planned, started, write_run

CASE = planned().id


def session(folder: Path, *arguments: object) -> Ended:
    words = ("-k", "dogs and bench_speed", "--lenient", "CALIBRATION_NEEDED", "--run-dir", folder / "run", *arguments)
    return bench("--suite", "tiny", "--gate", *words)


def decides(monkeypatch: pytest.MonkeyPatch, decided: Decided) -> None:
    """Make a gate decide so, whose new side left a run of one case that passed."""

    def made_up(_config: object, _asked: object, _cases: object, folder: Path) -> Decided:
        write_run(folder, plan_of(planned()), started(CASE), finished(CASE))
        return decided

    monkeypatch.setattr(judged, "_decided", made_up)


@pytest.mark.parametrize(
    ("added", "arguments", "command"),
    [
        ("", ["benchmarks/", "--gate"], "pytest benchmarks/ --gate"),
        ("--gate --against 'a b'", ["benchmarks/"], "pytest --gate --against 'a b' benchmarks/"),
        ("", ["benchmarks/"], "pytest benchmarks/ --gate"),
    ],
)
def test_record_tells_that_a_gate_was_asked_for(added: str, arguments: list[str], command: str) -> None:
    """Wherever it was: also in the environment, or in the configuration's `addopts`."""
    assert typed(arguments, {"PYTEST_ADDOPTS": added}) == command
    assert was_lost(command, None)


def test_gate_by_the_environment_that_was_not_judged_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the record alone, in a job's annotations; the session itself failed."""

    def ends(_config: object, _asked: object, _cases: object, folder: Path) -> Decided:
        write_run(folder, plan_of(planned()), started(CASE), finished(CASE))
        raise GateEndedError("gate process base-2 ended with code 4")

    monkeypatch.setattr(judged, "_decided", ends)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--gate --lenient CALIBRATION_NEEDED")
    ended = bench("--suite", "tiny", "-k", "dogs and bench_speed", "--run-dir", tmp_path)
    assert ended.code == 1
    assert "gate process base-2 ended with code 4" in ended.output
    assert render_annotations([read_run(tmp_path / "run.json")]).startswith("::error title=gate::it was not judged")


def test_signals_end_a_gate_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM and SIGHUP while a process runs: what holds it and the worktree is left as by Ctrl-C."""
    heard: list[object] = []

    def decide(*_given: object) -> Decided:
        heard.extend(signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP))
        if callable(heard[0]):
            signal.raise_signal(signal.SIGTERM)
        raise GateEndedError("no signal was heard")

    monkeypatch.setattr(judged, "_decided", decide)
    ended = session(tmp_path)
    assert all(map(callable, heard))
    assert ended.code == pytest.ExitCode.INTERRUPTED
    assert "no signal was heard" not in ended.output


def test_process_that_died_fails_the_session_beside_its_verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1, a failure of its own with its last lines, and the verdicts as ever."""
    passed = [CaseVerdict(id=CASE, verdict="PASS", why="")]
    fault = "gate process new-2 ended with code 139 after its first case\nits last lines:\nSegmentation fault"
    decides(monkeypatch, Decided(verdicts=passed, base=[], new=[], under_test=[], processes=[]))
    assert session(tmp_path / "sound").code == 0
    decides(
        monkeypatch,
        Decided(verdicts=passed, base=[], new=[], under_test=[], processes=[], faults={"new-2": fault}),
    )
    ended = session(tmp_path / "died")
    assert ended.code == 1
    for told in ("benchmarks::gate[process new-2]", fault, "1 case: 1 PASS", "may it be merged: UNDECIDED"):
        assert told in ended.output


def test_gate_with_nothing_under_test_fails_beside_its_verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told before anything runs and in the end, and no change may be merged on it; the record says so, too."""
    passed = [CaseVerdict(id=CASE, verdict="PASS", why="")]
    decides(monkeypatch, Decided(verdicts=passed, base=[], new=[], under_test=[], processes=[]))
    ended = session(tmp_path, f"--against={sys.executable}")
    told = f"nothing under test: both sides are this tree by this interpreter, {sys.executable}"
    assert ended.code == 1
    for line in (f"gate: {told}", "benchmarks::gate[nothing under test]", "may it be merged: UNDECIDED", f"\n  {told}"):
        assert line in ended.output
    run = read_run(tmp_path / "run" / "run.json")
    assert run.gate is not None
    assert (run.gate.exit_code, run.gate.nothing_under_test.startswith(told)) == (2, True)


@pytest.mark.parametrize(("words", "is_narrowed"), [(("--model", "causvid-tiny"), False), (("-k", "dogs"), True)])
def test_selection_that_the_base_is_given_hides_no_lost_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, str], is_narrowed: bool
) -> None:
    """Of what `-k` leaves out the base may have more; a case of a model that both sides are asked for is lost."""
    told: list[object] = []

    def in_turns(*_given: object, is_narrowed: bool, **_others: object) -> Decided:
        told.append(is_narrowed)
        raise GateEndedError("nothing is run here")

    monkeypatch.setattr(judged, "in_turns", in_turns)
    ended = bench("--suite", "tiny", "--gate", f"--against={sys.executable}", "--run-dir", tmp_path / "run", *words)
    assert (told, "nothing is run here" in ended.output) == ([is_narrowed], True)
