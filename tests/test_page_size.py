"""A page of thousands of cases is rendered, and holds little for each: a browser's time goes by elements."""

import msgspec
import pytest

from reports import compare
from reports.html import MOST_LINES, render_html
from reports.record import CaseRecord, Run
from tests.reports_samples import case_of, planned, run_of
from tests.test_reports_html import Page

ELEMENTS_A_CASE = 45
BYTES_A_CASE = 4000


def run_of_many(count: int) -> Run:
    """Give a run of so many cases with a text of their own, one in fifty of them failed."""
    first = case_of(planned(), 3.9, 4.0, 4.2, video="media/a.mp4")
    plans = [planned(prompt=f"p{number}", text=f"dog {number}") for number in range(count)]
    cases = [msgspec.structs.replace(first, id=plan.id, plan=plan) for plan in plans]
    cases[::50] = [msgspec.structs.replace(case, status="oom", reason="no room") for case in cases[::50]]
    return run_of(*cases)


def test_a_case_of_many_takes_few_elements() -> None:
    """500 cases: each stands on the page, and its recipe only once."""
    text = render_html(run_of_many(500))
    page = Page(text)
    assert len([a for a in page.all("details") if str(a.get("id")).startswith("case-")]) == 500
    assert len(page.elements) / 500 < ELEMENTS_A_CASE
    assert len(text) / 500 < BYTES_A_CASE
    assert text.count("Recipe and request, and where their values come from") == 1


def test_five_thousand_cases_have_a_page() -> None:
    """All of them, with the tally, and no more a case than of 500."""
    text = render_html(run_of_many(5000))
    assert text.count("<tbody data-case=") == 5000
    assert "5000 cases: 4900 passed, 100 oom." in text
    assert len(text) / 5000 < BYTES_A_CASE


def sweep(models: int, settings: int) -> Run:
    """Give a case of each model in each setting on one prompt, so that every two of different models have a ratio."""
    names = ["causvid-1.3b", "wan2.1-t2v-1.3b", *(f"m{number}" for number in range(2, models))]
    cases = []
    for model in names:
        plan = planned(model)
        for steps in range(settings):
            own = msgspec.structs.replace(
                plan,
                id=plan.id.replace("480p81", f"480p81-{steps}"),
                setting=f"480p81-{steps}",
                request=msgspec.structs.replace(plan.request, steps=steps + 1),
            )
            cases.append(case_of(own, 3.9, 4.0, 4.2))
    return run_of(*cases)


def test_work_of_a_sweep_goes_by_cases_and_lines_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """40 cases of two models make 400 ratios: a case is laid out few times, not once a ratio; lines stop at a limit."""
    calls: list[str] = []
    axes = compare._axes

    def counted(case: CaseRecord) -> dict[str, object]:
        calls.append(case.id)
        return axes(case)

    monkeypatch.setattr(compare, "_axes", counted)
    page = render_html(sweep(2, 20))
    assert len(calls) <= 8 * 40
    assert page.count("as fast as") == 400
    monkeypatch.setattr("reports.html.MOST_LINES", 100)
    assert render_html(sweep(2, 20)).count("as fast as") == 100
    assert MOST_LINES >= 100


def test_measurement_prints_a_line_for_each_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a Chromium it says that nothing opened the page."""
    from tests import measure_page

    monkeypatch.setattr("shutil.which", lambda _: None)
    measure_page.main(["--cases", "3", "--settings", "1"])
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("3 cases of one model: made in ")
    assert first.endswith(", no chromium to open it")
    assert second.startswith("10 cases, 10 models in each setting: ")
