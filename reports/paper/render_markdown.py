"""A document as Markdown (GitHub's); behind each number stands its id in a comment, which no reader sees."""

import re

from reports.paper.bibliography import listed
from reports.paper.document import (
    Absent,
    Block,
    Cite,
    Code,
    Figure,
    Inline,
    Items,
    Paragraph,
    Section,
    See,
    Table,
    Text,
    cited,
    floats,
    numbered,
)
from reports.paper.escape import markdown
from reports.paper.numbers import Number

MINUS = "\N{MINUS SIGN}"
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_PLAIN_NAME = re.compile(r"[\w.+=/:\[\]-]+", re.ASCII)


class _Names:
    """Ids of numbers, and names of what has a label."""

    def __init__(self, blocks: tuple[Block, ...]) -> None:
        """Give the document's numbers, tables and figures their names."""
        self.ids = numbered(blocks)
        counts = {"Table": 0, "Figure": 0}
        self.labels: dict[str, str] = {}
        for one in floats(blocks):
            if isinstance(one, Section):
                self.labels[one.label] = f"Section “{one.title}”"
                continue
            kind = "Table" if isinstance(one, Table) else "Figure"
            counts[kind] += 1
            self.labels[one.label] = f"{kind} {counts[kind]}"


def as_markdown(title: str, blocks: tuple[Block, ...]) -> str:
    """Render a document with its references."""
    names = _Names(blocks)
    parts = [f"# {title}", *(part for block in blocks for part in _block(block, names, 2))]
    references = [f"- [@{key}] {markdown(listed(key))}" for key in cited(blocks)]
    return "\n\n".join([*parts, "## References", "\n".join(references) or "None."]) + "\n"


def _block(block: Block, names: _Names, level: int) -> list[str]:
    if isinstance(block, Section):
        inner = [part for one in block.blocks for part in _block(one, names, level + 1)]
        return [f"{'#' * level} {markdown(block.title)}", *inner]
    if isinstance(block, Paragraph):
        return [_text(block.text, names)]
    if isinstance(block, Items):
        return ["\n".join(f"- {_text(item, names)}" for item in block.items)]
    return _table(block, names) if isinstance(block, Table) else _figure(block, names)


def _table(table: Table, names: _Names) -> list[str]:
    heading = [markdown(" ".join(column.heading)) for column in table.columns]
    ruler = ["---:" if column.kind == "figure" else "---" for column in table.columns]
    rows = [heading, ruler, *([_text(cell, names, in_table=True) for cell in row] for row in table.rows)]
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    caption = f"**{names.labels[table.label]}.** {_text(table.caption, names)}"
    return [caption, lines, *([_text(table.notes, names)] if table.notes else [])]


def _figure(figure: Figure, names: _Names) -> list[str]:
    name = names.labels[figure.label]
    parts: list[str] = []
    for panel in figure.panels:
        kind = next(kind for kind in ("svg", "jpg", "pdf") if kind in panel.kinds)
        parts += [_text(panel.title, names)] if panel.title else []
        parts.append(f"![{name}](figures/{panel.stem}.{kind})")
    return [*parts, f"**{name}.** {_text(figure.caption, names)}"]


def _number(text: str) -> str:
    """Write a number's text: a minus as such, and a power of ten for "2.79e-05"."""
    digits, _, power = text.partition("e")
    return digits.replace("-", MINUS) + (f" × 10{str(int(power)).translate(RAISED)}" if power else "")


def _text(text: Text, names: _Names, *, in_table: bool = False) -> str:
    return "".join(_inline(piece, names, in_table=in_table) for piece in text)


def _inline(piece: Inline, names: _Names, *, in_table: bool) -> str:
    if isinstance(piece, Number):
        return f"{_number(piece.text)}<!--{names.ids[piece]}-->"
    if isinstance(piece, Cite):
        return f" [{'; '.join(f'@{key}' for key in piece.keys)}]"
    if isinstance(piece, See):
        return names.labels[piece.label]
    if isinstance(piece, Absent):
        return "–" if in_table else "not measured"
    if isinstance(piece, Code) and _PLAIN_NAME.fullmatch(piece.text):
        return f"`{piece.text}`"
    return markdown(piece if isinstance(piece, str) else piece.text)
