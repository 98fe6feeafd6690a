"""run.json is one file for our readers, for programs that know its schema, and for pytest-benchmark."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import msgspec
import pytest

from reports.__main__ import main
from reports.benchmark_json import benchmark_document
from reports.journal import RunFolderError
from reports.merge import read_plan, read_run
from reports.record import SCHEMA_VERSION, Run
from reports.run_file import run_file
from reports.schema import run_schema
from reports.strict_json import encode, write_json_atomically
from tests.payloads import PAYLOADS, hostile_run
from tests.reports_samples import case_of, finished, plan_of, planned, run_of, write_run
from tests.running import ROOT, read_json

PUBLISHED = sorted((ROOT / "reports" / "published").glob("*/run.json"))
STUDENT, TEACHER = planned(), planned("wan2.1-t2v-1.3b")
RUN = run_of(case_of(STUDENT, 3.8, 4.0, 4.1), case_of(TEACHER, 64.0, 65.0, 66.0))
VALIDATOR = jsonschema.Draft202012Validator(run_schema())
OF_PYTEST_BENCHMARK = ["machine_info", "commit_info", "benchmarks", "datetime", "version"]


def compare(storage: Path, *arguments: object) -> str:
    """Run `pytest-benchmark compare` in the repository and give what it prints."""
    program = Path(sys.executable).with_name("pytest-benchmark")
    command = [str(program), f"--storage=file://{storage}", "compare", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Failed to load" not in done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    """Write two run folders' run.json, with the extra entries."""
    paths = [tmp_path / name / "run.json" for name in ("before", "after")]
    for path in paths:
        path.parent.mkdir()
        write_json_atomically(path, run_file(RUN, extra_entries=True))
    return paths


def test_file_holds_the_record_and_the_block_of_pytest_benchmark_intact() -> None:
    """All that `--benchmark-json` has, under its names and unchanged, and none of our fields is overwritten."""
    whole, theirs = json.loads(encode(run_file(RUN))), json.loads(encode(benchmark_document(RUN)))
    assert list(whole)[-5:] == OF_PYTEST_BENCHMARK
    assert {name: whole[name] for name in OF_PYTEST_BENCHMARK} == {name: theirs[name] for name in OF_PYTEST_BENCHMARK}
    assert {name: whole[name] for name in Run.__struct_fields__} == json.loads(encode(RUN))
    VALIDATOR.validate(whole)


def test_what_is_read_of_the_file_is_the_record(two: list[Path]) -> None:
    """pytest-benchmark's block is a view: it is made anew and never read."""
    assert read_run(two[0]) == read_run(two[0].parent) == RUN
    assert type(read_run(two[0])) is Run


def test_pytest_benchmark_compares_two_run_files(two: list[Path]) -> None:
    """The very files, by their paths: both are told apart by their folders, models share a group."""
    printed = compare(two[0].with_name("store"), *two, "--columns=median")
    for folder in ("before", "after"):
        assert f"/{folder}/run) " in printed
    assert "4.0000 (1.0)" in printed
    assert "65.0000 (16.25)" in printed


def test_extra_entries_are_shown_unscaled_with_their_unit(two: list[Path]) -> None:
    """In this repository memory, times a frame and first frames are printed in the unit that their name holds."""
    printed = compare(two[0].parent, two[0], "--columns=median,ops", "-k", "causvid")
    rows = {
        line.split("]")[1] + "]": line.split()[-2:] for line in printed.splitlines() if "s0] " in line and "[" in line
    }
    assert rows[" peak VRAM [MiB]"] == ["24,576.0000", "0.0000"]
    assert rows[" time per frame [s]"] == ["0.0494", "20.4202"]
    assert rows[" time to first frame [s]"] == ["1.0000", "1.0084"]


def test_folder_of_runs_is_a_storage(two: list[Path]) -> None:
    """`--storage` with a pattern finds the files of a folder of run folders."""
    printed = compare(two[0].parents[1], "*/run", "--columns=median", "-k", "causvid and not mib")
    assert "(before/run)" in printed
    assert "(after/run)" in printed


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.parent.name)
def test_every_published_record_is_read_and_satisfies_the_schema(path: Path) -> None:
    """Records of every age: today's code reads them, today's schema describes them, and they can be written again."""
    document = read_json(path)
    run = read_run(path)
    assert [case.id for case in run.cases] == [case["id"] for case in document["cases"]]
    VALIDATOR.validate(document)
    again = json.loads(encode(run_file(run, extra_entries=True)))
    VALIDATOR.validate(again)
    assert len(again["benchmarks"]) > len(run.cases)


