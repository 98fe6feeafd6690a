"""reports/noninferiority.py: three verdicts at the margin, bounds worked out by hand, nothing dropped."""

import doctest
import math
from collections.abc import Sequence
from statistics import fmean

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports import noninferiority
from reports.judged import Margin
from reports.noninferiority import FEWEST_FOR_BOOTSTRAP, Pair, bca_bounds, judge, prompts_needed, t_bounds

HIGHER = Margin(metric="clip_score", better="higher", absolute=0.5, why="a test")
LOWER = Margin(metric="chroma_drift", better="lower", absolute=0.1, why="a test")
RATIO = Margin(metric="flow95", better="higher", of_teacher_pct=25, worst=0.0, why="a test")


def pairs_of(differences: Sequence[float | None], teacher: float = 30.0) -> list[Pair]:
    """Give a prompt each for these differences, one seed."""
    return [Pair(f"p{number}", 0, None if d is None else teacher + d, teacher) for number, d in enumerate(differences)]


def spread(mean: float, half: float, count: int) -> list[float]:
    """Give `count` (even) differences, half of them above and half below the mean."""
    return [mean + half, mean - half] * (count // 2)


def test_doctests() -> None:
    """What the docstrings show is so."""
    result = doctest.testmod(noninferiority)
    assert result.attempted >= 3
    assert result.failed == 0


def test_t_bound_is_the_textbook_one() -> None:
    """Mean 2, deviation 1, n 4, t(0.95, 3) = 2.3534: half the width is 1.1767 with deviation 1."""
    low, high = t_bounds([1.0, 2.0, 2.0, 3.0])
    half = 2.353363 * math.sqrt(2 / 3) / 2
    assert low == pytest.approx(2 - half, abs=1e-5)
    assert high == pytest.approx(2 + half, abs=1e-5)


@pytest.mark.parametrize(("nudge", "verdict"), [(1e-6, "PASS"), (-1e-6, "INCONCLUSIVE")])
@pytest.mark.parametrize("count", [8, 32])
def test_lower_bound_at_the_margin_decides_pass(count: int, nudge: float, verdict: str) -> None:
    """A lower bound a hair above minus the margin passes, a hair below does not, by t and by the bootstrap."""
    around_zero = spread(0.0, 0.2, count)
    gate = t_bounds(around_zero) if count < FEWEST_FOR_BOOTSTRAP else bca_bounds(around_zero)
    assert gate is not None
    found = judge(pairs_of([d - 0.5 - gate.low + nudge for d in around_zero]), HIGHER)
    assert (found.verdict, found.gate) == (verdict, "t" if count == 8 else "BCa")
    assert found.t is not None
    assert found.bca is not None


@pytest.mark.parametrize(("nudge", "verdict"), [(1e-6, "INCONCLUSIVE"), (-1e-6, "FAIL")])
@pytest.mark.parametrize("count", [8, 32])
def test_upper_bound_at_the_margin_decides_fail(count: int, nudge: float, verdict: str) -> None:
    """An upper bound a hair below minus the margin fails, a hair above does not."""
    around_zero = spread(0.0, 0.2, count)
    gate = t_bounds(around_zero) if count < FEWEST_FOR_BOOTSTRAP else bca_bounds(around_zero)
    assert gate is not None
    assert judge(pairs_of([d - 0.5 - gate.high + nudge for d in around_zero]), HIGHER).verdict == verdict


def test_the_bootstrap_gates_from_24_prompts_on() -> None:
    """23 prompts are judged by t, 24 by BCa."""
    gates = [judge(pairs_of(spread(0.0, 0.1, 24)[:count]), HIGHER).gate for count in (23, 24)]
    assert gates == ["t", "BCa"]


def test_lower_is_better_flips_the_sign() -> None:
    """More drift fails, less drift passes, and the numbers keep the metric's own sign."""
    worse, better = (judge(pairs_of(spread(mean, 0.01, 8), 0.05), LOWER) for mean in (0.3, -0.3))
    assert (worse.verdict, better.verdict) == ("FAIL", "PASS")
    assert worse.difference == pytest.approx(0.3)
    assert worse.limit == pytest.approx(0.1)
    assert worse.t is not None
    assert 0.29 < worse.t.low < 0.3 < worse.t.high < 0.31


@pytest.mark.parametrize(("share", "verdict"), [(0.7501, "PASS"), (0.75, "INCONCLUSIVE"), (0.7499, "FAIL")])
def test_a_relative_margin_is_of_the_teachers_mean(share: float, verdict: str) -> None:
    """A student that moves three quarters as much in every prompt lies at the margin of 25 %; zero variance decides."""
    pairs = [Pair(f"p{number}", 0, share * motion, motion) for number, motion in enumerate((0.25, 0.5, 1.0, 0.25))]
    found = judge(pairs, RATIO)
    assert found.teacher == pytest.approx(0.5)
    assert found.limit == pytest.approx(-0.125)
    assert found.verdict == verdict
    assert found.difference == pytest.approx((share - 1) * 0.5)


def test_a_share_of_nothing_is_no_margin() -> None:
    """A teacher that does not move has no margin of 25 %: inconclusive, with the reason."""
    found = judge([Pair(f"p{n}", 0, 0.1, 0.0) for n in range(4)], RATIO)
    assert found.verdict == "INCONCLUSIVE"
    assert "the teacher's mean is 0" in found.reason


@pytest.mark.parametrize(("difference", "verdict"), [(-0.25, "PASS"), (-0.5, "INCONCLUSIVE"), (-0.75, "FAIL")])
def test_zero_variance_is_decided_by_the_difference_itself(difference: float, verdict: str) -> None:
    """Differences that are all equal have no spread: at the margin it is inconclusive, beside it decided."""
    found = judge(pairs_of([difference] * 8), HIGHER)
    assert found.verdict == verdict
    assert found.t == found.bca == (difference, difference)


def test_seeds_are_averaged_within_a_prompt() -> None:
    """Two seeds of one prompt count once: four prompts with two seeds are four differences, not eight."""
    one = [Pair(f"p{n}", 0, 30 + d, 30.0) for n, d in enumerate((0.1, -0.1, 0.2, 0.0))]
    two = [Pair(p.prompt, seed, (p.student or 0) + (0.4 if seed else -0.4), 30.0) for p in one for seed in (0, 1)]
    assert judge(two, HIGHER).prompts == 4
    assert judge(two, HIGHER).t == pytest.approx(judge(one, HIGHER).t)


def test_a_missing_clip_counts_as_the_stated_worst() -> None:
    """One of four students' clips without a value has motion 0, which breaks the mean by a quarter of the teacher's."""
    pairs = [Pair(f"p{n}", 0, None if n == 0 else 1.0, 1.0) for n in range(4)]
    found = judge(pairs, RATIO)
    assert found.difference == pytest.approx(-0.25)
    assert found.missing_student == 1
    assert found.verdict == "INCONCLUSIVE"


def test_a_missing_clip_counts_as_the_worst_that_was_observed() -> None:
    """Without a stated worst it is the worst of all clips, the teacher's too."""
    pairs = [Pair("a", 0, None, 30.0), Pair("b", 0, 30.0, 20.0), Pair("c", 0, 30.0, 30.0)]
    assert judge(pairs, HIGHER).difference == pytest.approx((-10 + 10 + 0) / 3)


def test_a_missing_clip_is_never_non_inferior() -> None:
    """Where all clips are alike the worst observed is no loss: it counts as twice the margin, so none at all fails."""
    assert judge(pairs_of([None] * 8), HIGHER).verdict == "FAIL"
    assert judge(pairs_of([None] * 4 + [0.0] * 4), HIGHER).verdict == "INCONCLUSIVE"
    assert judge(pairs_of([None] * 8), HIGHER).difference == pytest.approx(-1.0)


@pytest.mark.parametrize("prompts", [16, 37])
def test_few_missing_clips_of_many_do_not_pass(prompts: int) -> None:
    """One in nine, and the mean stays well inside the margin: what is missing is not known to be as good."""
    missing = prompts // 9
    found = judge(pairs_of([None] * missing + [0.4] * (prompts - missing)), HIGHER)
    assert found.t is not None
    assert found.t.low > (found.limit or 0.0)
    assert (found.verdict, found.missing_student, found.more_prompts) == ("INCONCLUSIVE", missing, None)
    assert judge(pairs_of([0.4] * prompts), HIGHER).verdict == "PASS"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("count", [8, 32])
def test_what_is_not_finite_never_passes(value: float, count: int) -> None:
    """NaN and infinity are missing values, also where infinity would be the best there is."""
    assert judge(pairs_of([value] * count), HIGHER).verdict == "FAIL"
    one = judge(pairs_of([value, *[0.0] * (count - 1)]), HIGHER)
    assert one.missing_student == 1
    assert one.difference == pytest.approx(-1.0 / count)
    assert one.verdict == "INCONCLUSIVE"


def test_a_teacher_that_is_not_whole_decides_nothing() -> None:
    """A teacher's missing clip would let any student win: nothing passes, and it is said."""
    pairs = [Pair("a", 0, 31.0, None), *pairs_of([1.0] * 7)]
    found = judge(pairs, HIGHER)
    assert (found.verdict, found.missing_teacher) == ("INCONCLUSIVE", 1)
    assert "the reference is not whole" in found.reason
    assert found.difference == pytest.approx(1.0)  # as if the teacher's were the worst clip that anybody made
    wide = judge([Pair("a", 0, 31.0, None), *pairs_of([*spread(0.0, 1.0, 6), 0.0])], HIGHER)
    assert (wide.verdict, wide.more_prompts) == ("INCONCLUSIVE", None)  # more prompts would not make it whole
    nothing = judge([Pair(f"p{n}", 0, 1.0, None) for n in range(4)], HIGHER)
    assert nothing.verdict == "INCONCLUSIVE"
    assert "no clip of the teacher" in nothing.reason


@pytest.mark.parametrize(("count", "said"), [(0, "there is none"), (1, "there is 1")])
def test_fewer_than_two_prompts_are_inconclusive(count: int, said: str) -> None:
    """One prompt has no spread over prompts, whatever its seeds."""
    pairs = [Pair("a", seed, 40.0, 30.0) for seed in range(3)] if count else []
    found = judge(pairs, HIGHER)
    assert found.verdict == "INCONCLUSIVE"
    assert said in found.reason


def test_inconclusive_says_how_many_more_prompts_would_decide() -> None:
    """Deviation about 1.07 at a margin of 0.5 needs 6.2 x 4.57 = 29 prompts: 21 more than 8."""
    found = judge(pairs_of(spread(0.0, 1.0, 8)), HIGHER)
    assert found.verdict == "INCONCLUSIVE"
    assert found.more_prompts == prompts_needed(math.sqrt(8 / 7), 0.5) - 8 == 21
    assert "80 % power if student and teacher are equal" in found.reason


def test_a_difference_near_the_margin_needs_more_than_the_rule() -> None:
    """Enough prompts for an equal student, and yet undecided: it is told from the difference that was seen."""
    found = judge(pairs_of(spread(-0.45, 0.3, 16)), HIGHER)
    assert found.verdict == "INCONCLUSIVE"
    assert found.more_prompts == math.ceil(6.2 * (0.09 * 16 / 15) / 0.05**2) - 16
    assert "which lies near the margin" in found.reason


def test_undecided_is_never_decided_by_fewer_prompts() -> None:
    """Of two prompts t is so wide that the rule, which knows no t, asks for less than there are: one more it is."""
    found = judge(pairs_of([-0.13, -0.27]), HIGHER)
    assert prompts_needed(0.14 / math.sqrt(2), 0.3) < 2
    assert (found.verdict, found.more_prompts) == ("INCONCLUSIVE", 1)


@settings(deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=20))
def test_mirrored_differences_mirror_the_verdict(differences: list[float]) -> None:
    """Lower is better judges negated values as higher is better judges the values themselves."""
    mirrored = Margin(metric="m", better="lower", absolute=0.5, why="a test")
    up = judge([Pair(str(n), 0, d, 0.0) for n, d in enumerate(differences)], HIGHER)
    down = judge([Pair(str(n), 0, -d, 0.0) for n, d in enumerate(differences)], mirrored)
    assert up.verdict == down.verdict
    assert up.difference is not None
    assert up.difference == pytest.approx(fmean(differences), abs=1e-9)


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=20), st.floats(0, 1))
def test_a_better_student_is_never_judged_worse(differences: list[float], gain: float) -> None:
    """Adding the same gain to every clip never turns a pass into anything else."""
    order = ["FAIL", "INCONCLUSIVE", "PASS"]
    before, after = (judge(pairs_of([d + more for d in differences]), HIGHER) for more in (0.0, gain + 1e-6))
    assert order.index(after.verdict) >= order.index(before.verdict)


