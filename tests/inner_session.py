"""Inner sessions of pytest on benchmarks/, in this process: what a person types, and what they see."""

import contextlib
import io
import subprocess
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import pytest

from fixtures.plan import SELECTED_KEY
from reports.record import PlannedCase
from tests.running import asked_of, environment

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "diffusers", "transformers")


class Ended(NamedTuple):
    """How a session ended: its exit code, all that it printed, and the cases that it selected."""

    code: int
    output: str
    cases: tuple[PlannedCase, ...]

    @property
    def ids(self) -> list[str]:
        """The ids of the selected cases in the order in which they run."""
        return [case.id for case in self.cases]


class _Keeper:
    """A plugin that keeps the selected cases."""

    cases: tuple[PlannedCase, ...] = ()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.cases = session.config.stash.get(SELECTED_KEY, ())


def bench(*arguments: object, target: str = str(ROOT / "benchmarks")) -> Ended:
    """Run `pytest benchmarks/ ARGUMENTS` here; paths in the arguments are relative to the current folder."""
    output, keeper = io.StringIO(), _Keeper()
    quiet = ("-p", "no:cacheprovider", "-p", "no:faulthandler", "-p", "no:hypothesispytest", "-p", "no:anyio")
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output), warnings.catch_warnings():
        # Warnings are judged where the suite itself is tested, not in what it says to a person.
        warnings.simplefilter("ignore")
        code = pytest.main([target, *quiet, "--no-charts", *map(str, arguments)], plugins=[keeper])
    return Ended(int(code), output.getvalue(), keeper.cases)


def bare_bench(*arguments: object, target: str = str(ROOT / "benchmarks")) -> Ended:
    """Run `bench` as on a machine without a GPU: what a process of its own does, without importing torch once more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        return bench(*arguments, target=target)


def run_here(folder: Path, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Do here what `run_bench` does in a process of its own, which imports torch again: for what ends no process.

    Modules that the session imported from outside the repository, a scenario of a test's own, are forgotten.
    """
    known = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(sys, "path", [*sys.path])
        for name, text in (environment(folder) | variables).items():
            patch.setenv(name, text)
        ended = bench(*asked_of(folder, *arguments))
    for name in set(sys.modules) - known:
        if Path(getattr(sys.modules[name], "__file__", None) or ROOT).is_relative_to(folder):
            del sys.modules[name]
    return subprocess.CompletedProcess([], ended.code, ended.output, "")


def collect(*arguments: object, target: str = str(ROOT / "benchmarks")) -> Ended:
    """List the cases that `ARGUMENTS` select."""
    return bench("--collect-only", "-q", *arguments, target=target)


def poison_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make any import of torch, diffusers or transformers an error until the test ends."""
    for name in HEAVY:
        monkeypatch.setitem(sys.modules, name, None)
