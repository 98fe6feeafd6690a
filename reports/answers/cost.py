"""What does a video cost: joules, money if a price was given, videos a GPU-hour."""

from collections.abc import Sequence

from reports.answers.answer import Answer, Seen, anchor, not_measured, number
from reports.answers.subject import Subject, caveats, named
from reports.comparison_lines import times
from reports.device_state import cost_per_video, joules_per_video, videos_per_gpu_hour
from reports.record import Run
from reports.rows import show

ID, QUESTION = "cost", "What does a video cost?"
FIELDS = ("measurement.state.energy", "measurement.rounds[].prompt_to_host_s")
PRICE = ("to have it in money", "pytest benchmarks/ --gpu-hour-price PRICE")


def answer(_runs: Sequence[Run], subject: Subject) -> Answer:
    """Give the student's money a clip where a price is known, else its joules, else its clips a GPU-hour."""
    student, teacher = subject.student, subject.teacher
    videos = videos_per_gpu_hour(student.case) if student else None
    if student is None or videos is None:
        why = "No case here has a time on a GPU; what a CPU costs is not told."
        return not_measured(ID, QUESTION, why, "pytest benchmarks/ --suite quick")
    told = [one for one in (student, teacher) if one is not None]
    joules, money = joules_per_video(student.case), _money(student)
    energy = f"{number(joules)} J" if joules is not None else ""
    return Answer(
        id=ID,
        question=QUESTION,
        headline=money or energy or f"{show(videos)} videos a GPU-hour",
        interval="" if energy else "energy was not counted",
        sentence=f"{named(student)}: {_all(student)}.",
        tone="neutral",
        lines=(
            *([f"{named(teacher)}: {_all(teacher)}."] if teacher else []),
            *_ratio(student, teacher),
        ),
        commands=() if money else (PRICE,),
        caveats=caveats(*told),
        anchors=tuple(anchor(one, *FIELDS) for one in told),
    )


def _money(seen: Seen) -> str:
    cost = cost_per_video(seen.case, seen.run.gpu_hour_price)
    return "" if cost is None else f"{cost:.3g} a video"


def _all(seen: Seen) -> str:
    joules = joules_per_video(seen.case)
    price = seen.run.gpu_hour_price
    parts = [
        "energy not counted" if joules is None else f"{show(joules)} J a video by the whole GPU",
        f"{show(videos_per_gpu_hour(seen.case))} videos a GPU-hour",
        "" if price is None else f"{_money(seen)} at {price:g} a GPU-hour",
    ]
    return ", ".join(part for part in parts if part)


def _ratio(student: Seen, teacher: Seen | None) -> list[str]:
    own = joules_per_video(student.case)
    other = joules_per_video(teacher.case) if teacher else None
    return [f"The first takes {times(own / other)} the second's energy."] if own and other else []
