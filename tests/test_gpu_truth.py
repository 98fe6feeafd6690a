"""A scenario whose answers are known beforehand comes back right from a CUDA device, through the whole harness.

Ceilings are taken first and kept in a folder of the test's own, where the run is told to look for them: they are of a
GPU that was heated on purpose, and not for later runs. Then the suite of the known model runs in a process of its own,
and everything is read from the run.json that it leaves. About three minutes on an H100.
"""

import os
from pathlib import Path

import pytest
import torch

from fixtures.ceilings.ceiling_cache import keep_ceilings
from fixtures.ceilings.ceiling_probes import COPIED_BYTES, CeilingProbe, calls_of, kernel_of
from fixtures.ceilings.ceilings import take_ceiling, time_calls
from fixtures.clock import CudaTimeline
from fixtures.device.gpu import gpu_state
from fixtures.machine import device_uuid, environment
from fixtures.run import utc_now
from reports.ceiling import Part, parts_of, rate_per_s
from reports.datasheet import peak_flop_per_s
from reports.device_record import Energy
from reports.environment import Ceilings
from reports.measured import Measurement
from reports.merge import read_run
from reports.record import Run
from reports.timing import clock_disagreement
from tests.fake_benchmark import Benchmark
from tests.on_gpu import MIB, ON_GPU
from tests.running import ROOT, run_bench

EXAMPLES = ROOT / "tests" / "examples"
ALLOCATED_BYTES, MATRIX_BYTES = 512 * MIB, 2 * 8192**2
SLEEP_S, WARM_PRODUCTS = 2.0, 1300
PRODUCT = CeilingProbe(operation="matmul", sizes=(8192,) * 3)

pytestmark = ON_GPU


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of run and ceilings."""
    return tmp_path_factory.mktemp("known")


@pytest.fixture(scope="module")
def ceilings(folder: Path) -> Ceilings:
    """Take the ceilings of the product, after two seconds of it as in the model's phase `warm`, and of a copy."""
    timeline, here = CudaTimeline(), environment(gpu_state(), torch_module=torch)
    with kernel_of(PRODUCT):
        time_calls(calls_of(PRODUCT, "cuda"), WARM_PRODUCTS, timeline)
    found = [
        take_ceiling(probe, "cuda", timeline, Benchmark())
        for probe in (PRODUCT, CeilingProbe(operation="copy", sizes=(COPIED_BYTES,)))
    ]
    measured = Ceilings(
        gpu=torch.cuda.get_device_name(),
        uuid=device_uuid(),
        driver=here.driver,
        torch=here.packages["torch"],
        cuda=here.cuda,
        cudnn=here.cudnn,
        measured_at=utc_now(),
        ceilings=found,
    )
    keep_ceilings(measured, folder / "ceilings")
    torch.cuda.empty_cache()
    return measured


