"""The page has every chart that can be drawn, says why others are not, and stays one that lets nothing in."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from reports.charts import page
from reports.charts.page import FIGURES, NO_MATPLOTLIB, NOT_ASKED, page_charts
from reports.html import render_html
from reports.record import Run
from tests.charts_samples import PAYLOAD
from tests.reports_samples import case_of, planned, run_of

MISSING = (
    "What fills the memory",
    "Memory over time",
    "Student against teacher: intervals and margins",
    "Rate against what the GPU can do",
    "Where a cold start&#39;s time goes",
)
ROOT = Path(__file__).parent.parent
TAG = re.compile(r"<([a-zA-Z][\w-]*)")


def run_named(name: str) -> Run:
    """Give a run of two models that was timed, whose texts are `name` wherever a chart could show them."""
    cases = [case_of(planned(model), 3.9, 4.0, 4.2) for model in (name, f"{name} too")]
    cases = [
        msgspec.structs.replace(case, plan=msgspec.structs.replace(case.plan, setting=name, scenario="speed"))
        for case in cases
    ]
    return msgspec.structs.replace(run_of(*cases), run_id=name)


@pytest.fixture(scope="module")
def plain() -> str:
    """Render the page of a run whose names are harmless."""
    return render_html(run_named("model"), charts=True)


@pytest.fixture(scope="module")
def infested() -> str:
    """Render the page of a run whose names are a payload."""
    return render_html(run_named(PAYLOAD), charts=True)


def test_page_has_each_chart_with_its_words(plain: str) -> None:
    """Each chart is a figure with heading, picture and caption; others are listed; nothing brings a style."""
    assert plain.count("<svg xmlns") == plain.count('<figure class="chart"') == 5
    assert plain.count("<svg xmlns") + sum(f"<li>{title}: " in plain for title in MISSING) == len(FIGURES)
    for name in ("pareto", "phases", "playback", "steps", "rounds"):
        assert f'<figure class="chart" id="chart-{name}">' in plain
        assert f'aria-labelledby="{name}-title {name}-desc"' in plain
    assert "style=" not in plain
    assert "Random weights (model, model too)" in plain


def test_ids_of_a_page_are_its_charts_own(plain: str) -> None:
    """No id stands twice, whatever is drawn."""
    ids = re.findall(r'\sid="([^"]+)"', plain)
    assert len(ids) == len(set(ids))


def test_hostile_names_bring_no_element_into_the_charts(plain: str, infested: str) -> None:
    """Markup in a name changes no tag of the page, and no control or direction mark gets through to a chart."""
    assert set(TAG.findall(infested)) - {"wbr"} == set(TAG.findall(plain)) - {"wbr"}
    pictures = re.findall("<svg xmlns.*?</svg>", infested, flags=re.DOTALL)
    assert len(pictures) == 5
    for picture in pictures:
        assert "<script" not in picture
        assert "\u202e" not in picture
        assert "&lt;script&gt;alert(1)&lt;/script&gt; $\\frac{1}" in picture


def test_page_without_charts_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not asked for, or no Matplotlib: one sentence, and no picture."""
    run = run_named("model")
    assert NOT_ASKED in render_html(run).replace("&#39;", "'")
    monkeypatch.setattr(page, "find_spec", lambda _name: None)
    text = render_html(run, charts=True)
    assert NO_MATPLOTLIB in text
    assert "<svg xmlns" not in text


def test_what_cannot_be_drawn_is_listed_with_its_reason() -> None:
    """A run without a timed round has no picture at all and a line for each chart."""
    charts = page_charts([run_of(case_of(planned(), status="oom"))])
    assert not charts.pictures
    assert len(charts.missing) == len(FIGURES)
    text = render_html(run_of(), charts=True)
    assert "Where the time goes: No case has a timed round." in text


def test_importing_the_page_imports_no_plotting() -> None:
    """Whoever renders no chart does not pay for Matplotlib, nor needs it."""
    code = "import sys, reports.html; print(sorted({'matplotlib', 'numpy', 'torch'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
