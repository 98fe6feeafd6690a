"""The first screen: ten questions, one file each, answered from the records of one or several runs.

Why it matters: who opens a report wants to know ten things, and whatever was not measured must be seen as missing
rather than be missed. Each file has `answer(runs, subject)`, a pure function; the first of several runs is the
baseline. The answers serve the page and the paper alike.
"""

from collections.abc import Sequence

from reports.answers import (
    change,
    claims_hold,
    cost,
    equal_budget,
    first_frame,
    how_fast,
    memory_need,
    quality_loss,
    time_and_ceiling,
    validity,
)
from reports.answers.answer import Answer
from reports.answers.subject import subject_of
from reports.record import Run
from reports.rows import one_line

# Names and reasons may be of any length; a card is for a glance.
LONGEST = 1000
QUESTIONS = (
    how_fast,
    first_frame,
    memory_need,
    quality_loss,
    equal_budget,
    time_and_ceiling,
    cost,
    validity,
    change,
    claims_hold,
)


def answers_of(runs: Sequence[Run]) -> list[Answer]:
    """Answer the ten questions in the order of the screen; lines that say nothing are left out."""
    subject = subject_of(runs)
    found = [question.answer(runs, subject) for question in QUESTIONS]
    return [
        answer._replace(
            sentence=one_line(answer.sentence, LONGEST),
            lines=tuple(one_line(line, LONGEST) for line in answer.lines if line),
        )
        for answer in found
    ]
