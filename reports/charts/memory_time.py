"""Device memory over one round, with the phases behind it and the budget across.

Why it matters: a peak that lasts a moment is mended otherwise than one that lasts the whole round, and which phase it
belongs to is seen at once. Samples are NVML's, of everybody on the device; what lived shorter than their period may be
missing.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.charts.caption import sentences
from reports.charts.drawing import INK, Chart, NoChart
from reports.charts.panels import MOST_PANELS, fill, note, panelled
from reports.charts.selection import Row, chosen, labels, notes, rows_of
from reports.charts.stacked import BUDGET, MAGENTA, colours_of
from reports.charts.waterfall import budgets_gib
from reports.device_record import DeviceSeries
from reports.measured import Span
from reports.record import Run
from reports.rows import GIB, one_line, show

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from reports.charts.legend import Kind

TITLE = "Memory over time"
PANEL_IN = 1.3
BUDGET_NAME = f"{BUDGET} of device"


def figure(runs: Sequence[Run]) -> Chart | NoChart:
    """Draw a panel for each case whose device was sampled over a round."""
    sampled = [row for row in rows_of(runs) if series_of(row) is not None]
    if not sampled:
        return NoChart(
            TITLE, "No case has samples of its device over a round: no NVML, or the record is of before that."
        )
    rows, left_out = chosen(sampled, MOST_PANELS)
    colours = colours_of(list(dict.fromkeys(one_line(span.phase, 30) for row in rows for span in _spans(row))))
    entries: dict[str, tuple[str, Kind]] = {name: (colour, "box") for name, colour in colours.items()}
    if any(_budget_gib(row) is not None for row in rows):
        entries[BUDGET_NAME] = (MAGENTA, "line")
    named = labels(rows)
    drawn = panelled(
        list(zip(named, rows, strict=True)), PANEL_IN, entries, lambda axes, row: _draw(axes, row, colours)
    )
    caption = sentences(
        f"The last timed round, by NVML, all processes of the device, a sample every {show(_period_s(rows[0]))} s or, "
        "where there are more than are kept, the most of several; the phases stand behind it.",
        left_out,
        notes(rows),
    )
    return Chart("memory-time", TITLE, caption, " ".join(map(_told, named, rows)), drawn)


def series_of(row: Row) -> DeviceSeries | None:
    """Give a case's samples over a round; None where there are none of memory."""
    state = row.case.measurement.state if row.case.measurement else None
    series = state.series if state else None
    return series if series is not None and series.used_bytes and len(series.used_bytes) == len(series.at_s) else None


def _spans(row: Row) -> list[Span]:
    series = series_of(row)
    return row.rounds[series.round].spans if series is not None and 0 <= series.round < len(row.rounds) else []


def _period_s(row: Row) -> float | None:
    state = row.case.measurement.state if row.case.measurement else None
    return state.period_s if state else None


def _budget_gib(row: Row) -> float | None:
    return budgets_gib(row).get(BUDGET_NAME)


def _draw(axes: "Axes", row: Row, colours: dict[str, str]) -> None:
    series = series_of(row)
    assert series is not None, f"{row.case.id} has no samples"
    used_gib, budget_gib = [size / GIB for size in series.used_bytes], _budget_gib(row)
    top = 1.12 * max([*used_gib, budget_gib or 0.0]) or 1.0
    end_s = max([*series.at_s, *(span.end_s for span in _spans(row))])
    axes.set_xlim(min(0.0, series.at_s[0]), end_s or 1.0)
    axes.set_ylim(0.0, top)
    for name, colour in colours.items():
        own = [span for span in _spans(row) if one_line(span.phase, 30) == name]
        fill(axes, [(span.start_s, 0.0, span.end_s - span.start_s, top) for span in own], colour, 0.3)
    axes.step(series.at_s, used_gib, where="post", color=INK, linewidth=1.2)
    if budget_gib is not None:
        axes.plot(axes.get_xlim(), [budget_gib, budget_gib], color=MAGENTA, linewidth=1.4)
    axes.set_xlabel("time since the prompt [s]")
    axes.set_ylabel("in use [GiB]")
    note(axes, f"at most {show(max(used_gib))} GiB")


def _told(label: str, row: Row) -> str:
    series = series_of(row)
    used = series.used_bytes if series else [0]
    return f"{label}: from {show(min(used) / GIB)} to {show(max(used) / GIB)} GiB in use over round {_round(row)}."


def _round(row: Row) -> int:
    series = series_of(row)
    return series.round + 1 if series else 0
