"""Collection is light: it imports no torch, and a bare `pytest` has nothing to do with benchmarks."""

import os
import subprocess
import sys
from pathlib import Path

from tests.inner_session import HEAVY, ROOT, collect
from tests.measure_collection import write_large_suite

LISTER = """
import sys
import pytest

class Lister:
    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self):
        heavy = sorted(set(sys.modules) & {heavy!r})
        print("HEAVY", heavy, "END")

sys.exit(pytest.main(sys.argv[1:], plugins=[Lister()]))
"""


def in_fresh_process(*arguments: str) -> str:
    """Run pytest at the repository's root in a process of its own; its output ends with the heavy modules loaded."""
    code = LISTER.replace("{heavy!r}", repr(set(HEAVY)))
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", code, "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_collecting_the_paper_suite_imports_no_torch() -> None:
    """All cases of the paper are listed by a process that has loaded neither torch, diffusers nor transformers."""
    output = in_fresh_process("benchmarks/", "--collect-only", "-q", "--suite", "paper")
    assert "HEAVY [] END" in output
    assert output.count("::bench_generate[") > 500


def test_bare_pytest_collects_tests_alone() -> None:
    """`testpaths` keeps benchmarks out, nothing is said of suites, and nothing of ours loads torch for it."""
    other_tests = ("--ignore-glob=*/test_[!c]*", "--ignore-glob=*/test_c[!o]*")
    output = in_fresh_process("--collect-only", "-q", *other_tests)
    assert "HEAVY [] END" in output
    assert "tests/test_collection.py::test_bare_pytest_collects_tests_alone" in output
    assert "bench_" not in output
    assert "video benchmark" not in output


def test_ten_thousand_cases_are_collected(tmp_path: Path) -> None:
    """The matrix is data: 10,000 cases are two short files; `python -m tests.measure_collection` prints the time."""
    suite = write_large_suite(tmp_path, prompts=100, seeds=50)
    ended = collect("--suite", suite)
    assert ended.code == 0
    assert len(set(ended.ids)) == 10_000
