"""Which clip of a student belongs to which clip of its teacher, and what counts as a clip.

Why it matters: a difference between clips of other prompts, lengths or weights is none of the models. So two clips are
a pair only where prompt, seed, size, frames, rate, start and source of the weights are the same; what differs is named.
And clips of one side, which several runs may hold, are of one model only where they were made from the same: the name
of a setting says nothing of its steps.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import msgspec

from reports.budgets import is_over_only
from reports.floors import is_broken
from reports.measured import Measurement
from reports.record import CaseRecord, PlannedCase, Run

Cases = dict["Key", CaseRecord]
# Of cases that nobody tried to make a clip in; of any other without one the model is at fault.
UNTRIED = frozenset({"not_run", "skipped", "invalid_env"})


class Key(NamedTuple):
    """What student and teacher must have in common; `sha256` is that of the text generated from.

    An audit's clip is of its last `take`, whose text is another than the prompt's own (fixtures/audit.py).
    """

    prompt: str
    seed: int
    sha256: str
    width: int
    height: int
    frames: int
    fps: float
    weights: str
    start_clip_sha256: str
    take: int | None = None


# In what rows of one teacher may differ: how it samples.
OF_A_ROW = frozenset({"steps", "guidance_scale", "negative_prompt"})
# In what clips of one model may differ, as `made_from` names it: in the scene, and beside it in all that `Key` matches.
OF_ONE_SCENE = frozenset(
    {"prompt.sha256", "request.prompt", "request.seed", "request.start_clip", "request.start_clip_sha256"}
)
OF_ONE_CLIP = OF_ONE_SCENE | {
    *("request.width", "request.height", "request.frames", "request.fps", "recipe.weights", "weights_source"),
}


def base_setting(name: str) -> str:
    """Give the suite's name of a setting, which of a swept one has the sweep behind it.

    >>> base_setting("480p81+attention=native_flash")
    '480p81'
    """
    return name.partition("+")[0]


def variants_of(runs: Sequence[Run], scenario: str, model: str, setting: str) -> list[str]:
    """List the names that a suite's setting has in the runs for a model: with each sweep its own; none: no case."""
    plans = [case.plan for run in runs for case in (*run.lent, *run.cases)]
    named = (plan.setting for plan in plans if (plan.scenario, plan.model.id) == (scenario, model))
    return list(dict.fromkeys(name for name in named if base_setting(name) == setting))


def teacher_setting_of(setting: str, own: str, ran: Sequence[str]) -> str:
    """Name the teacher's setting for a student's: in the same sweep where it `ran` in it, else its `own`.

    A sweep of how the teacher samples makes another teacher of it, most often a weaker one: then its own counts.

    >>> teacher_setting_of("480p81+decode=whole", "480p81", ["480p81+decode=whole"])
    '480p81+decode=whole'
    >>> teacher_setting_of("480p81+guidance_scale=1.0", "480p81", ["480p81+guidance_scale=1.0"])
    '480p81'
    """
    sweep = setting.removeprefix(base_setting(setting))
    fields = {part.partition("=")[0] for part in sweep.split("+")}
    return own + sweep if own + sweep in ran and not fields & {*OF_A_ROW, "shift"} else own


def cases_of(runs: Sequence[Run], scenario: str, model: str, setting: str) -> Cases:
    """Collect a model's cases in exactly this setting by key; of one that several runs hold, the last that ran it."""
    found: Cases = {}
    for run in runs:
        for case in (*run.lent, *run.cases):
            plan = case.plan
            if (plan.scenario, plan.model.id, plan.setting) != (scenario, model, setting):
                continue
            if (key := key_of(case)) not in found or case.status != "not_run":
                found[key] = case
    return found


def sound(case: CaseRecord | None) -> Measurement | None:
    """Give what was measured of a clip that counts: whole, within its metrics' fail limits and its floors.

    Being over a budget of time or memory is no fault of the clip.
    """
    if case is None or case.measurement is None or is_broken(case.measurement):
        return None
    return case.measurement if case.status == "passed" or is_over_only(case) else None


