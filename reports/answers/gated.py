"""A gate's outcome as an answer: may the change be merged, what regressed, by how much, and on what that rests."""

from collections.abc import Iterator, Sequence

from reports.answers.answer import Anchor, Answer, Tone, prefix
from reports.gate.checks import frames_text
from reports.gate.outcome import GateOutcome
from reports.gate.rests_on import basis, is_on_gpu
from reports.gate.table import reasons, tally
from reports.gate.verdict import CaseVerdict, fails
from reports.gate.words import signed_pct
from reports.record import Run
from reports.rows import counted, one_line

HEADLINES = {"yes": "Yes", "no": "No", "undecided": "Undecided"}
TONES: dict[str, Tone] = {"yes": "good", "no": "bad", "undecided": "neutral"}
SHOWN = 20


def gated(id_: str, question: str, runs: Sequence[Run], gate: GateOutcome) -> Answer:
    """Tell the gate of the last run; one that went on after it was gated is not decided."""
    last = len(runs) - 1
    later = runs[last].finished_at is not None and _after(runs[last].finished_at, gate.at)
    answer = "undecided" if later and gate.may_merge == "yes" else gate.may_merge
    failing = [case for case in gate.verdicts if fails(case, gate.lenient)]
    regressed = [case for case in failing if case.verdict == "REGRESSION"]
    head = f"{HEADLINES[answer]}: {counted(regressed, 'regression')}" if answer == "no" else HEADLINES[answer]
    known = {case.id for case in runs[last].cases}
    return Answer(
        id=id_,
        question=question,
        headline=head,
        interval=f"{prefix(last, len(runs))}{tally(gate.verdicts)}",
        sentence=f"{_against(gate)} {_why(gate, answer, failing, later=later)}",
        tone=TONES[answer],
        lines=(*verdict_lines(gate.verdicts), *_basis(gate, on_gpu=is_on_gpu(runs[last]))),
        anchors=tuple(Anchor(last, case.id, ("status", "measurement")) for case in failing if case.id in known)[:SHOWN],
    )


def verdict_lines(verdicts: Sequence[CaseVerdict]) -> list[str]:
    """Tell every case that did not plainly pass, failures first; of very many the first."""
    told = reasons(sorted(verdicts, key=lambda case: not fails(case)))
    more = len(told) - SHOWN
    return [*told[:SHOWN], *([f"and {more} more verdicts in run.json"] if more > 0 else [])]


def _against(gate: GateOutcome) -> str:
    what = one_line(gate.against, 120)
    if gate.kind == "paired":
        return f"Runs of {what} alternated with those under test, {counted(gate.base.runs, 'run')} of each side."
    return f"Held against the baselines in {what}, of {counted(gate.base.runs, 'run')}."


def _why(gate: GateOutcome, answer: str, failing: Sequence[CaseVerdict], *, later: bool) -> str:
    if later:
        return "The run went on after it was gated: gate it again."
    if answer == "yes":
        let_pass = sorted({case.verdict for case in gate.verdicts if fails(case) and case not in failing})
        return f"Let pass by name: {', '.join(let_pass)}." if let_pass else "Nothing is worse by more than its limits."
    if gate.faults and not failing:
        return f"{one_line(next(iter(gate.faults.values())).splitlines()[0], 400)}."
    if gate.nothing_under_test and not failing:
        text = one_line(gate.nothing_under_test, 400)
        return f"{text[:1].upper()}{text[1:]}."
    if not failing:
        return "No case was compared, so that nothing speaks for it either."
    more = f" {len(failing) - 1} more below." if len(failing) > 1 else ""
    return f"{failing[0].verdict} {one_line(failing[0].id.rpartition('::')[2], 120)}: {_short(failing[0])}.{more}"


def _short(case: CaseVerdict) -> str:
    """Say in a line what is worse in a case by how much, in which frames, and where the time went."""
    told = [
        *(f"{one.metric} {signed_pct(one.change_pct)}" for one in case.metrics if one.verdict == "REGRESSION"),
        *(f"{one.check} {frames_text(one.frames)}".strip() for one in case.quality if one.verdict == "REGRESSION"),
    ]
    return one_line("; ".join([", ".join(told), *case.causes[:1]]) if told else case.why, 400)


def _basis(gate: GateOutcome, *, on_gpu: bool) -> Iterator[str]:
    """Say what differed between the sides, what was left out, and what it took."""
    yield from basis(gate, on_gpu=on_gpu)
    yield from (one_line(text, 400) for text in gate.faults.values())
    if gate.under_test:
        yield f"under test, so that their versions may differ: {', '.join(gate.under_test)}"
    if gate.lenient:
        yield f"let pass by name: {', '.join(gate.lenient)}"
    if gate.not_asked:
        yield f"{counted(gate.not_asked, 'baseline case')} not asked for by this run's selection"
    started = ", ".join(
        f"{one_line(one.folder, 60)} ({one.side}, {one.seconds:.1f} s)" for one in gate.processes[:SHOWN]
    )
    yield f"decided in {gate.seconds:.1f} s; processes started for it: {started or 'none'}"


def _after(one: str | None, other: str) -> bool:
    return one is not None and one[:19] > other[:19]
