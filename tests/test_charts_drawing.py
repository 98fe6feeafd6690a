"""A chart becomes an svg element that a strict page may hold, and a PDF; both are the same bytes each time."""

import re
from collections.abc import Callable

import matplotlib as mpl
import pytest

from reports.charts import pareto, phases
from reports.charts.drawing import INK, Chart, NoChart, canvas, pdf_bytes, style, svg_text
from tests.charts_samples import SPACE, drawn, tree_of
from tests.reports_samples import case_of, planned, run_of

RUN = run_of(case_of(planned(), 3.9, 4.0, 4.2), case_of(planned("wan2.1-t2v-1.3b"), 60.0, 64.0, 66.0))
CLOSED = re.compile(
    r"""\sstyle=|\sclass=|\son\w+=|<style|<script|<metadata|<image|xlink|https?://(?!www\.w3\.org/2000/svg)"""
)


def chart_of(name: str = "made") -> Chart:
    """Draw a line, a hatched box, a dashed box and a text, none of which is about anything."""
    with style():
        figure = canvas(1.0)
        axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
        axes.bar([0.0, 1.0], [1.0, 2.0], color="none", edgecolor=INK, hatch="//")
        axes.plot([0.0, 1.0], [1.5, 0.5], "o--", color="#0072b2", alpha=0.5)
        axes.set_title("a title", fontweight="bold", fontstyle="italic")
    return Chart(name, "What is made", ("Nothing & nobody.",), "Two bars.", figure)


KINDS: list[Callable[[], Chart | NoChart]] = [chart_of, lambda: phases.figure([RUN]), lambda: pareto.figure([RUN])]


@pytest.mark.parametrize("figure", KINDS, ids=["made", "phases", "pareto"])
def test_svg_holds_nothing_that_a_strict_policy_forbids(figure: Callable[[], Chart | NoChart]) -> None:
    """No style, class, handler, metadata, picture or address, and no ink but the reader's own."""
    text = svg_text(drawn(figure()))
    assert CLOSED.search(text) is None
    assert INK not in text
    assert "currentColor" in text
    assert 'font-size="7.5"' in text


@pytest.mark.parametrize("figure", KINDS, ids=["made", "phases", "pareto"])
def test_svg_is_the_same_twice(figure: Callable[[], Chart | NoChart]) -> None:
    """Drawn anew, with a user's other settings of Matplotlib, it is equal byte for byte."""
    kept = svg_text(drawn(figure()))
    with mpl.rc_context({"svg.fonttype": "path", "font.size": 30, "text.parse_math": True, "svg.hashsalt": None}):
        assert svg_text(drawn(figure())) == kept


def test_pdf_is_the_same_twice_and_holds_its_fonts() -> None:
    """It has no date, and text that can be read out of it."""
    pdf = pdf_bytes(chart_of())
    assert pdf == pdf_bytes(chart_of())
    assert pdf.startswith(b"%PDF")
    assert b"CreationDate" not in pdf
    assert b"/FontFile2" in pdf


def test_settings_of_a_user_come_back() -> None:
    """Drawing leaves Matplotlib's settings as they were."""
    with mpl.rc_context({"font.size": 31.0}):
        svg_text(chart_of())
        assert mpl.rcParams["font.size"] == 31.0


def test_svg_names_itself_for_those_who_cannot_see_it() -> None:
    """It is an image with title and description, which stand first in it and are referred to."""
    root = tree_of(chart_of())
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "made-title made-desc"
    assert [(child.tag, child.get("id"), child.text) for child in root[:2]] == [
        (f"{SPACE}title", "made-title", "What is made"),
        (f"{SPACE}desc", "made-desc", "Nothing & nobody. Two bars."),
    ]
    assert root.get("viewBox") == "0 0 468 72"
    assert (root.get("width"), root.get("height")) == ("468", "72")


def test_ids_are_the_charts_own_and_lead_somewhere() -> None:
    """Two charts of a page share no id, and every reference has its target: hatches, markers, clips."""
    found = [svg_text(chart_of(name)) for name in ("one", "two")]
    ids = [set(re.findall(r'id="([^"]+)"', text)) for text in found]
    assert ids[0].isdisjoint(ids[1])
    for text, known, name in zip(found, ids, ("one", "two"), strict=True):
        assert all(one.startswith(f"{name}-") for one in known)
        used = set(re.findall(r"#([\w-]+)\)|href=\"#([\w-]+)\"", text))
        assert len(used) >= 3
        assert {a or b for a, b in used} <= known


def test_style_that_is_no_attribute_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page would silently lose is an error that names it."""
    monkeypatch.setattr("reports.charts.drawing.PRESENTATION", frozenset({"fill"}))
    with pytest.raises(ValueError, match=r"a chart's <\w+> has the style '[a-z-]+: .+', which is no attribute"):
        svg_text(chart_of())
