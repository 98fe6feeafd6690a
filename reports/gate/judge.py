"""Every planned and every baseline case gets exactly one verdict.

Why it matters: a gate that says nothing of a case that vanished, of a baseline that holds nothing, or of another GPU,
passes them. Here whatever is not compared says so, and only PASS, IMPROVED and NEW are nothing to look into.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from reports.gate.checks import frames_text
from reports.gate.cohort import differing, is_asked
from reports.gate.doubt import counted_in
from reports.gate.failed import Sides, failed_before, failure, has_failed, told_end
from reports.gate.grown import grown
from reports.gate.judge_metric import Rules, judge_metric
from reports.gate.judge_quality import judge_quality
from reports.gate.judge_students import judge_students
from reports.gate.limits import is_gated
from reports.gate.sample import Sample
from reports.gate.verdict import CaseVerdict, MetricVerdict, QualityVerdict, Verdict, worst
from reports.rows import one_line

SHOWN_FACTS = 6


class GateError(ValueError):
    """Input that no verdict can be given on; the message, a line, names the run or case at fault."""

    def __init__(self, message: str) -> None:
        """Keep names of cases and runs, which may hold anything, within the line."""
        super().__init__(one_line(message, 2000))


def judge(
    base: Sequence[Sample], new: Sequence[Sample], *, under_test: Collection[str] = (), rules: Rules | None = None
) -> list[CaseVerdict]:
    """Give one verdict for each case of the runs under test and, sorted with them by id, each of the baseline's.

    After them stand those of students against their teachers, where a run has any.

    `under_test` names packages whose versions may differ. Of a case that several runs under test hold, these are judged
    together, by their median. Raises `GateError` where a run stands twice or on both sides, a case twice in one run,
    and for packages that no run has.
    """
    refuse_twice(sample for sample in (*base, *new) if not sample.retired)
    _refuse_unknown(under_test, [*base, *new])
    old, now = _by_id(base), _by_id(new)
    # A retired baseline asks for no run of its case.
    asked = {id_ for id_, runs in old.items() if not all(run.retired for run in runs)}
    sides = [_sides(id_, old.get(id_, []), now.get(id_, []), under_test) for id_ in sorted({*asked, *now})]
    students = judge_students([sample for one in sides for sample in one.matched], new)
    return [*(_judge_case(one, under_test, rules or Rules()) for one in sides), *students]


def of_cohort(base: Sequence[Sample], new: Sequence[Sample], under_test: Collection[str]) -> list[Sample]:
    """Give the baseline's runs that are of one cohort with those under test; where none is, all of them."""
    now = {sample.id: sample.facts for sample in new}
    found = [one for one in base if one.id in now and not differing(one.facts, now[one.id], under_test)]
    return found or list(base)


def refuse_twice(samples: Iterable[Sample]) -> None:
    """Raise `GateError` where a case of one run is there twice: in its file, or because the run was given twice."""
    seen: set[tuple[str, str]] = set()
    for sample in samples:
        if (sample.run, sample.id) in seen:
            raise GateError(
                f"case {sample.id} of run {sample.run} is there twice; name each run once, as base or as new, and see "
                "that no case stands twice in its file"
            )
        seen.add((sample.run, sample.id))


def _refuse_unknown(under_test: Collection[str], samples: Sequence[Sample]) -> None:
    known = sorted({name for sample in samples for name in sample.versions})
    if unknown := [name for name in under_test if name not in known]:
        raise GateError(f"unknown package under test {', '.join(unknown)}; the runs have {', '.join(known)}")


