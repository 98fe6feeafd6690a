"""How a case ended is told by what it raised, in one word and one sentence."""

import pytest
import torch

from fixtures.case_timeout import CaseTimeoutError
from fixtures.clip_media import MediaError
from fixtures.clock import NotFiniteError
from fixtures.cold.fresh_messages import FreshProcessError
from fixtures.status import is_device_lost, is_out_of_memory, status_of


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
        (RuntimeError("CUDA error: unknown"), "crashed", "RuntimeError: CUDA error: unknown"),
        (RuntimeError("CUDA error: out of memory"), "oom", "RuntimeError: CUDA error: out of memory"),
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


def test_notes_of_an_out_of_memory_lead_its_reason() -> None:
    """What the device held stands before torch's own text, which is cut off in tables; other notes stay out."""
    error, other = torch.OutOfMemoryError("tried 2 GiB"), ValueError("x")
    error.add_note("in phase 'decode'")
    other.add_note("a hint of a library")
    assert status_of(error) == ("oom", "in phase 'decode': OutOfMemoryError: tried 2 GiB")
    assert status_of(other) == ("error", "ValueError: x")


def chained(error: BaseException, cause: BaseException | None, context: BaseException | None = None) -> BaseException:
    error.__cause__, error.__context__ = cause, context
    return error


def test_error_raised_from_an_out_of_memory_is_one() -> None:
    """A library wraps what its backend raised; an out-of-memory that was only being handled is over."""
    oom = torch.OutOfMemoryError("full")
    assert status_of(chained(RuntimeError("decoding failed"), oom))[0] == "oom"
    assert status_of(ExceptionGroup("two", [ValueError("x"), oom]))[0] == "oom"
    assert status_of(chained(RuntimeError("no fallback"), None, oom))[0] == "error"


STICKY = (
    "an illegal memory access was encountered",
    "device-side assert triggered",
    "unspecified launch failure",
    "misaligned address",
    "the launch timed out and was terminated",
    "uncorrectable ECC error encountered",
    "operation not supported on global/shared address space",
    "unknown error",
    "something that a newer CUDA says",
)


@pytest.mark.parametrize("text", STICKY)
@pytest.mark.parametrize("kind", [torch.AcceleratorError, RuntimeError])
def test_error_that_costs_the_context_is_a_crash(kind: type[Exception], text: str) -> None:
    """CUDA says it with every later call too, so that this process cannot go on; unknown texts count as such."""
    error = kind(f"CUDA error: {text}\nCUDA kernel errors might be asynchronously reported at some other API call")
    assert (is_device_lost(error), status_of(error)[0]) == (True, "crashed")
    assert is_device_lost(chained(ValueError("while cleaning up"), None, error))
    assert is_device_lost(chained(ValueError("wrapped"), error))


@pytest.mark.parametrize(
    "text",
    [
        "invalid configuration argument",
        "no kernel image is available for execution on the device",
        "too many resources requested for launch",
        "operation not supported",
        "CUBLAS_STATUS_NOT_SUPPORTED when calling `cublasLtMatmul`",
    ],
)
def test_call_that_was_refused_costs_its_case_only(text: str) -> None:
    """Nothing ran, and the context is as it was."""
    error = torch.AcceleratorError(f"CUDA error: {text}")
    assert (is_device_lost(error), status_of(error)[0]) == (False, "error")


def test_memory_that_ran_out_is_no_lost_device() -> None:
    """Also where CUDA and not torch's allocator says so; nor is another error that only quotes CUDA's words."""
    for text in ("CUDA error: out of memory", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"):
        assert not is_device_lost(torch.AcceleratorError(text))
        assert is_out_of_memory(RuntimeError(text))
    assert not is_device_lost(ValueError("the log says CUDA error: unknown error"))


def test_device_that_a_fresh_process_lost_is_not_this_ones() -> None:
    """Its words are quoted in the parent's error, also in chains: the case crashed, the parent's context is sound."""
    error = FreshProcessError("crashed", "in the fresh process: RuntimeError: CUDA error: device-side assert triggered")
    lost = torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    assert (is_device_lost(error), status_of(error)[0]) == (False, "crashed")
    assert not is_device_lost(chained(RuntimeError("the round failed"), error))
    assert not is_device_lost(chained(ValueError("while cleaning up"), None, error))
    assert not is_device_lost(ExceptionGroup("two", [error, ValueError("x")]))
    assert is_device_lost(chained(error, lost))
