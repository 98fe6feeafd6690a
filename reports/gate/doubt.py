"""Numbers that were measured twice with two results: in which runs they count, and whether they are judged at all.

Why it matters: energy whose counter and integrated power disagree is nobody's number. It must neither fail a change
that has nothing to do with it nor be taken for one that was never measured.
"""

from collections.abc import Sequence
from typing import NamedTuple

from reports.gate.sample import Sample


class Counted(NamedTuple):
    """The runs of both sides in which a number counts, and whether there `is_less` of them than runs.

    `why` says why it is not judged, "" where it is.
    """

    base: list[Sample]
    new: list[Sample]
    why: str = ""
    is_less: bool = False


def counted_in(metric: str, base: Sequence[Sample], new: Sequence[Sample], fewest: int) -> Counted:
    """Leave out the runs in which a number is in doubt; where too few are left, it is not judged.

    At least one under test has to be left, and `fewest` of the base.
    A baseline that is too small by itself is not the doubt's: it stays to be told as such.
    """
    old, now = ([one for one in side if metric not in one.doubtful] for side in (base, new))
    doubted = [
        f"{len(side) - len(left)} of {len(side)} {what}"
        for side, left, what in ((new, now, "runs under test"), (base, old, "baseline runs"))
        if len(left) < len(side)
    ]
    has_it = [one for one in old if metric in one.values]
    is_short = len(old) < len(base) and len(has_it) < fewest
    why = f"not judged, its two counts disagree in {' and in '.join(doubted)}" if doubted else ""
    return Counted(old, now, why if is_short or not now else "", is_less=bool(doubted))
