"""Verdicts over many prompts as lines for people: what passed, what failed by how much, what would decide the rest."""

from collections.abc import Sequence

from reports.comparison_record import MarginVerdict, StudentVerdict
from reports.judged import Margin
from reports.rows import one_line
from reports.verdicts import overall

SHOWN_UNMATCHED = 3
NOT_APPLICABLE = "not applicable: "
JUDGED = ("PASS", "FAIL", "INCONCLUSIVE")
MISSING = "of the student's are missing or broken and count as the worst"


def verdict_lines(found: Sequence[StudentVerdict]) -> list[str]:
    """Tell each student's verdict and below it a line a margin; margins that say nothing share a line a reason."""
    return [line for one in found for line in _of_student(one)]


def heading(one: StudentVerdict) -> str:
    """Tell student, teacher, and the verdict over all margins, or why there is none."""
    verdict = f"not judged, {one.reason}" if one.reason else overall(one.rows)
    return f"student {one.student} against teacher {one.teacher} ({one.comparison}): {verdict}"


def silent(one: StudentVerdict) -> dict[tuple[str, str], list[str]]:
    """Name the metrics of margins that say nothing, by "not applicable" or "not measured" and the reason."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for row in one.rows:
        if row.verdict not in JUDGED:
            reason = one_line(row.reason.removeprefix(NOT_APPLICABLE))
            found.setdefault((row.verdict, reason), {})[row.margin.metric] = None
    return {why: list(metrics) for why, metrics in found.items()}


def unmatched(one: StudentVerdict) -> str:
    """Name some of the clips without a counterpart; "" where every clip has one."""
    more = len(one.unmatched) - SHOWN_UNMATCHED
    return one_line("; ".join(one.unmatched[:SHOWN_UNMATCHED]) + (f"; and {more} more" if more > 0 else ""))


def bounds(row: MarginVerdict) -> tuple[float, float] | None:
    """Give the bounds that decided."""
    return row.t if row.gate == "t" else row.bca


def note(row: MarginVerdict) -> str:
    """Say why a failed margin matters, what was missing, and what would decide."""
    return "; ".join(
        [
            *([row.margin.why] if row.verdict == "FAIL" else []),
            *([f"{row.missing_student} of {row.clips} {MISSING}"] if row.missing_student else []),
            *([_more(row)] if row.more_prompts is not None else [row.reason] if row.reason else []),
        ]
    )


def _more(row: MarginVerdict) -> str:
    return f"about {row.more_prompts} more prompts would decide ({row.reason})"


def _of_student(one: StudentVerdict) -> list[str]:
    if one.reason:
        return [heading(one)]
    lines = [heading(one), *(f"  {_row(row)}" for row in one.rows if row.verdict in JUDGED)]
    lines += [f"  {verdict}: {reason}: {', '.join(names)}" for (verdict, reason), names in silent(one).items()]
    return lines + ([f"  without a counterpart: {unmatched(one)}"] if one.unmatched else [])


def _row(row: MarginVerdict) -> str:
    text = f"{row.verdict}: {spelled(row.margin)}"
    if row.difference is not None and row.limit is not None:
        ends = bounds(row)
        interval = f" [{ends[0]:+.4g}, {ends[1]:+.4g}]" if ends else ""
        text += f" {row.difference:+.4g}{interval} ({row.gate}, {row.prompts} prompts), limit {row.limit:+.4g}"
        text += f" ({share(row.margin)})" if row.margin.of_teacher_pct is not None else ""
    said = note(row)
    return text + (f"{': ' if row.verdict == 'FAIL' else '; '}{said}" if said else "")


def spelled(margin: Margin) -> str:
    """Name a margin's metric as what is compared: its value, or its size whatever the sign.

    >>> spelled(Margin(metric="L_drift", better="lower", why="it darkens", absolute=4.0, magnitude=True))
    '|L_drift|'
    """
    return f"|{margin.metric}|" if margin.magnitude else margin.metric


def share(margin: Margin) -> str:
    """Tell a margin that is a share of the teacher's mean."""
    return f"{margin.of_teacher_pct:g} % of the teacher's"
