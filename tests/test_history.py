"""A case over many runs: in the order of time, joined by cohort, with what does not count shown and left out."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reports.__main__ import main
from reports.gate.baseline import Change, with_sample, write_baseline
from reports.gate.sample import samples_of
from reports.gate.verdict import EXIT_UNUSABLE
from reports.history import lines as history_lines
from reports.history import readings
from reports.history.lines import History, histories_of
from reports.history.readings import readings_of, rounds_of
from reports.history.table import text_tables
from reports.record import CaseRecord, Run
from reports.rows import median
from tests.gate_samples import CASE, gate_case, gate_run, written
from tests.payloads import PAYLOADS
from tests.reports_samples import replaced

COMMITS = "abcdefghijklmnop"


def night(number: int, total_s: float = 4.0, *, case: CaseRecord | None = None, **environment: object) -> Run:
    """Give the run of a night, of a commit of its own."""
    environment = {"git_commit": COMMITS[number] * 40} | environment
    return gate_run(number, case or gate_case(total_s), **environment)


def slower_from(number: int, count: int = 10) -> list[Run]:
    """Give nights of which those from `number` on are 5 % slower."""
    return [night(n, 4.0 if n < number else 4.2) for n in range(count)]


def only(runs: Sequence[Run], **asked: Any) -> History:
    (found,) = histories_of(readings_of(runs), **asked)
    return found


def test_step_names_the_commits_between_which_it_lies() -> None:
    """The first of the new level, and the last of the old one."""
    found = only(slower_from(6))
    (step,) = found.steps
    assert (step.commit, step.after_commit) == ("g" * 40, "f" * 40)
    assert (step.before_level, step.level, round(step.change_pct, 6)) == (4.0, 4.2, 5.0)
    assert [point.level for point in found.points] == [4.0] * 6 + [4.2] * 4
    assert "STEP +5.00 %, worse: 4 s to 4.2 s, between commits ffffffffffff and gggggggggggg" in text_tables([found])
    assert "STEP -5.00 %, better" in text_tables([only([night(n, 4.0 if n < 5 else 3.8) for n in range(10)])])


def test_order_of_files_does_not_matter_and_a_run_counts_once() -> None:
    """Time orders; the same run given by two paths is one point."""
    runs = slower_from(6)
    assert only([*reversed(runs), *runs[:3]]) == only(runs)


def test_other_driver_begins_a_new_line_that_is_said() -> None:
    """A step of the machine is none of the code; runs of the old driver later on join the old line."""
    runs = [night(n, driver="580.1") for n in range(5)] + [night(n, 4.4, driver="590.2") for n in range(5, 10)]
    found = only([*runs, night(10, driver="580.9")])
    assert [line.name for line in found.lines] == ["1", "2"]
    assert found.lines[0].differs == ""
    assert found.lines[1].differs == "driver_branch '580', now '590'"
    assert [point.line for point in found.points] == ["1"] * 5 + ["2"] * 5 + ["1"]
    assert not found.steps
    assert text_tables([found]).count("new line: driver_branch '580', now '590'") == 1


def test_package_under_test_begins_no_line() -> None:
    """Then an upgrade of torch is a step as any other, and its versions stand where they change."""

    def torch(number: int) -> dict[str, Any]:
        version = "2.12.0" if number < 5 else "2.13.0"
        return {"packages": {"torch": version, "diffusers": "0.42.1"}}

    runs = [night(n, 4.0 if n < 5 else 4.4, **torch(n)) for n in range(10)]
    assert [len(only(runs).lines), len(only(runs).steps)] == [2, 0]
    joined = only(runs, under_test=["torch"])
    assert [len(joined.lines), len(joined.steps)] == [1, 1]
    assert "; torch 2.12.0 to 2.13.0" in text_tables([joined])


def test_other_recipe_on_the_same_machine_has_a_line_of_its_own() -> None:
    """Machines are numbered alike in every case."""
    other = replaced(gate_case(3.0), attention="native_flash")
    found = only([night(0), night(1, case=other), night(2)])
    assert [point.line for point in found.points] == ["1", "1.2", "1"]


def test_what_does_not_count_is_shown_and_moves_no_level() -> None:
    """Runs on a shared GPU, and of a case that failed, whatever their numbers."""
    shared = msgspec.structs.replace(gate_case(9.0), status="invalid_env", reason="shared with 2 others")
    failed = msgspec.structs.replace(gate_case(9.0), status="failed", reason="a budget is broken")
    lost = msgspec.structs.replace(gate_case(9.0), status="oom", reason="out of memory", measurement=None)
    runs = [night(n) for n in range(6)] + [night(6 + n, case=case) for n, case in enumerate((shared, failed, lost))]
    found = only(runs)
    assert [point.refused for point in found.points[6:]] == [
        "shared with 2 others",
        "failed: a budget is broken",
        "oom: out of memory",
    ]
    assert [(point.value, point.level) for point in found.points[5:]] == [
        (4.0, 4.0),
        (9.0, None),
        (9.0, None),
        (None, None),
    ]
    assert not found.steps
    text = text_tables([found])
    assert "(9 s)" in text
    assert "does not count: shared with 2 others" in text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, -1.0])
def test_value_that_is_none_is_no_point(value: float) -> None:
    """It is told, not drawn."""
    sample = samples_of(night(0))[0]
    broken = msgspec.structs.replace(sample, values={"prompt_to_host_s": value})
    (found,) = histories_of([readings.Reading(broken)])
    assert found.points[0].value is None
    assert found.points[0].refused == "prompt_to_host_s is no positive finite number"


@pytest.mark.parametrize(
    "metric", ["prompt_to_host_s", "time_to_first_frame_s", "first_step_s", "phase_decode_s", "peak_allocated_bytes"]
)
def test_interval_is_of_the_rounds_whose_median_is_shown(metric: str) -> None:
    """What is one number a run has none."""
    case = gate_case(4.0)
    sample = samples_of(night(0, case=case))[0]
    rounds = rounds_of(case, metric)
    if metric == "peak_allocated_bytes":
        assert rounds == []
    else:
        assert median(rounds) == sample.values[metric]


def test_primary_number_is_the_whole_and_any_other_can_be_asked_for() -> None:
    """Cases that never had it are left out."""
    assert only([night(0)]).metric == "prompt_to_host_s"
    assert only([night(0)], metric="peak_allocated_bytes").metric == "peak_allocated_bytes"
    assert histories_of(readings_of([night(0)]), "cold_start_s") == []


def test_without_ruptures_nothing_is_marked_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under every table."""
    monkeypatch.setattr(history_lines, "missing", lambda: "steps are not marked: no ruptures")
    found = only(slower_from(6))
    assert (found.steps, found.points[0].level) == ([], None)
    assert text_tables([found]).rstrip().endswith("steps are not marked: no ruptures")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_text_of_a_record_stays_in_its_row(payload: str) -> None:
    """Versions, commits, reasons: each run has one line."""
    runs = [night(n, packages={"torch": f"{payload}{n}"}, git_commit=f"{payload}\n{n}") for n in range(3)]
    lines = text_tables([only(runs)]).split("\n")
    assert len(lines) == 3 + 3 + 3 + 1
    assert all(line.isprintable() for line in lines)


