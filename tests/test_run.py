"""The run's folder: made late, locked, checked for room, and never half mixed with another run's."""

import errno
import os
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from fixtures import run as run_module
from fixtures.checks import CheckError, lock_run_folder
from fixtures.journal import _append
from fixtures.metrics.spec import find_metrics
from fixtures.options import OPTIONS_KEY, Options
from fixtures.run import (
    RECORD_BYTES,
    _confirm_device,
    _tell_plan,
    needed_disk_bytes,
    prepare_folder,
    refuse_other_environment,
    sigterm_interrupts,
)
from reports.environment import ContainerLimits
from reports.merge import read_plan
from tests.inner_session import run_here
from tests.reports_samples import plan_of, planned, run_of, started, write_run
from tests.running import cases_of, read_json, run_bench, write_suite


def prepare(**options: Any) -> Path:
    """Prepare the folder of a run of one case with these options."""
    config: Any = SimpleNamespace(stash=pytest.Stash())
    config.stash[OPTIONS_KEY] = Options(**options)
    choice: Any = SimpleNamespace(suite="quick")
    return prepare_folder(config, choice, [planned()])


def test_folder_of_another_process_is_refused_naming_it(tmp_path: Path) -> None:
    """Exit code 4 and the holder's number, before anything is loaded; the holder's files stay as they are."""
    write_suite(tmp_path, {"fine": "fine"})
    folder = tmp_path / "run"
    folder.mkdir()
    with lock_run_folder(folder):
        done = run_bench(tmp_path)
    assert done.returncode == 4
    assert f"{folder} is in use by process {os.getpid()} on host" in done.stderr
    assert [path.name for path in folder.iterdir()] == [".lock"]
    assert not (tmp_path / "model.log").exists()


