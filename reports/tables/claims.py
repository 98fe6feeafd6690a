"""Claims as tables, one a claim: what every candidate configuration says of it, those that reproduce it first."""

from collections.abc import Sequence

from reports.claims import Answer, answers, claims_of, difference, heading, if_gib_text
from reports.quantities import spelled, unit_of
from reports.record import Run
from reports.tables.table import Row, Table, Tone, span, table_of

TONES: dict[str, Tone] = {
    "reproduced": "good",
    "better": "neutral",
    "worse": "bad",
    "not comparable": "unknown",
    "not measured": "unknown",
}
ORDER = list(TONES)


def claim_tables(runs: Sequence[Run]) -> list[Table]:
    """Give a table to each claim of the runs' suites."""
    found = sorted(answers(runs), key=lambda answer: ORDER.index(answer.verdict))
    return [
        table_of(
            heading(claim),
            [_row(answer) for answer in found if answer.claim == claim],
            subject="configuration",
            interval="over its rounds",
        )
        for claim in claims_of(runs)
    ]


def _row(answer: Answer) -> Row:
    claim = answer.claim
    apart = ""
    if answer.actual is not None and answer.verdict != "not comparable":
        apart = difference(answer.actual, claim.value)
    return Row(
        verdict=answer.verdict,
        tone=TONES[answer.verdict],
        subject=answer.configuration,
        quantity=spelled(answer.quantity) if answer.quantity else "",
        actual="" if answer.actual is None else f"{answer.actual:,.2f}",
        interval=span(*answer.extremes, 2) if answer.extremes else "",
        limit=f"{claim.value:g} ± {claim.tolerance_pct:g} %",
        unit=unit_of(claim.quantities[0]),
        note="; ".join(filter(None, (apart, answer.note, if_gib_text(answer)))),
    )
