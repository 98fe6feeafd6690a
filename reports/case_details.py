"""Everything that a record tells of one case, as a table of named facts for its place on the page.

Why it matters: a number is worth what can be told of how it came about; so recipe, request, weights, every round and
what was not measured stand below each case.
"""

from typing import Any

import msgspec

from reports import rows
from reports.measured import Measurement
from reports.memory import memory_details
from reports.metric_lines import clip_metric_lines
from reports.profile import profile_lines
from reports.record import CaseRecord, Run, WeightsRecord
from reports.timing_rows import timing_rows
from reports.work_lines import work_details

LONGEST_NUMBER = 8
# Why the first call's time is to be doubted: told beside that time.
FIRST_CLOCKS = "clocks_first_call"


def recipe_details(case: CaseRecord) -> dict[str, Any]:
    """Lay out what a case shares with all others of its recipe and request but for prompt and seed."""
    plan = case.plan
    request = {name: value for name, value in told(plan.request).items() if name not in ("prompt", "seed")}
    details = {
        "model": f"{plan.model.title}, {plan.model.weights_source} weights, {plan.model.licence}",
        "weights": [f"{w.repository} {w.path} at {_revision(w)} ({w.licence})" for w in plan.model.weights],
        "recipe": msgspec.structs.asdict(plan.recipe),
        "request": request,
        "sources": plan.sources,
    }
    return {name: value for name, value in details.items() if value}


def case_details(run: Run, case: CaseRecord) -> dict[str, Any]:
    """Lay out what is a case's own; what is empty is left out."""
    plan, measurement = case.plan, case.measurement
    details: dict[str, Any] = {
        "prompt": f"{plan.prompt.id}, {plan.prompt.licence}, {plan.prompt.source}",
        "seed": str(plan.seed),
    }
    if measurement is not None:
        details |= {
            "prompt to host frames [s], round by round": [rows.show(r.prompt_to_host_s) for r in measurement.rounds],
            **_timing(case),
            "devices": [device.name for device in measurement.devices],
            "work": work_details(case, run),
            **memory_details(measurement.memory),
            "metrics": clip_metric_lines(measurement.metrics),
            "GPU during the timed rounds": _state(case),
            "rounds repeat exactly": {True: "yes", False: "NO", None: rows.MISSING}[measurement.deterministic],
            "profile": profile_lines(measurement.profile) if measurement.profile else [],
            "not measured": {name: why for name, why in measurement.reasons.items() if name != FIRST_CLOCKS},
        }
    return {name: value for name, value in details.items() if value}


def told(record: msgspec.Struct) -> dict[str, Any]:
    """Give a record's fields but those at their default: an older run has no more to tell than it told."""
    plain = {
        field.name: field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        for field in msgspec.structs.fields(record)
        if not field.required
    }
    values: dict[str, Any] = msgspec.to_builtins(record)
    return {name: value for name, value in values.items() if name not in plain or value != plain[name]}


def as_text(value: Any) -> str:
    """Write nested facts on one line; what is empty or unknown is left out of a mapping.

    >>> as_text({"power_w": 683.1439129377, "guidance": 5.0, "unknown": None, "frames": [0, 80]})
    'power_w: 683.144; guidance: 5.0; frames: 0, 80'
    """
    if isinstance(value, dict):
        return "; ".join(f"{name}: {as_text(inner)}" for name, inner in value.items() if inner not in ("", None))
    if isinstance(value, list):
        return ", ".join(as_text(inner) for inner in value)
    text = str(value)
    return f"{value:.6g}" if isinstance(value, float) and len(text) > LONGEST_NUMBER else text


def _timing(case: CaseRecord) -> dict[str, Any]:
    """Show what is derived of the times; pages of runs that did not stamp the whole round stay as they were."""
    measurement = case.measurement
    if measurement is None or all(timed.device_clock_s is None for timed in measurement.rounds):
        return {}
    return {
        "load [s]": "" if measurement.load_s is None else _load_text(measurement),
        "first call, prompt to host frames [s]": _first_call(measurement),
        **timing_rows(case),
    }


def _first_call(measurement: Measurement) -> str:
    """Show what the call before the timed rounds took, and where its clocks disagree that they do."""
    first, apart = measurement.first_call, measurement.reasons.get(FIRST_CLOCKS)
    return "" if first is None else rows.show(first.prompt_to_host_s) + (f" ({apart})" if apart else "")


def _load_text(measurement: Measurement) -> str:
    """Show what loading took; what is not that alone is marked."""
    return rows.show(measurement.load_s) + (" (with imports)" if "load_s" in measurement.reasons else "")


def _state(case: CaseRecord) -> dict[str, Any]:
    """Lay out the state and its energy as plain values; of the series of samples, which the charts draw, its length."""
    state = case.measurement.state if case.measurement else None
    if state is None:
        return {}
    values: dict[str, Any] = msgspec.to_builtins(state)
    series = (
        {} if state.series is None else {"series": f"{len(state.series.at_s)} samples of one round, see the charts"}
    )
    return values | series


def _revision(weights: WeightsRecord) -> str:
    loaded = f" (loaded {weights.resolved_revision})" if weights.resolved_revision else ""
    return weights.revision or f"UNPINNED{loaded}"
