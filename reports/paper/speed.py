"""How fast: durations by configuration, where the time goes, cold starts."""

from collections.abc import Sequence

from reports.paper.configurations import Configuration, configurations
from reports.paper.document import Absent, Block, Paragraph, See, Text, say
from reports.paper.measures import number, with_spread
from reports.paper.numbers import key
from reports.paper.ratios import TOTAL, ratios
from reports.paper.tables import figure, figure_of, name, rows_of, table, words
from reports.quantities import why_missing
from reports.record import Run

MOST_PHASES = 5


def speed(runs: Sequence[Run]) -> tuple[Block, ...]:
    """Give the tables of speed; without a sound case of the scenario, say that."""
    found = configurations(runs, "speed")
    blocks: list[Block] = []
    if found:
        text = say(
            "{speed} gives the durations, {phases} where the time goes.{weights}",
            speed=See("tab:speed"),
            phases=See("tab:phases"),
            weights=_weights(found),
        )
        blocks += [Paragraph(text), _table(found), *ratios(runs), _phases(found)]
    else:
        blocks.append(Paragraph(("Speed was not measured: no case of the scenario has a sound result.",)))
    return *blocks, *_cold_starts(configurations(runs, "cold_start"))


def _weights(found: list[Configuration]) -> Text:
    kinds = {one.plan.model.weights_source for one in found}
    texts = {
        "random": " Rows on random weights time the work of the published weights; the clips are noise.",
        "tiny": " Rows of toy models say that the suite runs, and nothing of any published model.",
    }
    return tuple(texts[kind] for kind in ("random", "tiny") if kind in kinds)


def _table(found: list[Configuration]) -> Block:
    columns = (
        words("Model, setting"), figure("Rounds"), figure("Sampling", "[s]"), figure("Prompt to", "host frames", "[s]"),
        figure("Time to", "first frame", "[s]"), figure("Frames", "per second", "[1/s]"),
    )  # fmt: skip

    def row(one: Configuration) -> tuple[Text, ...]:
        rounds = number("count", "1", one.places(TOTAL), decimals=0) or Absent("no round")
        durations = (duration(one, field) for field in ("sampling_s", "prompt_to_host_s", "time_to_first_frame_s"))
        return one.name, (rounds,), *durations, rate(one)

    caption = "Speed: medians over the timed rounds ± the furthest round."
    return table("tab:speed", (caption,), columns, rows_of(found, row))


def duration(one: Configuration, field: str) -> Text:
    """Give a duration of a configuration's rounds in seconds."""
    why = why_missing(one.measurement, field)  # type: ignore[arg-type] # the callers' fields are quantities
    return with_spread("s", one.places(f"measurement.rounds[*].{field}"), why=why)


def rate(one: Configuration) -> Text:
    """Give the frames of a configuration's clips a second."""
    operands = [one.first("measurement.clips")], [one.first("measurement.frames")], one.places(TOTAL)
    return with_spread("1/s", *operands, kind=("rate", "rate furthest"))


def _phases(found: list[Configuration]) -> Block:
    names: dict[str, None] = {}
    for one in found:
        names |= dict.fromkeys(name_ for timed in one.measurement.rounds for name_ in timed.phases_s)
    kept = list(names)[:MOST_PHASES]
    columns = (words("Model, setting"), *(figure_of(phase.replace("_", " "), unit="s") for phase in kept))

    def row(one: Configuration) -> tuple[Text, ...]:
        places = [one.places(f"measurement.rounds[*].phases_s{key(phase)}") for phase in kept]
        return one.name, *(with_spread("s", phase, why="no such phase") for phase in places)

    caption = "Phases: medians over the timed rounds ± the furthest round."
    return table("tab:phases", (caption,), columns, rows_of(found, row))


def _cold_starts(found: list[Configuration]) -> tuple[Block, ...]:
    if not found:
        return ()
    columns = (name("Model, setting"), figure("Processes"), figure("First", "[s]"), figure("Cold start", "[s]"))
    rows: list[tuple[Text, ...]] = [
        (
            one.name,
            (
                number("count", "1", one.places("measurement.cold_starts[*].total_s"), decimals=0)
                or Absent("no process"),
            ),
            with_spread("s", one.places("measurement.cold_starts[0].total_s")),
            with_spread("s", one.places("measurement.cold_start_s")),
        )
        for one in found
    ]
    caption = "Cold starts: from starting Python to a video file, each in a fresh process, the first apart."
    return (table("tab:cold", (caption,), columns, rows),)
