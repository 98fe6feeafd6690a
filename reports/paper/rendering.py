"""The walk through a document that both formats share: what stands in what, and which piece of text is which.

Why it matters: Markdown and LaTeX must show the same, so neither decides by itself what it passes over.
"""

from collections.abc import Callable
from typing import NamedTuple

from reports.paper.document import (
    Absent,
    Block,
    Cite,
    Code,
    Figure,
    Inline,
    Items,
    Paragraph,
    Quote,
    Said,
    Section,
    See,
    Table,
    Text,
)
from reports.paper.numbers import Number

NOT_MEASURED = "not measured"
MINUS = "\N{MINUS SIGN}"
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Pieces(NamedTuple):
    """How a format writes each kind of piece of a text; `dash` stands in a table's cell for what is absent."""

    number: Callable[[Number], str]
    cite: Callable[[Cite], str]
    see: Callable[[See], str]
    code: Callable[[Code], str]
    said: Callable[[Said], str]
    quote: Callable[[Quote], str]
    prose: Callable[[str], str]
    dash: str

    def text(self, text: Text, *, in_table: bool = False) -> str:
        """Write a text."""
        return "".join(self._piece(piece, in_table=in_table) for piece in text)

    def _piece(self, piece: Inline, *, in_table: bool) -> str:
        if isinstance(piece, Number):
            return self.number(piece)
        if isinstance(piece, Cite):
            return self.cite(piece)
        if isinstance(piece, See):
            return self.see(piece)
        if isinstance(piece, Absent):
            return self.dash if in_table else NOT_MEASURED
        if isinstance(piece, Said):
            return self.quote(piece) if isinstance(piece, Quote) else self.said(piece)
        return self.code(piece) if isinstance(piece, Code) else self.prose(piece)


class Blocks(NamedTuple):
    """How a format writes each kind of block, in parts that a blank line keeps apart; of a section its heading alone.

    A heading is given the level of its section, 0 for the outermost.
    """

    heading: Callable[[Section, int], str]
    paragraph: Callable[[Paragraph], str]
    items: Callable[[Items], str]
    table: Callable[[Table], list[str]]
    figure: Callable[[Figure], list[str]]

    def parts(self, block: Block, level: int = 0) -> list[str]:
        """Write a block and all that is in it."""
        if isinstance(block, Section):
            return [self.heading(block, level), *(p for inner in block.blocks for p in self.parts(inner, level + 1))]
        if isinstance(block, Paragraph):
            return [self.paragraph(block)]
        if isinstance(block, Items):
            return [self.items(block)]
        return self.table(block) if isinstance(block, Table) else self.figure(block)


def as_read(text: str) -> str:
    """Write a number's text as people read it: a minus as such, and a power of ten for "2.79e-05".

    >>> as_read("-0.20") == f"{MINUS}0.20", as_read("2.79e-05")
    (True, '2.79 × 10⁻⁵')
    """
    digits, power = power_of_ten(text)
    return digits.replace("-", MINUS) + ("" if power is None else f" × 10{str(power).translate(RAISED)}")


def power_of_ten(text: str) -> tuple[str, int | None]:
    """Take a number's text apart: its digits and, for "2.79e-05", its power of ten.

    >>> power_of_ten("2.79e-05"), power_of_ten("1,234.5")
    (('2.79', -5), ('1,234.5', None))
    """
    digits, _, power = text.partition("e")
    return digits, int(power) if power else None
