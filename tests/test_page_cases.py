"""The page in Chromium: sorting, searching and filtering, links to cases, and what no text may do."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reports.html import render_html
from reports.page_files import write_page_of_all
from reports.page_parts import TEMPLATES
from reports.record import Run
from tests.reports_samples import case_of, planned, replaced, run_of
from tests.test_reports_html import infested

PAYLOADS = [
    "<script>window.executed = 1</script>",
    "</script><script>window.executed = 1</script>",
    "</style><script>window.executed = 1</script>",
    "</title><script>window.executed = 1</script>",
    "</textarea><script>window.executed = 1</script>",
    "</template><script>window.executed = 1</script>",
    "--><script>window.executed = 1</script>",
    "<img src=x onerror='window.executed = 1'>",
    "<svg onload='window.executed = 1'>",
    "<svg><script>window.executed = 1</script></svg>",
    "<iframe srcdoc='<script>parent.executed = 1</script>'>",
    "<iframe src='javascript:parent.executed = 1'>",
    "<object data='javascript:window.executed = 1'>",
    "<embed src='javascript:window.executed = 1'>",
    "<a href='javascript:window.executed = 1'>x</a>",
    "<form action='javascript:window.executed = 1'><button autofocus>",
    "<input autofocus onfocus='window.executed = 1'>",
    "<video><source onerror='window.executed = 1'></video>",
    "<video src=x onerror='window.executed = 1'>",
    "<body onload='window.executed = 1'>",
    "<details open ontoggle='window.executed = 1'>",
    "<meta http-equiv=refresh content='0;url=javascript:window.executed = 1'>",
    "<base href='https://example.org/'>",
    "<link rel=stylesheet href='https://example.org/x.css'>",
    "<style>@import 'https://example.org/x.css';</style>",
    "<math><mtext><script>window.executed = 1</script></mtext></math>",
    '" onmouseover="window.executed = 1" x="',
    "' autofocus onfocus='window.executed = 1' x='",
    "]]><script>window.executed = 1</script>",
    "{{ 7 * 7 }}{% for x in y %}${7 * 7}`window.executed = 1`",
    "\u202e\u2066<script>window.executed = 1</script>\u2069",
    "x" * 5000,
]
ROWS = ["causvid-1.3b", "wan2.1-t2v-1.3b", "zed"]


def three_cases() -> Run:
    """Give three models of 9, 64 and 10 s, of which the last has no memory measured and another prompt."""
    last = case_of(planned("zed", prompt="cat", text="a sleepy cat"), 10.0)
    assert last.measurement is not None
    memory = msgspec.structs.replace(last.measurement.memory, peak_allocated_bytes=None)
    last = msgspec.structs.replace(last, measurement=msgspec.structs.replace(last.measurement, memory=memory))
    failed = case_of(planned("wan2.1-t2v-1.3b"), 64.0, status="failed", reason="over its budget")
    return run_of(case_of(planned(), 9.0), failed, last)


@pytest.fixture
def page(tmp_path: Path, visit: Callable[..., Any]) -> Any:
    """Open the page of the three cases."""
    (tmp_path / "report.html").write_text(render_html(three_cases()), encoding="utf-8")
    return visit(tmp_path / "report.html")


def models(page: Any) -> list[str]:
    """Give the models of the rows that are to be seen, in their order."""
    rows = page.locator("table.results tbody:visible tr:first-child td:first-child")
    return [text.strip() for text in rows.all_text_contents()]


def test_a_heading_sorts_by_number_and_back(page: Any) -> None:
    """9 comes before 10 and 64, then after them; a reason stays below its row, and what is missing stands last."""
    heading = page.get_by_role("button", name="prompt to host frames")
    heading.click()
    assert models(page) == ["causvid-1.3b", "zed", "wan2.1-t2v-1.3b"]
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    heading.click()
    assert models(page) == ["wan2.1-t2v-1.3b", "zed", "causvid-1.3b"]
    assert page.locator("tbody[data-model='wan2.1-t2v-1.3b'] tr").count() == 2
    for _ in range(2):
        page.get_by_role("button", name="peak VRAM").click()
        assert models(page)[-1] == "zed"


def test_names_break_where_there_is_no_room_alone(page: Any) -> None:
    """On one line on a desktop; on a phone after a hyphen, and a field of a recipe nowhere."""
    name = page.locator("table.results tbody td:first-child a").first
    assert name.evaluate("one => new Set([...one.getClientRects()].map((part) => part.top)).size") == 1
    page.set_viewport_size({"width": 390, "height": 900})
    assert page.locator("wbr").first.evaluate("one => getComputedStyle(one).display") == "inline"
    lines = """cell => {
      const text = document.createRange();
      text.selectNodeContents(cell);
      return text.getClientRects().length;
    }"""
    assert page.locator(".recipes tbody th", has_text="guidance_scale").evaluate(lines) == 1
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_rows_of_very_many_cases_are_laid_out_where_they_are_in_sight(
    tmp_path: Path, visit: Callable[..., Any]
) -> None:
    """Of 300 few are; cells stand below their headings, and sorting, filtering and print are as of a few rows."""
    plans = [planned("zed", prompt=f"p{number}") for number in range(300)]
    run = run_of(*(case_of(plan, 10.0 + number) for number, plan in enumerate(plans)))
    (tmp_path / "report.html").write_text(render_html(run), encoding="utf-8")
    page = visit(tmp_path / "report.html")
    page.locator("#results").scroll_into_view_if_needed()
    assert page.evaluate(LAID_OUT) < 150
    assert rows_heard(page) >= 301, "assistive technology counts the rows out of sight, too"
    edges = "row => [...row.cells].map((cell) => Math.round(cell.getBoundingClientRect().left))"
    heads, cells = (page.locator(f".long {row}").first.evaluate(edges) for row in ("thead tr", "tbody tr"))
    assert heads == cells
    heading = page.get_by_role("button", name="prompt to host frames")
    for first in ("p0", "p299"):
        heading.click()
        assert page.locator(".long tbody td:nth-child(2)").first.text_content().split()[0] == first
    page.get_by_role("searchbox").fill("p17 ")
    assert page.locator(".long tbody:visible").count() == 11, "p17 and p170 to p179"
    page.set_viewport_size({"width": 390, "height": 900})
    lines = "row => [...row.cells].slice(4).map((cell) => cell.getClientRects().length && cell.offsetHeight)"
    assert max(page.locator(".long tbody:visible tr").first.evaluate(lines)) < 60, "two lines at most, on a phone, too"
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.emulate_media(media="print")
    assert page.locator(".long tbody").first.evaluate("row => getComputedStyle(row.parentNode).display") == "table"
    assert page.locator(".case").first.evaluate("one => getComputedStyle(one).contentVisibility") == "visible"


def rows_heard(page: Any) -> int:
    """Count the rows that Chromium gives assistive technology."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    return sum(node.get("role", {}).get("value") == "row" for node in nodes if not node["ignored"])


