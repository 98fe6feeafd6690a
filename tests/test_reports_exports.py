"""What other programs take of a run is what they document, and text stays text in it."""

import csv
import doctest
import importlib
import io
import json
import re
import time
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from reports.__main__ import main
from reports.exports.bencher import bencher
from reports.exports.benchmark_action import benchmark_action
from reports.exports.csv_table import csv_table
from reports.exports.markdown import LIMIT_BYTES, escaped, render_markdown
from reports.exports.passed import ExportError
from reports.measured import MetricValue
from reports.merge import read_run
from reports.record import CaseRecord, Run
from reports.run_file import run_file
from reports.strict_json import encode, write_json_atomically
from tests.payloads import PAYLOADS, hostile_run
from tests.reports_samples import case_of, planned, run_of
from tests.running import ROOT
from tests.untraced import untraced

STUDENT, TEACHER = planned(), planned("wan2.1-t2v-1.3b")
METRICS = [
    MetricValue(id="noise", value=2.5, unit="codes", better="lower"),
    MetricValue(id="ssim", value=0.97, unit="1", better="higher"),
    MetricValue(id="si_mean", value=30.0, unit="codes", better="neither"),
    MetricValue(id="chroma_drift", value=-0.1, unit="1", better="lower"),
    MetricValue(id="aesthetic_quality", value=None, unit="1", better="higher", reason="random weights"),
]
# Published at https://bencher.dev/docs/reference/bencher-metric-format
BMF = {
    "type": "object",
    "patternProperties": {
        ".+": {
            "type": "object",
            "patternProperties": {
                ".+": {
                    "type": "object",
                    "properties": {
                        "value": {"type": "number"},
                        "lower_value": {"type": "number"},
                        "upper_value": {"type": "number"},
                    },
                    "required": ["value"],
                    "additionalProperties": False,
                }
            },
        }
    },
}
CUSTOM_SMALLER_IS_BETTER = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "unit": {"type": "string"},
            "value": {"type": "number"},
            "range": {"type": "string"},
            "extra": {"type": "string"},
        },
        "required": ["name", "unit", "value"],
        "additionalProperties": False,
    },
}


def with_metrics(case: CaseRecord) -> CaseRecord:
    assert case.measurement is not None
    measurement = msgspec.structs.replace(case.measurement, metrics=METRICS)
    return msgspec.structs.replace(case, measurement=measurement)


RUN = run_of(with_metrics(case_of(STUDENT, 4.0, 3.9, 4.2)), case_of(TEACHER, status="oom", reason="no room"))
NO_CASES, NONE_PASSED = run_of(), run_of(*(case_of(plan, status="error", reason="x") for plan in (STUDENT, TEACHER)))


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_has_a_row_a_case_with_medians_in_si_units() -> None:
    """What was not measured is an empty cell, never 0; metrics have columns of their own."""
    student, teacher = table(csv_table([RUN]))
    assert (student["status"], student["prompt_to_host_s"], student["rounds"]) == ("passed", "4.0", "3")
    assert student["peak_allocated_bytes"] == str(24 * 2**30)
    assert float(student["time_per_frame_s"]) == pytest.approx(4.0 / 81)
    assert (student["phase_decode_s"], student["metric_ssim"], student["weights"]) == ("1.6", "0.97", "random")
    assert (teacher["status"], teacher["reason"], teacher["prompt_to_host_s"]) == ("oom", "no room", "")


def test_long_csv_has_every_round() -> None:
    """A row a number, with its unit and direction; what is one number for the case has no round."""
    rows = table(csv_table([RUN, RUN], long=True))
    host = [row for row in rows if row["quantity"] == "prompt_to_host_s"]
    assert [(row["round"], row["value"], row["unit"]) for row in host[:3]] == [
        ("1", "4.0", "s"),
        ("2", "3.9", "s"),
        ("3", "4.2", "s"),
    ]
    assert len(host) == 6
    (peak, _) = [row for row in rows if row["quantity"] == "peak_allocated_bytes"]
    assert (peak["round"], peak["unit"], peak["better"]) == ("", "bytes", "lower")
    assert {row["quantity"] for row in rows} >= {"noise", "si_mean", "ssim"}


@pytest.mark.parametrize("long", [False, True])
def test_csv_of_no_case_is_a_header(long: bool) -> None:
    """One line, which a reader of tables takes."""
    assert csv_table([NO_CASES], long=long).startswith("run_id,case,status")
    assert table(csv_table([NO_CASES], long=long)) == []


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
@pytest.mark.parametrize("long", [False, True])
def test_no_cell_of_csv_is_a_formula(payload: str, long: bool) -> None:
    """Every cell is the text that the record holds, quoted by an apostrophe where a spreadsheet would run it."""
    rows = table(csv_table([hostile_run(payload)], long=long))
    assert rows
    for row in rows:
        assert None not in row
        assert not [cell for cell in row.values() if re.match(r" *[=+@\t\r\n\uff1d\uff0b\uff20]", cell)]
        assert not [cell for cell in row.values() if re.match(r" *[-\uff0d](?![\d.]+(e-?\d+)?$)", cell)]
        assert row["model"] in {payload, f"'{payload}"}


