"""One case of one run, reduced to what the gate judges: who it is, whether it counts, its numbers.

Why it matters: a case of a run.json and an entry of a baseline's file are judged by the same code. A number is one a
run: the median over its rounds, since rounds of one process agree better with each other than processes do.
"""

import math
from collections.abc import Sequence
from typing import Any

from reports.device_state import joules_per_video
from reports.gate.checks import checks_of, frames_digest, series_of
from reports.gate.cohort import facts_of, protocol_of, request_mismatch
from reports.gate.numbers import Numbers
from reports.gate.parts import kernels_of, part_names, parts_of, steps_of
from reports.gate.students import students_of
from reports.measured import Measurement, Round
from reports.record import CaseRecord, Run, Status
from reports.rows import clocks_reason, median
from reports.timing import playback

# Reasons in a record that take a case out of any comparison of times; of clocks `clocks_reason` is asked.
SPOILED = ("shared_gpu", "validity")


class Sample(Numbers, kw_only=True):
    """A case of a run. `facts` is its cohort.

    `invalid` says why its numbers are nobody's, `mismatch` what ran otherwise than asked; both are "" where all is
    well. `retired` marks the run of a baseline of which none counts any more. `part_names` name `parts_s` by phase; a
    baseline's file does not keep them.
    """

    id: str
    status: Status
    reason: str
    invalid: str
    mismatch: str
    facts: dict[str, str]
    part_names: dict[str, list[str]] = {}
    retired: bool = False

    @property
    def eligible(self) -> bool:
        """Whether it may be a baseline: passed, in a valid environment, as it was asked for, with what is judged."""
        return self.status == "passed" and not self.invalid and not self.mismatch and self.is_measured

    @property
    def is_measured(self) -> bool:
        """Whether there is anything to judge: a gated number, or a check of the clip, which on a CPU may be all."""
        return bool(self.values or self.checks)


def samples_of(run: Run) -> list[Sample]:
    """Reduce every case of a run, in the plan's order."""
    identity = f"{run.run_id} of {run.created_at} on {run.environment.host}"
    versions = run.environment.packages | ({"git": run.environment.git_commit} if run.environment.git_commit else {})
    return [_sample(case, run, identity, versions) for case in run.cases]


def _sample(case: CaseRecord, run: Run, identity: str, versions: dict[str, str]) -> Sample:
    measurement = case.measurement
    state = measurement.state if measurement else None
    return Sample(
        id=case.id,
        run=identity,
        created_at=run.created_at,
        status=case.status,
        reason=case.reason,
        invalid=_invalid(case),
        mismatch="" if measurement is None else request_mismatch(case.plan.recipe, measurement.facts),
        facts=facts_of(case.plan, measurement, run.environment, protocol_of(run.schema_version, run.protocol_version)),
        values={} if measurement is None else _values(case, measurement),
        doubtful=[] if measurement is None else _doubtful(measurement),
        sm_clock_mhz=None if state is None else state.sm_clock_median_mhz,
        limits=list(case.plan.gates),
        versions=versions,
        students=students_of(case, run),
        **({} if measurement is None else _beside(case, measurement)),
    )


def _beside(case: CaseRecord, measurement: Measurement) -> dict[str, Any]:
    """Give what names the cause where a number or the clip is worse."""
    digest = frames_digest(measurement)
    return {
        "gpu_uuid": measurement.devices[0].uuid if measurement.devices else None,
        "checks": checks_of(measurement),
        "frames_sha256": digest,
        "series": series_of(measurement) if digest else {},
        "parts_s": parts_of(measurement),
        "part_names": part_names(measurement, case.plan.request.steps),
        "kernels_s": kernels_of(measurement.profile),
        "peaks_bytes": measurement.memory.phases_peak_allocated_bytes,
    }


def _invalid(case: CaseRecord) -> str:
    if case.status == "invalid_env":
        return case.reason or "the environment was not valid"
    reasons = case.measurement.reasons if case.measurement else {}
    # A cold start's clocks begin before the device has one.
    clocks = None if case.plan.fresh_process else clocks_reason(case)
    marks = {mark: reasons[mark] for mark in SPOILED if mark in reasons} | ({"clocks": clocks} if clocks else {})
    return "; ".join(f"{mark}: {why}" for mark, why in marks.items())


def _values(case: CaseRecord, measurement: Measurement) -> dict[str, float]:
    """Take the gated numbers; times only of cases that were warmed up, whose steady state a first call is not."""
    listed = {
        **(times_of(case, measurement.rounds) if case.plan.warmup and not case.plan.fresh_process else {}),
        "cold_start_s": measurement.cold_start_s,
        "peak_allocated_bytes": measurement.memory.peak_allocated_bytes,
        "energy_per_video_j": joules_per_video(case),
    }
    doubtful = _doubtful(measurement)
    return {name: float(value) for name, value in listed.items() if value is not None and name not in doubtful}


def _doubtful(measurement: Measurement) -> list[str]:
    energy = measurement.state.energy if measurement.state is not None else None
    return ["energy_per_video_j"] if energy is not None and energy.cross_check == "disagrees" else []


def times_of(case: CaseRecord, rounds: Sequence[Round]) -> dict[str, float | None]:
    """Give the gated times of a case over some of its rounds, by metric; None for what not every round has."""
    if not rounds:
        return {}
    phases = [phase for phase in rounds[0].phases_s if all(phase in timed.phases_s for timed in rounds)]
    played = [playback(timed, case.plan.request.fps) for timed in rounds]
    gaps = [one.chunk_gap_s for one in played if one is not None and one.chunk_gap_s is not None]
    return {
        "prompt_to_host_s": median(timed.prompt_to_host_s for timed in rounds),
        "time_to_first_frame_s": median(timed.time_to_first_frame_s for timed in rounds),
        "chunk_gap_s": median(gaps) if len(gaps) == len(rounds) else None,
        **steps_of(rounds),
        **{f"phase_{phase}_s": median(timed.phases_s[phase] for timed in rounds) for phase in phases},
    }


def is_number(value: float) -> bool:
    """Tell whether a duration, size or energy can be this: finite and above 0."""
    return math.isfinite(value) and value > 0
