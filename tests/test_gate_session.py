"""Whole sessions of a gate on a CPU: stored baselines, and this repository's last commit in turns with it.

The gate's own session runs in this process, which takes no model; the processes that it starts are as any user's.
"""

import os
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from fixtures.gate import procedure
from fixtures.gate.difference import Difference
from reports.gate.baseline import Change, path_in, with_sample, write_baseline
from reports.gate.judge_metric import Rules
from reports.gate.sample import Sample, samples_of
from reports.merge import read_run
from tests.inner_session import Ended, bench
from tests.running import COVERAGE, FAULT_MODELS, ROOT, environment, read_json, run_bench, write_suite
from tests.test_html_rows import page_of

TABLE = """
[[gates]]
scenario = "speed"
models = ["faulty"]
settings = ["native"]
prompts = ["{prompt}"]
metric = "{metric}"
absolute_ms = {absolute_ms}
"""
# Toy rounds take less than a millisecond: the usual absolute limit would let anything pass. A busy machine must not
# make a suspect of the other case.
TIGHT = TABLE.format(prompt="slow", metric="prompt_to_host_s", absolute_ms=0)
LOOSE = "".join(
    TABLE.format(prompt="same", metric=metric, absolute_ms=60_000)
    for metric in (
        *("prompt_to_host_s", "time_to_first_frame_s", "chunk_gap_s", "first_step_s", "later_steps_s"),
        *("phase_text_encode_s", "phase_denoise_s", "phase_decode_s"),
    )
)
BEFORE = {"same": "fine", "slow": "fine but slow", "gone": "fine and gone"}
CASE = "bench_generate[faulty-native-{}-s0]"
WHO = Change(at="2026-11-26", who="a", why="b")


class Gated(NamedTuple):
    """A gate's session, and its folder."""

    folder: Path
    ended: Ended

    @property
    def record(self) -> Any:
        """Read the run's record."""
        return read_json(self.folder / "run" / "run.json")


def planted(folder: Path, sample: Sample) -> None:
    """Store a baseline of five copies of a run, in which the case `slow` took a thousandth of its time."""
    factor = 1e-3 if "slow" in sample.id else 1.0
    baseline = None
    for day in range(1, 6):
        run = f"202611{day:02d}{sample.run[8:]}"
        values = {name: value * factor for name, value in sample.values.items()}
        copy = msgspec.structs.replace(sample, run=run, values=values)
        baseline = with_sample(baseline, copy, "main", WHO)
    assert baseline is not None
    write_baseline(path_in(folder / "baselines", sample), baseline)


def write_gated_suite(folder: Path, *prompts: str) -> None:
    """Write a suite of these prompts, with its limits."""
    suite = write_suite(folder, {name: BEFORE[name] for name in prompts})
    suite.write_text(suite.read_text(encoding="utf-8") + TIGHT + LOOSE, encoding="utf-8")


