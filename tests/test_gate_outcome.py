"""The record of a gate's outcome: written into the run folder, read into run.json, and what it answers."""

import doctest
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from reports.gate import checks, judge_metric, limits, outcome, robust, words
from reports.gate.outcome import side_of
from reports.gate.outcome_file import read_gate, write_gate
from reports.gate.verdict import RANKS, UNDECIDED, CaseVerdict, Verdict, fails, worst
from reports.journal import RunFolderError
from reports.merge import merge, read_run, write_views
from tests.gate_samples import outcome_of
from tests.reports_samples import plan_of, planned, write_run


def test_outcome_of_a_run_folder_stands_in_its_record(tmp_path: Path) -> None:
    """In run.json as in what is merged afresh; a run that was not gated has none."""
    folder = write_run(tmp_path / "run", plan_of(planned()))
    assert merge(folder).gate is None
    outcome = outcome_of("PASS", "REGRESSION")
    assert write_gate(folder, outcome) == folder / "gate.json"
    assert write_views(folder).gate == read_run(folder / "run.json").gate == read_gate(folder) == outcome


@pytest.mark.parametrize("text", ["", "{}", '{"kind": "stored"', "[]", '{"knid": 1}'])
def test_outcome_that_is_none_is_an_error_of_the_folder(tmp_path: Path, text: str) -> None:
    """A gate that cannot be read must not look like one that was never there."""
    folder = write_run(tmp_path / "run", plan_of(planned()))
    (folder / "gate.json").write_text(text, encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"gate\.json: not the outcome of a gate"):
        merge(folder)


def test_older_record_without_a_gate_is_read(tmp_path: Path) -> None:
    """As every run.json from before there was one."""
    folder = write_run(tmp_path / "run", plan_of(planned()))
    write_views(folder)
    fields = msgspec.json.decode((folder / "run.json").read_bytes())
    del fields["gate"]
    (tmp_path / "old.json").write_bytes(msgspec.json.encode(fields))
    assert read_run(tmp_path / "old.json").gate is None


@pytest.mark.parametrize(
    ("verdicts", "lenient", "expected"),
    [
        (["PASS", "NEW", "IMPROVED"], [], "yes"),
        (["PASS", "REGRESSION", "MISSING"], [], "no"),
        (["PASS", "MISSING"], [], "undecided"),
        (["PASS", "MISSING"], ["MISSING"], "yes"),
        (["REGRESSION"], ["MISSING"], "no"),
        (["NEW"], [], "undecided"),
        (["MISSING"], ["MISSING"], "undecided"),
        ([], [], "undecided"),
    ],
)
def test_answer_is_that_of_the_exit_code(verdicts: list[Verdict], lenient: list[Verdict], expected: str) -> None:
    """Nothing compared is undecided, whatever was let pass."""
    assert outcome_of(*verdicts, lenient=lenient).may_merge == expected


def test_case_fails_by_a_regression_or_what_nobody_let_pass() -> None:
    """Each undecided verdict fails, until it is named; RECIPE_MISMATCH always does."""
    cases = [CaseVerdict(id="a", verdict=one, why="") for one in RANKS]
    assert {case.verdict for case in cases if fails(case)} == {"REGRESSION", *UNDECIDED}
    assert {case.verdict for case in cases if fails(case, UNDECIDED)} == {"REGRESSION", "RECIPE_MISMATCH"}


def test_sides_tell_every_version_once() -> None:
    """Baseline runs may be of several commits."""
    side = side_of([("b", {"git": "2"}), ("a", {"git": "1", "torch": "3"}), ("b", {"git": "2"})])
    assert (side.runs, side.versions) == (["a", "b"], {"git": ["1", "2"], "torch": ["3"]})


def test_worst_verdict_rules_and_one_number_without_a_baseline_does_not() -> None:
    """A case with a new number among others that pass was compared."""
    assert worst(["PASS", "NEW"]) == "PASS"
    assert worst(["IMPROVED", "PASS", "AMBIGUOUS", "REGRESSION"]) == "REGRESSION"


@pytest.mark.parametrize("module", [checks, judge_metric, limits, outcome, robust, words])
def test_documented_examples_of_the_gate_hold(module: ModuleType) -> None:
    """Each of these modules has one."""
    found = doctest.testmod(module)
    assert (found.failed, found.attempted > 0) == (0, True)
