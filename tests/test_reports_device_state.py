"""Energy, throughput and cost in the views, against values worked out by hand."""

import msgspec
import pytest

from reports.benchmark_json import benchmark_entries
from reports.device_record import DeviceState
from reports.device_state import cost_per_video, joules_per_frame, joules_per_video, state_lines, videos_per_gpu_hour
from reports.html import render_html
from reports.record import CaseRecord
from reports.summary import render_summary
from tests.reports_samples import case_of, energy_of, planned, run_of, state_of


def watched(state: DeviceState, *totals_s: float, **reasons: str) -> CaseRecord:
    """Give a case that was measured on a GPU in this state."""
    case = case_of(planned(), *(totals_s or (4.0, 4.5, 5.0)))
    assert case.measurement is not None
    measurement = msgspec.structs.replace(case.measurement, state=state, reasons=reasons)
    return msgspec.structs.replace(case, measurement=measurement)


def test_joules_are_the_counters_by_clip_and_frame() -> None:
    """10,530 J for four clips of 81 frames."""
    case = watched(state_of(energy=energy_of()))
    assert joules_per_video(case) == 2632.5
    assert joules_per_frame(case) == 32.5
    assert joules_per_video(watched(state_of())) is None
    assert joules_per_frame(case_of(planned())) is None


def test_throughput_and_cost_follow_from_the_median() -> None:
    """4.5 s a clip are 800 clips an hour; at 2.40 an hour one costs 0.003. Two GPUs share a clip's price twice."""
    case = watched(state_of())
    assert videos_per_gpu_hour(case) == pytest.approx(800.0)
    assert cost_per_video(case, 2.4) == pytest.approx(0.003)
    assert cost_per_video(case, None) is None
    assert videos_per_gpu_hour(case_of(planned())) is None
    assert case.measurement is not None
    twice = msgspec.structs.replace(case.measurement, devices=case.measurement.devices * 2)
    assert videos_per_gpu_hour(msgspec.structs.replace(case, measurement=twice)) == pytest.approx(400.0)


def test_throughput_without_a_gpu_is_none() -> None:
    """A CPU has no GPU-hours, and so no price of them."""
    case = watched(state_of())
    assert case.measurement is not None
    devices = [msgspec.structs.replace(device, kind="cpu") for device in case.measurement.devices]
    alone = msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, devices=devices))
    assert videos_per_gpu_hour(alone) is None
    assert cost_per_video(alone, 2.4) is None


def test_throughput_of_cold_starts_is_that_of_whole_processes() -> None:
    """40 s from python to an mp4 are 90 clips an hour, whatever the call inside took."""
    case = watched(state_of())
    assert case.measurement is not None
    cold = msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, cold_start_s=40.0))
    assert videos_per_gpu_hour(cold) == pytest.approx(90.0)


def test_line_tells_energy_cost_and_state() -> None:
    """Whoever reads it sees whose weights they were and what held the clock back."""
    state = state_of(event_shares={"gpu_idle": 0.1, "sw_power_cap": 0.12}, energy=energy_of())
    run = msgspec.structs.replace(run_of(watched(state)), gpu_hour_price=2.4)
    assert state_lines(run)[0] == (
        "speed, causvid-1.3b 480p81 dogs s0: 2,632.5 J a video (32.50 a frame, random weights), 800.0 videos a "
        "GPU-hour, 0.003 a video at 2.4 a GPU-hour, 612 W, SM clock 1980 MHz (least 1755), 45 to 61 °C, sw power cap "
        "12% of the time"
    )


def test_doubts_are_part_of_the_line() -> None:
    """An energy that disagrees, one that nobody checked, a shared GPU, and none at all."""
    lines = [
        state_lines(run_of(case))[0]
        for case in (
            watched(state_of(energy=energy_of("disagrees"))),
            watched(state_of(energy=energy_of("not cross-checked"))),
            watched(state_of(), shared_gpu="SHARED GPU, allowed"),
            msgspec.structs.replace(watched(state_of()), status="invalid_env"),
        )
    ]
    assert "a frame, DOUBTFUL: integrated power says 2,620.0 J a video, random weights)" in lines[0]
    assert "a frame, not cross-checked, random weights)" in lines[1]
    assert lines[2].endswith("SHARED GPU")
    assert "s0 (INVALID_ENV): energy not counted, 800.0 videos" in lines[3]


def test_validity_that_nobody_judged_is_told_without_a_state_too() -> None:
    """Else a dead side process would look like a clean run."""
    told = {"validity": "not judged: slowdowns: the driver tells no clocks event reasons"}
    (line,) = state_lines(run_of(watched(state_of(), **told)))
    assert line.endswith("VALIDITY not judged: slowdowns: the driver tells no clocks event reasons")
    case = watched(state_of(), **told)
    assert case.measurement is not None
    blind = msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, state=None))
    assert "VALIDITY not judged" in " ".join(render_summary(run_of(blind), 400).split())
    assert "VALIDITY not judged" in render_html(run_of(blind))


def test_views_hold_the_line() -> None:
    """Summary, page and pytest-benchmark's JSON; a run without states has none of it."""
    run = run_of(watched(state_of(energy=energy_of())))
    assert "2,632.5 J a video" in render_summary(run, 200)
    page = render_html(run)
    assert "Energy, clocks and cost" in page
    assert "sm_clock_median_mhz: 1980" in page
    assert benchmark_entries(run)[0]["extra_info"]["joules_per_video"] == 2632.5
    plain = run_of(case_of(planned(), 4.0, 4.0, 4.0))
    assert state_lines(plain) == []
    assert "Energy, clocks and cost" not in render_html(plain)
    assert benchmark_entries(plain)[0]["extra_info"]["joules_per_video"] is None
