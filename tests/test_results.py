"""What a session prints and leaves: rows, views, the exit code, and pytest-benchmark's own options."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from fixtures.metrics.spec import find_metrics
from fixtures.results import exit_status, row_text, take_over
from reports.record import CaseRecord
from tests.inner_session import run_here
from tests.reports_samples import case_of, measured, planned, run_of
from tests.running import ROOT, cases_of, read_json, write_suite

GOOD = case_of(planned(), 4.0, 3.9, 4.2)
ODD_PROMPTS = {
    "long": "a dog " * 17_000,
    "rtl": "\u202eكلب يجري على الشاطئ",
    "script": "<script>alert('x')</script><img src=x onerror=alert(1)>",
    "path": "../../../etc/passwd",
    "quote": "\"quoted\" 'twice' `thrice` $(touch x) {{ 7 * 7 }} {% raw %} \\ 🐕",
}
BROKEN_METRIC = """
from fixtures.metrics.spec import Metric

def broken(frames_TCHW):
    raise ValueError("wants a GPU")

METRIC = Metric(id="broken", unit="1", better="lower", judges_content=False, measure=broken, source="test")
"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run prompts that no shell, page or path should see raw, with two metrics of one's own."""
    folder = tmp_path_factory.mktemp("odd")
    write_suite(folder, ODD_PROMPTS, scenarios=["quality"])
    (folder / "broken_metric.py").write_text(BROKEN_METRIC)
    metrics = f"{Path(__file__).parent / 'examples' / 'brightness_metric.py'},{folder / 'broken_metric.py'}"
    done = run_here(folder, "--metric", metrics)
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run once with pytest-benchmark's own saving."""
    folder = tmp_path_factory.mktemp("saved")
    write_suite(folder, {"fine": "fine"})
    done = run_here(folder, f"--benchmark-storage={folder / 'store'}", "--benchmark-save=base")
    assert done.returncode == 0, done.stdout
    return folder, done.stdout


def test_odd_prompts_round_trip(odd: Path) -> None:
    """100 KB, right-to-left, markup, a path and every quote: the record holds the text as it was."""
    cases = cases_of(odd)
    assert {name.removeprefix("native-"): c["plan"]["request"]["prompt"] for name, c in cases.items()} == ODD_PROMPTS
    assert {case["status"] for case in cases.values()} == {"passed"}


def test_odd_prompts_stay_inside_the_run_folder(odd: Path) -> None:
    """Files are named by ids, never by text; nothing lies elsewhere."""
    names = sorted(path.name for path in (odd / "run" / "media").iterdir())
    ends = (".mp4", "-strip.jpg", "-xt.jpg")
    assert names == sorted(f"quality-faulty-native-{name}-s0{end}" for name in ODD_PROMPTS for end in ends)
    left = {path.name for path in odd.iterdir()} - {"__pycache__"}
    assert left == {"faults.toml", "prompts.toml", "model.log", "run", "broken_metric.py"}


def test_odd_prompts_are_text_on_the_page(odd: Path) -> None:
    """No markup of a prompt becomes an element."""
    page = (odd / "run" / "report.html").read_text(encoding="utf-8")
    own = len([*(ROOT / "reports" / "templates" / "scripts").glob("*.js")])
    assert page.count("<script") == own
    assert page.count("<img") == page.count("<img class=") == 2 * len(ODD_PROMPTS)
    assert "&lt;script&gt;" in page
    assert "{{ 7 * 7 }}" in page


def test_own_metrics_are_recorded_and_a_broken_one_costs_only_its_value(odd: Path) -> None:
    """A value for the sound ones; null with the reason for the one that raised; the case passes."""
    for case in cases_of(odd).values():
        by_id = {metric["id"]: metric for metric in case["measurement"]["metrics"]}
        assert list(by_id) == [*find_metrics(), "brightness", "broken"]
        assert 0 < by_id["brightness"]["value"] < 1
        assert by_id["broken"]["value"] is None
        assert by_id["broken"]["reason"] == "metric 'broken' raised ValueError: wants a GPU"


def test_quality_scenario_takes_one_round_without_warm_up(odd: Path) -> None:
    """Nothing repeats, so nothing is said about determinism."""
    case = cases_of(odd)["native-rtl"]["measurement"]
    assert (len(case["rounds"]), case["first_call"], case["deterministic"]) == (1, None, None)
    assert case["reasons"]["first_call"] == "its scenario does not warm up"


def test_benchmark_save_writes_our_entries(saved: tuple[Path, str]) -> None:
    """A saved file holds the same cases as ours, with their status."""
    (path,) = (saved[0] / "store").rglob("*.json")
    document = read_json(path)
    (entry,) = document["benchmarks"]
    assert (entry["extra_info"]["status"], entry["stats"]["rounds"]) == ("passed", 3)
    assert [case["status"] for case in document["video_benchmark"]["cases"]] == ["passed"]


