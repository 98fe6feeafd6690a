"""The journal's writing side: the worst of a case's phases, and its end on disk whatever it measured."""

from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.journal import Outcome, _write_finished, last_lines
from fixtures.measure import MEASUREMENT_KEY
from reports.journal import Finished, load_journal
from tests.reports_samples import measured, planned


def outcome() -> Outcome:
    return Outcome(planned(), 1, "2026-01-01T00:00:00+00:00")


def test_first_error_rules_and_later_ones_are_added() -> None:
    """A broken teardown after an out-of-memory does not hide it."""
    worst = outcome()
    worst.worsen(MemoryError("full"), "call")
    worst.worsen(ValueError("and this"), "teardown")
    assert (worst.status, worst.reason) == ("oom", "MemoryError: full; then teardown: ValueError: and this")


def test_error_of_the_teardown_is_an_error_whatever_it_raises() -> None:
    """A skip in a teardown does not make a measured case a skipped one."""
    worst = outcome()
    with pytest.raises(pytest.skip.Exception) as skipped:
        pytest.skip("too late")
    worst.worsen(skipped.value, "teardown")
    assert (worst.status, worst.reason) == ("error", "teardown: too late")


def test_number_that_json_cannot_hold_costs_the_numbers_and_not_the_case(tmp_path: Any) -> None:
    """NaN in a time makes the case an error that names the place; its end is in the journal all the same."""
    stash = pytest.Stash()
    stash[MEASUREMENT_KEY] = measured(1.0, float("nan"))
    _write_finished(SimpleNamespace(stash=stash), SimpleNamespace(folder=tmp_path), outcome())  # type: ignore[arg-type]
    (entry,) = load_journal(tmp_path).entries
    assert isinstance(entry, Finished)
    assert (entry.status, entry.measurement) == ("error", None)
    assert "rounds" in entry.reason


def test_the_end_of_what_pytest_tells_is_kept() -> None:
    """Traceback first, then what was printed; of long output the last lines, of long lines the last characters."""
    report = pytest.TestReport(
        nodeid="x",
        location=("x", 1, "x"),
        keywords={},
        outcome="failed",
        longrepr="Traceback\nValueError: no",
        when="call",
        sections=[("Captured stdout call", "one\ntwo\n")],
    )
    assert last_lines(report) == "Traceback\nValueError: no\n--- Captured stdout call ---\none\ntwo"
    assert last_lines(report, lines=1) == "two"
    assert last_lines(report, characters=5) == "e\ntwo"
