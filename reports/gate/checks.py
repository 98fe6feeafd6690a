"""What is known of the quality of a case's clip, reduced to what a later run's clip is held against.

Why it matters: a time is worth what its clip is. Whether a clip keeps its limits, floors and bands was judged in the
run itself (reports/limits.py, floors.py, paired.py); here it is named, so that a later run's can be laid beside it.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from typing import TypeVar

from reports.gate.numbers import Bound, Check, Source
from reports.judged import Floor, JudgedFloor, Limits
from reports.limits import beyond
from reports.measured import Measurement, MetricValue
from reports.paired import PairedComparison
from reports.rows import one_line

LONGEST = 300
Kept = TypeVar("Kept")


def checks_of(measurement: Measurement) -> dict[str, Check]:
    """Give what judged the clip, by name; what says nothing of such a clip (of content, of random weights) is left out.

    A value that is only worth a look (a metric's warn limit) is within. Several floors of one metric are numbered, the
    loosest first, so that the strictest is the one that is missing where one is taken away.
    """
    series = {metric.id: metric for metric in measurement.metrics}
    floors = [one for one in measurement.floors if one.verdict != "not judged"]
    order = [one.floor.metric for one in floors]
    floors.sort(key=lambda one: (order.index(one.floor.metric), *_strictness(one.floor)))
    return numbered(
        [
            *((f"{one.id}, its own limits", _of_metric(one)) for one in measurement.metrics if _is_judged(one)),
            *(
                (f"{one.floor.metric}, floor of {one_line(one.floor.source, 60)}", _of_floor(one, series))
                for one in floors
            ),
            *((f"bands {one.bands.id} to {one_line(one.reference, 80)}", _of_pair(one)) for one in measurement.pairs),
        ]
    )


def numbered(named: Iterable[tuple[str, Kept]]) -> dict[str, Kept]:
    """Give what bears a name by it, each further one of a name by its number, so that none stands for another.

    >>> numbered([("floor", 5), ("band", 1), ("floor", 18)])
    {'floor': 5, 'band': 1, 'floor (2)': 18}
    """
    found: dict[str, Kept] = {}
    for name, one in named:
        names = chain([name], (f"{name} ({number})" for number in count(2)))
        found[next(free for free in names if free not in found)] = one
    return found


def frames_digest(measurement: Measurement) -> str:
    """Give the hash of the frames that every round made, "" where they differ or there is none."""
    found = {timed.frames_sha256 for timed in measurement.rounds}
    return found.pop() if len(found) == 1 and measurement.deterministic is not False else ""


def series_of(measurement: Measurement) -> dict[str, list[float]]:
    """Give the series that have an entry for each frame of the clip."""
    return {m.id: m.per_frame for m in measurement.metrics if m.per_frame and len(m.per_frame) == measurement.frames}


def frames_text(frames: Sequence[int]) -> str:
    """Name frames, neighbours together.

    >>> frames_text([12, 13, 14, 40]), frames_text([7]), frames_text([])
    ('frames 12 to 14, 40', 'frame 7', '')
    """
    spans: list[list[int]] = []
    for frame in sorted(set(frames)):
        if spans and frame == spans[-1][1] + 1:
            spans[-1][1] = frame
        else:
            spans.append([frame, frame])
    told = [f"{first} to {last}" if first != last else str(first) for first, last in spans]
    more = f" and {len(told) - 6} more" if len(told) > 6 else ""
    return f"frame{'s' if len(set(frames)) > 1 else ''} {', '.join(told[:6])}{more}" if told else ""


def _strictness(floor: Floor) -> tuple[float, float]:
    """Order floors of one metric, the loosest first, those with a lower end before those without."""
    most = math.inf if floor.at_most is None else floor.at_most
    return (math.inf if floor.at_least is None else floor.at_least, -most)


def _is_judged(metric: MetricValue) -> bool:
    return metric.verdict != "not judged"


def _of_metric(metric: MetricValue) -> Check:
    limits = metric.limits
    return Check(
        verdict="broken" if metric.verdict == "fail" else "within",
        value=_amount(metric.value, metric),
        limit="" if limits is None else " and ".join(_spelled(limits.fail_below, limits.fail_above, metric)),
        told=one_line(metric.explanation, LONGEST) if metric.verdict == "fail" else "",
        frames=list(_frames_beyond(metric, limits)) if metric.verdict == "fail" and limits is not None else [],
        bounds=[]
        if limits is None
        else [_bound(metric.id, metric.value, (limits.fail_below, limits.fail_above), limits.together_with or "")],
        formula=metric.formula,
        weights_sha256=metric.weights_sha256,
    )


def _of_floor(judged: JudgedFloor, metrics: dict[str, MetricValue]) -> Check:
    floor, metric = judged.floor, metrics.get(judged.floor.metric)
    broken = judged.verdict == "fail"
    return Check(
        verdict="broken" if broken else "within",
        value=_amount(judged.actual, metric),
        limit=" and ".join(_spelled(floor.at_least, floor.at_most, metric)),
        told=one_line(judged.explanation, LONGEST) if broken else "",
        frames=list(_frames_beyond(metric, _as_limits(floor))) if broken and metric is not None else [],
        bounds=[_bound(floor.metric, judged.actual, (floor.at_least, floor.at_most))],
        formula="" if metric is None else metric.formula,
        weights_sha256="" if metric is None else metric.weights_sha256,
    )


def _of_pair(pair: PairedComparison) -> Check:
    bands = [
        f"{b.distance} {b.statistic} {b.at_most if b.at_least is None else b.at_least:g}" for b in pair.bands.bands
    ]
    broken = pair.verdict != "within"
    banded = {band.distance for band in pair.bands.bands}
    worst = {
        one.worst_frame
        for one in pair.compared.distances
        if one.of == "frames" and one.id in banded and one.worst_frame is not None
    }
    return Check(
        verdict="broken" if broken else "within",
        value=pair.verdict,
        limit=", ".join(bands),
        told=one_line(pair.explanation, LONGEST) if broken else "",
        frames=sorted(worst) if pair.verdict == "broken" else [],
        bounds=list(_bounds_of(pair)),
        sources={
            one.id: Source(formula=one.formula)
            for one in pair.compared.distances
            if one.id in banded and not one.not_applicable
        },
    )


def _bounds_of(pair: PairedComparison) -> Iterator[Bound]:
    known = {one.id: one for one in pair.compared.distances}
    for band in pair.bands.bands:
        found = known.get(band.distance)
        if found is None or not found.not_applicable:
            value = None if found is None else found.value if band.statistic == "value" else found.worst
            yield _bound(f"{band.distance} {band.statistic}", value, (band.at_least, band.at_most))


def _bound(of: str, value: float | None, limits: tuple[float | None, float | None], together_with: str = "") -> Bound:
    return Bound(of=of, value=value, at_least=limits[0], at_most=limits[1], together_with=together_with)


def _frames_beyond(metric: MetricValue, limits: Limits) -> Iterator[int]:
    """Give the frames whose own entry is beyond the fail limit that the clip breaks; of none the one farthest out."""
    found = None if metric.value is None else beyond(metric.value, limits, "fail")
    if found is None or not metric.per_frame:
        return
    limit, side = found
    sign = -1 if side == "below" else 1
    out = [number for number, value in enumerate(metric.per_frame) if sign * (value - limit) > 0]
    yield from out or [max(range(len(metric.per_frame)), key=lambda number: sign * metric.per_frame[number])]


def _as_limits(floor: Floor) -> Limits:
    return Limits(source=floor.source, looks_like="", fail_below=floor.at_least, fail_above=floor.at_most)


def _spelled(least: float | None, most: float | None, metric: MetricValue | None) -> list[str]:
    ends = (("at least", least), ("at most", most))
    return [f"{word} {_amount(limit, metric)}" for word, limit in ends if limit is not None]


def _amount(value: float | None, metric: MetricValue | None) -> str:
    if value is None:
        return "no value"
    return f"{value:.4g}" if metric is None or metric.unit == "1" else f"{value:.4g} {metric.unit}"
