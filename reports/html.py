"""The run as one page: tables, clips to play, and everything needed to run a case again.

Why it matters: numbers without the clips cannot be judged. The page opens from a disk without a network: style and
scripts are inside of it, clips lie beside it in the run folder. Its content security policy allows nothing else
(reports/page_parts.py), so that the text of a prompt or of an error stays text, and all that a script does (sorting,
playing in step) can be done without.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from reports import rows
from reports.answers import answers_of
from reports.answers.answer import Answer
from reports.case_details import as_text, case_details, recipe_details, told
from reports.charts.page import page_charts
from reports.environment import WHOSE_MEMORY
from reports.findings import findings
from reports.media import Entry, Source, entries_of
from reports.page_changes import page_changes
from reports.page_parts import page_parts, scripts_of, template
from reports.player import rows_of
from reports.random_weights import banners_of
from reports.recipes import recipe_tables
from reports.record import Run
from reports.work_lines import ceiling_lines

# A browser lays out a table for each of so many cases; of more, their facts stand as lines of text.
IN_FULL = 100
# Lines under one heading; a sweep of many settings makes a ratio of every two, and nobody reads that many.
MOST_LINES = 500


class Recipe(NamedTuple):
    """Facts that the cases of `entries` have in common."""

    name: str
    facts: dict[str, str]
    entries: list[Entry]


def render_html(run: Run, folder: Path | None = None, *, charts: bool = False) -> str:
    """Render the page that belongs into the run folder, beside the folder of its clips.

    With `folder`, clips that are not there (a run published without them) are told as absent instead of linked.
    """
    return render_page([Source(run, folder)], charts=charts)


def render_page(sources: Sequence[Source], *, charts: bool = False) -> str:
    """Render one page of one run or of several, of which the first is what the others are compared with.

    Drawing `charts` takes a second or two.
    """
    entries = entries_of(sources)
    found = [(source, finding) for source in sources for finding in findings(source.run)]
    return template("report.html.j2").render(
        parts=page_parts(["report.css", "charts.css", "player.css"], scripts_of("scripts")),
        sources=sources,
        entries=entries,
        banners_of=banners_of,
        names=rows.NAMES,
        columns=lambda own: rows.columns((entry.case for entry in own), primary_first=True),
        case_names=rows.names,
        values=rows.values,
        show=rows.show,
        tally=rows.tally,
        groups=partial(_groups, entries),
        not_deterministic={
            e.anchor for e in entries if e.case.measurement and e.case.measurement.deterministic is False
        },
        clocks_apart={e.anchor for e in entries if rows.clocks_reason(e.case) is not None},
        non_commercial=sorted({line for source in sources for line in rows.non_commercial(source.run)}),
        moment=_moment,
        answers=answers_of([source.run for source in sources]),
        behind=partial(_behind, entries, sources),
        charts=page_charts([source.run for source in sources], asked=charts),
        findings=found,
        first_verdict=next((finding for _, finding in found if finding.tables), None),
        most_lines=MOST_LINES,
        failures=[entry for entry in entries if entry.case.status != "passed"],
        changes=page_changes(sources),
        recipe_tables=recipe_tables,
        clip_rows=rows_of(entries),
        details=_details,
        recipes=_recipes(entries),
        in_short=len(entries) > IN_FULL,
        durations={name: meaning for source in sources for name, meaning in source.run.durations.items()},
        environment=_environment,
        whose_memory=WHOSE_MEMORY,
    )


def _moment(iso: str | None) -> str:
    """Write a time of the record for people: to the second, and UTC in a word.

    >>> _moment("2026-11-25T22:55:30.312+00:00")
    '2026-11-25 22:55:30 UTC'
    """
    if not iso:
        return ""
    return f"{iso[:19].replace('T', ' ')} UTC" if iso.endswith("+00:00") else iso


def _groups(entries: Sequence[Entry], source: Source) -> dict[str, list[Entry]]:
    """Group a run's cases by scenario and track, in the plan's order, under a heading each."""
    grouped: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.source is source:
            grouped.setdefault(rows.group_of(entry.case), []).append(entry)
    return grouped


def _behind(entries: Sequence[Entry], sources: Sequence[Source], answer: Answer) -> list[tuple[Entry | None, str]]:
    """Give the cases on the page that an answer was read from, each with its fields; without a case, of the run."""
    places = {(id(entry.source), entry.case.id): entry for entry in entries}
    return [(places.get((id(sources[anchor.run]), anchor.case)), ", ".join(anchor.fields)) for anchor in answer.anchors]


def _recipes(entries: Sequence[Entry]) -> list[Recipe]:
    """Gather the cases by what they were loaded with and asked for, so that it stands on the page once."""
    gathered: dict[tuple[tuple[str, str], ...], Recipe] = {}
    for entry in entries:
        facts = {name: as_text(value) for name, value in recipe_details(entry.case).items()}
        plan = entry.case.plan
        new = Recipe(f"{plan.model.id} {plan.setting}", facts, [])
        gathered.setdefault(tuple(facts.items()), new).entries.append(entry)
    return list(gathered.values())


def _details(entry: Entry) -> dict[str, str]:
    return {name: as_text(value) for name, value in case_details(entry.source.run, entry.case).items()}


def _environment(run: Run) -> dict[str, str]:
    facts = told(run.environment) | ({"ceilings": ceiling_lines(run.ceilings)} if run.ceilings else {})
    return {name: rows.MISSING if value in (None, []) else as_text(value) for name, value in facts.items()}
