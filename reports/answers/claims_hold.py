"""Do the claimed numbers hold, in which configuration, and how is that row run again."""

from collections.abc import Sequence

from reports.answers.answer import Anchor, Answer, not_measured
from reports.answers.subject import Subject, cases_seen
from reports.claims import Answer as ClaimAnswer
from reports.claims import answers, claims_of
from reports.compare import model_and_setting
from reports.judged import Claim
from reports.quantities import spelled, unit_of
from reports.record import Run
from reports.rows import counted

ID, QUESTION = "claims", "Do the claimed numbers hold, and in which configuration?"
MEASURE = "pytest benchmarks/bench_speed.py --suite paper --model causvid-1.3b --setting 480p81,480p432"
TAKES = "3 cases, about 3 min"


def answer(runs: Sequence[Run], _subject: Subject) -> Answer:
    """Count the claims that some candidate reproduces, and name of each the nearest; none is chosen for the reader."""
    claims, found = claims_of(runs), answers(runs)
    if not claims:
        return not_measured(ID, QUESTION, "The suite holds no claims.", MEASURE, takes=TAKES)
    judged = {
        claim.id: [one for one in found if one.claim == claim and one.verdict != "not measured"] for claim in claims
    }
    if not any(judged.values()):
        return not_measured(ID, QUESTION, "No candidate of a claim was measured here.", MEASURE, takes=TAKES)
    met = [claim for claim in claims if any(one.verdict == "reproduced" for one in judged[claim.id])]
    beaten = [c for c in claims if c not in met and any(one.verdict == "better" for one in judged[c.id])]
    weights = {case.case.plan.recipe.weights for case in cases_seen(runs)}
    return Answer(
        id=ID,
        question=QUESTION,
        headline=f"{len(met)} of {len(claims)} reproduced",
        interval=f"{counted(beaten, 'other')} beaten, but not reproduced" if beaten else "",
        sentence=f"{_values(claims)}. Each candidate configuration is held against each meaning of a claim.",
        tone="good" if len(met) == len(claims) else "neutral",
        lines=tuple(_line(claim, judged[claim.id]) for claim in claims),
        commands=tuple(again for claim in claims for again in _again(claim, judged[claim.id], runs)),
        caveats=("random weights",) if "random" in weights else (),
        anchors=(Anchor(0, "", ("claims",)),),
    )


def _values(claims: Sequence[Claim]) -> str:
    return ", ".join(f"{claim.value:g} {unit_of(claim.quantities[0])} ({claim.id})" for claim in claims)


def _line(claim: Claim, judged: Sequence[ClaimAnswer]) -> str:
    unit = unit_of(claim.quantities[0])
    start = f"{claim.value:g} {unit} ({claim.id})"
    nearest = _nearest(claim, judged)
    if nearest is None or nearest.quantity is None:
        return f"{start}: no candidate was measured"
    tally = {verdict: sum(one.verdict == verdict for one in judged) for verdict in ("reproduced", "better", "worse")}
    counts = [f"{count} {verdict}" for verdict, count in tally.items() if count]
    return (
        f"{start}: nearest is {nearest.configuration}, {spelled(nearest.quantity)} {nearest.actual:.2f} {unit}: "
        f"{nearest.verdict}. Of all its rows: {', '.join(counts)}."
    )


def _nearest(claim: Claim, judged: Sequence[ClaimAnswer]) -> ClaimAnswer | None:
    known = [one for one in judged if one.actual is not None]
    return min(known, key=lambda one: abs((one.actual or 0.0) - claim.value), default=None)


def _again(claim: Claim, judged: Sequence[ClaimAnswer], runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Give the command of the case that a claim's nearest row was read from."""
    nearest = _nearest(claim, judged)
    commands = [
        seen.case.plan.reproduce
        for seen in cases_seen(runs)
        if nearest and nearest.configuration.startswith(f"{model_and_setting(seen.case)} ({seen.case.plan.scenario}")
    ]
    return [(f"to run the row nearest to {claim.id} again", command) for command in commands[:1]]
