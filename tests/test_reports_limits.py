"""A metric's limits at their boundaries, with numbers and what a breach looks like; what is missing never passes."""

import math

import pytest

from reports.judged import Limits
from reports.limits import beyond, broken, judge_limits
from reports.measured import MetricValue

LIMITS = Limits(source="test", looks_like="the clip is dark", warn_below=12.0, fail_below=5.0, warn_above=200.0)


def a_value(value: float | None, name: str = "luma_spread", limits: Limits | None = LIMITS) -> MetricValue:
    return MetricValue(id=name, value=value, unit="codes", better="neither", limits=limits, reason="it raised")


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (math.nextafter(5.0, 0.0), "fail"),
        (5.0, "warn"),
        (math.nextafter(12.0, 0.0), "warn"),
        (12.0, "within"),
        (200.0, "within"),
        (math.nextafter(200.0, 300.0), "warn"),
    ],
)
def test_equal_is_within_and_just_over_is_not(value: float, verdict: str) -> None:
    """Each limit holds at itself."""
    assert judge_limits([a_value(value)])[0].verdict == verdict


def test_breach_tells_value_limit_excess_and_what_it_looks_like() -> None:
    """Subject, actual, limit, excess, and what a person would see."""
    (found,) = broken(judge_limits([a_value(2.5)]))
    assert found.explanation == ("luma_spread 2.5 codes is below its fail limit of 5 codes by 2.5: the clip is dark")


def test_metric_without_limits_is_not_judged() -> None:
    """A number that only a comparison can judge."""
    assert judge_limits([a_value(2.5, limits=None)])[0].verdict == "not judged"


def test_missing_value_fails_unless_no_number_was_to_be_expected() -> None:
    """An error of a metric is no pass."""
    assert [(m.verdict, m.explanation) for m in judge_limits([a_value(None)])] == [
        ("fail", "luma_spread has no value: it raised")
    ]


def test_nan_breaks_every_limit() -> None:
    """A comparison with NaN is false, so that the question is asked the other way round."""
    assert beyond(math.nan, LIMITS, "fail") == (5.0, "below")


@pytest.mark.parametrize(
    ("flicker", "high", "verdicts"),
    [
        (4.0, 0.5, ["fail", "fail"]),
        (4.0, 0.32, ["warn", "warn"]),
        (4.0, 0.1, ["within", "within"]),
        (1.0, 0.9, ["within", "within"]),
    ],
)
def test_limits_that_go_together_are_as_mild_as_the_milder(flicker: float, high: float, verdicts: list[str]) -> None:
    """Cuts alone give a high flicker, noise a high share: only both together are flicker."""
    limits = Limits(source="t", looks_like="it flickers", warn_above=2.0, fail_above=3.0, together_with="high")
    other = Limits(source="t", looks_like="it flickers", warn_above=0.3, fail_above=0.35, together_with="flicker")
    judged = judge_limits([a_value(flicker, "flicker", limits), a_value(high, "high", other)])
    assert [metric.verdict for metric in judged] == verdicts


def test_partner_without_a_value_judges_nothing() -> None:
    """A partner that is not there cannot confirm."""
    limits = Limits(source="t", looks_like="it flickers", fail_above=3.0, together_with="absent")
    assert judge_limits([a_value(4.0, "flicker", limits)])[0].verdict == "not judged"
