"""Where a cold start's time goes: a fresh process, from starting `python` to an mp4 on disk, part by part.

Why it matters: who starts a process for a clip waits for imports and weights, not for denoising; the first start, which
finds the caches empty, waits longest.
"""

from collections.abc import Sequence

from reports.charts.caption import sentences
from reports.charts.drawing import Chart, NoChart, style
from reports.charts.selection import LABEL_CHARACTERS, MOST_ROWS, Row, labels, notes, rows_of
from reports.charts.stacked import Bar, stacked
from reports.measured import ColdStart
from reports.record import Run
from reports.rows import one_line, show

TITLE = "Where a cold start's time goes"


def figure(runs: Sequence[Run]) -> Chart | NoChart:
    """Draw a bar for the first start of each case and one for a later one."""
    rows = [row for row in rows_of(runs) if starts_of(row)]
    if not rows:
        return NoChart(TITLE, "No cold start was measured.")
    bars = [bar for label, row in zip(labels(rows), rows, strict=True) for bar in bars_of(label, starts_of(row))]
    left_out = len(bars) - MOST_ROWS
    with style():
        drawn = stacked(bars[:MOST_ROWS], "python to an mp4 on disk [s]", "s", shares=False)
    caption = sentences(
        "Each bar is one process: the first, and of the later ones the one nearest to their median; the line over its "
        "end spans these.",
        f"Not drawn: {left_out} more." if left_out > 0 else "",
        notes(rows),
    )
    return Chart("cold-starts", TITLE, caption, " ".join(map(_told, bars[:MOST_ROWS])), drawn)


def starts_of(row: Row) -> list[ColdStart]:
    """Give a case's fresh processes in their order."""
    return row.case.measurement.cold_starts if row.case.measurement else []


def bars_of(label: str, starts: Sequence[ColdStart]) -> list[Bar]:
    """Give the first process, and of the later ones the one nearest to their median."""
    first, later = starts[0], sorted(starts[1:], key=lambda start: start.total_s)
    bars = [_bar(f"{label}, first process", first, first.total_s, first.total_s)]
    if later:
        typical = later[(len(later) - 1) // 2]
        bars.append(_bar(f"{label}, later processes", typical, later[0].total_s, later[-1].total_s))
    return bars


def _bar(label: str, start: ColdStart, low_s: float, high_s: float) -> Bar:
    return Bar(
        one_line(label, LABEL_CHARACTERS),
        {name: value for name, value in start.parts_s.items() if value > 0},
        low_s,
        high_s,
    )


def _told(bar: Bar) -> str:
    parts = ", ".join(f"{one_line(name, 30)} {show(value)}" for name, value in bar.parts.items())
    return f"{bar.label}: {show(bar.total)} s ({parts})."
