"""tests/measure_gate.py in its quick version: the gate's promise, and that a rule which breaks it is noticed."""

from pathlib import Path

import numpy as np
import pytest

from reports.gate.robust import scale
from tests import gate_rules
from tests.gate_rules import scales
from tests.measure_gate import main

QUICK = ["--trials", "20000"]


def test_gate_keeps_its_promise(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """At most 0.1 % false alarms, 90 % at +5 %, 99 % at +10 %, by the rules that `judge` itself gives; and a plot."""
    assert main([*QUICK, "--svg", str(tmp_path / "gate.svg")]) == 0
    printed = capsys.readouterr().out
    assert "vectorised rules: agree" in printed
    assert "keeps its promise" in printed
    assert "pytest-benchmark, mean:3%" in (tmp_path / "gate.svg").read_text(encoding="utf-8")


def test_scale_that_is_too_uncertain_is_noticed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The median absolute deviation of ten runs gives false alarms too often, and is not what the gate does."""

    def by_deviation(values: np.ndarray) -> np.ndarray:
        return np.asarray(1.4826 * np.median(np.abs(values - np.median(values, axis=1, keepdims=True)), axis=1))

    monkeypatch.setattr(gate_rules, "scales", by_deviation)
    assert main(["--trials", "6000"]) == 1
    printed = capsys.readouterr().out
    assert "!! 10 runs, or undecided: false alarms " in printed
    assert "DISAGREE" in printed


def test_vectorised_scale_is_the_gates() -> None:
    """Of ten and eleven runs."""
    rng = np.random.default_rng(3)
    for count in (10, 11):
        values = rng.normal(4, 0.04, (5, count, 2))
        expected = [[scale(list(values[trial, :, number])) for number in range(2)] for trial in range(5)]
        assert scales(values) == pytest.approx(np.array(expected))
