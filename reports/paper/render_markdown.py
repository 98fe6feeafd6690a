"""A document as Markdown (GitHub's); behind each number and quote stands its id in a comment, which no reader sees."""

import re

from reports.paper.bibliography import listed
from reports.paper.document import Block, Code, Figure, Section, Table, cited, floats, numbered, quoted
from reports.paper.escape import markdown
from reports.paper.rendering import Blocks, Pieces, as_read

_PLAIN_NAME = re.compile(r"[\w.+=/:\[\]-]+", re.ASCII)

Labels = dict[str, str]


def as_markdown(title: str, blocks: tuple[Block, ...]) -> str:
    """Render a document with its references."""
    labels, ids, quotes = _labels(blocks), numbered(blocks), quoted(blocks)
    pieces = Pieces(
        number=lambda one: f"{as_read(one.text)}<!--{ids[one]}-->",
        cite=lambda one: f" [{'; '.join(f'@{key}' for key in one.keys)}]",
        see=lambda one: labels[one.label],
        code=_code,
        said=lambda one: markdown(one.text),
        quote=lambda one: f"{markdown(one.text)}<!--{quotes[one.source]}-->",
        prose=markdown,
        dash="–",
    )
    form = Blocks(
        heading=lambda one, level: f"{'#' * (level + 2)} {markdown(one.title)}",
        paragraph=lambda one: pieces.text(one.text),
        items=lambda one: "\n".join(f"- {pieces.text(item)}" for item in one.items),
        table=lambda one: _table(one, pieces, labels),
        figure=lambda one: _figure(one, pieces, labels),
    )
    parts = [f"# {title}", *(part for block in blocks for part in form.parts(block))]
    references = [f"- [@{key}] {markdown(listed(key))}" for key in cited(blocks)]
    return "\n\n".join([*parts, "## References", "\n".join(references) or "None."]) + "\n"


def _labels(blocks: tuple[Block, ...]) -> Labels:
    """Give what has a label its name in the text."""
    counts = {"Table": 0, "Figure": 0}
    labels: Labels = {}
    for one in floats(blocks):
        if isinstance(one, Section):
            labels[one.label] = f"Section “{one.title}”"
            continue
        kind = "Table" if isinstance(one, Table) else "Figure"
        counts[kind] += 1
        labels[one.label] = f"{kind} {counts[kind]}"
    return labels


def _table(table: Table, pieces: Pieces, labels: Labels) -> list[str]:
    heading = [markdown(column.one_line) for column in table.columns]
    ruler = ["---:" if column.kind == "figure" else "---" for column in table.columns]
    rows = [heading, ruler, *([pieces.text(cell, in_table=True) for cell in row] for row in table.rows)]
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    caption = f"**{labels[table.label]}.** {pieces.text(table.caption)}"
    return [caption, lines, *([pieces.text(table.notes)] if table.notes else [])]


def _figure(figure: Figure, pieces: Pieces, labels: Labels) -> list[str]:
    name = labels[figure.label]
    parts: list[str] = []
    for panel in figure.panels:
        kind = next(kind for kind in ("svg", "jpg", "pdf") if kind in panel.kinds)
        parts += [pieces.text(panel.title)] if panel.title else []
        parts.append(f"![{name}](figures/{panel.stem}.{kind})")
    return [*parts, f"**{name}.** {pieces.text(figure.caption)}"]


def _code(name: Code) -> str:
    return f"`{name.text}`" if _PLAIN_NAME.fullmatch(name.text) else markdown(name.text)
