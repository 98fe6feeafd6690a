"""What quality is lost, on which axis, how sure that is, and over how many prompts."""

from collections.abc import Sequence

from reports.answers.answer import Anchor, Answer, not_measured
from reports.answers.subject import Subject
from reports.comparison_record import MarginVerdict, StudentVerdict
from reports.floors import quality_lines
from reports.record import Run
from reports.rows import counted
from reports.verdict_lines import bounds, spelled, verdict_lines
from reports.verdicts import comparisons_of, overall, verdicts

ID, QUESTION = "quality", "What quality is lost, on which axis, and how sure is that?"
MEASURE = (
    "pytest benchmarks/bench_quality.py --suite paper --weights hub --model causvid-1.3b,wan2.1-t2v-1.3b"
    " --setting 480p81"
)
TAKES = "148 cases, about 1.6 h"
HEADLINES = {
    "PASS": ("No loss beyond the margins", "good"),
    "FAIL": ("Worse than its teacher", "bad"),
    "INCONCLUSIVE": ("Not decided", "neutral"),
}


def answer(runs: Sequence[Run], _subject: Subject) -> Answer:
    """Give the verdict of the first student that can be judged, the worst of its margins, and all others below."""
    found = verdicts_of(runs)
    broken = _broken(runs)
    judged = [one for one in found if overall(one.rows) in HEADLINES]
    noise = _noise(judged, runs)
    if noise or not judged:
        return not_measured(ID, QUESTION, noise or _why(found, runs), MEASURE, (*broken, *verdict_lines(found)), TAKES)
    first, verdict = judged[0], overall(judged[0].rows)
    headline, tone = HEADLINES[verdict]
    deciding = [row for row in first.rows if row.verdict == verdict]
    others = [row for row in first.rows if row.verdict in HEADLINES and row not in deciding]
    worst = min(deciding, key=_room, default=deciding[0])
    return Answer(
        id=ID,
        question=QUESTION,
        headline=headline,
        interval=f"{verdict} over {counted(range(worst.prompts), 'prompt')}, two one-sided 95 % bounds",
        sentence=f"{first.student} against {first.teacher}: {_axes(deciding, verdict)}"
        + (f" Closest to its limit is {_row(worst)}." if verdict == "PASS" else f" {_row(worst)}."),
        tone="good" if tone == "good" else "bad" if tone == "bad" else "neutral",
        lines=(f"{len(others)} other margins: {_tally(others)}." if others else "", *broken, *verdict_lines(found)),
        anchors=(Anchor(0, "", ("verdicts",)),),
    )


def verdicts_of(runs: Sequence[Run]) -> list[StudentVerdict]:
    """Take one run's verdicts as its record has them, and give those of several afresh over all their clips."""
    return runs[0].verdicts if len(runs) == 1 else verdicts(runs)


def _why(found: Sequence[StudentVerdict], runs: Sequence[Run]) -> str:
    if not comparisons_of(runs):
        return "The suite holds no student against a teacher."
    if not found:
        return "No student of the suite's comparisons has a clip here."
    reasons = {one.reason for one in found if one.reason}
    reasons |= {row.reason for one in found for row in one.rows if row.verdict == "not applicable"}
    return f"No margin could be judged: {'; '.join(sorted(reasons)) or 'no clip was put to its metrics'}."


def _noise(judged: Sequence[StudentVerdict], runs: Sequence[Run]) -> str:
    """Say that clips of weights that are not the published ones have no quality; "" where they are the published."""
    weights = {case.plan.model.weights_source for run in runs for case in (*run.cases, *run.lent)}
    rows = [row for one in judged for row in one.rows]
    if not judged or "hub" in weights:
        return ""
    count = sum(row.verdict in HEADLINES for row in rows)
    return (
        f"Clips of {' and '.join(sorted(weights))} weights show nothing: of {counted(rows, 'margin')} only the {count} "
        f"that need no content could be judged ({_tally(rows)})."
    )


def _broken(runs: Sequence[Run]) -> tuple[str, ...]:
    """Tell of single clips what is not within their limits."""
    return tuple(line for run in runs for line in quality_lines(run) if not line.startswith("quality within"))


def _axes(deciding: Sequence[MarginVerdict], verdict: str) -> str:
    names = ", ".join(dict.fromkeys(spelled(row.margin) for row in deciding))
    told = {"PASS": "every margin holds", "FAIL": f"worse in {names}", "INCONCLUSIVE": f"undecided in {names}"}
    return f"{told[verdict]}."


def _row(row: MarginVerdict) -> str:
    ends = bounds(row)
    interval = f" [{ends[0]:+.3g}, {ends[1]:+.3g}]" if ends else ""
    if row.difference is None or row.limit is None:
        return f"{spelled(row.margin)}, {row.reason}"
    return f"{spelled(row.margin)} {row.difference:+.3g}{interval}, limit {row.limit:+.3g}"


def _room(row: MarginVerdict) -> float:
    """Tell how far the worse bound is inside of the limit, as a share of the limit; below 0 outside."""
    ends = bounds(row)
    if not ends or not row.limit:
        return 0.0
    worse = ends[1] if row.margin.better == "lower" else ends[0]
    return 1 - worse / row.limit


def _tally(rows: Sequence[MarginVerdict]) -> str:
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in ("FAIL", "INCONCLUSIVE", "PASS")}
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