def gate(folder: Path, *arguments: object) -> Gated:
    """Gate the folder's suite."""
    chosen = ("--suite", folder / "faults.toml", "--run-dir", folder / "run", f"--models-dir={FAULT_MODELS}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        for name, text in environment(folder).items():
            patch.setenv(name, text)
        for name in COVERAGE & os.environ.keys():
            patch.delenv(name)
        return Gated(folder, bench("--gate", *chosen, *arguments))


@pytest.fixture(scope="module")
def slower(tmp_path_factory: pytest.TempPathFactory) -> Gated:
    """Gate a suite that has lost a case, and of which another is a thousand times slower than its baseline."""
    folder = tmp_path_factory.mktemp("gate")
    write_gated_suite(folder, *BEFORE)
    assert run_bench(folder).returncode == 0
    for sample in samples_of(read_run(folder / "run")):
        planted(folder, sample)
    (folder / "run").rename(folder / "before")
    write_gated_suite(folder, "same", "slow")
    written = (f"--junitxml={folder / 'junit.xml'}", f"--html={folder / 'page.html'}")
    stored = f"--baselines={folder / 'baselines'}"
    return gate(folder, stored, "--benchmark-json", folder / "out.json", *written)


def test_every_planned_and_every_baseline_case_has_one_verdict(slower: Gated) -> None:
    """The regression is confirmed by the median of three, the lost case is missing, the third passes."""
    assert slower.ended.code == 1, slower.ended.output
    outcome = slower.record["gate"]
    told = {one["id"].split("-")[-2]: one["verdict"] for one in outcome["verdicts"]}
    assert told == {"same": "PASS", "slow": "REGRESSION", "gone": "MISSING"}
    assert [one["metrics"][0]["new_runs"] for one in outcome["verdicts"] if one["verdict"] == "REGRESSION"] == [3]
    processes = [(one["side"], one["folder"], len(one["cases"]), one["exit_code"]) for one in outcome["processes"]]
    assert processes == [
        ("new", ".", 0, 0),
        ("confirmation", "gate/confirm-1", 1, 0),
        ("confirmation", "gate/confirm-2", 1, 0),
    ]
    assert outcome["seconds"] >= sum(one["seconds"] for one in outcome["processes"])


def test_terminal_says_what_failed_and_what_it_took(slower: Gated) -> None:
    """Rows as they come, the sentence, the table, the answer, the processes."""
    printed = slower.ended.output
    assert "gate: 2 of 2 cases have a baseline for this CPU in" in printed
    assert printed.count("PASSED   faulty") == 4
    assert f"REGRESSION bench_speed.py::{CASE.format('slow')}: prompt_to_host_s" in printed
    assert "may it be merged: NO, against" in printed
    assert " in 3 processes:" in printed
    assert "2 failed, 2 passed" in printed


def test_junit_and_html_show_the_failures(slower: Gated) -> None:
    """Beside the cases' own entries, which passed and have their numbers."""
    cases = list(ET.parse(slower.folder / "junit.xml").getroot().iter("testcase"))  # noqa: S314 - written by pytest
    failed = {str(case.get("name")): failure.get("message", "") for case in cases for failure in case.iter("failure")}
    assert failed.keys() == {f"gate[bench_generate-faulty-native-{name}-s0]" for name in ("slow", "gone")}
    assert failed["gate[bench_generate-faulty-native-slow-s0]"].startswith("REGRESSION bench_speed.py::")
    properties = [p.get("name") for p in cases[0].iter("property")]
    assert cases[0].get("name") == CASE.format("same")
    assert {"status", "prompt_to_host_s"} <= set(properties)
    data, _ = page_of(slower.folder / "page.html")
    results = [row["result"] for rows in data["tests"].values() for row in rows if row["result"] != "Passed"]
    assert results == ["Failed", "Failed"]


def test_run_of_a_gate_is_a_run_as_any(slower: Gated) -> None:
    """The new side's first process: its cases, the command as it was typed, pytest-benchmark's JSON."""
    assert [case["status"] for case in slower.record["cases"]] == ["passed", "passed"]
    assert "--gate" in slower.record["command"]
    assert len(read_json(slower.folder / "out.json")["benchmarks"]) == 2


def test_unchanged_case_that_was_asked_for_passes(slower: Gated, tmp_path: Path) -> None:
    """Exit code 0 by one process; what `-k` left out was not asked for."""
    write_gated_suite(tmp_path, "same", "slow")
    gated = gate(tmp_path, f"--baselines={slower.folder / 'baselines'}", "-k", "same")
    assert gated.ended.code == 0, gated.ended.output
    outcome = gated.record["gate"]
    assert [one["verdict"] for one in outcome["verdicts"]] == ["PASS"]
    assert len(outcome["processes"]) == 1
    assert "not asked for: 2 of the baseline's cases" in gated.ended.output


def test_commit_in_turns_with_the_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One pair, by a rule that asks for no more: the base runs the commit's own source, which is gone afterwards."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs the repository's history")
    monkeypatch.setattr("fixtures.gate.procedure.TURNS", procedure.TURNS[:2])
    monkeypatch.setattr("fixtures.gate.procedure.PAIRED", Rules(fewest=1, paired=True))
    # Whether the tree is clean is another test's question.
    monkeypatch.setattr("fixtures.gate.asked.difference", lambda _base: Difference(told="under test: this line"))
    write_gated_suite(tmp_path, "same", "slow")
    gated = gate(tmp_path, "--against", "HEAD", "-k", "same")
    assert gated.ended.code == 0, gated.ended.output
    outcome = gated.record["gate"]
    assert [(one["id"], one["verdict"]) for one in outcome["verdicts"]] == [
        (f"bench_speed.py::{CASE.format('same')}", "PASS")
    ]
    processes = [(one["side"], one["folder"]) for one in outcome["processes"]]
    assert processes == [("base", "gate/base-1"), ("new", ".")]
    assert gated.ended.output.count(f"in {tmp_path / 'run' / 'gate' / 'source'}") == 1
    assert not (tmp_path / "run" / "gate" / "source").exists()
    assert gated.ended.output.count("under test: this line") == 2
