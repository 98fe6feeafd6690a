"""Clips side by side: one row a request, one column a model in a setting, and what its clips are held against.

Why it matters: two clips tell more than two numbers, but only of the same prompt, seed, size, length and rate. So these
make a row, whose videos the page plays in step. A clip that several scenarios made, to the bit, stands there once.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from statistics import median
from typing import NamedTuple

from reports.matching import Key, base_setting, key_of
from reports.measured import Stills
from reports.media import Clip, Entry, clip_of, file_of
from reports.record import CaseRecord

SMALL_PX = 320


class Picture(NamedTuple):
    """A still of a clip beside the page: where it is or why there is none, what it shows, and of a strip the frames."""

    file: Clip
    shows: str
    frames: list[int] = []


class Column(NamedTuple):
    """One clip, the cases that made it, and its stills (the first of each that are there); `name` is for people.

    `begins` are the frames, counted from 0, that the blocks of a clip made in several begin with, but for the first.
    """

    name: str
    entries: list[Entry]
    clip: Clip
    strip: Picture | None
    slice: Picture | None
    begins: list[int] = []

    @property
    def anchors(self) -> str:
        """Give the ids of its cases' elements, by which it is hidden with them."""
        return " ".join(entry.anchor for entry in self.entries)


class Row(NamedTuple):
    """The clips of one request. `reference` is the place of the clip that differences are taken against by default."""

    title: str
    first: Entry
    key: Key
    columns: list[Column]
    reference: int

    @property
    def scale(self) -> int:
        """Give by how much clips are shown larger at most: small ones twice, others as they are."""
        return 2 if self.key.width < SMALL_PX else 1


def rows_of(entries: Sequence[Entry]) -> list[Row]:
    """Lay the clips of a page out in rows, in the order of their plans."""
    requests: dict[Key, list[Entry]] = {}
    for entry in entries:
        requests.setdefault(key_of(entry.case), []).append(entry)
    return [_row(key, own) for key, own in requests.items()]


def _row(key: Key, entries: list[Entry]) -> Row:
    clips: dict[tuple[object, ...], list[Entry]] = {}
    for entry in entries:
        clips.setdefault(_identity(entry), []).append(entry)
    columns = [_column(own) for own in clips.values()]
    rate = f"{key.fps:g} frames a second"
    take = "" if key.take is None else f", take {key.take}"
    title = f"{key.prompt}{take}, seed {key.seed}, {key.width} × {key.height}, {key.frames} frames, {rate}"
    return Row(title, entries[0], key, columns, _reference([column.entries[0] for column in columns]))


def _identity(entry: Entry) -> tuple[object, ...]:
    """Tell clips apart: one of the same model, setting, run and frames is the same; without frames none is."""
    case, measurement = entry.case, entry.case.measurement
    if measurement is None or measurement.video is None or not measurement.rounds:
        return (entry.anchor,)
    return (id(entry.source), case.plan.model.id, case.plan.setting, measurement.rounds[-1].frames_sha256)


def _column(entries: list[Entry]) -> Column:
    source, case = entries[0].source, entries[0].case
    label = f"{source.label}: " if source.label else ""
    scenarios = ", ".join(dict.fromkeys(entry.case.plan.scenario for entry in entries))
    name = f"{label}{case.plan.model.title}, {case.plan.setting} ({scenarios})"
    clip = _that_is_there(clip_of(entry.case, entry.source) for entry in entries)
    kept = [one.stills for entry in entries if (one := entry.case.measurement) and one.stills]
    if not kept:
        return Column(name, entries, clip, None, None)
    strips = [_strip(stills, file_of(stills.strip, source), name) for stills in kept]
    strip = next((one for one in strips if one.file.url), strips[0])
    slices = _that_is_there(file_of(stills.xt, source) for stills in kept)
    over_time = f"middle row of each frame of {name}, from the first downwards"
    begins = next(filter(None, (block_begins(entry.case) for entry in entries)), [])
    return Column(name, entries, clip, strip, Picture(slices, over_time), begins)


def _that_is_there(files: Iterable[Clip]) -> Clip:
    """Give the first file that can be shown, else the first: of several cases that made one clip some keep none."""
    found = list(files)
    return next((file for file in found if file.url), found[0])


def _strip(stills: Stills, file: Clip, name: str) -> Picture:
    return Picture(file, f"frames {', '.join(map(str, stills.frames))} of {name}", stills.frames)


def block_begins(case: CaseRecord) -> list[int]:
    """Tell with which frames, counted from 0, the chunks of the clip that is kept begin, but for the first.

    A causal model gives a chunk a block. Empty for a clip that came in one, and where chunks do not add up to it.
    """
    measurement = case.measurement
    if measurement is None or not measurement.rounds:
        return []
    ends = list(accumulate(chunk.frames for chunk in measurement.rounds[-1].chunks))
    return ends[:-1] if ends and ends[-1] == measurement.frames else []


def _reference(entries: Sequence[Entry]) -> int:
    """Choose the teacher of the suites' comparisons, or else the slowest clip, of equally slow ones the first."""
    teachers = {
        (comparison.teacher, comparison.teacher_setting)
        for entry in entries
        for comparison in entry.source.run.comparisons
    }
    named = [(e.case.plan.model.id, base_setting(e.case.plan.setting)) in teachers for e in entries]
    if any(named):
        return named.index(True)
    times_s = [_time_s(entry.case) for entry in entries]
    return times_s.index(max(times_s))


def _time_s(case: CaseRecord) -> float:
    rounds = case.measurement.rounds if case.measurement else []
    return median(one.prompt_to_host_s for one in rounds) if rounds else 0.0
