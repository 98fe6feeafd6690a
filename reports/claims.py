"""Claimed numbers held against measured ones: every candidate configuration a row, none of them chosen for the reader.

Why it matters: a claim that does not state its configuration can be met by the wrong one. So each candidate is shown
under each meaning that the claim may have, times are never carried from one GPU to another, and a claim in GB is read
as 10^9 bytes, beside what it would be if GiB were meant. Lower is better in every quantity. A verdict fails no run.

Numbers come from scenarios `speed` and `cold_start`. A cold start's peaks and times are those of first calls in fresh
processes, with the text encoding that a timed round of a freed encoder leaves out: who claims "prompt to output" may
have started a program and looked at the clock. Only `cold_start` tells a cold start.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from reports.budgets import is_over_only
from reports.compare import is_shared, model_and_setting
from reports.judged import Claim, Quantity
from reports.quantities import BYTES, extremes_of, is_gpu, spelled, unit_of, value_of, why_missing
from reports.record import CaseRecord, Run
from reports.rows import one_line

# A text encoder that is loaded for a new prompt only does not run in a round that repeats one.
NO_TEXT = "without text encoding, the prompt's embeddings were reused"
NOISE = "its mp4 is of noise, which takes longer to encode"
UNREAD = "no weights were read from a disk"
FIRST_CALL = "of first calls in fresh processes, loading outside"
SHARED = "SHARED GPU: other processes were on it"
SCENARIOS = ("speed", "cold_start")
WITHOUT_TEXT = frozenset({"sampling_s", "cold_start_s"})
Verdict = Literal["reproduced", "better", "worse", "not comparable", "not measured"]


class Answer(NamedTuple):
    """What a configuration says of a claim, read as one quantity; `quantity` is None where no case of it was measured.

    `actual` has the claim's unit, and so have `extremes`, the least and the greatest of a time's rounds. `if_gib` is
    the verdict if a claim in GB meant GiB, and None for other units.
    """

    claim: Claim
    configuration: str
    quantity: Quantity | None
    verdict: Verdict
    actual: float | None = None
    if_gib: Verdict | None = None
    note: str = ""
    extremes: tuple[float, float] | None = None


def claims_of(runs: Sequence[Run]) -> list[Claim]:
    """List the claims of the runs' suites, each once: several suites may hold one and the same."""
    found: list[Claim] = []
    for run in runs:
        found += [claim for claim in run.claims if claim not in found]
    return found


def answers(runs: Sequence[Run]) -> list[Answer]:
    """Hold every candidate of every claim against the claim, whichever of the runs measured it."""
    return [
        answer
        for claim in claims_of(runs)
        for candidate in claim.candidates
        for model in candidate.models
        for setting in candidate.settings
        for answer in _of_configuration(claim, (candidate.suite, model, setting), runs)
    ]


def verdict_on(actual: float, claimed: float, tolerance_pct: float) -> Verdict:
    """Compare two numbers of one unit, of which the lower is better; at the tolerance's end it is still reproduced.

    >>> [verdict_on(actual, 20.0, 5.0) for actual in (18.9, 19.0, 21.0, 21.1)]
    ['better', 'reproduced', 'reproduced', 'worse']
    """
    difference, allowed = abs(actual - claimed), claimed * tolerance_pct / 100
    # 2.2 - 2.0 is more than 0.2 in binary.
    if difference <= allowed or math.isclose(difference, allowed, rel_tol=1e-9):
        return "reproduced"
    return "better" if actual < claimed else "worse"


def _cases(runs: Sequence[Run], configuration: tuple[str, str, str]) -> list[CaseRecord]:
    """Find the cases of suite, model and exactly this setting, a sweep over its fields is another, in `SCENARIOS`."""
    return [
        case
        for run in runs
        for case in run.cases
        if (run.suite, case.plan.model.id, case.plan.setting) == configuration and case.plan.scenario in SCENARIOS
    ]


def _holds(case: CaseRecord, quantity: Quantity) -> bool:
    """Tell whether a case's scenario measures what a claim means by a quantity: see the module's beginning."""
    return quantity != "cold_start_s" or case.plan.scenario == "cold_start"


def _of_configuration(claim: Claim, configuration: tuple[str, str, str], runs: Sequence[Run]) -> Iterator[Answer]:
    suite, model, setting = configuration
    cases = _cases(runs, configuration)
    sound = [case for case in cases if case.measurement is not None and (case.status == "passed" or is_over_only(case))]
    if not sound:
        ended = _ended(cases[0]) if cases else "no case of it is here"
        yield Answer(claim, f"{model} {setting}", None, "not measured", note=f"{ended} (suite {suite})")
        return
    for quantity in claim.quantities:
        fit = [case for case in cases if _holds(case, quantity)]
        found = [answer for case in fit if case in sound and (answer := _of_case(claim, quantity, case)) is not None]
        lacking = next((case.measurement for case in fit if case in sound), None)
        why = [_ended(case) for case in fit if case not in sound]
        if not found and not why:
            why = [why_missing(lacking, quantity) if lacking else "no scenario that measures it was run"]
        yield from found
        yield from (Answer(claim, f"{model} {setting}", quantity, "not measured", note=reason) for reason in why)


