"""A metric's own limits held against its value: a clip's black, frozen, noisy or flickering frames, told by numbers.

Why it matters: a speed record of a broken clip is no result. Limits that fail have a wide gap to every healthy clip
they were tried on; those that warn do not, and are decided by comparing with another model's clip of the same prompt.
"""

from collections.abc import Sequence

import msgspec

from reports.judged import Limits, LimitVerdict
from reports.measured import MetricValue


def judge_limits(metrics: Sequence[MetricValue]) -> list[MetricValue]:
    """Give the metrics of one clip with their verdicts; one without limits, or not applicable, is not judged.

    A metric with limits that should have given a value and gave none fails.

    Where `together_with` names another metric, the milder of the two verdicts holds for both: it is never worse than
    what the other one says, and a partner that has no value judges nothing.
    """
    alone = {metric.id: _alone(metric) for metric in metrics}
    return [_judged(metric, alone) for metric in metrics]


def broken(metrics: Sequence[MetricValue]) -> list[MetricValue]:
    """List the metrics whose fail limit is broken."""
    return [metric for metric in metrics if metric.verdict == "fail"]


def beyond(value: float, limits: Limits, level: str) -> tuple[float, str] | None:
    """Give the limit of `level` ("warn" or "fail") that `value` breaks, with "below" or "above"; None for none.

    NaN breaks every limit.

    >>> limits = Limits(source="here", looks_like="dark", warn_below=12.0, fail_below=5.0)
    >>> beyond(5.0, limits, "fail"), beyond(5.0, limits, "warn")
    (None, (12.0, 'below'))
    """
    low, high = getattr(limits, f"{level}_below"), getattr(limits, f"{level}_above")
    if low is not None and not value >= low:
        return low, "below"
    if high is not None and not value <= high:
        return high, "above"
    return None


def _alone(metric: MetricValue) -> LimitVerdict:
    if metric.limits is None or metric.not_applicable:
        return "not judged"
    if metric.value is None:
        return "fail"
    if beyond(metric.value, metric.limits, "fail") is not None:
        return "fail"
    return "warn" if beyond(metric.value, metric.limits, "warn") is not None else "within"


def _judged(metric: MetricValue, alone: dict[str, LimitVerdict]) -> MetricValue:
    verdict, limits = alone[metric.id], metric.limits
    if limits is not None and limits.together_with is not None and verdict in ("warn", "fail"):
        partner = alone.get(limits.together_with, "not judged")
        verdict = min(verdict, partner, key=("not judged", "within", "warn", "fail").index)
    if verdict not in ("warn", "fail") or limits is None:
        return msgspec.structs.replace(metric, verdict=verdict, explanation="")
    if metric.value is None:
        return msgspec.structs.replace(
            metric, verdict=verdict, explanation=f"{metric.id} has no value: {metric.reason}"
        )
    limit, side = beyond(metric.value, limits, verdict) or (None, "")
    assert limit is not None, f"{metric.id}: {metric.value} is judged {verdict}, but breaks no limit"
    unit = "" if metric.unit == "1" else f" {metric.unit}"
    together = f", and so does {limits.together_with}" if limits.together_with else ""
    text = (
        f"{metric.id} {metric.value:.4g}{unit} is {side} its {verdict} limit of {limit:g}{unit} by "
        f"{abs(metric.value - limit):.4g}{together}: {limits.looks_like}"
    )
    return msgspec.structs.replace(metric, verdict=verdict, explanation=text)
