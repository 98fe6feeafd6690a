"""Metrics: worked out by hand, found by looking, and never able to cost a measurement."""

import doctest
import importlib
import math
from pathlib import Path

import pytest
import torch

from fixtures.metrics import duplicate_frames as module
from fixtures.metrics.duplicate_frames import duplicate_frames
from fixtures.metrics.spec import HERE, SUPPORT, Metric, MetricFileError, apply_metric, find_metrics
from tests.running import ROOT

EXAMPLE = ROOT / "tests" / "examples" / "brightness_metric.py"


def clip(*levels: int) -> torch.Tensor:
    """Give frames [T,3,2,2] of one level each."""
    return torch.tensor(levels, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(len(levels), 3, 2, 2).clone()


def a_metric(value: float, judges_content: bool = False) -> Metric:
    return Metric(
        id="x", unit="1", better="higher", judges_content=judges_content, measure=lambda _frames: value, source="test"
    )


@pytest.mark.parametrize(
    ("levels", "count"),
    [((), 0), ((5,), 0), ((1, 2, 3), 0), ((1, 1, 2), 1), ((1, 1, 1, 1), 3), ((1, 2, 1, 2), 0), ((0, 0, 5, 5, 5), 3)],
)
def test_duplicate_frames_counts_copies_of_the_frame_before(levels: tuple[int, ...], count: int) -> None:
    """A frame that comes back later is no copy of the one before; T frames hold at most T-1 copies."""
    assert duplicate_frames(clip(*levels)) == count


def test_one_changed_byte_makes_another_frame() -> None:
    """Equality is exact: noise on a frozen picture is not seen, which the definition says."""
    frames = clip(7, 7)
    frames[1, 2, 1, 1] = 8
    assert duplicate_frames(frames) == 0


@pytest.mark.parametrize("path", [p for p in sorted(HERE.glob("*.py")) if p.stem not in SUPPORT], ids=lambda p: p.stem)
def test_every_metric_has_an_example_that_runs(path: Path) -> None:
    """A metric's file shows its definition on a tiny tensor."""
    result = doctest.testmod(importlib.import_module(f"fixtures.metrics.{path.stem}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_own_metric_is_found_beside_ours() -> None:
    """`--metric FILE` adds; it takes at most 60 lines."""
    found = find_metrics([EXAMPLE])
    assert list(found) == ["duplicate_frames", "brightness"]
    assert apply_metric(found["brightness"], clip(0, 255), real_weights=False) == (0.5, "")
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
            "'duplicate_frames' is taken; known: duplicate_frames",
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
def test_value_that_is_no_number_becomes_a_reason(value: float) -> None:
    """NaN is never written as a value, and never as 0."""
    assert apply_metric(a_metric(value), clip(1), real_weights=True) == (None, f"the metric gave {value}")


def test_error_of_a_metric_becomes_a_reason_naming_it() -> None:
    """The clip was generated and timed all the same."""

    def broken(_frames: torch.Tensor) -> float:
        raise ValueError("wants 16 frames")

    metric = Metric(id="mine", unit="1", better="lower", judges_content=False, measure=broken, source="test")
    assert apply_metric(metric, clip(1), True) == (None, "metric 'mine' raised ValueError: wants 16 frames")


@pytest.mark.parametrize(("judges", "real", "value"), [(True, True, 0.5), (True, False, None), (False, False, 0.5)])
def test_content_is_judged_with_real_weights_only(judges: bool, real: bool, value: float | None) -> None:
    """Random and toy weights make no content; counts and sizes are judged all the same."""
    given, reason = apply_metric(a_metric(0.5, judges_content=judges), clip(1), real_weights=real)
    assert given == value
    assert ("not applicable" in reason) == (value is None)
