"""A gate's process: its rows are told as they come, and it ends with all that it started, whatever ends the gate."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from fixtures.gate.process import Ended, run_process

NO_ROW = "INVALID_ENV bench_speed.py::bench_generate[a]: not a valid environment: it was hot"
ROW = "PASSED   causvid dogs s0 480p81: prompt to host frames 4.000 s (sampling 2.000 s)"


def run(tmp_path: Path, code: str, tell: list[str] | None = None) -> Ended:
    told = [] if tell is None else tell
    return run_process([sys.executable, "-c", code], tmp_path, os.environ, tmp_path / "log", told.append)


def test_rows_are_told_and_all_else_is_kept(tmp_path: Path) -> None:
    """Rows of cases and lines of progress, the last without its newline; a summary's line is neither."""
    told: list[str] = []
    progress = "bench_speed.py::bench_generate[a] · denoise · 30 s"
    ended = run(
        tmp_path,
        f"print({ROW!r}); print({NO_ROW!r}); print('benchmarks/bench_speed.py ' + {progress!r}, end='')",
        told,
    )
    assert told == [ROW, progress]
    assert ended.code == 0
    assert ended.last.splitlines() == [ROW, NO_ROW, f"benchmarks/bench_speed.py {progress}"]


def test_code_and_signal_are_told(tmp_path: Path) -> None:
    """A killed process is not taken for one that ended."""
    assert run(tmp_path, "raise SystemExit(4)").code == 4
    assert run(tmp_path, "import os; os.kill(os.getpid(), 9)").code == -signal.SIGKILL


def test_what_it_started_does_not_outlive_it(tmp_path: Path) -> None:
    """A grandchild that holds its output open does not hold the gate up."""
    code = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)"
    began_s = time.monotonic()
    ended = run(tmp_path, code)
    assert time.monotonic() - began_s < 30
    stat = Path("/proc") / ended.last / "stat"
    while time.monotonic() - began_s < 30 and stat.exists() and " Z " not in stat.read_text(encoding="utf-8"):
        time.sleep(0.05)
    assert time.monotonic() - began_s < 30


def test_interrupted_gate_lets_its_process_write_down_what_it_has(tmp_path: Path) -> None:
    """It hears SIGTERM, and is waited for."""
    code = (
        "import signal, sys, time, pathlib\n"
        "def end(*_): pathlib.Path('written').touch(); sys.exit()\n"
        f"signal.signal(signal.SIGTERM, end); print({ROW!r}, flush=True); time.sleep(60)"
    )

    def interrupt(_line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_process([sys.executable, "-c", code], tmp_path, os.environ, tmp_path / "log", interrupt)
    assert (tmp_path / "written").exists()
