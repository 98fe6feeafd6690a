"""Warnings are errors here and only here; `pytester` runs inner sessions of pytest."""

import pytest

pytest_plugins = ["pytester"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Make any warning fail a test of the suite itself."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("error"), append=False)
