"""Quality of single clips at the boundary: within, broken with every number that explains it, or not judged and why."""

import math

import msgspec
import pytest

from reports.budgets import is_over_only
from reports.floors import is_broken, judge_floor, not_judged, quality_breach, quality_lines, warnings
from reports.html import render_html
from reports.judged import Budget, Floor, JudgedBudget, JudgedFloor, Limits, LimitVerdict
from reports.limits import judge_limits
from reports.measured import Measurement, MetricValue
from reports.record import CaseRecord, Status
from reports.summary import render_summary
from tests.reports_samples import case_of, measured, planned, run_of

LIMITS = Limits(source="a test", looks_like="a dark clip", warn_below=12, fail_below=5)


def metric(value: float | None, reason: str = "", *, limits: Limits | None = None, inapt: bool = False) -> MetricValue:
    return MetricValue(
        id="y_std", value=value, unit="codes", better="neither", reason=reason, not_applicable=inapt, limits=limits
    )


def floor(at_least: float | None = 5, at_most: float | None = None) -> Floor:
    return Floor(metric="y_std", at_least=at_least, at_most=at_most, source="suite mine")


def with_quality(*metrics: MetricValue, floors: tuple[JudgedFloor, ...] = ()) -> Measurement:
    return msgspec.structs.replace(measured(4.0), metrics=judge_limits(metrics), floors=list(floors))


def case(measurement: Measurement, status: Status = "passed", prompt: str = "dogs") -> CaseRecord:
    plan = planned()
    plan = msgspec.structs.replace(plan, prompt=msgspec.structs.replace(plan.prompt, id=prompt))
    return msgspec.structs.replace(case_of(plan, 4.0, status=status), measurement=measurement)


@pytest.mark.parametrize(
    ("value", "verdict"), [(4.999, "fail"), (5.0, "within"), (5.001, "within"), (60.0, "within"), (60.001, "fail")]
)
def test_the_limit_itself_is_within(value: float, verdict: str) -> None:
    """Just under and just over the least and the most."""
    judged = judge_floor(floor(5, 60), [metric(value)])
    assert (judged.verdict, judged.actual) == (verdict, value)


def test_a_broken_floor_says_what_how_much_by_how_much_and_what_that_looks_like() -> None:
    """Subject, actual, limit, excess, appearance and next step."""
    judged = judge_floor(floor(), [metric(3.25, limits=LIMITS)])
    text = "y_std 3.25 codes is below the suite mine's limit of 5 codes by 1.75: a dark clip"
    assert judged.explanation == text
    said = quality_breach("bench_quality.py::bench_generate[m-s0]", with_quality(metric(20.0), floors=(judged,)))
    assert said is not None
    assert said.startswith(f"bench_generate[m-s0]: {text}; watch the clip; ")
    assert said.endswith("--quality report goes on without failing")


def test_a_metrics_own_fail_limit_breaks_without_any_floor() -> None:
    """At the fail limit it warns, below it is broken."""
    assert quality_breach("x", with_quality(metric(5.0, limits=LIMITS))) is None
    said = quality_breach("x", with_quality(metric(4.5, limits=LIMITS)))
    assert said is not None
    assert "y_std 4.5 codes is below its fail limit of 5 codes by 0.5: a dark clip" in said
    assert warnings(with_quality(metric(5.0, limits=LIMITS))) == ["y_std"]
    assert warnings(None) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_breaks_a_floor(value: float) -> None:
    """A record never holds it, and if one came it would not pass."""
    assert judge_floor(floor(5, 60), [metric(value)]).verdict == "fail"


def test_a_value_that_was_due_and_is_missing_breaks_the_floor() -> None:
    """A metric that raised, gave NaN, or was not applied at all."""
    judged = judge_floor(floor(), [metric(None, "the metric gave nan")])
    assert (judged.verdict, judged.explanation) == ("fail", "y_std has no value: the metric gave nan")
    assert judge_floor(floor(), []).verdict == "fail"


