"""Memory of a CUDA device: peaks by phase, limits, what follows when it runs out, and budgets."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fixtures.device.gpu import device_used_bytes
from fixtures.machine import device_uuid
from fixtures.memory.memory_limit import set_memory_limit
from fixtures.memory.memory_snapshot import write_memory_snapshot
from fixtures.memory.vram import CudaPeaks, peaks_for, requested_bytes
from fixtures.pipelines import release_memory
from fixtures.status import status_of
from reports.merge import read_run
from tests.on_gpu import GIB, MIB, ON_GPU
from tests.running import ROOT, cases_of, run_bench, write_suite

pytestmark = ON_GPU


@pytest.fixture(autouse=True)
def _released() -> None:
    """Give back what the tests before have cached: inner sessions would take it for somebody else's work."""
    release_memory()


def test_peaks_a_phase_hold_what_was_allocated_in_it() -> None:
    """Each phase's peak is exactly the bytes that lived in it, also where more lived between; the whole's is higher."""
    peaks = peaks_for("cuda")
    assert isinstance(peaks, CudaPeaks)
    before = torch.cuda.memory_allocated()
    held = []
    for phase, size, between in (("big", 512 * MIB, 0), ("small", 64 * MIB, 128 * MIB)):
        if between:
            torch.empty(between, dtype=torch.uint8, device="cuda")  # gone before the phase begins
        peaks.phase_began()
        held.append(torch.empty(size, dtype=torch.uint8, device="cuda"))
        peaks.phase_ended(phase)
        held.clear()
    memory = peaks.memory(None)
    found = {name: size - before for name, size in memory.phases_peak_allocated_bytes.items()}
    assert {name: found[name] for name in ("big", "small")} == {"big": 512 * MIB, "small": 64 * MIB}
    assert memory.peak_allocated_bytes == memory.phases_peak_allocated_bytes["big"]


def test_memory_limit_makes_a_real_out_of_memory_and_is_lifted() -> None:
    """A limit of 1 GiB above what is reserved lets 512 MiB through and not 2 GiB, which pass without it."""
    torch.cuda.empty_cache()
    set_memory_limit(torch.cuda.memory_reserved() / GIB + 1)
    try:
        assert torch.empty(512 * MIB, dtype=torch.uint8, device="cuda").is_cuda
        with pytest.raises(torch.OutOfMemoryError) as caught:
            torch.empty(2 * GIB, dtype=torch.uint8, device="cuda")
    finally:
        set_memory_limit(None)
    assert requested_bytes(str(caught.value)) == 2 * GIB
    assert torch.empty(2 * GIB, dtype=torch.uint8, device="cuda").is_cuda


def test_snapshot_with_history_is_written(tmp_path: Path) -> None:
    """Torch's own functions take the arguments that they are given, and the file names the code that allocated."""

    def allocate_for_the_snapshot() -> None:
        torch.empty(64 * MIB, dtype=torch.uint8, device="cuda")

    write_memory_snapshot(tmp_path / "memory" / "x.pickle", allocate_for_the_snapshot)
    assert b"allocate_for_the_snapshot" in (tmp_path / "memory" / "x.pickle").read_bytes()
    write_memory_snapshot(tmp_path / "now.pickle")
    assert (tmp_path / "now.pickle").stat().st_size > 0


def hungry_session(folder: Path, prompts: dict[str, str], more: str = "") -> subprocess.CompletedProcess[str]:
    """Run the model that takes memory on purpose, in a process of its own on this device."""
    suite = write_suite(folder, prompts, model="hungry", more=more)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    models = f"--models-dir={ROOT / 'tests' / 'examples' / 'hungry_models'}"
    return run_bench(folder, "--suite", suite, "--weights=random", models, CUDA_VISIBLE_DEVICES=visible)


