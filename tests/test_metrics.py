"""Metrics: worked out by hand, found by looking, and never able to cost a measurement."""

import doctest
import importlib
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fixtures.metrics import unique_frames as module
from fixtures.metrics.clip import Clip
from fixtures.metrics.spec import (
    HERE,
    SUPPORT,
    Metric,
    MetricFileError,
    NotApplicableError,
    Reading,
    apply_metric,
    apply_metrics,
    find_metrics,
)
from reports.judged import Limits
from tests.running import ROOT
from tests.textured_clip import as_clip, textured

EXAMPLE = ROOT / "tests" / "examples" / "brightness_metric.py"


def clip(*levels: int) -> Clip:
    """Give frames [T,3,2,2] of one level each."""
    frames_TCHW = torch.tensor(levels, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(len(levels), 3, 2, 2).clone()
    return Clip(frames_TCHW=frames_TCHW, fps=16.0)


def a_metric(
    value: float = 0.5,
    judges_content: bool = False,
    limits: Limits | None = None,
    measure: Callable[[Clip], float | Reading] | None = None,
) -> Metric:
    return Metric(
        id="x",
        unit="1",
        better="higher",
        judges_content=judges_content,
        measure=measure or (lambda _clip: value),
        source="test",
        limits=limits,
    )


@pytest.mark.parametrize("path", [p for p in sorted(HERE.glob("*.py")) if p.stem not in SUPPORT], ids=lambda p: p.stem)
def test_every_metric_has_an_example_that_runs(path: Path) -> None:
    """A metric's file shows its definition on a tiny tensor."""
    result = doctest.testmod(importlib.import_module(f"fixtures.metrics.{path.stem}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_no_metric_gives_less_than_its_least_or_more_than_its_most() -> None:
    """Of noise that goes black, of black that turns to noise, and of a texture: values reach what their bounds say."""
    noise_THWC = np.random.default_rng(0).integers(0, 256, (29, 32, 48, 3), dtype=np.uint8)
    black_THWC, moving_THWC = np.zeros_like(noise_THWC), textured(29, 32, 48)
    seen: dict[str, list[float]] = {}
    for first, last in ((noise_THWC, black_THWC), (black_THWC, noise_THWC), (moving_THWC, moving_THWC)):
        whole = as_clip(np.concatenate([first[:14], last[14:]]))
        for one in apply_metrics(find_metrics(), replace(whole, block_starts=(5, 13, 21)), "hub"):
            seen.setdefault(one.id, []).extend([] if one.value is None else [one.value])
    ends = {id_: (metric.least, metric.most) for id_, metric in find_metrics().items()}
    beyond = {id_: values for id_, values in seen.items() if min(values) < ends[id_][0] or max(values) > ends[id_][1]}
    assert beyond == {}
    signed = {id_ for id_, values in seen.items() if min(values) < 0}
    assert signed == {id_ for id_, m in find_metrics().items() if m.least < 0}


def test_own_metric_is_found_beside_ours() -> None:
    """`--metric FILE` adds; it takes at most 60 lines."""
    found = find_metrics([EXAMPLE])
    assert list(found) == [*find_metrics(), "brightness"]
    assert apply_metric(found["brightness"], clip(0, 255), "random").value == 0.5
    assert len(EXAMPLE.read_text().splitlines()) <= 60


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nonexistent_module", "fails to import: ModuleNotFoundError"),
        ("def (", "fails to import: SyntaxError"),
        ("METRIC = 3", "must hold a constant METRIC of type Metric; found int"),
        ("", "must hold a constant METRIC of type Metric; found NoneType"),
        (
            Path(str(module.__file__)).read_text(encoding="utf-8"),
            "'unique_frames' is taken; known: ",
        ),
    ],
)
def test_file_that_is_no_metric_is_named(tmp_path: Path, text: str, message: str) -> None:
    """A metric that silently is not applied would be worse than none."""
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MetricFileError, match=r"mine\.py") as refused:
        find_metrics([path])
    assert message in str(refused.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A mistyped path is an input error like any other."""
    with pytest.raises(MetricFileError, match=r"absent\.py"):
        find_metrics([tmp_path / "absent.py"])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_value_that_is_no_number_becomes_a_reason_and_fails_limits(value: float) -> None:
    """NaN is never written as a value, never as 0, and never passes."""
    limits = Limits(source="test", looks_like="odd", fail_above=2.0)
    (found,) = apply_metrics({"x": a_metric(value, limits=limits)}, clip(1), "hub")
    assert (found.value, found.verdict) == (None, "fail")
    assert f"the metric gave {value}" in found.explanation


def test_series_that_is_not_finite_costs_the_value() -> None:
    """A mean over finite entries would hide the one that is none."""
    found = apply_metric(a_metric(measure=lambda _clip: Reading(value=1.0, per_frame=(1.0, math.nan))), clip(1), "hub")
    assert (found.value, found.per_frame) == (None, [])


def test_series_is_recorded_to_six_digits() -> None:
    """Eighty-one values a metric and clip: more digits would be most of the record."""
    found = apply_metric(a_metric(measure=lambda _clip: Reading(value=1 / 3, per_frame=(2 / 3,))), clip(1), "hub")
    assert (found.value, found.per_frame) == (1 / 3, [0.666667])


def test_error_of_a_metric_becomes_a_reason_naming_it() -> None:
    """The clip was generated and timed all the same."""

    def broken(_clip: Clip) -> float:
        raise ValueError("wants 16 frames")

    found = apply_metric(a_metric(measure=broken), clip(1), "hub")
    assert (found.value, found.reason) == (None, "metric 'x' raised ValueError: wants 16 frames")
    assert not found.not_applicable


def test_metric_that_does_not_apply_is_not_judged() -> None:
    """A seam needs blocks: a clip without any is neither good nor bad."""

    def inapplicable(_clip: Clip) -> float:
        raise NotApplicableError("the clip has no blocks")

    limits = Limits(source="test", looks_like="odd", fail_above=2.0)
    (found,) = apply_metrics({"x": a_metric(limits=limits, measure=inapplicable)}, clip(1), "hub")
    assert (found.reason, found.verdict) == ("not applicable: the clip has no blocks", "not judged")


@pytest.mark.parametrize(
    ("judges", "weights", "value"),
    [(True, "hub", 0.5), (True, "random", None), (True, "tiny", None), (False, "random", 0.5)],
)
def test_content_is_judged_with_real_weights_only(judges: bool, weights: str, value: float | None) -> None:
    """Random and toy weights make no content; counts and sizes are judged all the same."""
    found = apply_metric(a_metric(0.5, judges_content=judges), clip(1), weights)
    assert found.value == value
    assert found.reason == ("" if value is not None else f"not applicable: {weights} weights")


def test_limits_that_go_together_name_a_known_metric() -> None:
    """A mistyped partner would be a limit that never holds."""
    assert all(
        metric.limits.together_with in (None, *find_metrics()) for metric in find_metrics().values() if metric.limits
    )


def test_luma_and_lab_are_those_of_the_standards() -> None:
    """BT.601 weights on full range; L* of white is 100, of sRGB's mid grey 53.6, of a grey a* and b* are 0."""
    grey = clip(0, 128, 255)
    np.testing.assert_allclose(grey.luma_THW[:, 0, 0], [0, 128, 255], atol=1e-4)
    np.testing.assert_allclose(grey.lab_series.lightness_T, [0.0, 53.585, 100.0], atol=0.02)
    np.testing.assert_allclose(grey.lab_series.chroma_T, 0.0, atol=0.02)
    red = Clip(frames_TCHW=torch.tensor([255, 0, 0], dtype=torch.uint8).reshape(1, 3, 1, 1), fps=16.0)
    np.testing.assert_allclose(red.luma_THW[0, 0, 0], 0.299 * 255, rtol=1e-6)
    series = red.lab_series
    np.testing.assert_allclose([series.lightness_T[0], series.a_T[0], series.b_T[0]], [53.24, 80.09, 67.20], atol=0.05)
