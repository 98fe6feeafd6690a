"""A chart's caption in pieces: words of our own, text of the record, and counts that know what they count.

Why it matters: a page shows it as one text, and a paper gives each number its reference and each name its escape; so no
count is typed into a sentence.
"""

from collections.abc import Sequence
from typing import NamedTuple

from reports.record import CaseRecord, Run


class Quoted(NamedTuple):
    """Text of the record, which may hold anything."""

    text: str


Spot = tuple[Run, CaseRecord | None, str]


class Count(NamedTuple):
    """How many spots there are, each a value of the record: a run, one of its cases or None, and a path in it."""

    spots: tuple[Spot, ...]


class Names(NamedTuple):
    """Which run each name of a chart is; a page says it below each chart, a paper lists its runs once."""

    pieces: tuple[str | Quoted, ...]


Piece = str | Quoted | Count | Names
Caption = tuple[Piece, ...]


def count_of(spots: Sequence[Spot], noun: str = "") -> Caption:
    """Count spots that hold a value each: "1 case", "2 cases"; without a noun the number alone.

    >>> count_of([], "case")[1:]
    (' cases',)
    """
    ending = f" {noun}" if len(spots) == 1 else f" {noun}s"
    return Count(tuple(spots)), *((ending,) if noun else ())


def joined(parts: Sequence[Caption], between: str = ", ") -> Caption:
    """Set a text between parts.

    >>> joined([("a",), ("b",)])
    ('a', ', ', 'b')
    """
    return tuple(piece for number, part in enumerate(parts) for piece in ((between, *part) if number else part))


def sentences(*parts: str | Caption) -> Caption:
    """Join the sentences that say something.

    >>> sentences("One.", "", (Quoted("a"), " is two."))
    ('One.', ' ', Quoted(text='a'), ' is two.')
    """
    pieces: list[Piece] = []
    for part in parts:
        if part:
            pieces += [" "] if pieces else []
            pieces += [part] if isinstance(part, str) else part
    return tuple(pieces)


def plain(caption: Caption) -> str:
    """Give a caption as one text.

    >>> plain(("a ", Quoted("b"), " ", Count(())))
    'a b 0'
    """
    return "".join(map(_plain, caption))


def _plain(piece: Piece) -> str:
    if isinstance(piece, Count):
        return str(len(piece.spots))
    if isinstance(piece, Names):
        return plain(piece.pieces)
    return piece.text if isinstance(piece, Quoted) else piece
