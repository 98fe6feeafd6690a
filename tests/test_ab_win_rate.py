"""Votes become a rate with an interval that is as wide as what was seen is little."""

import math

import pytest
from scipy.stats import binomtest

from reports.ab.record import BlindClip, Key, Trial, Vote, Votes
from reports.ab.win_rate import effective_votes, wilson, win_rates

STUDENT, TEACHER = "causvid-1.3b 480p81", "wan2.1-t2v-1.3b 480p81"


def key_of(*prompts: str, sides: tuple[str, str] = (STUDENT, TEACHER)) -> Key:
    """Give a key with a trial a prompt: trial "dogs 0" has the clips "dogs 0 first" and "dogs 0 second"."""
    trials = []
    for number, prompt in enumerate(prompts):
        clips = [
            BlindClip(name=f"{prompt} {number} {place}", side=side, run_id="r", case="c", sha256="0" * 64)
            for place, side in zip(("first", "second"), sides, strict=True)
        ]
        trials.append(Trial(id=f"{prompt} {number}", prompt=prompt, seed=0, first=clips[0], second=clips[1]))
    return Key(
        kind="blinded comparison: key",
        schema_version=1,
        id="k",
        created_at="2026-11-26",
        weights=["hub"],
        trials=trials,
    )


def ballot(key: Key, answers: str, voter: str = "ann") -> Votes:
    """Vote on the trials in order: w, t, l for first, neither, second, "-" for none; the first clip stands left."""
    votes = [
        Vote(
            trial=trial.id,
            better={"w": trial.first.name, "t": None, "l": trial.second.name}[answer],
            left=trial.first.name,
            at="2026-11-26T12:00:00Z",
        )
        for trial, answer in zip(key.trials, answers, strict=False)
        if answer != "-"
    ]
    return Votes(kind="blinded comparison: votes", schema_version=1, key=key.id, voter=voter, votes=votes)


@pytest.mark.parametrize(("won", "count"), [(0, 5), (5, 5), (1, 7), (8, 16), (97, 100)])
def test_wilson_interval_is_scipys(won: int, count: int) -> None:
    """An implementation that is not ours gives the same ends."""
    theirs = binomtest(won, count).proportion_ci(0.95, "wilson")
    assert wilson(won / count, count) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_one_vote_a_prompt_is_wilson_on_the_votes() -> None:
    """Votes on prompts of their own are independent: 12 of 16 has Wilson's interval for 16."""
    key = key_of(*(f"p{n}" for n in range(16)))
    (rate,) = win_rates(key, [ballot(key, "w" * 12 + "l" * 4)])
    assert (rate.won, rate.tied, rate.lost, rate.rate) == (12, 0, 4, 0.75)
    assert rate.effective_votes == pytest.approx(16)
    assert rate.interval == pytest.approx(wilson(0.75, 16))
    assert rate.verdict == "preferred"
    assert rate.left == 12


def test_tie_counts_half_for_each() -> None:
    """Two wins, two ties, no loss: three of four."""
    key = key_of("a", "b", "c", "d")
    (rate,) = win_rates(key, [ballot(key, "wwtt")])
    assert (rate.won, rate.tied, rate.lost, rate.rate, rate.left) == (2, 2, 0, 0.75, 2)


def test_voters_who_agree_have_seen_no_more_prompts() -> None:
    """Ten voters who all prefer the student on three prompts and the teacher on one are worth four votes."""
    key = key_of("a", "b", "c", "d")
    (rate,) = win_rates(key, [ballot(key, "wwwl", voter=f"v{n}") for n in range(10)])
    assert (rate.won, rate.lost, rate.voters, rate.prompts) == (30, 10, 10, 4)
    assert rate.effective_votes == pytest.approx(4)
    assert rate.verdict == "no preference is shown"
    assert rate.interval == pytest.approx(wilson(0.75, 4))


def test_unanimous_votes_are_worth_the_prompts() -> None:
    """Where nothing varies, no variance says what votes are worth: the fewest that they can be."""
    key = key_of("a", "b", "c")
    (rate,) = win_rates(key, [ballot(key, "www", voter=f"v{n}") for n in range(20)])
    assert rate.effective_votes == 3
    assert rate.interval is not None
    assert math.isclose(rate.interval.low, 3 / (3 + 1.959964**2), abs_tol=1e-6)
    assert rate.verdict == "no preference is shown"


def test_votes_that_vary_within_prompts_count_all() -> None:
    """Where every prompt has its 3 of 4, nothing is between the prompts: all votes count, and never more."""
    assert effective_votes({name: [1, 1, 1, 0] for name in "abcdef"}) == 24
    assert effective_votes({"a": [1, 0, 0, 1]}) == 1


def test_seeds_of_one_prompt_are_one_prompt() -> None:
    """Two trials of a prompt that go one way are not two prompts."""
    key = key_of("dogs", "dogs", "sea", "sea")
    (rate,) = win_rates(key, [ballot(key, "wwll")])
    assert (rate.prompts, rate.effective_votes) == (2, 2)


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [("w" * 16, "preferred"), ("l" * 16, "the other is preferred"), ("wl" * 8, "no preference is shown")],
)
def test_verdict_is_whether_the_interval_leaves_a_half(answers: str, verdict: str) -> None:
    """It is one of either side, or of neither."""
    key = key_of(*(f"p{n}" for n in range(16)))
    (rate,) = win_rates(key, [ballot(key, answers)])
    assert rate.verdict == verdict


def test_interval_that_touches_a_half_shows_no_preference() -> None:
    """The fewest unanimous prompts that decide are four: three end at 0.438, four at 0.510."""
    for count, verdict in ((3, "no preference is shown"), (4, "preferred")):
        key = key_of(*(f"p{n}" for n in range(count)))
        (rate,) = win_rates(key, [ballot(key, "w" * count)])
        assert (count, rate.verdict) == (count, verdict)


def test_no_votes_are_no_rate() -> None:
    """It is told how many pairs wait."""
    key = key_of("a", "b")
    (rate,) = win_rates(key, [ballot(key, "--")])
    assert (rate.rate, rate.interval, rate.verdict, rate.trials, rate.voters) == (None, None, "no votes", 2, 0)


def test_every_two_sides_have_a_rate_of_their_own() -> None:
    """Votes on one student say nothing of the other."""
    one, other = key_of("a"), key_of("b", sides=("causvid-1.3b-warp 480p81", TEACHER))
    key = key_of("a")
    both = Key(
        kind=key.kind, schema_version=1, id="k", created_at="", weights=["hub"], trials=[*one.trials, *other.trials]
    )
    rates = win_rates(both, [ballot(both, "wl")])
    assert [(rate.first, rate.won, rate.lost) for rate in rates] == [
        (STUDENT, 1, 0),
        ("causvid-1.3b-warp 480p81", 0, 1),
    ]
