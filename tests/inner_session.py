"""Inner sessions of pytest on benchmarks/, in this process: what a person types, and what they see."""

import contextlib
import io
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import pytest

from fixtures.plan import SELECTED_KEY
from reports.record import PlannedCase

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


def collect(*arguments: object, target: str = str(ROOT / "benchmarks")) -> Ended:
    """List the cases that `ARGUMENTS` select."""
    return bench("--collect-only", "-q", *arguments, target=target)


def poison_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make any import of torch, diffusers or transformers an error until the test ends."""
    for name in HEAVY:
        monkeypatch.setitem(sys.modules, name, None)
