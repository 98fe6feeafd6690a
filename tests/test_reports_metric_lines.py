"""Metrics as lines: ranges over clips, and each reason for a missing value told once."""

import msgspec

from reports.measured import MetricValue
from reports.metric_lines import MOST_NAMED, clip_metric_lines, metric_lines
from reports.record import Run
from tests.reports_samples import case_of, measured, planned, run_of

RANDOM = "not applicable: random weights"


def metric(id_: str, value: float | None, reason: str = "") -> MetricValue:
    return MetricValue(id=id_, value=value, unit="codes", better="lower", reason=reason, not_applicable=bool(reason))


def run_with(*clips: list[MetricValue]) -> Run:
    """Give a run of one case a clip."""
    measurements = [msgspec.structs.replace(measured(4.0), metrics=metrics) for metrics in clips]
    cases = (case_of(planned(seed=seed)) for seed in range(len(clips)))
    return run_of(*(msgspec.structs.replace(case, measurement=m) for case, m in zip(cases, measurements, strict=True)))


def test_values_are_told_as_a_range_over_the_clips() -> None:
    """Equal values are one number."""
    found = metric_lines(run_with([metric("x", 1.0), metric("y", 2.0)], [metric("x", 3.5), metric("y", 2.0)]))
    assert found == ["x [codes]: 1 to 3.5 (2 clips)", "y [codes]: 2 (2 clips)"]


def test_metrics_that_lack_a_value_alike_are_one_line() -> None:
    """The same reason on the same clips; another reason, or other clips, is another line."""
    both = [metric("x", None, RANDOM), metric("y", None, RANDOM)]
    found = metric_lines(run_with([*both, metric("z", None, "it\nraised")], [*both, metric("z", 1.0)]))
    assert found == [
        "z [codes]: 1 (1 clip)",
        f"x, y: no value, {RANDOM} (2 clips)",
        "z: no value, it raised (1 clip)",
    ]


def test_metric_that_lacks_a_value_on_fewer_clips_is_not_counted_with_the_others() -> None:
    """A count belongs to every metric of its line."""
    found = metric_lines(run_with([metric("x", None, RANDOM), metric("y", None, RANDOM)], [metric("x", None, RANDOM)]))
    assert found == [f"x: no value, {RANDOM} (2 clips)", f"y: no value, {RANDOM} (1 clip)"]


def test_reason_is_told_however_many_metrics_share_it() -> None:
    """Some are named; of many a line counts them, and the page names them all the same."""
    names = [f"a_metric_with_a_long_name_{number}" for number in range(40)]
    run = run_with([metric(name, None, RANDOM) for name in names])
    assert metric_lines(run) == [f"40 metrics: no value, {RANDOM} (1 clip)"]
    assert metric_lines(run, in_full=True) == [f"{', '.join(names)}: no value, {RANDOM} (1 clip)"]
    for count in (MOST_NAMED, MOST_NAMED + 1):
        (line,) = metric_lines(run_with([metric(name, None, RANDOM) for name in names[:count]]))
        assert (names[0] in line) is (count == MOST_NAMED)


def test_page_lists_a_clips_values_and_tells_each_reason_once() -> None:
    """The value as it is recorded."""
    found = clip_metric_lines([metric("x", None, RANDOM), metric("y", 0.25), metric("z", None, RANDOM)])
    assert found == ["y 0.25 codes", f"x, z: no value, {RANDOM}"]


def test_value_that_no_limit_judges_says_so() -> None:
    """Of seams in a clip of one piece, beside whose number a reader looks for a verdict."""
    seams = MetricValue(id="seam_ratio", value=1.5, unit="1", better="lower", unjudged="not applicable: in one piece")
    assert clip_metric_lines([seams]) == ["seam_ratio 1.5 1 (not applicable: in one piece)"]
