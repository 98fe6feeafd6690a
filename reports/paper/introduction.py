"""The introduction's paragraph of contributions: what was compared, in what, on what, and the headline numbers."""

from collections.abc import Sequence

from reports.compare import comparisons
from reports.paper.citations import of_model
from reports.paper.configurations import Configuration, configurations, origin_of
from reports.paper.document import Block, Items, Paragraph, Said, Section, See, Text, joined, say
from reports.paper.energy import joules
from reports.paper.escape import short
from reports.paper.measures import Place, exact
from reports.paper.memory_tables import peak
from reports.paper.outcomes import planned
from reports.paper.quality import JUDGED
from reports.paper.ratios import ratio
from reports.paper.speed import duration
from reports.record import CaseRecord, Run

MOST_HEADLINES = 4
MARKS = {"random": " (random weights)", "tiny": " (toy model)", "hub": ""}


def introduction(runs: Sequence[Run], judged: Run) -> Section:
    """Write the paragraph; with nothing sound there is no headline, and it says so."""
    blocks: list[Block] = [Paragraph(_contributions(runs))]
    found = configurations(runs, "speed")
    headlines = [*_faster(runs), *(_alone(one) for one in found[:MOST_HEADLINES])][:MOST_HEADLINES]
    if headlines:
        blocks += [Paragraph(("The headline numbers are:",)), Items(tuple(headlines))]
    else:
        blocks.append(Paragraph(("No speed was measured, so that there is no headline number.",)))
    blocks.append(Paragraph(_quality(runs, judged)))
    return Section("Contributions", "sec:introduction", tuple(blocks))


def _contributions(runs: Sequence[Run]) -> Text:
    models: dict[str, CaseRecord] = {}
    for run in runs:
        for case in run.cases:
            models.setdefault(case.plan.model.id, case)
    if not models:
        return ("No case was planned; nothing is compared.",)
    named = [
        (Said(short(case.plan.model.title, 80)), *of_model(case), MARKS[case.plan.model.weights_source])
        for case in models.values()
    ]
    devices = dict.fromkeys(
        device.name for run in runs for case in run.cases if case.measurement for device in case.measurement.devices
    )
    where = joined([(Said(short(device, 60)),) for device in devices]) or ("no device that gave a result",)
    return say(
        "We measure {models} on {devices}. They are compared in speed ({speed}), memory ({memory}), energy ({energy}) "
        "and quality of the clips ({quality}), in {cases}. Every number is traced to the record of a run, and what "
        "was not measured is said.",
        models=joined(named),
        devices=where,
        cases=planned(runs),
        **{name: See(f"sec:{name}") for name in ("speed", "memory", "energy", "quality")},
    )


def _faster(runs: Sequence[Run]) -> list[Text]:
    """Say the ratios of the matched track, the largest first."""
    found = [(run, one) for run in runs for one in comparisons(run)]
    found.sort(key=lambda pair: -pair[1].ratio)
    return [
        say(
            "At matched settings ({size}) {faster} is {ratio} as fast as {slower}{mark}{run}.",
            size=_size(Place(run, one.faster, "")),
            faster=_title(one.faster),
            ratio=ratio(run, one.faster, one.slower),
            slower=_title(one.slower),
            mark=_mark(one.faster),
            run=(", ", *origin) if (origin := origin_of(runs, run, one.faster)) else (),
        )
        for run, one in found[:MOST_HEADLINES]
    ]


def _title(case: CaseRecord) -> Said:
    return Said(short(case.plan.model.title, 80))


def _mark(case: CaseRecord) -> str:
    return MARKS[case.plan.model.weights_source]


def _size(place: Place) -> Text:
    width, height, frames = (
        exact("px", place._replace(path=f"plan.request.{field}")) for field in ("width", "height", "frames")
    )
    return width, " × ", height, ", ", frames, " frames"


def _alone(one: Configuration) -> Text:
    """Say what a configuration takes: time, first frame, memory, joules.

    The joules stand without ±, which in their table is no spread of rounds as that of the times is.
    """
    memory = peak(one, "peak_allocated_bytes")
    held: Text = (memory, " GiB") if memory else ("not measured",)
    counted = joules(one, "videos")
    energy: Text = (counted[0], " J") if counted else ("not measured",)
    return say(
        "{title}{mark}, {name}: {total} s from prompt to host frames, first frame after {first} s, peak of allocated "
        "memory {held}, energy of a video {energy}.",
        title=_title(one.cases[0]),
        mark=_mark(one.cases[0]),
        name=one.name,
        total=duration(one, "prompt_to_host_s"),
        first=duration(one, "time_to_first_frame_s"),
        held=held,
        energy=energy,
    )


def _quality(runs: Sequence[Run], judged: Run) -> Text:
    if any(row.verdict in JUDGED for one in judged.verdicts for row in one.rows):
        return "What speed costs in quality is judged over prompts in ", See("tab:students"), "."
    kinds = {case.plan.model.weights_source for run in runs for case in run.cases}
    because = " The weights are not the published ones, so the clips' content means nothing." if kinds - {"hub"} else ""
    return (f"What speed costs in quality was not measured.{because}",)
