"""What a case cost: energy, GPU-hours and money, and the state that the GPU was in; a line a case.

Why it matters: two cards of equal speed may differ in joules, and a time taken on a throttled GPU is nobody's. All of
it is derived from the record: videos a GPU-hour from the median time, the price from the plan.
"""

from reports.device_record import DeviceState, Energy
from reports.measured import Measurement
from reports.record import CaseRecord, Run
from reports.rows import figures, names, show

HOUR_S = 3600.0


def joules_per_video(case: CaseRecord) -> float | None:
    """Give the joules of one clip by NVML's counter; None where energy was not counted."""
    energy = _energy(case)
    return None if energy is None else energy.counter_j / energy.videos


def joules_per_frame(case: CaseRecord) -> float | None:
    """Give the joules of one pixel frame by NVML's counter; None where energy was not counted."""
    energy = _energy(case)
    return None if energy is None else energy.counter_j / energy.frames


def videos_per_gpu_hour(case: CaseRecord) -> float | None:
    """Give how many clips one GPU makes in an hour at the median time from prompt to host frames of a batch.

    Of cold starts it is the time of whole processes. None where no GPU worked.
    """
    if case.measurement is None or not any(device.kind == "cuda" for device in case.measurement.devices):
        return None
    total_s = case.measurement.cold_start_s or figures(case).prompt_to_host_s
    if not total_s:
        return None
    return HOUR_S * case.measurement.clips / total_s / max(len(case.measurement.devices), 1)


def cost_per_video(case: CaseRecord, gpu_hour_price: float | None) -> float | None:
    """Give what a clip costs in the currency of `gpu_hour_price`; None without a price or a time."""
    videos = videos_per_gpu_hour(case)
    return None if gpu_hour_price is None or videos is None else gpu_hour_price / videos


def state_lines(run: Run) -> list[str]:
    """Tell energy, throughput, cost and state of every case whose GPU was watched, or should have been."""
    return [
        _line(case, case.measurement, run.gpu_hour_price)
        for case in run.cases
        if case.measurement is not None
        and (case.measurement.state is not None or "validity" in case.measurement.reasons)
    ]


def _line(case: CaseRecord, measurement: Measurement, price: float | None) -> str:
    model, prompt, setting, status = names(case)
    mark = "" if status == "passed" else f" ({status.upper()})"
    cost = cost_per_video(case, price)
    parts = [
        _energy_text(case),
        f"{show(videos_per_gpu_hour(case))} videos a GPU-hour",
        "" if cost is None else f"{cost:.3g} a video at {price:g} a GPU-hour",
        *(_state_texts(measurement.state) if measurement.state else []),
        "SHARED GPU" if "shared_gpu" in measurement.reasons else "",
        f"VALIDITY {measurement.reasons['validity']}" if "validity" in measurement.reasons else "",
    ]
    return f"{case.plan.scenario}, {model} {setting} {prompt}{mark}: {', '.join(part for part in parts if part)}"


def _energy_text(case: CaseRecord) -> str:
    energy = _energy(case)
    if energy is None:
        return "energy not counted"
    weights = "" if case.plan.model.weights_source == "hub" else f", {case.plan.model.weights_source} weights"
    verdict = {"agrees": "", "not cross-checked": ", not cross-checked"}.get(energy.cross_check, _disagreement(energy))
    return f"{show(joules_per_video(case))} J a video ({show(joules_per_frame(case))} a frame{verdict}{weights})"


def _disagreement(energy: Energy) -> str:
    return f", DOUBTFUL: integrated power says {show((energy.integrated_j or 0.0) / energy.videos)} J a video"


def _state_texts(state: DeviceState) -> list[str]:
    clock, least = state.sm_clock_median_mhz, state.sm_clock_min_mhz
    before_c, after_c = state.temperature_before_c, state.temperature_after_c
    shares = (state.event_shares or {}).items()
    return [
        "" if state.mean_power_w is None else f"{state.mean_power_w:.0f} W",
        "" if clock is None else f"SM clock {clock:.0f} MHz (least {least})",
        "" if before_c is None or after_c is None else f"{before_c} to {after_c} °C",
        *(f"{name.replace('_', ' ')} {share:.0%} of the time" for name, share in shares if name != "gpu_idle"),
    ]


def _energy(case: CaseRecord) -> Energy | None:
    state = case.measurement.state if case.measurement else None
    return None if state is None else state.energy
