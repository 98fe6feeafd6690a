"""Where a level changed, and that noise, lone runs and what is within the gate's limits are no change."""

import doctest
import random
import sys

import pytest

from reports.gate.limits import MIB, Limit, limit_of
from reports.history import levels
from reports.history.levels import NO_RUPTURES, levels_of, missing

WHOLE = limit_of("prompt_to_host_s")
SERIES = 200


def noisy(*levels: tuple[int, float], seed: int = 0, deviation_pct: float = 1.0) -> list[float]:
    """Give so many runs of each level, with normal noise between processes."""
    rng = random.Random(seed)  # noqa: S311 - noise, no secret
    return [level * (1 + rng.gauss(0, deviation_pct / 100)) for count, level in levels for _ in range(count)]


def spans(values: list[float], limit: Limit = WHOLE) -> list[tuple[int, int, float]]:
    return [(level.start, level.end, round(level.median, 6)) for level in levels_of(values, limit)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        ([4.0], [(0, 1, 4.0)]),
        ([4.0, 5.0, 5.0], [(0, 3, 5.0)]),
        ([4.0] * 8, [(0, 8, 4.0)]),
        ([4.0] * 5 + [4.2] * 2, [(0, 5, 4.0), (5, 7, 4.2)]),
        ([4.2] * 2 + [4.0] * 5, [(0, 2, 4.2), (2, 7, 4.0)]),
        ([4.0] * 5 + [4.2] * 5 + [4.0] * 5, [(0, 5, 4.0), (5, 10, 4.2), (10, 15, 4.0)]),
        ([4.0] * 5 + [4.2] * 5 + [4.4] * 5, [(0, 5, 4.0), (5, 10, 4.2), (10, 15, 4.4)]),
    ],
)
def test_levels_by_hand(values: list[float], expected: list[tuple[int, int, float]]) -> None:
    """Three runs are too few to part; two are a level; steps up, down, and in turns."""
    assert spans(values) == expected


@pytest.mark.parametrize("at", range(9))
def test_one_run_alone_is_no_step(at: int) -> None:
    """Wherever it lies, first and last included, and however far off."""
    values = [4.0, 4.01, 3.99, 4.0, 4.02, 4.0, 3.99, 4.01, 4.0]
    values[at] = 40.0
    assert len(levels_of(values, WHOLE)) == 1


@pytest.mark.parametrize(("other", "levels"), [(4.11, 1), (4.12, 1), (4.13, 2), (3.89, 1), (3.87, 2)])
def test_step_is_beyond_the_gates_limits_either_way(other: float, levels: int) -> None:
    """3 % and 30 ms: 4.12 s is exactly the limit of 4 s, 3.883 s the least from which 4 s is within 3 %."""
    assert len(levels_of([4.0] * 6 + [other] * 6, WHOLE)) == levels


def test_both_limits_must_be_passed() -> None:
    """10 % of 0.1 s are within 30 ms; 40 MiB of memory are beyond 32, 20 are not."""
    assert len(levels_of([0.1] * 6 + [0.11] * 6, WHOLE)) == 1
    memory = limit_of("peak_allocated_bytes")
    for more, expected in ((20, 1), (40, 2)):
        assert len(levels_of([24.0 * 1024 * MIB] * 6 + [(24.0 * 1024 + more) * MIB] * 6, memory)) == expected


def test_limit_tightens_with_ten_quiet_runs() -> None:
    """2 % are a step after twelve runs that agree within 0.1 %, as for the gate, and none after six."""
    assert len(levels_of([*noisy((12, 4.0), deviation_pct=0.1), *[4.08] * 4], WHOLE)) == 2
    assert len(levels_of([*noisy((6, 4.0), deviation_pct=0.1), *[4.08] * 4], WHOLE)) == 1


def test_noise_is_no_step_and_a_slow_down_is_found_where_it_was() -> None:
    """At 1 % between runs: of 200 series of 30 unchanged runs at most 1 % show a step; 6 % are found, within 2 runs."""
    false = sum(len(levels_of(noisy((30, 4.0), seed=seed), WHOLE)) > 1 for seed in range(SERIES))
    assert false <= SERIES / 100
    found = [levels_of(noisy((15, 4.0), (15, 4.24), seed=seed), WHOLE) for seed in range(SERIES)]
    right = sum(len(levels) == 2 and abs(levels[1].start - 15) <= 2 for levels in found)
    assert right >= 0.97 * SERIES


def test_slow_drift_is_seen_though_each_run_is_within_the_limits() -> None:
    """0.5 % a night: no night fails a gate of 3 %, and after 30 the levels have followed."""
    values = [4.0 * 1.005**night for night in range(30)]
    assert len(levels_of(values, WHOLE)) >= 3


def test_absence_of_ruptures_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing is marked, which must not look like nothing found."""
    assert missing() == ""
    monkeypatch.setitem(sys.modules, "ruptures", None)
    monkeypatch.setattr("reports.history.levels.find_spec", lambda _name: None)
    assert missing() == NO_RUPTURES


def test_documented_example_holds() -> None:
    """Of the running median."""
    assert doctest.testmod(levels).failed == 0
