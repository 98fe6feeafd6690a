"""An error that lives on, as in pytest's report, must not keep alive what its frames held."""

import gc
import sys
import weakref

from fixtures.frames import forget_frames


class Tensor:
    """Something that must not outlive its case."""


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
