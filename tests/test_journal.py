"""The journal's writing side: the worst of a case's phases, and what a failed case must let go of."""

import gc
import sys
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.journal import Outcome, _write_finished, forget_frames
from fixtures.measure import MEASUREMENT_KEY
from reports.journal import Finished, load_journal
from tests.reports_samples import measured, planned


class Tensor:
    """Something that must not outlive its case."""


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


def test_forgotten_error_holds_nothing_of_its_frames_causes_or_group() -> None:
    """Locals of every frame of an error, of what caused it, and of a group's members can be freed, though the error
    itself lives on in pytest's report and somebody has looked at the locals."""  # noqa: D205, D209 - one sentence
    tensors: list[weakref.ref[Tensor]] = []

    def deepest(kind: type[Exception]) -> None:
        tensor = Tensor()
        tensors.append(weakref.ref(tensor))
        sys._getframe().f_locals  # noqa: B018 - what --showlocals does
        raise kind("deep")

    def chained() -> None:
        held = Tensor()
        tensors.append(weakref.ref(held))
        try:
            deepest(KeyError)
        except KeyError as cause:
            raise ValueError("outer") from cause

    def grouped() -> None:
        errors: list[Exception] = []
        for call in (chained, lambda: deepest(OSError)):
            try:
                call()
            except Exception as error:  # noqa: BLE001 - collected into the group
                errors.append(error)
        raise ExceptionGroup("both", errors)

    kept: BaseException | None = None
    try:
        grouped()
    except ExceptionGroup as error:
        kept = error
    assert [reference() is None for reference in tensors] == [False] * 3
    assert kept is not None
    forget_frames(kept)
    gc.collect()
    assert [reference() is None for reference in tensors] == [True] * 3


def test_interpreters_last_error_is_dropped() -> None:
    """In `sys` pytest keeps the last error for a debugger until the next test's call."""
    for name in ("last_exc", "last_type", "last_value", "last_traceback"):
        setattr(sys, name, ValueError())
    forget_frames(ValueError("x"))
    assert not any(hasattr(sys, name) for name in ("last_exc", "last_type", "last_value", "last_traceback"))
