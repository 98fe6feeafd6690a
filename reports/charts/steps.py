"""The time of each denoise step, and of a causal model's each block with its cache pass.

Why it matters: a causal model's later blocks look back on more frames and cost more; a bidirectional one's steps are
alike, and one that is not (a first call, a throttled GPU) is seen at once.
"""

import statistics
from collections.abc import Sequence
from math import nan
from typing import TYPE_CHECKING, NamedTuple

from reports.charts.caption import sentences
from reports.charts.drawing import INK, Chart, NoChart
from reports.charts.panels import MOST_PANELS, fill, note, panelled
from reports.charts.selection import Row, chosen, labels, notes, rows_of
from reports.charts.stacked import BLUE, ORANGE, SKY
from reports.record import Run
from reports.rows import counted, show
from reports.timing import Block
from reports.timing_rows import median_blocks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from reports.charts.legend import Kind

TITLE = "Time of each step and block"
STEP, NEXT, CACHE = "denoise step", "every second step", "cache pass"
PANEL_IN = 1.0
WIDE = 0.8


class Steps(NamedTuple):
    """Medians over rounds of each step in order, with the extremes; `blocks` are empty for a clip made in one piece."""

    label: str
    blocks: list[Block]
    medians_s: list[float]
    lows_s: list[float]
    highs_s: list[float]


def figure(runs: Sequence[Run]) -> Chart | NoChart:
    """Draw a panel for each case that tells its steps."""
    told = [row for row in rows_of(runs) if row.rounds and row.rounds[0].steps_s]
    if not told:
        return NoChart(TITLE, "No case has a timed round that tells its denoise steps.")
    rows, left_out = chosen(told, MOST_PANELS)
    found = [steps_of(label, row) for label, row in zip(labels(rows), rows, strict=True)]
    entries: dict[str, tuple[str, Kind]] = {STEP: (BLUE, "box")}
    if any(steps.blocks for steps in found):
        entries |= {NEXT: (SKY, "box"), CACHE: (ORANGE, "box")}
    drawn = panelled([(steps.label, steps) for steps in found], PANEL_IN, entries, _draw)
    caption = sentences(
        "Medians over the timed rounds; upright lines span the extremes of single steps. A causal model's bars are "
        "blocks, from the first step up.",
        left_out,
        notes(rows),
    )
    return Chart("steps", TITLE, caption, " ".join(map(_told, found)), drawn)


def steps_of(label: str, row: Row) -> Steps:
    """Combine a case's rounds; where they do not have the same steps, its first round stands alone."""
    rounds = row.rounds
    same = [timed.steps_s for timed in rounds if len(timed.steps_s) == len(rounds[0].steps_s)]
    columns = list(zip(*(same if len(same) == len(rounds) else same[:1]), strict=True))
    return Steps(
        label,
        median_blocks(rounds, row.case.plan.request.steps) or [],
        [statistics.median(column) for column in columns],
        [min(column) for column in columns],
        [max(column) for column in columns],
    )


def _draw(axes: "Axes", steps: Steps) -> None:
    if steps.blocks:
        top = _bars(axes, steps.blocks)
        axes.set_xlabel("block")
        note(axes, f"{counted(steps.blocks, 'block')}, from {show(min(map(_sum, steps.blocks)))} to {show(top)} s")
        count = len(steps.blocks)
    else:
        count, top = len(steps.medians_s), max(steps.highs_s)
        boxes = [(n + 1 - WIDE / 2, 0.0, WIDE, value) for n, value in enumerate(steps.medians_s)]
        fill(axes, boxes, BLUE)
        spans = [value for low_high in zip(steps.lows_s, steps.highs_s, strict=True) for value in (*low_high, nan)]
        at = [place for number in range(1, count + 1) for place in (number, number, nan)]
        axes.plot(at, spans, color=INK, linewidth=0.8)
        axes.set_xlabel("step")
        note(axes, f"{counted(steps.medians_s, 'step')}, median {show(statistics.median(steps.medians_s))} s")
    axes.set_xlim(0.4, max(count, 4) + 0.6)
    axes.set_ylim(0.0, 1.1 * top or 1.0)
    axes.set_ylabel("time [s]")
    _whole_numbers(axes)


def _bars(axes: "Axes", blocks: Sequence[Block]) -> float:
    """Stack each block's steps in two shades in turn and its cache pass; give the highest block's seconds."""
    boxes: dict[str, list[tuple[float, float, float, float]]] = {BLUE: [], SKY: [], ORANGE: []}
    for number, block in enumerate(blocks, start=1):
        bottom = 0.0
        coloured = [(BLUE if turn % 2 == 0 else SKY, value) for turn, value in enumerate(block.steps_s)]
        coloured += [] if block.cache_pass_s is None else [(ORANGE, block.cache_pass_s)]
        for colour, value in coloured:
            boxes[colour].append((number - WIDE / 2, bottom, WIDE, value))
            bottom += value
    for colour, own in boxes.items():
        fill(axes, own, colour)
    return max(map(_sum, blocks))


def _sum(block: Block) -> float:
    return sum(block.steps_s) + (block.cache_pass_s or 0.0)


def _whole_numbers(axes: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))


def _told(steps: Steps) -> str:
    if steps.blocks:
        return f"{steps.label}: blocks of {', '.join(show(_sum(block)) for block in steps.blocks[:40])} s."
    return f"{steps.label}: steps of {', '.join(map(show, steps.medians_s[:60]))} s."
