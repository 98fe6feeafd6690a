"""`python -m reports` renders old runs and tells plainly what it cannot read."""

import argparse
import ast
import doctest
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import reports.__main__
import reports.nearest
from reports.__main__ import main
from reports.gate.verdict import EXIT_UNUSABLE
from reports.merge import write_views
from reports.schema import schema_json
from reports.strict_json import encode
from tests.paper_samples import published
from tests.reports_samples import finished, measured, plan_of, planned, replaced, write_run

CASE = planned(rounds=1)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """Give a run folder with one case, measured."""
    return write_run(tmp_path / "run", plan_of(CASE), finished(CASE.id, measurement=measured(4.0)))


def test_summary_of_folder_and_of_file_are_equal(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run.json that was sent to somebody renders without its folder."""
    write_views(run_dir)
    assert main(["summary", str(run_dir)]) == 0
    of_folder = capsys.readouterr().out
    assert main(["summary", str(run_dir / "run.json")]) == 0
    assert capsys.readouterr().out == of_folder
    assert "1 case: 1 passed" in of_folder


def test_folder_with_nothing_but_run_json_is_read(run_dir: Path) -> None:
    """What was published of a run is enough."""
    write_views(run_dir)
    (run_dir / "plan.json").unlink()
    assert main(["summary", str(run_dir)]) == 0


def test_html_is_written_beside_the_record(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page belongs into the run folder, where its clips are."""
    assert main(["html", str(run_dir)]) == 0
    assert capsys.readouterr().out == f"{run_dir / 'report.html'}\n"
    assert (run_dir / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(("command", "key"), [("json", "cases"), ("benchmark-json", "benchmarks")])
def test_json_is_a_line_a_run(run_dir: Path, capsys: pytest.CaptureFixture[str], command: str, key: str) -> None:
    """Several runs come out as several lines."""
    plan = msgspec.structs.replace(plan_of(CASE), run_id="later")
    later = write_run(run_dir.parent / "later", plan, finished(CASE.id, measurement=measured(4.0)))
    assert main([command, str(run_dir), str(later)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [len(msgspec.json.decode(line)[key]) for line in lines] == [1, 1]


@pytest.mark.parametrize("command", ["html", "summary", "csv", "verdict", "paper", "ab"])
def test_run_that_is_given_twice_is_refused(run_dir: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    """Its cases would count twice, or be held against themselves; which two places are meant is said."""
    write_views(run_dir)
    copy, out = run_dir.parent / "copy.json", run_dir.parent / "out"
    copy.write_bytes((run_dir / "run.json").read_bytes())
    for other in (run_dir, run_dir / ".." / run_dir.name, run_dir / "run.json", copy):
        where = ["--out", str(out)] if command in ("html", "paper", "ab") else []
        assert main([command, str(run_dir), str(other), *where]) == EXIT_UNUSABLE
        told = capsys.readouterr()
        run_id = plan_of(CASE).run_id
        wanted = f"python -m reports {command}: {other}: is run {run_id}, as is {run_dir}; give each run once\n"
        assert (told.out, told.err) == ("", wanted)
    assert not out.exists()


def test_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """It is the text of reports/run.schema.json."""
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == schema_json()


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff"])
def test_bad_input_is_exit_code_4_and_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    """No traceback: command, file and fault."""
    path = tmp_path / "run.json"
    if content is not None:
        path.write_bytes(content)
    assert main(["summary", str(path)]) == EXIT_UNUSABLE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"python -m reports summary: {path}: ")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("of", ["times", "rate"])
def test_record_of_nothing_but_zeros_renders(of: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Times of 0 and no frame a second are parsable, and no view divides by them or looks for the least of nothing."""
    [run] = published("quick")
    case = run.cases[0]
    assert case.measurement is not None
    none = {"prompt_to_host_s": 0.0, "time_to_first_frame_s": 0.0, "sampling_s": 0.0}
    if of == "times":
        rounds = [msgspec.structs.replace(timed, **none) for timed in case.measurement.rounds]
        case = msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, rounds=rounds))
    else:
        case = replaced(case, fps=0.0)
    (tmp_path / "run.json").write_bytes(encode(msgspec.structs.replace(run, cases=[case])))
    for command in (["html"], ["summary"], ["json"], ["benchmark-json"], ["history", "--svg", f"{tmp_path}/h.svg"]):
        assert main([command[0], str(tmp_path), *command[1:]]) == 0, command
    told = {"times": "1 run, 0 valid, no value to draw", "rate": "and a frame rate to play them at"}
    page = (tmp_path / ("h.svg" if of == "times" else "report.html")).read_text(encoding="utf-8")
    assert told[of] in page
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "meant"),
    [("htlm x", "html"), ("summry x", "summary"), ("baseline lst", "list"), ("verdict x --quality enforc", "enforce")],
)
def test_mistyped_command_or_choice_is_told_the_nearest(
    words: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the end of the message, behind the list of all."""
    with pytest.raises(SystemExit, match="4"):
        main(words.split())
    assert capsys.readouterr().err.endswith(f"; nearest: `{meant}`\n")
    assert doctest.testmod(reports.nearest).failed == 0


def test_every_option_says_what_it_does() -> None:
    """In `--help` of every command."""
    assert list(_silent(reports.__main__._parser())) == []


def _silent(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _silent(inner)
        elif not action.help:
            yield parser.prog, action.dest


def test_unknown_command_lists_the_known_ones() -> None:
    """A fresh process, as a user types it."""
    command = [sys.executable, "-m", "reports", "pdf", "x"]
    root = Path(reports.__main__.__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == EXIT_UNUSABLE
    for known in ("html", "summary", "json", "benchmark-json", "schema"):
        assert known in done.stderr


def test_reports_import_neither_torch_nor_pytest_nor_other_parts() -> None:
    """Reports render on a machine that has none of it; SciPy does the statistics of verdicts over several cases."""
    allowed = {"jinja2", "markupsafe", "msgspec", "numpy", "reports", "scipy"} | set(sys.stdlib_module_names)
    for path in Path(reports.__main__.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= allowed, path
