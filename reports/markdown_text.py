"""Text of any origin as text in Markdown, for the exports, the gate's tables and the paper alike.

Why it matters: prompts, model names and error messages come from anywhere, and a job's summary shows them to everybody.
Source: CommonMark 0.31 and GitHub's extensions (tables, strikethrough, bare addresses, mentions, formulas).
"""

import re

_SAID = {**{char: f"\\{char}" for char in "\\`*_{}[]#|~$@!"}, "<": "&lt;", ">": "&gt;", "&": "&amp;"}
# Bare addresses would become links: "://" and "www." lose their meaning, too.
_ADDRESS = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
# At the beginning of a line, of a list's item or of a cell: a list, a rule, a heading by what stands below it.
_BEGINNING = re.compile(r"^(\d+(?=[.)](?:\s|$))|(?=[-+](?:\s|$)|[-=+][-=+\s]*$))")


def escaped(line: str) -> str:
    r"""Escape one line for a paragraph, a list's item or a table's cell: no markup, link, mention or formula is in it.

    >>> escaped("<b> a|b *c* https://d"), escaped("1. x"), escaped("-5 %, 3.11"), escaped("---")
    ('&lt;b&gt; a\\|b \\*c\\* https\\://d', '1\\. x', '-5 %, 3.11', '\\---')
    """
    told = _ADDRESS.sub(r"\\\g<0>", "".join(_SAID.get(char, char) for char in line))
    return _BEGINNING.sub(r"\1\\", told)
