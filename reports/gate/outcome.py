"""What a gate decided of a run, against what, by which processes: the record that stands in run.json as `gate`.

Why it matters: who reads the page of a run has to see whether it may be merged, and on what that rests, without running
anything again. The session that gated writes it as `gate.json` into the run folder (reports/gate/outcome_file.py).
"""

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from reports.frozen import Frozen
from reports.gate.verdict import EXIT_FINE, EXIT_UNDECIDED, EXIT_WORSE, CaseVerdict, Verdict, exit_code

Answer = Literal["yes", "no", "undecided"]


class GateSide(Frozen):
    """One side of a gate: its runs, and by package, "git" for the repository's commit, every version that they had."""

    runs: list[str]
    versions: dict[str, list[str]] = {}


class GateProcess(Frozen):
    """A process that the gate started for a side: its run folder, relative to that of the gated run, and how it ended.

    `cases` are those that it was asked for; empty: all of the run.
    """

    side: Literal["base", "new", "confirmation"]
    folder: str
    exit_code: int
    seconds: Annotated[float, msgspec.Meta(ge=0)]
    cases: list[str] = []


class GateOutcome(Frozen):
    """The gate of a run: `verdicts` hold one for each case that was planned, or that the baseline has.

    `kind` tells stored baselines from runs that alternated with those under test; `against` is their folder, or the
    commit or interpreter that was run. `not_asked` are the baseline's cases that the run's selection left out.
    `lenient` verdicts count for nothing. `at` is when it was decided, `seconds` how long it took, all
    its processes included. `faults` tell by a process' name that it ended otherwise than by what its cases explain:
    with any of these nothing may be merged, nor where `nothing_under_test` says that both sides are the same.
    `base_faults` are faults of the base where no process under test has one: a change that ends them may be merged.
    `difference` is what they differ in where neither a commit nor a version tells it.
    """

    kind: Literal["stored", "paired"]
    against: str
    verdicts: list[CaseVerdict]
    base: GateSide
    new: GateSide
    at: str
    seconds: Annotated[float, msgspec.Meta(ge=0)]
    under_test: list[str] = []
    lenient: list[Verdict] = []
    not_asked: list[str] = []
    processes: list[GateProcess] = []
    faults: dict[str, str] = {}
    base_faults: dict[str, str] = {}
    nothing_under_test: str = ""
    difference: str = ""

    @property
    def exit_code(self) -> int:
        """Give 0, 1 for a regression, 2 where something is undecided, nothing compared or tested, or a fault."""
        found = exit_code(self.verdicts, self.lenient)
        return EXIT_UNDECIDED if found == EXIT_FINE and (self.faults or self.nothing_under_test) else found

    @property
    def may_merge(self) -> Answer:
        """Answer in a word whether the change may be merged."""
        return {EXIT_FINE: "yes", EXIT_WORSE: "no"}.get(self.exit_code, "undecided")  # type: ignore[return-value] # of Answer


def was_lost(command: str, outcome: GateOutcome | None) -> bool:
    """Tell whether a run's command asked for a gate that came to no verdict: stopped, or a process did not start.

    >>> was_lost("pytest benchmarks/ --gate", None), was_lost("pytest benchmarks/", None)
    (True, False)
    """
    return outcome is None and "--gate" in command.split()


def side_of(runs: Iterable[tuple[str, dict[str, str]]]) -> GateSide:
    """Gather a side from its runs' names and versions, such as `(sample.run, sample.versions)` of many samples.

    >>> side_of([("a", {"git": "1"}), ("a", {"git": "1"}), ("b", {"git": "2"})])
    GateSide(runs=['a', 'b'], versions={'git': ['1', '2']})
    """
    listed = list(runs)
    names = sorted({name for _, versions in listed for name in versions})
    return GateSide(
        runs=sorted({run for run, _ in listed}),
        versions={name: sorted({versions[name] for _, versions in listed if name in versions}) for name in names},
    )
