"""Whatever happens in a case, nothing measured is lost and nothing that failed looks as if it had passed.

Each row of what pytest-benchmark 5.3.1 loses or leaves unmarked (an `Exception`, a skip, a failure, a time-out in the
first round or a later one, an assertion after the rounds, an error at teardown, Ctrl-C, a killed process) is provoked
on a model that fails on purpose.
"""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest

from tests.inner_session import run_here
from tests.running import ROOT, cases_of, coverage, events, read_json, run_bench, write_suite

# What is provoked: the status that the case must get, and words of its reason.
FAULTS = {
    "skip": ("skipped", "no such kernel here"),
    "fail": ("failed", "the budget is broken"),
    "assert": ("failed", "the sum is wrong"),
    "plugin-timeout": ("timeout", "from pytest-timeout"),
    "raise": ("error", "ValueError: broken latents"),
    "group": ("error", "two at once"),
    "oom": ("oom", "Tried to allocate 2.00 GiB"),
    "chained": ("oom", "decoding 1000 values failed"),
    "nan-latents": ("nan", "latents hold NaN or Inf"),
    "nan-frames": ("nan", "frames hold NaN or Inf"),
    "floats": ("error", "chunks are torch.uint8"),
    "hang": ("timeout", "longer than the 4 s of --case-timeout"),
}
SHAPES = {
    "count": "1 clip of 2 frames of 16x16",
    "extra": "1 clip of 7 frames of 16x16",
    "size": "1 clip of 5 frames of 14x16",
    "none": "1 clip of 0 frames",
}
OWN_SCENARIO = """
import pytest

@pytest.fixture
def falls_apart():
    yield
    raise OSError("the teardown broke")

def bench_assert_after(case, measure, benchmark):
    measure(case, benchmark)
    assert case.seed == 1, "a claim of one's own"

def bench_teardown(case, measure, benchmark, falls_apart):
    measure(case, benchmark)

def bench_skip_before(case, measure, benchmark):
    pytest.skip("not on Mondays")

def bench_measures_nothing(case):
    pass

def bench_setup(case, no_such_fixture):
    pass
"""


class Finished(NamedTuple):
    """A session that has ended, its folder, and its cases of run.json."""

    folder: Path
    done: subprocess.CompletedProcess[str]
    cases: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Run every fault in the first round and in the second, and a recipe that cannot be loaded."""
    folder = tmp_path_factory.mktemp("faults")
    prompts = {f"{what}-{call}": f"fault {what} {call}" for what in (*FAULTS, *SHAPES) for call in (1, 2)}
    prompts = {"fine": "fine", **prompts, "differ": "fault differ 2", "last": "fine again"}
    write_suite(folder, prompts, attentions=["native"])
    arguments = ["--benchmark-json", folder / "new" / "out.json", "--junit-xml", folder / "junit.xml"]
    done = run_bench(folder, *arguments, "--case-timeout=4", "--showlocals", **coverage())
    return Finished(folder, done, cases_of(folder))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Run a person's own scenarios, two recipes of which the second cannot be loaded."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "bench_own.py").write_text(OWN_SCENARIO)
    write_suite(folder, {"fine": "fine"}, attentions=["native", "xformers", "native_math"], scenarios=["own"])
    done = run_here(folder, folder / "bench_own.py", f"--junit-xml={folder / 'junit.xml'}")
    cases = read_json(folder / "run" / "run.json")["cases"]
    return Finished(folder, done, {case["id"].split("::")[1]: case for case in cases})


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("what", FAULTS)
def test_fault_in_any_round_gets_its_status_and_keeps_the_rounds_before(faults: Finished, what: str, call: int) -> None:
    """A fault in the second round leaves the first one's times in the record, and the reason for what is missing."""
    case = faults.cases[f"native-{what}-{call}"]
    status, reason = FAULTS[what]
    assert (case["status"], len(case["measurement"]["rounds"])) == (status, call - 1)
    assert reason in case["reason"]
    assert case["measurement"]["reasons"]["rounds"] == f"{call - 1} of 3 planned rounds have ended"
    assert case["measurement"]["video"] is None
    assert case["measurement"]["reasons"]["video"]


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("what", SHAPES)
def test_wrong_number_or_size_of_frames_in_any_round_fails(faults: Finished, what: str, call: int) -> None:
    """A clip of another length or size is a failed case even where the last round was right."""
    case = faults.cases[f"native-{what}-{call}"]
    assert case["status"] == "failed"
    assert f"call {call} generated {SHAPES[what]}" in case["reason"]
    assert "asked was 1 clip of 5 frames of 16x16 with 3 channels" in case["reason"]


def test_cases_around_the_faults_pass(faults: Finished) -> None:
    """A fault costs its own case only."""
    passed = {name for name, case in faults.cases.items() if case["status"] == "passed"}
    assert passed == {"native-fine", "native-differ", "native-last"}
    assert faults.done.returncode == 1
    assert len(faults.cases) == 2 * len(FAULTS) + 2 * len(SHAPES) + 3