def test_benchmark_compare_finds_the_saved_case(saved: tuple[Path, str]) -> None:
    """pytest-benchmark's table appears when it is asked for, and is left out of a run that has ours."""
    folder, printed = saved
    assert "Legend:" not in printed
    store = f"--benchmark-storage={folder / 'store'}"
    run = f"--run-dir={folder / 'compared'}"
    done = run_here(folder, run, store, "--benchmark-compare=0001", "--benchmark-only", "--benchmark-min-rounds=1")
    assert done.returncode == 0, done.stdout
    assert "bench_generate[faulty-native-fine-s0] (0001_" in done.stdout
    assert "1 passed" in done.stdout
    assert "machine_info is different" not in done.stdout + done.stderr


def test_benchmark_skip_skips_every_case(tmp_path: Path) -> None:
    """Every case is listed as skipped and nothing is loaded."""
    write_suite(tmp_path, {"fine": "fine"})
    done = run_here(tmp_path, "--benchmark-skip")
    assert done.returncode == 0, done.stdout
    assert [case["status"] for case in cases_of(tmp_path).values()] == ["skipped"]
    assert not (tmp_path / "model.log").exists()


@pytest.mark.parametrize(
    ("before", "statuses", "after"),
    [
        (pytest.ExitCode.OK, ["passed", "skipped"], 0),
        (pytest.ExitCode.NO_TESTS_COLLECTED, ["passed", "skipped"], 0),
        (pytest.ExitCode.OK, ["passed", "failed"], 1),
        (pytest.ExitCode.NO_TESTS_COLLECTED, ["passed", "crashed"], 1),
        (pytest.ExitCode.OK, ["passed", "not_run"], 1),
        (pytest.ExitCode.TESTS_FAILED, ["passed"], 1),
        (pytest.ExitCode.INTERRUPTED, ["passed"], 2),
        (pytest.ExitCode.INTERNAL_ERROR, ["passed"], 3),
        (pytest.ExitCode.USAGE_ERROR, ["passed"], 4),
    ],
)
def test_exit_code_is_that_of_the_whole_run(before: int, statuses: list[Any], after: int) -> None:
    """0 only when every planned case passed or was skipped, those of an earlier part of the run included."""
    cases = [msgspec.structs.replace(GOOD, status=status) for status in statuses]
    assert exit_status(before, run_of(*cases)) == after


def test_entries_without_data_are_swept() -> None:
    """One empty entry would end pytest-benchmark's writer with a ValueError and cost every case's numbers."""
    full, empty = (SimpleNamespace(fullname="a", stats=SimpleNamespace(data=data)) for data in ([1.0], []))
    config: Any = SimpleNamespace(_benchmarksession=SimpleNamespace(benchmarks=[empty, full, empty]))
    take_over(config)
    assert config._benchmarksession.benchmarks == [full]
    take_over(SimpleNamespace())  # type: ignore[arg-type] # a session without pytest-benchmark


def row(case: CaseRecord) -> str:
    return row_text(case)


def test_row_of_a_passed_case_has_its_medians() -> None:
    """Who, how long from prompt to frames, and how much memory."""
    assert row(GOOD) == (
        "PASSED   causvid-1.3b dogs s0 480p81: prompt to host frames 4.00 s (sampling 2.00 s), first frame 1.00 s, "
        "20.25 frames/s, peak 24.00 GiB"
    )


def test_row_of_a_failed_case_says_why_before_its_numbers() -> None:
    """A failed case with rounds never reads like a good one."""
    failed = msgspec.structs.replace(GOOD, status="failed", reason="over\nbudget")
    assert row(failed).startswith("FAILED   causvid-1.3b dogs s0 480p81: over budget; of 3 rounds: prompt to host")
    nothing = case_of(planned(), status="oom", reason="no room\nat all")
    assert row(nothing) == "OOM      causvid-1.3b dogs s0 480p81: no room at all"
    assert row(case_of(planned(), status="error")).endswith(": no measurement")


def test_row_tells_rounds_that_differ() -> None:
    """A passed case whose rounds made different frames is marked as soon as it ends."""
    differing = msgspec.structs.replace(measured(1.0, 1.0), deterministic=False)
    assert row(msgspec.structs.replace(GOOD, measurement=differing)).endswith(", ROUNDS DIFFER")


def test_disk_that_refuses_the_json_is_told_and_the_table_still_printed(tmp_path: Path) -> None:
    """A --benchmark-json that cannot be written at the end costs that file only, in one line, with exit code 1."""
    write_suite(tmp_path, {"folder": "fault folder 1"})
    target = tmp_path / "out" / "out.json"
    # The place is good when it is checked, and a folder stands there when the run ends.
    done = run_here(tmp_path, "--benchmark-json", target, FAULTY_FOLDER=str(target))
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert f"VIEWS LOST  {target}: " in done.stdout
    assert "1 case: 1 passed" in done.stdout
    assert cases_of(tmp_path)["native-folder"]["status"] == "passed"
