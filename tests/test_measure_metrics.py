"""The script that prints what each metric costs, on a clip of a few small frames."""

import re
from functools import cached_property

import pytest

from fixtures.metrics.clip import Clip
from fixtures.metrics.spec import apply_metrics, find_metrics
from reports.limits import broken
from tests.measure_metrics import main, noisy_clip, planes_of


def test_every_plane_and_every_metric_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With seconds, and the value or why there is none: nine frames have no loop; the total is the sum of the lines."""
    main(["--frames", "9", "--size", "96x64"])
    printed = capsys.readouterr().out
    lines = dict(re.findall(r"^(\S+|plane \S+) +(\d+\.\d{3}) s", printed, flags=re.MULTILINE))
    planes = {f"plane {name}" for name, item in vars(Clip).items() if isinstance(item, cached_property)}
    assert planes | set(find_metrics()) == lines.keys()
    assert re.search(r"^period_dip .* not applicable: this takes 16 frames or more", printed, flags=re.MULTILINE)
    assert re.search(r"^flow95 +\d+\.\d{3} s +0\.\d+ short sides/s$", printed, flags=re.MULTILINE)
    total = float(re.findall(r"= (\d+\.\d{3}) s$", printed, flags=re.MULTILINE)[0])
    assert total == pytest.approx(sum(map(float, lines.values())), abs=0.001 * len(lines))


def test_metrics_find_their_planes_made() -> None:
    """Else a plane's cost would be told twice, once with the metric that asks first."""
    clip = noisy_clip(24, 96, 64)
    made = planes_of(clip)
    assert made.keys() <= vars(clip).keys()


def test_measured_clip_breaks_no_fail_limit() -> None:
    """What is timed is a clip like those that are judged, with seams to look at: every metric has a value."""
    found = apply_metrics(find_metrics(), noisy_clip(81, 96, 64), "hub")
    assert [metric.explanation for metric in broken(found)] == []
    assert [metric.id for metric in found if metric.value is None] == []
