"""Processes of a gate for tests: what each was asked for, and runs made up in place of what it would have recorded."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from fixtures.gate.procedure import GateEndedError, Ran, Role, folder_of
from reports.gate.outcome import GateProcess
from reports.record import CaseRecord, Run
from tests.gate_samples import gate_case, gate_run
from tests.reports_samples import planned

FAST, SLOW = planned("causvid-1.3b").id, planned("wan2.1-t2v-1.3b").id
MODELS = {FAST: "causvid-1.3b", SLOW: "wan2.1-t2v-1.3b"}


def case(id_: str, total_s: float = 4.0) -> CaseRecord:
    """Give a passed case by its id."""
    return gate_case(total_s, model=MODELS[id_])


class Starts:
    """A `Start` that makes runs up: `seconds` tells, by the process' name and the case, how long its rounds took.

    In the processes that are listed in `failing` the case `SLOW` fails. `told` is for what is said meanwhile.
    """

    def __init__(
        self,
        seconds: Callable[[str, str], float] = lambda name, id_: 4.0,
        *,
        lost: Sequence[str] = (),
        others: Sequence[str] = (),
        packages: Mapping[Role, dict[str, str]] | None = None,
        faults: Mapping[str, str] | None = None,
        failing: Sequence[str] = (),
    ) -> None:
        self.faults, self.failing = faults or {}, failing
        self.seconds, self.lost, self.others, self.packages = seconds, lost, list(others), packages or {}
        self.asked: list[tuple[Role, str, list[str]]] = []
        self.told: list[str] = []

    @property
    def names(self) -> list[str]:
        """The processes in the order in which they were started."""
        return [name for _, name, _ in self.asked]

    def __call__(self, role: Role, name: str, cases: Sequence[str]) -> Ran:
        self.asked.append((role, name, list(cases)))
        if name in self.lost:
            raise GateEndedError(f"{name} printed last: boom")
        run = gate_run(len(self.asked), *(self._case(name, id_) for id_ in cases))
        environment = msgspec.structs.replace(
            run.environment, packages=self.packages.get(role, run.environment.packages)
        )
        run = msgspec.structs.replace(run, environment=environment)
        folder = os.path.relpath(folder_of(Path("/run"), name), "/run")
        process = GateProcess(side=role, folder=folder, exit_code=139 if name in self.faults else 0, seconds=1.0)
        return Ran(run=run, process=process, others=self.others, fault=self.faults.get(name, ""))

    def _case(self, name: str, id_: str) -> CaseRecord:
        made = case(id_, self.seconds(name, id_))
        if id_ == SLOW and name in self.failing:
            return msgspec.structs.replace(made, status="oom", reason="out of memory", measurement=None)
        return made


def runs_of(seconds: float, count: int = 5, *ids: str) -> list[Run]:
    """Give unchanged runs of a baseline."""
    return [gate_run(100 + number, *(case(id_, seconds) for id_ in ids or (FAST, SLOW))) for number in range(count)]
