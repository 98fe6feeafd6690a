"""A scenario whose answers are known, through the whole harness on a CPU; on a GPU see tests/test_gpu_truth.py."""

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.discover import discover
from models.spec import Recipe, Request
from reports.ceiling import parts_of
from reports.measured import Measurement
from reports.merge import read_run
from reports.record import Run
from tests.inner_session import collect
from tests.recording_probe import RecordingProbe
from tests.running import ROOT, run_bench

EXAMPLES = ROOT / "tests" / "examples"
SLEEP_S, TOLERANCE = 1.0, 0.005


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the toy scenario once, in a process of its own."""
    folder: Path = tmp_path_factory.mktemp("known")
    words = ("--suite", EXAMPLES / "known_suite.toml", "--model", "known-tiny")
    done = run_bench(folder, *words, f"--models-dir={EXAMPLES / 'known_models'}")
    assert done.returncode == 0, done.stdout + done.stderr
    return read_run(folder / "run")


def measurement_of(run: Run) -> Measurement:
    (case,) = run.cases
    assert case.measurement is not None
    return case.measurement


def test_sleep_of_known_length_is_its_phase_and_nothing_elses(run: Run) -> None:
    """One second to 0.5 %: as the phase, and as what is left of the whole beside the other phases.

    The least of three rounds, since nothing keeps a busy machine from waking a sleeper late; early it never does.
    """
    rounds = measurement_of(run).rounds
    phases_s = [times.phases_s["sleep"] for times in rounds]
    others_s = [sum(s for name, s in times.phases_s.items() if name != "sleep") for times in rounds]
    left_s = [times.prompt_to_host_s - other_s for times, other_s in zip(rounds, others_s, strict=True)]
    assert all(sleep_s >= SLEEP_S for sleep_s in phases_s)
    for found_s in (phases_s, left_s):
        assert min(found_s) == pytest.approx(SLEEP_S, rel=TOLERANCE)


def test_known_flop_stand_in_the_plan_by_phase(run: Run) -> None:
    """Two products of 64 x 64 matrices to warm up, three in `denoise`; a sleep and an allocation are no work."""
    (case,) = run.cases
    assert case.plan.work is not None
    assert {name: work.flop for name, work in case.plan.work.items()} == {
        "warm": {"matmul": 2 * 2.0 * 64**3},
        "denoise": {"matmul": 3 * 2.0 * 64**3},
    }
    assert case.plan.work["denoise"].least_bytes == 3 * 3 * 64**2 * 2
    assert parts_of(case, run) == "work and ceilings are for CUDA devices"


def test_cases_for_a_gpu_are_planned_with_their_flop() -> None:
    """Collected without a GPU: 1300 products of 8192 x 8192 matrices before 200 or 10,000 in `denoise`."""
    words = ("--suite", EXAMPLES / "known_suite.toml", "--model", "known", "--weights=random")
    ended = collect(*words, f"--models-dir={EXAMPLES / 'known_models'}")
    assert ended.code == 0, ended.output
    planned = {case.setting: {name: work.flop for name, work in (case.work or {}).items()} for case in ended.cases}
    assert planned == {
        setting: {"warm": {"matmul": 1300 * 2.0 * 8192**3}, "denoise": {"matmul": products * 2.0 * 8192**3}}
        for setting, products in {"phases": 200, "load": 10_000}.items()
    }


def test_torch_counts_the_flop_that_the_plan_holds(run: Run) -> None:
    """What the pipeline does is what the plan says it does."""
    (case,) = run.cases
    fields = {name: getattr(case.plan.recipe, name) for name in Recipe.__struct_fields__}
    request = Request(**{name: getattr(case.plan.request, name) for name in Request.__struct_fields__})
    pipeline = discover(EXAMPLES / "known_models")["known-tiny"].load(Recipe(**fields))
    noise = pipeline.draw_noise(request)
    with FlopCounterMode(display=False) as counter:
        (frames_BTCHW,) = pipeline.generate(request, noise, RecordingProbe())
    assert case.plan.work is not None
    assert counter.get_total_flops() == sum(work.flop["matmul"] for work in case.plan.work.values())
    assert (frames_BTCHW.shape, frames_BTCHW.dtype) == ((1, 5, 3, 16, 16), torch.uint8)


def test_what_a_cpu_cannot_tell_is_missing_with_a_reason(run: Run) -> None:
    """No peak, no state, no energy: None, never 0."""
    measured = measurement_of(run)
    assert measured.memory.peak_allocated_bytes is None
    assert measured.memory.phases_peak_allocated_bytes == {}
    assert measured.state is None
    assert "CPU" in measured.reasons["state"]
