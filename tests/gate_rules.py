"""Rules that call a case slower, vectorised over many simulated trials: the gate's and others'.

Why it matters: how often a gate errs shows only over more cases than `judge` could be asked in a test's time;
tests/measure_gate.py holds both against each other on some of them.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from reports.gate.judge_metric import DISTURBED_FROM
from reports.gate.limits import LEAST_PCT, limit_of
from reports.gate.robust import FEWEST_RUNS, NORMAL, deviations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

SECONDS = {
    "prompt_to_host_s": 4.0,
    "phase_denoise_s": 2.0,
    "first_step_s": 0.1,
    "later_steps_s": 1.9,
    "phase_decode_s": 1.6,
    "time_to_first_frame_s": 0.4,
}
BETWEEN_PROCESSES, BETWEEN_NUMBERS, BETWEEN_ROUNDS = 0.01, 0.003, 0.003
CLOCKS_SHARE, CLOCK_MHZ = 0.5, 1980.0
ROUNDS, BASELINE, CONFIRMING = 3, 10, 2
PAIRS, MORE_PAIRS = 3, 1


class Runs(NamedTuple):
    """Runs of a case: seconds by trial, run, number and round (or of their medians), and SM clocks by trial and run."""

    seconds: "Floats"
    clocks_mhz: "Floats"

    def first(self, count: int) -> "Runs":
        """Give the first `count` runs of every trial."""
        return Runs(self.seconds[:, :count], self.clocks_mhz[:, :count])

    def medians(self) -> "Runs":
        """Give every number's median over its rounds."""
        return Runs(np.median(self.seconds, axis=-1), self.clocks_mhz)


class Drawn(NamedTuple):
    """Baseline runs of a case and those under test."""

    base: Runs
    new: Runs


class Found(NamedTuple):
    """Trials of which a number is worse, and those of which one is beyond its limits, in whatever way."""

    worse: "Flags"
    beyond: "Flags"


class Rule(NamedTuple):
    """A rule: which trials it flags, and whether it has to keep the gate's promise."""

    name: str
    flags: Callable[[Drawn], "Flags"]
    is_gate: bool


def draw(rng: np.random.Generator, trials: int, slower_pct: float) -> Drawn:
    """Draw ten baseline runs and five under test of each trial."""

    def runs(count: int, factor: float) -> Runs:
        process = rng.normal(0, BETWEEN_PROCESSES, (trials, count, 1, 1))
        number = rng.normal(0, BETWEEN_NUMBERS, (trials, count, len(SECONDS), 1))
        rounds = rng.normal(0, BETWEEN_ROUNDS, (trials, count, len(SECONDS), ROUNDS))
        seconds = np.array(list(SECONDS.values())).reshape(1, 1, -1, 1)
        clocks_mhz = CLOCK_MHZ * np.exp(-CLOCKS_SHARE * process[:, :, 0, 0])
        return Runs(np.asarray(factor * seconds * np.exp(process + number + rounds)), np.asarray(clocks_mhz))

    return Drawn(runs(BASELINE, 1.0), runs(PAIRS + CONFIRMING, 1 + slower_pct / 100))