def test_a_record_of_every_schema_version_is_published() -> None:
    """Whoever raises the number leaves a record of the old one here, which then has to be read."""
    assert {read_json(path)["schema_version"] for path in PUBLISHED} == set(range(1, SCHEMA_VERSION + 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": SCHEMA_VERSION + 1}, f"has schema version {SCHEMA_VERSION + 1}, this code reads"),
        ({"schema_version": SCHEMA_VERSION + 1, "cases": "other"}, "render it with the code that wrote it"),
        ({"schema_version": 0}, "has schema version 0"),
        ({"schema_version": "1"}, "Expected `int`, got `str`"),
        ({"verdict": "invalid"}, "unknown field `verdict`"),
        ({"benchmarks": {}}, r"Expected `array`, got `object` - at `\$.benchmarks`"),
    ],
)
def test_other_schema_is_refused_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object], message: str
) -> None:
    """A newer number rules, whatever else has changed; what this code does not know it does not leave out."""
    path = tmp_path / "run.json"
    path.write_bytes(encode(msgspec.to_builtins(run_file(RUN)) | change))
    with pytest.raises(RunFolderError, match=message):
        read_run(path)
    assert main(["summary", str(path)]) == 4
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    "content", [b"", b"[", b"[1, 2]", b'{"schema_version": 1', b"\xff\xfe", b"[" * 100_000, b"NaN"]
)
def test_what_is_no_record_is_refused_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    """Cut off, of another shape, not UTF-8, nested without end, not JSON."""
    (tmp_path / "run.json").write_bytes(content)
    (tmp_path / "plan.json").write_bytes(content)
    for read in (lambda path: read_run(path / "run.json"), read_plan):
        with pytest.raises(RunFolderError, match=r"(run|plan)\.json: not a (run|plan) of schema version") as told:
            read(tmp_path)
        assert f"({len(content):,} bytes); " in str(told.value)


@pytest.mark.parametrize(
    ("content", "has_plan", "step"),
    [
        (b"[1, 2]", True, "; give a file that a run of this repository wrote, or read it with the code that wrote it"),
        (b'{"schema_version": 1', False, "; copy it again, whole, from the folder that the run was written to"),
        (b'{"schema_version": 1', True, "{folder}, whose plan.json and journal the record is made from anew"),
        (b"hello", False, "; copy it again, whole, from the folder that the run was written to"),
    ],
    ids=["another shape", "cut off", "cut off beside its plan", "no JSON"],
)
def test_refusal_says_what_to_do_next(tmp_path: Path, content: bytes, has_plan: bool, step: str) -> None:
    """A damaged run.json is made anew from plan and journal where they are there, or copied again."""
    (tmp_path / "run.json").write_bytes(content)
    if has_plan:
        write_run(tmp_path, plan_of(STUDENT), finished(STUDENT.id))
    with pytest.raises(RunFolderError) as told:
        read_run(tmp_path / "run.json")
    assert str(told.value).endswith(step.format(folder=f"give the folder {tmp_path}"))
    if has_plan:
        assert [case.id for case in read_run(tmp_path).cases] == [STUDENT.id]
        next(tmp_path.glob("journal/*")).unlink()
        with pytest.raises(RunFolderError, match=r"copy it again|give a file that"):
            read_run(tmp_path)


def test_every_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    """A record that lost its end anywhere never reads as a shorter one."""
    whole, path = encode(run_file(RUN)), tmp_path / "run.json"
    for length in range(0, len(whole) - 1, 997):
        path.write_bytes(whole[:length])
        with pytest.raises(RunFolderError):
            read_run(path)


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_any_text_goes_through_the_file_and_back(tmp_path: Path, payload: str) -> None:
    """Strict JSON in UTF-8 holds whatever a record does, satisfies the schema, and reads as the same record."""
    run, path = hostile_run(payload), tmp_path / "run.json"
    write_json_atomically(path, run_file(run, extra_entries=True))
    VALIDATOR.validate(read_json(path))
    assert read_run(path) == run


def test_plan_is_read_as_before(tmp_path: Path) -> None:
    """plan.json holds none of pytest-benchmark's keys."""
    plan = plan_of(STUDENT)
    write_json_atomically(tmp_path / "plan.json", plan)
    assert read_plan(tmp_path) == plan


def test_schema_is_open_to_fields_of_later_code() -> None:
    """Programs that validate by an older schema go on working when a field is added, as the rule promises."""
    document = json.loads(encode(run_file(RUN)))
    document["cases"][0]["measurement"]["later"] = 1
    VALIDATOR.validate(document)
