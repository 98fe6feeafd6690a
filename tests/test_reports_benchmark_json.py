"""The view in pytest-benchmark's format says what pytest-benchmark itself would, and what became of each case."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_benchmark.stats import Stats

from reports.benchmark_json import benchmark_document, benchmark_entries, benchmark_group, stats_of
from reports.record import CaseRecord
from reports.strict_json import write_json_atomically
from tests.reports_samples import case_of, planned, run_of

STUDENT, TEACHER, CATS = planned(), planned("wan2.1-t2v-1.3b"), planned(prompt="cats")


@given(data=st.lists(st.floats(min_value=0.0, max_value=1e4), min_size=1, max_size=25))
def test_statistics_are_those_of_pytest_benchmark(data: list[float]) -> None:
    """All fields are computed as pytest-benchmark 5.3.1 does, for any number of rounds."""
    theirs = Stats()
    for duration in data:
        theirs.update(duration)
    ours = stats_of(data)
    assert {name: ours[name] for name in Stats.fields} == theirs.as_dict()
    assert (ours["data"], ours["iterations"]) == (data, 1)


def test_entry_is_named_as_pytest_would_from_the_root() -> None:
    """Names equal pytest's node ids, so that entries match those of `--benchmark-json`."""
    (entry,) = benchmark_entries(run_of(case_of(STUDENT, 3.9, 3.8, 4.0)))
    assert entry["fullname"] == "benchmarks/bench_speed.py::bench_generate[causvid-1.3b-480p81-dogs-s0]"
    assert entry["name"] == "bench_generate[causvid-1.3b-480p81-dogs-s0]"
    assert entry["param"] == "causvid-1.3b-480p81-dogs-s0"
    assert entry["params"] == {
        "model": "causvid-1.3b", "setting": "480p81", "prompt": "dogs", "seed": 0, "track": "matched",
    }  # fmt: skip
    assert entry["stats"]["median"] == 3.9
    assert entry["stats"]["data"] == [3.9, 3.8, 4.0]
    assert entry["extra_info"]["sampling_s"] == 1.95
    assert entry["extra_info"]["peak_allocated_bytes"] == 24 * 2**30
    assert entry["extra_info"]["weights_source"] == "random"


def test_failed_case_with_all_rounds_is_there_and_says_so() -> None:
    """A broken budget after the rounds keeps its numbers; `compare` shows names only, so the name holds the status."""
    (entry,) = benchmark_entries(run_of(case_of(STUDENT, 3.9, 3.8, 4.0, status="failed", reason="over budget")))
    assert (entry["extra_info"]["status"], entry["extra_info"]["reason"]) == ("failed", "over budget")
    assert entry["name"] == "bench_generate[causvid-1.3b-480p81-dogs-s0] FAILED"
    assert entry["fullname"].endswith("bench_generate[causvid-1.3b-480p81-dogs-s0]")


def test_case_that_ended_before_its_last_round_has_no_entry() -> None:
    """Two of three rounds are no measurement of the case, whatever ended it."""
    assert benchmark_entries(run_of(case_of(STUDENT, 3.9, 3.8, status="skipped"))) == []


def test_case_without_rounds_has_no_entry_but_is_listed() -> None:
    """pytest-benchmark has no room for a case that measured nothing; `video_benchmark` lists every planned one."""
    document = benchmark_document(
        run_of(case_of(STUDENT, 3.9, 3.9, 3.9), case_of(TEACHER, status="oom", reason="no room"))
    )
    assert [entry["extra_info"]["model"] for entry in document["benchmarks"]] == ["causvid-1.3b"]
    assert document["video_benchmark"]["cases"] == [
        {"id": STUDENT.id, "status": "passed", "reason": ""},
        {"id": TEACHER.id, "status": "oom", "reason": "no room"},
    ]


def test_only_matched_cases_share_a_group() -> None:
    """pytest-benchmark prints ratios within a group: published recipes get one each."""
    assert benchmark_group(STUDENT) == benchmark_group(TEACHER) == "speed matched 480p81 dogs s0"
    published = [planned(track="published"), planned("wan2.1-t2v-1.3b", track="published")]
    assert len({benchmark_group(plan) for plan in [STUDENT, CATS, *published]}) == 4


def test_machine_and_commit_come_from_the_record_unless_given() -> None:
    """An old run rendered elsewhere keeps the machine that it ran on."""
    run = run_of(case_of(STUDENT, 3.9))
    document = benchmark_document(run)
    assert document["machine_info"]["gpus"] == [{"name": "NVIDIA H200", "uuid": "GPU-0"}]
    assert (document["commit_info"]["id"], document["commit_info"]["dirty"]) == ("0123456789abcdef", False)
    given_both = benchmark_document(run, {"node": "x"}, {"id": "y"})
    assert (given_both["machine_info"], given_both["commit_info"]) == ({"node": "x"}, {"id": "y"})


@pytest.mark.parametrize("options", [[], ["--between=median"], ["--group-by=param:prompt", "--csv=out.csv"]])
def test_pytest_benchmark_compare_reads_the_files(tmp_path: Path, options: list[str]) -> None:
    """The command that people use prints our cases from two of our files."""
    for name, cases in {"a": _cases(3.9), "b": _cases(3.5)}.items():
        write_json_atomically(tmp_path / f"{name}.json", benchmark_document(run_of(*cases)))
    command = [sys.executable, "-c", "from pytest_benchmark.cli import main; main()", "compare", "a.json", "b.json"]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "bench_generate[causvid-1.3b-480p81-dogs-s0]" in done.stdout, done.stderr
    assert "bench_generate[wan2.1-t2v-1.3b-480p81-dogs-s0]" in done.stdout, done.stderr


def _cases(student_s: float) -> list[CaseRecord]:
    finished = [case_of(STUDENT, *[student_s] * 3), case_of(TEACHER, *[64.0] * 3)]
    return [*finished, case_of(CATS, status="crashed")]