def test_a_metric_that_is_not_applicable_is_not_judged() -> None:
    """Noise of random weights has no quality, and the reason is told."""
    judged = judge_floor(floor(), [metric(None, "not applicable: random weights", inapt=True)])
    assert (judged.verdict, judged.explanation) == ("not judged", "not applicable: random weights")
    assert not is_broken(with_quality(metric(None, "not applicable: random weights", inapt=True, limits=LIMITS)))


def test_value_that_is_there_to_be_compared_with_is_judged_by_no_floor() -> None:
    """Of seams in a clip without blocks, however far beyond the floor; a clip with blocks breaks it."""
    compared = msgspec.structs.replace(metric(3.0), unjudged="not applicable: the clip was made in one piece")
    judged = judge_floor(floor(), [compared])
    assert (judged.verdict, judged.explanation) == ("not judged", "not applicable: the clip was made in one piece")
    assert not is_broken(with_quality(compared, floors=(judged,)))
    assert judge_floor(floor(), [metric(3.0)]).verdict == "fail"


def test_every_breach_is_told_and_the_rest_is_counted() -> None:
    """A line a breach; warnings, what is kept and what is not judged a line each, with how many clips."""
    broken = with_quality(metric(3.0, limits=LIMITS), floors=(judge_floor(floor(), [metric(3.0)]),))
    warned = with_quality(metric(6.0, limits=LIMITS), floors=(judge_floor(floor(), [metric(6.0)]),))
    fine = with_quality(metric(40.0, limits=LIMITS), floors=(not_judged(floor(), "the case ended before"),))
    run = run_of(case(broken, "failed", "a"), case(broken, "passed", "b"), case(warned, prompt="c"), case(fine))
    who = "causvid-1.3b"
    lines = quality_lines(run)
    warning = "y_std 6 codes is below its warn limit of 12 codes by 6: a dark clip"
    assert lines[:2] == [
        f"quality broken: {who} a s0 480p81: y_std 3 codes is below its fail limit of 5 codes by 2: a dark clip",
        f"quality broken: {who} a s0 480p81: y_std 3 codes is below the suite mine's limit of 5 codes by 2",
    ]
    assert lines[2].endswith("by 2: a dark clip, reported only")
    assert lines[4:] == [
        f"quality warn: y_std, its own limits (1 clip, first {who} c s0 480p81: {warning})",
        "quality within: y_std at least 5 (1 clip)",
        "quality within: y_std, its own limits (1 clip)",
        f"quality not judged: y_std at least 5 (1 clip, first {who} dogs s0 480p81: the case ended before)",
    ]
    summary = " ".join(render_summary(run, 200).split())
    assert all(line in summary for line in lines)
    assert "Quality of single clips" in render_html(run)


@pytest.mark.parametrize(("value", "sound"), [(20.0, True), (3.0, False)])
def test_numbers_of_a_broken_clip_back_no_claim(value: float, sound: bool) -> None:
    """A case over budget has sound numbers, unless its clip is broken too."""
    budget = Budget(quantity="sampling_s", limit=1.0, phase=None, gpu=None, source="a test")
    over = JudgedBudget(budget=budget, actual=2.0, verdict="over", explanation="too long")
    outcome = msgspec.structs.replace(with_quality(metric(value, limits=LIMITS)), budgets=[over])
    assert is_over_only(case(outcome, "failed")) is sound


def test_older_records_have_no_floors() -> None:
    """A plan and a measurement without the fields still read."""
    for record in (planned(), measured(4.0)):
        plain = {name: value for name, value in msgspec.to_builtins(record).items() if name != "floors"}
        assert msgspec.convert(plain, type(record)).floors == []


def test_verdicts_of_limits_hold_those_of_floors() -> None:
    """One vocabulary: whoever reads a record learns no second one."""
    assert {"within", "fail", "not judged"} < set(LimitVerdict.__args__)  # type: ignore[attr-defined] # a Literal
