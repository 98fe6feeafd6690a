"""`python -m reports compare` and `baseline` on files: roles, exit codes, what is refused, and what is kept."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from fixtures.gate.telling import failing, gate_nodeid, summary_lines
from reports.__main__ import main
from reports.gate.baseline import Baseline, baselines_in, read_baseline, samples_in
from reports.gate.judge import GateError, judge
from reports.gate.numbers import Check, Standing, Student
from reports.gate.outcome import side_of
from reports.measured import Device
from reports.record import CaseRecord, Run
from tests.gate_samples import (
    BRIGHT,
    CASE,
    DARK,
    baseline_runs,
    clip_of,
    gate_case,
    gate_run,
    outcome_of,
    runs_of,
    samples,
    written,
)
from tests.reports_samples import plan_of as plan
from tests.reports_samples import planned, replaced, write_run


@pytest.fixture
def base(tmp_path: Path) -> list[str]:
    """Write five unchanged runs."""
    return [str(written(tmp_path, f"base-{number}", run)) for number, run in enumerate(baseline_runs())]


def new(folder: Path, total_s: float = 4.0, number: int = 1, name: str = "new", **environment: object) -> str:
    return str(written(folder, name, gate_run(number, gate_case(total_s), **environment)))


def verdicts(printed: str) -> dict[str, str]:
    return {case["id"]: case["verdict"] for case in json.loads(printed)["cases"]}


@pytest.mark.parametrize(("total_s", "code"), [(4.0, 0), (4.1, 0), (4.2, 1), (3.0, 0)])
def test_exit_code_is_1_for_a_regression_alone(
    base: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], total_s: float, code: int
) -> None:
    """A table that names case, number and limits; faster is told, but nothing wrong."""
    assert main(["compare", *base, "--new", new(tmp_path, total_s)]) == code
    printed = capsys.readouterr().out
    assert CASE in printed
    assert ("REGRESSION" in printed) is (code == 1)
    assert ("4.2 s" in printed and "3 % and 0.03 s" in printed) is (code == 1)
    assert ("stale" in printed) is (total_s == 3.0)


def test_every_run_under_test_counts(base: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """However often `--new` stands: an earlier one is not replaced."""
    slow, sound = new(tmp_path, 4.6, name="slow"), new(tmp_path, number=2, name="sound")
    for words in (["--new", slow, sound], ["--new", slow, "--new", sound]):
        assert main(["compare", "--json", *base, *words]) == 1
        assert json.loads(capsys.readouterr().out)["new"] == [slow, sound]


def test_names_and_order_of_files_decide_nothing(
    base: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run under test whose name sorts first is still under test."""
    slow = new(tmp_path, 4.4, name="aaa")
    assert main(["compare", "--json", *base, "--new", slow]) == 1
    first = json.loads(capsys.readouterr().out)
    assert main(["compare", "--json", *reversed(base), "--new", slow]) == 1
    assert json.loads(capsys.readouterr().out)["cases"] == first["cases"]
    assert main(["compare", "--paired", slow, "--new", base[0]]) == 2