def is_made(case: CaseRecord) -> bool:
    """Tell whether a case came so far that its clip was measured, however that ended."""
    return case.status == "passed" or (case.measurement is not None and bool(case.measurement.metrics))


def came_to_nothing(cases: Iterable[CaseRecord]) -> bool:
    """Tell whether one side was tried and no clip came of it."""
    known = list(cases)
    return not any(map(is_made, known)) and any(case.status not in UNTRIED for case in known)


def unmatched(students: Cases, teachers: Cases) -> list[str]:
    """Name each student's clip that has no counterpart, and in what the teacher's nearest differs."""
    return [_why(key, teachers) for key in students if key not in teachers]


def beyond(students: Cases, teachers: Cases) -> list[str]:
    """Name each teacher's clip of a prompt and seed that the student was not asked for."""
    asked = {key[:2] for key in students}
    return [f"{key.prompt} s{key.seed}: the student was not asked for it" for key in teachers if key[:2] not in asked]


def made_from(plan: PlannedCase) -> dict[str, Any]:
    """List what a clip is made from, by field: weights with the commits that were loaded, recipe, request, prompt."""
    weights = [(file.repository, file.path, file.revision, file.resolved_revision) for file in plan.model.weights]
    return {
        "weights_source": plan.model.weights_source,
        "weights": weights,
        "prompt.sha256": plan.prompt.sha256,
        **{f"recipe.{name}": value for name, value in msgspec.structs.asdict(plan.recipe).items()},
        **{f"request.{name}": value for name, value in msgspec.structs.asdict(plan.request).items()},
    }


def made_of_several(plans: Iterable[PlannedCase], free: AbstractSet[str] = OF_ONE_CLIP) -> str:
    """Say by field where the clips of one side were made from different things; empty where they are of one model.

    In the fields `free` they may differ; where times are compared, that is `OF_ONE_SCENE`.
    """
    values: dict[str, dict[Any, None]] = {}
    for plan in plans:
        made = made_from(plan)
        files = made.pop("weights")
        commits = {f"weights {repository}/{path}": commit for repository, path, _, commit in files}
        made["weights"] = ", ".join(sorted(f"{repository}/{path}" for repository, path, *_ in files))
        for name, value in (commits | made).items():
            values.setdefault(name, {})[value] = None
    several = {name: seen for name, seen in values.items() if len(seen) > 1 and name not in free}
    return "; ".join(f"{name} {' and '.join(map(repr, seen))}" for name, seen in several.items())


def _why(key: Key, teachers: Cases) -> str:
    who = f"{key.prompt} s{key.seed}"
    near = next((other for other in teachers if other[:2] == key[:2]), None)
    if near is None:
        return f"{who}: the teacher has no such clip"
    names = [name for name, own, other in zip(Key._fields, key, near, strict=True) if own != other]
    told = [f"{name} {getattr(key, name)} and {getattr(near, name)}" for name in names if "sha256" not in name]
    return f"{who}: they differ in {', '.join([*(name for name in names if 'sha256' in name), *told])}"


def key_of(case: CaseRecord) -> Key:
    """Give what a case's clip must have in common with its counterpart."""
    prompt, request = case.plan.prompt, case.plan.request
    return Key(
        prompt=prompt.id,
        seed=case.plan.seed,
        sha256=prompt.sha256,
        width=request.width,
        height=request.height,
        frames=request.frames,
        fps=request.fps,
        weights=case.plan.recipe.weights,
        start_clip_sha256=request.start_clip_sha256,
        take=take_of(case),
    )


def take_of(case: CaseRecord) -> int | None:
    """Tell which take of its prompt a case's clip shows; None where it is the prompt itself."""
    return case.measurement.rounds[-1].take if case.measurement and case.measurement.rounds else None