@pytest.mark.parametrize("argument", ["--collect-only", "--suite=nowhere", "--case-timeout=soon"])
def test_session_that_runs_nothing_leaves_nothing_behind(tmp_path: Path, argument: str) -> None:
    """Looking at the cases, and a mistyped option, make no folder."""
    write_suite(tmp_path, {"fine": "fine"})
    before = sorted(path.name for path in run_module.RUNS.iterdir()) if run_module.RUNS.exists() else []
    done = run_here(tmp_path, argument)
    assert done.returncode == (0 if argument == "--collect-only" else 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faults.toml", "prompts.toml"]
    assert (sorted(path.name for path in run_module.RUNS.iterdir()) if run_module.RUNS.exists() else []) == before


def test_too_little_disk_is_refused_before_the_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte too few is refused with all figures; exactly enough is enough."""
    needed = needed_disk_bytes([planned()])
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=needed - 1))
    with pytest.raises(CheckError, match=r"23\.2 MiB free, 23\.2 MiB needed, 0\.0 MiB short"):
        prepare(run_dir=str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=needed))
    assert prepare(run_dir=str(tmp_path / "run")) == tmp_path / "run"


def test_needed_bytes_grow_with_the_clips() -> None:
    """A case needs room for its clip and its record, and half as much again."""
    small, large = planned(), planned(width=1664)
    assert needed_disk_bytes([small]) == int(1.5 * (832 * 480 * 81 * 0.5 + RECORD_BYTES))
    assert needed_disk_bytes([small, large]) == needed_disk_bytes([small]) + needed_disk_bytes([large])


def test_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """Below a file no folder can be made; the message names it."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(CheckError, match=r"file/run: not writable \(Not a directory\)"):
        prepare(run_dir=str(tmp_path / "file" / "run"))


def test_folder_that_holds_a_run_is_refused(tmp_path: Path) -> None:
    """Two runs in one folder could not be told apart; the message says how to go on with the first."""
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(pytest.UsageError, match="holds a run already; go on with it by --resume"):
        prepare(run_dir=str(tmp_path))
    assert prepare(resume=str(tmp_path)) == tmp_path


def test_default_folder_is_dated_named_and_ignored_by_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results never end up in a commit by accident; a person's own folder gets no such file."""
    monkeypatch.setattr(run_module, "RUNS", tmp_path / "runs")
    folder = prepare()
    assert folder.parent == tmp_path / "runs"
    assert folder.name.endswith("-quick")
    assert (tmp_path / "runs" / ".gitignore").read_text() == "*\n"
    prepare(run_dir=str(tmp_path / "own"))
    assert list((tmp_path / "own").iterdir()) == []


def test_gpu_that_torch_cannot_use_is_refused_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """What NVML promised is confirmed by torch; cases for the CPU do not ask it."""
    monkeypatch.setattr(run_module, "torch_problem", lambda _gpus, _driver: "the driver is too old")
    gpu: Any = SimpleNamespace(gpus=(), driver="1")
    with pytest.raises(pytest.UsageError, match="the driver is too old"):
        _confirm_device(gpu, [planned()])
    _confirm_device(gpu, [])


def test_first_sigterm_interrupts_and_a_second_ends_at_once() -> None:
    """After the first the kernel's own action is back; at the end of the run whatever was there before."""
    before = signal.getsignal(signal.SIGTERM)
    with sigterm_interrupts():
        with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is before


def test_closed_terminal_interrupts_once() -> None:
    """Its shell sends SIGHUP again, which must not end the cleaning up; under nohup there is none to hear."""
    before = signal.getsignal(signal.SIGHUP)
    with sigterm_interrupts():
        assert signal.getsignal(signal.SIGHUP) != before
        with pytest.raises(KeyboardInterrupt, match="SIGHUP"):
            os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is before
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with sigterm_interrupts():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_clip_that_cannot_be_written_costs_the_clip_only(tmp_path: Path) -> None:
    """The numbers are in journal and record, the case is an error that says why, and the next clip is written."""
    write_suite(tmp_path, {"barred": "fine", "fine": "fine"})
    barred = "media/speed-faulty-native-barred-s0.mp4"
    (tmp_path / "run" / barred).mkdir(parents=True)
    done = run_here(tmp_path)
    assert done.returncode == 1
    case = cases_of(tmp_path)["native-barred"]
    assert case["status"] == "error"
    assert f"{barred} could not be written" in case["reason"]
    assert len(case["measurement"]["rounds"]) == 3
    assert case["measurement"]["reasons"]["video"].startswith(barred)
    assert [metric["id"] for metric in case["measurement"]["metrics"]] == list(find_metrics())
    assert cases_of(tmp_path)["native-fine"]["measurement"]["video"] == "media/speed-faulty-native-fine-s0.mp4"
    assert sorted(path.name for path in (tmp_path / "run" / "media").glob("*partial*")) == []
    assert len(read_json(tmp_path / "run" / "benchmark.json")["benchmarks"]) == 2


def test_resume_in_another_environment_is_refused_naming_what_changed() -> None:
    """Times of one run come from one environment: each changed package or switch is named."""
    before = run_of().environment
    moved = msgspec.structs.replace(before, host="elsewhere")
    refuse_other_environment(before, moved)
    small = msgspec.structs.replace(before, container=ContainerLimits(cgroup="v2", memory_bytes=2**30, cpus=2.0))
    large = msgspec.structs.replace(before, container=ContainerLimits(cgroup="v2", memory_bytes=2**40, cpus=2.0))
    refuse_other_environment(small, large)
    slow = msgspec.structs.replace(before, container=ContainerLimits(cgroup="v2", cpus=0.5))
    with pytest.raises(pytest.UsageError, match=r"container\.cpus 2\.0 is now 0\.5"):
        refuse_other_environment(small, slow)
    changed = msgspec.structs.replace(
        before, packages={**before.packages, "torch": "9.9"}, settings={**before.settings, "OMP_NUM_THREADS": "7"}
    )
    with pytest.raises(pytest.UsageError, match=r"packages\.torch .* is now '9\.9'; settings\.OMP_NUM_THREADS .*'7'"):
        refuse_other_environment(before, changed)


def test_full_disk_ends_the_session_with_the_way_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that cannot be written ends the run in one sentence, and what was journaled before is whole."""

    def full(_path: Path, _entry: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("fixtures.journal.append_line", full)
    run = SimpleNamespace(folder=tmp_path)
    with pytest.raises(
        pytest.exit.Exception, match=r"main\.jsonl cannot be written: .*No space left.*go on with --resume"
    ):
        _append(run, started("bench_speed.py::bench_generate[a]"))  # type: ignore[arg-type]


def test_resumed_runs_plan_learns_banners_and_price_and_nothing_else(tmp_path: Path) -> None:
    """Every output is made of the plan: what a later session says is in it; without a price the earlier one stays."""
    folder = write_run(tmp_path / "run", plan_of(planned(), banners=("AS PLANNED",)))
    before = read_plan(folder)
    _tell_plan(folder, ["AS PLANNED", "SHARED GPU"], 2.4)
    told = read_plan(folder)
    assert (told.banners, told.gpu_hour_price) == (["AS PLANNED", "SHARED GPU"], 2.4)
    assert msgspec.structs.replace(told, banners=before.banners, gpu_hour_price=None) == before
    _tell_plan(folder, told.banners, None)
    assert read_plan(folder) == told
