"""Cold starts from the command to the record: whatever ends the fresh process, or this one, no other is left behind."""

import re
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import msgspec
import pytest

from fixtures.clock import Silent
from fixtures.cold.cold_start import NOT_HERE, Processes, with_cold_starts
from fixtures.device.gpu_watch import NO_GPU
from fixtures.estimate import case_expected_s, fresh_process_s, total_estimate_s
from fixtures.taken import Taken
from models.discover import discover
from reports.benchmark_json import benchmark_entries
from reports.cold_start import cold_start_lines
from reports.html import render_html
from reports.measured import ColdStart
from tests.inner_session import collect, run_here
from tests.reports_samples import case_of, measured, planned, replaced, run_of
from tests.running import ROOT, cases_of, command, coverage, environment, read_json, run_bench, write_suite
from tests.test_invalid_env import SCENARIO

FAULTS = {
    "oom": ("oom", "Tried to allocate 2.00 GiB"),
    "nan-frames": ("nan", "frames hold NaN or Inf"),
    "raise": ("error", "ValueError: broken latents"),
    "count": ("failed", r"shape is \(1, 2, 3, 16, 16\), asked was \(1, 5, 3, 16, 16\)"),
    "lost": ("crashed", "CUDA error: device-side assert triggered"),
    "crash": ("crashed", "killed by SIGKILL"),
}


def fresh_processes(folder: Path) -> list[int]:
    """List the fresh processes that belong to the run in `folder`."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words, variables = (place / "cmdline").read_bytes(), (place / "environ").read_bytes()
        except OSError:
            continue  # it has ended meanwhile, or is another's
        if b"fixtures.cold.fresh_process" in words and str(folder).encode() in variables:
            found.append(int(place.name))
    return found


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a process for each fault, and one before and after them that does well."""
    folder = tmp_path_factory.mktemp("cold")
    prompts = {"fine": "fine", **{what: f"fault {what} 1" for what in FAULTS}, "last": "fine again"}
    write_suite(folder, prompts, scenarios=["cold_start"])
    done = run_bench(folder, "--rounds", "1", **coverage())
    assert done.returncode == 1, done.stdout + done.stderr
    (folder / "printed.txt").write_text(done.stdout, encoding="utf-8")
    return folder


@pytest.mark.parametrize("what", FAULTS)
def test_fault_in_the_fresh_process_is_the_cases_status(faults: Path, what: str) -> None:
    """Each fault, a lost device and a kill too, is told as in any other scenario, with the last lines."""
    case, (status, reason) = cases_of(faults)[f"native-{what}"], FAULTS[what]
    assert case["status"] == status
    assert re.search(reason, case["reason"])
    assert case["reason"].startswith(("in the fresh process: ", "the fresh process was killed by "))
    measurement = case["measurement"]
    assert (measurement["rounds"], measurement["cold_starts"], measurement["cold_start_s"]) == ([], [], None)
    assert measurement["reasons"]["cold_start_s"]


@pytest.mark.parametrize("name", ["fine", "last"])
def test_cold_start_beside_the_faults_is_whole(faults: Path, name: str) -> None:
    """The parts sum up to the whole, importing is most of it, and the mp4 is there."""
    case = cases_of(faults)[f"native-{name}"]
    measurement = case["measurement"]
    (start,) = measurement["cold_starts"]
    assert case["status"] == "passed"
    assert measurement["cold_start_s"] == start["total_s"] == pytest.approx(sum(start["parts_s"].values()))
    assert list(start["parts_s"])[:3] == ["interpreter", "import", "load"]
    assert {"denoise", "decode", "to_host"} <= start["parts_s"].keys()
    assert list(start["parts_s"])[-2:] == ["file", "other"]
    assert start["parts_s"]["import"] > start["total_s"] / 2
    assert start["total_s"] > measurement["rounds"][0]["prompt_to_host_s"] > 0
    assert (faults / "run" / measurement["video"]).stat().st_size > 0
    missing = {field for told in (measurement, start) for field, value in told.items() if value is None}
    assert "compile_cache" in missing
    assert missing <= set(measurement["reasons"])
    assert "built in place" in measurement["reasons"]["weights_cached_ratio"]


def test_record_and_terminal_tell_of_cold_starts(faults: Path) -> None:
    """run.json keeps its schema; each whole and its parts follow the table; a failure prints the child's lines."""
    jsonschema.validate(read_json(faults / "run" / "run.json"), read_json(ROOT / "reports" / "run.schema.json"))
    printed = (faults / "printed.txt").read_text(encoding="utf-8")
    assert 'raise ValueError("broken latents")' in printed  # the traceback in the fresh process
    assert "\nin the fresh process: ValueError: broken latents\n" in printed
    for ours in ("Order(", "run_fresh_process", "pedantic"):  # no frame of this process, nor what was asked for
        assert ours not in printed
    assert "cold start, faulty native, fine s0: first process" in printed
    assert "s (interpreter" in printed


