"""The files that the gate reads stay files of pytest-benchmark: its own comparisons work on them as before."""

import subprocess
import sys
from pathlib import Path

import pytest

from reports.__main__ import main
from reports.gate.outcome_file import write_gate
from reports.merge import write_views
from tests.gate_samples import outcome_of
from tests.inner_session import bench
from tests.running import FAULT_MODELS, ROOT, write_suite


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty folder, without a GPU, and forget an earlier test's scenario of the same name."""
    monkeypatch.delitem(sys.modules, "bench_mine", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.chdir(tmp_path)


def test_benchmark_compare_reads_what_the_gate_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--benchmark-compare` on run.json of a gated run lays both runs side by side, and `reports compare` reads it."""
    suite = write_suite(tmp_path, {"fine": "fine"})
    shared = ("--models-dir", FAULT_MODELS, "--suite", suite, "--rounds", "3")
    first = bench(*shared, "--run-dir", tmp_path / "one")
    assert first.code == 0, first.output[-3000:]
    write_gate(tmp_path / "one", outcome_of("PASS"))
    assert write_views(tmp_path / "one").gate is not None
    run_json = tmp_path / "one" / "run.json"
    second = bench(*shared, "--run-dir", tmp_path / "two", "--benchmark-compare", run_json)
    assert second.code == 0, second.output
    name = "bench_generate[faulty-native-fine-s0]"
    rows = {line.partition(" (")[2][:3] for line in second.output.splitlines() if line.startswith(f"{name} (")}
    assert rows == {"NOW", f"//{str(tmp_path)[1]}"}  # sorted by their least time
    assert main(["compare", str(run_json), "--new", str(tmp_path / "two")]) == 2
    assert "1 of 5 baseline runs" in capsys.readouterr().out


def test_benchmark_compare_needs_nothing_that_only_tests_install() -> None:
    """It loads what pytest loads of this repository, also in an environment of the group `bench`."""
    alone = (
        "import sys; sys.modules['hypothesis'] = sys.modules['playwright'] = None; import tests.conftest, tests.browser"
    )
    ended = subprocess.run([sys.executable, "-c", alone], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
