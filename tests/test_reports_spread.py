"""Spread, drift and intervals against values worked out by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.spread import drift_pct, median_interval, quartiles, spread_of


def test_spread_of_three_rounds_is_that_worked_out_by_hand() -> None:
    """4.0, 4.2, 4.4 s: quartiles 4.05 and 4.35 by method 3, 0.3 of 4.2 is 7.14 %; +0.2 a round, so +0.4 of 4.2."""
    spread = spread_of([4.0, 4.2, 4.4])
    assert spread is not None
    assert (spread.median, spread.q1, spread.q3) == pytest.approx((4.2, 4.05, 4.35))
    assert spread.iqr_over_median_pct == pytest.approx(100 * 0.3 / 4.2)
    assert spread.drift_pct == pytest.approx(100 * 0.4 / 4.2)


def test_nothing_is_described_where_there_is_nothing() -> None:
    """No rounds have no spread, one has no width, two no drift, and nothing is a percentage of 0."""
    assert spread_of([]) is None
    assert spread_of([3.0]) == (3.0, 3.0, 3.0, 0.0, None)
    assert drift_pct([1.0, 2.0]) is None
    assert spread_of([0.0, 0.0, 0.0]) == (0.0, 0.0, 0.0, None, None)


def test_drift_has_a_sign_and_shrugs_at_an_outlier() -> None:
    """Five rounds that rise by 0.1 s of 10.2 each; one of 50 s in their middle moves the trend by a hundredth."""
    assert drift_pct([10.0, 10.1, 10.2, 10.3, 10.4]) == pytest.approx(100 * 0.4 / 10.2)
    assert drift_pct([10.4, 10.3, 10.2, 10.1, 10.0]) == pytest.approx(-100 * 0.4 / 10.2)
    assert drift_pct([10.0, 10.1, 50.0, 10.3, 10.4]) == pytest.approx(100 * 0.4 / 10.3)
    assert drift_pct([5.0, 5.0, 5.0, 5.0]) == 0.0


def test_quartiles_of_one_value_are_that_value() -> None:
    """A single round has no quartile but itself; pytest-benchmark's are compared in test_reports_benchmark_json.py."""
    assert quartiles([2.0]) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("count", "interval"), [(1, (1, 1)), (3, (1, 3)), (6, (1, 6)), (8, (1, 8)), (9, (2, 8)), (15, (4, 12))]
)
def test_interval_of_the_median_is_the_tables(count: int, interval: tuple[float, float]) -> None:
    """Of 1 to n: six values need both extremes; 9 and 15 leave out one and three at each end (binomial, 95 %)."""
    assert median_interval([float(value) for value in range(1, count + 1)]) == interval


@settings(deadline=None)
@given(values=st.lists(st.floats(min_value=0.01, max_value=1e4), min_size=1, max_size=40))
def test_interval_holds_the_median(values: list[float]) -> None:
    """Whatever the values are, in whatever order."""
    spread, (low, high) = spread_of(values), median_interval(values)
    assert spread is not None
    assert low <= spread.median <= high