def _ended(case: CaseRecord) -> str:
    return f"its case is {case.status}: {one_line(case.reason, 120)}"


def _of_case(claim: Claim, quantity: Quantity, case: CaseRecord) -> Answer | None:
    assert case.measurement is not None, f"{case.id}: a sound case has a measurement"
    actual = value_of(case.measurement, quantity)
    if actual is None:
        return None
    extremes = extremes_of(case.measurement, quantity)
    weights = case.plan.recipe.weights
    told = [case.plan.scenario, *([] if weights == "hub" else [f"{weights} weights"])]
    name = f"{model_and_setting(case)} ({', '.join(told)})"
    gpu, shared = case.measurement.devices[0].name, f" ({SHARED})" if is_shared(case) else ""
    other = claim.gpu is not None and not is_gpu(claim.gpu, gpu)
    if other or shared:
        note = f"on {gpu}{shared}" + (f", the claim is of {claim.gpu}" if other else "")
        return Answer(claim, name, quantity, "not comparable", actual, note=note, extremes=extremes)
    verdict = verdict_on(actual, claim.value, claim.tolerance_pct)
    if_gib = verdict_on(actual, in_gb(claim.value), claim.tolerance_pct) if unit_of(quantity) == "GB" else None
    note = f"on {gpu}{_reservations(quantity, case)}"
    return Answer(claim, name, quantity, verdict, actual, if_gib, note, extremes)


def _reservations(quantity: Quantity, case: CaseRecord) -> str:
    """Say what a quantity of this case holds that it should not, or lacks."""
    reasons = case.measurement.reasons if case.measurement else {}
    unread = case.plan.recipe.weights != "hub"
    is_a_calls = quantity != "cold_start_s" and unit_of(quantity) not in BYTES
    found = [
        (FIRST_CALL, is_a_calls and case.plan.scenario == "cold_start"),
        (NO_TEXT, quantity not in WITHOUT_TEXT and "text_encode" in reasons),
        (NOISE, unread and quantity in ("prompt_to_mp4_s", "cold_start_s")),
        (UNREAD, unread and quantity == "cold_start_s"),
    ]
    told = [text for text, holds in found if holds]
    return f" ({'; '.join(told)})" if told else ""


def in_gb(gib: float) -> float:
    """Give in GB of 10^9 bytes what is in GiB of 2^30.

    >>> round(in_gb(21.56), 2)
    23.15
    """
    return gib * BYTES["GiB"] / BYTES["GB"]


def claim_lines(runs: Sequence[Run]) -> list[str]:
    """Tell each claim and below it, a line each, what every candidate says of it."""
    lines: list[str] = []
    found = answers(runs)
    for claim in claims_of(runs):
        lines.append(heading(claim))
        lines += [_line(answer) for answer in found if answer.claim == claim]
    return lines


def heading(claim: Claim) -> str:
    """Tell a claim and what it is held as."""
    unit = unit_of(claim.quantities[0])
    also = f"; 1 GB is 10^9 bytes, and {claim.value:g} GiB would be {in_gb(claim.value):.2f} GB" if unit == "GB" else ""
    held = f"{claim.value:g} {unit} on {claim.gpu or 'any GPU'}, ± {claim.tolerance_pct:g} %{also}"
    return f"claim {claim.id}: {claim.text} (held as {held})"


def _line(answer: Answer) -> str:
    start = f"  {answer.verdict}: {answer.configuration}"
    if answer.quantity is None:
        return f"{start}: {answer.note}"
    start = f"{start}: {spelled(answer.quantity)}"
    if answer.actual is None:
        return f"{start}: {answer.note}"
    claim, unit = answer.claim, unit_of(answer.quantity)
    text = f"{start} {answer.actual:,.2f} {unit}"
    if unit == "GB":
        text += f" = {answer.actual / in_gb(1.0):.2f} GiB"
    text += f" {answer.note}"
    if answer.verdict == "not comparable":
        return text
    text += f", {difference(answer.actual, claim.value)}"
    return "; ".join(filter(None, (text, if_gib_text(answer))))


def if_gib_text(answer: Answer) -> str:
    """Tell what would become of a claim in GB were GiB meant; "" for every other."""
    if answer.if_gib is None or answer.actual is None:
        return ""
    return f"were GiB meant, {answer.if_gib} ({difference(answer.actual, in_gb(answer.claim.value))})"


def difference(actual: float, claimed: float) -> str:
    """Tell by how much a number is above (+) or below (-) what was claimed."""
    return f"{100 * (actual / claimed - 1):+.1f} %"
