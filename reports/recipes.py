"""What each track's rows were loaded with and asked for, and in which of it they differ.

Why it matters: a number belongs to a recipe. In the matched track rows may differ in their sampling alone, and a reader
must be able to see that; in the published track they differ in everything, and that is why no ratio stands there.
"""

from typing import NamedTuple

import msgspec

from reports.record import CaseRecord, PlannedCase, Run

# Said by the column's name, by the prompt's, or long and told below each case.
APART = ("model", "prompt", "seed", "negative_prompt", "start_clip_sha256")
UNSET = "–"


class RecipeTable(NamedTuple):
    """A track: its `columns` are model and setting, `rows` the fields that differ, `same` those that do not."""

    track: str
    columns: list[str]
    rows: dict[str, list[str]]
    same: dict[str, str]


def recipe_tables(run: Run) -> list[RecipeTable]:
    """Lay out the recipes of every track of a run, each model and setting once, in the order of the plan."""
    tracks: dict[str, dict[str, CaseRecord]] = {}
    for case in run.cases:
        columns = tracks.setdefault(case.plan.track, {})
        columns.setdefault(f"{case.plan.model.id} {case.plan.setting}", case)
    return [_table(track, columns) for track, columns in tracks.items()]


def _table(track: str, columns: dict[str, CaseRecord]) -> RecipeTable:
    facts = [_facts(case.plan) for case in columns.values()]
    names = dict.fromkeys(name for one in facts for name in one)
    values = {name: [one.get(name, UNSET) for one in facts] for name in names}
    return RecipeTable(
        track=track,
        columns=list(columns),
        rows={name: found for name, found in values.items() if len(set(found)) > 1},
        same={name: found[0] for name, found in values.items() if len(set(found)) == 1 and found[0] != UNSET},
    )


def _facts(plan: PlannedCase) -> dict[str, str]:
    facts = msgspec.structs.asdict(plan.request) | msgspec.structs.asdict(plan.recipe)
    return {name: _text(value) for name, value in facts.items() if name not in APART} | {"licence": plan.model.licence}


def _text(value: object) -> str:
    return UNSET if value is None or value == "" else f"{value:g}" if isinstance(value, float) else str(value)
