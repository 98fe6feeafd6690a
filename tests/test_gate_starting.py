"""What a gate's process is started with: the session's options, the listed cases, and nothing of the gate."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from fixtures.gate.against import NEW, Side
from fixtures.gate.asked import PROCESS_OF_A_GATE
from fixtures.gate.command import INJECTED, OPTIONS, command, knows, own_words, variables
from fixtures.gate.injected import only_these_cases
from fixtures.gate.procedure import FIRST_NEW, GateEndedError, Ran
from fixtures.gate.starting import Starter
from fixtures.options import Options
from fixtures.suite import SUITES_DIR
from reports.record import Status
from tests.gate_samples import gate_case, gate_run, with_student
from tests.reports_samples import finished, plan_of, planned, started, write_run

CASE = "bench_speed.py::bench_generate[a-s0]"


def words(options: Options, side: Side = NEW) -> list[str]:
    """Give what is behind the run's folder."""
    line = command(side, options, [], [], Path("/run"))
    return line[line.index("--run-dir=/run") + 1 :]


def test_options_are_given_on_but_for_the_gates_own(tmp_path: Path) -> None:
    """Selection, switches, values with commas; what the session keeps to itself is left out."""
    options = Options(
        suite="smoke",
        models=("a", "b"),
        sweeps=("steps=3,4",),
        rounds=5,
        no_energy=True,
        gate=True,
        against="HEAD",
        lenient=("MISSING",),
        under_test=("torch",),
        baselines="x",
        run_dir="y",
        no_charts=True,
        golden=str(tmp_path),
    )
    assert words(options) == [
        *("--suite=smoke", "--model=a", "--model=b", "--set=steps=3,4", "--rounds=5"),
        *(f"--golden={tmp_path}", "--no-energy"),
    ]


def test_no_windows_of_energy_in_turns() -> None:
    """Fifteen seconds a case and process would double the time; against stored baselines energy is judged."""
    assert words(Options(suite="smoke", gate=True, against="HEAD")) == ["--suite=smoke", "--no-energy"]
    assert words(Options(suite="smoke", gate=True)) == ["--suite=smoke"]


def test_base_runs_its_own_files_where_it_has_them(tmp_path: Path) -> None:
    """A suite or a folder of the repository is that of the commit; what it lacks is lent by the new side."""
    base = Side(folder=tmp_path, python=sys.executable)
    relative = SUITES_DIR.relative_to(NEW.folder)
    lent = [f"--suite={SUITES_DIR / 'tiny.toml'}"]
    assert words(Options(suite="tiny"), base) == lent
    (tmp_path / relative).mkdir(parents=True)
    (tmp_path / relative / "tiny.toml").touch()
    assert words(Options(suite="tiny"), base) == ["--suite=tiny"]
    assert words(Options(suite=str(SUITES_DIR / "tiny.toml")), base) == [f"--suite={tmp_path / relative / 'tiny.toml'}"]
    outside = tmp_path / "mine.toml"
    assert words(Options(suite=str(outside)), base) == [f"--suite={outside}"]


def test_process_inherits_no_gate() -> None:
    """Neither by `PYTEST_ADDOPTS`; and it knows that it is one."""
    given = variables({"PYTEST_ADDOPTS": "--gate", "PYTHONPATH": "/mine", "HOME": "/h"}, Path("/cases"), ["a", "b"])
    assert "PYTEST_ADDOPTS" not in given
    assert given["PYTHONPATH"] == f"{INJECTED.parent}{os.pathsep}/mine"
    assert (given["HOME"], given[only_these_cases.VARIABLE]) == ("/h", "/cases")
    assert given["VIDEO_BENCHMARK_UNDER_TEST"] == "a,b"
    assert PROCESS_OF_A_GATE in given


def test_own_options_of_pytest_are_given_on() -> None:
    """Plugins, values of the configuration, and when to stop."""
    option = SimpleNamespace(plugins=["no:randomly"], override_ini=["log_level=INFO"], maxfail=1)
    config: Any = SimpleNamespace(option=option)
    assert own_words(config) == ["-p", "no:randomly", "-o", "log_level=INFO", "--maxfail=1"]


