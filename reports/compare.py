"""How many times as fast: the ratio of two models' clips, and where there is none, why.

Why it matters: a ratio between cases that differ in more than their sampling recipe says nothing about the models. So
one exists only within the track "matched" and only where prompt, seed, size, batch, precision, attention and device are
known and the same, as asked for and as run; what may differ is the model with its LoRA, steps, guidance and shift, and
these are named beside the ratio.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations
from statistics import median
from typing import NamedTuple

import msgspec

from reports.record import CaseRecord, PlannedCase, Run

PUBLISHED = "published recipe"
UNNAMED = "attention is not named"
UNKNOWN = "dtypes unknown"
SHARED = "the GPU was shared"
OF_THE_MODEL = ("model", "lora", "lora_strength")


class Comparison(NamedTuple):
    """Case `faster` took `1 / ratio` of the time of case `slower` from prompt to host frames.

    `ratio` is that of the medians; `low` and `high` are the extremes over all pairs of rounds.
    """

    faster: CaseRecord
    slower: CaseRecord
    ratio: float
    low: float
    high: float


class _Side(NamedTuple):
    """A case with what two of them are compared by, worked out once: of many cases there are many more pairs.

    `axes` must be the same in both, and so must `dtypes`, where both are known.
    """

    case: CaseRecord
    axes: dict[str, object]
    dtypes: dict[str, str]
    is_matched: bool
    is_named: bool
    is_shared: bool
    times_s: list[float]
    median_s: float


class NoComparison(NamedTuple):
    """Two cases on the same prompt and seed that no ratio is given for, and why: see `differing_axes`."""

    first: CaseRecord
    second: CaseRecord
    axes: list[str]


def differing_axes(case_a: CaseRecord, case_b: CaseRecord) -> list[str]:
    """List what keeps two cases from being compared by a ratio, empty where nothing does.

    The names are those of the record's fields. Before them comes what forbids a ratio even where all of them agree:
    both recipes are published ones, an attention backend is not named, it is not known in which dtypes a case ran, or
    other processes were on a case's GPU.
    """
    return _obstacles_between(_side(case_a), _side(case_b))


def _obstacles_between(a: _Side, b: _Side) -> list[str]:
    forbidding = {
        PUBLISHED: not (a.is_matched or b.is_matched),
        UNNAMED: not (a.is_named and b.is_named),
        UNKNOWN: not (a.dtypes and b.dtypes),
        SHARED: a.is_shared or b.is_shared,
    }
    found = [axis for axis, holds in forbidding.items() if holds] + _differing(a.axes, b.axes)
    return found if forbidding[UNKNOWN] else found + _differing(a.dtypes, b.dtypes)


def _differing(axes_a: Mapping[str, object], axes_b: Mapping[str, object]) -> list[str]:
    if axes_a == axes_b:
        return []
    return [axis for axis in {**axes_a, **axes_b} if axes_a.get(axis) != axes_b.get(axis)]


def sampling_recipe(case: CaseRecord) -> str:
    """Name the sampling recipe, which a comparison in the matched track leaves free."""
    request, recipe = case.plan.request, case.plan.recipe
    lora = "" if recipe.lora is None else f", LoRA {recipe.lora} at {recipe.lora_strength:g}"
    return f"{request.steps} steps, guidance {request.guidance_scale:g}, shift {request.shift:g}{lora}"


def comparisons(run: Run) -> list[Comparison]:
    """Compare every two passed cases of different models that differ in nothing but their sampling recipe."""
    return [_compare(a, b) for a, b in _pairs(run) if not _obstacles_between(a, b)]


def without_ratio(run: Run) -> list[NoComparison]:
    """List the passed cases of different models on one prompt, seed and track that a ratio could be expected for.

    In the matched track these are the cases of one setting; published recipes have settings of their own.
    """
    pairs = [(a, b) for a, b in _pairs(run) if not a.is_matched or a.case.plan.setting == b.case.plan.setting]
    return [NoComparison(a.case, b.case, axes) for a, b in pairs if (axes := _obstacles_between(a, b))]


def model_and_setting(case: CaseRecord) -> str:
    """Name a case by model and setting, for lines that tell of several prompts."""
    return f"{case.plan.model.id} {case.plan.setting}"


def _pairs(run: Run) -> Iterator[tuple[_Side, _Side]]:
    """Pair the passed cases of different models that answer the same question; others are never set side by side.

    Left out are scenarios that do not warm up (the clips for quality), since their one round may hold a first call, and
    toy models, whose times mean nothing.
    """
    by_question: defaultdict[tuple[str, str, str, int], list[CaseRecord]] = defaultdict(list)
    for case in run.cases:
        if is_timed(case.plan) and case.status == "passed" and min(_times_s(case), default=0.0) > 0.0:
            plan = case.plan
            by_question[plan.scenario, plan.track, plan.prompt.id, plan.seed].append(case)
    for cases in by_question.values():
        # Thousands of cases of one model make millions of pairs, none of which is wanted.
        if len({case.plan.model.id for case in cases}) > 1:
            sides = combinations(map(_side, cases), 2)
            yield from ((a, b) for a, b in sides if a.case.plan.model.id != b.case.plan.model.id)


def is_timed(plan: PlannedCase) -> bool:
    """Tell whether the case's times may stand beside another's: it is warmed up, and no toy."""
    return plan.warmup and plan.recipe.weights != "tiny"


def is_shared(case: CaseRecord) -> bool:
    """Tell whether other processes were on the case's GPU while it was timed, as --allow-shared-gpu lets them."""
    return case.measurement is not None and "shared_gpu" in case.measurement.reasons


