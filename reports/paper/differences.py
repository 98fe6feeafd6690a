"""What differs between runs on several kinds of device, fact by fact, so that nobody reads one's rows beside another's.

Why it matters: a paper of two machines is two measurements. Nothing is pooled across them, and a reader must see at
once what else was not the same.
"""

from collections.abc import Sequence

import msgspec

from reports.changes import flat
from reports.paper.configurations import kinds_of_device, letter_of
from reports.paper.document import Block, Code, Paragraph, Said, See, Text, joined, say
from reports.paper.escape import short
from reports.paper.tables import name, rows_of, table, words
from reports.record import Run

LABEL = "tab:differences"
# What names a machine, or one card of it, and no property.
IDENTITY = ("host", "uuid", "index", "CUDA_VISIBLE_DEVICES")


def differences(runs: Sequence[Run]) -> tuple[Block, ...]:
    """Give a sentence and a table where the runs measured on several kinds of device; nothing for one kind."""
    kinds = kinds_of_device(runs)
    if len(kinds) < 2:
        return ()
    facts = _facts(runs)
    text = say(
        "The measurements are of several kinds of device: {kinds}. Nothing is pooled across them: no median, no ratio "
        "and no comparison at equal time holds numbers of two.{what}",
        kinds=joined([(Said(short(kind, 60)),) for kind in kinds]),
        what=(" ", See(LABEL), " lists what differs between the runs.") if facts else (),
    )
    caption = "What differs between the runs, of the facts that the records of all of them hold."
    columns = (name("Fact"), words("Values"))
    tables = (table(LABEL, (caption,), columns, rows_of(list(facts.items()), _row)),) if facts else ()
    return Paragraph(text), *tables


def _facts(runs: Sequence[Run]) -> dict[str, dict[str, list[str]]]:
    """Give each fact that differs, with the letters of the runs by its value."""
    told = [(letter_of(runs, run), dict(flat(msgspec.to_builtins(run.environment)))) for run in runs]
    shared = [path for path in told[0][1] if all(path in facts for _, facts in told)]
    found: dict[str, dict[str, list[str]]] = {}
    for path in shared:
        values: dict[str, list[str]] = {}
        for letter, facts in told:
            values.setdefault(facts[path], []).append(letter)
        if len(values) > 1 and path.rpartition(".")[2] not in IDENTITY:
            found[path] = values
    return found


def _row(fact: tuple[str, dict[str, list[str]]]) -> tuple[Text, ...]:
    path, values = fact
    told: list[Text] = [
        (Said(short(value, 60)), f" (run{'s' if len(letters) > 1 else ''} {', '.join(letters)})")
        for value, letters in values.items()
    ]
    return (Code(path),), joined(told, "; ", "; ")