LAID_OUT = """() => [...document.querySelectorAll(".long tbody td:first-child a")]
  .filter((link) => link.checkVisibility({ contentVisibilityAuto: true })).length"""


def test_search_and_filters_narrow_every_part_of_the_page(page: Any) -> None:
    """A word of the prompt leaves its row, clip and case; a status its own; together nothing, and it says how many."""
    page.get_by_role("searchbox").fill("SLEEPY cat")
    assert models(page) == ["zed"]
    assert page.locator("details.case:visible").count() == 1
    assert page.locator("figure:visible").count() == 1
    assert page.locator("[data-count]").text_content() == "1 of 3 cases"
    page.get_by_label("Only this status").select_option("failed")
    assert models(page) == []
    page.get_by_role("searchbox").fill("")
    assert models(page) == ["wan2.1-t2v-1.3b"]
    page.get_by_label("Only this status").select_option("")
    assert models(page) == ROWS


def test_a_link_opens_its_case_even_where_it_was_filtered_away(page: Any) -> None:
    """From an answer or a row to the command that repeats it."""
    page.locator("tbody[data-model=zed] a").click()
    assert page.locator("#case-3").get_attribute("open") is not None
    page.get_by_role("searchbox").fill("dogs")
    assert page.locator("#case-3:visible").count() == 0
    page.evaluate("location.hash = ''")
    page.evaluate("location.hash = '#case-3'")
    page.locator("#case-3").wait_for(state="visible")


@pytest.mark.parametrize("width", [390, 768])
def test_page_fits_a_narrow_screen(width: int, tmp_path: Path, visit: Callable[..., Any]) -> None:
    """Nothing is wider than the screen but tables in their own scrolling boxes."""
    (tmp_path / "report.html").write_text(render_html(three_cases()), encoding="utf-8")
    page = visit(tmp_path / "report.html", width=width, height=844)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [390, 1280])
