"""What it costs: joules by configuration, mean power, videos a GPU-hour and, with a price, money."""

from collections.abc import Sequence

from reports.paper.configurations import Configuration, configurations
from reports.paper.document import Absent, Block, Paragraph, See, Text
from reports.paper.measures import Place, number, with_spread
from reports.paper.ratios import TOTAL
from reports.paper.tables import figure, rows_of, table, words
from reports.record import Run

COUNTED = "measurement.state.energy"
NOT_COUNTED = "energy was not counted"


def energy(runs: Sequence[Run]) -> tuple[Block, ...]:
    """Give the table of energy; where none was counted, say so with the record's reasons."""
    found = [one for one in configurations(runs, "speed") if one.measurement.state is not None]
    if not any(joules(one, "videos") for one in found):
        reasons = dict.fromkeys(_why(one) for one in configurations(runs, "speed"))
        told = f" ({'; '.join(reasons)})" if reasons else ""
        return (Paragraph((f"Energy was not measured{told}.",)),)
    priced = any(run.gpu_hour_price is not None for run in runs)
    columns = (
        words("Model, setting"),
        *(figure("Energy", f"a {what}", "[J]") for what in ("video", "frame")),
        figure("Mean power", "[W]"),
        figure("Videos a", "GPU-hour", "[1/h]"),
        *([figure("Cost a", "video")] if priced else []),
        words("Cross-check"),
    )
    rows = rows_of(found, lambda one: _row(one, priced=priced))
    caption = "Energy of the whole device; after ± stands the distance of integrated power."
    noise = any(one.plan.model.weights_source != "hub" for one in found)
    what = " With random or toy weights it is that of generating noise." if noise else ""
    return Paragraph((See("tab:energy"), f" gives the energy.{what}")), table("tab:energy", (caption,), columns, rows)


def joules(one: Configuration, per: str) -> Text | None:
    """Give the joules a video or a frame ("videos", "frames"); None where energy was not counted.

    After ± stands the distance of integrated power, where there is one.
    """
    counted, integrated, made = (one.places(f"{COUNTED}.{field}") for field in ("counter_j", "integrated_j", per))
    if number("difference quotient", "J", counted, integrated, made) is not None:
        return with_spread("J", counted, integrated, made, kind=("outer quotient", "difference quotient"))
    value = number("quotient", "J", counted, made)
    return None if value is None else (value,)


def _row(one: Configuration, *, priced: bool) -> tuple[Text, ...]:
    why = Absent(_why(one))
    power = with_spread("W", one.places("measurement.state.mean_power_w"), why="power was not sampled")
    hour = number("hourly", "1/h", [one.first("measurement.clips")], one.places(TOTAL))
    price = [Place(one.run, None, "gpu_hour_price")]
    cost = number("cost", "1", price, one.places(TOTAL), [one.first("measurement.clips")])
    found = one.measurement.state.energy if one.measurement.state else None
    return (
        one.name,
        joules(one, "videos") or (why,),
        joules(one, "frames") or (why,),
        power,
        (hour or Absent("no time"),),
        *([(cost or Absent("no price of a GPU-hour was given"),)] if priced else []),
        (found.cross_check if found else why,),
    )


def _why(one: Configuration) -> str:
    reasons = one.measurement.reasons
    return next((reasons[name] for name in ("energy", "state", "validity") if name in reasons), NOT_COUNTED)
