"""What a gate's answer rests on beside its verdicts, told alike in terminal, Markdown and page.

Why it matters: a "yes" is of what was judged, and of what differed between the sides. Energy that nobody counted, or a
package that is another one by accident, is part of the answer.
"""

from collections.abc import Sequence

from reports.gate.outcome import GateOutcome, GateSide
from reports.gate.verdict import CaseVerdict
from reports.record import Run
from reports.rows import counted, one_line

ENERGY = "energy_per_video_j"
# What a reader looks for first among the packages of either side.
COMMIT = "git"
COUNTED = "in turns it is counted only where rounds take 15 s by themselves, a gate against stored baselines counts it"
NONE_DIFFERS = (
    "no commit and no package on record differs between the sides: see that the base is the one that was meant"
)
SHOWN = 3


def base_name(outcome: GateOutcome) -> str:
    """Name what the run was held against: a stored baseline, or the base that ran in turns with it."""
    return "base" if outcome.kind == "paired" else "baseline"


def differing(outcome: GateOutcome) -> list[str]:
    """Tell which commit and packages the sides have in other versions, or one alone, and what no version tells.

    Of sides that ran in turns it is told as well that a record shows no difference.
    """
    old, now = outcome.base.versions, outcome.new.versions
    told = [one_line(text, 400) for text in (outcome.nothing_under_test, outcome.difference) if text]
    told += [
        f"{'commit' if name == COMMIT else one_line(name, 60)}: {_versions(outcome.base, name)} in the "
        f"{base_name(outcome)}, {_versions(outcome.new, name)} under test"
        for name in sorted({*old, *now}, key=lambda name: (name != COMMIT, name))
        if old.get(name) != now.get(name)
    ]
    return told or ([NONE_DIFFERS] if outcome.kind == "paired" else [])


def without_energy(outcome: GateOutcome, *, on_gpu: bool) -> list[str]:
    """Say of a gate in turns on a GPU of how many of the compared cases energy was not judged, and why."""
    compared = [case for case in outcome.verdicts if case.metrics]
    without = [case for case in compared if not _has_energy(case)]
    if outcome.kind == "stored" or not on_gpu or not without:
        return []
    some = f"{len(without)} of " if len(without) < len(compared) else ""
    return [f"not judged: energy (of {some}{counted(compared, 'case')}): {COUNTED}"]


def first_alone(outcome: GateOutcome) -> list[str]:
    """Say of several runs under test of which of them the session's own tables are."""
    runs = [one for one in outcome.processes if one.side != "base"]
    if len(runs) < 2:
        return []
    first = f"the first of {len(runs)} processes under test (new-1)"
    return [f"the run's own tables are of {first}; the gate's numbers are medians over those that ran a case"]


def base_alone(outcome: GateOutcome) -> list[str]:
    """Say of processes of the base that they did not end as a session does, where all of those under test did."""
    told = [one_line(text.splitlines()[0], 300) for text in outcome.base_faults.values()]
    return [f"in the base alone, and in nobody's way: {text}" for text in told]


def basis(outcome: GateOutcome, *, on_gpu: bool) -> list[str]:
    """Tell all of it."""
    return [*first_alone(outcome), *without_energy(outcome, on_gpu=on_gpu), *differing(outcome), *base_alone(outcome)]


def is_on_gpu(run: Run) -> bool:
    """Tell whether a run has cases on a GPU, whose energy could have been counted."""
    return any(case.plan.recipe.device == "cuda" for case in run.cases)


def _has_energy(case: CaseVerdict) -> bool:
    # Of energy in doubt its case tells.
    return ENERGY in case.unjudged or any(metric.metric == ENERGY for metric in case.metrics)


def _versions(side: GateSide, name: str) -> str:
    listed: Sequence[str] = side.versions.get(name, [])
    shown = ", ".join(one_line(version, 60) for version in listed[:SHOWN])
    return f"{shown} and {len(listed) - SHOWN} more" if len(listed) > SHOWN else shown or "none"
