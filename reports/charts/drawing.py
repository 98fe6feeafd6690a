"""From a chart to SVG text for a page and PDF bytes for a paper.

Why it matters: a page's Content-Security-Policy allows no style attribute, it is read in the dark and on paper, and
pages are compared byte for byte. So Matplotlib's styles become presentation attributes, its ink `currentColor`, text
stays text, ids are the chart's own, and nothing depends on date or settings of a user.
Source: Matplotlib 3.11.2, backends/backend_svg.py; SVG 1.1, chapter 6.4 for what may be an attribute.
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

from reports.charts.caption import Caption, plain
from reports.rows import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#010203"  # stands for the reader's own colour of text; as good as black on paper
WIDTH_IN = 6.5
FONT_PT = 8.5
SMALL_PT = 7.5
DESCRIPTION_CHARACTERS = 6_000
PRESENTATION = frozenset(
    {
        *("fill", "fill-opacity", "fill-rule", "opacity", "text-anchor", "font-size", "font-style", "font-weight"),
        *("stroke", "stroke-dasharray", "stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit"),
        *("stroke-opacity", "stroke-width"),
    }
)
_SETTINGS = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": FONT_PT,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": FONT_PT,
    "axes.titlelocation": "left",
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "figure.edgecolor": "none",
    "font.family": "DejaVu Sans",
    "font.size": FONT_PT,
    "hatch.color": INK,
    "hatch.linewidth": 0.5,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "chart",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "xtick.labelsize": SMALL_PT,
    "xtick.major.width": 0.6,
    "ytick.color": INK,
    "ytick.labelsize": SMALL_PT,
    "ytick.major.width": 0.6,
}
_NUMBER = re.compile(r"-?\d+\.\d+")


class Chart(NamedTuple):
    """A drawn figure with its words: what it shows, and for those who cannot see it what it says.

    `name` is a word of letters and dashes, that of files and ids. `said` holds what limits the numbers.
    """

    name: str
    title: str
    said: Caption
    description: str
    figure: "Figure"

    @property
    def caption(self) -> str:
        """What is said below it, as one text."""
        return plain(self.said)


class NoChart(NamedTuple):
    """Why there is no chart, in a sentence."""

    title: str
    reason: str


@contextmanager
def style() -> Iterator[None]:
    """Draw with these settings alone: those of a user's own matplotlibrc are put aside and come back.

    A character that the measuring font lacks is no news: a page's own fonts show it.
    """
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield


def canvas(height_in: float) -> "Figure":
    """Make an empty figure, `WIDTH_IN` wide; to be called within `style`."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH_IN, height_in))


def axes_at(figure: "Figure", left_in: float, top_in: float, width_in: float, height_in: float) -> "Axes":
    """Place axes by inches from the figure's upper left corner: nothing is laid out by measuring text."""
    whole_in = figure.get_figheight()
    box = (left_in / WIDTH_IN, 1 - (top_in + height_in) / whole_in, width_in / WIDTH_IN, height_in / whole_in)
    return figure.add_axes(box)


def svg_text(chart: Chart) -> str:
    """Write a chart as an `svg` element that may stand in a page or alone: the same bytes each time.

    It has no style, class or handler, no metadata, and its ids begin with the chart's name. Raises `ValueError` for a
    style that is no presentation attribute.
    """
    buffer = BytesIO()
    with style():
        chart.figure.savefig(buffer, format="svg", metadata={"Date": None})
    root = ET.fromstring(buffer.getvalue())  # noqa: S314 - Matplotlib's own output, in which text is escaped
    _without_namespaces(root)
    for child in [child for child in root if child.tag == "metadata" or _is_style(child)]:
        root.remove(child)
    for element in root.iter():
        _as_attributes(element)
    _own_ids(root, chart.name)
    _introduce(root, chart)
    return ET.tostring(root, encoding="unicode")


def pdf_bytes(chart: Chart) -> bytes:
    """Write a chart as a PDF of one page with its fonts inside: the same bytes each time."""
    buffer = BytesIO()
    with style():
        chart.figure.savefig(buffer, format="pdf", metadata={"CreationDate": None, "Title": chart.title})
    return buffer.getvalue()


def _without_namespaces(root: ET.Element) -> None:
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}


def _is_style(element: ET.Element) -> bool:
    return element.tag == "defs" and len(element) > 0 and all(child.tag == "style" for child in element)


def _as_attributes(element: ET.Element) -> None:
    """Turn a style into attributes, its ink into `currentColor`, and round coordinates to a hundredth of a point."""
    for declaration in filter(None, map(str.strip, element.attrib.pop("style", "").split(";"))):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name in PRESENTATION:
            element.set(name, "currentColor" if value == INK else value.removesuffix("px"))
        elif name != "font-family":  # the page's own is taken
            raise ValueError(f"a chart's <{element.tag}> has the style {declaration!r}, which is no attribute")
    for name, value in element.attrib.items():
        if name not in {"id", "href", "version"}:
            element.set(name, _NUMBER.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), value))


def _own_ids(root: ET.Element, name: str) -> None:
    """Keep the ids that something refers to, numbered after the chart's name, so that charts can share a page."""
    used = {
        match for element in root.iter() for value in element.attrib.values() for match in re.findall(r"#(\w+)", value)
    }
    known = [element.attrib["id"] for element in root.iter() if element.get("id") in used]
    new = {old: f"{name}-{number}" for number, old in enumerate(known, start=1)}
    for element in root.iter():
        if (own := element.attrib.pop("id", None)) in new:
            element.set("id", new[own])
        for key, value in element.attrib.items():
            if "#" in value:
                element.set(key, re.sub(r"#(\w+)", lambda found: f"#{new.get(found[1], found[1])}", value))


def _introduce(root: ET.Element, chart: Chart) -> None:
    """Give the picture its name and words for those who cannot see it, and what Matplotlib keeps in a style sheet."""
    title, description = ET.Element("title", id=f"{chart.name}-title"), ET.Element("desc", id=f"{chart.name}-desc")
    title.text = one_line(chart.title)
    description.text = one_line(f"{chart.caption} {chart.description}", DESCRIPTION_CHARACTERS)
    root[:0] = [title, description]
    size = root.attrib["viewBox"].split()
    root.attrib = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": root.attrib["viewBox"],
        "width": size[2],
        "height": size[3],
        "role": "img",
        "aria-labelledby": f"{chart.name}-title {chart.name}-desc",
        "font-family": "system-ui, sans-serif",
        "fill": "currentColor",
        "stroke-linejoin": "round",
        "stroke-linecap": "butt",
    }
