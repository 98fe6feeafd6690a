"""How a case ended is told by what it raised, in one word and one sentence."""

import pytest
import torch

from fixtures.case_timeout import CaseTimeoutError
from fixtures.clock import NotFiniteError
from fixtures.measure import MediaError
from fixtures.status import status_of


def raised(outcome: object, text: str) -> BaseException:
    """Catch what `pytest.skip` and its kin raise."""
    try:
        outcome(text)  # type: ignore[operator] # one of pytest's functions
    except BaseException as error:  # noqa: BLE001 - outcomes are no `Exception`
        return error
    raise AssertionError(f"{outcome} raised nothing")


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (NotFiniteError("latents hold NaN"), "nan", "latents hold NaN"),
        (CaseTimeoutError("too long"), "timeout", "too long"),
        (
            raised(pytest.fail, "Timeout (>5.0s) from pytest-timeout."),
            "timeout",
            "Timeout (>5.0s) from pytest-timeout.",
        ),
        (raised(pytest.fail, "Timeout >5.0s"), "timeout", "Timeout >5.0s"),
        (raised(pytest.fail, "no Timeout (>5.0s) here"), "failed", "no Timeout (>5.0s) here"),
        (raised(pytest.skip, "not here"), "skipped", "not here"),
        (AssertionError("3 is not 4"), "failed", "AssertionError: 3 is not 4"),
        (torch.OutOfMemoryError("tried 2 GiB"), "oom", "OutOfMemoryError: tried 2 GiB"),
        (MemoryError("host"), "oom", "MemoryError: host"),
        (KeyboardInterrupt("SIGTERM"), "not_run", "KeyboardInterrupt: SIGTERM"),
        (KeyboardInterrupt(), "not_run", "KeyboardInterrupt"),
        (raised(pytest.exit, "enough"), "not_run", "Exit: enough"),
        (MediaError("no room"), "error", "MediaError: no room"),
        (RuntimeError("CUDA error: unknown"), "error", "RuntimeError: CUDA error: unknown"),
        (TimeoutError("of a socket"), "error", "TimeoutError: of a socket"),
    ],
)
def test_error_has_its_status_and_reason(error: BaseException, status: str, reason: str) -> None:
    """Each kind of end has a word of its own; errors without a sentence of their own are named by their class."""
    assert status_of(error) == (status, reason)


def test_out_of_memory_is_told_without_torch() -> None:
    """Another library's error of that name, and one derived from it, are out of memory too."""
    base = type("OutOfMemoryError", (RuntimeError,), {})
    assert status_of(type("MyOwn", (base,), {})("full"))[0] == "oom"
