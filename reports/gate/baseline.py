"""Baselines as files: one a cohort, to be reviewed like code, with who put in what and why; nothing is overwritten.

Why it matters: a baseline that a program renews by itself follows every slow-down. So runs are added by somebody who
says why, only runs that are valid, passed and no worse than what is there, and old values stay readable.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec

from reports.frozen import Frozen
from reports.gate.cohort import NO_GPU, key_of
from reports.gate.judge import GateError
from reports.gate.numbers import Numbers, Text
from reports.gate.sample import Sample, is_number
from reports.strict_json import encode, write_atomically

# 2 keeps what was judged of clips, and parts of phases, beside the numbers; files of version 1 are read.
SCHEMA_VERSION = 2
# How many of a cohort's newest runs are judged against; older ones stay in the file.
MOST_RUNS = 50
# A list or an object that holds no other one. JSON's strings hold no line break, so these brackets are no text.
INNERMOST = re.compile(r"([\[{])\n\s+([^\[\]{}]*?)\n\s*([\]}])")
WIDEST = 150


class Change(Frozen):
    """Who changed a baseline, when and why."""

    at: str
    who: Text
    why: Text


class Entry(Numbers, kw_only=True):
    """One run of the cohort, who added it on which branch, and who `retired` it, if anybody.

    Its `series` are kept with the first run alone that made these very frames.
    """

    branch: Text
    added: Change
    retired: Change | None = None


class Baseline(Frozen):
    """A cohort's file: `key` is that of its `facts` (reports/gate/cohort.py), `entries` are its runs, oldest first."""

    baseline_version: Annotated[int, msgspec.Meta(ge=1, le=SCHEMA_VERSION)]
    case: Text
    key: str
    facts: dict[str, str]
    entries: list[Entry]

    @property
    def active(self) -> list[Entry]:
        """The runs that are judged against."""
        return [entry for entry in self.entries if entry.retired is None][-MOST_RUNS:]


def read_baseline(path: Path) -> Baseline:
    """Read a cohort's file; raises `GateError`, a sentence, for what is none or is not whole."""
    try:
        baseline = msgspec.json.decode(path.read_bytes(), type=Baseline)
    except OSError as error:
        raise GateError(f"{path}: cannot be read ({error.strerror})") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise GateError(f"{path}: not a baseline of version {SCHEMA_VERSION}: {error}") from error
    if key_of(baseline.facts) != baseline.key:
        raise GateError(f"{path}: its key {baseline.key} is not that of its facts; facts are not edited by hand")
    if not baseline.entries:
        raise GateError(f"{path}: holds no run; remove it, or add runs: python -m reports baseline add")
    runs = [entry.run for entry in baseline.entries if entry.retired is None]
    if twice := sorted({run for run in runs if runs.count(run) > 1}):
        raise GateError(f"{path}: run {twice[0]} stands twice")
    for entry in baseline.entries:
        if wrong := [name for name, value in entry.values.items() if not is_number(value)]:
            raise GateError(f"{path}: {wrong[0]} of run {entry.run} is {entry.values[wrong[0]]}, no positive number")
    return baseline


def baselines_in(place: Path) -> dict[Path, Baseline]:
    """Read a baseline's file, or every one below a folder, by path.

    Raises `GateError` where a cohort has two files, and for what else lies in the folder, less hidden files and
    README.md: a baseline whose name was mistyped must not be passed over.
    """
    found = {path: read_baseline(path) for path in (_files_in(place) if place.is_dir() else [place])}
    seen: dict[tuple[str, str], Path] = {}
    for path, baseline in found.items():
        if other := seen.get((baseline.case, baseline.key)):
            raise GateError(f"{path}: {other} is of the same cohort; keep one of them")
        seen[baseline.case, baseline.key] = path
    return found


