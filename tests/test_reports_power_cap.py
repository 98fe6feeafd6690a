"""A case's software power cap beside its own history, and beside nobody else's."""

import msgspec
import pytest

from reports.power_cap import cap_share, power_cap_lines
from reports.record import CaseRecord, Run, Status
from reports.summary import render_summary, render_together
from tests.reports_samples import case_of, planned, replaced, run_of, state_of


def capped(share: float | None, gpu: str = "NVIDIA H200", status: Status = "passed", **recipe: object) -> CaseRecord:
    """Give a case that was under the cap for this share of its samples; None tells no event reasons."""
    case = replaced(case_of(planned(), 4.0, 4.0, 4.0, status=status), **recipe)
    assert case.measurement is not None
    shares = None if share is None else {"sw_power_cap": share} if share else {"gpu_idle": 0.5}
    (device,) = case.measurement.devices
    measurement = msgspec.structs.replace(
        case.measurement, state=state_of(shares), devices=[msgspec.structs.replace(device, name=gpu)]
    )
    return msgspec.structs.replace(case, measurement=measurement)


def run(number: int, *cases: CaseRecord) -> Run:
    """Give the run of the day `number`."""
    made = run_of(*cases)
    return msgspec.structs.replace(made, run_id=f"run-{number}", created_at=f"2026-11-{number:02d}T12:00:00+00:00")


@pytest.mark.parametrize(
    ("last", "told"),
    [(0.13, "13.0% of the time, more than"), (0.12, "12.0% of the time, within"), (0.0, "0.0% of the time, less than")],
)
def test_last_run_stands_beside_the_earlier_ones(last: float, told: str) -> None:
    """Runs are ordered by their dates, however they are given; equal to the most is within."""
    runs = [run(9, capped(last)), run(1, capped(0.12)), run(2, capped(0.03))]
    (line,) = power_cap_lines(runs)
    subject = "software power cap, speed, causvid-1.3b 480p81 dogs s0 on NVIDIA H200: "
    assert line == f"{subject}{told} the 3.0% to 12.0% of 2 earlier runs; recorded, no verdict"
    assert "the 12.0% of 1 earlier run;" in power_cap_lines(runs[:2])[0]


@pytest.mark.parametrize(
    "other",
    [
        capped(0.5, gpu="NVIDIA H100"),
        capped(0.5, attention="native_flash"),
        capped(0.5, steps=4),
        capped(0.5, status="invalid_env"),
        capped(None),
        case_of(planned(), 4.0),
        case_of(planned()),
    ],
)
def test_another_case_is_no_history(other: CaseRecord) -> None:
    """Another GPU, recipe or request, an invalid environment, and what nobody watched."""
    assert power_cap_lines([run(1, other), run(2, capped(0.1))]) == []
    assert power_cap_lines([run(1, capped(0.1)), run(2, other)]) == []


def test_one_run_is_no_history() -> None:
    """Nor is the same one given twice; a watched case without the cap was under it for none of the time."""
    assert power_cap_lines([run(1, capped(0.1))] * 2) == []
    assert cap_share(capped(0.0)) == 0.0


def test_summary_of_several_runs_tells_it_and_changes_no_status() -> None:
    """It follows what the runs say together; the run's own summary is as before."""
    runs = [run(1, capped(0.1)), run(2, capped(0.9))]
    text = " ".join(render_together(runs, 200).split())
    assert text.startswith("2 runs together software power cap, speed, causvid-1.3b")
    assert "90.0% of the time, more than the 10.0% of 1 earlier run; recorded, no verdict" in text
    assert render_together(runs[:1]) == ""
    assert "1 case: 1 passed" in render_summary(runs[1])
