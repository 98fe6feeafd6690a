"""How wide the columns of a table are in LaTeX, measured in letters, and where its rows are cut for the next page.

Why it matters: a box that is overfull runs into the margin; and TeX itself does not tell how wide a column has to be.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from reports.paper.document import Absent, Cite, Code, Inline, Said, See, Table, Text
from reports.paper.escape import letters, whole
from reports.paper.numbers import Number

# Points: A4 with margins of about 25 mm; a letter of \footnotesize (8 pt) and \scriptsize (7 pt), a column's margins.
TEXT_WIDTH_PT = 455.0
SIZES = ((r"\footnotesize", 4.45, 4.0), (r"\scriptsize", 3.95, 3.0))
# Digits are narrower than the letters of a heading.
DIGIT = 0.96
# Text in columns that are narrower is hard to read.
EASY_TEXT_PT = 52.0
# Letters of punctuation that may stand at a word without a space.
JOINED = 1.2
LINES_OF_A_PAGE = 50
# Letters that a caption may take, that a name in it may, and that a picture's title may: 12 lines, 1 and 2.
CAPTION, NAME, TITLE = 1000.0, 80.0, 180.0


class Layout(NamedTuple):
    """How a table is set: size of the letters, width of each column (None: as its numbers need), and their distance.

    `letter_pt` is an ordinary letter's width. `is_shrunk`: even the smallest letters need more than the page has.
    """

    size: str
    widths_pt: list[int | None]
    separation_pt: float
    letter_pt: float
    is_shrunk: bool


def layout(table: Table) -> Layout:
    """Take the largest letters that fit: no column is narrower than what in it cannot be broken."""
    tried = [_tried(table, *size) for size in SIZES]
    return next((one for one, fits in tried if fits), tried[-1][0])


def _tried(table: Table, size: str, letter_pt: float, separation_pt: float) -> tuple[Layout, bool]:
    """Share the page among the columns at one size of letters; tell whether text has room to be read."""
    columns = range(len(table.columns))
    natural_pt = [_letters(table, index) * letter_pt + 4 for index in columns]
    texts = [index for index in columns if table.columns[index].kind != "figure"]
    room_pt = TEXT_WIDTH_PT - 2 * separation_pt * (len(columns) - 1)
    room_pt -= sum(width for index, width in enumerate(natural_pt) if index not in texts)
    least_pt = {index: min(_least(table, index) * letter_pt + 4, natural_pt[index]) for index in texts}
    easy_pt = {index: max(least, min(natural_pt[index], EASY_TEXT_PT)) for index, least in least_pt.items()}
    is_easy = sum(easy_pt.values()) <= room_pt
    given_pt = _shared(natural_pt, easy_pt if is_easy else least_pt, room_pt)
    widths_pt = [int(given_pt[index]) if index in given_pt else None for index in columns]
    return Layout(size, widths_pt, separation_pt, letter_pt, is_shrunk=sum(least_pt.values()) > room_pt), is_easy


def _shared(natural_pt: list[float], least_pt: dict[int, float], room_pt: float) -> dict[int, float]:
    """Give each column the least that it needs, and of what is left a share of what it would still like to have."""
    more_pt = {index: natural_pt[index] - least for index, least in least_pt.items()}
    share = min(max(room_pt - sum(least_pt.values()), 0.0) / (sum(more_pt.values()) or 1.0), 1.0)
    return {index: least + share * more_pt[index] for index, least in least_pt.items()}


def _least(table: Table, index: int) -> float:
    """Give the letters of a column's longest piece that has no place to break at."""
    heading = [whole(word) for line in table.columns[index].heading for word in line.split()]
    cells = (_pieces(row[index]) for row in table.rows)
    return max([*heading, *(width for cell in cells for width in cell)], default=1.0) + JOINED


def _pieces(cell: Text) -> Iterator[float]:
    for piece in cell:
        if isinstance(piece, str):
            yield from (letters(word) for word in piece.split())
        elif isinstance(piece, Code):
            yield from (whole(word, typewriter=True) for word in piece.text.split())
        elif isinstance(piece, Said):
            yield from (whole(word) for word in piece.text.split())
        else:
            yield _length(piece)


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


def cut(cell: Text, width_pt: int | None, set_as: Layout) -> Text:
    """Cut the record's text in a cell where it would make a row that is higher than a page."""
    if width_pt is None:
        return cell
    room = 0.6 * LINES_OF_A_PAGE * width_pt / set_as.letter_pt
    kept: list[Inline] = []
    for piece in cell:
        wide = _length(piece)
        kept.append(_cut(piece, room / wide) if wide > room and isinstance(piece, Code | Said) else piece)
        room = max(room - wide, 0.0)
    return tuple(kept)


def within(text: Text, room: float) -> Text:
    """Cut the record's text in a caption or a title to so many letters in all, our own words and numbers counted.

    TeX measures a caption as one line, which may have no more than 19 feet, and a float has to fit on a page.
    """
    room -= sum(_length(piece) for piece in text if not isinstance(piece, Code | Said))
    kept: list[Inline] = []
    for piece in text:
        if isinstance(piece, Code | Said):
            wide, most = _length(piece), max(min(NAME, room), 1.0)
            kept.append(_cut(piece, most / wide) if wide > most else piece)
            room -= min(wide, most)
        else:
            kept.append(piece)
    return tuple(kept)


def _cut(piece: Code | Said, share: float) -> Code | Said:
    shown = f"{piece.text[: max(int(len(piece.text) * share), 1)]}…"
    return replace(piece, text=shown) if isinstance(piece, Said) else Code(shown)


def pages_of(rows: tuple[tuple[Text, ...], ...], set_as: Layout) -> list[list[tuple[Text, ...]]]:
    """Cut the rows where a page is full, by how many lines each cell takes."""
    pages: list[list[tuple[Text, ...]]] = [[]]
    used = 0
    for row in rows:
        takes = max(
            1 if width is None else 1 + int(1.2 * _cell_letters(cell) * set_as.letter_pt / width)
            for cell, width in zip(row, set_as.widths_pt, strict=True)
        )
        if used + takes > LINES_OF_A_PAGE and pages[-1]:
            pages.append([])
            used = 0
        pages[-1].append(row)
        used += takes
    return pages