def python(folder: Path, script: str) -> Side:
    """Give a side whose interpreter is a script."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)
    return Side(folder=folder, python=str(file))


def starter(folder: Path, script: str) -> Starter:
    """Give what starts the script in the place of a session."""
    (folder / "gate").mkdir()
    side = python(folder, script)
    return Starter(
        run=folder,
        sides={"base": side, "new": side, "confirmation": side},
        options=Options(),
        own_words=[],
        outside=[],
        cases=[CASE],
        under_test=[],
        tell=lambda line: None,
    )


def test_process_without_a_run_ends_the_gate_with_its_last_lines(tmp_path: Path) -> None:
    """A suite that cannot be read, a module that is not there: never a pass."""
    start = starter(tmp_path, "echo unrecognized arguments: --learned >&2; exit 4")
    with pytest.raises(GateEndedError, match=r"base-1 ended with code 4 before .*\n.*arguments: --learned"):
        start("base", "base-1", [CASE])
    assert (tmp_path / "gate" / "base-1.cases").read_text(encoding="utf-8") == f"{CASE}\n"


def ran(folder: Path, code: int, status: Status = "passed") -> Ran:
    """Start a process that writes the plan and journal of one case that ended so, and then ends with the code."""
    start = starter(folder, f'cp -r "{folder}/written/." "{folder}/gate/base-1"; echo printed last; exit {code}')
    id_ = planned().id
    write_run(folder / "written", plan_of(planned()), started(id_), finished(id_, status))
    (folder / "gate" / "base-1").mkdir()
    return start("base", "base-1", [id_])


@pytest.mark.parametrize("code", [139, 3, 4, 2, 5, 1])
def test_process_that_dies_after_its_cases_has_a_fault(tmp_path: Path, code: int) -> None:
    """Its record is whole, and is judged; what ended it may be the change."""
    found = ran(tmp_path, code)
    assert [case.status for case in found.run.cases] == ["passed"]
    assert found.process.exit_code == code
    assert found.fault.startswith(f"gate process base-1 ended with code {code} ")
    assert found.fault.endswith("its last lines:\nprinted last")


@pytest.mark.parametrize(("code", "status"), [(0, "passed"), (1, "failed"), (1, "oom"), (0, "skipped")])
def test_process_that_ends_as_its_cases_did_has_none(tmp_path: Path, code: int, status: Status) -> None:
    """A failed case is judged as such."""
    found = ran(tmp_path, code, status)
    assert (found.run.cases[0].status, found.fault) == (status, "")


@pytest.mark.parametrize(("quality", "has_fault"), [("strict", False), ("enforce", True), ("report", True)])
def test_undecided_student_explains_an_end_under_strict_quality_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quality: Literal["strict", "enforce", "report"], has_fault: bool
) -> None:
    """There a session ends with 1 for it, as for a failed case."""
    run = with_student(gate_run(1, gate_case()), {"y_std": "INCONCLUSIVE"})
    monkeypatch.setattr("fixtures.gate.starting.merge", lambda _folder: run)
    start = starter(tmp_path, f'touch "{tmp_path}/gate/base-1/plan.json"; exit 1')
    start = replace(start, options=Options(quality=quality))
    (tmp_path / "gate" / "base-1").mkdir()
    assert bool(start("base", "base-1", [CASE]).fault) is has_fault


def test_clips_are_those_of_the_new_sides_first_process(tmp_path: Path) -> None:
    """The script tells its own command; nobody looks at the clips of the others."""
    start = starter(tmp_path, 'echo "$@"; exit 4')
    (tmp_path / OPTIONS).parent.mkdir()
    (tmp_path / OPTIONS).write_text('no_clips: bool = setting("--no-clips", "")', encoding="utf-8")
    told = {}
    lines: list[str] = []
    start = replace(start, tell=lines.append)
    for role, name in (("new", FIRST_NEW), ("base", "base-1"), ("confirmation", "confirm-1")):
        with pytest.raises(GateEndedError) as error:
            start(role, name, [CASE])  # type: ignore[arg-type] # the roles are those of the gate
        told[name] = "--no-clips" in str(error.value)
    assert told == {FIRST_NEW: False, "base-1": True, "confirm-1": True}
    begun = [line.partition(": 1 case")[0] for line in lines[::2]]
    assert begun == ["gate     new-1", "gate     base-1", "gate     confirm-1, confirming"]


def test_older_side_is_not_given_what_only_the_gate_adds(tmp_path: Path) -> None:
    """It would end with `unrecognized arguments`, though nobody typed them; what was typed is given all the same."""
    start = starter(tmp_path, 'echo "$@"; exit 4')
    with pytest.raises(GateEndedError) as error:
        start("base", "base-1", [CASE])
    for flag in ("--no-clips", "--no-charts", "--no-energy"):
        assert flag not in str(error.value)
        assert knows(NEW, flag)
    declared = tmp_path / OPTIONS
    declared.parent.mkdir()
    declared.write_text('setting("--no-energy-at-all", "as --no-energy, never --no-clips")', encoding="utf-8")
    older = Side(folder=tmp_path, python=sys.executable)
    assert not any(knows(older, flag) for flag in ("--no-clips", "--no-charts", "--no-energy"))
    assert words(Options(gate=True, against="HEAD", no_clips=True), older) == ["--no-clips"]
    assert words(Options(gate=True, against="HEAD"), older) == []


def test_process_that_finds_none_of_the_cases_ends_the_gate(tmp_path: Path) -> None:
    """Pytest's code for no tests is told in words."""
    with pytest.raises(GateEndedError, match="base-1 found none of the cases"):
        starter(tmp_path, "exit 5")("base", "base-1", [CASE])


def item(nodeid: str, path: str = "benchmarks/bench_speed.py", **params: object) -> Any:
    return SimpleNamespace(nodeid=nodeid, path=Path(path), callspec=SimpleNamespace(params=params))


def test_listed_cases_alone_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their ids without folders, also where a node id has no file; other cases are told, ordinary tests not."""
    listed = tmp_path / "cases"
    listed.write_text(f"{CASE}\ntest_mine.py::bench_mine[a]\n", encoding="utf-8")
    monkeypatch.setenv(only_these_cases.VARIABLE, str(listed))
    dropped: list[Any] = []

    def keep(items: list[Any]) -> None:
        dropped.extend(items)

    config: Any = SimpleNamespace(hook=SimpleNamespace(pytest_deselected=keep))
    case = SimpleNamespace(recipe=None)
    kept = item(f"benchmarks/{CASE}", case=case)
    other = item("benchmarks/bench_speed.py::bench_generate[b-s0]", case=case)
    test = SimpleNamespace(nodeid="tests/test_a.py::test_b", path=Path("tests/test_a.py"))
    outside = item("::bench_mine[a]", "/elsewhere/test_mine.py", case=case)
    items = [test, other, kept, outside]
    only_these_cases.pytest_collection_modifyitems(config, items)
    assert (items, dropped) == ([kept, outside], [test, other])
    others = (tmp_path / "cases.others").read_text(encoding="utf-8")
    assert others == "bench_speed.py::bench_generate[b-s0]\n"