def _by_id(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for sample in sorted(samples, key=lambda sample: (sample.created_at, sample.run)):
        found.setdefault(sample.id, []).append(sample)
    return found


def _sides(id_: str, base: Sequence[Sample], new: Sequence[Sample], under_test: Collection[str]) -> Sides:
    eligible = [sample for sample in base if sample.eligible]
    matched = [sample for sample in eligible if new and not differing(sample.facts, new[0].facts, under_test)]
    return Sides(id_, base, new, eligible, matched)


def _judge_case(sides: Sides, under_test: Collection[str], rules: Rules) -> CaseVerdict:
    id_, _, new, _, matched = sides
    if failed := failure(sides, under_test):
        return _judge_failed(sides, failed, under_test, rules)
    if found := _unmeasured(new) or _other_cohort(sides, under_test):
        return CaseVerdict(id=id_, verdict=found[0], why=found[1])
    metrics, unjudged = _judge_metrics(matched, new, rules)
    quality = judge_quality(matched, new)
    if not metrics and (found := _by_checks(quality, len(matched), rules)):
        return CaseVerdict(id=id_, verdict=found[0], why=found[1], quality=quality)
    verdict, causes = _worst(metrics, quality), grown(metrics, matched, new)
    reasons = _why(verdict, metrics, quality)
    reasons += failed_before(sides, under_test)[1] if verdict == "CALIBRATION_NEEDED" else []
    return CaseVerdict(
        id=id_,
        verdict=verdict,
        why="; ".join([*reasons[:1], *causes, *reasons[1:]]),
        causes=causes,
        metrics=metrics,
        versions=_versions(matched[-1], new[-1]),
        quality=quality,
        unjudged=unjudged,
    )


def _judge_metrics(
    base: Sequence[Sample], new: Sequence[Sample], rules: Rules
) -> tuple[list[MetricVerdict], dict[str, str]]:
    """Judge every number over the runs in which it counts; tell by its name why one is not judged."""
    listed = dict.fromkeys(name for one in (*base, *new) for name in (*one.values, *one.doubtful) if is_gated(name))
    counted = {name: counted_in(name, base, new, rules.fewest) for name in listed}
    metrics = [
        judge_metric(name, one.base, one.new, rules._replace(uneven=rules.uneven or one.is_less))
        for name, one in counted.items()
        if not one.why
    ]
    return metrics, {name: one.why for name, one in counted.items() if one.why}


def _judge_failed(sides: Sides, found: tuple[Verdict, str], under_test: Collection[str], rules: Rules) -> CaseVerdict:
    """Say that a case failed; where only some of its runs did, the others' numbers and checks are judged all the same.

    Only what is worse than undecided changes the verdict: as many of them as the base has are not to be had.
    """
    verdict, why = found
    passed = [one for one in sides.new if not has_failed(one)]
    if verdict == "REGRESSION" or not passed:
        quality = judge_quality(sides.matched, sides.new)
        told = "; ".join([why, *_frames(quality)])
        return CaseVerdict(id=sides.id, verdict=verdict, why=told, quality=quality)
    rest = _judge_case(sides._replace(new=passed), under_test, rules._replace(uneven=True))
    worse = rest.verdict in ("REGRESSION", "RECIPE_MISMATCH", "INVALID_ENV")
    told = f"{rest.why}; {why}" if worse else why
    return msgspec.structs.replace(rest, verdict=rest.verdict if worse else verdict, why=told)


def _worst(metrics: Sequence[MetricVerdict], quality: Sequence[QualityVerdict]) -> Verdict:
    """Give the case's verdict; where no number of it has a baseline, nothing that its clip says makes it compared."""
    verdict = worst([metric.verdict for metric in metrics]) if metrics else "PASS"
    verdict = "CALIBRATION_NEEDED" if verdict == "NEW" else verdict
    return worst([verdict, *(row.verdict for row in quality)])


def _by_checks(quality: Sequence[QualityVerdict], runs: int, rules: Rules) -> tuple[Verdict, str] | None:
    """Judge a case without any number where its checks do not decide it: None where they do."""
    if runs >= rules.fewest or any(row.verdict == "REGRESSION" for row in quality):
        return None
    return "CALIBRATION_NEEDED", f"its checks: {runs} of {rules.fewest} baseline runs"


def _frames(quality: Sequence[QualityVerdict]) -> list[str]:
    """Name the frames of what is broken in a case that failed, whose reason told the rest."""
    return [
        f"{row.check}: {told}" for row in quality if row.verdict == "REGRESSION" and (told := frames_text(row.frames))
    ]


def _unmeasured(new: Sequence[Sample]) -> tuple[Verdict, str] | None:
    """Judge what needs no number: absent, not valid, run otherwise than asked for, or failed without a baseline."""
    if not new:
        return "MISSING", "a case of the baseline that is not in the runs under test"
    if invalid := [one for one in new if one.invalid]:
        return "INVALID_ENV", one_line(invalid[0].invalid)
    if mismatch := [one for one in new if one.mismatch]:
        return "RECIPE_MISMATCH", f"it ran otherwise than it was asked to: {mismatch[0].mismatch}"
    if lost := [one for one in new if one.status != "passed"]:
        return "MISSING", f"planned, but without a number: {told_end(lost[0])}"
    return None


def _other_cohort(sides: Sides, under_test: Collection[str]) -> tuple[Verdict, str] | None:
    """Judge a case that has no baseline of its cohort: none at all, another recipe's, another machine's."""
    _, base, new, eligible, _ = sides
    own = new[0].facts
    for other in new[1:]:
        if facts := differing(own, other.facts, under_test):
            verdict: Verdict = "RECIPE_MISMATCH" if any(map(is_asked, facts)) else "INVALID_ENV"
            return verdict, f"the runs under test differ in {_facts(facts, own, other.facts)}"
    if not eligible:
        return _without_base(base, own, under_test)
    apart = [differing(sample.facts, own, under_test) for sample in eligible]
    if not all(apart):
        return None
    machines = [facts for facts in apart if not any(map(is_asked, facts))]
    nearest = min(machines or apart, key=len)
    text = _facts(nearest, eligible[apart.index(nearest)].facts, own)
    if machines:
        return "CALIBRATION_NEEDED", f"its baseline is of another machine or stack: {text}"
    return "RECIPE_MISMATCH", f"its baseline is of another case under the same id: {text}"


def _without_base(base: Sequence[Sample], own: Mapping[str, str], under_test: Collection[str]) -> tuple[Verdict, str]:
    if not base:
        return "NEW", "no baseline has this case"
    if all(has_failed(one) and not differing(one.facts, own, under_test) for one in base):
        return "NEW", f"it failed in the base, {told_end(base[-1])}, and passes now"
    if all(run.retired for run in base):
        return "CALIBRATION_NEEDED", f"its baseline is {base[-1].invalid}, and no run was added since"
    return "CALIBRATION_NEEDED", f"none of its {len(base)} baseline runs is valid and passed"


def _facts(names: Sequence[str], old: Mapping[str, str], new: Mapping[str, str]) -> str:
    shown = [f"{n} {one_line(old.get(n, '–'), 60)!r}, now {one_line(new.get(n, '–'), 60)!r}" for n in names]
    more = f" and {len(names) - SHOWN_FACTS} more" if len(names) > SHOWN_FACTS else ""
    return "; ".join(shown[:SHOWN_FACTS]) + more


def _why(verdict: Verdict, metrics: Sequence[MetricVerdict], quality: Sequence[QualityVerdict]) -> list[str]:
    wanted = ("NEW",) if verdict == "CALIBRATION_NEEDED" and all(m.verdict == "NEW" for m in metrics) else (verdict,)
    if verdict == "PASS":
        return []
    checks = [row.why for row in quality if row.verdict == verdict and row.why]
    return _shortened([(m.metric, m.why) for m in metrics if m.verdict in wanted and m.why]) + checks


def _shortened(reasons: Sequence[tuple[str, str]]) -> list[str]:
    """Say once what is said of several numbers in the same words."""
    of_metric: dict[str, list[str]] = {}
    for metric, why in reasons:
        of_metric.setdefault(why.removeprefix(metric), []).append(metric)
    return [", ".join(metrics) + why if why[:1] in " :" else why for why, metrics in of_metric.items()]


def _versions(old: Sample, new: Sample) -> dict[str, tuple[str, str]]:
    names = sorted({*old.versions, *new.versions})
    pairs = {name: (old.versions.get(name, "–"), new.versions.get(name, "–")) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
