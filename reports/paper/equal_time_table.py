"""What the teacher gives in its student's time: its rows of fewer steps beside the student."""

from collections.abc import Sequence

from reports.equal_time import EqualTime, Row, equal_times
from reports.paper.configurations import Configuration, configurations
from reports.paper.document import Absent, Block, Code, Paragraph, Said, See, Text
from reports.paper.escape import short
from reports.paper.measures import setting
from reports.paper.speed import duration
from reports.paper.tables import figure, name, table
from reports.record import Run
from reports.verdicts import overall


def equal_time(runs: Sequence[Run]) -> tuple[Block, ...]:
    """Give a table for every student whose teacher has rows of other steps here."""
    try:
        found = equal_times(runs)
    except ModuleNotFoundError as error:  # the other sections must not be lost for it
        return (Paragraph(("No answer: ", Said(f"{error}"), "; install scipy.")),)
    if not found:
        return (Paragraph(("Not measured: no teacher has rows with fewer steps in these runs.",)),)
    return tuple(block for index, one in enumerate(found, start=1) for block in _answer(index, one, runs))


def _answer(index: int, one: EqualTime, runs: Sequence[Run]) -> tuple[Block, ...]:
    timed = {f"{c.plan.model.id} {c.plan.setting}": c for c in configurations(runs, "speed")}
    student = timed.get(one.student)
    label = f"tab:equal{index}"
    columns = (name("Model, setting"), figure("Steps"), figure("Guidance"), figure("Prompt to", "host frames", "[s]"))
    known = [(f"{one.teacher} {row.setting}", row) for row in one.rows]
    rows = [
        _row(one.student, None if one.time_s is None else student, one.reason),
        *(_row(who, None if row.time_s is None else timed.get(who), row.lacks) for who, row in known),
    ]
    text: Text = (See(label), " sets ", Code(one.student), " beside its teacher's rows. ", *_said(one))
    caption: Text = (Code(one.student), " and its teacher with fewer steps.")
    return Paragraph(text), table(label, caption, columns, rows)


def _said(one: EqualTime) -> Text:
    if one.time_s is None:
        return "The student's time was not measured: ", Said(short(one.reason, 160)), "."
    if one.in_time is None:
        return ("No row of the teacher takes as little time as the student.",)
    text: Text = ("In its time the teacher gives ", Code(one.in_time.setting), f" ({_beside(one)}). ")
    undecided: Text = (" Undecided: ", Said(short(", ".join(one.undecided), 160)), ".") if one.undecided else ()
    return (*text, *_as_good(one.as_good, one.silent), *undecided)


def _beside(one: EqualTime) -> str:
    return f"the student beside it: {overall(one.beside)}" if one.beside else "no clips to judge the student by"


def _as_good(row: Row | None, silent: str) -> Text:
    if row is not None:
        return "The fewest of its steps that are as good by every margin are those of ", Code(row.setting), "."
    told = short(silent, 160) or "no row passes every margin"
    return "Which of its rows is as good as the student is not known: ", Said(told), "."


def _row(who: str, found: Configuration | None, why: str) -> tuple[Text, ...]:
    if found is None:
        absent: Text = (Absent(short(why, 160) or "its speed was not measured"),)
        return (Code(who),), absent, absent, absent
    steps, guidance = (setting(found.first(f"plan.request.{field}")) for field in ("steps", "guidance_scale"))
    return found.name, (steps,), (guidance,), duration(found, "prompt_to_host_s")
