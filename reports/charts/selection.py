"""Which cases a chart draws, what it calls them, and what its caption has to say of them.

Why it matters: a run may have 5,000 cases and a chart 30 rows, a label may be anybody's text, and a number of random
weights must not be taken for one of a real model. What is left out is counted.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from reports.answers.answer import label
from reports.charts.caption import Caption, Names, Quoted, count_of, joined, sentences
from reports.measured import Round
from reports.record import CaseRecord, Run
from reports.rows import one_line

MOST_ROWS = 30
LABEL_CHARACTERS = 84


class Row(NamedTuple):
    """A case of a run; `name` is what the page calls the run where it has several, else ""."""

    run: Run
    case: CaseRecord
    name: str = ""

    @property
    def rounds(self) -> list[Round]:
        """The timed rounds, none where nothing was measured."""
        return self.case.measurement.rounds if self.case.measurement else []


def rows_of(runs: Sequence[Run]) -> list[Row]:
    """List the cases of all runs in the plan's order."""
    named = [(run, label(number, len(runs))) for number, run in enumerate(runs)]
    return [Row(run, case, name) for run, name in named for case in run.cases]


def chosen(rows: Sequence[Row], most: int = MOST_ROWS) -> tuple[list[Row], Caption]:
    """Take at most `most` rows, and say what is left out.

    Where there are more, one stands for all of its run, scenario, model and setting: the first that passed.
    """
    if len(rows) <= most:
        return list(rows), ()
    groups: dict[tuple[str, ...], Row] = {}
    for row in rows:
        plan = row.case.plan
        key = (row.name, plan.scenario, plan.track, plan.model.id, plan.setting)
        if key not in groups or (groups[key].case.status != "passed" and row.case.status == "passed"):
            groups[key] = row
    kept = list(groups.values())[:most]
    drawn, which = _counted(kept), "one for each scenario, model and setting"
    of_groups: Caption = (", the first ", *drawn, " of ", *_counted(groups.values())) if len(groups) > most else ()
    if len(groups) == len(rows):
        which, of_groups = "the first of the plan", ()
    return kept, ("Drawn are ", *drawn, " of ", *_counted(rows, "case"), f", {which}", *of_groups, ".")


def labels(rows: Sequence[Row]) -> list[str]:
    """Name each row by model and setting and by whatever else tells the rows apart; a status that is not "passed".

    Of several runs each is named, also where one alone is drawn; `runs_note` tells which it is.
    """
    names, facts = _names(rows), _facts(rows)
    telling = [key for key in (facts[0] if facts else ()) if len({fact[key] for fact in facts}) > 1]
    if "run" not in telling and any(row.name for row in rows):
        telling.insert(0, "run")
    short = [key for key in telling if key != "track"]
    if len({(name, *(fact[key] for key in short)) for name, fact in zip(names, facts, strict=True)}) == len(rows):
        telling = short
    told = ["".join(f", {one_line(fact[key], 32)}" for key in telling) for fact in facts]
    return [
        one_line(f"{name}{more}{_status(row)}", LABEL_CHARACTERS)
        for name, more, row in zip(names, told, rows, strict=True)
    ]


def runs_note(rows: Sequence[Row]) -> Caption:
    """Say which run each name of the labels is; empty where there is one run."""
    known = {row.name: row for row in rows if row.name}
    devices = {device.name for row in rows if row.case.measurement for device in row.case.measurement.devices}
    told: list[str | Quoted] = []
    for name, row in known.items():
        told += [", run " if told else "Run ", f"{name} is ", Quoted(_origin(row, has_several=len(devices) > 1))]
    return (Names((*told, ".")),) if told else ()


def _origin(row: Row, *, has_several: bool) -> str:
    devices = row.case.measurement.devices if row.case.measurement else []
    return one_line(row.run.run_id, 60) + (f" on {one_line(devices[0].name, 40)}" if devices and has_several else "")


def _names(rows: Sequence[Row]) -> list[str]:
    plans = [row.case.plan for row in rows]
    return [f"{one_line(plan.model.id, 40)} {one_line(plan.setting, 40)}" for plan in plans]


def _facts(rows: Sequence[Row]) -> list[dict[str, str]]:
    return [
        {
            "run": f"run {row.name}",
            "scenario": row.case.plan.scenario,
            "track": f"{row.case.plan.track} track",
            "prompt": row.case.plan.prompt.id,
            "seed": f"s{row.case.plan.seed}",
        }
        for row in rows
    ]


def _status(row: Row) -> str:
    return "" if row.case.status == "passed" else f" ({row.case.status.upper()})"


def notes(rows: Sequence[Row]) -> Caption:
    """Say what every caption has to: which runs these are, and whose weights."""
    return sentences(runs_note(rows), weights_note(rows))


def weights_note(rows: Sequence[Row]) -> Caption:
    """Say whose numbers these are not: random weights and toy models, named; empty where all weights are real."""
    by_source: dict[str, dict[str, Row]] = {}
    for row in rows:
        model = row.case.plan.model
        by_source.setdefault(model.weights_source, {}).setdefault(model.id, row)
    random, tiny = (by_source.get(source, {}) for source in ("random", "tiny"))
    return sentences(
        ("Random weights (", *_listed(random), "): work and memory are real, the clips are noise.") if random else "",
        ("Toy models (", *_listed(tiny), "): these numbers say nothing of real ones.") if tiny else "",
    )


def missing_note(missing: Sequence[Row], what: str) -> Caption:
    """Count the cases that are not drawn because they lack `what`, by status."""
    if not missing:
        return ()
    by_status: dict[str, list[Row]] = {}
    for row in missing:
        by_status.setdefault(row.case.status, []).append(row)
    told = joined([(*_counted(by_status[status]), f" {status}") for status in sorted(by_status)])
    return "Not drawn: ", *_counted(missing, "case"), f" without {what} (", *told, ")."


def _counted(rows: Collection[Row], noun: str = "") -> Caption:
    return count_of([(row.run, row.case, "id") for row in rows], noun)


def _listed(models: Mapping[str, Row], most: int = 6) -> Caption:
    """List models by their ids, and count those beyond `most`; `models` hold a row of each."""
    told = joined([(Quoted(one_line(id_, 40)),) for id_ in list(models)[:most]])
    rest = [(row.run, row.case, "plan.model.id") for row in list(models.values())[most:]]
    return (*told, " and ", *count_of(rest), " more") if rest else told
