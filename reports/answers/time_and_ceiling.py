"""Where the time goes, and how far student and teacher are from what the GPU's libraries reach."""

from collections.abc import Sequence

from reports.answers.answer import Answer, Seen, anchor, not_measured
from reports.answers.subject import Subject, caveats, named
from reports.ceiling import Part, parts_of
from reports.record import Run
from reports.rows import median_phases_s, show
from reports.work_lines import part_text

ID, QUESTION = "ceiling", "Where does the time go, and how far from the ceiling?"
FIELDS = ("measurement.rounds[].phases_s", "plan.work")
CEILINGS = ("to measure it, for all later runs on this GPU", "pytest benchmarks/bench_ceilings.py")


def answer(_runs: Sequence[Run], subject: Subject) -> Answer:
    """Give the longest phase's share of the student's time, and the whole as a multiple of its floor."""
    student, teacher = subject.student, subject.teacher
    shares = phase_shares(student) if student else {}
    if student is None or not shares:
        return not_measured(ID, QUESTION, "No case here has rounds with phases.", "pytest benchmarks/ --suite quick")
    name, share = next(iter(shares.items()))
    whole = _whole(student)
    far = f"{whole.time_s / whole.floor_s:.1f}× its floor" if whole and whole.time_s and whole.floor_s else ""
    told = [one for one in (student, teacher) if one is not None]
    return Answer(
        id=ID,
        question=QUESTION,
        headline=far or f"{share:.0%} in {name}",
        interval=_floor(whole) if far else "the distance from the ceiling was not measured",
        sentence=f"{named(student)}: {_shares(shares)}.",
        tone="neutral",
        lines=tuple(map(_line, told)),
        commands=() if far else (CEILINGS,),
        caveats=caveats(student),
        anchors=tuple(anchor(one, *FIELDS) for one in told),
    )


def phase_shares(seen: Seen) -> dict[str, float]:
    """Give each phase's share of the median time from prompt to host frames, largest first.

    As in the chart they are of the round at the median, and so add up.
    """
    rounds = seen.case.measurement.rounds if seen.case.measurement else []
    total_s, phases_s = median_phases_s(rounds) if rounds else (0.0, {})
    if not total_s:
        return {}
    shares = {name: seconds / total_s for name, seconds in phases_s.items()}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _whole(seen: Seen) -> Part | None:
    parts = parts_of(seen.case, seen.run)
    return None if isinstance(parts, str) else parts[-1]


def _floor(whole: Part | None) -> str:
    if whole is None or whole.floor_s is None:
        return ""
    mfu = "" if whole.mfu is None else f", MFU {100 * whole.mfu:.0f} %"
    return f"{show(whole.time_s)} s; at the measured ceilings it would take {show(whole.floor_s)} s{mfu}"


def _shares(shares: dict[str, float]) -> str:
    large = {name: share for name, share in shares.items() if share >= 0.01}
    rest = 1 - sum(large.values())
    told = [f"{share:.0%} {name.replace('_', ' ')}" for name, share in large.items()]
    return ", ".join([*told, *([f"{rest:.0%} other"] if rest >= 0.01 else [])])


def _line(seen: Seen) -> str:
    parts = parts_of(seen.case, seen.run)
    if isinstance(parts, str):
        return f"{named(seen)}: {_shares(phase_shares(seen))}; work not set in relation: {parts}"
    *phases, whole = parts
    told = "; ".join(f"{part.name} {part_text(part, whole.time_s)}" for part in phases)
    return f"{named(seen)}: {part_text(whole, None)}; {told}"
