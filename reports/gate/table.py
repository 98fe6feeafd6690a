"""The gate's verdicts as a table for a terminal and as Markdown, and all of it as one record for JSON."""

from collections import Counter
from collections.abc import Iterable, Sequence

from reports.frozen import Frozen
from reports.gate.checks import frames_text
from reports.gate.limits import Limit
from reports.gate.verdict import MEANING, RANKS, CaseVerdict, MetricVerdict, QualityVerdict
from reports.gate.words import amount, limit_text, signed_pct
from reports.markdown_text import escaped
from reports.rows import counted, one_line

HEADINGS = ("case", "verdict", "number", "baseline", "now", "change", "ratio (extremes over all runs)", "limit", "runs")
RATIO = HEADINGS.index("ratio (extremes over all runs)")
# A reason may name numbers, phase, steps and kernels.
LONGEST = 900
WIDEST = 200


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
    """Count cases by verdict, worst first, and then students."""
    told = {of: [case for case in cases if case.of == of] for of in ("case", "student")}
    return "; ".join(f"{counted(ones, of)}: {_counts(ones)}" for of, ones in told.items() if ones or of == "case")


def _counts(cases: Sequence[CaseVerdict]) -> str:
    counts = Counter(case.verdict for case in cases)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in RANKS if counts[verdict]) or "nothing to compare"


def text_table(cases: Sequence[CaseVerdict], *, paired: bool = False) -> str:
    """Lay out every number and check that is not plainly within its limits, and of each case the primary number.

    Names and values of a record or of a baseline's file may hold anything; each stays in its line.
    Of `paired` runs also now over base, with the extremes of that ratio over each run of both sides.
    """
    rows = [_headings(paired=paired), *(_shown(row, paired=paired) for row in _rows(cases))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rows.insert(1, tuple("-" * width for width in widths))
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", *reasons(cases), tally(cases), ""])


def markdown(cases: Sequence[CaseVerdict], *, paired: bool = False) -> str:
    """Give the same as Markdown, for a job's summary or a comment."""
    shown = [_headings(paired=paired), *(_shown(row, paired=paired) for row in _rows(cases))]
    rows = [_markdown_row(row) for row in shown]
    rows.insert(1, "|" + " --- |" * len(shown[0]))
    told = [f"* {escaped(line)}" for line in reasons(cases)]
    return "\n".join([f"**{tally(cases)}**", "", *rows, "", *told, ""])


def _headings(*, paired: bool) -> tuple[str, ...]:
    shown = _shown(HEADINGS, paired=paired)
    return tuple("base" if paired and name == "baseline" else name for name in shown)


def _shown(row: tuple[str, ...], *, paired: bool) -> tuple[str, ...]:
    return row if paired else (*row[:RATIO], *row[RATIO + 1 :])


def _rows(cases: Iterable[CaseVerdict]) -> Iterable[tuple[str, ...]]:
    for case in cases:
        numbers = [_cells(metric) for metric in case.metrics if metric.verdict != "PASS" or metric.why]
        checks = [_check_cells(row) for row in case.quality if row.verdict not in ("PASS", "NEW") or row.why]
        shown = [*numbers, *checks] or [_cells(metric) for metric in case.metrics[:1]]
        for number, cells in enumerate(shown or [("",) * (len(HEADINGS) - 2)]):
            who = (one_line(case.id, 120), case.verdict) if not number else ("", "")
            yield (*who, *(one_line(cell, WIDEST) for cell in cells))


def _cells(metric: MetricVerdict) -> tuple[str, ...]:
    return (
        metric.metric,
        amount(metric.metric, metric.base),
        amount(metric.metric, metric.new),
        signed_pct(metric.change_pct),
        _ratio(metric),
        limit_text(metric.metric, Limit(metric.limit_pct, metric.limit_absolute)),
        f"{metric.new_runs} against {metric.base_runs}",
    )


def _ratio(metric: MetricVerdict) -> str:
    if metric.change_pct is None or metric.low_ratio is None or metric.high_ratio is None:
        return ""
    return f"{1 + metric.change_pct / 100:.3f} ({metric.low_ratio:.3f} to {metric.high_ratio:.3f})"


def _check_cells(row: QualityVerdict) -> tuple[str, ...]:
    frames = frames_text(row.frames)
    return row.check, row.base, row.new, frames, "", row.limit, f"{row.new_runs} against {row.base_runs}"


def reasons(cases: Iterable[CaseVerdict]) -> list[str]:
    """Say of every case that did not plainly pass why, and of any other what changed in limits and clip."""
    told = []
    for case in cases:
        who = one_line(case.id, 120)
        if case.verdict != "PASS":
            told.append(f"{case.verdict} {who}: {one_line(case.why, LONGEST) or MEANING[case.verdict]}")
        told += [f"note {who}: {one_line(note)}" for note in case.notes]
    return told


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(escaped, cells))} |"
