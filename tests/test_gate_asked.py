"""What a gate refuses while pytest is configured: one sentence, exit code 4, nothing started."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.gate.asked import PROCESS_OF_A_GATE, Asked, asked_gate, refuse_elsewhere
from fixtures.options import Options
from tests.inner_session import ROOT, bench


def ask(options: Options, environment: dict[str, str] | None = None, **given: object) -> Asked | None:
    config: Any = SimpleNamespace(getoption=given.get)
    return asked_gate(config, options, environment or {})


def test_session_without_a_gate_has_none() -> None:
    """Nothing is read."""
    assert ask(Options()) is None


@pytest.mark.parametrize(
    ("options", "flags"),
    [
        (Options(against="HEAD"), "--against"),
        (Options(baselines="x"), "--baselines"),
        (Options(lenient=("MISSING",), under_test=("torch",)), "--lenient, --under-test"),
    ],
)
def test_option_of_the_gate_needs_the_gate(options: Options, flags: str) -> None:
    """A forgotten --gate must not look like a gate that passed."""
    with pytest.raises(pytest.UsageError, match=rf"^{flags} without --gate"):
        ask(options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (Options(gate=True, resume="run"), "--gate with --resume: .* compare reports/baselines --new run"),
        (Options(gate=True, update_golden="new"), "--gate with --update-golden"),
        (Options(gate=True, against="HEAD", baselines="x"), "--baselines with --against"),
        (Options(gate=True, lenient=("REGRESSION",)), "--lenient REGRESSION: not to be let pass; known: CALIBRATION"),
        (Options(gate=True, under_test=("torhc",)), "--under-test torhc: no such package"),
        (Options(gate=True, baselines="/no/such/folder"), "--baselines /no/such/folder: no such folder"),
        (Options(gate=True, against="no-such-ref"), "--against 'no-such-ref': is no interpreter, and not a commit"),
    ],
)
def test_what_cannot_be_is_refused(options: Options, told: str) -> None:
    """Subject, fault, and what to do."""
    with pytest.raises(pytest.UsageError, match=told):
        ask(options)


def test_what_would_do_nothing_is_refused() -> None:
    """No case runs in a gate's own process; and a process of a gate starts no gate."""
    with pytest.raises(pytest.UsageError, match=r"--benchmark-compare with --gate"):
        ask(Options(gate=True), benchmark_compare="0001")
    with pytest.raises(pytest.UsageError, match=r"that a gate started"):
        ask(Options(gate=True), {PROCESS_OF_A_GATE: "1"})


def test_unreadable_baseline_is_refused(tmp_path: Path) -> None:
    """A truncated file is no reason to judge without it."""
    (tmp_path / "a.json").write_text('{"baseline_version": 1,', encoding="utf-8")
    with pytest.raises(pytest.UsageError, match=r"--baselines .*a\.json: not a baseline"):
        ask(Options(gate=True, baselines=str(tmp_path)))


@pytest.mark.parametrize("arguments", [["--against", "no-such-ref"], []])
def test_gate_that_reaches_no_benchmark_is_refused(arguments: list[str]) -> None:
    """A session of other tests that passed would look like a gate that passed."""
    ended = bench("--gate", *arguments, target=str(ROOT / "tests" / "test_import_direction.py"))
    assert ended.code == 4
    assert "--gate: the arguments do not reach benchmarks/" in ended.output
    assert "pytest benchmarks/ --gate" in ended.output


def test_gate_without_a_path_is_refused() -> None:
    """The folder of the tests is pytest's choice then; a worker of pytest-xdist has nothing to refuse."""
    config: Any = SimpleNamespace()
    with pytest.raises(pytest.UsageError, match="run pytest benchmarks/ --gate"):
        refuse_elsewhere(config, Options(gate=True))
    refuse_elsewhere(config, Options())
    refuse_elsewhere(SimpleNamespace(workerinput={}), Options(gate=True))  # type: ignore[arg-type] # what is asked of it


def test_states_and_packages_are_taken() -> None:
    """As they were given, states in their fixed order."""
    asked = ask(Options(gate=True, lenient=("AMBIGUOUS", "MISSING"), under_test=("torch",)))
    assert asked is not None
    assert (asked.lenient, asked.under_test, asked.base) == (("MISSING", "AMBIGUOUS"), ("torch",), None)


def test_session_ends_with_a_sentence() -> None:
    """Exit code 4; and beside it what is said of a gate without a baseline tells how to make one."""
    ended = bench("--suite", "tiny", "--lenient", "MISSING", "--collect-only")
    assert (ended.code, ended.ids) == (4, [])
    assert "--lenient without --gate" in ended.output
    listed = bench("--suite", "tiny", "--gate", "--collect-only", "-k", "dogs and speed")
    assert listed.code == 0
    assert "gate: NO BASELINE for this CPU in" in listed.output
    assert "python -m reports baseline add RUN..." in listed.output


def test_gate_without_any_baseline_stops_at_once(tmp_path: Path) -> None:
    """No process, no folder: it fails with the state, and with how to make a baseline."""
    words = (
        "--suite",
        "tiny",
        "--gate",
        "--baselines",
        tmp_path,
        "--run-dir",
        tmp_path / "run",
        "-k",
        "dogs and speed",
    )
    ended = bench(*words)
    assert ended.code == 1
    assert f"gate: NO BASELINE for this CPU in {tmp_path}: CALIBRATION_NEEDED, nothing is run; run this" in ended.output
    assert "benchmarks::gate[no baseline]" in ended.output
    assert " a process, " not in ended.output
    assert "not judged, so nothing may be merged on it" in ended.output
    assert list(tmp_path.iterdir()) == []
