"""The run folder's checks, with real files, real locks and a holder that is really killed."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import pytest

from fixtures.checks import CheckError, check_free_disk, check_writable, lock_run_folder

GIB = 2**30
REPOSITORY = Path(__file__).resolve().parent.parent
HOLDER = """
import sys
from pathlib import Path
from fixtures.checks import lock_run_folder
with lock_run_folder(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_process_holding(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert pipe(process.stdout).readline() == "locked\n"
            yield process
        finally:
            process.kill()


def pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


@pytest.mark.parametrize("needed_bytes", [2 * GIB - 1, 2 * GIB])
def test_enough_disk_passes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, needed_bytes: int) -> None:
    """Just under and exactly what is free is enough, also for a folder that does not exist yet."""
    set_free(monkeypatch, 2 * GIB)
    check_free_disk(tmp_path / "runs" / "new", needed_bytes)


def test_too_little_disk_fails_with_numbers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The message has the folder, free, needed and missing space."""
    set_free(monkeypatch, 2 * GIB)
    check_free_disk(tmp_path, 2 * GIB)
    with pytest.raises(CheckError, match=r"folder .*: 2\.00 GiB free, 2\.50 GiB needed, 512\.0 MiB short; free"):
        check_free_disk(tmp_path, 5 * GIB // 2)
    with pytest.raises(CheckError):
        check_free_disk(tmp_path, 2 * GIB + 1)


def set_free(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    usage = SimpleNamespace(free=free_bytes)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage if Path(path).exists() else pytest.fail(f"no {path}"))


def test_writable_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    """The probe file does not stay."""
    check_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_file_in_the_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    """A path that is a file cannot hold a run."""
    (tmp_path / "taken").touch()
    with pytest.raises(CheckError, match=r"taken: not writable \(File exists\).*choose another folder"):
        check_writable(tmp_path / "taken")


def test_read_only_folder_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder on a read-only file system is found out by writing, which also holds for root."""

    def refuse(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(CheckError, match=r"not writable \(Read-only file system\)"):
        check_writable(tmp_path)


def test_second_process_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    """Two processes contend: the second is refused with the first one's pid and host."""
    with other_process_holding(tmp_path) as holder:
        named = rf"run folder {tmp_path} is in use by process {holder.pid} on host \S+, .*choose another folder"
        with pytest.raises(CheckError, match=named), lock_run_folder(tmp_path):
            pytest.fail("a held folder was locked twice")


def test_killed_holder_frees_the_folder(tmp_path: Path) -> None:
    """After SIGKILL the folder can be locked at once, though `.lock` still names the dead process."""
    with other_process_holding(tmp_path) as holder:
        holder.send_signal(signal.SIGKILL)
        assert holder.wait() == -signal.SIGKILL
        assert f"process {holder.pid} " in (tmp_path / ".lock").read_text()
        with lock_run_folder(tmp_path):
            assert f"process {holder.pid} " not in (tmp_path / ".lock").read_text()


def test_leaving_frees_the_folder_and_a_spawned_child_does_not_keep_it(tmp_path: Path) -> None:
    """A child process started under the lock outlives it without holding it."""
    with lock_run_folder(tmp_path):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    try:
        with lock_run_folder(tmp_path):
            assert child.poll() is None
    finally:
        child.communicate(b"\n")


def test_file_system_without_locks_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file system that cannot lock is not taken for one that is in use."""

    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(CheckError, match=r"cannot be locked \(No locks available\)"), lock_run_folder(tmp_path):
        pytest.fail("a folder was locked without a lock")