@pytest.mark.parametrize(
    "given", [{}, {"absolute": 0.5, "of_teacher_pct": 25}, {"absolute": 0}, {"absolute": math.inf}]
)
def test_a_margin_is_one_positive_number(given: dict[str, float]) -> None:
    """Neither kind, both, zero and infinity are refused when the margin is read."""
    with pytest.raises(msgspec.ValidationError, match=r"needs one of|>=|> 0|finite"):
        msgspec.convert({"metric": "m", "better": "lower", "why": "w", **given}, Margin)


@pytest.mark.parametrize(("share", "fits"), [(99.9, True), (100, False), (2500, False)])
def test_a_margin_that_lets_all_be_lost_is_refused(share: float, fits: bool) -> None:
    """Where higher is better nothing could break it; where lower is, three times as much is a limit."""
    given = {"metric": "m", "why": "w", "of_teacher_pct": share}
    assert msgspec.convert({**given, "better": "lower"}, Margin).of_teacher_pct == share
    if fits:
        assert msgspec.convert({**given, "better": "higher"}, Margin).of_teacher_pct == share
    else:
        with pytest.raises(
            msgspec.ValidationError, match=f"lets {share:g} % of the teacher's be lost, and 0 would pass"
        ):
            msgspec.convert({**given, "better": "higher"}, Margin)