def test_this_process_loads_nothing(faults: Path) -> None:
    """Only the fresh processes load: one each, and none is left when all has ended."""
    loads = (faults / "model.log").read_text(encoding="utf-8").count('"event": "load"')
    assert loads == len(FAULTS) + 2
    assert fresh_processes(faults) == []


def test_case_timeout_ends_the_fresh_process(tmp_path: Path) -> None:
    """The case is a timeout, and its process is gone."""
    write_suite(tmp_path, {"hang": "fault hang 1"}, scenarios=["cold_start"])
    run_bench(tmp_path, "--rounds", "1", "--case-timeout", "4")
    case = cases_of(tmp_path)["native-hang"]
    assert (case["status"], case["measurement"]["rounds"]) == ("timeout", [])
    assert fresh_processes(tmp_path) == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_interrupted_session_ends_the_fresh_process(tmp_path: Path, name: str) -> None:
    """Ctrl-C and SIGTERM while it runs: the case was not run, and its process is gone."""
    write_suite(tmp_path, {"hang": "fault hang 1"}, scenarios=["cold_start"])
    words = command(tmp_path, "--rounds", "1")
    with subprocess.Popen(words, cwd=ROOT, env=environment(tmp_path), stdout=subprocess.PIPE) as session:
        while not fresh_processes(tmp_path):
            assert session.poll() is None
            time.sleep(0.05)
        session.send_signal(getattr(signal, name))
        session.communicate()
    assert session.returncode == 2
    assert cases_of(tmp_path)["native-hang"]["status"] == "not_run"
    assert fresh_processes(tmp_path) == []


def processes_of(folder: Path, **recipe: object) -> Processes:
    """Make what starts a case's processes, before any of them."""
    case = replaced(case_of(planned()), weights="hub", **recipe).plan
    return Processes(Taken(case), discover()["causvid-1.3b"], SimpleNamespace(folder=folder), folder, None)  # type: ignore[arg-type]


def test_first_process_finds_the_weights_out_of_the_page_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are dropped before the first process alone; what is there is measured before each."""
    path = tmp_path / "weights"
    path.write_bytes(b"x" * 2**20)
    monkeypatch.setattr("fixtures.cold.page_cache.weights_paths", lambda *_: [path])
    processes, silent = processes_of(tmp_path), Silent()
    processes.prepare(silent)
    if processes.weights_cached_ratio == 1.0:
        pytest.skip("this file system keeps its pages (a tmpfs does)")
    assert processes.weights_cached_ratio == 0.0
    path.read_bytes()
    processes.cold_starts.append(cold(1.0))
    processes.prepare(silent)
    assert processes.weights_cached_ratio == 1.0
    assert "weights_cached_ratio" not in processes.taken.reasons
    path.unlink()
    processes.prepare(silent)
    assert processes.weights_cached_ratio is None
    assert "could not be handled: " in processes.taken.reasons["weights_cached_ratio"]


def test_cold_start_on_a_cpu_has_no_state_and_says_why(faults: Path) -> None:
    """Nobody watches a CPU, nor judges its state."""
    reasons = cases_of(faults)["native-fine"]["measurement"]["reasons"]
    assert reasons["state"] == NO_GPU
    assert "validity" not in reasons
    assert set(NOT_HERE) <= set(reasons)


HOT = (
    SCENARIO.replace("measure", "measure_cold_start")
    .replace("warmup=True", "warmup=False, fresh_process=True")
    .replace("0.00005", "0.02")  # a process takes seconds, not tenths of a millisecond
)


def test_fresh_processes_on_a_hot_gpu_are_measured_again_once(tmp_path: Path) -> None:
    """Their state is that of the whole processes; one that has cooled down passes, one that has not stays marked."""
    write_suite(tmp_path, {"hot1": "fine", "hot2": "fine, hot always"}, scenarios=["heat"])
    (tmp_path / "bench_heat.py").write_text(HOT, encoding="utf-8")
    done = run_here(tmp_path, tmp_path / "bench_heat.py", "--rounds", "1")
    cases = cases_of(tmp_path)
    attempts = {name: [a["status"] for a in case["attempts"]] for name, case in cases.items()}
    assert attempts == {"native-hot1": ["invalid_env", "passed"], "native-hot2": ["invalid_env"] * 2}, done.stdout
    assert "hw_thermal_slowdown" in cases["native-hot2"]["reason"]
    for case in cases.values():
        measurement = case["measurement"]
        (start,), state = measurement["cold_starts"], measurement["state"]
        assert state["period_s"] * state["samples"] == pytest.approx(start["total_s"], rel=0.02)
        assert "state" not in measurement["reasons"]


def test_compiling_processes_share_a_cache_of_their_own(tmp_path: Path) -> None:
    """Not the user's, which another run may have filled; without compiling nothing is set."""
    variables = processes_of(tmp_path, compile="all").variables()
    assert {Path(folder).parent for folder in variables.values()} == {tmp_path}
    assert "TORCHINDUCTOR_CACHE_DIR" in variables
    assert processes_of(tmp_path).variables() == {}


