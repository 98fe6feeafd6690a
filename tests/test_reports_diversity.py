"""Diversity over seeds: worked out by hand, and refused where there is nothing to compare."""

import doctest
import math

import pytest

from reports import diversity
from reports.diversity import distance, mean_pairwise_distance


def test_worked_examples_hold() -> None:
    """The examples of the module's docstring are run."""
    result = doctest.testmod(diversity)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("features", "value"),
    [
        ([[1.0, 0.0], [5.0, 0.0]], 0.0),  # the same direction: every seed the same clip
        ([[1.0, 0.0], [0.0, 1.0]], 1.0),
        ([[1.0, 0.0], [-2.0, 0.0]], 2.0),
        ([[3.0, 4.0], [4.0, 3.0]], 0.04),  # 1 - 24/25
        ([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], 4 / 6),  # 4 of 6 pairs at distance 1
    ],
)
def test_diversity_is_the_mean_over_pairs(features: list[list[float]], value: float) -> None:
    """By hand; the order of seeds does not matter."""
    assert mean_pairwise_distance(features) == pytest.approx(value)
    assert mean_pairwise_distance(features[::-1]) == pytest.approx(value)


@pytest.mark.parametrize("count", [0, 1])
def test_one_seed_has_no_diversity(count: int) -> None:
    """It would be 0 of nothing, which reads as collapse."""
    with pytest.raises(ValueError, match=f"at least 2 seeds, there are {count}"):
        mean_pairwise_distance([[1.0, 2.0]] * count)


@pytest.mark.parametrize("other", [[0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0], [1.0], []])
def test_features_without_a_direction_are_refused(other: list[float]) -> None:
    """NaN never passes for a distance."""
    with pytest.raises(ValueError, match="features of 2 and"):
        distance([1.0, 2.0], other)
