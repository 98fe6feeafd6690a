"""A student that was as good as its teacher in the baseline, and whether it still is: one verdict a comparison.

Why it matters: a margin is about many clips, so no case can fail by it alone, and a student that got worse by a little
in every clip breaks no clip's limit. Verdicts are those of the runs themselves (reports/verdicts.py). Over another
number of clips they are judged alike, and that is told: else one clip more or less would be a way past the gate.
"""

from collections import defaultdict
from collections.abc import Sequence

from reports.gate.numbers import Standing, Student
from reports.gate.sample import Sample
from reports.gate.verdict import CaseVerdict, QualityVerdict, Verdict, worst
from reports.gate.words import other_source

ABSENT = Standing(verdict="not measured", told="not among the margins any more")
# Verdicts of a margin whose metric both had values for.
MEASURED = ("PASS", "FAIL", "INCONCLUSIVE")


def judge_students(base: Sequence[Sample], new: Sequence[Sample]) -> list[CaseVerdict]:
    """Judge every comparison of a student that a run on either side has, by name; `base` holds what may be compared."""
    old, now = _by_name(base), _by_name(new)
    return [_judge_student(name, old.get(name, []), now.get(name, [])) for name in sorted({*old, *now})]


def _by_name(samples: Sequence[Sample]) -> dict[str, list[Student]]:
    """Collect how students stand, once a run: each case of a student tells the same."""
    found: defaultdict[str, dict[str, Student]] = defaultdict(dict)
    for sample in samples:
        for name, student in sample.students.items():
            found[name][sample.run] = student
    return {name: list(by_run.values()) for name, by_run in found.items()}


def _judge_student(name: str, base: Sequence[Student], new: Sequence[Student]) -> CaseVerdict:
    if not base:
        return _whole(name, "NEW", "no baseline has this comparison")
    if not new:
        return _whole(name, "MISSING", "a comparison of the baseline that is not in the runs under test")
    clips, seen = (max(student.clips for student in side) for side in (base, new))
    old = [student.margins for student in base if student.clips == clips]
    now = [student.margins for student in new if student.clips in (clips, seen)]
    rows = _rows(old, now)
    verdict = worst([row.verdict for row in rows]) if rows else "NEW"
    told = [row.why for row in rows if row.why and row.verdict == verdict]
    if seen != clips:
        verdict = verdict if seen else worst([verdict, "MISSING"])
        other = f"over {seen} clips, but the baseline's verdict is over {clips}"
        rows = [*rows, *([_told_clips(other, (clips, seen), (len(old), len(now)))] if verdict == "PASS" else [])]
        told = [other, *told]
    return CaseVerdict(id=name, verdict=verdict, why="; ".join(told), quality=rows, of="student")


def _told_clips(why: str, clips: tuple[int, int], runs: tuple[int, int]) -> QualityVerdict:
    """Tell of a student that passes over other clips that it does: a row, since a PASS is shown by its rows alone."""
    base, new = map(str, clips)
    return QualityVerdict(
        check="clips", verdict="PASS", why=why, base=base, new=new, base_runs=runs[0], new_runs=runs[1]
    )


def _rows(old: Sequence[dict[str, Standing]], now: Sequence[dict[str, Standing]]) -> list[QualityVerdict]:
    return [_judge_margin(margin, old, now) for margin in dict.fromkeys(m for one in (*old, *now) for m in one)]


def _whole(name: str, verdict: Verdict, why: str) -> CaseVerdict:
    return CaseVerdict(id=name, verdict=verdict, why=why, of="student")


def _judge_margin(
    margin: str, base: Sequence[dict[str, Standing]], new: Sequence[dict[str, Standing]]
) -> QualityVerdict:
    old = [one[margin] for one in base if margin in one]
    now = [one.get(margin, ABSENT) for one in new]
    verdict, why = _of_margin(margin, old, now)
    return QualityVerdict(
        check=margin,
        verdict=verdict,
        why=why,
        base=_shown(old),
        new=_shown(now),
        base_runs=len(old),
        new_runs=len(now),
    )


def _of_margin(margin: str, old: Sequence[Standing], now: Sequence[Standing]) -> tuple[Verdict, str]:
    failed = [one for one in now if one.verdict == "FAIL"]
    fails = 2 * len(failed) > len(now)
    why = f"{margin}: {_shown(old) or 'no baseline'} in the baseline, now {_told(failed or now)}"
    if not old:
        return "NEW", why if failed else ""
    passed = _is_most(old, "PASS")
    if passed and fails:
        return "REGRESSION", why
    if _is_most(old, "FAIL"):
        return "PASS", why if failed else ""
    if failed or (passed and any(one.verdict == "INCONCLUSIVE" for one in now)):
        return "AMBIGUOUS", why
    if not _is_most(old, *MEASURED):
        return "PASS", ""
    return _kept(margin, old[-1], now) if _are_measured(now) else ("MISSING", why)


def _are_measured(standings: Sequence[Standing]) -> bool:
    return all(one.verdict in MEASURED for one in standings)


def _kept(margin: str, old: Standing, now: Sequence[Standing]) -> tuple[Verdict, str]:
    """Judge a margin that is no worse than in the base by what it was measured with, and then by how wide it is."""
    verdict, why = _by_width(margin, old, now[-1])
    if source := other_source(old, now):
        return "AMBIGUOUS", f"{why}; {source}" if why else f"{margin}: {source}"
    return verdict, why


def _by_width(margin: str, old: Standing, now: Standing) -> tuple[Verdict, str]:
    """Judge a margin by how wide it is: by a wider one, or one of another kind, nobody passes or stays undecided."""
    widths = [(one.absolute, one.of_teacher_pct) for one in (old, now)]
    if widths[0] == widths[1] or widths[0] == (None, None):
        return "PASS", ""
    was, width = (_width_told(one) for one in (old, now))
    is_narrower = any(a is not None and b is not None and b < a for a, b in zip(*widths, strict=True))
    passes = "passes" if now.verdict == "PASS" else "is undecided"
    return "PASS" if is_narrower else "AMBIGUOUS", f"{margin}: {passes} by a margin of {width}, the base had {was}"


def _width_told(one: Standing) -> str:
    return f"{one.absolute:.4g}" if one.absolute is not None else f"{one.of_teacher_pct or 0:.4g} % of its teacher's"


def _is_most(standings: Sequence[Standing], *verdicts: str) -> bool:
    return 2 * sum(one.verdict in verdicts for one in standings) > len(standings)


def _shown(standings: Sequence[Standing]) -> str:
    return ", ".join(dict.fromkeys(one.verdict for one in standings))


def _told(standings: Sequence[Standing]) -> str:
    worst_one = next((one for one in standings if one.verdict != "PASS"), standings[0])
    of = f" in {len(standings)} runs" if len(standings) > 1 else ""
    return f"{worst_one.verdict}{of}{f': {worst_one.told}' if worst_one.told else ''}"
