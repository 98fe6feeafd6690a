"""A software power cap against a case's own history: the share of time under it, beside that of earlier runs.

A cap is normal under load, so it fails nothing and marks nothing. But a card that meets it more often than it did has
less power or more heat than then, and its times are longer for that. A history is of one case: the same id, GPU by
name, recipe and request.
"""

from collections.abc import Hashable, Sequence

from reports.record import CaseRecord, Run
from reports.rows import counted, names

CAP = "sw_power_cap"


def power_cap_lines(runs: Sequence[Run]) -> list[str]:
    """Tell of each case that was watched in several of the runs its share in the last one and those of the others.

    Runs are taken in the order of their creation, each once. Shares are of the samples of the timed rounds, from 0 to
    1. Cases that are `invalid_env` are no history, nor are samples that tell no clocks event reasons.
    """
    histories: dict[Hashable, list[tuple[CaseRecord, float]]] = {}
    for run in sorted({run.run_id: run for run in runs}.values(), key=lambda run: run.created_at):
        for case in run.cases:
            share = cap_share(case)
            if share is not None:
                histories.setdefault(_key(case), []).append((case, share))
    return [_line(*history[-1], [share for _, share in history[:-1]]) for history in histories.values() if history[1:]]


def cap_share(case: CaseRecord) -> float | None:
    """Give the share of time under the software power cap, from 0 to 1; None where it is not known or not valid."""
    state = case.measurement.state if case.measurement else None
    if state is None or state.event_shares is None or case.status == "invalid_env":
        return None
    return state.event_shares.get(CAP, 0.0)


def _key(case: CaseRecord) -> Hashable:
    return case.id, _gpu(case), case.plan.recipe, case.plan.request


def _gpu(case: CaseRecord) -> str:
    return ", ".join(device.name for device in case.measurement.devices) if case.measurement else ""


def _line(case: CaseRecord, share: float, earlier: Sequence[float]) -> str:
    model, prompt, setting, _ = names(case)
    least, most = min(earlier), max(earlier)
    place = "more than" if share > most else "less than" if share < least else "within"
    span = f"{least:.1%}" if least == most else f"{least:.1%} to {most:.1%}"
    return (
        f"software power cap, {case.plan.scenario}, {model} {setting} {prompt} on {_gpu(case)}: {share:.1%} of the "
        f"time, {place} the {span} of {counted(earlier, 'earlier run')}; recorded, no verdict"
    )
