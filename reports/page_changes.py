"""The page's part on what changed: each later run beside the first, in words that its template only lays out."""

from collections.abc import Sequence
from typing import NamedTuple

from reports.changes import NOISE_PCT, CaseChange, Delta, changes, environment_changes
from reports.media import Source
from reports.rows import one_line


class CaseRow(NamedTuple):
    """A case of a comparison: `status` where that is not "passed" in both, `frames` on equality, `differs` in bold."""

    id: str
    deltas: list[Delta]
    status: str
    frames: str
    differs: list[str]


class PageChanges(NamedTuple):
    """The comparison of two runs of a page: `labels` are their short names, `before` and `after` these with run ids."""

    labels: tuple[str, str]
    before: str
    after: str
    noise_pct: str
    cases: list[CaseRow]
    environment: dict[str, tuple[str, str]]


def page_changes(sources: Sequence[Source]) -> list[PageChanges]:
    """Hold every run but the first against the first; nothing of a run alone."""
    first = sources[0]
    return [
        PageChanges(
            labels=(first.label, other.label),
            before=f"{first.label} ({one_line(first.run.run_id, 60)})",
            after=f"{other.label} ({one_line(other.run.run_id, 60)})",
            noise_pct=f"{NOISE_PCT:g}",
            cases=[_row(change, (first.label, other.label)) for change in changes(first.run, other.run)],
            environment=environment_changes(first.run, other.run),
        )
        for other in sources[1:]
    ]


def _row(change: CaseChange, labels: tuple[str, str]) -> CaseRow:
    before, after = change.before, change.after
    if before is None or after is None:
        return CaseRow(change.id, [], f"only in {labels[before is None]}", "", [])
    statuses = "" if before.status == after.status == "passed" else f"{before.status} before, {after.status} now"
    frames = {True: "frames are the same bit for bit", False: "other frames", None: ""}[change.same_frames]
    differs = [f"{name}: {old} before, {new} now" for name, (old, new) in change.differs.items()]
    return CaseRow(change.id, change.deltas, statuses, frames, differs)
