"""Plan and journal give every planned case exactly one outcome."""

import shutil
import typing
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports import merge as merge_module
from reports.journal import Finished, RunFolderError, Started
from reports.measured import DURATIONS
from reports.merge import merge, read_run, write_views
from reports.record import Run, Status, WeightsRecord
from reports.schema import run_schema, schema_json
from reports.strict_json import encode
from tests.reports_samples import case_of, finished, measured, plan_of, planned, run_of, started, write_run

STUDENT, TEACHER, CATS = planned(), planned("wan2.1-t2v-1.3b"), planned(prompt="cats")
STATUSES: tuple[Status, ...] = typing.get_args(Status)


def test_every_planned_case_appears_once_with_its_outcome(tmp_path: Path) -> None:
    """Finished rules, started-only is crashed, absent is not run; the plan's order stays."""
    outcome = measured(3.9)
    write_run(
        tmp_path,
        plan_of(STUDENT, TEACHER, CATS),
        started(TEACHER.id),
        started(STUDENT.id),
        finished(STUDENT.id, measurement=outcome),
    )
    run = merge(tmp_path)
    assert [(case.id, case.status, case.reason) for case in run.cases] == [
        (STUDENT.id, "passed", ""),
        (TEACHER.id, "crashed", "the process ended, or the disk was full, before the case's result was written"),
        (CATS.id, "not_run", "the run ended before the case started"),
    ]
    assert run.cases[0].measurement == outcome
    assert run.finished_at == "2026-11-22T12:01:30+00:00"


def test_last_finished_attempt_rules_and_all_are_listed(tmp_path: Path) -> None:
    """Attempts are ordered by number, whichever worker's file they lie in; a crash later on takes nothing away."""
    write_run(
        tmp_path,
        plan_of(STUDENT),
        started(STUDENT.id, 2, "a"),
        finished(STUDENT.id, "passed", 2, "a"),
        started(STUDENT.id, 1, "b"),
        finished(STUDENT.id, "oom", 1, "b"),
        started(STUDENT.id, 3, "a"),
    )
    (case,) = merge(tmp_path).cases
    assert case.status == "passed"
    assert [(a.number, a.worker, a.status) for a in case.attempts] == [
        (1, "b", "oom"),
        (2, "a", "passed"),
        (3, "a", "crashed"),
    ]


def test_crash_after_an_interruption_is_not_hidden_by_it(tmp_path: Path) -> None:
    """`not_run` ends nothing: of a case that was interrupted and then crashed, the crash is told."""
    write_run(
        tmp_path,
        plan_of(STUDENT),
        started(STUDENT.id, 1),
        finished(STUDENT.id, "not_run", 1),
        started(STUDENT.id, 2),
    )
    (case,) = merge(tmp_path).cases
    assert [attempt.status for attempt in case.attempts] == ["not_run", "crashed"]
    assert case.status == "crashed"


def test_later_finished_line_corrects_an_earlier_one_of_its_attempt(tmp_path: Path) -> None:
    """A case that passed and whose teardown failed is written twice; it is one attempt."""
    write_run(tmp_path, plan_of(STUDENT), finished(STUDENT.id), finished(STUDENT.id, "error"))
    (case,) = merge(tmp_path).cases
    assert [attempt.status for attempt in case.attempts] == ["error"]
    assert case.status == "error"


LINES = st.lists(
    st.tuples(
        st.sampled_from([STUDENT.id, TEACHER.id, CATS.id]),
        st.sampled_from([None, *STATUSES]),
        st.integers(1, 3),
        st.sampled_from(["gw0", "gw1"]),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(lines=LINES)
def test_any_journal_gives_each_planned_case_once_with_a_legal_status(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, Status | None, int, str]]
) -> None:
    """However lines are interleaved, lost or repeated, no case is lost, doubled or without a status."""
    entries: list[Started | Finished] = [
        finished(case, status, attempt, worker) if status else started(case, attempt, worker)
        for case, status, attempt, worker in lines
    ]
    folder = tmp_path_factory.mktemp("run")
    (folder / "journal").mkdir()
    (folder / "plan.json").write_bytes(encode(plan_of(STUDENT, TEACHER, CATS)))
    for worker in ("gw0", "gw1"):
        text = b"".join(encode(entry) + b"\n" for entry in entries if entry.worker == worker)
        (folder / "journal" / f"{worker}.jsonl").write_bytes(text)
    cases = merge(folder).cases
    assert [case.id for case in cases] == [STUDENT.id, TEACHER.id, CATS.id]
    for case in cases:
        last = {(number, worker): "crashed" for name, _, number, worker in lines if name == case.id}
        last |= {(number, worker): status for name, status, number, worker in lines if name == case.id and status}
        ended = {attempt: status for attempt, status in last.items() if status not in ("crashed", "not_run")}
        ruling = ended or last
        newest = max((number for number, _ in ruling), default=0)
        assert case.status in ({s for (number, _), s in ruling.items() if number == newest} or {"not_run"})
        assert len(case.attempts) == len({(attempt, worker) for name, _, attempt, worker in lines if name == case.id})


