"""The program that proves the gate on a GPU says so itself where the gate misses a fault, or cries wolf."""

from pathlib import Path

import pytest

from reports.gate.verdict import CaseVerdict
from reports.record import CaseRecord
from tests.gate_samples import gate_case, gate_run, written
from tests.measure_gate_faults import EXPECTED, main, unexpected

RUNS = 8


def proof(folder: Path, monkeypatch: pytest.MonkeyPatch, **cases: CaseRecord) -> int:
    """Judge made runs, the faulty ones unchanged but for `cases`; only decoding and the first call are asked."""
    asked = {name: EXPECTED[name] for name in ("decode", "first_call")}
    monkeypatch.setattr("tests.measure_gate_faults.EXPECTED", asked)
    monkeypatch.setattr("tests.measure_gate_faults.DRAWS", 5)
    named = [f"base-{number:02d}" for number in range(1, RUNS + 1)]
    for number, name in enumerate([*named, "decode", "first_call"]):
        (folder / name).mkdir()
        written(folder / name, "run", gate_run(number, cases.get(name.replace("-", "_"), gate_case())))
    return main([str(folder), f"--runs={RUNS}"])


def slow_decoder() -> CaseRecord:
    """Give a case that decodes for twice as long."""
    phases = {"text_encode": 0.04, "denoise": 2.0, "decode": 3.2, "to_host": 0.36}
    return gate_case(phases_s=phases, prompt_to_host_s=sum(phases.values()))


def test_proof_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The slow decoder is named, and nothing else is worse."""
    assert proof(tmp_path, monkeypatch, decode=slow_decoder()) == 0
    printed = capsys.readouterr().out
    assert printed.endswith("\nas expected\n")
    assert printed.count("PASS") == RUNS + 1
    assert "480p81-dogs-s0] denoise +0 %: 0.0; 0.0\n" in printed
    assert "480p81-dogs-s0] denoise +5 %: 100.0; 100.0\n" in printed


def test_missed_fault_and_false_alarm_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unchanged run that is slow, and a fault that slowed nothing down."""
    assert proof(tmp_path, monkeypatch, base_03=slow_decoder()) == 1
    printed = capsys.readouterr().out
    assert "!! nothing was changed" in printed
    assert "!! REGRESSION was expected" in printed


def test_fault_must_be_named() -> None:
    """Caught for another reason is not caught."""
    case = CaseVerdict(id="a", verdict="REGRESSION", why="peak_allocated_bytes is above its baseline")
    assert unexpected("leak", case) == ["'more stays allocated throughout' is not in its reason"]
