"""A run that was ended from outside keeps what it had, and --resume makes of it what an uninterrupted run would be."""

import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.inner_session import run_here
from tests.running import cases_of, coverage, events, read_json, run_bench, write_suite

PROMPTS = {"first": "fine", "struck": "fault signal 2", "third": "fine too"}
RECIPES = ["native", "native_math"]
# The exit code: pytest's for an interrupted session where Python ends the run, the signal where the kernel does.
SIGNALS = {"SIGINT": 2, "SIGTERM": 2, "SIGKILL": -9}


class Resumed(NamedTuple):
    """A run that was struck by a signal in its second case, what it had left, and the session that went on with it."""

    signal: str
    folder: Path
    struck: subprocess.CompletedProcess[str]
    left: dict[str, dict[str, Any]]
    done: subprocess.CompletedProcess[str]
    cases: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Run the same suite without any interruption."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "model.sent").touch()
    write_suite(folder, PROMPTS, RECIPES)
    assert run_here(folder).returncode == 0
    return cases_of(folder)


@pytest.fixture(scope="module", params=SIGNALS)
def resumed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    """Strike a run, look at what there is, and go on in another process: this one."""
    folder = tmp_path_factory.mktemp("struck")
    write_suite(folder, PROMPTS, RECIPES)
    struck = run_bench(folder, "--benchmark-json", folder / "out.json", FAULTY_SIGNAL=request.param, **coverage())
    if request.param == "SIGKILL":
        assert not (folder / "run" / "run.json").exists()
        left = {}
    else:
        left = cases_of(folder)
        document = read_json(folder / "out.json")
        assert [entry["params"]["prompt"] for entry in document["benchmarks"]] == ["first"]
    done = run_here(folder, "--resume", folder / "run", "--benchmark-json", folder / "out.json")
    return Resumed(request.param, folder, struck, left, done, cases_of(folder))


def test_interrupted_run_ends_with_its_views_written(resumed: Resumed) -> None:
    """Ctrl-C and SIGTERM end with exit code 2, table and record: one passed, the struck one and the rest not run."""
    assert resumed.struck.returncode == SIGNALS[resumed.signal], resumed.struck.stdout
    if resumed.left:
        assert [case["status"] for case in resumed.left.values()] == ["passed", *["not_run"] * 5]
        struck = resumed.left["native-struck"]
        assert "KeyboardInterrupt" in struck["reason"]
        assert len(struck["measurement"]["rounds"]) == 1
        assert "6 cases: 1 passed, 5 not_run" in resumed.struck.stdout
        assert (resumed.folder / "run" / "report.html").exists()


def test_resume_runs_only_what_is_left(resumed: Resumed) -> None:
    """The finished case is not generated again; the struck one and those behind it are, each recipe loaded once."""
    assert resumed.done.returncode == 0, resumed.done.stdout
    assert "5 passed" in resumed.done.stdout
    assert [event["recipe"] for event in events(resumed.folder, "load")] == ["native", *RECIPES]
    first = [e for e in events(resumed.folder, "generate") if (e["prompt"], e["recipe"]) == ("fine", "native")]
    assert len(first) == 4  # a warm-up and three rounds


def test_merged_record_equals_an_uninterrupted_one(resumed: Resumed, whole: dict[str, dict[str, Any]]) -> None:
    """Same cases in the same order, statuses, recipes, requests and frame hashes."""
    assert [_same(case) for case in resumed.cases.values()] == [_same(case) for case in whole.values()]
    hashes = {r["frames_sha256"] for case in whole.values() for r in case["measurement"]["rounds"]}
    assert len(hashes) == 1
    assert all(len(digest) == 64 for digest in hashes)


def test_attempts_are_listed(resumed: Resumed) -> None:
    """The struck case tells of both attempts; a killed one is a crash that nobody could report."""
    attempts = resumed.cases["native-struck"]["attempts"]
    first = "crashed" if resumed.signal == "SIGKILL" else "not_run"
    assert [(attempt["number"], attempt["status"]) for attempt in attempts] == [(1, first), (2, "passed")]
    assert [len(case["attempts"]) for case in resumed.cases.values()] == [1, 2, 1, 1, 1, 1]


def test_benchmark_json_of_the_resumed_session_holds_all_cases(resumed: Resumed) -> None:
    """The earlier part's cases are entries like the later part's."""
    for path in (resumed.folder / "out.json", resumed.folder / "run" / "benchmark.json"):
        entries = read_json(path)["benchmarks"]
        assert [entry["fullname"] for entry in entries] == [f"benchmarks/{c['id']}" for c in resumed.cases.values()]


@pytest.mark.parametrize("resumed", ["SIGKILL"], indirect=True)
def test_resume_with_nothing_left_is_a_success_and_writes_the_views(resumed: Resumed) -> None:
    """For pytest no tests are an error; a run that is whole is none."""
    views = [resumed.folder / "run" / name for name in ("run.json", "benchmark.json", "report.html")]
    for path in views:
        path.unlink()
    out = resumed.folder / "again.json"
    again = run_here(resumed.folder, "--resume", resumed.folder / "run", "--benchmark-json", out)
    assert again.returncode == 0, again.stdout
    assert "6 cases: 6 passed" in again.stdout
    assert [path.exists() for path in views] == [True] * 3
    assert len(read_json(out)["benchmarks"]) == 6


def test_case_that_crashed_twice_is_not_run_a_third_time(tmp_path: Path) -> None:
    """The cases behind it run all the same; the run is not whole, so its exit code is 1."""
    write_suite(tmp_path, {"first": "fine", "killer": "fault crash 2", "third": "fine too"})
    codes = [run_bench(tmp_path).returncode]
    codes += [run_bench(tmp_path, "--resume", tmp_path / "run").returncode for _ in range(2)]
    assert codes == [-9, -9, 1]
    cases = cases_of(tmp_path)
    assert [case["status"] for case in cases.values()] == ["passed", "crashed", "passed"]
    assert [len(case["attempts"]) for case in cases.values()] == [1, 2, 1]
    killer = [event for event in events(tmp_path, "generate") if event["prompt"].startswith("fault crash")]
    assert [event["call"] for event in killer] == [1, 2, 1, 2]


def _same(case: dict[str, Any]) -> Any:
    plan = {name: value for name, value in case["plan"].items() if name != "reproduce"}
    return case["id"], case["status"], plan, [r["frames_sha256"] for r in case["measurement"]["rounds"]]