def test_reversed_file_names_do_not_reverse_the_roles(
    base: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Baselines named to sort after the run under test, and the other way round, slower and faster."""
    for under_test, first in (("000", "zzz"), ("zzz", "000")):
        old = [str(Path(path).rename(tmp_path / f"{first}-{number}.json")) for number, path in enumerate(base)]
        assert main(["compare", *old, "--new", new(tmp_path, 4.4, name=under_test)]) == 1
        assert "(+10.00 %)" in capsys.readouterr().out
        assert main(["compare", *old, "--new", new(tmp_path, 3.6, name=under_test)]) == 0
        base = old


def test_json_holds_roles_verdicts_and_numbers(
    base: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything that the table is made of, in SI units."""
    assert main(["compare", *base, "--json", "--new", new(tmp_path, 4.4)]) == 1
    gate = json.loads(capsys.readouterr().out)
    assert (gate["base"], gate["exit_code"]) == (base, 1)
    number = next(m for m in gate["cases"][0]["metrics"] if m["metric"] == "prompt_to_host_s")
    assert (number["base"], number["new"], number["base_runs"], number["limit_absolute"]) == (4.0, 4.4, 5, 0.03)


def test_markdown_is_a_table_in_which_ids_are_text(
    base: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Brackets and pipes of an id are no links and no columns."""
    assert main(["compare", *base, "--markdown", "--new", new(tmp_path, 4.4)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "**1 case: 1 REGRESSION**"
    rows = [line for line in lines if line.startswith("|")]
    assert {line.count("|") for line in rows} == {9}
    assert not any(re.search(r"(?<!\\)\[", line) for line in lines)


def test_every_form_names_the_clip_the_frames_and_the_phase(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Table, Markdown and JSON: a check that broke beside a slower phase; leniency lets a check that is gone pass."""
    old = [str(written(tmp_path, f"old-{n}", run)) for n, run in enumerate(runs_of(clip_of(BRIGHT)))]
    dark, gone = (
        str(written(tmp_path, name, gate_run(1, case)))
        for name, case in (("dark", clip_of(DARK)), ("gone", clip_of(BRIGHT, metrics=[])))
    )
    for form in ([], ["--markdown"], ["--json"]):
        assert main(["compare", *old, "--new", dark, *form]) == 1
        printed = capsys.readouterr().out.replace("\\_", "_")
        assert "y_std, its own limits passed in the baseline: y_std 2.907 codes is below" in printed
        assert "frames 10 to 80" in printed
        assert ('"frames": [\n' in printed) is (form == ["--json"])
    codes = [main(["compare", *old, "--new", gone, *lenient]) for lenient in ([], ["--lenient", "MISSING"])]
    assert codes == [2, 0]


@pytest.mark.parametrize(
    ("environment", "lenient", "code"),
    [
        ({"driver": "590.1"}, "", 2),
        ({"driver": "590.1"}, "MISSING", 2),
        ({"driver": "590.1"}, "CALIBRATION_NEEDED", 2),  # nothing was compared
        ({}, "", 0),
    ],
)
def test_undecided_is_2(base: list[str], tmp_path: Path, environment: dict[str, str], lenient: str, code: int) -> None:
    """Leniency lets one state pass beside what was compared; a gate that compared nothing is not green."""
    under_test = str(written(tmp_path, "new", gate_run(1, gate_case(), **environment)))
    assert main(["compare", *base, "--new", under_test, "--lenient", lenient]) == code


def test_leniency_lets_a_named_state_pass(base: list[str], tmp_path: Path) -> None:
    """A case of the baseline that is not run any more, beside one that is."""
    both = gate_run(200, gate_case(), gate_case(model="wan2.1-t2v-1.3b"))
    arguments = ["compare", *base, str(written(tmp_path, "both", both)), "--new", new(tmp_path)]
    assert [main([*arguments, *lenient]) for lenient in ([], ["--lenient", "AMBIGUOUS,MISSING"])] == [2, 0]


def _text_of(run: Run, **changed: str) -> str:
    text = msgspec.json.encode(run).decode()
    for name, value in changed.items():
        text = re.sub(rf'"{name}":[\d.]+', f'"{name}":{value}', text)
    return text


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (_text_of(gate_run(9, gate_case()))[:-200], "not a run of schema version 1"),
        (_text_of(gate_run(9, gate_case()), prompt_to_host_s="1e999"), "Number out of range"),
        (_text_of(gate_run(9, gate_case()), prompt_to_host_s="NaN"), "malformed"),
        (_text_of(gate_run(9, gate_case(), gate_case())), "is there twice"),
        ("{}", "not a run"),
        ('{"schema_version": 99}', "has schema version 99"),
        ("", "not a run"),
        (None, "cannot be read"),
    ],
)
@pytest.mark.parametrize("role", ["base", "new"])
def test_unusable_input_is_4_and_a_sentence(
    base: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    told: str,
    role: str,
) -> None:
    """Never "no baseline, so pass": file and fault, in either role."""
    bad = tmp_path / "bad.json"
    if content is not None:
        bad.write_text(content, encoding="utf-8")
    roles = [*base, str(bad), "--new", new(tmp_path)] if role == "base" else [*base, "--new", str(bad)]
    assert main(["compare", *roles]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("python -m reports compare: ")
    assert told in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(("value", "code"), [("0", 2), ("0.0", 2), ("-4.0", 2)])
def test_zero_and_negative_baselines_calibrate_nothing(tmp_path: Path, value: str, code: int) -> None:
    """A baseline of 0 s let a run ten times as slow pass elsewhere; here it counts for no run."""
    paths = [tmp_path / f"zero-{number}.json" for number in range(5)]
    for path, run in zip(paths, baseline_runs(), strict=True):
        path.write_text(_text_of(run, time_to_first_frame_s=value), encoding="utf-8")
    assert main(["compare", *map(str, paths), "--new", new(tmp_path, 10.0)]) == 1
    slow = gate_case(time_to_first_frame_s=10.0)
    assert main(["compare", *map(str, paths), "--new", str(written(tmp_path, "slow", gate_run(2, slow)))]) == code


@pytest.mark.parametrize("arguments", [["compare"], ["compare", "x"], ["compare", "--new", "x"], ["compare", "--nwe"]])
def test_wrong_call_is_4_not_undecided(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped option must not read as a state that somebody chose to let pass."""
    try:
        code = main(arguments)
    except SystemExit as error:
        code = int(str(error.code))
    assert code == 4
    assert "compare" in capsys.readouterr().err


def test_unknown_leniency_is_4(base: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also for what is never let pass."""
    for name in ("REGRESSION", "RECIPE_MISMATCH", "missing"):
        assert main(["compare", *base, "--new", new(tmp_path), "--lenient", name]) == 4
        assert f"--lenient {name}" in capsys.readouterr().err


def add(folder: Path, *runs: str, who: str = "Ada", why: str = "first") -> int:
    return main(["baseline", "add", *runs, "--folder", str(folder), "--who", who, "--why", why])


def only(folder: Path) -> Baseline:
    (path,) = folder.rglob("*.json")
    return read_baseline(path)


def test_added_runs_are_one_file_a_cohort_and_judge(
    base: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By GPU; each entry says who, why, of which branch and commit; the folder is a baseline of `compare`."""
    folder = tmp_path / "baselines"
    assert add(folder, *base) == 0
    (path,) = folder.rglob("*.json")
    assert path.parent == folder / "nvidia-h200"
    entry = only(folder).entries[0]
    assert (entry.added.who, entry.added.why, entry.branch) == ("Ada", "first", "main")
    assert entry.versions == {"torch": "2.13.0", "git": "0123456789abcdef"}
    capsys.readouterr()
    for where in (folder, path):
        assert main(["compare", str(where), "--new", new(tmp_path, 4.4), "--json"]) == 1
        assert verdicts(capsys.readouterr().out) == {CASE: "REGRESSION"}
        assert main(["compare", str(where), "--new", new(tmp_path)]) == 0
        capsys.readouterr()


def test_retired_values_stay_and_judge_nothing(base: list[str], tmp_path: Path) -> None:
    """New ones stand beside them; a folder without any is no baseline."""
    folder = tmp_path / "baselines"
    assert add(folder, *base) == 0
    faster = [new(tmp_path, 2.0, 300 + n, f"faster-{n}") for n in range(5)]
    assert add(folder, *faster) == 4
    assert (
        main(["baseline", "retire", only(folder).key, "--folder", str(folder), "--who", "Bo", "--why", "new kernel"])
        == 0
    )
    assert main(["compare", str(folder), "--new", new(tmp_path)]) == 4
    assert add(folder, *faster, who="Bo", why="new kernel") == 0
    kept = only(folder)
    assert [entry.values["prompt_to_host_s"] for entry in kept.entries] == [4.0] * 5 + [2.0] * 5
    assert len(kept.active) == 5
    assert {entry.retired.why for entry in kept.entries if entry.retired} == {"new kernel"}
    assert main(["compare", str(folder), "--new", new(tmp_path, 2.2)]) == 1


def test_list_and_show_tell_what_is_there(base: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Key, GPU, case and runs; facts, medians and who added what."""
    folder = tmp_path / "baselines"
    assert add(folder, *base) == 0
    key = only(folder).key
    capsys.readouterr()
    assert main(["baseline", "list", "--folder", str(folder)]) == 0
    assert capsys.readouterr().out == f"{key}  NVIDIA H200  {CASE}  5 runs\n"
    assert main(["baseline", "show", CASE, "--folder", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "  prompt_to_host_s: 4 s over 5" in shown
    assert f"  frames {'a' * 12} in 5 runs" in shown
    assert "by Ada, first" in shown
    assert main(["baseline", "show", "nothing", "--folder", str(folder)]) == 4


def test_baseline_of_a_cpu_is_listed_by_its_processor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The column of the GPU said "none" there, as if it were not known what it ran on."""
    case = replaced(gate_case(), device="cpu")
    assert case.measurement is not None
    processor = Device(kind="cpu", index=0, name="A CPU", uuid=None, memory_bytes=None)
    case = msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, devices=[processor]))
    folder = tmp_path / "baselines"
    assert add(folder, str(written(tmp_path, "cpu", gate_run(1, case)))) == 0
    capsys.readouterr()
    assert main(["baseline", "list", "--folder", str(folder)]) == 0
    assert capsys.readouterr().out == f"{only(folder).key}  A CPU × 16  {CASE}  1 run\n"


@pytest.mark.parametrize("words", [["list"], ["show", "x"], ["retire", "x", "--who", "Ada", "--why", "old"]])
def test_folder_that_is_not_there_is_unusable_input(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped folder looked like one without baselines; an empty one is one, and is told."""
    assert main(["baseline", *words, "--folder", str(tmp_path / "nothere")]) == 4
    told = capsys.readouterr().err
    assert f"baseline {words[0]}: --folder {tmp_path / 'nothere'}: no such folder of baselines; name it" in told
    assert f"python -m reports baseline add RUN... --folder {tmp_path / 'nothere'} --who NAME --why REASON" in told
    assert main(["baseline", "list", "--folder", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"no baseline in {tmp_path}\n"


def _failed(case: CaseRecord) -> CaseRecord:
    return msgspec.structs.replace(case, status="failed", reason="over its budget")


def _spoiled(case: CaseRecord) -> CaseRecord:
    assert case.measurement is not None
    return msgspec.structs.replace(
        case, measurement=msgspec.structs.replace(case.measurement, reasons={"shared_gpu": "two processes"})
    )


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (gate_run(1, _failed(gate_case())), "over its budget"),
        (gate_run(1, gate_case(), _failed(gate_case(model="wan2.1-t2v-1.3b"))), "over its budget"),
        (gate_run(1, _spoiled(gate_case())), "two processes"),
        (gate_run(1, msgspec.structs.replace(gate_case(), status="invalid_env", reason="hot")), "hot"),
        (gate_run(1, gate_case(), git_dirty=True), "uncommitted changes"),
        (gate_run(1, gate_case(), git_dirty=None), "git did not tell whether its code was the commit's"),
        (gate_run(1, gate_case(), git_commit=None, git_dirty=None), "of no commit that git could name"),
        (gate_run(1), "no case was measured"),
        (gate_run(1, gate_case(4.4)), "REGRESSION"),
        (gate_run(1, gate_case(2.0)), "IMPROVED"),
        (gate_run(1, gate_case(0.0)), "AMBIGUOUS"),
    ],
)
def test_run_that_is_no_baseline_is_refused_as_a_whole(
    base: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], run: Run, told: str
) -> None:
    """With the reason, exit code 4, and nothing written."""
    folder = tmp_path / "baselines"
    assert add(folder, *base) == 0
    before = only(folder)
    assert add(folder, str(written(tmp_path, "bad", run))) == 4
    assert told in capsys.readouterr().err
    assert only(folder) == before


def test_run_of_a_student_that_is_worse_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fast for being worse is nobody's baseline."""
    monkeypatch.setattr("reports.gate.admit.is_breach", lambda found, *, strict: found == [] and not strict)
    assert add(tmp_path / "baselines", new(tmp_path)) == 4
    assert "a student is worse than its teacher" in capsys.readouterr().err


def test_two_files_of_one_cohort_are_refused(
    base: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise two halves of a baseline would be changed apart."""
    folder = tmp_path / "baselines"
    assert add(folder, *base) == 0
    (path,) = folder.rglob("*.json")
    (folder / "copy.json").write_bytes(path.read_bytes())
    assert main(["baseline", "list", "--folder", str(folder)]) == 4
    assert "is of the same cohort" in capsys.readouterr().err


def test_retired_case_beside_another_is_calibration_and_one_that_is_gone_asks_for_nothing(
    base: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its folder has an active baseline of another case; new it would be, and pass."""
    folder, other = tmp_path / "baselines", "wan2.1-t2v-1.3b"
    cases = [gate_run(300 + n, gate_case(model=other)) for n in range(5)]
    assert add(folder, *base, *(str(written(tmp_path, f"other-{n}", run)) for n, run in enumerate(cases))) == 0
    who = ["--folder", str(folder), "--who", "Bo", "--why", "stale"]
    assert main(["baseline", "retire", CASE, *who]) == 0
    both = str(written(tmp_path, "both", gate_run(1, gate_case(9.0), gate_case(model=other))))
    alone = str(written(tmp_path, "alone", gate_run(2, gate_case(model=other))))
    capsys.readouterr()
    assert main(["compare", str(folder), "--new", both, "--json"]) == 2
    assert verdicts(capsys.readouterr().out)[CASE] == "CALIBRATION_NEEDED"
    assert main(["compare", str(folder), "--new", alone, "--json"]) == 0
    assert CASE not in verdicts(capsys.readouterr().out)


@pytest.mark.parametrize("name", ["speed.jsn", "speed.json.bak", "speed", "gpu/speed.JSON", "link"])
def test_file_that_is_no_json_in_a_folder_of_baselines_is_refused(
    base: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A baseline that was renamed would else be no baseline; hidden files and README.md are left alone."""
    folder = tmp_path / "baselines"
    assert add(folder, *base) == 0
    for fine in (".DS_Store", "README.md", ".git/config"):
        (folder / fine).parent.mkdir(exist_ok=True)
        (folder / fine).write_text("x", encoding="utf-8")
    assert main(["compare", str(folder), "--new", new(tmp_path)]) == 0
    if name == "link":
        (folder / name).symlink_to(tmp_path)
    else:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x", encoding="utf-8")
    assert main(["compare", str(folder), "--new", new(tmp_path)]) == 4
    assert f"{folder / name}: no baseline, which is a file that ends in .json" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["--who", "--why"])
def test_change_without_who_or_why_is_refused(base: list[str], tmp_path: Path, missing: str) -> None:
    """As is the same run a second time."""
    folder = tmp_path / "baselines"
    given = {"--who": "Ada", "--why": "first"} | {missing: " "}
    rest = [part for pair in given.items() for part in pair]
    assert main(["baseline", "add", base[0], "--folder", str(folder), *rest]) == 4
    assert not folder.exists()
    assert [add(folder, base[0]), add(folder, base[0])] == [0, 4]


def test_other_driver_is_a_file_of_its_own(base: list[str], tmp_path: Path) -> None:
    """A cohort has one file; the old one stays."""
    folder = tmp_path / "baselines"
    assert add(folder, *base) == 0
    assert add(folder, new(tmp_path, 9.0, driver="590.1")) == 0
    assert sorted(len(read_baseline(path).entries) for path in folder.rglob("*.json")) == [1, 5]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('"prompt_to_host_s": 4.0', '"prompt_to_host_s": 0.0'), "no positive number"),
        (('"prompt_to_host_s": 4.0', '"prompt_to_host_s": -1'), "no positive number"),
        (('"prompt_to_host_s": 4.0', '"prompt_to_host_s": 1e999'), "out of range"),
        (('"driver_branch": "580"', '"driver_branch": "590"'), "facts are not edited by hand"),
        (('"baseline_version": 2', '"baseline_version": 3'), "not a baseline of version 2"),
        (("run-101 of", "run-100 of"), "stands twice"),
        (('"case"', '"cse"'), "not a baseline"),
        (('"retired": null\n  }\n ]\n}', '"retired": nu'), "not a baseline"),
    ],
)
def test_broken_baseline_is_4_never_a_pass(
    base: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], told: str
) -> None:
    """Edited, damaged or of a newer version: the file and what is wrong with it."""
    folder = tmp_path / "baselines"
    assert add(folder, *base) == 0
    (path,) = folder.rglob("*.json")
    text = path.read_text(encoding="utf-8")
    assert change[0] in text
    changed = text.replace("2026-11-22T01:41", "2026-11-22T01:40") if "stands" in told else text
    path.write_text(changed.replace(*change), encoding="utf-8")
    assert main(["compare", str(folder), "--new", new(tmp_path)]) == 4
    assert told in capsys.readouterr().err


def test_line_breaks_of_a_baselines_file_stay_in_their_lines(
    base: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line that begins with `::` is a command to GitHub; names of checks, cases and runs may hold anything."""
    folder, evil = tmp_path / "baselines", "x\n::error title=pwned::y"
    assert add(folder, *base) == 0
    (path,) = folder.rglob("*.json")
    first = only(folder)
    entries = [
        msgspec.structs.replace(
            entry,
            run=f"{n} {evil}",
            versions={"torch": evil, evil: "1"},
            checks={evil: Check(verdict="within", value=evil, limit=evil, told=evil)},
            students={evil: Student(clips=3, margins={evil: Standing(verdict="PASS", told=evil)})},
        )
        for n, entry in enumerate(first.entries)
    ]
    lost = msgspec.structs.replace(first, case=evil, entries=entries)
    for name, one in ((path, msgspec.structs.replace(first, entries=entries)), (folder / "lost.json", lost)):
        name.write_bytes(msgspec.json.encode(one))
    calls = [["compare", str(folder), "--new", new(tmp_path), *form] for form in ([], ["--markdown"])]
    calls += [
        ["baseline", action, *names, "--folder", str(folder)] for action, *names in (["list"], ["show", first.key])
    ]
    for call in calls:
        main(call)
    read = samples_in(baselines_in(folder).values())
    cases = judge(read, samples([gate_run(1, gate_case())]))
    outcome = msgspec.structs.replace(
        outcome_of(), verdicts=cases, base=side_of((one.run, one.versions) for one in read)
    )
    told = [*failing(outcome).values(), *(gate_nodeid(one.id, {}) for one in cases), *summary_lines(outcome)]
    with pytest.raises(GateError) as fault:
        judge([*read, *read], [])
    printed = "\n".join([capsys.readouterr().out, *told, str(fault.value)])
    assert printed.count("::error title=pwned") > 20
    assert [line for line in printed.splitlines() if line.lstrip().startswith("::")] == []


def test_baseline_without_any_run_is_refused(
    base: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No command makes one; its case would be new."""
    folder = tmp_path / "baselines"
    assert add(folder, *base) == 0
    (path,) = folder.rglob("*.json")
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(only(folder), entries=[])))
    assert main(["compare", str(folder), "--new", new(tmp_path)]) == 4
    assert "holds no run" in capsys.readouterr().err


def test_run_folder_is_read_as_either_role(base: list[str], tmp_path: Path) -> None:
    """A folder with a plan is a run, not a folder of baselines; what was not run in it is missing."""
    folder = write_run(tmp_path / "run", plan(planned()))
    assert main(["compare", *base, "--new", str(folder)]) == 2
    assert main(["compare", str(folder), "--new", base[0]]) == 2
