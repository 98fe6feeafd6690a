"""The run as the JSON of pytest-benchmark 5.3.1, so that `pytest-benchmark compare` and its kin read it.

Why it matters: pytest-benchmark writes its own file only at the end of a session, loses it whole when a measured call
is interrupted, and says of no entry whether its test passed. This view is rebuilt from the record at any time, and
`extra_info.status` and the block `video_benchmark` tell what became of each case.
Source: `Stats` and `Metadata` of pytest_benchmark/stats.py, `pytest_benchmark_generate_json` of its plugin.py.
"""

from collections import defaultdict
from typing import Any

from msgspec.structs import fields

from reports.benchmark_stats import stats_of
from reports.budgets import is_over_only
from reports.compare import OF_THE_MODEL, differing_axes, is_shared, is_timed, names_backend
from reports.device_state import joules_per_video
from reports.environment import Environment
from reports.extra_entries import extra_entries_of
from reports.record import CaseRecord, PlannedCase, Run
from reports.rows import figures
from reports.timing_rows import timing_figures
from reports.verdicts import overall

PYTEST_BENCHMARK_VERSION = "5.3.1"


def benchmark_group(plan: PlannedCase) -> str:
    """Name the group whose members pytest-benchmark sets in relation to each other.

    In the matched track these are all models on one size, recipe, prompt and seed. Each model has a group of its own,
    because no ratio to another one means anything, at its published recipe, without warming up, as a toy, or where the
    attention backend is not named. What is done to the networks is named where it is not the plain thing; a LoRA is
    part of the model.
    """
    recipe, request = plan.recipe, plan.request
    parts = [
        f"{plan.scenario} {plan.track} {request.width}x{request.height}x{request.frames}@{request.fps:g}",
        *([f"batch={request.batch}"] if request.batch != 1 else []),
        f"{recipe.transformer_dtype}/{recipe.text_encoder_dtype}/{recipe.vae_dtype} {recipe.attention}",
        *([f"compile={recipe.compile}"] if recipe.compile != "none" else []),
        *(
            f"{field.name}={value}"
            for field in fields(recipe)
            if (value := getattr(recipe, field.name)) != field.default
            and not (field.required or field.name in OF_THE_MODEL)
        ),
        f"{recipe.weights} {recipe.device} {plan.prompt.id} s{plan.seed}",
    ]
    comparable = plan.track == "matched" and is_timed(plan) and names_backend(recipe.attention)
    return " ".join([*parts, *([] if comparable else [_own(plan)])])


def benchmark_entries(run: Run, *, extra_entries: bool = False) -> list[dict[str, Any]]:
    """Give an entry to each case that has all its planned rounds, also to one that failed: see `_entry`.

    A case that ended before its last round has none: its median would stand beside others as if it were as good. With
    `extra_entries` its memory, time a frame, first frame and quality losses follow: see reports/extra_entries.py.
    """
    by_group: defaultdict[str, list[CaseRecord]] = defaultdict(list)
    for case in run.cases:
        if _has_all_rounds(case):
            by_group[benchmark_group(case.plan)].append(case)
    groups = {case.id: _group_as_run(case, group, cases) for group, cases in by_group.items() for case in cases}
    entries = [(case, _entry(case, groups[case.id])) for case in run.cases if case.id in groups]
    return [
        made for case, entry in entries for made in (entry, *(extra_entries_of(case, entry) if extra_entries else ()))
    ]


def _group_as_run(case: CaseRecord, group: str, cases: list[CaseRecord]) -> str:
    """Take a case out of its group if it did not pass, or if what ran was not the same in all that did."""
    own = _own(case.plan)
    passed = [other for other in cases if other.status == "passed"]
    alike = case.status == "passed" and not any(differing_axes(case, other) for other in passed)
    return group if alike or group.endswith(own) else f"{group} {own}"


def _own(plan: PlannedCase) -> str:
    return f"({plan.model.id} {plan.setting})"


def _has_all_rounds(case: CaseRecord) -> bool:
    return case.measurement is not None and len(case.measurement.rounds) >= case.plan.rounds


