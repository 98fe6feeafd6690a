"""tests/measure_noninferiority.py in its quick version: the verdict's error at the margin, its power, and the exit."""

import numpy as np
import pytest

from reports.noninferiority import bca_bounds
from tests import measure_noninferiority
from tests.measure_noninferiority import BAND, draw, errors_at_the_margin, lower_bca, main

QUICK = ["--trials", "8000", "--bootstrap-trials", "0"]


def test_errors_and_power_are_in_their_bands(capsys: pytest.CaptureFixture[str]) -> None:
    """Eight and sixteen prompts with two seeds err in 4 to 6.5 %, and power is as planned."""
    assert main(QUICK) == 0
    printed = capsys.readouterr().out
    assert "agree in 40 of 40 trials" in printed
    assert "!!" not in printed


def test_a_bound_that_is_too_narrow_is_noticed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The normal quantile in place of Student's errs too often at eight prompts: the script exits with 1."""

    def by_normal(values: np.ndarray) -> np.ndarray:
        half = 1.645 * values.std(axis=-1, ddof=1) / np.sqrt(values.shape[-1])
        return np.asarray(values.mean(axis=-1) - half)

    monkeypatch.setattr(measure_noninferiority, "lower_t", by_normal)
    assert main(QUICK) == 1
    assert "!! 8 x 2: " in capsys.readouterr().out


def test_clips_of_one_prompt_are_not_independent() -> None:
    """Pooling clips errs about twice as often as the prompts' means do: why the unit is the prompt."""
    found = errors_at_the_margin(np.random.default_rng(1), (8, 2), 8000, 0)
    assert BAND[0] <= found.t <= BAND[1]
    assert found.pooled > 0.08


def test_the_scripts_bootstrap_is_the_verdicts() -> None:
    """One trial's lower bound is that of `bca_bounds` but for the random numbers of the resampling."""
    means = draw(np.random.default_rng(2), 2, 32, 2).mean(axis=2)
    for values, low in zip(means, lower_bca(means, np.random.default_rng(3)), strict=True):
        bounds = bca_bounds(list(map(float, values)))
        assert bounds is not None
        assert low == pytest.approx(bounds.low, abs=0.01)