@pytest.fixture(scope="module")
def run(ceilings: Ceilings, folder: Path) -> Run:
    """Run the scenario once; this process, which holds a context already, is allowed beside it."""
    words = ("--suite", EXAMPLES / "known_suite.toml", "--model", "known", "--weights=random", "--allow-shared-gpu")
    variables = {
        "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0"),
        "CEILINGS_DIR": str(folder / "ceilings"),
    }
    done = run_bench(folder, *words, f"--models-dir={EXAMPLES / 'known_models'}", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return read_run(folder / "run")


def measurement_of(run: Run, setting: str) -> Measurement:
    (case,) = [case for case in run.cases if case.plan.setting == setting]
    assert case.measurement is not None
    return case.measurement


def denoise_of(run: Run, setting: str) -> Part:
    (case,) = [case for case in run.cases if case.plan.setting == setting]
    parts = parts_of(case, run)
    assert not isinstance(parts, str), parts
    return next(part for part in parts if part.name == "denoise")


def test_allocation_of_known_bytes_in_a_known_phase_is_exact(run: Run) -> None:
    """512 MiB are in `allocate` and in no other phase, to the byte; the five matrices are the pipeline's own."""
    memory = measurement_of(run, "phases").memory
    peaks = memory.phases_peak_allocated_bytes
    assert peaks["allocate"] - peaks["sleep"] == ALLOCATED_BYTES
    assert peaks["sleep"] == peaks["warm"] == peaks["denoise"]
    assert memory.peak_allocated_bytes == peaks["allocate"]
    phases = {phase.phase: phase for phase in memory.parts["rounds"].phases}
    assert phases["allocate"].components_bytes == {"matrices": 5 * MATRIX_BYTES}
    assert phases["sleep"].activations_bytes == peaks["sleep"] - 5 * MATRIX_BYTES
    assert phases["sleep"].activations_bytes < 128 * MIB  # the frames, and cuBLAS's workspace


def test_sleep_of_known_length_is_right_to_half_a_percent(run: Run) -> None:
    """Two seconds on the device's clock, as a phase; and on the wall clock, as what is left beside the other phases."""
    rounds = measurement_of(run, "phases").rounds
    for times in rounds:
        others_s = sum(seconds for name, seconds in times.phases_s.items() if name != "sleep")
        assert times.phases_s["sleep"] == pytest.approx(SLEEP_S, rel=0.005)
        assert times.prompt_to_host_s - others_s == pytest.approx(SLEEP_S, rel=0.005)
    assert clock_disagreement(rounds) is None


@pytest.mark.parametrize("phase", ["warm", "denoise"])
def test_known_flop_are_in_the_record(run: Run, phase: str) -> None:
    """A product of 8192 x 8192 matrices is 1.0995 TFLOP."""
    work = {case.plan.setting: case.plan.work for case in run.cases}["phases"]
    assert work is not None
    assert work[phase].flop == {"matmul": {"warm": WARM_PRODUCTS, "denoise": 200}[phase] * 2.0 * 8192**3}


def test_products_reach_their_ceiling_and_stay_below_the_data_sheet(run: Run, ceilings: Ceilings) -> None:
    """0.95 to 1.02 of the ceiling of the same product, which the run has found where it was kept."""
    assert run.ceilings is not None, run.ceilings_reason
    ceiling = ceilings.ceilings[0]
    assert ceiling in run.ceilings.ceilings
    part = denoise_of(run, "phases")
    assert part.flop_per_s is not None
    told = f"{part}, ceiling {rate_per_s(ceiling):.4g} FLOP/s"
    assert 0.95 <= part.flop_per_s / rate_per_s(ceiling) <= 1.02, told
    assert part.floor_s is not None, told
    if peak_flop_per_s(ceilings.gpu) is not None:
        assert part.mfu is not None, told
        assert 0.3 < part.mfu < 1, told


def test_energy_of_a_load_is_its_integrated_power(run: Run) -> None:
    """Over three rounds, together more than 30 s, counter and power are within 5 %, and so is mean power times time."""
    measured = measurement_of(run, "load")
    assert measured.state is not None, measured.reasons
    energy = measured.state.energy
    assert isinstance(energy, Energy), measured.reasons
    told = f"{energy}, {measured.state}, {measured.reasons}"
    assert energy.source == "rounds", f"raise `steps` of the setting `load` for this GPU: {told}"
    assert energy.windows_s == pytest.approx([times.prompt_to_host_s for times in measured.rounds])
    assert sum(energy.windows_s) > 30, told
    assert energy.cross_check == "agrees", told
    assert energy.integrated_j == pytest.approx(energy.counter_j, rel=0.05), told
    mean_power_w = energy.counter_j / sum(energy.windows_s)
    assert measured.state.mean_power_w == pytest.approx(mean_power_w, rel=0.05), told
    assert 100 < mean_power_w < 1500, told
    assert (energy.videos, energy.frames) == (3, 15)
