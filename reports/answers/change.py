"""What changed since the baseline, and what speaks against merging.

Why it matters: "slower by 4 %" is no answer to whether a change may land. A run that was gated has one, yes, no or
undecided, with what it rests on. Of two runs beside each other the gate's limits say what is worse, but not more: one
run each is a suspicion, which the gate has confirmed by fresh processes before it fails a change.
"""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from reports.answers.answer import Anchor, Answer, label
from reports.answers.gated import gated, verdict_lines
from reports.answers.subject import Subject
from reports.changes import NOISE_PCT, CaseChange, changes, environment_changes, is_broken, judged
from reports.gate.judge import GateError, judge
from reports.gate.judge_metric import Rules
from reports.gate.sample import Sample, samples_of
from reports.gate.table import tally
from reports.gate.verdict import CaseVerdict
from reports.record import Run
from reports.rows import counted, one_line, show

ID, QUESTION = "change", "What changed since the baseline, and may I merge?"
COMMAND = "python -m reports html BASELINE RUN --out compare.html"
# Of one run each the limits hold, but nothing is confirmed.
ONE_EACH = Rules(fewest=1)
UNDECIDED = "Undecided: one run each"
UNCONFIRMED = (
    "but one run each decides nothing: compare wants five baseline runs, or three pairs, and else says "
    "CALIBRATION_NEEDED"
)
DECIDE = (
    ("to decide by stored runs", "python -m reports compare BASELINE... --new RUN..."),
    ("to decide by fresh processes", "pytest benchmarks/ --gate"),
)


def answer(runs: Sequence[Run], _subject: Subject) -> Answer:
    """Tell the gate of the last run, or else hold it against the first, the baseline; a single run has none."""
    if (gate := runs[-1].gate) is not None:
        return gated(ID, QUESTION, runs, gate)
    if len(runs) < 2:
        sentence = "This page shows one run alone: no baseline was given to hold it against."
        return Answer(ID, QUESTION, "No baseline", sentence, "unknown", commands=(("to compare", COMMAND),))
    before, after = runs[0], runs[-1]
    found = changes(before, after)
    both = [one for one in found if one.before is not None and one.after is not None]
    if not both:
        return Answer(ID, QUESTION, "Nothing to compare", "The runs have no case in common.", "unknown")
    broken = [one for one in found if is_broken(one)]
    worse = [one for one in both if judged(one, "worse")]
    better = [one for one in both if judged(one, "better")]
    barred = [one for one in both if judged(one, "not comparable")]
    parts = broken, worse, better, barred
    environment = environment_changes(before, after)
    verdicts, by_limits = _by_limits(before, after)
    regressed = {case.id for case in verdicts if case.verdict == "REGRESSION"}
    return Answer(
        id=ID,
        question=QUESTION,
        headline=_headline(regressed, *parts),
        interval=f"{label(len(runs) - 1, len(runs))} against the baseline {label(0, len(runs))}, "
        f"{counted(both, 'case')} in both",
        sentence=f"{_counts(*parts)} {by_limits}",
        tone="bad" if broken or regressed else "neutral",
        lines=(
            *verdict_lines(verdicts),
            *(f"no longer passes: {one.id}{_now(one)}" for one in broken),
            *(f"worse: {line}" for line in _lines(worse, "worse")),
            *(f"better: {line}" for line in _lines(better, "better")),
            *(f"not comparable: {one.id} {_why(one)}" for one in barred[:5]),
            f"{counted(environment, 'difference')} in the environment: {', '.join(environment)}" if environment else "",
        ),
        commands=DECIDE,
        anchors=tuple(Anchor(len(runs) - 1, one.id, ("status", "measurement")) for one in (*broken, *worse))[:20],
    )


def _by_limits(before: Run, after: Run) -> tuple[list[CaseVerdict], str]:
    """Give the gate's verdicts on one run each, and their count in a sentence."""
    try:
        verdicts = judge(_apart("A", before), _apart("B", after), rules=ONE_EACH)
    except GateError as error:
        return [], f"Whether they may be merged was not judged: {error}."
    return verdicts, f"By the gate's limits, {tally(verdicts)}; {UNCONFIRMED}."


def _apart(name: str, run: Run) -> list[Sample]:
    """Reduce a run, told apart from the other even where it is the same."""
    return [msgspec.structs.replace(sample, run=f"{name}: {sample.run}") for sample in samples_of(run)]


def _headline(
    regressed: Collection[str],
    broken: Sequence[CaseChange],
    worse: Sequence[CaseChange],
    better: Sequence[CaseChange],
    barred: Sequence[CaseChange],
) -> str:
    """Count what speaks against a change, each case by the worst that is said of it.

    Where nothing does, that is no go-ahead: one run each decides nothing.
    """
    lost = {one.id for one in broken}
    counts = {
        "no longer pass": len(lost),
        "regressed": len(set(regressed) - lost),
        "worse": len({one.id for one in worse} - lost - set(regressed)),
    }
    if not (any(counts.values()) or barred):
        return UNDECIDED
    counts |= {"better": len(better), "not comparable": len(barred)}
    return ", ".join([f"{number} {word}" for word, number in counts.items() if number][:2])


def _counts(broken: Sequence[Any], worse: Sequence[Any], better: Sequence[Any], barred: Sequence[Any]) -> str:
    if not (broken or worse or better or barred):
        return f"No case stopped passing or changed by over {NOISE_PCT:g} %."
    return (
        f"{counted(broken, 'case')} stopped passing, {len(worse)} got slower or larger by over "
        f"{NOISE_PCT:g} %, {len(better)} faster or smaller, {len(barred)} cannot be compared."
    )


def _now(one: CaseChange) -> str:
    return " (no longer there)" if one.after is None else f" ({one.after.status}: {one_line(one.after.reason, 120)})"


def _why(one: CaseChange) -> str:
    was, now = (case.status if case else "not there" for case in (one.before, one.after))
    return f"differs in {', '.join(one.differs)}" if one.differs else f"was {was} and is {now}"


def _lines(ones: Sequence[CaseChange], word: str) -> list[str]:
    return [
        f"{one.id}: {delta.name} {show(delta.before)} to {show(delta.after)} ({delta.pct:+.1f} %)"
        for one in ones
        for delta in one.deltas
        if delta.change == word and delta.pct is not None
    ]
