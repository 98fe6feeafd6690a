"""Which models are compared: parameters, sampling recipes, weights and licences, as the record has them."""

from collections.abc import Sequence
from typing import NamedTuple

from reports.paper.citations import SCHEDULERS, cite, of_model
from reports.paper.configurations import is_sound
from reports.paper.document import Absent, Block, Code, Paragraph, Said, See, Text, say
from reports.paper.escape import short
from reports.paper.measures import Place, number, setting
from reports.paper.tables import figure, rows_of, table, words
from reports.record import Run, WeightsRecord

SOURCES = {"hub": "published weights", "random": "random weights", "tiny": "toy model"}


class Unit(NamedTuple):
    """A unit of parameters, a power of ten; three decimals suit models of at least a tenth of it."""

    name: str
    power: int

    @property
    def least(self) -> float:
        """The least count that is told in this unit."""
        return 10.0 ** (self.power - 1)


UNITS = (Unit("billion", 9), Unit("million", 6), Unit("thousand", 3))
UNKNOWN = Absent("it was not loaded, or its transformer was not counted")


def models(runs: Sequence[Run]) -> tuple[Block, ...]:
    """Give a table of models with their sampling recipes, and one of the weights' files."""
    found: dict[tuple[object, ...], Place] = {}
    for run in runs:
        for case in sorted(run.cases, key=lambda case: not is_sound(case)):
            request = case.plan.request
            key = (
                case.plan.model.id,
                case.plan.model.weights_source,
                request.steps,
                request.guidance_scale,
                request.shift,
            )
            found.setdefault(key, Place(run, case, ""))
    if not found:
        return (Paragraph(("No case was planned.",)),)
    unit = _unit(list(found.values()))
    rows = rows_of(list(found.values()), lambda place: _model(place, unit))
    columns = (
        words("Model"), words("Scheduler"), figure("Steps"), figure("Guidance"), figure("Shift"),
        figure("Parameters", "transformer", f"[{unit.name}]"), words("Weights and licence"),
    )  # fmt: skip
    caption = "Models as they were asked for. Parameters are counted in the loaded transformer."
    text = say(
        "All models run in this suite's own pipelines on PyTorch{pytorch} and diffusers{diffusers}, not in their "
        "authors' code. A guidance scale above one means classifier-free guidance{cfg}, which takes two forwards a "
        "step. {table} lists every combination of model and sampling recipe.",
        pytorch=cite(["pytorch"]),
        diffusers=cite(["diffusers"]),
        cfg=cite(["cfg"]),
        table=See("tab:models"),
    )
    return Paragraph(text), table("tab:models", (caption,), columns, rows), *_files(runs)


def _files(runs: Sequence[Run]) -> tuple[Block, ...]:
    found = {
        (weights.repository, weights.path): (weights, case.plan.recipe.weights)
        for run in runs
        for case in run.cases
        for weights in case.plan.model.weights
    }
    if not found:
        return (Paragraph(("No model here has published weights.",)),)
    loaded = any(source == "hub" for _, source in found.values())
    text = say(
        "{table} names the published weights, by the revision that is pinned or was loaded.{none}",
        table=See("tab:weights"),
        none="" if loaded else " None of them was loaded: every row here ran on random or toy weights.",
    )
    columns = (words("Repository"), words("File"), words("Revision"), words("Licence"))
    rows = rows_of(list(found.values()), lambda pair: _file(pair[0]))
    return Paragraph(text), table("tab:weights", ("Files of the published weights.",), columns, rows)


def _file(weights: WeightsRecord) -> tuple[Text, ...]:
    revision = weights.revision or weights.resolved_revision
    return (
        (Code(weights.repository),),
        (Code(weights.path),),
        (Code(revision[:12]),) if revision else ("unpinned",),
        (Said(short(weights.licence, 60)),),
    )


def _unit(places: Sequence[Place]) -> Unit:
    """Choose the unit in which the largest of the models has a digit before or right behind the point."""
    largest = max((_count(place) for place in places), default=0)
    return next((unit for unit in UNITS if largest >= unit.least), UNITS[-1])


def _count(place: Place) -> int:
    """Give the transformer's parameters, 0 where they were not counted."""
    measurement = place.case.measurement if place.case else None
    return measurement.facts.parameters.get("transformer", 0) if measurement and measurement.facts else 0


def _model(place: Place, unit: Unit) -> tuple[Text, ...]:
    run, case, _ = place
    assert case is not None, "a model's place is that of a case"
    plan, facts = case.plan, case.measurement.facts if case.measurement else None
    scheduler: Text = (
        (Code(facts.scheduler_class), *cite(SCHEDULERS.get(facts.scheduler_class, ()))) if facts else (UNKNOWN,)
    )
    parameters = number(
        "value",
        f"1e{unit.power}",
        [Place(run, case, "measurement.facts.parameters.transformer")],
        decimals=3 if _count(place) >= unit.least else None,
        divisor=10.0**unit.power,
    )
    licence = f"{plan.model.licence}" + (", non-commercial" if plan.model.non_commercial else "")
    return (
        (Said(short(plan.model.title, 80)), " (", Code(plan.model.id), ")", *of_model(case)),
        scheduler,
        *((setting(Place(run, case, f"plan.request.{field}")),) for field in ("steps", "guidance_scale", "shift")),
        (parameters if parameters is not None else UNKNOWN,),
        (f"{SOURCES[plan.model.weights_source]}; ", Said(short(licence, 80))),
    )
