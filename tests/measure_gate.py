"""How often the gate errs: false alarms on unchanged code, and slow-downs that it catches, by simulation.

Run: `python -m tests.measure_gate [--trials N] [--seed N] [--svg FILE]`.
A trial draws the runs of one case: six numbers (the whole, two phases, the first step and all later ones, the first
frame), three rounds a run.
Processes differ by 1 % (log-normal, in all numbers alike), numbers of one process by 0.3 %, rounds by 0.3 %. A
slow-down is in all numbers. The gate's rules are those of reports/gate/, vectorised over trials; some trials are given
to `judge` itself and must come out the same. A suspect is confirmed as the gate asks: by two more processes: of stored
baselines both under test, of pairs one of each side.
Beside them, on the same runs, stand pytest-benchmark's rule (the mean of one run against that of one other), a U test
over rounds, and one baseline run by the gate's own limits. Exits 1 where a rule of the gate gives false alarms in more
than 0.1 % of unchanged cases, or catches less than 90 % at +5 % or 99 % at +10 %.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from reports.gate.judge import judge
from reports.gate.judge_metric import PAIRED, Rules
from reports.gate.limits import LEAST_PCT, limit_of
from reports.gate.robust import FEWEST_RUNS, NORMAL, deviations
from reports.gate.sample import Sample

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
ROUNDS, BASELINE, CONFIRMING = 3, 10, 2
PAIRS, MORE_PAIRS = 3, 1
SLOWER_PCT = (0, 1, 2, 3, 4, 5, 6, 8, 10)
MOST_FALSE_PCT = 0.1
LEAST_CAUGHT_PCT = {5: 90.0, 10: 99.0}
BATCH = 10_000
CHECKED = 60


class Drawn(NamedTuple):
    """Runs of a case: seconds by trial, run, number and round."""

    base: "Floats"
    new: "Floats"


class Rule(NamedTuple):
    """A rule: which trials it flags, and whether it has to keep the gate's promise."""

    name: str
    flags: Callable[[Drawn], "Flags"]
    is_gate: bool


def draw(rng: np.random.Generator, trials: int, slower_pct: float) -> Drawn:
    """Draw ten baseline runs and five under test of each trial."""

    def runs(count: int, factor: float) -> "Floats":
        process = rng.normal(0, BETWEEN_PROCESSES, (trials, count, 1, 1))
        number = rng.normal(0, BETWEEN_NUMBERS, (trials, count, len(SECONDS), 1))
        rounds = rng.normal(0, BETWEEN_ROUNDS, (trials, count, len(SECONDS), ROUNDS))
        seconds = np.array(list(SECONDS.values())).reshape(1, 1, -1, 1)
        return np.asarray(factor * seconds * np.exp(process + number + rounds))

    return Drawn(runs(BASELINE, 1.0), runs(PAIRS + CONFIRMING, 1 + slower_pct / 100))


