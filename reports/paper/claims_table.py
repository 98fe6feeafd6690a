"""Claimed numbers beside measured ones, as reports/claims.py judges them."""

import re
from collections.abc import Sequence

from reports.claims import Answer, answers, claims_of
from reports.compare import model_and_setting
from reports.judged import Claim, Quantity
from reports.paper.configurations import kinds_of_device
from reports.paper.document import Absent, Block, Inline, Items, Paragraph, Quote, Said, See, Text, joined
from reports.paper.escape import short
from reports.paper.measures import Place, exact, number
from reports.paper.numbers import Number
from reports.paper.tables import figure, table, words
from reports.quantities import BYTES, ONCE, spelled, unit_of, value_of
from reports.record import Run

MOST_NAMED = 6


def claims(runs: Sequence[Run]) -> tuple[Block, ...]:
    """Give every claim, and below it every candidate configuration, or say that there is none."""
    found = answers(runs)
    if not found:
        return (Paragraph(("The suites of these runs hold no claim.",)),)
    measured = [answer for answer in found if answer.verdict != "not measured"]
    texts: list[Text] = [_sentence(claim, runs) for claim in claims_of(runs)]
    columns = (
        words("Claim"), words("Configuration"), words("Read as"), figure("Claimed"), figure("Measured"),
        figure("Measured", "/ claimed"), words("Verdict"),
    )  # fmt: skip
    rows = [_row(answer, runs) for answer in measured]
    said = [piece for text in texts for piece in (*text, ". ")]
    where: Text = (See("tab:claims"), " has every candidate that was measured.") if rows else ("None was measured.",)
    text = Paragraph(("Claims that were held against the measurements: ", *said, *where))
    caption = "Claims and measurements; a claim is never carried from one GPU to another."
    tables = (table("tab:claims", (caption,), columns, rows),) if rows else ()
    return text, *tables, *_silent(found)


def _sentence(claim: Claim, runs: Sequence[Run]) -> Text:
    """Quote a claim, and give the number in it that its field `value` holds that reference."""
    run, index = _held(claim, runs)
    source = Place(run, None, f"claims[{index}].text").source
    text, value = short(claim.text, 200), _claimed(claim, runs)
    if not isinstance(value, Number):
        return (Quote(text, source),)
    before, *after = re.split(rf"(?<![\w.,-]){re.escape(value.text)}(?![.,]?\d|\w)", text, maxsplit=1)
    return (Quote(before, source), *(piece for part in after for piece in (value, Quote(part, source))))


def _held(claim: Claim, runs: Sequence[Run]) -> tuple[Run, int]:
    """Find the first run that holds a claim, and where."""
    run = next(run for run in runs if claim in run.claims)
    return run, run.claims.index(claim)


def _claimed(claim: Claim, runs: Sequence[Run]) -> Inline:
    run, index = _held(claim, runs)
    return exact(
        unit_of(claim.quantities[0]), Place(run, None, f"claims[{index}].value"), decimals=_decimals(claim.value)
    )


def _silent(found: Sequence[Answer]) -> tuple[Block, ...]:
    """List what was not measured of each claim, what has one reason together."""
    groups: dict[tuple[str, str], list[Text]] = {}
    for answer in found:
        if answer.verdict == "not measured":
            read_as = f" ({spelled(answer.quantity)})" if answer.quantity else ""
            named = Said(short(f"{answer.configuration}{read_as}", 120))
            groups.setdefault((answer.claim.id, answer.note), []).append((named,))
    items: list[Text] = [
        (Said(short(id_, 40)), ": ", *joined(named[:MOST_NAMED]), *_others(named), " (", Said(short(note, 160)), ")")
        for (id_, note), named in groups.items()
    ]
    return (Paragraph(("Not measured, and so not in a table:",)), Items(tuple(items))) if items else ()


def _others(named: list[Text]) -> Text:
    return (" and others",) if len(named) > MOST_NAMED else ()


def _row(answer: Answer, runs: Sequence[Run]) -> tuple[Text, ...]:
    claim, quantity = answer.claim, answer.quantity
    assert quantity is not None, "what was measured is a quantity"
    unit = unit_of(claim.quantities[0])
    run, index = _held(claim, runs)
    claimed = Place(run, None, f"claims[{index}].value")
    places = _behind(answer, quantity, runs)
    divisor = float(BYTES.get(unit, 1))
    measured = number("median", unit, places, decimals=2, divisor=divisor)
    share = number("ratio", "1", places, [claimed], decimals=2, divisor=divisor)
    absent = Absent(short(answer.note, 160))
    return (
        (Said(short(claim.id, 40)),),
        (Said(short(answer.configuration, 90)), *_origin(places, runs)),
        (Said(spelled(quantity)),),
        (_claimed(claim, runs), f" {unit}"),
        (measured, f" {unit}") if measured else (absent,),
        (share,) if share else (absent,),
        (answer.verdict,),
    )


def _origin(places: list[Place], runs: Sequence[Run]) -> Text:
    """Name the GPU of what was measured where the runs are of several kinds."""
    if len(kinds_of_device(runs)) < 2 or not places or places[0].case is None or places[0].case.measurement is None:
        return ()
    return " on ", Said(short(places[0].case.measurement.devices[0].name, 40))


def _decimals(value: float) -> int:
    return len(f"{value:.6f}".rstrip("0").partition(".")[2])


def _behind(answer: Answer, quantity: Quantity, runs: Sequence[Run]) -> list[Place]:
    """Find the case that an answer speaks of, and the field that holds its quantity."""
    for run in runs:
        for case in run.cases:
            named = answer.configuration.startswith(f"{model_and_setting(case)} ({case.plan.scenario}")
            if named and case.measurement and value_of(case.measurement, quantity) == answer.actual:
                return [Place(run, case, _path(quantity))]
    return []


def _path(quantity: Quantity) -> str:
    if unit_of(quantity) in BYTES:
        return f"measurement.memory.{quantity.rpartition('_')[0]}_bytes"
    return f"measurement.{quantity}" if quantity in ONCE else f"measurement.rounds[*].{quantity}"
