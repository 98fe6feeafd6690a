"""Repeated prompts against new ones: what is compared, and what is called a cache."""

from collections.abc import Mapping

import msgspec
import pytest

from reports.audit import LEAST_PAIRS, cached, repeats
from reports.measured import Round
from tests.reports_samples import a_round


def pairs(*ratios: float, phases: Mapping[str, float] | None = None) -> list[Round]:
    """Give a pair of rounds for each ratio: 10 s for a new prompt, the ratio of it for the repeated one.

    `phases` gives the ratio of a phase; a new prompt spends a second in each.
    """
    rounds = []
    for take, ratio in enumerate(ratios, start=1):
        first = dict.fromkeys(phases or {}, 1.0)
        second = {name: value for name, value in (phases or {}).items() if value}
        for total_s, phases_s in ((10.0, first), (10.0 * ratio, second)):
            rounds.append(msgspec.structs.replace(a_round(total_s), take=take, phases_s=phases_s))
    return rounds


def test_ratio_is_that_of_second_to_first_clip() -> None:
    """The median over the takes, its extremes for six, as a whole and by phase."""
    found = repeats(pairs(1.0, 1.01, 0.99, 1.02, 0.98, 1.0, phases={"decode": 0.5}))
    assert found["prompt_to_host_s"] == pytest.approx((1.0, 0.98, 1.02, 6))
    assert found["decode"] == (0.5, 0.5, 0.5, 6)


def test_rounds_without_takes_and_takes_without_repetition_are_no_pairs() -> None:
    """Ordinary rounds repeat their prompt by design; an odd last round has nobody to be compared with."""
    assert repeats([a_round(4.0)] * 6) == {}
    assert repeats(pairs(1.0)[:1]) == {}
    assert repeats([*pairs(1.0), msgspec.structs.replace(a_round(1.0), take=2)])["prompt_to_host_s"].pairs == 1


def test_phase_that_a_repeated_prompt_skips_took_no_time() -> None:
    """Embeddings that are remembered leave no visit to `text_encode` at all; a phase without time is left out."""
    found = repeats(pairs(*[1.0] * 6, phases={"text_encode": 0.0}))
    assert found["text_encode"] == (0.0, 0.0, 0.0, 6)
    empty = [msgspec.structs.replace(timed, phases_s={"to_host": 0.0}) for timed in pairs(*[1.0] * 6)]
    assert set(repeats(empty)) == {"prompt_to_host_s"}


@pytest.mark.parametrize(
    ("ratios", "found"),
    [
        ([1.0] * 6, False),
        ([1.2] * 6, False),
        ([0.97] * 6, False),
        ([0.9699] * 6, True),
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.98], False),
        ([0.5] * 14 + [1.2], True),
    ],
)
def test_cache_is_found_where_the_whole_interval_is_faster(ratios: list[float], found: bool) -> None:
    """3 % is the limit; one of six pairs that is not faster leaves the doubt, one of fifteen does not."""
    assert bool(cached(repeats(pairs(*ratios)))) is found


def test_cache_of_one_phase_is_found_in_a_clip_that_is_hardly_faster() -> None:
    """Encoding is under 1 % of the whole: only the phase's own ratio shows that it was left out."""
    told = cached(repeats(pairs(*[0.995] * LEAST_PAIRS, phases={"text_encode": 0.0, "decode": 1.0})))
    assert told == ["text_encode of a repeated prompt takes 0.000 [0.000, 0.000] of a new one's time"]
