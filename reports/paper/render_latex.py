r"""A document as LaTeX: `article` with booktabs and graphicx, a file a section, its numbers as `\val{id}{number}`.

Why it matters: the sections go into a paper whose preamble is another's. So they ask for two packages and define one
command. Columns are as wide as their text, measured in characters, and what is too wide breaks: no box is overfull.
"""

from reports.paper.document import (
    Absent,
    Block,
    Cite,
    Code,
    Column,
    Figure,
    Inline,
    Items,
    Panel,
    Paragraph,
    Section,
    See,
    Table,
    Text,
)
from reports.paper.escape import letters, tex, tex_name, tex_prose
from reports.paper.numbers import Number

LEVELS = ("section", "subsection", "subsubsection", "paragraph")
# Points: A4 with margins of about 25 mm; a letter of \footnotesize (8 pt) and \scriptsize (7 pt), a column's margins.
TEXT_WIDTH_PT = 455.0
SIZES = ((r"\footnotesize", 4.45, 4.0), (r"\scriptsize", 3.95, 3.0))
# Digits are narrower than the letters of a heading.
DIGIT = 0.96
LEAST_TEXT_PT = 52.0
LONGEST_WORD = 20
LINES_OF_A_PAGE = 50

PREAMBLE = r"""\documentclass[a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage{booktabs}
\usepackage{graphicx}
\setlength{\textwidth}{455pt}
\setlength{\oddsidemargin}{0pt}
\setlength{\textheight}{650pt}
\setlength{\topmargin}{-30pt}
\setlength{\emergencystretch}{3em}
% A number and its id in numbers.json.
\newcommand{\val}[2]{#2}
"""

# What a label begins with, and what a reference to it is called.
KINDS = {"tab": "Table", "fig": "Figure", "sec": "Section"}

Ids = dict[Number, str]


def file_of(section: Section) -> str:
    """Name a section's file, without its ending: "results" for the label "sec:results"."""
    return section.label.partition(":")[2]


def main_file(title: str, sections: tuple[Section, ...], *, has_references: bool) -> str:
    """Give the file that is compiled: it reads the sections' own files."""
    inputs = "\n".join(rf"\input{{{file_of(section)}}}" for section in sections)
    references = "\\bibliographystyle{unsrt}\n\\bibliography{references}\n" if has_references else ""
    begin = f"\\title{{{tex(title)}}}\n\\author{{}}\n\\date{{}}\n\\begin{{document}}\n\\maketitle\n"
    return f"{PREAMBLE}{begin}{inputs}\n{references}\\end{{document}}\n"


def as_latex(section: Section, ids: Ids) -> str:
    """Render a section with all that is in it."""
    return "\n\n".join(_block(section, ids, 0)) + "\n"


def _block(block: Block, ids: Ids, level: int) -> list[str]:
    if isinstance(block, Section):
        heading = rf"\{LEVELS[min(level, 3)]}{{{tex(block.title)}}}\label{{{block.label}}}"
        return [heading, *(part for inner in block.blocks for part in _block(inner, ids, level + 1))]
    if isinstance(block, Paragraph):
        text = _text(block.text, ids)
        return [f"{{\\raggedright {text}\\par}}" if _has_long_word(block.text) else text]
    if isinstance(block, Items):
        items = "\n".join(rf"\item {_text(item, ids)}" for item in block.items)
        return ["\\begin{itemize}\\raggedright\n" + items + "\n\\end{itemize}"]
    return _table(block, ids) if isinstance(block, Table) else [_figure(block, ids)]


def _has_long_word(text: Text) -> bool:
    """Tell whether text of the record would tear holes into justified lines."""
    said = [piece.text for piece in text if not isinstance(piece, str | Absent | Cite | See)]
    return any(letters(word) > LONGEST_WORD for one in said for word in one.split())


