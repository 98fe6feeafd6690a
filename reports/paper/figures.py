"""The paper's figures: charts of reports/charts as SVG and PDF, and strips of frames of the clips side by side.

Why it matters: a figure that cannot be drawn must be told, and cost no section. A strip is copied from a run's folder
only where the record's path stays inside it and the file is a JPEG, whatever its name.
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from reports.charts import intervals, pareto, phases, roofline
from reports.charts.caption import Names, Piece, Quoted
from reports.charts.drawing import Chart, NoChart, pdf_bytes, svg_text
from reports.matching import take_of
from reports.media import UnsafePathError, clip_url
from reports.paper.configurations import is_sound, origin_of
from reports.paper.document import Block, Code, Figure, Panel, Paragraph, Said, See, Text, say
from reports.paper.measures import Place, counted, number
from reports.record import CaseRecord, Run

MOST_STRIPS = 6
JPEG = b"\xff\xd8\xff"
NO_MATPLOTLIB = "No chart was drawn: Matplotlib is not installed."


class Drawn(NamedTuple):
    """What stands in the text, and the files that it needs, by their names below figures/."""

    blocks: tuple[Block, ...]
    files: dict[str, bytes]


def chart_of(runs: Sequence[Run], draw: Callable[[Sequence[Run]], Chart | NoChart]) -> Drawn:
    """Draw a chart in both kinds of file, or say why there is none."""
    if find_spec("matplotlib") is None:
        return Drawn((Paragraph((NO_MATPLOTLIB,)),), {})
    chart = draw(runs)
    if isinstance(chart, NoChart):
        return Drawn((Paragraph((Said(chart.title), ": no chart. ", Said(chart.reason))),), {})
    files = {f"{chart.name}.svg": svg_text(chart).encode(), f"{chart.name}.pdf": pdf_bytes(chart)}
    caption: Text = (chart.title, ". ", *(piece for part in chart.said for piece in _piece(part)))
    return Drawn((Figure(f"fig:{chart.name}", caption, (Panel(chart.name, ("svg", "pdf")),)),), files)


def _piece(part: Piece) -> Text:
    """Give a piece of a chart's caption as the paper's: a count becomes a number with its reference.

    Runs are listed once, and a caption that named each of many would leave no room for its figure.
    """
    if isinstance(part, Names):
        return "Runs are named in ", See("sec:hardware"), "."
    if isinstance(part, Quoted):
        return (Said(part.text),)
    if isinstance(part, str):
        return (part,)
    counted_there = number("count", "1", [Place(*spot) for spot in part.spots], decimals=0)
    assert counted_there is not None, "a caption counts what is there"
    return (counted_there,)


def figures(runs: Sequence[Run], folders: Sequence[Path] = ()) -> dict[str, Drawn]:
    """Draw all figures, by the part of the results that they belong to."""
    return {
        "speed": _together(chart_of(runs, phases.figure), _if_any(chart_of(runs, roofline.figure))),
        "quality": _together(_if_any(chart_of(runs, intervals.figure)), strips(runs, folders)),
        "equal": chart_of(runs, pareto.figure),
    }


def _together(*drawn: Drawn) -> Drawn:
    files = {name: content for one in drawn for name, content in one.files.items()}
    return Drawn(tuple(block for one in drawn for block in one.blocks), files)


def _if_any(drawn: Drawn) -> Drawn:
    """Leave out a chart whose absence the text has told already."""
    return drawn if drawn.files else Drawn((), {})


def strips(runs: Sequence[Run], folders: Sequence[Path]) -> Drawn:
    """Show clips of one prompt and seed below each other, as strips of frames; or say why none is shown.

    An audit's clip is of another text than its prompt's, and is left out.
    """
    places: list[Path | None] = [*folders] or [None] * len(runs)
    found = [
        (run, folder, case)
        for run, folder in zip(runs, places, strict=True)
        for case in run.cases
        if is_sound(case) and case.measurement and case.measurement.stills and take_of(case) is None
    ]
    if not found:
        return Drawn((Paragraph(("No frames are shown: the records name no picture of a clip.",)),), {})
    pictures = [(run, case, bytes_) for run, folder, case in _alike(found) if (bytes_ := _jpeg(folder, case))]
    if not pictures:
        return Drawn((Paragraph(("No frames are shown: the pictures are not beside the records.",)),), {})
    panels = tuple(
        Panel(f"strip-{number}", ("jpg",), _title(runs, run, case)) for number, (run, case, _) in enumerate(pictures, 1)
    )
    run, case, _ = pictures[0]
    weights = {case.plan.model.weights_source for _, case, _ in pictures}
    caption = say(
        "{frames} of each clip at equal distances, from its first to its last, of prompt {prompt}.{noise}",
        frames=counted("count", [Place(run, case, "measurement.stills.frames[*]")], "frame"),
        prompt=Code(case.plan.prompt.id),
        noise=" The weights are not the published ones: these clips show nothing of a model."
        if weights - {"hub"}
        else "",
    )
    files = {f"strip-{number}.jpg": bytes_ for number, (_, _, bytes_) in enumerate(pictures, 1)}
    return Drawn((Figure("fig:strips", caption, panels),), files)


Found = tuple[Run, Path | None, CaseRecord]


def _alike(found: Sequence[Found]) -> list[Found]:
    """Take the cases of the prompt, seed, size and length that most models have, a strip a model and setting."""
    groups: dict[tuple[object, ...], dict[tuple[str, ...], Found]] = {}
    for one in found:
        run, _, case = one
        plan, request = case.plan, case.plan.request
        key = plan.prompt.id, plan.seed, request.width, request.height, request.frames
        groups.setdefault(key, {}).setdefault((run.run_id, plan.model.id, plan.setting), one)
    most = max(groups.values(), key=lambda group: len({model for _, model, _ in group}))
    return list(most.values())[:MOST_STRIPS]


def _title(runs: Sequence[Run], run: Run, case: CaseRecord) -> Text:
    origin = origin_of(runs, run, case)
    return Code(case.plan.model.id), " ", Code(case.plan.setting), *((" (", *origin, ")") if origin else ())


def _jpeg(folder: Path | None, case: CaseRecord) -> bytes | None:
    stills = case.measurement.stills if case.measurement else None
    if stills is None or folder is None:
        return None
    try:
        clip_url(stills.strip)
    except UnsafePathError:
        return None
    file = folder / stills.strip
    if not file.is_file():
        return None
    content = file.read_bytes()
    return content if content.startswith(JPEG) else None
