"""How many times as fast: the ratios that the matched track allows, and which pairs have none."""

from collections.abc import Sequence

from reports.compare import comparisons, without_ratio
from reports.paper.configurations import origin_of
from reports.paper.document import Block, Code, Items, Paragraph, Said, Text, say
from reports.paper.escape import short
from reports.paper.measures import Place, number, setting
from reports.record import CaseRecord, Run

MOST_RATIOS = 12
TOTAL = "measurement.rounds[*].prompt_to_host_s"


def ratio(run: Run, faster: CaseRecord, slower: CaseRecord) -> Text:
    """Give how many times as fast one case is as another, with the extremes over pairs of rounds."""
    operands = [Place(run, slower, TOTAL)], [Place(run, faster, TOTAL)]
    low, high = (number(kind, "1", *operands, decimals=2) for kind in ("least ratio", "greatest ratio"))
    value = number("ratio", "1", *operands, decimals=2)
    assert value is not None, "a comparison is of timed rounds"
    assert low is not None, "a comparison is of timed rounds"
    assert high is not None, "a comparison is of timed rounds"
    return value, "× [", low, "×, ", high, "×]"


def ratios(runs: Sequence[Run]) -> tuple[Block, ...]:
    """Say each ratio that the matched track allows, and which pairs have none and why."""
    compared = [(run, one) for run in runs for one in comparisons(run)]
    obstacles = {(a.plan.model.id, b.plan.model.id, *axes) for run in runs for a, b, axes in without_ratio(run)}
    if not compared and not obstacles:
        toys = {case.plan.recipe.weights for run in runs for case in run.cases} == {"tiny"}
        why = "Toy models on a CPU" if toys else "No two models were measured at matched settings"
        return (Paragraph((f"{why}, so that no ratio is given.",)),)
    items = [
        say(
            "{faster} is {ratio} as fast as {slower}{run}.",
            faster=_named(Place(run, one.faster, "")),
            ratio=ratio(run, one.faster, one.slower),
            slower=_named(Place(run, one.slower, "")),
            run=(", ", *origin) if (origin := origin_of(runs, run, one.faster)) else (),
        )
        for run, one in compared[:MOST_RATIOS]
    ]
    items += [
        say(
            "{first} and {second}: no ratio is formed, because of: {axes}.",
            first=Code(first),
            second=Code(second),
            axes=Said(short(", ".join(axes), 200)),
        )
        for first, second, *axes in sorted(obstacles)[:MOST_RATIOS]
    ]
    if max(len(compared), len(obstacles)) > MOST_RATIOS:
        items.append(("Further pairs are left out here; the record holds all.",))
    return (Items(tuple(items)),)


def _named(place: Place) -> Text:
    """Name a case with its sampling recipe, which the matched track leaves free."""
    assert place.case is not None, "a place of a case"
    plan, recipe = place.case.plan, place.case.plan.recipe
    steps, guidance, shift = (
        setting(place._replace(path=f"plan.request.{field}")) for field in ("steps", "guidance_scale", "shift")
    )
    lora: Text = ()
    if recipe.lora is not None:
        lora = (", LoRA ", Code(recipe.lora), " at ", setting(place._replace(path="plan.recipe.lora_strength")))
    sampling: Text = (" (", steps, " steps, guidance ", guidance, ", shift ", shift, *lora, ")")
    return Code(plan.model.id), " ", Code(plan.setting), *sampling
