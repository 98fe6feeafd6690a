"""The references: entries of references.bib, and how Markdown lists them.

Why it matters: only what is cited is written, and every entry is one that was looked up.
"""

import re
from pathlib import Path
from typing import NamedTuple

BIB = Path(__file__).parent / "references.bib"
_FIELD = re.compile(r"^  (\w+) = \{(.*?)\}(?:,)?$", re.DOTALL | re.MULTILINE)
_ACCENTS = {
    r"{\'e}": "é",
    r"{\"e}": "ë",
    r"{\"u}": "ü",
    r"{\ae}": "æ",
    r"{\u a}": "ă",
    r"{\textcommabelow s}": "ș",
    r"\allowbreak ": "",
    r"\texttt": "",
    "--": "–",
}


class Entry(NamedTuple):
    """One entry: its BibTeX as it stands in the file, and its fields."""

    key: str
    bibtex: str
    fields: dict[str, str]


def entries() -> dict[str, Entry]:
    """Read every entry of references.bib by its key."""
    found = {}
    for text in re.findall(r"^@.*?^\}$", BIB.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        key = text.partition("{")[2].partition(",")[0]
        found[key] = Entry(key, text, {name: _plain(value) for name, value in _FIELD.findall(text)})
    return found


def bibtex(keys: list[str]) -> str:
    """Write the entries of these keys, in this order; an unknown key raises `KeyError`."""
    known = entries()
    return "\n\n".join(known[key].bibtex for key in keys) + "\n"


def listed(key: str) -> str:
    """Write one reference as a line: authors, title, where, year."""
    fields = entries()[key].fields
    where = next((fields[name] for name in ("journal", "booktitle", "howpublished") if name in fields), "")
    parts = [fields["title"], where, fields.get("note", ""), fields.get("year", "")]
    return ". ".join([_people(fields["author"]), *(_bare(part) for part in parts if part)]) + "."


def _plain(value: str) -> str:
    for accent, letter in _ACCENTS.items():
        value = value.replace(accent, letter)
    return " ".join(value.split())


def _people(authors: str) -> str:
    """Write authors by first and last name; a name in braces is an organisation's."""
    names = [_bare(" ".join(reversed(name.split(", ")))) for name in authors.split(" and ")]
    return ", ".join(names).replace(", others", " and others")


def _bare(text: str) -> str:
    return text.replace("{", "").replace("}", "")
