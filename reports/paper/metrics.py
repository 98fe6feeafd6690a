"""What is measured and how each quantity is defined, as the record and its metrics have it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from reports.measured import MetricValue
from reports.paired import Distance
from reports.paper.citations import cite, of_metrics
from reports.paper.document import Absent, Block, Code, Items, Paragraph, Said, See, Table, Text, joined, say
from reports.paper.escape import short
from reports.paper.measures import Place, setting
from reports.paper.metric_definitions import BY_THE_USER, DEFINITIONS
from reports.paper.tables import figure, name, rows_of, table, words
from reports.record import Run

LABEL = "tab:metrics"
LIMITS = {
    "warn_below": ("warn", "below"),
    "warn_above": ("warn", "above"),
    "fail_below": ("fail", "below"),
    "fail_above": ("fail", "above"),
}


def metrics(runs: Sequence[Run]) -> tuple[Block, ...]:
    """Define durations (in the record's own words), memory, energy and the metrics of clips."""
    durations = {name: text for run in runs for name, text in run.durations.items()}
    items: tuple[Text, ...] = tuple(
        (Code(name), ": ", Said(short(text.replace("`", ""), 600))) for name, text in durations.items()
    )
    return (
        Paragraph(("Durations are defined once, and every record holds the definitions:",)),
        *([Items(items)] if items else []),
        Paragraph(_memory()),
        Paragraph(_energy()),
        *_clips(runs),
        *_limits(runs),
    )


def _memory() -> Text:
    return say(
        "Peak memory is told three times: what the allocator of PyTorch had allocated, what it had reserved, and what "
        "NVML{nvml} reported as used on the device, sampled while the timed rounds ran. Each is the peak over the "
        "timed rounds; loading and the first call stand apart. A GiB is 2³⁰ bytes, a GB is 10⁹ bytes.",
        nvml=cite(["nvml"]),
    )


def _energy() -> Text:
    return say(
        "Energy is the growth of NVML's energy counter over windows of at least 15 s which begin and end with a "
        "device synchronisation: the timed rounds where these are long enough, otherwise generations back to back "
        "after them. It is the whole device's energy, and it is cross-checked against integrated power."
    )


def _clips(runs: Sequence[Run]) -> tuple[Block, ...]:
    """Tell what clips are scored by, and define every metric and every comparison that a run holds."""
    ids, pairs = _found(runs, "metrics"), _found(runs, "distances")
    if not ids and not pairs:
        return (Paragraph(("No metric was computed on a clip.",)),)
    own = say(
        "Every clip is searched for NaN and Inf, counted and hashed, and scored as it was generated, before it is "
        "encoded, by {ids}. ",
        ids=joined([(Code(id_),) for id_ in ids]),
    )
    compared = say(
        "Settings are compared with a baseline of the same weights and noise by {ids}. ",
        ids=joined([(Code(id_),) for id_ in pairs]),
    )
    text: Text = (*(own if ids else ()), *(compared if pairs else ()), See(LABEL), " defines each.")
    return Paragraph(text), _definitions({**ids, **pairs})


def _found(runs: Sequence[Run], kind: Literal["metrics", "distances"]) -> dict[str, MetricValue | Distance]:
    """Give the first value of each id, which tells unit and direction."""
    measured = [case.measurement for run in runs for case in run.cases if case.measurement is not None]
    values: Iterable[MetricValue | Distance] = (
        (value for one in measured for value in one.metrics)
        if kind == "metrics"
        else (value for one in measured for pair in one.pairs for value in pair.compared.distances)
    )
    found: dict[str, MetricValue | Distance] = {}
    for value in values:
        found.setdefault(value.id, value)
    return found


def _definitions(found: Mapping[str, MetricValue | Distance]) -> Table:
    def row(value: MetricValue | Distance) -> tuple[Text, ...]:
        defined = DEFINITIONS.get(value.id, BY_THE_USER)
        source: Text = (defined.source, *of_metrics([value.id]))
        unit = Said(short(value.unit, 20))
        return (Code(value.id),), (defined.text,), (unit,), (value.better,), source

    caption = (
        "Metrics, as this version of the program computes them; unit and the better direction are the record's. A code "
        "is one of the steps of a byte, deviation is standard deviation, and luma has full range."
    )
    columns = (name("Metric"), words("Definition"), words("Unit"), words("Better"), words("Source"))
    return table(LABEL, (caption,), columns, rows_of(list(found.values()), row))


def _limits(runs: Sequence[Run]) -> tuple[Block, ...]:
    """Give the limits of the metrics that judged a clip, and what a clip beyond them looks like."""
    found: dict[str, tuple[Place, str, str]] = {}
    for run in runs:
        for case in run.cases:
            for index, metric in enumerate(case.measurement.metrics if case.measurement else ()):
                if metric.limits is not None:
                    place = Place(run, case, f"measurement.metrics[{index}].limits")
                    found.setdefault(metric.id, (place, metric.unit, metric.limits.looks_like))
    if not found:
        return ()
    columns = (name("Metric"), words("Unit"), *(figure(*heading) for heading in LIMITS.values()), words("Beyond it"))

    def row(id_: str) -> tuple[Text, ...]:
        place, unit, looks_like = found[id_]
        cells = [_limit(place._replace(path=f"{place.path}.{field}")) for field in LIMITS]
        return (Code(id_),), (Said(short(unit, 20)),), *cells, (Said(short(looks_like, 80)),)

    caption = "Limits of single clips: beyond a fail limit a case fails, beyond a warn limit it is told."
    return (table("tab:limits", (caption,), columns, rows_of(list(found), row)),)


def _limit(place: Place) -> Text:
    return (Absent("no limit on this side"),) if place.values == [None] else (setting(place),)
