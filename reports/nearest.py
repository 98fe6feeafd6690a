"""Of the known names the one that was probably meant: the end of every message about an unknown one.

Why it matters: a list of forty prompts holds the right spelling, but nobody finds it there.
"""

import difflib
from collections.abc import Iterable


def nearest(unknown: Iterable[str], known: Iterable[str]) -> str:
    """Name what is nearest to each unknown name, "" where nothing is near, to follow a list of the known ones.

    >>> nearest(["dog", "summry"], ["dogs", "summary", "cat"]), nearest(["x"], ["dogs"])
    ('; nearest: `dogs`, `summary`', '')
    """
    listed = list(known)
    found = [name for one in unknown for name in difflib.get_close_matches(one, listed, 1)]
    return f"; nearest: {', '.join(f'`{name}`' for name in dict.fromkeys(found))}" if found else ""
