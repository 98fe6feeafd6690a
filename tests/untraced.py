"""Without coverage's tracer: for what takes Python long, or is timed, and is traced in other tests."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def untraced() -> Iterator[None]:
    """Take the tracer off meanwhile: under it Python takes twice as long, and more."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)
