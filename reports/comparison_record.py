"""Students against their teacher over many prompts: what a suite asks, and what became of it, row by row.

Why it matters: the verdicts stand in run.json with the margins that they were given by, so that a margin which is moved
later changes no old verdict. reports/verdicts.py gives them.
"""

from typing import Annotated, Literal

import msgspec

from reports.frozen import Frozen
from reports.judged import Margin

RowVerdict = Literal["PASS", "FAIL", "INCONCLUSIVE", "not applicable", "not measured"]
Names = Annotated[list[str], msgspec.Meta(min_length=1)]


class StudentTeacher(Frozen):
    """Models in settings whose clips of a scenario are held against a teacher's clips of the same prompts and seeds.

    Settings are named as tables show them. In a suite empty `margins` stand for the starting ones of
    reports/margins.py, which are then written into the plan.
    """

    id: str
    students: Names
    settings: Names
    teacher: str
    teacher_setting: str
    scenario: str = "quality"
    margins: list[Margin] = []

    def __post_init__(self) -> None:
        """Refuse a model that is its own teacher, and a margin that stands twice."""
        if self.teacher in self.students and self.teacher_setting in self.settings:
            raise ValueError(f"{self.teacher} {self.teacher_setting} is held against itself")
        asked = [(margin.metric, margin.better, margin.magnitude) for margin in self.margins]
        if twice := sorted({one[0] for one in asked if asked.count(one) > 1}):
            raise ValueError(f"`margins` hold {', '.join(twice)} twice in one direction")


class MarginVerdict(Frozen):
    """What the clips say of one margin, field by field `NonInferiority` of reports/noninferiority.py.

    `t` and `bca` are each a low and a high bound of `difference`. "not applicable": the metric says of neither side's
    clips anything, as with random weights; "not measured": no clip was put to it.
    """

    margin: Margin
    verdict: RowVerdict
    prompts: int = 0
    clips: int = 0
    missing_student: int = 0
    missing_teacher: int = 0
    teacher: float | None = None
    difference: float | None = None
    limit: float | None = None
    t: tuple[float, float] | None = None
    bca: tuple[float, float] | None = None
    gate: Literal["t", "BCa"] | None = None
    more_prompts: int | None = None
    reason: str = ""


class StudentVerdict(Frozen):
    """One student in one setting against its teacher; `student` and `teacher` are a model and its setting.

    `unmatched` names the student's clips without a counterpart, and the teacher's of what the student was not asked
    for. `reason` says why there is no row at all.
    """

    comparison: str
    student: str
    teacher: str
    rows: list[MarginVerdict]
    unmatched: list[str] = []
    reason: str = ""
