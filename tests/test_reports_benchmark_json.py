"""The view in pytest-benchmark's format says what pytest-benchmark itself would, and what became of each case."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_benchmark.stats import Stats

from reports.benchmark_json import benchmark_document, benchmark_entries, benchmark_group
from reports.benchmark_stats import stats_of
from reports.record import CaseRecord, PlannedCase, Status
from reports.strict_json import write_json_atomically
from tests.reports_samples import case_of, over_budget, planned, replaced, run_of

STUDENT, TEACHER, CATS = planned(), planned("wan2.1-t2v-1.3b"), planned(prompt="cats")


@settings(deadline=None)
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
    assert entry["extra_info"]["timing"]["spreads"]["prompt_to_host_s"]["q1"] == entry["stats"]["q1"]


def test_failed_case_with_all_rounds_is_there_and_says_so() -> None:
    """A broken budget after the rounds keeps its numbers; `compare` shows names only, so the name holds the status."""
    (entry,) = benchmark_entries(run_of(case_of(STUDENT, 3.9, 3.8, 4.0, status="failed", reason="over budget")))
    assert (entry["extra_info"]["status"], entry["extra_info"]["reason"]) == ("failed", "over budget")
    assert entry["name"] == "bench_generate[causvid-1.3b-480p81-dogs-s0] FAILED"


@pytest.mark.parametrize("status", ["invalid_env", "error", "failed"])
def test_a_bad_sample_is_never_what_a_time_is_held_against(status: Status) -> None:
    """pytest-benchmark finds a baseline's entry by `fullname`: that of a case with unsound numbers matches no other."""
    good, bad = (case_of(STUDENT, 3.9, 3.8, 4.0, status=one) for one in ("passed", status))
    names = [benchmark_entries(run_of(case))[0]["fullname"] for case in (good, bad)]
    assert names == [f"benchmarks/{STUDENT.id}", f"benchmarks/{STUDENT.id} {status.upper()}"]


def test_a_time_over_budget_is_sound_and_is_found() -> None:
    """Broken budgets fail a case, and its time may be held against another all the same."""
    (entry,) = benchmark_entries(run_of(over_budget(case_of(STUDENT, 3.9, 3.8, 4.0))))
    assert entry["fullname"] == f"benchmarks/{STUDENT.id}"
    assert entry["name"].endswith(" FAILED")


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


def changed(plan: PlannedCase, **changes: object) -> PlannedCase:
    """Change fields of the plan, its recipe or its request."""
    return replaced(case_of(plan), **changes).plan


def test_group_names_what_a_ratio_needs_to_be_equal() -> None:
    """Two models on one size, recipe, prompt and seed share it; steps, guidance and shift are free."""
    name = "speed matched 832x480x81@16 bfloat16/bfloat16/bfloat16 native_cudnn random cuda dogs s0"
    assert benchmark_group(STUDENT) == benchmark_group(TEACHER) == name
    assert benchmark_group(changed(STUDENT, steps=4, guidance_scale=2.0, shift=5.0, setting="4step")) == name


@pytest.mark.parametrize(
    "change",
    [
        {"scenario": "other"},
        {"seed": 1},
        {"width": 848},
        {"height": 512},
        {"frames": 77},
        {"fps": 24.0},
        {"weights": "hub"},
        {"device": "cpu"},
        {"transformer_dtype": "float16"},
        {"text_encoder_dtype": "float32"},
        {"vae_dtype": "float32"},
        {"attention": "flash"},
        {"compile": "all"},
        {"numerics": "reference"},
        {"text_encoder": "offload"},
        {"weights_dtype": "float8"},
        {"decode": "whole"},
        {"batch": 2},
    ],
)
def test_one_differing_axis_is_another_group(change: dict[str, object]) -> None:
    """pytest-benchmark prints relative numbers within a group, so it holds only what may have a ratio."""
    assert benchmark_group(changed(STUDENT, **change)) != benchmark_group(TEACHER)
    assert benchmark_group(changed(STUDENT, **change)) == benchmark_group(changed(TEACHER, **change))
    assert benchmark_group(CATS) != benchmark_group(STUDENT)


@pytest.mark.parametrize(
    "change", [{"track": "published"}, {"warmup": False}, {"weights": "tiny"}, {"attention": "native"}]
)
def test_cases_that_never_have_a_ratio_share_no_group(change: dict[str, object]) -> None:
    """Published recipes, cold cases, toys and unnamed attention are a group of their own for each model and setting."""
    student, teacher = changed(STUDENT, **change), changed(TEACHER, **change)
    assert benchmark_group(student).endswith(" dogs s0 (causvid-1.3b 480p81)")
    assert len({benchmark_group(plan) for plan in (student, teacher, changed(student, setting="other"))}) == 3


def test_what_really_ran_can_part_a_group() -> None:
    """Two plans may agree where the dtypes that ran did not, or where one case failed."""
    student, teacher = case_of(STUDENT, *[4.0] * 3), case_of(TEACHER, *[64.0] * 3)
    assert {entry["group"] for entry in benchmark_entries(run_of(student, teacher))} == {benchmark_group(STUDENT)}
    assert teacher.measurement is not None
    silent = msgspec.structs.replace(teacher, measurement=msgspec.structs.replace(teacher.measurement, facts=None))
    for other in (silent, msgspec.structs.replace(teacher, status="failed")):
        assert len({entry["group"] for entry in benchmark_entries(run_of(student, other))}) == 2
    published = changed(STUDENT, track="published")
    (entry,) = benchmark_entries(run_of(case_of(published, *[4.0] * 3, status="failed")))
    assert entry["group"] == benchmark_group(published)


@pytest.mark.parametrize("deterministic", [True, False, None])
def test_entry_tells_whether_the_rounds_repeated(deterministic: bool | None) -> None:
    """Times of a case whose rounds made different frames are read with that in mind."""
    case = case_of(STUDENT, 3.9, 3.8, 4.0)
    assert case.measurement is not None
    outcome = msgspec.structs.replace(case.measurement, deterministic=deterministic)
    (entry,) = benchmark_entries(run_of(msgspec.structs.replace(case, measurement=outcome)))
    assert entry["extra_info"]["deterministic"] is deterministic


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