def test_run_json_keeps_its_schema_with_every_kind_of_fault(faults: Finished, own: Finished) -> None:
    """The record of a run in which everything went wrong validates like that of a good one."""
    schema = read_json(ROOT / "reports" / "run.schema.json")
    for finished in (faults, own):
        jsonschema.validate(read_json(finished.folder / "run" / "run.json"), schema)


@pytest.mark.parametrize("name", ["new/out.json", "run/benchmark.json"])
def test_benchmark_json_has_whole_cases_only_and_lists_all(faults: Finished, name: str) -> None:
    """No partial case stands among the entries; failed whole ones say so; every planned case has its status."""
    document = read_json(faults.folder / name)
    entries = {entry["params"]["prompt"]: entry for entry in document["benchmarks"]}
    whole = {"fine", "last", "differ", *(f"{what}-{call}" for what in SHAPES for call in (1, 2))}
    assert set(entries) == whole
    assert all(entry["stats"]["rounds"] == 3 for entry in entries.values())
    assert entries["count-2"]["extra_info"]["status"] == "failed"
    assert entries["count-2"]["name"].endswith(" FAILED")
    told = {case["id"]: case["status"] for case in document["video_benchmark"]["cases"]}
    assert told == {case["id"]: case["status"] for case in faults.cases.values()}


def test_compare_reads_the_file_of_a_run_full_of_faults(faults: Finished) -> None:
    """`pytest-benchmark compare` shows the good cases plainly and the failed ones marked."""
    words = [sys.executable, "-c", "from pytest_benchmark.cli import main; main()", "compare", "new/out.json"]
    done = subprocess.run(words, cwd=faults.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^bench_generate\[faulty-native-fine-s0\] +\d", done.stdout, re.MULTILINE)
    assert "bench_generate[faulty-native-count-1-s0] FAILED" in done.stdout


def test_junit_tells_each_status(faults: Finished) -> None:
    """JUnit has a failure for each case that failed, a skip for each skipped one, and every status as a property."""
    root = ET.parse(faults.folder / "junit.xml").getroot()  # noqa: S314 - written by pytest just now
    assert root is not None
    for test in root.iter("testcase"):
        status = faults.cases[str(test.get("name")).removeprefix("bench_generate[faulty-").removesuffix("-s0]")][
            "status"
        ]
        kind = {"passed": None, "skipped": "skipped"}.get(status, "failure")
        assert [p.get("value") for p in test.iter("property") if p.get("name") == "status"] == [status]
        assert {child.tag for child in test} - {"properties"} == ({kind} if kind else set())


def test_page_and_terminal_tell_each_fault(faults: Finished) -> None:
    """Page, table and the rows printed at once name every case that did not pass, with its reason."""
    page = (faults.folder / "run" / "report.html").read_text()
    for case in faults.cases.values():
        if case["status"] != "passed":
            assert f"{case['status'].upper()} {case['id']}" in faults.done.stdout
            assert f"{case['status']}</span>" in page
    for status, reason in FAULTS.values():
        assert f"{status.upper():<8} faulty" in faults.done.stdout
        assert reason in page


def test_rounds_that_differ_are_marked_and_pass(faults: Finished) -> None:
    """Frames that change between rounds of one seed are told in the record, the row, the table and the page."""
    case = faults.cases["native-differ"]
    assert (case["status"], case["measurement"]["deterministic"]) == ("passed", False)
    assert faults.cases["native-fine"]["measurement"]["deterministic"] is True
    assert "ROUNDS DIFFER" in faults.done.stdout
    assert f"NOT DETERMINISTIC {case['id']}: calls of one seed made different frames" in faults.done.stdout
    assert case["measurement"]["spread"] or "longer than the 4 s" in case["measurement"]["reasons"]["spread"]
    assert faults.cases["native-fine"]["measurement"]["spread"] == []
    assert "<strong>not deterministic</strong>" in (faults.folder / "run" / "report.html").read_text()


def test_failed_cases_leave_no_tensor_behind(faults: Finished) -> None:
    """With --showlocals too, nothing of a round or of a failed case before is alive when a generation begins.

    What is alive are the pipeline and its weights.
    """
    started = events(faults.folder, "generate")
    assert len(started) > 60
    assert [event for event in started if event["alive"] != 2] == []


def test_time_limit_holds_against_a_model_that_swallows_exceptions(faults: Finished) -> None:
    """--case-timeout is no `Exception`: a model's own `except Exception` cannot turn it into a good round."""
    assert events(faults.folder, "swallowed") == []
    assert faults.cases["native-hang-1"]["status"] == "timeout"


def test_warm_up_happens_once_a_recipe_and_shape(faults: Finished) -> None:
    """The first case holds the first call; every other one says why it has none."""
    first = faults.cases["native-fine"]["measurement"]
    other = faults.cases["native-last"]["measurement"]
    assert first["first_call"] is not None
    assert first["load_s"] is not None
    assert (other["first_call"], other["load_s"]) == (None, None)
    assert other["reasons"]["first_call"] == "an earlier case warmed up this recipe and shape"
    assert other["reasons"]["load_s"] == "the recipe was loaded already"
    assert sum(event["prompt"] == "fine" for event in events(faults.folder, "generate")) == 4


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("assert_after", "failed", "a claim of one's own"),
        ("teardown", "error", "teardown: OSError: the teardown broke"),
        ("skip_before", "skipped", "not on Mondays"),
        ("measures_nothing", "failed", "nothing was measured"),
        ("setup", "error", "no_such_fixture"),
    ],
)
def test_own_scenario_is_judged_like_ours(own: Finished, name: str, status: str, reason: str) -> None:
    """A claim after the rounds, a broken teardown or set-up, a skip, and measuring nothing are all told as such."""
    case = own.cases[f"bench_{name}[faulty-native-fine-s0]"]
    assert case["status"] == status, case["reason"]
    assert reason in case["reason"]
    entries = {entry["fullname"]: entry for entry in read_json(own.folder / "run" / "benchmark.json")["benchmarks"]}
    measured = name in {"assert_after", "teardown"}
    found = f"benchmarks/{case['id']} {status.upper()}"  # never the name by which a time is held against another
    assert (found in entries) == measured
    assert f"benchmarks/{case['id']}" not in entries
    if measured:
        assert entries[found]["extra_info"]["status"] == status


