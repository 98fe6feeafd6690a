"""Wiring only: the plugins of the suite, each a module with one job."""

import pytest

pytest.register_assert_rewrite("fixtures")

# `pytest-benchmark compare` looks for this hook here and nowhere else.
from fixtures.benchmark_units import pytest_benchmark_scale_unit as pytest_benchmark_scale_unit  # noqa: E402, PLC0414

pytest_plugins = [
    "fixtures.options",
    "fixtures.listing",
    "fixtures.preflight",
    "fixtures.plan",
    "fixtures.run",
    "fixtures.pipelines",
    "fixtures.progress",
    "fixtures.device.gpu_watch",
    "fixtures.paired.baselines",
    "fixtures.measure",
    "fixtures.ceilings.ceilings",
    "fixtures.cold.cold_start",
    "fixtures.judge",
    "fixtures.journal",
    "fixtures.recovery",
    "fixtures.row_properties",
    "fixtures.html_rows",
    "fixtures.results",
]
