"""What metrics say of clips, as lines for people: values, and what has none by its reason, each reason told once.

Why it matters: with random weights thirty metrics are not applicable for one reason, which is one line and not thirty.
"""

from collections.abc import Iterable

from reports.measured import MetricValue
from reports.record import Run
from reports.rows import counted, one_line

# More names than these without a value are counted where there is no room: record and page have them.
MOST_NAMED = 6


def metric_lines(run: Run, *, in_full: bool = False) -> list[str]:
    """Tell each metric's range over the clips, and why others have no value; `in_full` names these however many."""
    values: dict[str, list[float]] = {}
    missing: dict[tuple[str, str], list[str]] = {}
    for case in run.cases:
        for metric in case.measurement.metrics if case.measurement else ():
            if metric.value is None:
                missing.setdefault((metric.id, metric.reason), []).append(case.id)
            else:
                values.setdefault(f"{metric.id} [{metric.unit}]", []).append(metric.value)
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (name, reason), cases in missing.items():
        alike.setdefault((reason, tuple(cases)), []).append(name)
    return [_range(name, found) for name, found in values.items()] + [
        f"{_no_value(names, reason, in_full=in_full)} ({counted(cases, 'clip')})"
        for (reason, cases), names in alike.items()
    ]


def clip_metric_lines(metrics: Iterable[MetricValue]) -> list[str]:
    """Tell one clip's metrics: a line a value, with why no limit judges it, and one a reason for what has none."""
    listed = list(metrics)
    valued = [metric for metric in listed if metric.value is not None]
    lines = [f"{m.id} {m.value} {m.unit}" + (f" ({m.unjudged})" if m.unjudged else "") for m in valued]
    return lines + no_value_lines(listed)


def no_value_lines(metrics: Iterable[MetricValue]) -> list[str]:
    """Tell which of one clip's metrics have no value: a line a reason."""
    missing: dict[str, list[str]] = {}
    for metric in metrics:
        if metric.value is None:
            missing.setdefault(metric.reason, []).append(metric.id)
    return [_no_value(names, reason) for reason, names in missing.items()]


def _range(name: str, found: list[float]) -> str:
    least, most = min(found), max(found)
    return f"{name}: {least:g}" + (f" to {most:g}" if most > least else "") + f" ({counted(found, 'clip')})"


def _no_value(names: list[str], reason: str, *, in_full: bool = True) -> str:
    who = ", ".join(map(one_line, names)) if in_full or len(names) <= MOST_NAMED else counted(names, "metric")
    return f"{who}: no value, {one_line(reason)}"
