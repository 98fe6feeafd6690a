"""All charts of a page, as markup that its template takes as it is, and why others are not drawn.

Why it matters: a chart that is missing must say so, and one that cannot be drawn must not cost the page. Matplotlib is
asked for here: without it there is a page, with one sentence in place of its charts.
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import NamedTuple

from markupsafe import Markup

from reports.charts import (
    cold,
    history,
    intervals,
    memory_time,
    pareto,
    phases,
    playback,
    roofline,
    rounds,
    steps,
    waterfall,
)
from reports.charts.drawing import Chart, NoChart, svg_text
from reports.record import Run

# In the order of the page.
FIGURES: tuple[Callable[[Sequence[Run]], Chart | NoChart], ...] = (
    pareto.figure,
    phases.figure,
    playback.figure,
    waterfall.figure,
    memory_time.figure,
    intervals.figure,
    steps.figure,
    rounds.figure,
    roofline.figure,
    cold.figure,
)
NOT_ASKED = "No charts were asked for; `python -m reports html` draws them."
NO_MATPLOTLIB = "There are no charts: Matplotlib is not installed here; install it, then `python -m reports html RUN`."


class Picture(NamedTuple):
    """A chart as the page shows it; `svg` is markup of our own."""

    name: str
    title: str
    svg: Markup
    caption: str


class PageCharts(NamedTuple):
    """What is drawn, what is not with the reason, and `absence` where nothing was to be drawn at all."""

    pictures: list[Picture]
    missing: list[NoChart]
    absence: str = ""


def page_charts(runs: Sequence[Run], *, asked: bool = True) -> PageCharts:
    """Draw every chart of these runs; it takes a tenth to half a second each."""
    if not asked:
        return PageCharts([], [], NOT_ASKED)
    if find_spec("matplotlib") is None:
        return PageCharts([], [], NO_MATPLOTLIB)
    figures = [*FIGURES, history.figure] if len(runs) >= history.FEWEST else FIGURES
    found = [figure(runs) for figure in figures]
    return PageCharts(
        [_picture(chart) for chart in found if isinstance(chart, Chart)],
        [chart for chart in found if isinstance(chart, NoChart)],
    )


def _picture(chart: Chart) -> Picture:
    svg = Markup(svg_text(chart))  # noqa: S704 - serialised here, every text in it escaped
    return Picture(chart.name, chart.title, svg, chart.caption)