def test_folder_of_runs_is_searched_and_baselines_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Runs anywhere below it; a baseline's file, or a folder of them, adds the runs that it holds."""
    for number, run in enumerate(slower_from(3, 5)):
        folder = tmp_path / "nights" / str(number % 2) / str(number)
        folder.mkdir(parents=True)
        written(folder, "run", run)
    baseline = None
    for sample in samples_of(night(8, 4.2)) + samples_of(night(9, 4.2)):
        baseline = with_sample(baseline, sample, "main", Change(at="now", who="me", why="test"))
    assert baseline is not None
    write_baseline(tmp_path / "stored" / "one.json", baseline)
    assert main(["history", str(tmp_path / "nights"), str(tmp_path / "stored"), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert [point["value"] for point in found["points"]] == [4.0] * 3 + [4.2] * 4
    assert [point["low"] is None for point in found["points"]] == [False] * 5 + [True] * 2
    assert len(found["steps"]) == 1
    assert main(["history", str(tmp_path / "stored" / "one.json")]) == 0
    assert capsys.readouterr().out.startswith(f"{CASE}: prompt_to_host_s, 2 runs\n")


def test_command_draws_the_same_bytes_each_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One case by what stands in its brackets, and one number."""
    files = [str(written(tmp_path, str(n), run)) for n, run in enumerate(slower_from(3, 5))]
    short = CASE.rpartition("[")[2].removesuffix("]")
    for name in ("a.svg", "b.svg"):
        asked = ["--case", short, "--metric", "peak_allocated_bytes", "--svg", str(tmp_path / name)]
        assert main(["history", *files, *asked]) == 0
    assert "peak_allocated_bytes, 5 runs" in capsys.readouterr().out
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["FILE", "--case", "nobody"], "no case 'nobody'; the 1 case are"),
        (
            ["FILE", "--metric", "speed"],
            "no metric 'speed'; the runs have first_step_s, later_steps_s, peak_allocated_bytes, ",
        ),
        (["FILE", "--metric", "cold_start_s"], "no metric 'cold_start_s'; the runs have "),
        (["EMPTY"], "no run and no baseline that is not retired"),
        (["TORN"], "torn.json"),
        (["nowhere"], "nowhere: no such file or folder; give a run folder or its run.json"),
    ],
)
def test_what_cannot_be_shown_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    """With the exit code of unreadable runs."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn.json").write_text('{"schema_version": 1, "ca', encoding="utf-8")
    places = {"FILE": written(tmp_path, "run", night(0)), "EMPTY": tmp_path / "empty", "TORN": tmp_path / "torn.json"}
    assert main(["history", *(str(places.get(word, word)) for word in arguments)]) == EXIT_UNUSABLE
    assert sentence in capsys.readouterr().err