def test_markdown_is_a_table_with_what_limits_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Tally, banners, rows with the weights, and why a case did not pass."""
    write_json_atomically(tmp_path / "run.json", RUN)
    assert main(["markdown", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("## quick: 2 cases: 1 passed, 1 oom\n")
    (row,) = [line for line in printed.splitlines() if line.startswith("| causvid-1.3b ")]
    assert row.split("|")[4:8] == [" passed ", " random ", " 2.00 ", " 3.96 "]
    assert "| wan2.1-t2v-1.3b | dogs s0 | 480p81 | **oom** | random | – |" in printed
    assert r"- OOM bench\_speed.py::bench\_generate\[wan2.1-t2v-1.3b-480p81-dogs-s0\]: no room" in printed


def unescaped_punctuation(text: str) -> str:
    """Take out what is escaped, so that what is left would be read as markup."""
    return re.sub(r"\\[!-/:-@\[-`{-~]|&(?:amp|lt|gt);", "", text)


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_markdown_shows_text_as_text(payload: str) -> None:
    """No payload begins a line, ends a cell, or leaves a character that is markup; each row has its eleven cells."""
    page = render_markdown([hostile_run(payload)])
    assert set(unescaped_punctuation(escaped(payload, 10_000))) & set("\\`*_{}[]<>|~$#@!&") == set()
    lines = page.splitlines()
    assert all(line.isprintable() for line in lines)
    rows = [line for line in lines if line.startswith("|")]
    assert {unescaped_punctuation(line).count("|") for line in rows} == {12}
    assert len(rows) == 4
    kinds = {"", "#", "|", "-", ">", "O"}
    assert {line[:1] for line in lines} <= kinds
    assert "<script" not in page
    assert "<img" not in page


def test_bare_addresses_in_markdown_are_no_links() -> None:
    """GitHub makes links of them; text from a record leads nowhere."""
    told = escaped("see https://attacker.invalid or www.attacker.invalid, me@attacker.invalid")
    assert told == r"see https\://attacker.invalid or www\.attacker.invalid, me\@attacker.invalid"


@pytest.mark.parametrize("run", [NO_CASES, NONE_PASSED, run_of(case_of(STUDENT, 4.0))], ids=["none", "failed", "one"])
def test_markdown_of_small_and_sad_runs(run: Run) -> None:
    """A page each, that says how the run stands."""
    page = render_markdown([run])
    assert page.startswith(f"## quick: {len(run.cases)} case")
    assert page.count("**error**") == sum(case.status == "error" for case in run.cases)


def test_markdown_of_two_runs_says_what_they_say_together() -> None:
    """Each run's page, in the limit of both."""
    page = render_markdown([RUN, RUN])
    assert page.count("## quick: 2 cases") == 2


@pytest.mark.parametrize("name", ["quick", "wan-14b-4step"])
def test_published_markdown_is_what_its_record_renders(name: str) -> None:
    """`python -m reports markdown reports/published/NAME` of a stored run of an accelerator, to the letter."""
    folder = ROOT / "reports" / "published" / name
    assert (folder / "summary.md").read_text(encoding="utf-8") == render_markdown([read_run(folder)])


def many(count: int, reason: str = "") -> Run:
    """Give a run of `count` cases, a tenth of which failed."""
    cases = [
        case_of(planned(seed=seed), 4.0, 4.1, 4.2)
        if seed % 10
        else case_of(planned(seed=seed), status="error", reason=reason)
        for seed in range(count)
    ]
    return run_of(*cases)


@pytest.mark.parametrize("limit", [2_000, 20_000, LIMIT_BYTES])
def test_markdown_stays_under_its_limit_and_says_what_is_left_out(limit: int) -> None:
    """Rows are cut, heads are not; the sentence counts what is missing."""
    page = render_markdown([many(600, "x" * 5_000)], limit)
    rows = sum(line.startswith("| causvid") for line in page.splitlines())
    assert len(page.encode()) <= max(limit, 4_000)
    left = re.search(r"\*(\d+) of these 600 lines are left out, to stay under GitHub's 1 MiB: see run.json.\*", page)
    assert rows + (int(left[1]) if left else 0) == 600
    assert (left is None) == (limit == LIMIT_BYTES)