def test_teardown_error_reaches_junit(own: Finished) -> None:
    """The property that JUnit shows is the worst of all phases, not the call's."""
    root = ET.parse(own.folder / "junit.xml").getroot()  # noqa: S314 - written by pytest just now
    assert root is not None
    told: dict[str, str] = {}
    for test in root.iter("testcase"):  # a failure and a teardown error are two rows of one case
        told |= {str(test.get("name")): str(p.get("value")) for p in test.iter("property")}
    assert told == {name: case["status"] for name, case in own.cases.items()}


def test_recipe_that_cannot_be_loaded_costs_its_own_cases_only(own: Finished) -> None:
    """An error while loading is the case's, and the next recipe is loaded and measured."""
    broken = own.cases["bench_assert_after[faulty-xformers-fine-s0]"]
    assert broken["status"] == "error"
    assert "RuntimeError: the weights do not fit the architecture" in broken["reason"]
    assert broken["measurement"]["reasons"]["load_s"] == "the case ended before this was measured"
    assert len(own.cases["bench_teardown[faulty-native_math-fine-s0]"]["measurement"]["rounds"]) == 1


def test_each_recipe_is_loaded_once_and_freed_before_the_next(own: Finished) -> None:
    """Over all scenarios a sound recipe is loaded once, and nothing of the one before is alive by then."""
    loads = events(own.folder, "load")
    assert [event["recipe"] for event in loads if event["recipe"] != "xformers"] == ["native", "native_math"]
    assert [event["alive"] for event in loads] == [0] * len(loads)


def test_file_is_written_when_every_case_failed(tmp_path: Path) -> None:
    """pytest-benchmark writes nothing when it has no entry; the list is then empty and every case is told."""
    write_suite(tmp_path, {"broken": "fault raise 1", "skipped": "fault skip 1"})
    done = run_here(tmp_path, "--benchmark-json", tmp_path / "out.json")
    document = read_json(tmp_path / "out.json")
    assert (done.returncode, document["benchmarks"]) == (1, [])
    assert [case["status"] for case in document["video_benchmark"]["cases"]] == ["error", "skipped"]


def test_lost_device_ends_the_process_with_70_and_resume_goes_on(tmp_path: Path) -> None:
    """Nothing calls CUDA again, all is written, and the case is tried once more in a new process before it is final."""
    write_suite(tmp_path, {"fine": "fine", "lost": "fault lost 2", "last": "fine again"})
    out = ("--benchmark-json", tmp_path / "out.json", "--junit-xml", tmp_path / "junit.xml")
    done = run_bench(tmp_path, *out, **coverage())
    assert done.returncode == 70, done.stdout
    assert events(tmp_path, "touched") == []
    assert statuses(tmp_path) == {"fine": "passed", "lost": "crashed", "last": "not_run"}
    lost = cases_of(tmp_path)["native-lost"]
    assert "AcceleratorError: CUDA error: device-side assert triggered" in lost["reason"]
    assert [one["status"] for one in read_json(tmp_path / "out.json")["video_benchmark"]["cases"]] == [
        "passed",
        "crashed",
        "not_run",
    ]
    assert "the CUDA device is lost to this process; go on in a new process with --resume" in done.stdout
    assert f"pytest-benchmark JSON  {tmp_path / 'out.json'}" in done.stdout
    assert (tmp_path / "junit.xml").is_file()
    assert run_bench(tmp_path, "--resume", tmp_path / "run").returncode == 70
    assert run_here(tmp_path, "--resume", tmp_path / "run").returncode == 1
    assert statuses(tmp_path) == {"fine": "passed", "lost": "crashed", "last": "passed"}


def statuses(folder: Path) -> dict[str, str]:
    return {name.removeprefix("native-"): case["status"] for name, case in cases_of(folder).items()}
