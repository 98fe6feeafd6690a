"""Whose processes they are, by the parents that Linux tells."""

import os
import subprocess
import sys
from pathlib import Path

from fixtures.device.family import family_of


def proc_of(folder: Path, **parents: int) -> Path:
    """Make a /proc in which each process (p7=3: 7, started by 3) has a name that holds a parenthesis."""
    for name, parent in parents.items():
        place = folder / name[1:]
        place.mkdir()
        (place / "stat").write_text(f"{name[1:]} (a) b) S {parent} 1 1 0", encoding="utf-8")
    return folder


def test_descendants_are_ours(tmp_path: Path) -> None:
    """Itself, its child, the child's child; not its parent, a stranger, or one whose line is lost."""
    proc = proc_of(tmp_path, p1=0, p10=1, p20=10, p30=20, p31=1, p32=99)
    assert family_of([1, 10, 20, 30, 31, 32, 99], 10, proc) == (10, 20, 30)


def test_real_process_is_its_parents() -> None:
    """What this very process starts is its own, as long as it runs; init never is."""
    waiting = [sys.executable, "-c", "input()"]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, start_new_session=True) as child:
        assert family_of([child.pid, 1], os.getpid()) == (child.pid,)
        child.communicate(b"\n")
    assert family_of([child.pid], os.getpid()) == ()