def cold(total_s: float, ratio: float | None = None, **parts_s: float) -> ColdStart:
    return ColdStart(total_s=total_s, parts_s=parts_s, weights_cached_ratio=ratio, compile_cache=None)


def test_first_process_stands_apart_from_the_median() -> None:
    """40 s with cold caches, then 20, 24 and 22: the number is 22; the first's own where it is alone."""
    measurement = msgspec.structs.replace(
        measured(3.0), reasons={"cold_start_s": "not yet", "other": "stays", "parts_peak_device_bytes": "of all"}
    )
    memories = [measured(1.0, peak_bytes=peak).memory for peak in (5, 7, 6, 4)]
    starts = [cold(40.0), cold(20.0), cold(24.0), cold(22.0)]
    told = [(memory, {"parts_peak_device_bytes": f"of {memory.peak_allocated_bytes}"}) for memory in memories]
    found = with_cold_starts(measurement, starts, told)
    assert (found.cold_start_s, found.memory.peak_allocated_bytes) == (22.0, 7)
    assert found.reasons == {"other": "stays", "parts_peak_device_bytes": "of 7"}
    assert with_cold_starts(measurement, starts[:1], told[:1]).cold_start_s == 40.0
    assert with_cold_starts(measurement, [], []) is measurement


def cold_case(*starts: ColdStart) -> Any:
    case = case_of(planned(rounds=len(starts)), *(1.0 for _ in starts))
    assert case.measurement is not None
    return msgspec.structs.replace(
        case, measurement=msgspec.structs.replace(case.measurement, cold_starts=list(starts))
    )


def test_lines_tell_first_and_later_processes_apart() -> None:
    """The first with the state of its caches, the others by their medians; the page has the same lines."""
    case = cold_case(cold(40.0, 0.0, load=30.0), cold(20.0, 1.0, load=10.0), cold(24.0, 1.0, load=12.0))
    name = "cold start, causvid-1.3b 480p81, dogs s0"
    assert cold_start_lines(run_of(case, case_of(planned("x"), 1.0))) == [
        f"{name}: first process, 0% of the weights in the page cache, 40.00 s (load 30.00)",
        f"{name}: later processes (median of 2), 100% of the weights in the page cache, 22.00 s (load 11.00)",
    ]
    assert "40.00 s (load 30.00)" in render_html(run_of(case))
    assert "Cold starts" not in render_html(run_of(case_of(planned(), 1.0)))


def test_benchmark_json_holds_whole_cold_starts() -> None:
    """What `pytest-benchmark compare` shows of a cold start is the process, not its one call."""
    (entry,) = benchmark_entries(run_of(cold_case(cold(40.0), cold(20.0), cold(24.0))))
    assert entry["stats"]["data"] == [40.0, 20.0, 24.0]


def test_estimate_counts_each_process_with_its_imports_and_loading() -> None:
    """Three processes are three starts, and what is loaded here is loaded besides."""
    fresh = replaced(case_of(planned()), fresh_process=True, warmup=False).plan
    assert case_expected_s(fresh) == 3 * fresh_process_s(fresh)
    assert fresh_process_s(fresh) > 16.0
    assert total_estimate_s([fresh]) >= 3 * fresh_process_s(fresh)
    assert total_estimate_s([fresh, planned()]) == pytest.approx(
        3 * fresh_process_s(fresh) + total_estimate_s([planned()])
    )


def test_fresh_processes_run_before_anything_is_loaded_here() -> None:
    """The cold start is the first of the tiny suite's cases, though its recipe is shared with others."""
    cases = collect("--suite", "tiny").cases
    assert [case.fresh_process for case in cases] == [True] + [False] * (len(cases) - 1)
    assert cases[0].id == "bench_cold_start.py::bench_first_clip[causvid-tiny-64p9-dogs-s0]"
    assert (cases[0].rounds, cases[0].warmup) == (1, False)


def test_paper_suites_start_the_claimed_configurations_cold() -> None:
    """CausVid's clip, and the 14B model's in float8 with the LoRA, which a claimed 43 s may well be about."""
    found = {}
    for suite in ("paper", "paper-14b"):
        cases = [case for case in collect("--suite", suite).cases if case.fresh_process]
        found[suite] = [(case.model.id, case.setting, case.rounds) for case in cases]
    assert found == {
        "paper": [("causvid-1.3b", "480p81", 3)],
        "paper-14b": [("wan2.1-t2v-14b-causvid-lora", "480p81-8step-float8", 3)],
    }
