"""When a clip's frames come, against the clock of a player that shows them.

Why it matters: a streamed clip is worth waiting for only until its first frame, if playback never stalls after it. The
player's line must stay below the steps: where it would cross them, it would wait.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from reports.charts.caption import sentences
from reports.charts.drawing import Chart, NoChart
from reports.charts.panels import MOST_PANELS, note, panelled
from reports.charts.selection import Row, chosen, labels, notes, rows_of
from reports.charts.stacked import BLUE, ORANGE
from reports.record import Run
from reports.rows import median_round, show
from reports.timing import playback

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from reports.charts.legend import Kind

TITLE = "Playback: when frames come"
ARRIVED, PLAYED = "frames in host memory", "a player that never stalls"
PANEL_IN = 1.15


class Arrivals(NamedTuple):
    """Seconds after the prompt at which chunks came, and the clip seconds there were then; when a player may start."""

    label: str
    at_s: list[float]
    clip_s: list[float]
    first_s: float
    start_s: float


def figure(runs: Sequence[Run]) -> Chart | NoChart:
    """Draw a panel for each case that tells its chunks; cold starts, whose clock is another, are left out."""
    told = [row for row in rows_of(runs) if row.rounds and not row.case.plan.fresh_process]
    told = [row for row in told if median_round(row.rounds).chunks and row.case.plan.request.fps > 0]
    if not told:
        return NoChart(TITLE, "No case has a timed round that tells when its frames came.")
    rows, left_out = chosen(told, MOST_PANELS)
    found = [arrivals_of(label, row) for label, row in zip(labels(rows), rows, strict=True)]
    entries: dict[str, tuple[str, Kind]] = {ARRIVED: (BLUE, "box"), PLAYED: (ORANGE, "box")}
    drawn = panelled([(one.label, one) for one in found], PANEL_IN, entries, _draw)
    caption = sentences(
        "The round nearest to each case's median. The player starts as early as it can without a frame being late, at "
        "the clip's own frame rate.",
        left_out,
        notes(rows),
    )
    return Chart("playback", TITLE, caption, " ".join(map(_told, found)), drawn)


def arrivals_of(label: str, row: Row) -> Arrivals:
    """Lay the chunks of a case's median round on the clip's clock."""
    timed, fps = median_round(row.rounds), row.case.plan.request.fps
    played = playback(timed, fps)
    assert played is not None, f"{row.case.id} has no chunks"
    frames = list(accumulate(chunk.frames for chunk in timed.chunks))
    at_s = [chunk.host_s for chunk in timed.chunks]
    return Arrivals(label, at_s, [count / fps for count in frames], at_s[0], played.playback_start_s)


def _draw(axes: "Axes", one: Arrivals) -> None:
    whole_s, end_s = one.clip_s[-1], max(one.at_s[-1], one.start_s + one.clip_s[-1])
    axes.step([0.0, *one.at_s, end_s], [0.0, *one.clip_s, whole_s], where="post", color=BLUE, linewidth=1.6)
    axes.plot([one.start_s, one.start_s + whole_s], [0.0, whole_s], color=ORANGE, linewidth=1.6)
    axes.set_xlim(0.0, 1.03 * end_s or 1.0)
    axes.set_ylim(0.0, 1.1 * whole_s or 1.0)
    axes.set_xlabel("time since the prompt [s]")
    axes.set_ylabel("clip [s]")
    note(axes, f"first frame at {show(one.first_s)} s, plays from {show(max(one.start_s, 0.0))} s on")


def _told(one: Arrivals) -> str:
    return (
        f"{one.label}: first frames at {show(one.first_s)} s, the last at {show(one.at_s[-1])} s, for a clip of "
        f"{show(one.clip_s[-1])} s; a player may start at {show(one.start_s)} s."
    )
