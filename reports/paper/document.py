"""What a paper consists of, before it is written as Markdown or LaTeX: sections, paragraphs, tables, figures, numbers.

Why it matters: both formats say the same because they are rendered from one document, and whoever wants to know where a
number comes from finds it in the document and not in a text. Four kinds of text are told apart: our own prose (`str`),
what the record says (`Said`, `Code`), which may hold anything, and numbers with their reference.
"""

import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from reports.paper.escape import short
from reports.paper.numbers import Number, Source

LONGEST_NAME = 80


@dataclass(frozen=True)
class Said:
    """Text of the record, to be shown as it is."""

    text: str


@dataclass(frozen=True)
class Quote(Said):
    """A sentence of the record, or a part of it, and the field that holds it: numbers in it are the sentence's own."""

    source: Source


@dataclass(frozen=True)
class Code:
    """Text of the record that is a name, cut where it is longer than any sound one: a model, a setting, a commit."""

    name: str

    @property
    def text(self) -> str:
        """The name as it is shown."""
        return short(self.name, LONGEST_NAME)


@dataclass(frozen=True)
class Absent:
    """In place of a number that was not measured; `reason` is what the record says of it."""

    reason: str


@dataclass(frozen=True)
class Cite:
    """A reference to entries of references.bib."""

    keys: tuple[str, ...]


@dataclass(frozen=True)
class See:
    """A reference to a table, figure or section of this document by its label."""

    label: str


Inline = str | Said | Code | Absent | Cite | See | Number
Text = tuple[Inline, ...]


@dataclass(frozen=True)
class Paragraph:
    """A paragraph."""

    text: Text


@dataclass(frozen=True)
class Items:
    """A list, an item a line."""

    items: tuple[Text, ...]


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, line by line, and whether it holds names, running text or figures.

    `unbroken` is the heading in one line, for a heading whose lines end within a name.
    """

    heading: tuple[str, ...]
    kind: Literal["name", "text", "figure"] = "figure"
    unbroken: str = ""

    @property
    def one_line(self) -> str:
        """The heading in one line."""
        return self.unbroken or " ".join(self.heading)


@dataclass(frozen=True)
class Table:
    """A table; `notes` stand right below it."""

    label: str
    caption: Text
    columns: tuple[Column, ...]
    rows: tuple[tuple[Text, ...], ...]
    notes: Text = ()

    def __post_init__(self) -> None:
        """Refuse a row that is longer or shorter than the heading."""
        lengths = {len(row) for row in self.rows} - {len(self.columns)}
        if lengths:
            raise ValueError(f"table {self.label!r} has {len(self.columns)} columns, and rows of {sorted(lengths)}")


@dataclass(frozen=True)
class Panel:
    """A picture: its files' stem below figures/, which kinds of file there are (LaTeX shows no SVG), and its title."""

    stem: str
    kinds: tuple[Literal["svg", "pdf", "jpg"], ...]
    title: Text = ()


@dataclass(frozen=True)
class Figure:
    """A figure of pictures below each other."""

    label: str
    caption: Text
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Section:
    """A section with what stands in it, further sections included."""

    title: str
    label: str
    blocks: tuple["Block", ...]


Block = Paragraph | Items | Table | Figure | Section


def texts(block: Block) -> Iterator[Text]:
    """Yield every text of a block in the order in which a reader meets it."""
    if isinstance(block, Section):
        for inner in block.blocks:
            yield from texts(inner)
    elif isinstance(block, Paragraph):
        yield block.text
    elif isinstance(block, Items):
        yield from block.items
    elif isinstance(block, Table):
        yield block.caption
        for row in block.rows:
            yield from row
        yield block.notes
    else:
        yield from (panel.title for panel in block.panels)
        yield block.caption


def inlines(blocks: tuple[Block, ...]) -> Iterator[Inline]:
    """Yield every piece of text of a document."""
    for block in blocks:
        for text in texts(block):
            yield from text


def numbered(blocks: tuple[Block, ...]) -> dict[Number, str]:
    """Give every number of a document its id, in the order of reading; what is said twice has one id."""
    found: dict[Number, str] = {}
    for piece in inlines(blocks):
        if isinstance(piece, Number):
            found.setdefault(piece, f"n{len(found) + 1}")
    return found


def quoted(blocks: tuple[Block, ...]) -> dict[Source, str]:
    """Give every quoted field its id, in the order of reading."""
    found: dict[Source, str] = {}
    for piece in inlines(blocks):
        if isinstance(piece, Quote):
            found.setdefault(piece.source, f"q{len(found) + 1}")
    return found


def cited(blocks: tuple[Block, ...]) -> list[str]:
    """List the keys of references.bib that a document cites, each once, in the order of reading."""
    keys = (key for piece in inlines(blocks) if isinstance(piece, Cite) for key in piece.keys)
    return list(dict.fromkeys(keys))


def floats(blocks: tuple[Block, ...]) -> Iterator[Table | Figure | Section]:
    """Yield everything that has a label."""
    for block in blocks:
        if isinstance(block, Table | Figure):
            yield block
        elif isinstance(block, Section):
            yield block
            yield from floats(block.blocks)


def say(template: str, **parts: Inline | Text) -> Text:
    """Fill a sentence of our own with pieces, where their names stand in braces.

    >>> say("{number} of {what}.", number="3", what=("a", "b"))
    ('3', ' of ', 'a', 'b', '.')
    """
    text: list[Inline] = []
    for before, name, _, _ in string.Formatter().parse(template):
        text += [before] if before else []
        if not name:
            continue
        part = parts[name]
        if isinstance(part, tuple) and not isinstance(part, Number):
            text.extend(part)
        else:
            text.append(part)
    return tuple(text)


def joined(parts: list[Text], last: str = " and ", between: str = ", ") -> Text:
    """Join parts as people list things.

    >>> joined([("a",), ("b",), ("c",)])
    ('a', ', ', 'b', ' and ', 'c')
    """
    text: list[Inline] = []
    for number, part in enumerate(parts):
        if number:
            text.append(last if number == len(parts) - 1 else between)
        text += part
    return tuple(text)
