"""--junitxml and --html hold a case's numbers; what pytest-html would take for markup is text; no case is missing."""

import html
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.html_rows import pytest_html_results_table_header, pytest_html_results_table_row
from fixtures.row_properties import properties
from tests.browser import Visit
from tests.payloads import PAYLOADS
from tests.reports_samples import measured, planned
from tests.running import coverage, read_json, run_bench, write_suite

HEADINGS = ['<th class="sortable">Result</th>', "<th>Test</th>", "<th>Duration</th>", "<th>Links</th>"]
RAW = ["<td>Passed</td>", "<td>raw id</td>", "<td>1 ms</td>", "<td></td>"]


def page_of(path: Path) -> tuple[dict[str, Any], str]:
    """Read pytest-html's page: what its script is given, and what stands above its table."""
    text = path.read_text(encoding="utf-8")
    blob = re.search(r'data-jsonblob="(.*?)"', text, re.DOTALL)
    assert blob
    above = text.split('class="additional-summary prefix">', 1)[1].split('<p class="run-count">', 1)[0]
    return json.loads(html.unescape(blob[1])), above


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a case, then one that kills its process; go on with --html and --junitxml beside the run's folder."""
    folder = tmp_path_factory.mktemp("html")
    write_suite(folder, {"first": "fine", "killer": "fault crash 1", "bad": "fault nan-frames 2"})
    assert run_bench(folder).returncode < 0
    written = (f"--html={folder / 'page.html'}", f"--junitxml={folder / 'junit.xml'}")
    done = run_bench(folder, "--resume", folder / "run", "-k", "not killer", "--extra-entries", *written, **coverage())
    assert done.returncode == 1, done.stdout
    return folder


@pytest.mark.parametrize("name", ["run.json", "benchmark.json"])
def test_extra_entries_are_in_what_a_session_writes(folder: Path, name: str) -> None:
    """The case that passed, with what is no time of a whole clip; the one with NaN has no entry at all."""
    entries = read_json(folder / "run" / name)["benchmarks"]
    assert {entry["extra_info"]["prompt"] for entry in entries if "prompt" in entry["extra_info"]} == {"first"}
    named = {entry["extra_info"].get("quantity"): entry["name"] for entry in entries}
    assert named.keys() >= {None, "time_per_frame_s", "time_to_first_frame_s", "unique_frames_loss"}
    assert named["time_per_frame_s"] == "bench_generate[faulty-native-first-s0] time per frame [s]"


def test_junit_has_the_numbers_with_their_units(folder: Path) -> None:
    """Properties of the case that this session ran: status, weights, seconds."""
    (case,) = ET.parse(folder / "junit.xml").getroot().iter("testcase")  # noqa: S314 - written by pytest a moment ago
    told = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert case.get("name") == "bench_generate[faulty-native-bad-s0]"
    assert (told["status"], told["weights"]) == ("nan", "tiny")


def test_rows_have_status_numbers_and_links(folder: Path) -> None:
    """Links lead from the page to files that are there."""
    data, _ = page_of(folder / "page.html")
    (rows,) = data["tests"].values()
    row = rows[-1]
    assert row["status"] == "nan"
    links = re.findall(r'href="([^"]+)"', row["resultsTableRow"][-1])
    assert links
    assert all((folder / link).exists() for link in links)


def test_cases_without_a_row_stand_above_the_table(folder: Path) -> None:
    """What another process ended, and what killed it, is told with status and reason."""
    _, above = page_of(folder / "page.html")
    rows = dict(re.findall(r"<tr><td>(\w+)</td><td>[^<]*-(\w+)-s0\]</td>", above))
    assert rows == {"passed": "first", "crashed": "killer"}
    assert '3 cases: 1 passed, 1 crashed, 1 nan: <a target="_blank" href="run/report.html">report</a>' in above


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_cells_are_text(payload: str) -> None:
    """Neither an id nor a status of any origin becomes an element, or ends its cell."""
    cells, headings = list(RAW), list(HEADINGS)
    pytest_html_results_table_header(headings)
    report = SimpleNamespace(nodeid=f"test_x.py::test[{payload}]", when="call", user_properties=[("status", payload)])
    pytest_html_results_table_row(report, cells)
    assert len(cells) == len(headings) == 9
    for cell in cells:
        inner = re.fullmatch(r'<td(?: class="col-\w+")?>(.*)</td>', cell)
        assert inner, cell
        assert not set("<>\"'\n") & set(inner[1])


def test_numbers_are_shown_as_everywhere() -> None:
    """Seconds with two decimals, memory in GiB, a dash for what was not measured."""
    cells = list(RAW)
    told = [*properties(planned(), measured(4.0, 4.25, 4.5)).items(), ("status", "passed")]
    pytest_html_results_table_row(SimpleNamespace(nodeid="x", when="setup", user_properties=told), cells)
    assert cells[1:6] == [
        '<td class="col-testId">x::setup</td>',
        '<td class="col-status">passed</td>',
        '<td class="col-host">4.25</td>',
        '<td class="col-first">1.06</td>',
        '<td class="col-vram">24.00</td>',
    ]
    pytest_html_results_table_row(SimpleNamespace(nodeid="x", when="call", user_properties=[]), without := list(RAW))
    assert without[3:6] == [f'<td class="col-{name}">–</td>' for name in ("host", "first", "vram")]


def test_properties_name_what_was_measured_alone() -> None:
    """Units in the names; no peak of a CPU, and nothing but the weights without a measurement."""
    told = properties(planned(), measured(4.0, 4.25, 4.5))
    assert told["prompt_to_host_s"] == 4.25
    assert told["peak_allocated_bytes"] == 24 * 2**30
    assert told["frames_per_second"] == pytest.approx(81 / 4.25)
    assert "peak_allocated_bytes" not in properties(planned(), measured(4.0, peak_bytes=None))
    assert properties(planned(), None) == {"weights": "random"}


def test_no_text_runs_in_the_page_of_pytest_html_or_breaks_junit(pytester: pytest.Pytester, visit: Visit) -> None:
    """A session of tests that are no cases, each payload an id, a property, a message: rows of text in Chromium."""
    pytester.makepyfile(
        "import pytest\nfrom tests.payloads import PAYLOADS\n"
        "@pytest.mark.parametrize('x', range(len(PAYLOADS)), ids=list(PAYLOADS.values()))\n"
        "def test_payload(x, request):\n"
        "    payload = list(PAYLOADS.values())[x]\n"
        "    request.node.user_properties.append(('told', payload))\n"
        "    assert x % 2 == 0, payload\n"
    )
    written = ("--html=page.html", "--junitxml=junit.xml")
    pytester.runpytest_inprocess("-p", "fixtures.html_rows", "-p", "no:benchmark", *written)
    properties_told = [p.get("value") for p in ET.parse(pytester.path / "junit.xml").getroot().iter("property")]  # noqa: S314
    assert len(properties_told) == len(PAYLOADS)
    assert {PAYLOADS[name] for name in ("script", "cdata", "attribute", "latex", "long")} <= set(properties_told)
    data, above = page_of(pytester.path / "page.html")
    assert "<p>" not in above
    page = visit(pytester.path / "page.html")
    assert page.locator("#results-table tbody.results-table-row").count() == len(PAYLOADS) == len(data["tests"])
    assert page.evaluate("window.hit") is None
    assert page.locator("#results-table img[onerror], #results-table script, #results-table base").count() == 0
    told = page.locator("td.col-testId").all_inner_texts()
    assert any(f"[{PAYLOADS['img']}]" in text for text in told)
