"""Which clips are shown beside each other in a blinded comparison.

Why it matters: people prefer the clip that is longer, larger or of another scene for reasons that are none of the
models'. So two clips are a pair only where prompt, seed, size, frames, rate, start and the source of the weights are
the same (reports/matching.py). Of a clip that several scenarios made, one is shown; clips that are equal byte by byte
are not, as nothing can be preferred there. What is left out is told.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from reports.journal import RunFolderError
from reports.matching import Key, base_setting, key_of
from reports.media import UnsafePathError, clip_url
from reports.record import CaseRecord, Run
from reports.rows import counted
from reports.verdicts import comparisons_of


class Side(NamedTuple):
    """Who made a clip: a model in a setting, in a run."""

    model: str
    setting: str
    run_id: str


class Source(NamedTuple):
    """A clip on the disk, and the case that made it."""

    side: Side
    case: CaseRecord
    path: Path


class Pair(NamedTuple):
    """Two clips of one prompt and seed."""

    first: Source
    second: Source


class Choice(NamedTuple):
    """The pairs to show, what to call each side, and a sentence for each kind of clip that is left out."""

    pairs: list[Pair]
    names: dict[Side, str]
    left_out: list[str]


Clips = dict[Side, dict[Key, Source]]


def choose(runs: Sequence[tuple[Run, Path]], between: Sequence[str] = ()) -> Choice:
    """Pair the clips of runs, each with its folder: `between` two names, or students and teachers, or all models.

    Without `between`, the suites' comparisons say who is held against whom, and of several runs a model in a setting is
    held against itself; where that gives nobody, every two are. A name is a model ("causvid-1.3b"), one with its
    setting ("causvid-1.3b 480p81"), or with its run, too ("causvid-1.3b 480p81 of 20261122-120000-quick"). Raises
    `RunFolderError` where no two clips are a pair.
    """
    clips, absent = _clips(runs)
    names = side_names(list(clips))
    pairs, equal = [], 0
    for first, second in _opponents([run for run, _ in runs], names, between):
        for key in [key for key in clips[first] if key in clips[second]]:
            pair = Pair(clips[first][key], clips[second][key])
            is_equal = pair.first.path.read_bytes() == pair.second.path.read_bytes()
            equal += is_equal
            pairs += [] if is_equal else [pair]
    left_out = [f"{counted(range(absent), 'case')} without a clip in the run's folder"] if absent else []
    left_out += [f"{counted(range(equal), 'pair')} of clips that are equal byte by byte"] if equal else []
    if not pairs:
        raise RunFolderError("; ".join(["no two clips of the runs are a pair", *left_out, _known(names)]))
    return Choice(pairs, names, left_out)


def side_names(sides: Sequence[Side]) -> dict[Side, str]:
    """Name each side by model and setting, and by its run where several have these.

    >>> one, two = Side("wan", "480p81", "monday"), Side("wan", "480p81", "tuesday")
    >>> list(side_names([one, two]).values()), list(side_names([one]).values())
    (['wan 480p81 of monday', 'wan 480p81 of tuesday'], ['wan 480p81'])
    """
    often = [side[:2] for side in sides]
    return {
        side: f"{side.model} {side.setting}" + (f" of {side.run_id}" if often.count(side[:2]) > 1 else "")
        for side in sides
    }


def _clips(runs: Sequence[tuple[Run, Path]]) -> tuple[Clips, int]:
    """Collect the clips by side and by what a pair has in common, of two such the first; count the absent ones."""
    found: Clips = {}
    absent = 0
    for run, folder in runs:
        for case in run.cases:
            if (path := _path(case, folder)) is None:
                absent += 1
                continue
            side = Side(case.plan.model.id, case.plan.setting, run.run_id)
            found.setdefault(side, {}).setdefault(key_of(case), Source(side, case, path))
    return found, absent


def _path(case: CaseRecord, folder: Path) -> Path | None:
    video = case.measurement.video if case.measurement else None
    if video is None:
        return None
    try:
        clip_url(video)
    except UnsafePathError as error:
        raise RunFolderError(f"{case.id[:200]}: {error}") from error
    return path if (path := folder / video).is_file() else None


def _opponents(runs: Sequence[Run], names: dict[Side, str], between: Sequence[str]) -> Iterator[tuple[Side, Side]]:
    """Yield who is held against whom, every two once."""
    if between:
        firsts, seconds = (_called(name, names) for name in between)
        wanted = [(first, second) for first in firsts for second in seconds]
    else:
        across = [two for two in combinations(names, 2) if two[0][:2] == two[1][:2]]
        wanted = [*_students_and_teachers(runs, names), *across] or list(combinations(names, 2))
    done = {frozenset([side]) for side in names}
    for two in wanted:
        if frozenset(two) not in done:
            done.add(frozenset(two))
            yield two


def _called(name: str, names: dict[Side, str]) -> list[Side]:
    found = [s for s, full in names.items() if name in {s.model, f"{s.model} {s.setting}", full}]
    if not found:
        raise RunFolderError(f"no clip is by {name[:60]!r}; {_known(names)}")
    return found


def _students_and_teachers(runs: Sequence[Run], names: dict[Side, str]) -> Iterator[tuple[Side, Side]]:
    for comparison in comparisons_of(runs):
        named = [(s, base_setting(s.setting)) for s in names]
        teachers = [s for s, name in named if (s.model, name) == (comparison.teacher, comparison.teacher_setting)]
        students = [s for s, name in named if s.model in comparison.students and name in comparison.settings]
        yield from ((student, teacher) for student in students for teacher in teachers if _same_sweep(student, teacher))


def _same_sweep(student: Side, teacher: Side) -> bool:
    sweeps = {side.setting.removeprefix(base_setting(side.setting)) for side in (student, teacher)}
    return len(sweeps) == 1


def _known(names: dict[Side, str]) -> str:
    return f"there are clips by {', '.join(sorted(names.values())) or 'nobody'}"
