"""What tests read out of a drawn chart: its texts and its boxes, from the svg that a page gets."""

import re
from typing import NamedTuple
from xml.etree import ElementTree as ET

from reports.charts.drawing import Chart, NoChart, svg_text

SPACE = "{http://www.w3.org/2000/svg}"
PAYLOAD = "<script>alert(1)</script> $\\frac{1}{0}$ {{ 7 * 7 }} \u202egnp \x00"


class Box(NamedTuple):
    """A filled rectangle, in points from the upper left corner."""

    colour: str
    left: float
    top: float
    width: float
    height: float


class Mark(NamedTuple):
    """A marker's colour and place, in points from the upper left corner."""

    colour: str
    x: float
    y: float


def drawn(figure: Chart | NoChart) -> Chart:
    """Give the chart, or fail with the reason for which there is none."""
    assert isinstance(figure, Chart), figure
    return figure


def tree_of(figure: Chart | NoChart) -> ET.Element:
    """Parse the svg of a chart."""
    return ET.fromstring(svg_text(drawn(figure)))  # noqa: S314 - our own output


def texts(root: ET.Element) -> list[str]:
    """List the written texts, without title and description."""
    return ["".join(element.itertext()) for element in root.iter(f"{SPACE}text")]


def boxes(root: ET.Element) -> list[Box]:
    """List the closed four-cornered paths that are filled with a colour of their own."""
    found = []
    for path in root.iter(f"{SPACE}path"):
        colour = path.get("fill", "none")
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", path.get("d", ""))]
        if not colour.startswith("#") or len(numbers) != 8:
            continue
        xs, ys = numbers[0::2], numbers[1::2]
        found.append(Box(colour, min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)))
    return found


def marks(root: ET.Element) -> list[Mark]:
    """List the markers that have a fill of their own."""
    return [
        Mark(str(use.get("fill")), float(use.get("x", "nan")), float(use.get("y", "nan")))
        for use in root.iter(f"{SPACE}use")
        if use.get("fill", "none").startswith("#")
    ]