def _figure(figure: Figure, ids: Ids) -> str:
    share = 0.85 / len(figure.panels)
    size = rf"width=\textwidth,height={share:.2f}\textheight,keepaspectratio"
    pictures = [
        (rf"{{\raggedright\footnotesize {_text(panel.title, ids)}\par}}" if panel.title else "")
        + rf"\includegraphics[{size}]{{figures/{panel.stem}.{_kind(panel)}}}"
        for panel in figure.panels
    ]
    lines = [r"\begin{figure}[htbp]", r"\centering", "\n\\par\\smallskip\n".join(pictures)]
    caption = rf"\caption{{{_caption(figure.caption, ids)}}}\label{{{figure.label}}}"
    return "\n".join([*lines, caption, r"\end{figure}"])


def _caption(text: Text, ids: Ids) -> str:
    return (r"\raggedright " if _has_long_word(text) else "") + _text(text, ids)


def _kind(panel: Panel) -> str:
    return next(kind for kind in ("pdf", "jpg") if kind in panel.kinds)


def _table(table: Table, ids: Ids) -> list[str]:
    """Give a float, or several where the rows are more than a page holds."""
    size, widths, separation_pt, letter_pt = _layout(table)
    height = max(len(column.heading) for column in table.columns)
    padded = [("",) * (height - len(column.heading)) + column.heading for column in table.columns]
    heads = [_heading(line, table.columns) for line in zip(*padded, strict=True)]
    columns = "".join("r" if width is None else f"p{{{width}pt}}" for width in widths)
    begin = rf"\begin{{table}}[htbp]\centering{size}\setlength{{\tabcolsep}}{{{separation_pt}pt}}"
    caption = rf"\caption{{{_caption(table.caption, ids)}}}\label{{{table.label}}}\vspace{{4pt}}"
    chunks = _pages(table.rows, widths, letter_pt)
    floats = []
    for number, rows in enumerate(chunks):
        notes = _notes(table.notes, ids) if number == len(chunks) - 1 else ""
        head = caption if number == 0 else rf"\normalsize Table~\ref{{{table.label}}}, continued\par\medskip{size}"
        body = [rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}", r"\toprule", *heads, r"\midrule"]
        body += [_row(row, table.columns, ids) for row in rows]
        floats.append("\n".join([begin, head, *body, r"\bottomrule", rf"\end{{tabular}}{notes}", r"\end{table}"]))
    return floats


def _notes(notes: Text, ids: Ids) -> str:
    return f"\n\\par\\smallskip\\parbox{{\\textwidth}}{{\\raggedright {_text(notes, ids)}}}" if notes else ""


def _pages(
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


def _heading(line: tuple[str, ...], columns: tuple[Column, ...]) -> str:
    cells = [
        tex(text) if column.kind == "figure" else rf"\raggedright {tex(text)}"
        for text, column in zip(line, columns, strict=True)
    ]
    return " & ".join(cells) + r" \tabularnewline"


def _row(row: tuple[Text, ...], columns: tuple[Column, ...], ids: Ids) -> str:
    cells = [
        _text(cell, ids, in_table=True)
        if column.kind == "figure"
        else rf"\raggedright {_text(cell, ids, in_table=True)}"
        for cell, column in zip(row, columns, strict=True)
    ]
    return " & ".join(cells) + r" \tabularnewline"


def _layout(table: Table) -> tuple[str, list[int | None], float, float]:
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


def _number(text: str) -> str:
    """Write a number's text: a minus as such, and a power of ten for "2.79e-05"."""
    digits, _, power = text.partition("e")
    return digits.replace("-", "$-$") + (rf"$\times10^{{{int(power)}}}$" if power else "")


def _text(text: Text, ids: Ids, *, in_table: bool = False) -> str:
    return "".join(_inline(piece, ids, in_table=in_table) for piece in text)


def _inline(piece: Inline, ids: Ids, *, in_table: bool) -> str:
    if isinstance(piece, Number):
        return rf"\val{{{ids[piece]}}}{{{_number(piece.text)}}}"
    if isinstance(piece, Cite):
        return rf"~\cite{{{','.join(piece.keys)}}}"
    if isinstance(piece, See):
        return rf"{KINDS[piece.label.partition(':')[0]]}~\ref{{{piece.label}}}"
    if isinstance(piece, Absent):
        return "--" if in_table else "not measured"
    if isinstance(piece, Code):
        return rf"\texttt{{{tex_name(piece.text)}}}"
    return tex_prose(piece) if isinstance(piece, str) else tex(piece.text)
