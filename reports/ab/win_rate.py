"""How often one side's clip was preferred to the other's in blinded pairs, and how sure that is.

Why it matters: sixteen votes are an anecdote with an interval of half the scale. A tie counts half for each side. The
interval is Wilson's at 95 %, with the votes that the sample is worth: votes on one prompt resemble each other, so n is
divided by the design effect, the variance of the rate between prompts over that of independent votes. It stays between
the number of prompts and that of votes, and is the number of prompts where nothing varies: ten voters who agree on
three prompts have seen three prompts. Ties vary less than wins and losses, so with many the interval is too wide.

How far voters differ from each other is not in it: the interval is that of these voters.

Sources: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927); E. L.
Korn and B. I. Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated
from survey data", Survey Methodology 24 (1998), for the effective number.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal, NamedTuple

from msgspec.structs import replace

from reports.ab.record import Key, Trial, Vote, Votes
from reports.frozen import Frozen

Z = NormalDist().inv_cdf(0.975)


class Interval(NamedTuple):
    """A two-sided 95 % interval of a share, from 0 to 1."""

    low: float
    high: float


class WinRate(Frozen):
    """What the votes say of `first` against `second`; `rate` and `interval` are shares of `first`, None without votes.

    `effective_votes` is what the votes are worth together. `left` of the `won + lost` decided votes went to the clip on
    the left: far from half of them, the place decided, not the clip. `trials` is how many pairs the key asks for.
    """

    first: str
    second: str
    won: int
    tied: int
    lost: int
    prompts: int
    voters: int
    trials: int
    left: int
    rate: float | None = None
    effective_votes: float | None = None
    interval: Interval | None = None
    verdict: Literal["preferred", "the other is preferred", "no preference is shown", "no votes"] = "no votes"


def win_rates(key: Key, ballots: Sequence[Votes]) -> list[WinRate]:
    """Give a rate for every two sides of the key, in the key's order of names."""
    trials: defaultdict[tuple[str, str], dict[str, Trial]] = defaultdict(dict)
    for trial in key.trials:
        trials[trial.first.side, trial.second.side][trial.id] = trial
    return [_of_sides(sides, own, ballots) for sides, own in sorted(trials.items())]


def wilson(share: float, count: float) -> Interval:
    """Bound a share of `count` > 0 independent votes, which may be a fraction, each side at 97.5 %.

    >>> [round(end, 3) for end in wilson(0.5, 10)]
    [0.237, 0.763]
    """
    middle = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = Z / (1 + Z * Z / count) * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def effective_votes(scores: dict[str, list[float]]) -> float:
    """Tell how many independent votes the votes are worth: between the number of prompts and their own.

    `scores` holds for each prompt its votes: 1 won, 0.5 tied, 0 lost; no prompt is without votes.

    >>> effective_votes({"dogs": [1, 1, 1], "sea": [0, 0, 0]})
    2
    >>> effective_votes({"dogs": [1, 0], "sea": [0, 1]})
    4
    """
    prompts, votes = len(scores), sum(map(len, scores.values()))
    rate = sum(map(sum, scores.values())) / votes
    independent = rate * (1 - rate) / votes
    if prompts < 2 or not independent:
        return prompts
    apart = sum((sum(own) - rate * len(own)) ** 2 for own in scores.values())
    clustered = prompts / (prompts - 1) * apart / votes**2
    return min(votes, max(prompts, votes * independent / clustered)) if clustered else votes


def _of_sides(sides: tuple[str, str], trials: dict[str, Trial], ballots: Sequence[Votes]) -> WinRate:
    cast = [(trials[vote.trial], vote) for ballot in ballots for vote in ballot.votes if vote.trial in trials]
    scores: defaultdict[str, list[float]] = defaultdict(list)
    for trial, vote in cast:
        scores[trial.prompt].append(_score(trial, vote))
    listed = [score for own in scores.values() for score in own]
    found = WinRate(
        first=sides[0],
        second=sides[1],
        won=listed.count(1.0),
        tied=listed.count(0.5),
        lost=listed.count(0.0),
        prompts=len(scores),
        voters=sum(any(vote.trial in trials for vote in ballot.votes) for ballot in ballots),
        trials=len(trials),
        left=sum(vote.better == vote.left for _, vote in cast),
    )
    return _judged(found, scores) if listed else found


def _judged(found: WinRate, scores: dict[str, list[float]]) -> WinRate:
    votes = found.won + found.tied + found.lost
    rate, worth = (found.won + found.tied / 2) / votes, effective_votes(scores)
    interval = wilson(rate, worth)
    verdict: Literal["preferred", "the other is preferred", "no preference is shown"] = "no preference is shown"
    if interval.low > 0.5:
        verdict = "preferred"
    elif interval.high < 0.5:
        verdict = "the other is preferred"
    return replace(found, rate=rate, effective_votes=worth, interval=interval, verdict=verdict)


def _score(trial: Trial, vote: Vote) -> float:
    return 0.5 if vote.better is None else float(vote.better == trial.first.name)