def scales(values: "Floats") -> "Floats":
    """Give `reports.gate.robust.scale` along the runs of (trials, runs, numbers)."""
    count = values.shape[1]
    half = count // 2 + 1
    first, second = np.triu_indices(count, 1)
    distances = np.sort(np.abs(values[:, first] - values[:, second]), axis=1)
    return np.asarray(NORMAL * distances[:, half * (half - 1) // 2 - 1])


def found_in(base: Runs, new: Runs, *, in_turns: bool = False) -> Found:
    """Tell by trial what the gate says of medians over rounds.

    What is beyond both limits is worse where it is so in cycles as well, and of runs in turns where every one under
    test is slower than every one of the base.
    """
    limits = [limit_of(name) for name in SECONDS]
    relative = np.array([limit.relative_pct for limit in limits])[None, :]
    middle = np.median(base.seconds, axis=1)
    if not in_turns and base.seconds.shape[1] >= FEWEST_RUNS:
        bound = deviations(base.seconds.shape[1]) * scales(base.seconds) / middle
        relative = np.minimum(relative, np.maximum(LEAST_PCT, 100 * bound))
    absolute = np.array([limit.absolute for limit in limits])[None, :]
    excess = np.median(new.seconds, axis=1) - middle
    cycles = [np.median(side.seconds * side.clocks_mhz[:, :, None], axis=1) for side in (base, new)]
    beyond = excess > np.maximum(relative / 100 * middle, absolute)
    worse = beyond & (100 * (cycles[1] / cycles[0] - 1) > relative)
    if in_turns:
        worse &= _extremes(new.seconds)[0] > _extremes(base.seconds)[1]
    return Found(np.asarray(worse.any(axis=1)), np.asarray(beyond.any(axis=1)))


def _extremes(seconds: "Floats") -> tuple["Floats", "Floats"]:
    """Give the least and the most of a side's runs, of four or more without the one farthest from their median."""
    ordered, middle = np.sort(seconds, axis=1), np.median(seconds, axis=1)
    least, most = ordered[:, 0], ordered[:, -1]
    if ordered.shape[1] < DISTURBED_FROM:
        return least, most
    is_low = middle - least > most - middle
    return np.where(is_low, ordered[:, 1], least), np.where(is_low, most, ordered[:, -2])


def stored(count: int, *, confirmed: bool = True, undecided: bool = False) -> Callable[[Drawn], "Flags"]:
    """Give the rule of `count` stored baseline runs; what is beyond a limit is confirmed on the median of three.

    `undecided` counts what ends as undecided, too.
    """

    def flags(drawn: Drawn) -> "Flags":
        base, new = drawn.base.first(count).medians(), drawn.new.medians()
        suspected = found_in(base, new.first(1))
        if not confirmed:
            return suspected.worse
        last = found_in(base, new.first(1 + CONFIRMING))
        return suspected.beyond & (last.beyond if undecided else last.worse)

    return flags


def paired(*, undecided: bool = False) -> Callable[[Drawn], "Flags"]:
    """Give the rule of three base runs and three under test that alternated; what is beyond a limit gets a fourth."""

    def flags(drawn: Drawn) -> "Flags":
        base, new = drawn.base.medians(), drawn.new.medians()
        suspected, last = (
            found_in(base.first(pairs), new.first(pairs), in_turns=True) for pairs in (PAIRS, PAIRS + MORE_PAIRS)
        )
        return suspected.beyond & (last.beyond if undecided else last.worse)

    return flags


def of_means(limit_pct: float) -> Callable[[Drawn], "Flags"]:
    """Give pytest-benchmark's `--benchmark-compare-fail=mean:N%` on the whole."""
    return lambda drawn: np.asarray(
        drawn.new.seconds[:, 0, 0].mean(axis=-1) > (1 + limit_pct / 100) * drawn.base.seconds[:, 0, 0].mean(axis=-1)
    )


def by_ranks(drawn: Drawn) -> "Flags":
    """Flag by a one-sided U test at 5 % over the rounds of the whole: of three against three, all must be slower."""
    return np.asarray(drawn.new.seconds[:, 0, 0].min(axis=-1) > drawn.base.seconds[:, 0, 0].max(axis=-1))


RULES = (
    Rule("5 runs, confirmed", stored(5), is_gate=True),
    Rule("10 runs, own limits, confirmed", stored(10), is_gate=True),
    Rule("3 pairs, confirmed by 1", paired(), is_gate=True),
    Rule("5 runs, or undecided", stored(5, undecided=True), is_gate=True),
    Rule("10 runs, or undecided", stored(10, undecided=True), is_gate=True),
    Rule("3 pairs, or undecided", paired(undecided=True), is_gate=True),
    Rule("5 runs, not confirmed", stored(5, confirmed=False), is_gate=False),
    Rule("1 run, not confirmed", stored(1, confirmed=False), is_gate=False),
    Rule("pytest-benchmark, mean:3%", of_means(3), is_gate=False),
    Rule("pytest-benchmark, mean:5%", of_means(5), is_gate=False),
    Rule("U test over rounds, 5 %", by_ranks, is_gate=False),
)