def test_journal_of_another_run_is_refused(tmp_path: Path) -> None:
    """A line about a case that was not planned means that plan and journal do not belong together."""
    write_run(tmp_path, plan_of(STUDENT), started(TEACHER.id))
    with pytest.raises(RunFolderError, match=r"which plan\.json with its 1 case does not hold"):
        merge(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"plan\.json: cannot be read \(No such file or directory\); give a run folder or its run\.json"),
        (b"{", r"plan\.json: not a plan of schema version 1: Input data was truncated"),
        (b'{"schema_version": 1}', r"missing required field"),
        (encode(msgspec.structs.replace(plan_of(), schema_version=2)), "has schema version 2, this code reads 1"),
    ],
)
def test_unreadable_plan_is_told_with_its_file(tmp_path: Path, content: bytes | None, message: str) -> None:
    """What is wrong with plan.json, and where it lies, stands in the error."""
    if content is not None:
        (tmp_path / "plan.json").write_bytes(content)
    with pytest.raises(RunFolderError, match=message):
        merge(tmp_path)


def test_views_are_written_and_read_back(tmp_path: Path) -> None:
    """run.json is the merged run; the other views lie beside it."""
    write_run(tmp_path, plan_of(STUDENT, TEACHER), started(STUDENT.id), finished(STUDENT.id, measurement=measured(4.0)))
    run = write_views(tmp_path)
    assert read_run(tmp_path / "run.json") == run == read_run(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"plan.json", "journal", "run.json", "benchmark.json", "summary.txt", "report.html"}


def test_copy_without_the_journal_is_read_from_its_record(tmp_path: Path) -> None:
    """What was kept of a run with its plan and record alone has lost no case; a plan alone has run none."""
    write_run(tmp_path, plan_of(STUDENT), started(STUDENT.id), finished(STUDENT.id, measurement=measured(3.9)))
    write_views(tmp_path)
    shutil.rmtree(tmp_path / "journal")
    assert [case.status for case in read_run(tmp_path).cases] == ["passed"]
    (tmp_path / "run.json").unlink()
    assert [case.status for case in read_run(tmp_path).cases] == ["not_run"]


def test_failing_view_does_not_keep_the_others_from_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault in one renderer costs that view alone, and is raised with its file's name."""

    def broken(_run: Run, _width: int) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(merge_module, "render_summary", broken)
    write_run(tmp_path, plan_of(STUDENT))
    with pytest.raises(ExceptionGroup, match=r"1 of 4 views of .* could not be written") as raised:
        write_views(tmp_path)
    assert raised.value.exceptions[0].__notes__ == [f"while writing {tmp_path / 'summary.txt'}"]
    assert {"run.json", "benchmark.json", "report.html"} <= {path.name for path in tmp_path.iterdir()}


def test_schema_file_is_equal_to_the_code() -> None:
    """Whoever changes record.py runs `python -m reports schema > reports/run.schema.json`."""
    file = Path(merge_module.__file__).with_name("run.schema.json")
    assert file.read_text(encoding="utf-8") == schema_json()


def test_schema_shows_every_definition_where_run_json_holds_them() -> None:
    """A program that reads the schema learns what each duration spans, also of those that are not stored."""
    assert run_schema()["$defs"]["RunFile"]["properties"]["durations"]["examples"] == [DURATIONS]


def test_sampling_is_defined_as_the_sum_of_its_phases() -> None:
    """Block-wise models decode between their forwards, which is no part of it."""
    assert DURATIONS["sampling_s"].startswith("The sum of the phases `denoise`: ")
    assert "also those between blocks" in DURATIONS["sampling_s"]


def test_device_memory_says_how_it_was_sampled() -> None:
    """The schema carries the warning to whoever reads `peak_device_bytes`."""
    description = run_schema()["$defs"]["Memory"]["description"]
    assert "in samples taken every `state.period_s` of the timed rounds" in " ".join(description.split())


def test_record_without_the_commit_that_was_loaded_is_read() -> None:
    """Records written before the field existed stay readable."""
    old = b'{"repository": "a/b", "path": "c", "licence": "MIT", "revision": null}'
    assert msgspec.json.decode(old, type=WeightsRecord).resolved_revision is None


def test_run_json_satisfies_the_schema_and_a_wrong_one_does_not() -> None:
    """The schema accepts what we write and refuses a status that does not exist."""
    validator = jsonschema.Draft202012Validator(run_schema())
    validator.check_schema(run_schema())
    document = msgspec.to_builtins(run_of(case_of(STUDENT, 3.8, 3.9), case_of(TEACHER, status="oom", reason="no room")))
    validator.validate(document)
    document["cases"][0]["status"] = "great"
    with pytest.raises(jsonschema.ValidationError, match="'great' is not one of"):
        validator.validate(document)
