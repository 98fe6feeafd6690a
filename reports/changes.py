"""What is different between two runs: case by case, with direction and verdict, and in the environment.

Why it matters: a number that moved means nothing before it is known whether it moved by more than the rounds do, and
whether anything else had changed. So a time counts as changed only where every round of one run lies beyond every round
of the other and the medians are at least `NOISE_PCT` apart; a peak of memory, which has no spread, by that share alone.
Of a case that did not pass nothing is judged, unless a broken budget alone is why: a GPU that was slowed down or shared
gives no times to hold others against. These are verdicts on numbers, no gate: what may be merged is not decided here.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from reports.budgets import is_over_only
from reports.compare import is_shared
from reports.device_state import joules_per_video
from reports.record import CaseRecord, Run
from reports.rows import GIB, median

# Two runs of one configuration on one GPU differ by about this much (reports/published/repeat.txt).
NOISE_PCT = 1.0
Change = Literal["better", "worse", "same", "not comparable", "not measured"]
# What differs from start to start without a meaning.
VOLATILE = ("gpus_before", "container", "reasons")
TIMES = {
    "prompt_to_host_s": "prompt to host frames [s]",
    "time_to_first_frame_s": "time to first frame [s]",
    "sampling_s": "sampling [s]",
}


class Delta(NamedTuple):
    """One quantity, of which the lower is better, before and after; `pct` is the change in percent of before."""

    name: str
    before: float | None
    after: float | None
    pct: float | None
    change: Change


class CaseChange(NamedTuple):
    """A case in both runs, or in one of them alone (the other is None).

    `differs` lists what was asked for or ran otherwise (recipe, request, device): with any, and where the numbers of
    either are not sound (`is_sound`), times and memory are told but not judged.
    `same_frames` is None where either run has no frames.
    """

    id: str
    before: CaseRecord | None
    after: CaseRecord | None
    differs: dict[str, tuple[str, str]]
    deltas: list[Delta]
    same_frames: bool | None


def changes(before: Run, after: Run) -> list[CaseChange]:
    """Lay the cases of two runs side by side by id, in the order of the second's plan, then what it lacks."""
    old, new = ({case.id: case for case in run.cases} for run in (before, after))
    return [_change(id_, old.get(id_), new.get(id_)) for id_ in dict.fromkeys([*new, *old])]


def environment_changes(before: Run, after: Run) -> dict[str, tuple[str, str]]:
    """Name each fact of the environment that differs, as its path, with both values."""
    old, new = (dict(flat(msgspec.to_builtins(run.environment))) for run in (before, after))
    return _differing(old, new)


def is_broken(change: CaseChange) -> bool:
    """Tell whether a case that passed before does not pass now, or is not there."""
    was = change.before is not None and change.before.status == "passed"
    return was and (change.after is None or change.after.status != "passed")


def judged(change: CaseChange, verdict: Change) -> list[Delta]:
    """Give the deltas of a case that have this verdict."""
    return [delta for delta in change.deltas if delta.change == verdict]


def is_sound(case: CaseRecord) -> bool:
    """Tell whether the numbers of a case may stand beside another's.

    It passed, or is over budget and nothing else, and had its GPU for itself.
    """
    return (case.status == "passed" or is_over_only(case)) and not is_shared(case)


def _change(id_: str, old: CaseRecord | None, new: CaseRecord | None) -> CaseChange:
    if old is None or new is None:
        return CaseChange(id_, old, new, {}, [], None)
    differs = _differing(dict(_asked(old)), dict(_asked(new)))
    deltas = [
        *(_of_times(name, [_times_s(case, field) for case in (old, new)]) for field, name in TIMES.items()),
        _of_values("peak VRAM [GiB]", _peak_gib(old), _peak_gib(new)),
        _of_values("energy a video [J]", joules_per_video(old), joules_per_video(new)),
    ]
    if differs or not (is_sound(old) and is_sound(new)):
        deltas = [d._replace(change="not comparable") if d.pct is not None else d for d in deltas]
    hashes = [
        {timed.frames_sha256 for timed in case.measurement.rounds} if case.measurement else set() for case in (old, new)
    ]
    same = hashes[0] == hashes[1] if all(hashes) else None
    return CaseChange(id_, old, new, differs, deltas, same)


def _asked(case: CaseRecord) -> Iterator[tuple[str, str]]:
    yield from flat(
        {"recipe": msgspec.to_builtins(case.plan.recipe), "request": msgspec.to_builtins(case.plan.request)}
    )
    if case.measurement is not None:
        yield "device", ", ".join(device.name for device in case.measurement.devices)


def _times_s(case: CaseRecord, field: str) -> list[float]:
    values = [getattr(timed, field) for timed in case.measurement.rounds] if case.measurement else []
    return [value for value in values if value is not None]


def _peak_gib(case: CaseRecord) -> float | None:
    peak = case.measurement.memory.peak_allocated_bytes if case.measurement else None
    return None if peak is None else peak / GIB


def _of_times(name: str, rounds: Sequence[Sequence[float]]) -> Delta:
    old, new = rounds
    delta = _of_values(name, median(old), median(new))
    apart = bool(old and new) and (min(new) > max(old) or max(new) < min(old))
    return delta if apart or delta.change == "not measured" else delta._replace(change="same")


def _of_values(name: str, before: float | None, after: float | None) -> Delta:
    if before is None or after is None or not before:
        return Delta(name, before, after, None, "not measured")
    pct = 100 * (after / before - 1)
    verdict: Change = "same" if abs(pct) < NOISE_PCT else "worse" if pct > 0 else "better"
    return Delta(name, before, after, pct, verdict)


def _differing(old: dict[str, str], new: dict[str, str]) -> dict[str, tuple[str, str]]:
    missing = "(not there)"
    return {
        name: (old.get(name, missing), new.get(name, missing))
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    }


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Give every leaf of nested facts by its path; lists of facts count from 0."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in items:
            if path or name not in VOLATILE:
                yield from flat(inner, f"{path}.{name}" if path else str(name))
    else:
        yield path, str(value)
