"""The gate's verdicts as a table for a terminal and as Markdown, and all of it as one record for JSON."""

from collections import Counter
from collections.abc import Iterable, Sequence

from reports.frozen import Frozen
from reports.gate.limits import Limit
from reports.gate.verdict import MEANING, RANKS, CaseVerdict, MetricVerdict
from reports.gate.words import amount, limit_text, signed_pct
from reports.rows import counted, one_line

HEADINGS = ("case", "verdict", "number", "baseline", "now", "change", "limit", "runs")


class Gate(Frozen):
    """What `--json` prints: the roles as they were given, every case's verdict, and the exit code."""

    base: list[str]
    new: list[str]
    under_test: list[str]
    lenient: list[str]
    paired: bool
    exit_code: int
    cases: list[CaseVerdict]


def tally(cases: Sequence[CaseVerdict]) -> str:
    """Count cases by verdict, worst first."""
    counts = Counter(case.verdict for case in cases)
    told = [f"{counts[verdict]} {verdict}" for verdict in RANKS if counts[verdict]]
    return f"{counted(cases, 'case')}: {', '.join(told) or 'nothing to compare'}"


def text_table(cases: Sequence[CaseVerdict]) -> str:
    """Lay out every number that is not plainly within its limits, and of each case the primary one."""
    rows = [HEADINGS, *_rows(cases)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    rows.insert(1, tuple("-" * width for width in widths))
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", *reasons(cases), tally(cases), ""])


def markdown(cases: Sequence[CaseVerdict]) -> str:
    """Give the same as Markdown, for a job's summary or a comment."""
    rows = [_markdown_row(row) for row in (HEADINGS, *_rows(cases))]
    rows.insert(1, "|" + " --- |" * len(HEADINGS))
    told = [f"* {_escaped(line)}" for line in reasons(cases)]
    return "\n".join([f"**{tally(cases)}**", "", *rows, "", *told, ""])


def _rows(cases: Iterable[CaseVerdict]) -> Iterable[tuple[str, ...]]:
    for case in cases:
        shown = [m for m in case.metrics if m.verdict != "PASS"] or case.metrics[:1]
        for number, metric in enumerate(shown):
            head = (one_line(case.id, 120), case.verdict) if not number else ("", "")
            yield (*head, *_cells(metric))
        if not shown:
            yield (one_line(case.id, 120), case.verdict, *[""] * (len(HEADINGS) - 2))


def _cells(metric: MetricVerdict) -> tuple[str, ...]:
    return (
        metric.metric,
        amount(metric.metric, metric.base),
        amount(metric.metric, metric.new),
        signed_pct(metric.change_pct),
        limit_text(metric.metric, Limit(metric.limit_pct, metric.limit_absolute)),
        f"{metric.new_runs} against {metric.base_runs}",
    )


def reasons(cases: Iterable[CaseVerdict]) -> list[str]:
    """Say of every case that did not plainly pass why."""
    return [
        f"{case.verdict} {one_line(case.id, 120)}: {one_line(case.why, 600) or MEANING[case.verdict]}"
        for case in cases
        if case.verdict != "PASS"
    ]


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(_escaped, cells))} |"


def _escaped(text: str) -> str:
    for character in "\\`*_[]<>|&":
        text = text.replace(character, f"&#{ord(character)};")
    return text
