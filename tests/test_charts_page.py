"""The page has every chart that can be drawn, says why others are not, and stays one that lets nothing in."""

import re

import msgspec
import pytest

from reports.charts import page
from reports.charts.page import FIGURES, NO_MATPLOTLIB, NOT_ASKED, page_charts
from reports.html import render_html
from reports.record import Run
from tests.charts_samples import PAYLOAD
from tests.reports_samples import case_of, planned, run_of

TAG = re.compile(r"<([a-zA-Z][\w-]*)")


def run_named(name: str) -> Run:
    """Give a run of two models that was timed, whose texts are `name` wherever a chart could show them."""
    cases = [case_of(planned(model), 3.9, 4.0, 4.2) for model in (name, f"{name} too")]
    cases = [
        msgspec.structs.replace(case, plan=msgspec.structs.replace(case.plan, setting=name, scenario="speed"))
        for case in cases
    ]
    return msgspec.structs.replace(run_of(*cases), run_id=name)


def test_page_has_each_chart_with_its_words() -> None:
    """Each chart is a figure with heading, picture and caption; the picture has the page's own colour of ink."""
    text = render_html(run_named("model"), charts=True)
    charts = page_charts([run_named("model")])
    assert len(charts.pictures) + len(charts.missing) == len(FIGURES)
    assert text.count("<svg ") == len(charts.pictures) == text.count('<figure class="chart"')
    for picture in charts.pictures:
        assert f'id="chart-{picture.name}"' in text
        assert str(picture.svg) in text
    assert "style=" not in text
    assert "Random weights (model, model too)" in text


def test_ids_of_a_page_are_its_charts_own() -> None:
    """No id stands twice, whatever is drawn."""
    ids = re.findall(r'\sid="([^"]+)"', render_html(run_named("model"), charts=True))
    assert len(ids) == len(set(ids))


def test_hostile_names_bring_no_element_into_the_charts() -> None:
    """Markup in a name changes no tag of the page, and no control or direction mark gets through to a chart."""
    plain, hostile = (render_html(run_named(name), charts=True) for name in ("plain", PAYLOAD))
    assert set(TAG.findall(hostile)) == set(TAG.findall(plain))
    assert hostile.count("<svg ") == plain.count("<svg ")
    for picture in page_charts([run_named(PAYLOAD)]).pictures:
        assert "<script" not in picture.svg
        assert "\u202e" not in picture.svg
        assert "&lt;script&gt;alert(1)&lt;/script&gt; $\\frac{1}" in picture.svg


def test_page_without_charts_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not asked for, or no Matplotlib: one sentence, and no picture."""
    run = run_named("model")
    assert NOT_ASKED in render_html(run).replace("&#39;", "'")
    monkeypatch.setattr(page, "find_spec", lambda _name: None)
    text = render_html(run, charts=True)
    assert NO_MATPLOTLIB in text
    assert "<svg" not in text


def test_what_cannot_be_drawn_is_listed_with_its_reason() -> None:
    """A run without a timed round has no picture at all and a line for each chart."""
    charts = page_charts([run_of(case_of(planned(), status="oom"))])
    assert not charts.pictures
    assert len(charts.missing) == len(FIGURES)
    text = render_html(run_of(), charts=True)
    assert "Where the time goes: No case has a timed round." in text
