"""Warnings are errors here and only here; `pytester` runs inner sessions of pytest."""

import gc
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

HERE = Path(__file__).parent

pytest_plugins = ["pytester", "tests.browser"]

# `pytest-benchmark compare` loads this file (`testpaths`), also where only what benchmarks need is installed.
with suppress(ImportError):
    import hypothesis

    # How long an example takes says how loaded a machine is.
    hypothesis.settings.register_profile("suite", deadline=None)
    hypothesis.settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Make any warning fail a test of the suite itself."""
    for item in items:
        if not item.path.is_relative_to(HERE):
            continue  # benchmark cases collected beside the tests: a model may warn
        item.add_marker(pytest.mark.filterwarnings("error"), append=False)


@pytest.fixture(autouse=True, scope="session")
def _outside_of_xdist() -> None:
    """Hide from inner sessions that this one is a pytest-xdist worker: pytest-benchmark would measure nothing there."""
    for name in [name for name in os.environ if name.startswith("PYTEST_XDIST")]:
        del os.environ[name]


@pytest.fixture(autouse=True, scope="session")
def _interruptible() -> None:
    """Hear Ctrl-C and hang-ups although a background job or nohup ignores them: child processes inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True, scope="module")
def _light_garbage_collection() -> None:
    """Leave what is alive between two modules, torch and its like, out of garbage collections: sessions make many."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def weights_lock(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a lock of weights that does not exist: what was fetched on this machine must not decide a test."""
    path = tmp_path_factory.getbasetemp() / "no-such-folder" / "weights.lock"
    monkeypatch.setattr("models.hub.lock.PATH", path)
    return path
