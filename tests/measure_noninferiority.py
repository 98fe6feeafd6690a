"""Does the verdict err as rarely as it says: its type-I error at the margin, and its power, by simulation.

Run: `python -m tests.measure_noninferiority [--trials N] [--bootstrap-trials N] [--seed N]`.
A trial draws the paired differences of prompts x seeds with a deviation of 1 a clip, of which prompts share 60 % of the
variance, and asks for the verdict. At the margin a student is just too bad, so every PASS is an error: nominally 5 %.
Power is how often a student that is truly equal passes. Bounds are those of reports/noninferiority.py, vectorised over
trials; the first trials are given to `judge` itself and must come out the same. Exits 1 where an error of the gating
bound lies outside 4 to 6.5 %, or a power further than 0.04 from the table that the suites were planned with, itself a
simulation.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import stats

from reports.judged import Margin
from reports.noninferiority import ALPHA, FEWEST_FOR_BOOTSTRAP, RESAMPLES, Pair, judge

if TYPE_CHECKING:
    from numpy.typing import NDArray

BAND = (0.04, 0.065)
PROMPT_SHARE = 0.6
POWER_TOLERANCE = 0.04
CHECKED = 20
BATCH = 100
MARGINS = (0.25, 0.5, 0.75, 1.0)
# Power by margin, in deviations of a clip, as the sizes of the suites were planned with.
PLANNED = {
    (8, 1): (0.17, 0.37, 0.62, 0.80),
    (16, 1): (0.23, 0.62, 0.90, 0.98),
    (16, 2): (0.26, 0.68, 0.93, 1.0),
    (32, 1): (0.42, 0.88, 0.99, 1.0),
    (32, 2): (0.45, 0.93, 1.0, 1.0),
    (64, 1): (0.60, 1.0, 1.0, 1.0),
}


class Errors(NamedTuple):
    """How often a student at the margin passes: by t, by BCa (None: not simulated), by clips taken as independent."""

    t: float
    bca: float | None
    pooled: float


def draw(
    rng: np.random.Generator, trials: int, prompts: int, seeds: int, *, skewed: bool = False
) -> "NDArray[np.float64]":
    """Draw differences [trials, prompts, seeds] of mean 0 and deviation 1; skewed ones have rare, large losses."""
    shape = (trials, prompts, 1)
    of_prompt = 1 - rng.exponential(size=shape) if skewed else rng.standard_normal(shape)
    of_clip = rng.standard_normal((trials, prompts, seeds))
    return np.asarray(np.sqrt(PROMPT_SHARE) * of_prompt + np.sqrt(1 - PROMPT_SHARE) * of_clip)


def lower_t(values: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Give the one-sided lower bound of the mean over the last axis, by Student's t."""
    count = values.shape[-1]
    half = stats.t.ppf(1 - ALPHA, count - 1) * values.std(axis=-1, ddof=1) / np.sqrt(count)
    return np.asarray(values.mean(axis=-1) - half)