def test_out_of_memory_under_a_limit_is_followed_by_a_case_that_passes(tmp_path: Path) -> None:
    """14 GiB hold 10 of weights and 3 in `denoise`, exactly that phase's, but not 9; the next case is unharmed."""
    prompts = {"fine": "fine", "take": "take 3 in denoise", "oom": "take 9 in decode", "last": "take 2 in decode"}
    done = hungry_session(tmp_path, prompts, more="memory_limit_gib = 14")
    cases = {name.removeprefix("native-"): case for name, case in cases_of(tmp_path).items()}
    assert {name: case["status"] for name, case in cases.items()} == {
        "fine": "passed",
        "take": "passed",
        "oom": "oom",
        "last": "passed",
    }, done.stdout
    memory = cases["take"]["measurement"]["memory"]
    phases = memory["phases_peak_allocated_bytes"]
    assert phases["denoise"] - phases["text_encode"] == 3 * GIB
    parts = {phase["phase"]: phase for phase in memory["parts"]["rounds"]["phases"]}
    assert parts["denoise"]["components_bytes"] == {"transformer": 10 * GIB}
    assert 0 <= parts["denoise"]["activations_bytes"] - 3 * GIB < MIB
    assert memory["peak_reserved_bytes"] <= 14 * GIB
    assert "memory ran out in phase 'decode' of a timed round: 9.00 GiB requested, 10." in cases["oom"]["reason"]
    assert cases["oom"]["measurement"]["memory"]["out_of_memory"]["requested_bytes"] == 9 * GIB
    assert (tmp_path / "run" / cases["oom"]["measurement"]["memory"]["snapshot"]).is_file()
    assert cases["last"]["measurement"]["load_s"] is None


def test_run_stops_where_memory_is_held_for_good(tmp_path: Path) -> None:
    """50 GiB that nobody gives back: NVML sees them, one sentence says so, and the rest is left to run."""
    done = hungry_session(tmp_path, {"fine": "fine", "leak": "keep 200 in denoise", "last": "fine too"})
    assert done.returncode == 1
    assert "GiB are in use on the device after the recipe was unloaded" in done.stdout
    assert [case["status"] for case in cases_of(tmp_path).values()] == ["passed", "oom", "not_run"]


def test_failed_kernel_ends_the_process_with_70_and_everything_written(tmp_path: Path) -> None:
    """A real device-side assertion: the case has crashed, its row and the views are there."""
    done = hungry_session(tmp_path, {"fine": "fine", "sticky": "lose 0 in denoise", "last": "fine too"})
    assert done.returncode == 70, done.stdout
    assert [case["status"] for case in cases_of(tmp_path).values()] == ["passed", "crashed", "not_run"]
    assert "device-side assert" in cases_of(tmp_path)["native-sticky"]["reason"]
    assert (tmp_path / "run" / "report.html").is_file()
    assert "the CUDA device is lost to this process; go on in a new process with --resume" in done.stdout


def test_nvml_sees_what_torch_reserves() -> None:
    """Memory that torch takes shows in the device's used bytes."""
    torch.cuda.empty_cache()
    before = device_used_bytes(device_uuid())
    held = torch.empty(1024 * MIB, dtype=torch.uint8, device="cuda")
    after = device_used_bytes(device_uuid())
    assert before is not None
    assert after is not None
    assert after - before >= 1000 * MIB
    assert held.is_cuda


def test_out_of_memory_is_told_by_its_status() -> None:
    """Asking for more than the card has is status `oom`."""
    with pytest.raises(torch.OutOfMemoryError) as caught:
        torch.empty(2**45, dtype=torch.uint8, device="cuda")
    assert status_of(caught.value)[0] == "oom"


def test_memory_budget_is_judged_on_what_the_device_held(tmp_path: Path) -> None:
    """CausVid 1.3B at 33 frames needs more than 1 GiB and less than the card has: one budget over, one within."""
    tables = [
        f'[[budgets]]\nscenario = "speed"\nmodels = ["causvid-1.3b"]\nsettings = ["480p33"]\n{limit}\n'
        for limit in ("peak_allocated_gib = 1", "peak_reserved_gb = 1000", 'phase = "decode"\npeak_allocated_gb = 1000')
    ]
    smoke = (ROOT / "benchmarks" / "suites" / "smoke.toml").read_text(encoding="utf-8")
    (tmp_path / "own.toml").write_text("\n".join([smoke, *tables]), encoding="utf-8")
    words = ["benchmarks", "--suite", tmp_path / "own.toml", "--model", "causvid-1.3b", "-k", "bench_speed"]
    # This process may hold memory of the device from an earlier test, and is no descendant of the run.
    words += ["--no-energy", "--allow-shared-gpu", "--run-dir", tmp_path / "run"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    (case,) = read_run(tmp_path / "run").cases
    assert case.measurement is not None
    assert case.status == "failed", case.reason
    said = r"peak VRAM \S+ GiB is over its budget of 1\.00 GiB by \S+ GiB; highest in phase '\w+'"
    assert re.search(said, case.reason), case.reason
    assert [one.verdict for one in case.measurement.budgets] == ["over", "within", "within"]
    assert len(case.measurement.rounds) == 3
    assert case.measurement.memory.snapshot is not None, case.measurement.reasons
    assert (tmp_path / "run" / case.measurement.memory.snapshot).stat().st_size > 0
