"""How many times as fast: the ratio of two models' clips, and where there is none, why.

Why it matters: a ratio between cases that differ in more than their sampling recipe says nothing about the models. So
one exists only within the track "matched" and only where prompt, seed, size, precision, attention and device are the
same; what may differ is the model with its steps, guidance and shift, and these are named beside the ratio.
"""

from itertools import combinations
from statistics import median
from typing import NamedTuple

import msgspec

from reports.record import CaseRecord, Run


class Comparison(NamedTuple):
    """Case `faster` took `1 / ratio` of the time of case `slower` from prompt to host frames.

    `ratio` is that of the medians; `low` and `high` are the extremes over all pairs of rounds.
    """

    faster: CaseRecord
    slower: CaseRecord
    ratio: float
    low: float
    high: float


class NoComparison(NamedTuple):
    """Two cases on the same prompt and seed that no ratio is given for, and the axes they differ in."""

    first: CaseRecord
    second: CaseRecord
    axes: list[str]


def differing_axes(case_a: CaseRecord, case_b: CaseRecord) -> list[str]:
    """List what keeps two cases from being compared by a ratio, empty where nothing does.

    The names are those of the record's fields; "published recipe" comes first where both cases are of that track.
    """
    axes_a, axes_b = _axes(case_a), _axes(case_b)
    differing = [axis for axis in {**axes_a, **axes_b} if axes_a.get(axis) != axes_b.get(axis)]
    if "matched" not in (case_a.plan.track, case_b.plan.track):
        differing.insert(0, "published recipe")
    return differing


def sampling_recipe(case: CaseRecord) -> str:
    """Name the sampling recipe, which a comparison in the matched track leaves free."""
    request = case.plan.request
    return f"{request.steps} steps, guidance {request.guidance_scale:g}, shift {request.shift:g}"


def comparisons(run: Run) -> list[Comparison]:
    """Compare every two passed cases of different models that differ in nothing but their sampling recipe."""
    return [_compare(a, b) for a, b in _pairs(run) if not differing_axes(a, b)]


def without_ratio(run: Run) -> list[NoComparison]:
    """List every two passed cases of different models on one prompt, seed and track that cannot be compared."""
    pairs = [NoComparison(a, b, differing_axes(a, b)) for a, b in _pairs(run) if _question(a) == _question(b)]
    return [pair for pair in pairs if pair.axes]


def axes_without_ratio(run: Run) -> dict[str, str]:
    """Bring `without_ratio` into one entry a set of pairs: what they differ in, by the settings they have in common.

    Keys are pairs of model and setting ("a 480p81 and b 480p81"), values the axes; prompts and seeds are joined.
    """
    axes: dict[str, list[str]] = {}
    for first, second, differing in without_ratio(run):
        known = axes.setdefault(f"{_model_and_setting(first)} and {_model_and_setting(second)}", [])
        known += [axis for axis in differing if axis not in known]
    return {pair: ", ".join(differing) for pair, differing in axes.items()}


def _model_and_setting(case: CaseRecord) -> str:
    return f"{case.plan.model.id} {case.plan.setting}"


def _question(case: CaseRecord) -> tuple[str, str, str, int]:
    return case.plan.scenario, case.plan.track, case.plan.prompt.id, case.plan.seed


def _pairs(run: Run) -> list[tuple[CaseRecord, CaseRecord]]:
    cases = [case for case in run.cases if case.status == "passed" and min(_times_s(case), default=0.0) > 0.0]
    return [(a, b) for a, b in combinations(cases, 2) if a.plan.model.id != b.plan.model.id]


def _times_s(case: CaseRecord) -> list[float]:
    return [r.prompt_to_host_s for r in case.measurement.rounds] if case.measurement else []


def _compare(case_a: CaseRecord, case_b: CaseRecord) -> Comparison:
    faster, slower = sorted((case_a, case_b), key=lambda case: median(_times_s(case)))
    fast_s, slow_s = _times_s(faster), _times_s(slower)
    return Comparison(
        faster=faster,
        slower=slower,
        ratio=median(slow_s) / median(fast_s),
        low=min(slow_s) / max(fast_s),
        high=max(slow_s) / min(fast_s),
    )


def _axes(case: CaseRecord) -> dict[str, object]:
    """Everything that has to be the same in both cases, by name."""
    plan, measurement = case.plan, case.measurement
    axes: dict[str, object] = {
        "scenario": plan.scenario,
        "track": plan.track,
        "prompt": plan.request.prompt,
        "seed": plan.seed,
        **{name: getattr(plan.request, name) for name in ("width", "height", "frames", "fps")},
        **{name: value for name, value in msgspec.structs.asdict(plan.recipe).items() if name != "model"},
    }
    if measurement is not None:
        axes["measured_size"] = (measurement.width, measurement.height, measurement.frames)
        axes["devices"] = [device.name for device in measurement.devices]
        axes["attention_resolved"] = measurement.facts.attention_resolved if measurement.facts else None
    return axes
