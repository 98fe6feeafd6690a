"""How wide the columns of a table are in LaTeX, measured in letters, and where its rows are cut for the next page.

Why it matters: a box that is overfull runs into the margin; and TeX itself does not tell how wide a column has to be.
"""

from reports.paper.document import Absent, Cite, Code, Inline, See, Table, Text
from reports.paper.escape import letters
from reports.paper.numbers import Number

# Points: A4 with margins of about 25 mm; a letter of \footnotesize (8 pt) and \scriptsize (7 pt), a column's margins.
TEXT_WIDTH_PT = 455.0
SIZES = ((r"\footnotesize", 4.45, 4.0), (r"\scriptsize", 3.95, 3.0))
# Digits are narrower than the letters of a heading.
DIGIT = 0.96
LEAST_TEXT_PT = 52.0
LINES_OF_A_PAGE = 50


def layout(table: Table) -> tuple[str, list[int | None], float, float]:
    """Give the size of the letters, the columns' widths, their distance and a letter's width: the largest that fits."""
    tried = [(size, *_columns(table, letter_pt, apart_pt), apart_pt, letter_pt) for size, letter_pt, apart_pt in SIZES]
    size, widths, _, separation_pt, letter_pt = next((one for one in tried if one[2]), tried[-1])
    return size, widths, separation_pt, letter_pt


def _columns(table: Table, letter_pt: float, separation_pt: float) -> tuple[list[int | None], bool]:
    """Give the widths of columns of text, None for those of figures, and whether text has room to be read."""
    natural = [_letters(table, index) * letter_pt + 4 for index in range(len(table.columns))]
    is_text = [column.kind != "figure" for column in table.columns]
    room = TEXT_WIDTH_PT - 2 * separation_pt * (len(natural) - 1)
    room -= sum(width for width, text in zip(natural, is_text, strict=True) if not text)
    wanted = [width for width, text in zip(natural, is_text, strict=True) if text]
    widths = _shared(wanted, room)
    fits = all(width >= min(want, LEAST_TEXT_PT) for width, want in zip(widths, wanted, strict=True))
    texts = iter(widths)
    return [int(next(texts)) if text else None for text in is_text], fits


def _shared(natural: list[float], room: float) -> list[float]:
    """Share room among columns: what needs less than an equal part gets what it needs, the others the rest."""
    widths = dict.fromkeys(range(len(natural)), 0.0)
    for number, index in enumerate(sorted(widths, key=lambda index: natural[index])):
        widths[index] = min(natural[index], max((room - sum(widths.values())) / (len(natural) - number), 1.0))
    return list(widths.values())


def _letters(table: Table, index: int) -> float:
    """Give the letters of a column's longest line."""
    column, cells = table.columns[index], [row[index] for row in table.rows]
    digit = DIGIT if column.kind == "figure" else 1.0
    return max([*map(letters, column.heading), *(digit * _cell_letters(cell) for cell in cells)], default=1)


def _cell_letters(cell: Text) -> float:
    return sum(map(_length, cell))


def _length(piece: Inline) -> float:
    if isinstance(piece, Number):
        return len(piece.text)
    if isinstance(piece, Cite | See):
        return 6
    if isinstance(piece, Absent):
        return 1
    return letters(piece) if isinstance(piece, str) else letters(piece.text, typewriter=isinstance(piece, Code))


def pages_of(
    rows: tuple[tuple[Text, ...], ...], widths: list[int | None], letter_pt: float
) -> list[list[tuple[Text, ...]]]:
    """Cut the rows where a page is full, by how many lines each cell takes."""
    pages: list[list[tuple[Text, ...]]] = [[]]
    used = 0
    for row in rows:
        takes = max(
            1 if width is None else 1 + int(1.2 * _cell_letters(cell) * letter_pt / width)
            for cell, width in zip(row, widths, strict=True)
        )
        if used + takes > LINES_OF_A_PAGE and pages[-1]:
            pages.append([])
            used = 0
        pages[-1].append(row)
        used += takes
    return pages
