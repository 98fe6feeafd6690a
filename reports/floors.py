"""Quality of single clips, told: floors of suites and markers, and each metric's own limits, held against its value.

Why it matters: a floor that no value was measured for must not look like one that is kept. So a value that was to be
expected and is missing breaks it; only a metric that says nothing of such a clip (of content, with random weights; of
seams, where a clip has no blocks) leaves it not judged. Nothing here fails a case; fixtures/judge.py does, inside the
case's call. Differences between a student and its teacher are judged over many prompts, in reports/verdicts.py.
"""

from collections.abc import Sequence

from reports.judged import Floor, JudgedFloor
from reports.limits import broken
from reports.measured import Measurement, MetricValue
from reports.record import CaseRecord, Run
from reports.rows import counted, names, one_line

NEXT_STEP = (
    "watch the clip; metrics in run.json have the values frame by frame; --quality report goes on without failing"
)


def judge_floor(floor: Floor, metrics: Sequence[MetricValue]) -> JudgedFloor:
    """Hold a floor against a clip's metrics: equal to the limit is within it, no value where one was due is not."""
    metric = next((metric for metric in metrics if metric.id == floor.metric), None)
    if metric is None:
        return JudgedFloor(floor=floor, actual=None, verdict="fail", explanation=f"{floor.metric} was not measured")
    if metric.not_applicable:
        return not_judged(floor, metric.reason)
    if metric.unjudged:
        return not_judged(floor, metric.unjudged)
    if metric.value is None:
        why = f"{floor.metric} has no value: {metric.reason}"
        return JudgedFloor(floor=floor, actual=None, verdict="fail", explanation=why)
    text = _excess(floor, metric.value, metric)
    return JudgedFloor(floor=floor, actual=metric.value, verdict="fail" if text else "within", explanation=text)


def not_judged(floor: Floor, why: str) -> JudgedFloor:
    """Tell of a floor that could not be judged."""
    return JudgedFloor(floor=floor, actual=None, verdict="not judged", explanation=why)


def quality_breach(case_id: str, measurement: Measurement) -> str | None:
    """Say what a clip breaks, floors and metrics' own fail limits; None where nothing."""
    texts = _broken_texts(measurement)
    if not texts:
        return None
    return f"{case_id.rpartition('::')[2]}: {'; '.join(texts)}; {NEXT_STEP}"


def is_broken(measurement: Measurement | None) -> bool:
    """Tell whether the clip breaks a floor or a fail limit."""
    return measurement is not None and bool(_broken_texts(measurement))


def warnings(measurement: Measurement | None) -> list[str]:
    """Name the metrics whose value is worth a look."""
    return [metric.id for metric in measurement.metrics if metric.verdict == "warn"] if measurement else []


def quality_lines(run: Run) -> list[str]:
    """Tell every broken limit and floor a line, and what is kept, warned of and not judged by metric and floor."""
    told: list[str] = []
    grouped: dict[str, list[str]] = {}
    for case in run.cases:
        if case.measurement is None:
            continue
        who = " ".join(names(case)[:-1])
        unfailed = ", reported only" if case.status == "passed" else ""
        told += [f"quality broken: {who}: {text}{unfailed}" for text in _broken_texts(case.measurement)]
        for line, text in _kept(case):
            grouped.setdefault(line, []).append(f"{who}: {text}")
    return told + [_group_line(line, cases) for line, cases in grouped.items()]


def _kept(case: CaseRecord) -> list[tuple[str, str]]:
    """Give what is not broken in a case: the line that it belongs to, and what to say of this case."""
    assert case.measurement is not None, f"{case.id}: a case with limits has a measurement"
    limits = [
        (f"quality {metric.verdict}: {metric.id}, its own limits", metric.explanation)
        for metric in case.measurement.metrics
        if metric.verdict in ("warn", "within")
    ]
    floors = [
        (f"quality {one.verdict}: {_spelled(one.floor)}", one.explanation)
        for one in case.measurement.floors
        if one.verdict != "fail"
    ]
    return limits + floors


def _group_line(line: str, cases: Sequence[str]) -> str:
    """Count what is alike; of warnings and what was not judged the first is told."""
    first = "" if line.startswith("quality within") else f", first {one_line(cases[0])}"
    return f"{line} ({counted(cases, 'clip')}{first})"


def _broken_texts(measurement: Measurement) -> list[str]:
    limits = [metric.explanation for metric in broken(measurement.metrics)]
    return limits + [one.explanation for one in measurement.floors if one.verdict == "fail"]


def _spelled(floor: Floor) -> str:
    ends = [("at least", floor.at_least), ("at most", floor.at_most)]
    return f"{floor.metric} {' and '.join(f'{word} {limit:g}' for word, limit in ends if limit is not None)}"


def _excess(floor: Floor, value: float, metric: MetricValue) -> str:
    """Say by how much a value breaks the floor; empty where it does not. NaN breaks every floor."""
    unit = "" if metric.unit == "1" else f" {metric.unit}"
    for word, limit, is_kept in (
        ("below", floor.at_least, floor.at_least is None or value >= floor.at_least),
        ("above", floor.at_most, floor.at_most is None or value <= floor.at_most),
    ):
        if limit is not None and not is_kept:
            looks = f": {metric.limits.looks_like}" if metric.limits is not None else ""
            return (
                f"{metric.id} {value:.6g}{unit} is {word} the {floor.source}'s limit of {limit:g}{unit} by "
                f"{abs(value - limit):.4g}{looks}"
            )
    return ""