def scales(values: "Floats") -> "Floats":
    """Give `reports.gate.robust.scale` along the runs of (trials, runs, numbers)."""
    count = values.shape[1]
    half = count // 2 + 1
    first, second = np.triu_indices(count, 1)
    distances = np.sort(np.abs(values[:, first] - values[:, second]), axis=1)
    return np.asarray(NORMAL * distances[:, half * (half - 1) // 2 - 1])


def is_slower(base: "Floats", new: "Floats", *, in_turns: bool = False) -> "Flags":
    """Tell by trial whether any number is worse than its limits; `base` and `new` are (trials, runs, numbers).

    Of runs in turns every one under test must be slower than every one of the base.
    """
    limits = [limit_of(name) for name in SECONDS]
    relative = np.array([limit.relative_pct for limit in limits])[None, :]
    middle = np.median(base, axis=1)
    if not in_turns and base.shape[1] >= FEWEST_RUNS:
        relative = np.minimum(relative, np.maximum(LEAST_PCT, 100 * deviations(base.shape[1]) * scales(base) / middle))
    absolute = np.array([limit.absolute for limit in limits])[None, :]
    excess = np.median(new, axis=1) - middle
    beyond = excess > np.maximum(relative / 100 * middle, absolute)
    return np.asarray((beyond & (not in_turns or new.min(axis=1) > base.max(axis=1))).any(axis=1))


def stored(count: int, *, confirmed: bool = True) -> Callable[[Drawn], "Flags"]:
    """Give the rule of `count` stored baseline runs; a suspect is confirmed on the median of three."""

    def flags(drawn: Drawn) -> "Flags":
        base, new = np.median(drawn.base[:, :count], axis=-1), np.median(drawn.new, axis=-1)
        suspected = is_slower(base, new[:, :1])
        return suspected & is_slower(base, new[:, : 1 + CONFIRMING]) if confirmed else suspected

    return flags


def paired(drawn: Drawn) -> "Flags":
    """Flag by three base runs and three under test that alternated; a suspect by four of each."""
    base, new = np.median(drawn.base, axis=-1), np.median(drawn.new, axis=-1)
    suspected, confirmed = (
        is_slower(base[:, :pairs], new[:, :pairs], in_turns=True) for pairs in (PAIRS, PAIRS + MORE_PAIRS)
    )
    return suspected & confirmed


def of_means(limit_pct: float) -> Callable[[Drawn], "Flags"]:
    """Give pytest-benchmark's `--benchmark-compare-fail=mean:N%` on the whole."""
    return lambda drawn: np.asarray(
        drawn.new[:, 0, 0].mean(axis=-1) > (1 + limit_pct / 100) * drawn.base[:, 0, 0].mean(axis=-1)
    )


def by_ranks(drawn: Drawn) -> "Flags":
    """Flag by a one-sided U test at 5 % over the rounds of the whole: of three against three, all must be slower."""
    return np.asarray(drawn.new[:, 0, 0].min(axis=-1) > drawn.base[:, 0, 0].max(axis=-1))


RULES = (
    Rule("5 runs, confirmed", stored(5), is_gate=True),
    Rule("10 runs, own limits, confirmed", stored(10), is_gate=True),
    Rule("3 pairs, confirmed by 1", paired, is_gate=True),
    Rule("5 runs, not confirmed", stored(5, confirmed=False), is_gate=False),
    Rule("1 run, not confirmed", stored(1, confirmed=False), is_gate=False),
    Rule("pytest-benchmark, mean:3%", of_means(3), is_gate=False),
    Rule("pytest-benchmark, mean:5%", of_means(5), is_gate=False),
    Rule("U test over rounds, 5 %", by_ranks, is_gate=False),
)


def flagged_pct(rng: np.random.Generator, trials: int, slower_pct: float) -> list[float]:
    """Give for each rule the percentage of trials that it flags."""
    found = np.zeros(len(RULES))
    for start in range(0, trials, BATCH):
        drawn = draw(rng, min(BATCH, trials - start), slower_pct)
        found += [rule.flags(drawn).sum() for rule in RULES]
    return [float(100 * count / trials) for count in found]


def disagreements(rng: np.random.Generator) -> list[str]:
    """Give the trials of which `judge` says otherwise than the vectorised rules, near where they flip."""
    drawn = draw(rng, CHECKED, 3.0)
    base, new = np.median(drawn.base, axis=-1), np.median(drawn.new, axis=-1)
    wrong = []
    for count, under_test, rules in (
        (5, 1, Rules()),
        (5, 3, Rules()),
        (10, 1, Rules()),
        (10, 3, Rules()),
        (3, 3, PAIRED),
    ):
        flags = is_slower(base[:, :count], new[:, :under_test], in_turns=rules.paired)
        for trial in range(CHECKED):
            (case,) = judge(
                _samples("base", base[trial, :count]), _samples("new", new[trial, :under_test]), rules=rules
            )
            if (case.verdict == "REGRESSION") != flags[trial]:
                wrong.append(f"{count} against {under_test}, trial {trial}: {case.verdict}")
    return wrong


def _samples(role: str, runs: "Floats") -> list[Sample]:
    return [
        Sample(
            id="case",
            run=f"{role} {number}",
            created_at=f"{number:02d}",
            status="passed",
            reason="",
            invalid="",
            mismatch="",
            facts={},
            values=dict(zip(SECONDS, map(float, run), strict=True)),
            sm_clock_mhz=None,
            limits=[],
            versions={},
        )
        for number, run in enumerate(runs)
    ]


def broken_promises(name: str, by_slower: dict[int, float]) -> list[str]:
    """Say what of the gate's promise a rule does not keep."""
    short = [
        f"catches {by_slower[pct]:.2f} % at +{pct} %, promised are {least:g} %"
        for pct, least in LEAST_CAUGHT_PCT.items()
        if not by_slower[pct] >= least
    ]
    false = by_slower[0]
    many = [] if false <= MOST_FALSE_PCT else [f"false alarms {false:.3f} %, promised are {MOST_FALSE_PCT:g} %"]
    return [f"!! {name}: {text}" for text in [*many, *short]]


def table(found: dict[int, list[float]]) -> str:
    """Lay out the percentages: a rule a row, a slow-down a column."""
    head = f"{'flagged at a slow-down of':<32}" + "".join(f"{f'+{pct} %':>9}" for pct in found)
    rows = [
        f"{rule.name:<32}"
        + "".join(f"{values[row]:>9.3f}" if not pct else f"{values[row]:>9.2f}" for pct, values in found.items())
        for row, rule in enumerate(RULES)
    ]
    return "\n".join([head, *rows])


def draw_svg(found: dict[int, list[float]], path: Path) -> None:
    """Plot the percentages over the slow-down."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    with mpl.rc_context({"svg.hashsalt": "gate", "svg.fonttype": "none"}):
        figure, axes = plt.subplots(figsize=(7.5, 4.5))
        for row, rule in enumerate(RULES):
            axes.plot(list(found), [v[row] for v in found.values()], "o-" if rule.is_gate else "x--", label=rule.name)
        axes.set(xlabel="slow-down [%]", ylabel="flagged [%]", title="1 % between processes, 0.3 % between rounds")
        axes.legend(fontsize="small")
        axes.grid(alpha=0.3)
        figure.savefig(path, format="svg", metadata={"Date": None})
        plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print how often every rule flags; 1 where the gate breaks its promise."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=200_000, help="unchanged cases; of slower ones a tenth")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--svg", type=Path)
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(options.seed)
    wrong = disagreements(rng)
    print(f"the gate itself and the vectorised rules: {'agree' if not wrong else 'DISAGREE'}", *wrong, sep="\n  ")
    found = {pct: flagged_pct(rng, options.trials // (10 if pct else 1), pct) for pct in SLOWER_PCT}
    print(
        f"{options.trials} unchanged cases, {options.trials // 10} of each slow-down, seed {options.seed}; in percent\n"
    )
    print(table(found))
    if options.svg is not None:
        draw_svg(found, options.svg)
    broken = [
        text
        for row, rule in enumerate(RULES)
        if rule.is_gate
        for text in broken_promises(rule.name, {pct: values[row] for pct, values in found.items()})
    ]
    print(
        "",
        *(
            broken
            or ["every rule of the gate keeps its promise: at most 0.1 % false alarms, 90 % at +5 %, 99 % at +10 %"]
        ),
        sep="\n",
    )
    return int(bool(broken or wrong))


if __name__ == "__main__":
    sys.exit(main())
