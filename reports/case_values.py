"""Everything numeric that other programs are told of a case: one list, which every exporter picks from.

Why it matters: CSV, JUnit, Bencher, github-action-benchmark and pytest-benchmark's extra entries must not each have an
idea of their own of what a number is called, or of its unit.
"""

import statistics
from collections.abc import Iterable
from typing import Literal, NamedTuple

from reports.device_state import joules_per_video
from reports.measured import Measurement, MetricValue, Round
from reports.paired import Distance
from reports.record import CaseRecord

Better = Literal["lower", "higher", "neither"]
# The best that a score can be, where it has one: best less score is a loss, of which less is better. PSNR is cut there.
BEST = {
    "ssim": 1.0,
    "ms_ssim": 1.0,
    "psnr": 100.0,
    "unique_frames": 1.0,
    "clip_text_alignment": 100.0,
    "subject_consistency": 1.0,
    "background_consistency": 1.0,
    "aesthetic_quality": 1.0,
    "imaging_quality": 1.0,
}
BYTES = ("peak_allocated_bytes", "peak_reserved_bytes", "peak_device_bytes", "host_peak_rss_bytes")
ROUNDS = ("sampling_s", "prompt_to_device_s", "prompt_to_host_s", "time_to_first_frame_s")


class Value(NamedTuple):
    """One number of a case, or one for each of its rounds: `name` ends with `unit`, where it has one."""

    name: str
    unit: str
    better: Better
    data: tuple[float, ...]

    @property
    def median(self) -> float:
        """The number to show: the median over the rounds."""
        return statistics.median(self.data)


def case_values(case: CaseRecord) -> list[Value]:
    """List durations, memory and energy that were measured; what was not is left out, never 0."""
    measurement = case.measurement
    if measurement is None:
        return []
    listed = [
        *_durations(measurement),
        *(Value(name, "bytes", "lower", _one(getattr(measurement.memory, name))) for name in BYTES),
        Value("energy_per_video_j", "J", "lower", _one(joules_per_video(case))),
    ]
    return [value for value in listed if value.data]


def _durations(measurement: Measurement) -> Iterable[Value]:
    rounds = measurement.rounds
    frames = measurement.clips * measurement.frames
    yield from (Value(name, "s", "lower", _of_all(rounds, name)) for name in ROUNDS)
    phases = dict.fromkeys(name for r in rounds for name in r.phases_s)
    for phase in phases:
        of_all = all(phase in r.phases_s for r in rounds)
        yield Value(f"phase_{phase}_s", "s", "lower", tuple(r.phases_s[phase] for r in rounds) if of_all else ())
    yield Value("time_per_frame_s", "s", "lower", tuple(r.prompt_to_host_s / frames for r in rounds) if frames else ())
    yield Value("prompt_to_mp4_s", "s", "lower", _one(measurement.prompt_to_mp4_s))
    starts = tuple(start.total_s for start in measurement.cold_starts)
    yield Value("cold_start_s", "s", "lower", starts or _one(measurement.cold_start_s))
    yield Value("load_s", "s", "lower", _one(measurement.load_s))


def _of_all(rounds: list[Round], name: str) -> tuple[float, ...]:
    known = tuple(value for r in rounds if (value := getattr(r, name)) is not None)
    return known if len(known) == len(rounds) else ()


def _one(value: float | None) -> tuple[float, ...]:
    return () if value is None else (value,)


def quality_values(case: CaseRecord) -> list[Value]:
    """List what metrics say of the clip, and its distances from the clips that it was compared with."""
    return [Value(name, said.unit, said.better, (said.value,)) for name, said in _said(case) if said.value is not None]


def quality_losses(case: CaseRecord) -> list[Value]:
    """List the same as losses, of which less is better: a score that is better higher is its best (`BEST`) less it.

    What is better neither way, has no best value or lies below 0 is no loss and left out.
    """
    found = [(name if said.better == "lower" else f"{name}_loss", said.unit, _loss(said)) for name, said in _said(case)]
    return [Value(name, unit, "lower", (loss,)) for name, unit, loss in found if loss is not None]


def _said(case: CaseRecord) -> list[tuple[str, MetricValue | Distance]]:
    if case.measurement is None:
        return []
    pairs = [(f"{d.id}_to_{pair.kind}", d) for pair in case.measurement.pairs for d in pair.compared.distances]
    return [*((metric.id, metric) for metric in case.measurement.metrics), *pairs]


def _loss(said: MetricValue | Distance) -> float | None:
    if said.value is None or said.better == "neither" or (said.better == "higher" and said.id not in BEST):
        return None
    loss = said.value if said.better == "lower" else BEST[said.id] - said.value
    return loss if loss >= 0 else None
