"""Configurations: what a paper gives a row, a model in a setting on one GPU in one run, with all its prompts and seeds.

Why it matters: a run has a case for every prompt and seed, and a paper has a row for what was compared. Only cases of
one run and one kind of device are taken together: times of two machines are never one median.
"""

from collections.abc import Sequence
from typing import NamedTuple

from reports.answers.answer import label
from reports.budgets import is_over_only
from reports.measured import Measurement
from reports.paper.document import Code, Inline, Said, Text, joined
from reports.paper.escape import short
from reports.paper.measures import Place
from reports.record import CaseRecord, PlannedCase, Run


class Configuration(NamedTuple):
    """Sound cases of one scenario, model, setting and device.

    `letter` names the run where there are several, `gpu` the device where the runs measured on several kinds.
    """

    run: Run
    letter: str
    cases: tuple[CaseRecord, ...]
    gpu: str = ""

    @property
    def plan(self) -> PlannedCase:
        """What the cases have in common, prompt and seed apart."""
        return self.cases[0].plan

    @property
    def measurement(self) -> Measurement:
        """What was measured of the first case."""
        measurement = self.cases[0].measurement
        assert measurement is not None, f"{self.cases[0].id}: a sound case has a measurement"
        return measurement

    @property
    def name(self) -> tuple[Inline, ...]:
        """Model and setting, and what tells it from a row of another run or GPU."""
        origin = told_origin(self.letter, self.gpu)
        return (Code(self.plan.model.id), " ", Code(self.plan.setting), *((" (", *origin, ")") if origin else ()))

    def places(self, path: str) -> list[Place]:
        """Give a path of every case."""
        return [Place(self.run, case, path) for case in self.cases]

    def first(self, path: str) -> Place:
        """Give a path of the first case, for what all have in common."""
        return Place(self.run, self.cases[0], path)


def is_sound(case: CaseRecord) -> bool:
    """Tell whether a case's numbers count: it passed, or is over a budget and nothing else."""
    return case.measurement is not None and (case.status == "passed" or is_over_only(case))


def letter_of(runs: Sequence[Run], run: Run) -> str:
    """Name a run among several as charts and pages do; one run needs no name."""
    return label(next(index for index, one in enumerate(runs) if one is run), len(runs))


def kinds_of_device(runs: Sequence[Run]) -> list[str]:
    """Name the GPUs, or CPUs, that the runs' cases were measured on, each kind once."""
    measured = (case.measurement for run in runs for case in run.cases if case.measurement is not None)
    return list(dict.fromkeys(device.name for one in measured for device in one.devices))


def origin_of(runs: Sequence[Run], run: Run, case: CaseRecord) -> Text:
    """Name run and GPU of a case where there are several of either: "run A, NVIDIA X"."""
    devices = case.measurement.devices if case.measurement else []
    gpu = devices[0].name if devices and len(kinds_of_device(runs)) > 1 else ""
    return told_origin(letter_of(runs, run), gpu)


def told_origin(letter: str, gpu: str) -> Text:
    """Write a run's letter and a GPU's name; either may be empty."""
    told: list[Text] = [(f"run {letter}",)] if letter else []
    return joined([*told, *([(Said(short(gpu, 40)),)] if gpu else [])], ", ")


def configurations(runs: Sequence[Run], *scenarios: str) -> list[Configuration]:
    """Group the sound cases of these scenarios, or of all without any, in the runs' order."""
    has_several = len(kinds_of_device(runs)) > 1
    groups: dict[tuple[str, ...], tuple[Run, list[CaseRecord]]] = {}
    for run in runs:
        for case in run.cases:
            if not is_sound(case) or (scenarios and case.plan.scenario not in scenarios):
                continue
            plan, devices = case.plan, case.measurement.devices if case.measurement else ()
            device = devices[0].name if devices else ""
            key = run.run_id, plan.scenario, plan.track, plan.model.id, plan.setting, device
            groups.setdefault(key, (run, []))[1].append(case)
    return [
        Configuration(run, letter_of(runs, run), tuple(cases), key[-1] if has_several else "")
        for key, (run, cases) in groups.items()
    ]
