"""run.json as it lies on the disk: the record of a run, and what `pytest-benchmark compare` reads of the same file.

Why it matters: other programs build on this file for years, so what they may rely on is said once, here. Strict JSON in
UTF-8 without NaN or infinity; seconds, bytes, joules; every round's raw numbers; `reports/run.schema.json` (JSON Schema
2020-12) describes all of it.

**What a reader may rely on.** Within one `schema_version` fields are only added, never removed, renamed or given
another type, unit or meaning, and a field that may be absent has its default in the schema: pass over fields that you
do not know. Names end in their unit; null is "not measured" and `reasons` says why. The number is raised by one where a
reader that keeps to this rule would go wrong, a new value of an enumeration (such as a `status`) included. This code
reads every number from 1 on; of a file with a higher number, or with a field that it does not know, it says so and
stops, because what it would leave out may be the word "invalid".

Version 1 (2026-11-23, the only one so far). Its earliest files have a `residency` in a recipe that could only be "all".
Source of the five other keys: `pytest_benchmark_generate_json` of pytest-benchmark 5.3.1.
"""

from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from reports.benchmark_json import benchmark_document
from reports.journal import RunFolderError
from reports.record import SCHEMA_VERSION, Plan, Run

Record = TypeVar("Record", Plan, Run)

OF_PYTEST_BENCHMARK = "for `pytest-benchmark compare`, made from the record above; absent in older files"
OF_OTHER_FIELDS = "give a file that a run of this repository wrote, or read it with the code that wrote it"
Told = msgspec.Meta(description=OF_PYTEST_BENCHMARK)


class RunFile(Run):
    """The record and, for pytest-benchmark, `benchmarks` and four more keys made from it; who reads may ignore these.

    An entry of `benchmarks` that is not a time, of a run with `--extra-entries`, has an `extra_info.quantity`.
    """

    machine_info: Annotated[dict[str, Any], Told] = {}
    commit_info: Annotated[dict[str, Any], Told] = {}
    benchmarks: Annotated[list[dict[str, Any]], Told] = []
    datetime: Annotated[str, Told] = ""
    version: Annotated[str, msgspec.Meta(description=f"pytest-benchmark's version, {OF_PYTEST_BENCHMARK}")] = ""


class _Numbered(msgspec.Struct):
    """All that is read of a file before its number is known."""

    schema_version: int


def run_file(run: Run, *, extra_entries: bool = False) -> RunFile:
    """Give the file of a run: its record, and the same as pytest-benchmark's JSON (see `benchmark_entries`)."""
    document = benchmark_document(run, extra_entries=extra_entries)
    theirs = {name: document[name] for name in RunFile.__struct_fields__ if name in document and not hasattr(run, name)}
    return RunFile(**msgspec.structs.asdict(run), **theirs)


def read_record(path: Path, kind: type[Record]) -> Record:
    """Read a plan.json or run.json of any schema version up to today's.

    Raises `RunFolderError`, a sentence, where the file is absent, cut off, no such record, or newer than this code.
    """
    content = _content(path)
    try:
        _refuse_newer(path, msgspec.json.decode(content, type=_Numbered).schema_version)
        if kind is Plan:
            return msgspec.json.decode(content, type=kind)
        whole = msgspec.json.decode(content, type=RunFile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        size = f"{len(content):,} bytes"
        msg = f"{path}: not a {kind.__name__.lower()} of schema version {SCHEMA_VERSION}: {error} ({size}); "
        is_json = isinstance(error, msgspec.ValidationError)
        raise RunFolderError(msg + (OF_OTHER_FIELDS if is_json else _made_anew(path, kind))) from error
    return kind(**{name: getattr(whole, name) for name in kind.__struct_fields__})


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror}); give a run folder or its run.json"
        raise RunFolderError(msg) from error


def _made_anew(path: Path, kind: type[Record]) -> str:
    """Say where a file that is no JSON, or not all of it, comes from again."""
    has_journal = path.with_name("plan.json").is_file() and any(path.parent.glob("journal/*.jsonl"))
    if kind is Run and has_journal:
        return f"give the folder {path.parent}, whose plan.json and journal the record is made from anew"
    return "copy it again, whole, from the folder that the run was written to"


def _refuse_newer(path: Path, number: int) -> None:
    if not 1 <= number <= SCHEMA_VERSION:
        msg = (
            f"{path}: has schema version {number}, this code reads {SCHEMA_VERSION}"
            f"{' and older' if SCHEMA_VERSION > 1 else ''}; render it with the code that wrote it, or with newer code"
        )
        raise RunFolderError(msg)
