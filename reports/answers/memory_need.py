"""How much device memory at the peak, what fills it, and which card that fits.

Which card: the most that NVML saw in use on the device, while loading too, less what others used before; where that was
not sampled, torch's peak reserved memory, to which a CUDA context still comes. A card offers less than its
name says (a driver and, with some, ECC take a part), so 5 % of it are left out. A bigger card lets torch cache more
than it needs, so a smaller one than is named may do: that is known only from a run under `memory_limit_gib`.
"""

from collections.abc import Sequence

from reports.answers.answer import Answer, Seen, anchor, not_measured
from reports.answers.subject import Subject, cases_seen, caveats, is_sound, named
from reports.comparison_lines import times
from reports.memory_record import PhaseMemory
from reports.record import Run
from reports.rows import GIB, show

ID, QUESTION = "memory", "How much VRAM, what fills it, and which card fits?"
MEASURE = "pytest benchmarks/ --suite quick"
# Memory of cards that are sold, in GiB as their names have it.
CARDS_GIB = (8, 12, 16, 24, 32, 48, 80, 96, 141, 180)
USABLE = 0.95
ACTIVATIONS = "activations"


def answer(runs: Sequence[Run], subject: Subject) -> Answer:
    """Give the student's peak of allocated memory over the timed rounds, its parts, and the smallest card class."""
    student, teacher = subject.student, subject.teacher
    memory = student.case.measurement.memory if student and student.case.measurement else None
    if student is None or memory is None or memory.peak_allocated_bytes is None:
        return not_measured(
            ID,
            QUESTION,
            "No case here has a peak of device memory; a CPU has none.",
            "pytest benchmarks/ --suite quick",
        )
    peak = highest_phase(student)
    card, of = card_for(student)
    return Answer(
        id=ID,
        question=QUESTION,
        headline=f"{show(memory.peak_allocated_bytes / GIB)} GiB",
        interval="the highest of all timed rounds, torch's peak allocated memory",
        sentence=f"{named(student)}{_filled(peak)}. {card}.",
        tone="neutral",
        lines=(
            *([_beside(teacher, student)] if teacher else []),
            f"The card by {of}, over loading, first call and rounds; on a smaller one torch would cache less.",
            *_limited(runs),
        ),
        caveats=caveats(student),
        anchors=(anchor(student, "measurement.memory.peak_allocated_bytes", "measurement.memory.parts.rounds"),),
    )


def highest_phase(seen: Seen) -> PhaseMemory | None:
    """Find the phase of the timed rounds that set the peak; None where phases were not told apart."""
    rounds = seen.case.measurement.memory.parts.get("rounds") if seen.case.measurement else None
    return max(rounds.phases, key=lambda phase: phase.peak_allocated_bytes) if rounds and rounds.phases else None


def needed_bytes(seen: Seen) -> tuple[int, str, str] | None:
    """Give the bytes that a card must have free, how they are known, and what was taken off, "" if nothing.

    None where neither way was measured.
    """
    if seen.case.measurement is None:
        return None
    memory, state = seen.case.measurement.memory, seen.case.measurement.state
    parts = memory.parts.values()
    sampled = [part.peak_device_bytes for part in parts if part.peak_device_bytes is not None]
    if sampled:
        before = (state.used_before_bytes if state else None) or 0
        how = (
            f" ({show(max(sampled) / GIB)} in use at the peak, less {show(before / GIB)} in use before)"
            if before
            else ""
        )
        return max(sampled) - before, "the memory in use on the device, sampled by NVML", how
    reserved = [part.peak_reserved_bytes for part in parts] or [memory.peak_reserved_bytes or 0]
    if not any(reserved):
        return None
    return max(reserved), "torch's peak reserved memory, to which a CUDA context comes", ""


def card_for(seen: Seen) -> tuple[str, str]:
    """Name the smallest class of card that has the memory, and how that is known."""
    needed = needed_bytes(seen)
    if needed is None:
        return "Which card fits was not measured", "nothing: neither NVML nor reserved memory is in the record"
    size_bytes, of, how = needed
    fits = next((card for card in CARDS_GIB if size_bytes <= USABLE * card * GIB), None)
    told = f"{show(size_bytes / GIB)} GiB{how}"
    if fits is None:
        return f"It needs {told}: no card of up to {CARDS_GIB[-1]} GB has that", of
    return f"It needs {told}: a card of {fits} GB fits", of


def _filled(peak: PhaseMemory | None) -> str:
    if peak is None:
        return ""
    parts = dict(peak.components_bytes) | ({ACTIVATIONS: peak.activations_bytes} if peak.activations_bytes else {})
    largest = sorted(parts.items(), key=lambda item: -item[1])[:3]
    told = ", ".join(f"{name.replace('_', ' ')} {show(size / GIB)}" for name, size in largest)
    return f" peaks in {peak.phase}" + (f": {told} GiB" if told else "")


def _beside(teacher: Seen, student: Seen) -> str:
    memory = teacher.case.measurement.memory if teacher.case.measurement else None
    own = student.case.measurement.memory if student.case.measurement else None
    if memory is None or own is None or memory.peak_allocated_bytes is None or own.peak_allocated_bytes is None:
        return f"{named(teacher)}: no peak was measured"
    ratio = own.peak_allocated_bytes / memory.peak_allocated_bytes
    return (
        f"{named(teacher)} peaks at {show(memory.peak_allocated_bytes / GIB)} GiB: the first takes {times(ratio)} "
        f"that. {card_for(teacher)[0]}."
    )


def _limited(runs: Sequence[Run]) -> list[str]:
    """Tell which cases passed under a limit of memory, which proves that they fit."""
    return [
        f"{one.case.plan.model.id} {one.case.plan.setting} ran under a limit of {limit:g} GiB"
        for one in cases_seen(runs)
        if (limit := one.case.plan.recipe.memory_limit_gib) is not None and is_sound(one.case)
    ]
