"""Where the time of each case goes: its phases stacked from zero, in seconds and in percent of the whole.

Why it matters: a model that is slow in its decoder is mended elsewhere than one that takes fifty steps. A bar is the
round at the median, so that its phases add up to its length; medians of phases would not.
"""

from collections.abc import Sequence

from reports.charts.caption import sentences
from reports.charts.drawing import Chart, NoChart, style
from reports.charts.selection import Row, chosen, labels, missing_note, notes, rows_of
from reports.charts.stacked import REST, Bar, stacked
from reports.measured import Round
from reports.record import Run
from reports.rows import median_phases_s, one_line, show

TITLE = "Where the time goes"


def figure(runs: Sequence[Run]) -> Chart | NoChart:
    """Draw a bar for each case that was timed; cold starts, which span more, are another chart."""
    warm = [row for row in rows_of(runs) if not row.case.plan.fresh_process]
    timed = [row for row in warm if row.rounds]
    if not timed:
        return NoChart(TITLE, "No case has a timed round.")
    rows, left_out = chosen(timed)
    bars = bars_of(rows)
    with style():
        drawn = stacked(bars, "prompt to host frames [s]", "s", shares=True)
    caption = sentences(
        "Each bar is the round at its case's median, by phase, of an even number the mean of the middle two; the "
        "line over its end spans the fastest to the slowest round. What no phase claims is grey.",
        left_out,
        missing_note([row for row in warm if not row.rounds], "a timed round"),
        notes(rows),
    )
    return Chart("phases", TITLE, caption, " ".join(map(_told, bars)), drawn)


def bars_of(rows: Sequence[Row]) -> list[Bar]:
    """Give each case's bar: seconds by phase in the order in which they were entered, and the rest of the whole."""
    return [_bar(label, row.rounds) for label, row in zip(labels(rows), rows, strict=True)]


def _bar(label: str, rounds: Sequence[Round]) -> Bar:
    (total_s, phases_s), totals_s = median_phases_s(rounds), [timed.prompt_to_host_s for timed in rounds]
    rest_s = total_s - sum(phases_s.values())
    parts = {name: seconds for name, seconds in phases_s.items() if seconds > 0}
    parts |= {REST: rest_s} if rest_s > 1e-9 else {}
    return Bar(label, parts, min(totals_s), max(totals_s), text=f"{show(total_s)} s")


def _told(bar: Bar) -> str:
    parts = ", ".join(f"{one_line(name, 30)} {show(value)}" for name, value in bar.parts.items())
    return f"{bar.label}: {bar.text} ({parts})."
