"""The side process as a process: it answers when asked, ends with its parent, and its death costs but samples."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.device.side_process import SideSampler, start_sampler
from tests.fake_sampler import command

ROOT = Path(__file__).parent.parent
PARENT = """
import os, sys, time
from fixtures.device.side_process import SideSampler
from tests.fake_sampler import command
sampler = SideSampler(command(0.02))
assert sampler.take()
if os.fork():
    print(sampler.process.pid, flush=True)
time.sleep(15)
"""


def wait_until(reached: Callable[[], bool], limit_s: float = 20.0) -> bool:
    """Wait for something that another process does."""
    end_s = time.monotonic() + limit_s
    while not reached() and time.monotonic() < end_s:
        time.sleep(0.01)
    return reached()


def has_ended(pid: int) -> bool:
    """Tell whether a process is gone, or waits to be reaped."""
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_samples_come_in_order_and_the_last_is_fresh() -> None:
    """All samples since the last call, on this process's clock; the last one was taken after asking."""
    sampler = SideSampler(command(0.01))
    first = sampler.take()
    time.sleep(0.2)
    asked_s = time.perf_counter()
    later = sampler.take()
    sampler.close()
    moments = [sample.at_s for sample in (*first, *later)]
    assert moments == sorted(moments)
    assert len(later) > 2
    assert later[-2].at_s < asked_s <= later[-1].at_s <= time.perf_counter()
    assert sampler.process.returncode == 0
    assert sampler.take() == []


@pytest.mark.parametrize(
    ("ending", "why"),
    [
        ("dies", "has ended with code 1: OSError: the card has fallen off the bus"),
        ("hangs", "was ended: it did not answer in time"),
        ("babbles", "was ended: JSON is malformed"),
    ],
)
def test_one_that_fails_is_ended_and_says_why(ending: str, why: str) -> None:
    """No samples and one sentence; the case goes on."""
    sampler = SideSampler(command(0.01, ending))
    limit_s = 1.0 if ending == "hangs" else 30.0
    assert wait_until(lambda: sampler.take(limit_s) == [])
    assert sampler.problem is not None
    assert why in sampler.problem
    assert sampler.process.returncode is not None
    sampler.close()


def test_real_one_without_a_driver_says_what_nvml_says() -> None:
    """The command that a run uses starts the module, and its error is the reason."""
    sampler = start_sampler("GPU-none", 0.02)
    samples = sampler.take()
    sampler.close()
    assert samples == []
    assert sampler.problem is not None
    assert "NVMLError_" in sampler.problem


def test_interrupted_question_ends_it() -> None:
    """Half an answer would be taken for the next one's."""

    def strike(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    sampler = SideSampler(command(0.01, "hangs"))
    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            sampler.take()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert sampler.process.returncode == -signal.SIGKILL
    assert sampler.take() == []
    assert "interrupted" in str(sampler.problem)
    sampler.close()


def test_it_ends_when_its_parent_is_killed() -> None:
    """Also where another child of the parent holds the pipe open: then the parent's id tells."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert not has_ended(pid)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert wait_until(lambda: has_ended(pid), 10.0)
    parent.stdout.close()


def test_side_process_tells_that_its_parent_is_ours() -> None:
    """Init, which computes on the fake device too, is not."""
    sampler = SideSampler(command(0.02))
    assert sampler.take()[-1].own_pids == (os.getpid(),)
    sampler.close()