def names_backend(attention: str) -> bool:
    """Tell a backend's name from "native", "native (flash_attention)" and "", which leave the choice to torch."""
    return attention.partition(" ")[0] not in ("native", "")


def _times_s(case: CaseRecord) -> list[float]:
    return [r.prompt_to_host_s for r in case.measurement.rounds] if case.measurement else []


def _compare(a: _Side, b: _Side) -> Comparison:
    faster, slower = (a, b) if a.median_s <= b.median_s else (b, a)
    return Comparison(
        faster=faster.case,
        slower=slower.case,
        ratio=slower.median_s / faster.median_s,
        low=min(slower.times_s) / max(faster.times_s),
        high=max(slower.times_s) / min(faster.times_s),
    )


def _side(case: CaseRecord) -> _Side:
    """Work out what a case is compared by."""
    times_s = _times_s(case)
    return _Side(
        case=case,
        axes=_axes(case),
        dtypes=_dtypes(case),
        is_matched=case.plan.track == "matched",
        is_named=_names_attention(case),
        is_shared=is_shared(case),
        times_s=times_s,
        median_s=median(times_s) if times_s else 0.0,
    )


def _axes(case: CaseRecord) -> dict[str, object]:
    """Everything that has to be the same in both cases, by name."""
    plan, measurement = case.plan, case.measurement
    axes: dict[str, object] = {
        "scenario": plan.scenario,
        "track": plan.track,
        "prompt": plan.request.prompt,
        "seed": plan.seed,
        "fps": plan.request.fps,
        "start_clip_sha256": plan.request.start_clip_sha256,
        "batch": plan.request.batch,
        **{name: getattr(measurement or plan.request, name) for name in ("width", "height", "frames")},
        **{name: value for name, value in msgspec.structs.asdict(plan.recipe).items() if name not in OF_THE_MODEL},
    }
    if measurement is not None:
        axes["devices"] = [device.name for device in measurement.devices]
        axes["attention_resolved"] = measurement.facts.attention_resolved if measurement.facts else None
    return axes


def _names_attention(case: CaseRecord) -> bool:
    facts = case.measurement.facts if case.measurement else None
    return names_backend(case.plan.recipe.attention) and (facts is None or names_backend(facts.attention_resolved))


def _dtypes(case: CaseRecord) -> dict[str, str]:
    facts = case.measurement.facts if case.measurement else None
    return {f"dtypes.{component}": dtype for component, dtype in facts.dtypes.items()} if facts else {}
