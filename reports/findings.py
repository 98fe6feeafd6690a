"""What a run says beside its results, under a heading each: verdicts in tables, the rest in the terminal's own lines.

Why it matters: terminal and page must not tell two stories, so both are given by the same judgements; a heading stands
on the page only where it has something to say.
"""

from typing import NamedTuple

from reports.cold_start import cold_start_lines
from reports.comparison_lines import comparison_lines
from reports.device_state import state_lines
from reports.diversity import diversity_lines
from reports.equal_time_lines import equal_time_lines
from reports.memory import memory_lines
from reports.metric_lines import metric_lines
from reports.paired_lines import paired_lines
from reports.record import Run
from reports.tables.budgets import budget_tables
from reports.tables.claims import claim_tables
from reports.tables.floors import floor_tables
from reports.tables.margins import margin_tables
from reports.tables.table import Table
from reports.work_lines import work_lines


class Finding(NamedTuple):
    """A heading, a sentence on how to read what is below ("" for none), tables and lines; an indented one is a part."""

    title: str
    note: str
    lines: list[str]
    tables: list[Table] = []


def findings(run: Run) -> list[Finding]:
    """Collect what a run has to say; headings without a line are left out."""
    found = [
        Finding(
            "How many times as fast",
            "From prompt to host frames, medians; in brackets the extremes over the rounds. Only within the matched "
            "track.",
            comparison_lines(run),
        ),
        Finding(
            "Work and ceilings",
            "Work is worked out from the request; a floor is the work at the rates that this GPU's libraries reach.",
            work_lines(run),
        ),
        Finding(
            "Energy, clocks and cost",
            "Joules from NVML's energy counter, of the whole device; the rest sampled during the timed rounds.",
            state_lines(run),
        ),
        Finding(
            "Cold starts",
            "From starting python to an mp4 on disk, each in a fresh process; parts in seconds.",
            cold_start_lines(run),
        ),
        Finding("Memory", "", memory_lines(run)),
        Finding("Metrics", "", [*metric_lines(run, in_full=True), *diversity_lines(run)]),
        Finding(
            "Quality of single clips",
            "By the floors of suite and markers, and by each metric's own limits. A warning fails nothing.",
            [],
            floor_tables(run),
        ),
        Finding(
            "Students against their teacher",
            "Student less teacher in the mean over prompts, seeds averaged, with its two one-sided 95 % bounds: it "
            "passes where the worse bound is inside the margin, fails where both are outside. Missing and broken clips "
            "count as the worst.",
            equal_time_lines([run]),
            margin_tables(run.verdicts, [run]),
        ),
        Finding(
            "Against a baseline",
            "Two clips of the same weights, noise and request. Cosine and relative L2 are of the latents, the rest of "
            "the frames. A planted wrong clip must leave the bands, or they say nothing.",
            paired_lines(run),
        ),
        Finding("Budgets", "", [], budget_tables(run)),
        Finding(
            "Claims",
            "Lower is better. Times are never carried from one GPU to another. A verdict fails no run.",
            [],
            claim_tables([run]),
        ),
    ]
    return [finding for finding in found if finding.lines or finding.tables]
