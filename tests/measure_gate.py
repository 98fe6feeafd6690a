"""How often the gate errs: false alarms on unchanged code, and slow-downs that it catches, by simulation.

Run: `python -m tests.measure_gate [--trials N] [--seed N] [--svg FILE]`.
A trial draws the runs of one case: six numbers (the whole, two phases, the first step and all later ones, the first
frame), three rounds a run.
Processes differ by 1 % (log-normal, in all numbers alike), half of it by their SM clock, numbers of one process by
0.3 %, rounds by 0.3 %. A slow-down is in all numbers, and in cycles (time × SM clock). The gate's
rules are those of reports/gate/, vectorised over trials (tests/gate_rules.py); some trials are given to `judge` itself
and must come out the same. What is beyond a limit, also where cycles or overlapping turns leave it undecided, is
confirmed as the gate asks, by two more processes: of stored baselines both under test, of pairs one of each side.
Beside them, on the same runs, stand pytest-benchmark's rule (the mean of one run against that of one other), a U test
over rounds, and one baseline run by the gate's own limits. Exits 1 where a rule of the gate gives false alarms in more
than 0.1 % of unchanged cases, undecided ones counted in, or catches less than 90 % at +5 % or 99 % at +10 %.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reports.gate.judge import judge
from reports.gate.judge_metric import PAIRED, Rules
from reports.gate.sample import Sample
from tests.gate_rules import RULES, SECONDS, Runs, draw, found_in

SLOWER_PCT = (0, 1, 2, 3, 4, 5, 6, 8, 10)
MOST_FALSE_PCT = 0.1
LEAST_CAUGHT_PCT = {5: 90.0, 10: 99.0}
BATCH = 10_000
CHECKED = 60


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
    wrong = []
    for count, under_test, rules in (
        (5, 1, Rules()),
        (5, 3, Rules()),
        (10, 1, Rules()),
        (10, 3, Rules()),
        (3, 3, PAIRED),
        (4, 4, PAIRED),
    ):
        base, new = drawn.base.first(count).medians(), drawn.new.first(under_test).medians()
        found = found_in(base, new, in_turns=rules.paired)
        for trial in range(CHECKED):
            (case,) = judge(_samples("base", base, trial), _samples("new", new, trial), rules=rules)
            expected = "REGRESSION" if found.worse[trial] else "AMBIGUOUS" if found.beyond[trial] else "PASS"
            if case.verdict != expected:
                wrong.append(f"{count} against {under_test}, trial {trial}: {case.verdict}, not {expected}")
    return wrong


def _samples(role: str, runs: Runs, trial: int) -> list[Sample]:
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
            values=dict(zip(SECONDS, map(float, seconds), strict=True)),
            sm_clock_mhz=float(clock_mhz),
            limits=[],
            versions={},
        )
        for number, (seconds, clock_mhz) in enumerate(zip(runs.seconds[trial], runs.clocks_mhz[trial], strict=True))
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