def test_a_word_of_5000_characters_makes_no_page_wider(width: int, tmp_path: Path, visit: Callable[..., Any]) -> None:
    """Wherever it stands: in the header's three texts, in every text of a case, open or folded."""
    word = PAYLOADS[-1]
    run = run_of(infested(word), case_of(planned(), 4.0), banners=(word,))
    run = msgspec.structs.replace(run, suite=word, suite_description=word, command=word, run_id=word)
    (tmp_path / "report.html").write_text(render_html(run, tmp_path, charts=True), encoding="utf-8")
    page = visit(tmp_path / "report.html", width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("header h1").bounding_box()["height"] < 600, "it is cut, and whole on demand"
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_settings_break_on_a_phone_only_where_they_may(tmp_path: Path, visit: Callable[..., Any]) -> None:
    """Each of the parts of "480p81-4step-compile" stands on one line beside the numbers' columns."""
    names = ["480p81-4step-compile", "480p81+shift=8", "720p121"]
    run = run_of(*(replaced(case_of(planned(), 4.0), setting=name) for name in names))
    (tmp_path / "report.html").write_text(render_html(run), encoding="utf-8")
    page = visit(tmp_path / "report.html", width=390)
    assert page.locator("table.results td:nth-child(3)").all_text_contents() == names
    assert page.evaluate(BROKEN) == []


# Parts of the names in the tables' first columns, between "-", "+", "=" and spaces, that stand on several lines.
BROKEN = """() => [...document.querySelectorAll("table.results tr:first-child td:nth-child(-n+3)")].flatMap((cell) => {
  const walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), found = [];
  for (let node = walk.nextNode(); node; node = walk.nextNode())
    for (const part of node.data.matchAll(/[^-+=\\s]+/g)) {
      const range = document.createRange();
      range.setStart(node, part.index);
      range.setEnd(node, part.index + part[0].length);
      if (new Set([...range.getClientRects()].map((box) => box.top)).size > 1) found.push(part[0]);
    }
  return found;
})"""


def test_dark_and_print_have_their_own_colours(tmp_path: Path, visit: Callable[..., Any]) -> None:
    """Dark paper for who asks for it; in print white paper, no bar, and the ten answers still there."""
    (tmp_path / "report.html").write_text(render_html(three_cases()), encoding="utf-8")
    page = visit(tmp_path / "report.html", color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == "rgb(21, 24, 27)"
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    assert page.locator(".answer:visible").count() == 10
    assert page.locator(".bar:visible").count() == 0


FOLDED = "[...document.querySelectorAll('details:not([open]) pre')].map((one) => one.checkVisibility())"


def test_what_is_folded_is_open_on_paper(page: Any) -> None:
    """By the style; where a browser's style cannot do it, by a script, which folds it again afterwards."""
    assert not any(page.evaluate(FOLDED))
    page.emulate_media(media="print")
    assert len(page.evaluate(FOLDED)) > 3
    assert all(page.evaluate(FOLDED))
    script = (TEMPLATES / "scripts" / "print.js").read_text(encoding="utf-8")
    page.evaluate(f"CSS.supports = () => false; {script}")
    folded = page.locator("details:not([open])").count()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() == folded


@pytest.mark.parametrize(("part", "free_px"), [("charts", (60, 180, 300)), ("recipes", (180,)), ("cases", (160, 300))])
def test_no_heading_stands_alone_at_a_pages_end(
    part: str, free_px: tuple[int, ...], tmp_path: Path, visit: Callable[..., Any]
) -> None:
    """Wherever a part begins on a sheet, the last line of a sheet's text is no heading, of a table or a fold either."""
    tool = shutil.which("pdftotext")
    if tool is None:
        pytest.skip("no `pdftotext` is on the PATH (Debian: apt-get install poppler-utils)")
    (tmp_path / "report.html").write_text(render_html(three_cases(), charts=True), encoding="utf-8")
    page = visit(tmp_path / "report.html")
    page.evaluate(
        """part => {
          const before = document.createElement("div");
          before.id = "before";
          document.getElementById(part).before(before);
          while (before.previousElementSibling) before.previousElementSibling.remove();
        }""",
        part,
    )
    titles = "h1, h2, h3, caption, summary, p:has(+ pre)"
    headings = {" ".join(text.split()) for text in page.locator(titles).all_text_contents()}
    for free in free_px:
        page.evaluate("height => { document.getElementById('before').style.height = height }", f"{1046 - free}px")
        page.pdf(path=tmp_path / "page.pdf", format="A4")
        told = subprocess.run([tool, tmp_path / "page.pdf", "-"], capture_output=True, text=True, check=True)
        sheets = [
            [" ".join(line.split()) for line in sheet.splitlines() if line.strip()] for sheet in told.stdout.split("\f")
        ]
        assert [sheet[-1] for sheet in sheets if sheet and sheet[-1] in headings] == [], free


def test_no_payload_executes(tmp_path: Path, visit: Callable[..., Any]) -> None:
    """Each of them stands in every text of a case; none runs, loads, or becomes an element, and all can be read."""
    run = run_of(*map(infested, PAYLOADS), banners=tuple(PAYLOADS))
    run = msgspec.structs.replace(run, suite=PAYLOADS[0], command=PAYLOADS[1], run_id=PAYLOADS[2])
    (tmp_path / "report.html").write_text(render_html(run, tmp_path, charts=True), encoding="utf-8")
    page = visit(tmp_path / "report.html")
    page.get_by_role("searchbox").fill("script")
    page.get_by_label("Only this model").select_option(index=1)
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    assert page.evaluate("window.executed") is None
    assert page.locator("iframe, object, embed, base, link, math, input:not([data-search])").count() == 0
    text = page.locator("body").text_content()
    assert [payload for payload in PAYLOADS if payload not in text] == []


def test_the_policy_keeps_out_what_it_does_not_name(page: Any, heard: Any) -> None:
    """A script or a style that gets into the page by another way does not run, and the browser says so."""
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.executed = 1";
          document.body.append(script);
          document.body.setAttribute("style", "display: none");
        }"""
    )
    assert page.evaluate("window.executed") is None
    assert page.evaluate("getComputedStyle(document.body).display") == "block"
    assert len([text for text in heard.complaints if "Content Security Policy" in text]) == 2
    heard.complaints.clear()


@pytest.mark.parametrize(("width", "lines"), [(1280, 2), (700, 3), (390, 4)])
def test_a_link_of_the_bar_leads_to_a_heading_below_the_bar(
    width: int, lines: int, tmp_path: Path, visit: Callable[..., Any]
) -> None:
    """Also where many choices make the bar two or three lines high."""
    runs = [
        run_of(*(case_of(planned(f"{name}-of-a-long-name-indeed", prompt=f"{name}-prompt"), 9.0) for name in ROWS)),
        msgspec.structs.replace(three_cases(), run_id="later"),
    ]
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    page = visit(write_page_of_all(runs, folders, tmp_path / "both.html"), width=width)
    bar = page.locator(".bar")
    assert bar.bounding_box()["height"] > 30 * lines, "the bar breaks into lines"
    for link in bar.locator("a").all():
        link.click()
        covered = bar.bounding_box()["y"] + bar.bounding_box()["height"]
        heading = page.locator(link.get_attribute("href")).bounding_box()
        assert max(covered, 0) <= heading["y"] <= 900 - heading["height"]
        page.evaluate("scrollTo(0, 0)")


def test_two_runs_stand_on_one_page(tmp_path: Path, visit: Callable[..., Any]) -> None:
    """Both runs' rows, the change between them with its verdict, and what differs of the environment in bold."""
    run = three_cases()
    slower = run_of(case_of(planned(), 18.0), *run.cases[1:])
    slower = msgspec.structs.replace(
        slower, environment=msgspec.structs.replace(slower.environment, driver="590.1"), run_id="later"
    )
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    page = visit(write_page_of_all([run, slower], folders, tmp_path / "both.html"))
    assert page.locator("#answer-change .headline").text_content() == "1 worse, 1 not comparable"
    assert page.locator(".tally a").count() == 2, "both runs have a case that did not pass, and lead to it"
    assert page.locator(".answers").evaluate("part => part.previousElementSibling.textContent").startswith("Of a case")
    assert page.locator("#changes + p + div td.worse").count() == 3
    driver = page.locator("tr.differs", has_text="580.1")
    assert "590.1" in driver.text_content()
    assert driver.locator("td").first.evaluate("cell => getComputedStyle(cell).fontWeight") == "700"
    page.get_by_label("Only this run").select_option("B")
    assert models(page) == ROWS
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.locator(".changes th[scope=rowgroup]").first.bounding_box()["width"] > 300, "a case's name on a phone"
    assert (
        page.locator(".changes td.worse").first.evaluate("cell => getComputedStyle(cell, '::before').content")
        == '"verdict"'
    )
    lines = "row => [...row.querySelectorAll('td')].map((cell) => Math.round(cell.getBoundingClientRect().top))"
    quantity, *numbers = page.locator(".deltas tr:has(td.worse)").first.evaluate(lines)
    assert (len(numbers), len({*numbers})) == (4, 1), "before, after, change and verdict beside each other"
    assert quantity < numbers[0]
