"""JSON as we write it: finite numbers only, whole files only.

Why it matters: msgspec 0.22 encodes NaN and infinity as `null` without a word, so a broken number would look like a
missing one; and a file that is half written when the disk fills up would replace a good one.
"""

import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec


class NonFiniteError(ValueError):
    """A record holds NaN or infinity; the message names the path of the value."""


def non_finite_paths(value: Any, path: str = "$") -> Iterator[str]:
    """Yield the JSON path of every NaN and infinity in `value`, which consists of builtins."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{path} is {value}"
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from non_finite_paths(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from non_finite_paths(inner, f"{path}[{index}]")


def encode(obj: Any) -> bytes:
    r"""Encode `obj` (structs or builtins) as one line of JSON; `NonFiniteError` where it holds NaN or infinity.

    Lone surrogates, as in the name of an undecodable file, are not Unicode text and become "\udcff".
    """
    builtins = msgspec.to_builtins(obj)
    found = list(non_finite_paths(builtins))
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        msg = f"a record holds finite numbers only, but {found[0]}{more}; record None and a reason in its place"
        raise NonFiniteError(msg)
    try:
        return msgspec.json.encode(builtins)
    except UnicodeEncodeError:
        return msgspec.json.encode(_without_surrogates(builtins))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(inner) for key, inner in value.items()}
    return [_without_surrogates(inner) for inner in value] if isinstance(value, list | tuple) else value


def write_atomically(path: Path, content: bytes) -> None:
    """Put `content` at `path` whole or not at all: a temporary file beside it, fsync, then a rename."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json_atomically(path: Path, obj: Any) -> None:
    """Write `obj` to `path` as indented JSON, whole or not at all; `NonFiniteError` leaves the old file as it was."""
    write_atomically(path, msgspec.json.format(encode(obj), indent=1) + b"\n")