def samples_in(baselines: Iterable[Baseline]) -> list[Sample]:
    """Give what the gate judges against: each run that counts, as a case that passed.

    Of a baseline of which none does any more its newest run stands for it, `retired`, so that its case is not new.
    """
    return [
        Sample(
            id=baseline.case,
            status="passed",
            reason="",
            invalid="" if entry.retired is None else f"retired {entry.retired.at} by {entry.retired.who}",
            mismatch="",
            facts=baseline.facts,
            retired=entry.retired is not None,
            **_numbers(entry) | {"series": _series(baseline, entry.frames_sha256)},
        )
        for baseline in baselines
        for entry in baseline.active or baseline.entries[-1:]
    ]


def _files_in(folder: Path) -> list[Path]:
    seen = [path for path in sorted(folder.rglob("*")) if not _is_hidden(path.relative_to(folder))]
    other = [path for path in seen if path.suffix != ".json" and (path.is_symlink() or not path.is_dir())]
    if wrong := [path for path in other if path.name != "README.md" or path.is_dir()]:
        raise GateError(f"{wrong[0]}: no baseline, which is a file that ends in .json; rename it or take it away")
    return [path for path in seen if path.suffix == ".json"]


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def with_sample(baseline: Baseline | None, sample: Sample, branch: str, change: Change) -> Baseline:
    """Add a run to its cohort's baseline, or begin one with it."""
    known = baseline is not None and bool(_series(baseline, sample.frames_sha256))
    entry = Entry(branch=branch, added=change, **_numbers(sample) | ({"series": {}} if known else {}))
    if baseline is None:
        baseline = Baseline(
            baseline_version=SCHEMA_VERSION, case=sample.id, key=key_of(sample.facts), facts=sample.facts, entries=[]
        )
    entries = [*baseline.entries, entry]
    return msgspec.structs.replace(baseline, baseline_version=SCHEMA_VERSION, entries=entries)


def retired(baseline: Baseline, change: Change) -> Baseline:
    """Retire every run that counts; the values stay in the file."""
    entries = [e if e.retired else msgspec.structs.replace(e, retired=change) for e in baseline.entries]
    return msgspec.structs.replace(baseline, entries=entries)


def path_in(folder: Path, sample: Sample) -> Path:
    """Name the file of a sample's cohort: by GPU, then by case and key.

    The part of the name that tells of the case is for people; `key` tells cohorts apart.
    """
    short = _slug(sample.id.rpartition("[")[2] or sample.id)[:80]
    gpu = sample.facts["gpu"] if sample.facts["gpu"] != NO_GPU else "cpu"
    return folder / _slug(gpu) / f"{_slug(sample.facts['workload.scenario'])}-{short}-{key_of(sample.facts)}.json"


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write a cohort's file whole or not at all, short lists and objects a line each, for who reviews it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(encode(baseline), indent=1).decode()
    write_atomically(path, INNERMOST.sub(_on_a_line, text).encode() + b"\n")


def find(baselines: dict[Path, Baseline], names: Sequence[str]) -> dict[Path, Baseline]:
    """Pick baselines by key or by case; raises `GateError` for a name that is neither."""
    for name in names:
        if not any(name in (one.key, one.case) for one in baselines.values()):
            known = ", ".join(sorted({one.key for one in baselines.values()})) or "none"
            raise GateError(f"no baseline has the key or case {name!r}; keys: {known}")
    return {path: one for path, one in baselines.items() if one.key in names or one.case in names}


def _numbers(one: Numbers) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Numbers.__struct_fields__}


def _series(baseline: Baseline, digest: str) -> dict[str, list[float]]:
    """Find the series of a clip among those of all runs, also retired ones."""
    return next((e.series for e in baseline.entries if digest and e.frames_sha256 == digest and e.series), {})


def _on_a_line(found: re.Match[str]) -> str:
    line = re.sub(r"\n\s*", " ", found[2]).strip()
    is_list = found[1] == "["
    return f"{found[1]}{line}{found[3]}" if is_list or len(line) <= WIDEST else found[0]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "unnamed"
