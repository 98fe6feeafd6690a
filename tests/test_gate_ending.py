"""How a gate's session ends, its processes made up: what they leave becomes failures, and signals end it in order."""

from pathlib import Path

import pytest

from fixtures.gate import gate
from fixtures.gate.procedure import Decided
from reports.gate.verdict import CaseVerdict
from tests.inner_session import Ended, bench
from tests.reports_samples import finished, plan_of, planned, started, write_run

CASE = planned().id


def session(folder: Path, *arguments: object) -> Ended:
    return bench("--suite", "tiny", "--gate", "-k", "dogs and bench_speed", "--run-dir", folder / "run", *arguments)


def decides(monkeypatch: pytest.MonkeyPatch, decided: Decided) -> None:
    """Make a gate decide so, whose new side left a run of one case that passed."""

    def made_up(_config: object, _asked: object, _cases: object, folder: Path) -> Decided:
        write_run(folder, plan_of(planned()), started(CASE), finished(CASE))
        return decided

    monkeypatch.setattr(gate, "_decided", made_up)


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
