"""The table at the end of a run, as plain text of aligned columns.

Why it matters: most people read nothing else, so it leads with what limits the numbers (banners), gives every planned
case a row, and prints "× as fast" only where `reports/compare.py` allows it.
"""

import textwrap
from collections.abc import Sequence

from reports.budgets import budget_lines
from reports.claims import claim_lines
from reports.cold_start import cold_start_lines
from reports.comparison_lines import comparison_lines
from reports.device_state import state_lines
from reports.diversity import diversity_lines
from reports.equal_time_lines import equal_time_lines
from reports.floors import quality_lines
from reports.memory import memory_lines
from reports.metric_lines import metric_lines
from reports.paired_lines import paired_lines, spread_lines
from reports.power_cap import power_cap_lines
from reports.random_weights import banners_of
from reports.record import CaseRecord, Run
from reports.rows import (
    NAMES,
    clocks_apart,
    columns,
    counted,
    groups,
    names,
    non_commercial,
    one_line,
    show,
    tally,
    values,
)
from reports.verdict_lines import verdict_lines
from reports.verdicts import verdicts
from reports.work_lines import work_lines

GAP = "  "
NARROWEST = 8


def render_summary(run: Run, width: int = 120) -> str:
    """Render the run as text. `width` is the terminal's columns; names are shortened to fit, figures never are."""
    tables = [[heading, *_table(cases, width)] for heading, cases in groups(run).items()]
    texts = [
        [one_line(f"!! {banner}") for banner in banners_of(run)],
        comparison_lines(run),
        state_lines(run),
        cold_start_lines(run),
        work_lines(run),
        memory_lines(run),
        [*metric_lines(run), *diversity_lines(run)],
        paired_lines(run),
        quality_lines(run),
        [*verdict_lines(run.verdicts), *equal_time_lines([run])],
        budget_lines(run),
        claim_lines([run]),
        trouble_lines(run),
    ]
    texts.append(_closing(run))
    banners, *others = [[wrapped for line in lines for wrapped in _wrapped(line, width)] for lines in texts]
    return "\n\n".join("\n".join(block) for block in [banners, *tables, *others] if block) + "\n"


def render_together(runs: Sequence[Run], width: int = 120) -> str:
    """Render what all the runs together say: of claims, students and the power cap; empty where nothing is."""
    told = [*verdict_lines(verdicts(runs)), *equal_time_lines(runs), *claim_lines(runs), *power_cap_lines(runs)]
    lines = [wrapped for line in told for wrapped in _wrapped(line, width)]
    return "\n".join([f"{counted(runs, 'run')} together", *lines, ""]) if lines else ""


def _wrapped(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, max(width, 40), subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _table(cases: Sequence[CaseRecord], width: int) -> list[str]:
    shown = columns(cases)
    headings = [*((name,) for name in NAMES), *shown.values()]
    height = max(len(heading) for heading in headings)
    padded = [("",) * (height - len(heading)) + heading for heading in headings]
    rows = [
        *zip(*padded, strict=True),
        *([*names(case), *(show(values(case)[name]) for name in shown)] for case in cases),
    ]
    widths = _shrunk([max(map(len, column)) for column in zip(*rows, strict=True)], width)
    lines = [_line(row, widths) for row in rows]
    return [*lines[:height], GAP.join("-" * size for size in widths), *lines[height:]]


def _shrunk(widths: list[int], width: int) -> list[int]:
    """Take what is too much from the widest of the names, down to `NARROWEST` each; the status stays whole."""
    shrunk = list(widths)
    while sum(shrunk) + len(GAP) * (len(shrunk) - 1) > width:
        widest = max(range(NAMES.index("status")), key=lambda column: shrunk[column])
        if shrunk[widest] <= NARROWEST:
            break
        shrunk[widest] -= 1
    return shrunk


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    short = [text if len(text) <= size else text[: size - 1] + "…" for text, size in zip(row, widths, strict=True)]
    cells = [
        text.ljust(size) if column < len(NAMES) else text.rjust(size)
        for column, (text, size) in enumerate(zip(short, widths, strict=True))
    ]
    return GAP.join(cells).rstrip()


def trouble_lines(run: Run) -> list[str]:
    """Tell what did not pass or is not to be trusted, a line each: status and reason, other frames, clocks."""
    return [
        *(
            f"{case.status.upper()} {case.id}: {one_line(case.reason) or 'no reason was recorded'}"
            for case in run.cases
            if case.status != "passed"
        ),
        *spread_lines(run),
        *(f"CLOCKS DISAGREE {case.id}: {one_line(reason)}" for case, reason in clocks_apart(run)),
    ]


def _closing(run: Run) -> list[str]:
    torn = f"{run.torn_journal_lines} journal line(s) were left incomplete by a killed process and ignored."
    return [
        tally(run),
        "Durations are medians over the timed rounds; × compares prompt to host frames, [] its extremes over rounds.",
        "Peak VRAM is torch's peak allocated memory; 1 GiB is 2^30 bytes.",
        *([torn] if run.torn_journal_lines else []),
        *(f"Non-commercial licence: {model}" for model in non_commercial(run)),
    ]