def test_bencher_gets_its_documented_format() -> None:
    """A passed case's measures with their units in the slug, extremes only where there are several rounds."""
    document = json.loads(encode(bencher([RUN])))
    jsonschema.validate(document, BMF)
    ((name, measures),) = document.items()
    assert name == f"{STUDENT.id} (random weights)"
    assert measures["prompt-to-host-s"] == {"value": 4.0, "lower_value": 3.9, "upper_value": 4.2}
    assert measures["peak-allocated-bytes"] == {"value": 24 * 2**30}
    assert measures["ssim-loss"]["value"] == pytest.approx(0.03)
    assert measures["noise"] == {"value": 2.5}
    assert not {"si-mean", "chroma-drift", "aesthetic-quality-loss"} & measures.keys()
    assert all(re.fullmatch(r"[a-z0-9-]{1,64}", slug) for slug in measures)


def test_benchmark_action_gets_its_documented_format() -> None:
    """A list of entries, less being better in each, with their units."""
    entries: list[dict[str, Any]] = json.loads(encode(benchmark_action([RUN])))
    jsonschema.validate(entries, CUSTOM_SMALLER_IS_BETTER)
    named = {entry["name"].rpartition(" ")[2]: entry for entry in entries}
    assert len(named) == len(entries)
    assert (named["prompt_to_host_s"]["unit"], named["prompt_to_host_s"]["value"]) == ("s", 4.0)
    assert named["prompt_to_host_s"]["range"] == "3.9 to 4.2"
    assert named["prompt_to_host_s"]["extra"] == f"median of 3 rounds\nNVIDIA H200\nrun {RUN.run_id}"
    assert "range" not in named["peak_allocated_bytes"]


@pytest.mark.parametrize("name", ["exports.bencher", "exports.csv_table", "exports.markdown", "markdown_text"])
def test_examples_are_true(name: str) -> None:
    """What the docstrings show is what the functions give."""
    result = doctest.testmod(importlib.import_module(f"reports.{name}"))
    assert (result.failed, result.attempted > 0) == (0, True)


@pytest.mark.parametrize("export", [bencher, benchmark_action])
def test_trackers_get_what_passed_and_no_case_twice(export: Any) -> None:
    """A failed case is no point of a history; two points at once are refused by name."""
    broken_budget = run_of(case_of(STUDENT, 4.0, 4.1, 4.2, status="failed"))
    assert [len(export([run])) for run in (NO_CASES, NONE_PASSED, broken_budget)] == [0, 0, 0]
    with pytest.raises(
        ExportError, match=r"causvid-1.3b-480p81-dogs-s0\] \(random weights\) stands in run .* one by one"
    ):
        export([RUN, RUN])


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_trackers_get_hostile_text_in_one_line(payload: str) -> None:
    """Names are printable, of bounded length, and strict JSON carries them."""
    run = hostile_run(payload, status="passed")
    document = json.loads(encode(bencher([run])))
    jsonschema.validate(document, BMF)
    entries = json.loads(encode(benchmark_action([run])))
    jsonschema.validate(entries, CUSTOM_SMALLER_IS_BETTER)
    for name in [*document, *(entry["name"] for entry in entries)]:
        assert name.isprintable()
        assert len(name) <= 1024


def test_five_thousand_cases_are_exported_in_seconds(tmp_path: Path) -> None:
    """Processor time of each format and of run.json, once measured at 0.5 to 3 s; the limit bears a loaded machine."""
    big, path = many(5_000, "x" * 300), tmp_path / "run.json"

    def written(runs: list[Run]) -> Run:
        write_json_atomically(path, run_file(runs[0]))
        return read_run(path)

    for export in (render_markdown, lambda runs: csv_table(runs, long=True), bencher, benchmark_action, written):
        with untraced():
            before_s = time.process_time()
            assert export([big])
            assert time.process_time() - before_s < 30
    assert read_run(path) == big
    assert len(render_markdown([big]).encode()) <= LIMIT_BYTES


@pytest.mark.parametrize(
    "command", ["csv", "markdown", "bencher", "benchmark-action", "json", "benchmark-json", "summary"]
)
@pytest.mark.parametrize("run", [NO_CASES, NONE_PASSED, RUN], ids=["none", "failed", "mixed"])
def test_every_command_takes_every_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, run: Run
) -> None:
    """A folder with nothing but run.json, clips gone: a view, and what is JSON is strict."""
    write_json_atomically(tmp_path / "run.json", run)
    assert main([command, str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    if command in {"bencher", "benchmark-action", "json", "benchmark-json"}:
        json.loads(printed, parse_constant=pytest.fail)


@pytest.mark.parametrize("command", ["csv", "markdown", "bencher", "benchmark-action", "json", "benchmark-json"])
@pytest.mark.parametrize("content", [b"", b'{"schema_version":2}', b'{"schema_version":1}', b"\xff"])
def test_every_command_refuses_what_is_no_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, content: bytes
) -> None:
    """One sentence and exit code 4; nothing is printed that a pipe could take for a result."""
    path = tmp_path / "run.json"
    path.write_bytes(content)
    assert main([command, str(path)]) == 4
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"python -m reports {command}: {path}: ")