def video_benchmark(run: Run) -> dict[str, Any]:
    """List every planned case with its status: the block that pytest-benchmark's own file has no room for."""
    return {
        "schema_version": run.schema_version,
        "run_id": run.run_id,
        "banners": run.banners,
        "cases": [{"id": case.id, "status": case.status, "reason": case.reason} for case in run.cases],
        "verdicts": [
            {"student": one.student, "teacher": one.teacher, "verdict": overall(one.rows)} for one in run.verdicts
        ],
    }


def benchmark_document(
    run: Run,
    machine_info: dict[str, Any] | None = None,
    commit_info: dict[str, Any] | None = None,
    *,
    extra_entries: bool = False,
) -> dict[str, Any]:
    """Give the whole file. Machine and commit are taken from the run's environment unless they are given."""
    return {
        "machine_info": _machine_info(run.environment) if machine_info is None else machine_info,
        "commit_info": _commit_info(run.environment) if commit_info is None else commit_info,
        "benchmarks": benchmark_entries(run, extra_entries=extra_entries),
        "datetime": run.finished_at or run.created_at,
        "version": PYTEST_BENCHMARK_VERSION,
        "video_benchmark": video_benchmark(run),
    }


def _entry(case: CaseRecord, group: str) -> dict[str, Any]:
    """Make an entry: of a cold start's whole processes, of any other case's rounds from prompt to host frames.

    One of a case that did not pass says so in `name`, which is all that `compare` shows of a case. It says so in
    `fullname`, too, by which pytest-benchmark finds what to hold a time against: `--benchmark-compare-fail` must not do
    that with a bad sample, or with one of a shared GPU. But whoever is over budget and nothing else has a sound time.
    """
    plan, rounds = case.plan, case.measurement.rounds if case.measurement else []
    starts = case.measurement.cold_starts if case.measurement else []
    name = plan.id.split("::", 1)[-1]
    mark = " SHARED GPU" if is_shared(case) else ""
    mark = mark if case.status == "passed" else f" {case.status.upper()}"
    return {
        "group": group,
        "name": f"{name}{mark}",
        "fullname": f"benchmarks/{plan.id}{'' if is_over_only(case) and not is_shared(case) else mark}",
        "params": {
            "model": plan.model.id,
            "setting": plan.setting,
            "prompt": plan.prompt.id,
            "seed": plan.seed,
            "track": plan.track,
        },
        "param": name.partition("[")[2].removesuffix("]") or None,
        "extra_info": _extra_info(case),
        "options": {
            "disable_gc": False,
            "timer": "perf_counter",
            "min_rounds": plan.rounds,
            "max_time": 0.0,
            "min_time": 0.0,
            "precision": None,
            "confidence": None,
            "warmup": plan.warmup,
        },
        "stats": stats_of([start.total_s for start in starts] or [r.prompt_to_host_s for r in rounds]),
    }


def _extra_info(case: CaseRecord) -> dict[str, Any]:
    plan, measurement = case.plan, case.measurement
    return {
        "status": case.status,
        "reason": case.reason,
        "model": plan.model.id,
        "setting": plan.setting,
        "prompt": plan.prompt.id,
        "seed": plan.seed,
        "track": plan.track,
        "weights_source": plan.model.weights_source,
        "deterministic": measurement.deterministic if measurement else None,
        **figures(case)._asdict(),
        "timing": timing_figures(case),
        "peak_allocated_bytes": measurement.memory.peak_allocated_bytes if measurement else None,
        "joules_per_video": joules_per_video(case),
    }


def _machine_info(environment: Environment) -> dict[str, Any]:
    return {
        "node": environment.host,
        "system": environment.platform,
        "python_version": environment.python,
        "cpu": {"brand_raw": environment.cpu, "count": environment.cpu_count},
        "gpus": environment.gpus,
    }


def _commit_info(environment: Environment) -> dict[str, Any]:
    return {"id": environment.git_commit or "unversioned", "dirty": environment.git_dirty, "project": "video-benchmark"}
