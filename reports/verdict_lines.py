"""Verdicts over many prompts as lines for people: what passed, what failed by how much, what would decide the rest."""

from collections.abc import Sequence

from reports.comparison_record import MarginVerdict, StudentVerdict
from reports.judged import Margin
from reports.rows import one_line
from reports.verdicts import overall

SHOWN_UNMATCHED = 3
NOT_APPLICABLE = "not applicable: "


def verdict_lines(found: Sequence[StudentVerdict]) -> list[str]:
    """Tell each student's verdict and below it a line a margin; margins that say nothing share a line a reason."""
    return [line for one in found for line in _of_student(one)]


def _of_student(one: StudentVerdict) -> list[str]:
    start = f"student {one.student} against teacher {one.teacher} ({one.comparison}):"
    if one.reason:
        return [f"{start} not judged, {one.reason}"]
    judged = [row for row in one.rows if row.verdict not in ("not applicable", "not measured")]
    silent: dict[str, dict[str, None]] = {}
    for row in one.rows:
        if row not in judged:
            reason = f"{row.verdict}: {one_line(row.reason.removeprefix(NOT_APPLICABLE))}"
            silent.setdefault(reason, {})[row.margin.metric] = None
    lines = [f"{start} {overall(one.rows)}", *(f"  {_row(row)}" for row in judged)]
    lines += [f"  {reason}: {', '.join(names)}" for reason, names in silent.items()]
    if one.unmatched:
        more = len(one.unmatched) - SHOWN_UNMATCHED
        told = "; ".join(one.unmatched[:SHOWN_UNMATCHED]) + (f"; and {more} more" if more > 0 else "")
        lines.append(f"  without a counterpart: {one_line(told)}")
    return lines


def _row(row: MarginVerdict) -> str:
    margin = row.margin
    text = f"{row.verdict}: {spelled(margin)}"
    bounds = row.t if row.gate == "t" else row.bca
    if row.difference is not None and row.limit is not None:
        interval = f" [{bounds[0]:+.4g}, {bounds[1]:+.4g}]" if bounds else ""
        text += f" {row.difference:+.4g}{interval} ({row.gate}, {row.prompts} prompts), limit {row.limit:+.4g}"
        text += f" ({_told(margin)})" if margin.of_teacher_pct is not None else ""
    if row.verdict == "FAIL":
        text += f": {margin.why}"
    if row.missing_student:
        text += f"; {row.missing_student} of {row.clips} of the student's are missing or broken and count as the worst"
    if row.more_prompts is not None:
        text += f"; about {row.more_prompts} more prompts would decide ({row.reason})"
    elif row.reason:
        text += f"; {row.reason}"
    return text


def spelled(margin: Margin) -> str:
    """Name a margin's metric as what is compared: its value, or its size whatever the sign.

    >>> spelled(Margin(metric="L_drift", better="lower", why="it darkens", absolute=4.0, magnitude=True))
    '|L_drift|'
    """
    return f"|{margin.metric}|" if margin.magnitude else margin.metric


def _told(margin: Margin) -> str:
    return f"{margin.of_teacher_pct:g} % of the teacher's"
