"""The progress line: what it says, that it moves, and that the model's calls never wait for it."""

import io
import os
import pty
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest

from fixtures import progress as progress_module
from fixtures.progress import Progress
from tests.running import ROOT, command, coverage, environment, events, write_suite


class Refusing(io.StringIO):
    """A stream that fails the test when anything is written."""

    def write(self, text: str) -> int:
        raise AssertionError(f"written inside the timed region: {text!r}")


class Counting(io.StringIO):
    """A stream that tells when it has got a number of lines."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self.left, self.full = lines, threading.Event()

    def write(self, text: str) -> int:
        self.left -= text.count("\n")
        if self.left <= 0:
            self.full.set()
        return super().write(text)


def test_line_holds_case_phase_step_elapsed_and_estimate() -> None:
    """The five things that a person who waits wants to know."""
    times = iter([100.0, 112.0])
    line = Progress(stream=io.StringIO(), is_terminal=False, now_s=lambda: next(times))
    with line.showing("bench_speed.py::bench_generate[a]", expected_s=40.0):
        line.on_phase("denoise")
        line.on_step(3, 50)
        assert line.line() == "bench_speed.py::bench_generate[a] · denoise · step 3 of 50 · 12 s of about 40 s"


@pytest.mark.parametrize(("after_s", "shown"), [(40.0, "40 s of about 40 s"), (120.0, "2 min, estimated 40 s")])
def test_estimate_that_is_passed_is_told_as_one(after_s: float, shown: str) -> None:
    """Two minutes are not "of about 40 s"."""
    times = iter([100.0, 100.0 + after_s])
    line = Progress(stream=io.StringIO(), is_terminal=False, now_s=lambda: next(times))
    with line.showing("case", expected_s=40.0):
        line.on_phase("load")
        assert line.line() == f"case · load · {shown}"


def test_line_without_an_estimate_or_steps_says_less() -> None:
    """What nobody can tell is left out."""
    line = Progress(stream=io.StringIO(), is_terminal=False, now_s=lambda: 5.0)
    with line.showing("case", expected_s=None):
        line.on_phase("load")
        assert line.line() == "case · load · 0 s"


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (None, "bench_speed.py::bench_generate[a] · denoise · step 3 of 50 · 0 s"),
        (64, "bench_speed.py::bench_generate[a] · denoise · step 3 of 50 · 0 s"),
        (63, "…nch_speed.py::bench_generate[a] · denoise · step 3 of 50 · 0 s"),
        (40, "…erate[a] · denoise · step 3 of 50 · 0 s"),
        (10, "… · denois"),
    ],
)
def test_narrow_terminal_costs_the_cases_beginning(width: int | None, shown: str) -> None:
    """What moves stays visible; the line never wraps."""
    line = Progress(stream=io.StringIO(), is_terminal=False, now_s=lambda: 5.0)
    with line.showing("bench_speed.py::bench_generate[a]", None):
        line.on_phase("denoise")
        line.on_step(3, 50)
        assert line.line(width) == shown


def test_next_case_starts_from_nothing() -> None:
    """Phase and step of the case before are not shown for the next."""
    line = Progress(stream=io.StringIO(), is_terminal=False, now_s=lambda: 5.0)
    with line.showing("first", None):
        line.on_phase("denoise")
        line.on_step(1, 2)
    with line.showing("second", None):
        assert line.line() == "second · 0 s"


def test_models_calls_write_nothing() -> None:
    """They set attributes; a thread of its own draws."""
    line = Progress(stream=Refusing(), is_terminal=False)
    with line.showing("case", None):
        for step in range(1000):
            line.on_phase("denoise")
            line.on_step(step, 1000)


def test_plain_lines_come_at_intervals_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log gets whole lines without control characters, every 30 s; here the interval is made short."""
    assert progress_module.PLAIN_LINE_S == 30.0
    monkeypatch.setattr(progress_module, "PLAIN_LINE_S", 0.005)
    stream = Counting(lines=3)
    line = Progress(stream=stream, is_terminal=False)
    with line.showing("case", None):
        line.on_phase("decode")
        assert stream.full.wait(timeout=30)
    lines = stream.getvalue().splitlines()
    assert {re.sub(r"\d+ s", "N s", text) for text in lines} <= {"case · decode · N s", "case · N s"}
    assert lines[-1].startswith("case · decode")


def test_error_inside_ends_the_drawing() -> None:
    """A failed case leaves no thread behind that draws it for ever."""
    line = Progress(stream=io.StringIO(), is_terminal=False)
    with pytest.raises(ValueError, match="x"), line.showing("case", None):
        raise ValueError("x")
    assert [thread.name for thread in threading.enumerate() if thread.name == "progress"] == []


def test_terminal_shows_the_running_case_and_rows_at_once(tmp_path: Path) -> None:
    """On a pseudo-terminal and without -s, the second case is seen at its first step while it hangs, and the first
    case's row has been printed by then."""  # noqa: D205, D209 - one sentence
    write_suite(tmp_path, {"fine": "fine", "hangs": "fault hang 1"})
    ours, theirs = pty.openpty()
    words = command(tmp_path, "--case-timeout=6")
    process = subprocess.Popen(words, cwd=ROOT, env=environment(tmp_path) | coverage(), stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = _read_until(ours, rb"hangs-s0\] .{1,5} denoise .{1,5} step 1 of 2 .{1,5} \d s")
    assert process.poll() is None
    assert re.search(r"PASSED +faulty fine s0 native: prompt to host frames", seen)
    seen += _read_until(ours, None)
    assert process.wait() == 1
    os.close(ours)
    assert "\r\033[K" in seen
    assert "TIMEOUT  faulty hangs s0 native: the case took longer than the 6 s" in seen


def test_row_reaches_a_pipe_before_the_next_case_ends(tmp_path: Path) -> None:
    """A log shows each finished case at once, not when a buffer is full."""
    write_suite(tmp_path, {"fine": "fine", "hangs": "fault hang 1"})
    words = command(tmp_path, "--case-timeout=6")
    with subprocess.Popen(words, cwd=ROOT, env=environment(tmp_path), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen: list[str] = []
        while not (seen and seen[-1].startswith("PASSED   faulty fine")):
            seen.append(process.stdout.readline())
            assert seen[-1], f"ended without the first case's row: {''.join(seen)}"
        assert process.poll() is None
        assert sum(event["prompt"] == "fault hang 1" for event in events(tmp_path, "generate")) <= 1
        rest = process.stdout.read()
    assert "TIMEOUT  faulty hangs" in rest


def _read_until(descriptor: int, pattern: bytes | None) -> str:
    """Read a terminal until a pattern is seen, or with None to its end."""
    seen, deadline_s = b"", time.monotonic() + 60
    while pattern is None or not re.search(pattern, seen):
        assert time.monotonic() < deadline_s, seen.decode(errors="replace")
        try:
            part = os.read(descriptor, 4096)
        except OSError:  # Linux's end of file on a terminal whose other side is closed
            part = b""
        if not part:
            assert pattern is None, seen.decode(errors="replace")
            break
        seen += part
    return seen.decode(errors="replace")
