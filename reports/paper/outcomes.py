"""What became of every case, and what went wrong."""

from collections.abc import Sequence

from reports.paper.configurations import letter_of
from reports.paper.document import Block, Code, Paragraph, Said, See, Text, joined, say
from reports.paper.escape import short
from reports.paper.measures import Place, counted
from reports.paper.tables import name, table, words
from reports.record import Run


def outcomes(runs: Sequence[Run]) -> tuple[Block, ...]:
    """Count the cases by what became of them, and list those that did not pass with their reason."""
    failed = [(run, case) for run in runs for case in run.cases if case.status != "passed"]
    if not failed:
        outcome = "planned, and all passed" if any(run.cases for run in runs) else "planned"
        return (Paragraph(say("{cases} {outcome}.", cases=planned(runs), outcome=outcome)),)
    kinds: dict[str, list[Place]] = {}
    for run, case in failed:
        kinds.setdefault(case.status, []).append(Place(run, case, "status"))
    told: list[Text] = [
        (*counted("count", places, "case"), f" {status.replace('_', ' ')}") for status, places in sorted(kinds.items())
    ]
    text = say(
        "Of {cases} planned, these did not pass: {told} ({table}).",
        cases=planned(runs),
        told=joined(told),
        table=See("tab:failed"),
    )
    rows: list[tuple[Text, ...]] = [
        (
            (
                Code(short(case.id.rpartition("::")[2], 100)),
                *((f" (run {letter})",) if (letter := letter_of(runs, run)) else ()),
            ),
            (case.status,),
            (Said(short(case.reason, 240) or "no reason was recorded"),),
        )
        for run, case in failed
    ]
    columns = (words("Case"), name("Status"), words("Reason"))
    return Paragraph(text), table("tab:failed", ("Cases that did not pass.",), columns, rows)


def planned(runs: Sequence[Run]) -> Text:
    """Count the planned cases."""
    return counted("count", [Place(run, None, "cases[*].id") for run in runs], "case")
