r"""A document as LaTeX: `article` with booktabs and graphicx, a file a section, its numbers as `\val{id}{number}`.

Why it matters: the sections go into a paper whose preamble is another's. So they ask for two packages and define one
command. Columns are as wide as their text, measured in characters, and what is too wide breaks: no box is overfull.
"""

from collections.abc import Mapping
from types import MappingProxyType

from reports.paper.document import Code, Column, Figure, Items, Panel, Said, Section, Table, Text
from reports.paper.escape import letters, tex, tex_name, tex_prose
from reports.paper.latex_layout import CAPTION, TITLE, Layout, cut, layout, pages_of, within
from reports.paper.numbers import Number, Source
from reports.paper.rendering import Blocks, Pieces, power_of_ten

LEVELS = ("section", "subsection", "subsubsection", "paragraph")
# Of a page's height, what a figure's picture may take, and what several that have titles may together.
PICTURE, PICTURES = 0.6, 0.5
# Letters of a word that may stand in justified lines; of letters alone, and with other characters.
LONGEST_WORD, LONGEST_OTHER = 20, 12

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
% A number, or a quoted text of a record, and its id in numbers.json.
\newcommand{\val}[2]{#2}
"""

# What a label begins with, and what a reference to it is called.
KINDS = {"tab": "Table", "fig": "Figure", "sec": "Section"}

Ids = dict[Number, str]
NO_QUOTES: Mapping[Source, str] = MappingProxyType({})


def file_of(section: Section) -> str:
    """Name a section's file, without its ending: "results" for the label "sec:results"."""
    return section.label.partition(":")[2]


def main_file(title: str, sections: tuple[Section, ...], *, has_references: bool) -> str:
    """Give the file that is compiled: it reads the sections' own files."""
    inputs = "\n".join(rf"\input{{{file_of(section)}}}" for section in sections)
    references = "\\bibliographystyle{unsrt}\n\\bibliography{references}\n" if has_references else ""
    begin = f"\\title{{{tex(title)}}}\n\\author{{}}\n\\date{{}}\n\\begin{{document}}\n\\maketitle\n"
    return f"{PREAMBLE}{begin}{inputs}\n{references}\\end{{document}}\n"


def as_latex(section: Section, ids: Ids, quotes: Mapping[Source, str] = NO_QUOTES) -> str:
    """Render a section with all that is in it; a quote whose field is not among `quotes` has no id."""
    pieces = Pieces(
        number=lambda one: rf"\val{{{ids[one]}}}{{{_number(one.text)}}}",
        cite=lambda one: rf"~\cite{{{','.join(one.keys)}}}",
        see=lambda one: rf"{KINDS[one.label.partition(':')[0]]}~\ref{{{one.label}}}",
        code=lambda one: rf"\texttt{{{tex_name(one.text)}}}",
        said=lambda one: tex(one.text),
        quote=lambda one: (
            rf"\val{{{quotes[one.source]}}}{{{tex(one.text)}}}" if one.source in quotes else tex(one.text)
        ),
        prose=tex_prose,
        dash="--",
    )
    form = Blocks(
        heading=lambda one, level: rf"\{LEVELS[min(level, 3)]}{{{tex(one.title)}}}\label{{{one.label}}}",
        paragraph=lambda one: _paragraph(one.text, pieces),
        items=lambda one: _items(one, pieces),
        table=lambda one: _table(one, pieces),
        figure=lambda one: [_figure(one, pieces)],
    )
    return "\n\n".join(form.parts(section)) + "\n"


def _paragraph(text: Text, pieces: Pieces) -> str:
    written = pieces.text(text)
    return f"{{\\raggedright {written}\\par}}" if _is_ragged(text) else written


def _items(items: Items, pieces: Pieces) -> str:
    lines = "\n".join(rf"\item {pieces.text(item)}" for item in items.items)
    return "\\begin{itemize}\\raggedright\n" + lines + "\n\\end{itemize}"


def _is_ragged(text: Text) -> bool:
    """Tell whether text of the record would tear holes into justified lines or run out of them.

    TeX breaks words of letters alone; the typewriter font's spaces do not stretch.
    """
    for piece in text:
        if isinstance(piece, Code) and (" " in piece.text or letters(piece.text) > LONGEST_WORD):
            return True
        if isinstance(piece, Said) and any(letters(word) > _longest(word) for word in piece.text.split()):
            return True
    return False


def _longest(word: str) -> int:
    return LONGEST_WORD if word.isalpha() and word.isascii() else LONGEST_OTHER


def _figure(figure: Figure, pieces: Pieces) -> str:
    share = PICTURES / len(figure.panels) if len(figure.panels) > 1 else PICTURE
    size = rf"width=\textwidth,height={share:.2f}\textheight,keepaspectratio"
    pictures = [
        (rf"{{\raggedright\footnotesize {pieces.text(within(panel.title, TITLE))}\par}}" if panel.title else "")
        + rf"\includegraphics[{size}]{{figures/{panel.stem}.{_kind(panel)}}}"
        for panel in figure.panels
    ]
    lines = [r"\begin{figure}[htbp]", r"\centering", "\n\\par\\smallskip\n".join(pictures)]
    caption = rf"\caption{{{_caption(figure.caption, pieces)}}}\label{{{figure.label}}}"
    return "\n".join([*lines, caption, r"\end{figure}"])


def _caption(text: Text, pieces: Pieces) -> str:
    shown = within(text, CAPTION)
    return (r"\raggedright " if _is_ragged(shown) else "") + pieces.text(shown)


def _kind(panel: Panel) -> str:
    return next(kind for kind in ("pdf", "jpg") if kind in panel.kinds)


def _table(table: Table, pieces: Pieces) -> list[str]:
    """Give a float, or several where the rows are more than a page holds."""
    set_as = layout(table)
    height = max(len(column.heading) for column in table.columns)
    padded = [("",) * (height - len(column.heading)) + column.heading for column in table.columns]
    heads = [_heading(line, table.columns) for line in zip(*padded, strict=True)]
    begin = rf"\begin{{table}}[htbp]\centering{set_as.size}\setlength{{\tabcolsep}}{{{set_as.separation_pt}pt}}"
    caption = rf"\caption{{{_caption(table.caption, pieces)}}}\label{{{table.label}}}\vspace{{4pt}}"
    continued = rf"\normalsize Table~\ref{{{table.label}}}, continued\par\medskip{set_as.size}"
    chunks = pages_of(table.rows, set_as)
    floats = []
    for number, rows in enumerate(chunks):
        notes = _notes(table.notes, pieces) if number == len(chunks) - 1 else ""
        lines = [
            r"\toprule",
            *heads,
            r"\midrule",
            *(_row(row, table.columns, set_as, pieces) for row in rows),
            r"\bottomrule",
        ]
        parts = [begin, continued if number else caption, _tabular(lines, set_as) + notes, r"\end{table}"]
        floats.append("\n".join(parts))
    return floats


def _tabular(lines: list[str], set_as: Layout) -> str:
    """Set lines in columns; what is wider than the page at its narrowest is shrunk to it."""
    columns = "".join("r" if width is None else f"p{{{width}pt}}" for width in set_as.widths_pt)
    text = "\n".join([rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}", *lines, r"\end{tabular}"])
    return rf"\resizebox{{\textwidth}}{{!}}{{{text}}}" if set_as.is_shrunk else text


def _notes(notes: Text, pieces: Pieces) -> str:
    return f"\n\\par\\smallskip\\parbox{{\\textwidth}}{{\\raggedright {pieces.text(notes)}}}" if notes else ""


def _heading(line: tuple[str, ...], columns: tuple[Column, ...]) -> str:
    cells = [
        tex(text) if column.kind == "figure" else rf"\raggedright {tex(text)}"
        for text, column in zip(line, columns, strict=True)
    ]
    return " & ".join(cells) + r" \tabularnewline"


def _row(row: tuple[Text, ...], columns: tuple[Column, ...], set_as: Layout, pieces: Pieces) -> str:
    shown = (cut(cell, width, set_as) for cell, width in zip(row, set_as.widths_pt, strict=True))
    texts = (pieces.text(cell, in_table=True) for cell in shown)
    cells = [
        text if column.kind == "figure" else rf"\raggedright {text}"
        for text, column in zip(texts, columns, strict=True)
    ]
    return " & ".join(cells) + r" \tabularnewline"


def _number(text: str) -> str:
    """Write a number's text: a minus as such, and a power of ten for "2.79e-05"."""
    digits, power = power_of_ten(text)
    return digits.replace("-", "$-$") + ("" if power is None else rf"$\times10^{{{power}}}$")