def lower_bca(values: "NDArray[np.float64]", rng: np.random.Generator) -> "NDArray[np.float64]":
    """Give the one-sided lower bound of the mean over the last axis, by scipy's BCa bootstrap."""
    lows = [
        stats.bootstrap(
            (part,), np.mean, n_resamples=RESAMPLES, confidence_level=1 - 2 * ALPHA, axis=-1, batch=100, rng=rng
        ).confidence_interval.low
        for part in np.array_split(values, max(1, len(values) // BATCH))
    ]
    return np.concatenate(lows)


def errors_at_the_margin(
    rng: np.random.Generator,
    size: tuple[int, int],
    trials: int,
    bootstrap_trials: int,
    *,
    skewed: bool = False,
) -> Errors:
    """Simulate students whose true loss is the margin itself (0 after adding it), and give how often they pass."""
    differences = draw(rng, trials, *size, skewed=skewed)
    means = differences.mean(axis=2)
    bca = lower_bca(means[:bootstrap_trials], rng) if bootstrap_trials else None
    return Errors(
        t=float((lower_t(means) > 0).mean()),
        bca=None if bca is None else float((bca > 0).mean()),
        pooled=float((lower_t(differences.reshape(trials, -1)) > 0).mean()),
    )


def powers(rng: np.random.Generator, size: tuple[int, int], trials: int) -> list[float]:
    """Simulate truly equal students, and give how often the t bound passes them, by margin of `MARGINS`."""
    bounds = lower_t(draw(rng, trials, *size).mean(axis=2))
    return [float((bounds > -margin).mean()) for margin in MARGINS]


def disagreements(rng: np.random.Generator, size: tuple[int, int]) -> int:
    """Count trials in which `judge` passes another student than the vectorised t bound does."""
    differences = draw(rng, CHECKED, *size)
    margin = Margin(metric="simulated", better="higher", absolute=0.5, why="simulation")
    wrong = 0
    for trial, low in zip(differences, lower_t(differences.mean(axis=2)), strict=True):
        pairs = [Pair(str(prompt), seed, float(d), 0.0) for (prompt, seed), d in np.ndenumerate(trial)]
        wrong += (judge(pairs, margin).verdict == "PASS") != (low > -0.5)
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, print, and return 1 where something lies outside its band."""
    options = _parser().parse_args(arguments)
    rng = np.random.default_rng(options.seed)
    problems = _print_errors(rng, options.trials, options.bootstrap_trials) + _print_powers(rng, options.trials)
    wrong = sum(disagreements(rng, size) for size in ((8, 2), (16, 2)))
    print(f"\njudge and the simulation agree in {2 * CHECKED - wrong} of {2 * CHECKED} trials")
    problems += [f"judge differs from the simulation in {wrong} trials"] if wrong else []
    for problem in problems:
        print(f"!! {problem}")
    return 1 if problems else 0


def _print_errors(rng: np.random.Generator, trials: int, bootstrap_trials: int) -> list[str]:
    print(
        f"passes at the margin, nominally {ALPHA:.0%}; t and pooled over {trials} trials, BCa over {bootstrap_trials}"
    )
    print(f"{'prompts x seeds':<22}{'t on prompts':>14}{'BCa on prompts':>16}{'clips pooled':>14}  gate")
    problems = []
    for size, skewed in (
        ((5, 1), False),
        ((8, 2), False),
        ((16, 2), False),
        ((24, 2), False),
        ((32, 2), False),
        ((32, 2), True),
    ):
        found = errors_at_the_margin(rng, size, trials, bootstrap_trials, skewed=skewed)
        gate, error = ("t", found.t) if size[0] < FEWEST_FOR_BOOTSTRAP else ("BCa", found.bca)
        name = f"{size[0]} x {size[1]}" + (", skewed" if skewed else "")
        bca = "-" if found.bca is None else f"{found.bca:.1%}"
        print(f"{name:<22}{found.t:>14.1%}{bca:>16}{found.pooled:>14.1%}  {gate}")
        is_held = not skewed and size[0] >= 8 and error is not None
        if is_held and error is not None and not BAND[0] <= error <= BAND[1]:
            problems.append(f"{name}: {error:.2%} by {gate} lies outside {BAND[0]:.0%} to {BAND[1]:.1%}")
    return problems


def _print_powers(rng: np.random.Generator, trials: int) -> list[str]:
    print(
        f"\npasses when truly equal, by the margin in deviations of a clip ({trials} trials, t); in brackets: planned"
    )
    print(f"{'prompts x seeds':<22}" + "".join(f"{margin:>14}" for margin in MARGINS))
    problems = []
    for size, planned in PLANNED.items():
        found = powers(rng, size, trials)
        cells = [f"{power:.2f} ({plan:.2f})" for power, plan in zip(found, planned, strict=True)]
        print(f"{size[0]} x {size[1]:<18}" + "".join(f"{cell:>14}" for cell in cells))
        apart = max(abs(power - plan) for power, plan in zip(found, planned, strict=True))
        if apart > POWER_TOLERANCE:
            problems.append(f"{size[0]} x {size[1]}: power is {apart:.3f} from what was planned")
    return problems


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.measure_noninferiority", description="Simulate verdicts.")
    parser.add_argument("--trials", type=int, default=40_000, help="students simulated a row (default: %(default)s)")
    parser.add_argument(
        "--bootstrap-trials", type=int, default=8_000, help="of them also by the bootstrap (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
