"""Which clip of a student belongs to which clip of its teacher, and what counts as a clip.

Why it matters: a difference between clips of other prompts, lengths or weights is none of the models. So two clips are
a pair only where prompt, seed, size, frames, rate, start and source of the weights are the same; what differs is named.
"""

from collections.abc import Sequence
from typing import NamedTuple

from reports.budgets import is_over_only
from reports.floors import is_broken
from reports.measured import Measurement
from reports.record import CaseRecord, Run

Cases = dict["Key", CaseRecord]


class Key(NamedTuple):
    """What student and teacher must have in common; `sha256` is that of the text generated from."""

    prompt: str
    seed: int
    sha256: str
    width: int
    height: int
    frames: int
    fps: float
    weights: str
    start_clip_sha256: str


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


def unmatched(students: Cases, teachers: Cases) -> list[str]:
    """Name each student's clip that has no counterpart, and in what the teacher's nearest differs."""
    return [_why(key, teachers) for key in students if key not in teachers]


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
    )
