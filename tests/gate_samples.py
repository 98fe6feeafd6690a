"""Runs of one case or several for the tests of the gate, and samples of them by their times alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from reports.comparison_record import MarginVerdict, RowVerdict, StudentTeacher, StudentVerdict
from reports.gate.outcome import GateOutcome, GateProcess, side_of
from reports.gate.sample import Sample, samples_of
from reports.gate.verdict import CaseVerdict, Verdict
from reports.judged import Floor, JudgedFloor, Limits, Margin
from reports.limits import judge_limits
from reports.measured import MetricValue
from reports.record import CaseRecord, Run
from reports.strict_json import write_json_atomically
from tests.reports_samples import case_of, planned, run_of, state_of

CASE = planned().id
WHO = "causvid-1.3b 480p81 against wan2.1-t2v-1.3b 480p81 (few-step)"
LIMITS = Limits(source="here", looks_like="it is dark", warn_below=12.0, fail_below=5.0)
BRIGHT = [20.0] * 81
DARK = [20.0] * 10 + [0.5] * 71


def gate_case(
    total_s: float = 4.0,
    *,
    model: str = "causvid-1.3b",
    clock_mhz: float | None = 1980.0,
    peak_bytes: int = 24 * 2**30,
    rounds: int = 3,
    **of_round: object,
) -> CaseRecord:
    """Give a passed case whose rounds all took `total_s`, with the fields `of_round` of each round changed."""
    case = case_of(planned(model), *[total_s] * rounds)
    assert case.measurement is not None
    changed = [msgspec.structs.replace(timed, **of_round) for timed in case.measurement.rounds]
    memory = msgspec.structs.replace(case.measurement.memory, peak_allocated_bytes=peak_bytes)
    state = msgspec.structs.replace(state_of({}), sm_clock_median_mhz=clock_mhz)
    measurement = msgspec.structs.replace(case.measurement, rounds=changed, memory=memory, state=state)
    return msgspec.structs.replace(case, measurement=measurement)


def gate_run(number: int, *cases: CaseRecord, **environment: object) -> Run:
    """Give the run of this number, which tells it apart, with fields of its environment changed."""
    run = run_of(*cases)
    return msgspec.structs.replace(
        run,
        run_id=f"run-{number}",
        created_at=f"2026-11-22T{number // 60:02d}:{number % 60:02d}:00+00:00",
        environment=msgspec.structs.replace(run.environment, **environment),
    )


def baseline_runs(count: int = 5, total_s: float = 4.0) -> list[Run]:
    """Give unchanged runs, numbered from 100 on."""
    return [gate_run(100 + number, gate_case(total_s)) for number in range(count)]


def samples(runs: Sequence[Run]) -> list[Sample]:
    """Reduce runs to what is judged."""
    return [sample for run in runs for sample in samples_of(run)]


def written(folder: Path, name: str, run: Run) -> Path:
    """Write a run's record as FOLDER/NAME.json."""
    path = folder / f"{name}.json"
    write_json_atomically(path, run)
    return path


def outcome_of(*verdicts: Verdict, lenient: list[Verdict] | None = None) -> GateOutcome:
    """Give the outcome of a gate against stored baselines with one case of each verdict."""
    return GateOutcome(
        kind="stored",
        against="reports/baselines",
        verdicts=[CaseVerdict(id=f"case {n}", verdict=one, why="") for n, one in enumerate(verdicts)],
        base=side_of([("old", {"torch": "2.13.0", "git": "aaaa"})]),
        new=side_of([("now", {"torch": "2.13.0", "git": "bbbb"})]),
        at="2026-11-22T12:00:00.000000Z",
        seconds=31.5,
        lenient=lenient or [],
        processes=[GateProcess(side="confirmation", folder="gate/confirm-1", exit_code=0, seconds=15.0)],
    )


def metric_of(series: list[float], limits: Limits | None = LIMITS) -> MetricValue:
    """Give a metric with its verdict: the mean of `series`."""
    value = sum(series) / len(series)
    metric = MetricValue(id="y_std", value=value, unit="codes", better="higher", per_frame=series, limits=limits)
    return judge_limits([metric])[0]


def clip_of(series: list[float], digest: str = "a", **changes: object) -> CaseRecord:
    """Give a case whose clip has this series, and frames of this digest."""
    case = gate_case(frames_sha256=digest * 64)
    assert case.measurement is not None
    fields = {"metrics": [metric_of(series)]} | changes
    return msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, **fields))


def runs_of(case: CaseRecord, count: int = 5, **of_run: object) -> list[Run]:
    """Give unchanged baseline runs of a case."""
    return [msgspec.structs.replace(gate_run(100 + n, case), **of_run) for n in range(count)]


def floored(series: list[float], *at_least: float) -> CaseRecord:
    """Give a case whose clip has this series of a metric without limits, and a suite's floors on it, each judged."""
    value = sum(series) / len(series)
    floors = [
        JudgedFloor(
            floor=Floor(metric="y_std", source="quick", at_least=least),
            actual=value,
            verdict="within" if value >= least else "fail",
            explanation="" if value >= least else f"below {least:g}",
        )
        for least in at_least
    ]
    return clip_of(series, metrics=[metric_of(series, limits=None)], floors=floors)


def with_student(
    run: Run,
    rows: Mapping[str, RowVerdict],
    clips: int = 30,
    absolute: float | None = 1.0,
    of_teacher_pct: float | None = None,
) -> Run:
    """Give the run with a verdict on its student, by margin, each of this width."""
    asked = StudentTeacher(
        id="few-step",
        students=["causvid-1.3b"],
        settings=["480p81"],
        teacher="wan2.1-t2v-1.3b",
        teacher_setting="480p81",
        scenario="speed",
    )
    margins = [
        MarginVerdict(
            margin=Margin(metric=metric, better="higher", why="here", absolute=absolute, of_teacher_pct=of_teacher_pct),
            verdict=verdict,
            clips=clips,
            difference=-2.5,
            limit=-1.0,
        )
        for metric, verdict in rows.items()
    ]
    student, _, teacher = WHO.removesuffix(" (few-step)").partition(" against ")
    verdict = StudentVerdict(comparison="few-step", student=student, teacher=teacher, rows=margins)
    return msgspec.structs.replace(run, comparisons=[asked], verdicts=[verdict])
