"""What the teacher gives in the student's time, as lines for people: reports/equal_time.py works it out."""

from collections.abc import Sequence

from reports.comparison_lines import with_extremes
from reports.comparison_record import MarginVerdict
from reports.equal_time import DECIDED, LACKS, EqualTime, Row, equal_times
from reports.record import Run
from reports.rows import counted, show
from reports.verdicts import NOT_COMPARABLE


def equal_time_lines(runs: Sequence[Run]) -> list[str]:
    """Tell each answer in a line for the time, one for the quality, and one for what is missing."""
    try:
        return [line for one in equal_times(runs) for line in _lines(one)]
    except ModuleNotFoundError as error:  # the run's other lines must not be lost for it
        return [f"equal time: no answer, {error}; install scipy"]


def _lines(one: EqualTime) -> list[str]:
    start = f"equal time: {one.student}"
    if one.time_s is None:
        lines = [f"{start}: no answer, {one.reason}"]
    else:
        lines = [f"{start} takes {show(one.time_s)} s from prompt to host frames; {_in_time(one)}"]
    if one.beside:
        told = [row for row in one.beside if row.verdict in DECIDED]
        lines.append(f"  {one.student} against that row: {_told(told) if told else one.beside[0].reason}")
    elif one.in_time is not None:
        lines.append("  that row has no clips of the student's prompts and seeds")
    lines.append(f"  {_as_good(one)}")
    lacking = [f"{row.setting} ({row.lacks})" for row in one.rows if row.lacks]
    return lines + ([f"  rows that lack something: {', '.join(lacking)}"] if lacking else [])


def _in_time(one: EqualTime) -> str:
    if one.in_time is not None:
        return f"in that {one.teacher} makes {_named(one.in_time)}"
    timed = [row for row in one.rows if row.time_s is not None]
    if not timed:
        return f"no row of {one.teacher} has a time beside it"
    return f"{one.teacher} makes none of its rows in that, the quickest is {_named(min(timed, key=_by_time))}"


def _by_time(row: Row) -> float:
    assert row.time_s is not None, f"{row.setting} has no time"
    return row.time_s


def _named(row: Row) -> str:
    time = "" if row.time_s is None else f", {show(row.time_s)} s"
    return f"{row.steps} steps at guidance {row.guidance_scale:g} ({row.setting}{time})"


def _told(rows: Sequence[MarginVerdict]) -> str:
    """Name the metrics by verdict, those that fail first.

    The counts of clips are those of the first row: all rows have the same.
    """
    parts = [
        f"{verdict} {', '.join(row.margin.metric for row in rows if row.verdict == verdict)}"
        for verdict in ("FAIL", "INCONCLUSIVE", "PASS")
        if any(row.verdict == verdict for row in rows)
    ]
    why = next((f"; {row.reason}" for row in rows if row.reason.startswith((NOT_COMPARABLE, LACKS))), "")
    return f"{'; '.join(parts)} ({rows[0].prompts} prompts){why}"


def _as_good(one: EqualTime) -> str:
    undecided = f"; undecided: {', '.join(one.undecided)}" if one.undecided else ""
    if one.as_good is not None:
        longer = f", {with_extremes(*one.longer)} its time" if one.longer else ""
        return (
            f"the fewest steps of {one.teacher} that are not inferior to it: {_named(one.as_good)}{longer}{undecided}"
        )
    if one.silent:
        return f"which row of {one.teacher} is as good is not judged: {one.silent}"
    judged = [row for row in one.rows if row.clips]
    known = f"no row of {one.teacher} is known to be as good by every margin ({counted(judged, 'row')} with clips)"
    return f"{known}{undecided}"
