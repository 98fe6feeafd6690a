"""The run as one page: tables, clips to play, and everything needed to run a case again.

Why it matters: numbers without the clips cannot be judged. The page opens from a disk without a network: style is
inline, there is no script, and clips lie beside it in the run folder. Its content security policy allows nothing else,
so that the text of a prompt or of an error stays text.
"""

import base64
import hashlib
import re
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import quote

import jinja2
import msgspec
from markupsafe import Markup

from reports import rows
from reports.budgets import budget_lines
from reports.claims import claim_lines
from reports.cold_start import cold_start_lines
from reports.compare import comparison_lines
from reports.device_state import state_lines
from reports.diversity import diversity_lines
from reports.equal_time import equal_time_lines
from reports.floors import quality_lines
from reports.measured import Measurement
from reports.memory import memory_details, memory_lines
from reports.metric_lines import clip_metric_lines, metric_lines
from reports.paired_lines import paired_lines
from reports.profile import profile_lines
from reports.record import CaseRecord, Run, WeightsRecord
from reports.timing_rows import timing_rows
from reports.verdict_lines import verdict_lines
from reports.work_lines import ceiling_lines, work_details

TEMPLATES = Path(__file__).parent / "templates"
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class UnsafePathError(ValueError):
    """A clip's path does not stay inside the run folder."""


class Clip(NamedTuple):
    """The address of a case's clip relative to the page, or why there is none."""

    url: str | None
    absence: str


def render_html(run: Run, folder: Path | None = None) -> str:
    """Render the page that belongs into the run folder, beside the folder of its clips.

    With `folder`, clips that are not there (a run published without them) are told as absent instead of linked.
    """
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_printable,
    )
    prompts: dict[str, list[CaseRecord]] = {}
    for case in run.cases:
        prompts.setdefault(f"{case.plan.prompt.id}, seed {case.plan.seed}", []).append(case)
    return environment.get_template("report.html.j2").render(
        run=run,
        style=Markup(style),  # noqa: S704 - our own file, not a user's text
        policy=_policy(style),
        names=rows.NAMES,
        headings=list(rows.HEADINGS.values()),
        case_names=rows.names,
        figures=rows.figures,
        show=rows.show,
        tally=rows.tally(run),
        groups=rows.groups(run),
        not_deterministic={case.id for case in rows.not_deterministic(run)},
        clocks_apart={case.id for case, _ in rows.clocks_apart(run)},
        non_commercial=rows.non_commercial(run),
        comparisons=comparison_lines(run),
        states=state_lines(run),
        cold_starts=cold_start_lines(run),
        memory=memory_lines(run),
        metrics=[*metric_lines(run), *diversity_lines(run)],
        pairs=paired_lines(run),
        quality=quality_lines(run),
        verdicts=[*verdict_lines(run.verdicts), *equal_time_lines([run])],
        budgets=budget_lines(run),
        claims=claim_lines([run]),
        prompts=prompts,
        anchors={case.id: f"case-{number}" for number, case in enumerate(run.cases, start=1)},
        clips={case.id: clip_of(case, folder) for case in run.cases},
        details=partial(_details, run),
        as_text=_as_text,
        environment=_told(run.environment) | ({"ceilings": ceiling_lines(run.ceilings)} if run.ceilings else {}),
    )


def clip_of(case: CaseRecord, folder: Path | None = None) -> Clip:
    """Find a case's clip; a path that leaves the run folder is refused and the refusal shown in its place."""
    video = case.measurement.video if case.measurement else None
    if video is None:
        return Clip(None, "No clip was written.")
    try:
        url = clip_url(video)
    except UnsafePathError as error:
        return Clip(None, str(error))
    if folder is not None and not (folder / video).is_file():
        return Clip(None, "The clip is not in this folder.")
    return Clip(url, "")


def clip_url(video: str) -> str:
    """Turn a clip's path, relative to the run folder with "/" between its parts, into a relative address.

    Raises `UnsafePathError` for everything that could lead elsewhere: absolute paths, "..", backslashes, schemes.
    """
    path = PurePosixPath(video)
    if (
        not path.parts
        or path.is_absolute()
        or ".." in path.parts
        or re.search(r"[\\:]", video)
        or _UNPRINTABLE.search(video)
    ):
        raise UnsafePathError(
            f"The clip's path {video[:200]!r} does not stay inside the run folder, so it is not linked."
        )
    return quote(str(path))


def _details(run: Run, case: CaseRecord) -> dict[str, Any]:
    plan, measurement = case.plan, case.measurement
    details: dict[str, Any] = {
        "model": f"{plan.model.title}, {plan.model.weights_source} weights, {plan.model.licence}",
        "weights": [f"{w.repository} {w.path} at {_revision(w)} ({w.licence})" for w in plan.model.weights],
        "prompt": f"{plan.prompt.id}, {plan.prompt.licence}, {plan.prompt.source}",
        "recipe": msgspec.structs.asdict(plan.recipe),
        "request": {name: value for name, value in _told(plan.request).items() if name != "prompt"},
        "sources": plan.sources,
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
            "not measured": measurement.reasons,
        }
    return {name: value for name, value in details.items() if value}


def _timing(case: CaseRecord) -> dict[str, Any]:
    """Show what is derived of the times; pages of runs that did not stamp the whole round stay as they were."""
    measurement = case.measurement
    if measurement is None or all(timed.device_clock_s is None for timed in measurement.rounds):
        return {}
    first = measurement.first_call
    return {
        "load [s]": "" if measurement.load_s is None else _load_text(measurement),
        "first call, prompt to host frames [s]": "" if first is None else rows.show(first.prompt_to_host_s),
        **timing_rows(case),
    }


def _load_text(measurement: Measurement) -> str:
    """Show what loading took; what is not that alone is marked."""
    return rows.show(measurement.load_s) + (" (with imports)" if "load_s" in measurement.reasons else "")


def _told(record: msgspec.Struct) -> dict[str, Any]:
    """Give a record's fields but those at their default: an older run has no more to tell than it told."""
    plain = {
        field.name: field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        for field in msgspec.structs.fields(record)
        if not field.required
    }
    values: dict[str, Any] = msgspec.to_builtins(record)
    return {name: value for name, value in values.items() if name not in plain or value != plain[name]}


def _state(case: CaseRecord) -> dict[str, Any]:
    """Lay out the state and its energy as plain values."""
    state = case.measurement.state if case.measurement else None
    return {} if state is None else msgspec.to_builtins(state)


def _revision(weights: WeightsRecord) -> str:
    loaded = f" (loaded {weights.resolved_revision})" if weights.resolved_revision else ""
    return weights.revision or f"UNPINNED{loaded}"


def _as_text(value: Any) -> str:
    """Write nested facts on one line; what is empty or unknown is left out of a mapping."""
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_as_text(inner)}" for name, inner in value.items() if inner not in ("", None))
    return ", ".join(_as_text(inner) for inner in value) if isinstance(value, list) else str(value)


def _policy(style: str) -> str:
    """Allow this style and clips beside the page (`file:` for a page opened from a disk), and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; media-src 'self' file:; base-uri 'none'; form-action 'none'"
    )


def _printable(value: Any) -> Any:
    """Replace what no page may hold (NUL and other controls, lone surrogates); our own markup passes."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value) if type(value) is str else value
