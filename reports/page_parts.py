"""What every page carries inside of itself: its style, its scripts, and the policy that allows these and nothing else.

Why it matters: a page opens from a disk, without a server or a network, and holds text that anybody may have written.
Its Content-Security-Policy names the hash of each style and script; what gets into the page by any other way does not
run. So there are no style attributes and no event handlers in the templates. Source: W3C, Content Security Policy
Level 3, sections 6.1 and 8.3.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_PART = 20
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class PageParts(NamedTuple):
    """The text between a page's style and script tags, and the content of its policy's meta tag."""

    style: Markup
    scripts: list[Markup]
    policy: str


def page_parts(styles: Sequence[str], scripts: Sequence[str]) -> PageParts:
    """Read styles and scripts, files below reports/templates, for one page.

    Images and clips may lie beside the page (`file:` for a page opened from a disk) or inside of it (`data:`).
    Raises ValueError for a file that holds what would end its own tag.
    """
    style = "".join(_read(name, "</style") for name in styles)
    texts = [_read(name, "</script", "<!--") for name in scripts]
    policy = {
        "default-src": "'none'",
        "style-src": _hashed(style),
        "script-src": " ".join(map(_hashed, texts)) or "'none'",
        "img-src": "'self' file: data:",
        "media-src": "'self' file: data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return PageParts(
        style=Markup(style),  # noqa: S704 - our own file, not a user's text
        scripts=[Markup(text) for text in texts],  # noqa: S704 - our own files
        policy="; ".join(f"{name} {value}" for name, value in policy.items()),
    )


def scripts_of(folder: str) -> list[str]:
    """List the scripts of a folder below reports/templates, by name."""
    return [f"{folder}/{path.name}" for path in sorted((TEMPLATES / folder).glob("*.js"))]


@cache
def template(name: str) -> jinja2.Template:
    """Load a template of reports/templates: everything put into it is escaped, and what no page may hold replaced.

    Compiled once a process.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    return environment.get_template(name)


def breakable(name: str) -> Markup:
    """Let a name be broken after "-", "+" and "=", and a part that has none of them after so many characters.

    A style that would break it anywhere breaks "480p81" into "480p8" and "1" where a column is narrow.

    >>> breakable("480p81-4step"), breakable("a<b")
    (Markup('480p81-<wbr>4step'), Markup('a&lt;b'))
    """
    return Markup("<wbr>").join(re.findall(rf"[^-+=]{{1,{LONGEST_PART}}}[-+=]*|[-+=]+", _printable(name)))


def _read(name: str, *forbidden: str) -> str:
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    if found := [part for part in forbidden if part in text.lower()]:
        raise ValueError(f"reports/templates/{name} holds {found[0]!r}, which would end its own tag; write it apart")
    return text


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _printable(value: Any) -> Any:
    """Replace what no page may hold (NUL and other controls, lone surrogates); our own markup passes."""
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value) if type(value) is str else value
