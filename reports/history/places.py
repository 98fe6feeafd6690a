"""Where the runs and baselines of a history lie.

Why it matters: a folder of a hundred nights is given by its name, and one record in it that cannot be read must not
leave a gap in the line that nobody notices.
"""

from pathlib import Path

from reports.gate.command import is_baseline, read_samples
from reports.history.readings import Reading, readings_of
from reports.journal import RunFolderError
from reports.merge import read_run

RUN_FILES = ("run.json", "plan.json")


def read_place(place: Path) -> list[Reading]:
    """Read a run folder, a run.json, a baseline's file, or every run below a folder, or else every baseline.

    Raises `RunFolderError` or `GateError` for whatever is not readable, and for a place that holds neither.
    """
    if place.is_dir():
        below = {path.parent for name in RUN_FILES for path in place.rglob(name)}
        if folders := [place] if _is_run(place) else sorted(below):
            return readings_of(map(read_run, folders))
    elif not place.exists():
        raise RunFolderError(f"{place}: no such file or folder; give a run folder or its run.json, or a folder of runs")
    elif not is_baseline(place):
        return readings_of([read_run(place)])
    return [Reading(sample) for sample in read_samples(place)]


def _is_run(folder: Path) -> bool:
    return any((folder / name).exists() for name in RUN_FILES)
