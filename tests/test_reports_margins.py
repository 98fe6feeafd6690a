"""One clip beside one reference is held to margins: inside, at the limit, beyond it, and without a value."""

import msgspec
import pytest

from fixtures.metrics.spec import find_metrics
from reports.judged import Margin
from reports.margins import MARGINS, beside_reference
from reports.measured import MetricValue


def value(name: str, number: float | None, reason: str = "") -> MetricValue:
    return MetricValue(id=name, value=number, unit="1", better="neither", reason=reason)


def test_margins_are_of_metrics_that_exist() -> None:
    """A metric that is renamed would lose its margin without a word."""
    assert {margin.metric for margin in MARGINS} <= find_metrics().keys()
    assert len({(margin.metric, margin.better) for margin in MARGINS}) == len(MARGINS)


@pytest.mark.parametrize("margin", MARGINS, ids=lambda margin: f"{margin.metric} {margin.better}")
def test_at_the_margin_is_within_and_beyond_it_fails(margin: Margin) -> None:
    """Beside a reference of 8, by the direction that the margin guards."""
    room = margin.absolute if margin.absolute is not None else (margin.of_teacher_pct or 0) / 100 * 8
    sign = 1 if margin.better == "lower" else -1
    for number, expected in ((8 + sign * room, "within"), (8 + sign * room * 1.01, "fail"), (8.0, "within")):
        found = beside_reference([value(margin.metric, number)], [value(margin.metric, 8.0)])
        assert "fail" in {one.verdict for one in found} if expected == "fail" else found
        assert {one.verdict for one in found} <= {expected, "within"}


def test_breach_says_clip_limit_reference_margin_excess_and_why() -> None:
    """Everything that a reader needs to weigh it."""
    (found,) = beside_reference([value("flow95", 0.05)], [value("flow95", 0.1)])
    assert found.verdict == "fail"
    assert found.limit == pytest.approx(0.075)
    assert found.explanation == (
        "flow95 0.05 is below 0.075, its reference's 0.1 with a margin of 25 %, by 0.025: motion that collapses looks "
        "smooth"
    )


def test_value_that_only_one_side_has_fails_and_one_that_none_has_is_not_judged() -> None:
    """A frozen clip has no motion to compare: that is no agreement."""
    none, some = value("warp_mse", None, "nothing to see"), value("warp_mse", 0.001)
    verdicts = [beside_reference([a], [b])[0] for a, b in ((none, some), (some, none), (none, none))]
    assert [found.verdict for found in verdicts] == ["fail", "fail", "not judged"]
    assert verdicts[0].explanation == "warp_mse has no value for the clip: nothing to see"
    assert verdicts[1].explanation == "warp_mse has no value for the reference: nothing to see"


def test_nan_is_within_no_margin() -> None:
    """Neither comparison holds, so that neither passes."""
    nan = float("nan")
    for margin in MARGINS:
        own, other = value(margin.metric, 1.0), value(margin.metric, nan)
        for pair in ((own, other), (other, own)):
            found = beside_reference([pair[0]], [pair[1]])
            assert {one.verdict for one in found} == {"fail"}


def test_verdicts_can_be_written() -> None:
    """They stand in the command's JSON."""
    found = beside_reference([value("L_drift", 9.0)], [value("L_drift", 1.0)])
    assert msgspec.json.decode(msgspec.json.encode(found))[0]["verdict"] == "fail"
