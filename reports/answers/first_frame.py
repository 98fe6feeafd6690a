"""How long until the first frame is seen, and does playback stall after it."""

import statistics
from collections.abc import Sequence

from reports.answers.answer import Answer, Seen, anchor, not_measured, number, prefix
from reports.answers.subject import Subject, cases_seen, caveats, is_sound, named
from reports.record import Run
from reports.rows import show
from reports.timing import Playback
from reports.timing_rows import worst_playback

ID, QUESTION = "first-frame", "How long until the first frame, and does playback stall?"
FIELDS = ("measurement.rounds[].time_to_first_frame_s", "measurement.rounds[].chunks")
# A thousandth of a second is no stall that anybody sees.
UNSEEN_S = 0.001


def answer(runs: Sequence[Run], subject: Subject) -> Answer:
    """Give the student's median time to the first frame, and what a player at the clip's frame rate has to wait."""
    student = subject.student
    played = _played(student) if student else None
    if student is None or student.case.measurement is None or played is None:
        why = "No case here has timed rounds that tell when its frames came, and a frame rate to play them at."
        return not_measured(ID, QUESTION, why, "pytest benchmarks/ --suite quick")
    times = [timed.time_to_first_frame_s for timed in student.case.measurement.rounds]
    first = statistics.median(times)
    others = [one for one in cases_seen(runs) if _is_told(one, student)]
    return Answer(
        id=ID,
        question=QUESTION,
        headline=f"{number(first, min(times), max(times))} s",
        interval=_spread(times),
        sentence=f"{named(student)}: {_stall(student, played)}",
        tone="good" if _streams(student) and played.startup_buffer_s <= UNSEEN_S else "neutral",
        lines=tuple(_line(one, len(runs)) for one in others),
        caveats=caveats(student),
        anchors=(anchor(student, *FIELDS),),
    )


def _spread(times: Sequence[float]) -> str:
    low, high = min(times), max(times)
    if low == high:
        return "one round" if len(times) == 1 else f"the same in {len(times)} rounds"
    return f"{number(low, low, high)} to {number(high, low, high)} over {len(times)} rounds"


def _is_told(one: Seen, student: Seen) -> bool:
    return is_sound(one.case) and one.case.plan.scenario == "speed" and one != student


def _played(one: Seen) -> Playback | None:
    measurement = one.case.measurement
    return worst_playback(measurement.rounds, one.case.plan.request.fps) if measurement else None


def _streams(one: Seen) -> bool:
    return any(len(timed.chunks) > 1 for timed in one.case.measurement.rounds) if one.case.measurement else False


def _stall(one: Seen, played: Playback) -> str:
    if not _streams(one):
        return "all frames come together, so that nothing is seen before the clip is done."
    rate = f"at {one.case.plan.request.fps:g} frames/s"
    if played.startup_buffer_s <= UNSEEN_S:
        return f"frames come in chunks, and playback {rate} never stalls from the first chunk on."
    wait = f"{show(played.startup_buffer_s)} s after the first chunk"
    return f"frames come in chunks; playback {rate} would stall, unless the player waits {wait}."


def _line(one: Seen, runs: int) -> str:
    played = _played(one)
    name = f"{prefix(one.number, runs)}{one.case.plan.model.id} {one.case.plan.setting}"
    if played is None:
        return f"{name}: not measured, no chunks or no frame rate were recorded"
    first = f"first frame after {show(played.first_chunk_host_s)} s"
    if not _streams(one):
        return f"{name}: {first}, with the whole clip"
    stall = (
        "no stall" if played.startup_buffer_s <= UNSEEN_S else f"{show(played.startup_buffer_s)} s to wait, or stalls"
    )
    return f"{name}: {first}, then a chunk every {show(played.chunk_gap_s)} s; {stall}"
