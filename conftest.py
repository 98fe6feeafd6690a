"""Wiring only: the plugins of the suite, each a module with one job."""

from importlib import import_module

import pytest

pytest.register_assert_rewrite("fixtures")

# `pytest-benchmark compare` looks for this hook here and nowhere else.
from fixtures.benchmark_units import pytest_benchmark_scale_unit as pytest_benchmark_scale_unit  # noqa: E402, PLC0414

PLUGINS = tuple(
    import_module(f"fixtures.{name}")
    for name in (
        "options",
        "listing",
        "preflight",
        "gate.gate",
        "plan",
        "run",
        "pipelines",
        "progress",
        "device.gpu_watch",
        "paired.baselines",
        "measure",
        "ceilings.ceilings",
        "cold.cold_start",
        "judge",
        "journal",
        "recovery",
        "row_properties",
        "html_rows",
        "results",
    )
)


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register them: for each name in `pytest_plugins` pytest would read the metadata of every installed package."""
    for plugin in PLUGINS:
        pluginmanager.register(plugin, plugin.__name__)
