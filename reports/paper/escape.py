"""Text of any origin as text: for Markdown and for LaTeX, whatever it holds.

Why it matters: prompts, model names and error messages come from anywhere. A mark that turns the reading direction, a
control character or a letter that pdflatex has no glyph for is shown by its code point, `[U+202E]`, and never dropped.
Source: CommonMark 0.31 and GitHub's extensions for Markdown; the T1 font encoding (t1enc.dfu) for what LaTeX can show.
"""

import re
import unicodedata
from math import inf

from reports.markdown_text import escaped

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
# A longer word, or part between hyphens, is broken; where it has no punctuation, after so many letters.
LONGEST_WORD, LONGEST_PART = 16, 8
# Widths in letters of Latin Modern Roman at 7 and 8 pt, rounded up: an "a" has 1.
WIDTHS = {**dict.fromkeys("#%&+<=>@_w£æœ×±\N{MINUS SIGN}≤≥", 1.6), **dict.fromkeys("MmWÆŒΔ#%—", 2.0), "…": 3.0}
CAPITAL, CODE_POINT = 1.6, 10.0
_TEX = {
    **{char: f"\\{char}" for char in "{}$&#_%"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "×": r"$\times$",
    "±": r"$\pm$",
    "\N{MINUS SIGN}": "$-$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "µ": r"\textmu{}",
    "°": r"\textdegree{}",
    "·": r"$\cdot$",
    "²": r"$^2$",
    "³": r"$^3$",
    "⁰": r"$^0$",
    "⁹": r"$^9$",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "\N{LEFT SINGLE QUOTATION MARK}": "`",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "Δ": r"$\Delta$",
}
_T1 = frozenset(
    ""
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿĂăĄąĆćČčĎďĐđĘęĚěĞğĹĺĽľŁłŃńŇňŐőŒœŔŕŘřŚśŞşŠšŢţŤťŮůŰűŸŹźŻżŽž¡¿£§"
)
_JOINTS, _OTHER_JOINTS = frozenset("-+="), frozenset("-+=_/.:,[]()@")


def visible(text: str) -> str:
    r"""Bring text into one line of characters that can be seen; others are named by their code point.

    >>> visible("a\u202eb\tc\x00")
    'a[U+202E]b c[U+0000]'
    """
    spaced = "".join(" " if char.isspace() else char for char in unicodedata.normalize("NFC", text))
    return "".join(f"[U+{ord(char):04X}]" if unicodedata.category(char) in HIDDEN else char for char in spaced)


def letters(text: str, *, typewriter: bool = False) -> float:
    """Tell how much room LaTeX gives to text, in letters of ordinary width; rather too much than too little.

    >>> letters("wan"), letters("WAN"), letters("中"), letters("WAN", typewriter=True)
    (3.6, 5.2, 10.0, 3.0)
    """
    return sum(_width(char, typewriter=typewriter) for char in visible(text))


def whole(word: str, *, typewriter: bool = False) -> float:
    """Tell how much room the longest part of a word takes that `tex`, or `tex_name` for typewriter, does not break.

    >>> whole("abcdefghij"), whole("abcdefghij-k", typewriter=True), whole("a" * 30)
    (10.0, 11.0, 8.0)
    """
    shown = " ".join(_words(word))
    if not typewriter and letters(shown) <= LONGEST_WORD:
        return letters(shown)
    return max(letters(part, typewriter=typewriter) for part in _parts(shown, typewriter=typewriter))


def _width(char: str, *, typewriter: bool = False) -> float:
    if not _is_known(char):
        return CODE_POINT
    if typewriter and (char.isascii() or char.isalpha()):
        return 1.0
    return WIDTHS.get(char, CAPITAL if char.isupper() else 1.0)


def short(text: str, limit: int) -> str:
    """Bring text into one visible line of at most `limit` characters.

    >>> short("a  very long line", 10)
    'a very lo…'
    """
    line = " ".join(visible(text[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def markdown(text: str) -> str:
    r"""Escape text for a paragraph, a list's item or a table's cell; links and mentions are none.

    >>> markdown("<b> a|b *c* https://d")
    '&lt;b&gt; a\\|b \\*c\\* https\\://d'
    """
    return escaped(visible(text))


def tex(text: str) -> str:
    r"""Escape text for LaTeX; a word without a place to break at gets some.

    >>> tex("50 % of $x_1$ – 中")
    '50 \\% of \\$x\\_1\\$ -- [U+4E2D]'
    """
    return " ".join(_broken(word) if letters(word) > LONGEST_WORD else _escaped(word) for word in _words(text))


def tex_prose(text: str) -> str:
    """Escape our own text for LaTeX, whose words break as they do in print."""
    return " ".join(map(_escaped, _words(text)))


def tex_name(text: str) -> str:
    r"""Escape a name for LaTeX's typewriter font, where it may break after a hyphen, + or =; elsewhere where it must.

    >>> tex_name("wan2.1-t2v"), tex_name("480p81-published")
    ('wan2.1-\\allowbreak{}t2v', '480p81-\\allowbreak{}published')
    """
    return " ".join(_broken(word, typewriter=True) for word in _words(text))


def _words(text: str) -> list[str]:
    return "".join(char if _is_known(char) else f"[U+{ord(char):04X}]" for char in visible(text)).split(" ")


def _is_known(char: str) -> bool:
    return char.isascii() or char in _T1 or char in _TEX


def _escaped(word: str) -> str:
    # Two hyphens, commas or quotes are one sign in T1; an empty group keeps them apart.
    apart = re.sub(r"(?<=[-,'])(?=[-,'])", "\x00", word)
    return "".join("{}" if char == "\x00" else _TEX.get(char, char) for char in apart)


def _broken(word: str, *, typewriter: bool = False) -> str:
    return r"\allowbreak{}".join("".join(map(_escaped, part)) for part in _parts(word, typewriter=typewriter))


def _parts(word: str, *, typewriter: bool) -> list[str]:
    """Take a word apart where it may be broken: after a hyphen, + or =.

    What is still too long, or names code points, is broken after any punctuation, else after so many letters.
    """

    def fits(part: str) -> bool:
        return sum(_width(char, typewriter=typewriter) for char in part) <= LONGEST_WORD

    whole_parts = [word] if "[U+" in word else _split(word, _JOINTS)
    return [
        short_part
        for part in whole_parts
        for short_part in ([part] if fits(part) else _split(part, _OTHER_JOINTS, LONGEST_PART, typewriter=typewriter))
    ]


def _split(word: str, joints: frozenset[str], longest: float = inf, *, typewriter: bool = False) -> list[str]:
    parts, since = [""], 0.0
    for char in word:
        if parts[-1] and (parts[-1][-1] in joints or since >= longest):
            parts.append("")
            since = 0.0
        parts[-1] += char
        since += _width(char, typewriter=typewriter)
    return parts
