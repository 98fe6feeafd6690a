"""Whether the gate stays quiet on an accelerator, and sees and names what is put into a run on purpose.

Run: `python -m tests.measure_gate_faults FOLDER`. What FOLDER does not hold yet is run first: suite `smoke` in fresh
processes, `base-01` and so on, and one run of CausVid for each fault of tests/injected_faults.py. Every unchanged run
is judged against all others, every faulty one against all unchanged. Prints each verdict, and exits with 1 where an
unchanged run did not pass, or a fault was not caught or is not named. A run here is what `--gate` calls a suspicion: it
would be confirmed by two more processes.

All are judged under the suite's limits of today, whatever they were when the runs were made. Then the same unchanged
runs are drawn again and again, as they are and with one phase 5 % slower: three against three of one GPU (in turns),
and three against five of all (stored); how often, is printed.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from fixtures.suite import read_suite
from reports.gate.judge import judge
from reports.gate.judge_metric import PAIRED, Rules
from reports.gate.limits import GateLimit
from reports.gate.sample import Sample, samples_of
from reports.gate.verdict import CaseVerdict, Verdict
from reports.merge import read_run
from tests.running import ROOT

RUNS, PAIRS, DRAWS = 10, 3, 1000
SUITE = "smoke"
MODEL = "causvid-1.3b"


class Expected(NamedTuple):
    """The verdict on CausVid's case, and words that must be in its reason."""

    verdict: Verdict
    words: tuple[str, ...]


EXPECTED = {
    "denoise": Expected("REGRESSION", ("denoise", "spread over its")),
    "decode": Expected("REGRESSION", ("phase_decode_s",)),
    "leak": Expected("REGRESSION", ("peak_allocated_bytes", "more stays allocated throughout")),
    "first_step": Expected("REGRESSION", ("first step", "later steps are within their limits")),
    "first_call": Expected("PASS", ()),
}


def make(folder: Path, fault: str | None = None) -> None:
    """Run the suite into `folder` in a fresh process; raises `CalledProcessError` where it fails."""
    command = [sys.executable, "-m", "pytest", "benchmarks/", f"--suite={SUITE}", "--weights=random", "--no-charts"]
    variables = dict(os.environ)
    if fault is not None:
        command.append(f"--model={MODEL}")
        base = folder.parent / "base-01" / "run.json"
        variables |= {"INJECTED_FAULT": fault, "INJECTED_BASE": str(base), "PYTEST_PLUGINS": "tests.injected_faults"}
    subprocess.run([*command, f"--run-dir={folder}"], cwd=ROOT, env=variables, check=True)


def samples(folder: Path) -> list[Sample]:
    """Read what a run left, under the suite's limits of today."""
    found = samples_of(read_run(folder / "run.json"))
    return [msgspec.structs.replace(sample, limits=suite_limits()) for sample in found]


def unexpected(fault: str, case: CaseVerdict) -> list[str]:
    """Say in what a verdict on a fault is not as expected."""
    verdict, words = EXPECTED[fault]
    wrong = [] if case.verdict == verdict else [f"{verdict} was expected"]
    return wrong + [f"{word!r} is not in its reason" for word in words if word not in case.why]


def told(name: str, case: CaseVerdict, wrong: Sequence[str]) -> str:
    """Lay out a verdict, and what is wrong with it."""
    line = f"{name:<12} {case.verdict:<10} {case.id}" + (f"\n    {case.why}" if case.why else "")
    return line + "".join(f"\n    !! {one}" for one in wrong)


def slower(sample: Sample, phase: str, factor: float) -> Sample:
    """Give a sample whose phase, and so the whole, takes longer, under the suite's limits."""
    name = f"phase_{phase}_s"
    added_s = (factor - 1) * sample.values[name]
    changed = {name: added_s, "prompt_to_host_s": added_s}
    values = {key: value + changed.get(key, 0.0) for key, value in sample.values.items()}
    return msgspec.structs.replace(sample, values=values, limits=suite_limits())


@cache
def suite_limits() -> list[GateLimit]:
    """Read the limits that suite smoke sets, which are the same for each of its cases."""
    suite = read_suite(SUITE)
    return [table.limit(f"suite {suite.name}") for table in suite.file.gates]


def flagged_pct(gpus: Sequence[Sequence[Sample]], phase: str, factor: float) -> tuple[float, float]:
    """Give in how many percent of draws a slower phase is a regression: in turns on one GPU, and against stored runs.

    `gpus` are the unchanged runs of a case by GPU.
    """
    rng, turns, stored = np.random.default_rng(7), 0, 0
    alone = [gpu for gpu in gpus if len(gpu) >= 2 * PAIRS]
    everything = [sample for gpu in gpus for sample in gpu]

    def draw(samples: Sequence[Sample], count: int) -> list[Sample]:
        return [samples[index] for index in rng.permutation(len(samples))[:count]]

    for _ in range(DRAWS):
        one = draw(alone[rng.integers(len(alone))], 2 * PAIRS)
        turns += _is_worse(one[:PAIRS], [slower(sample, phase, factor) for sample in one[PAIRS:]], PAIRED)
        many = draw(everything, Rules().fewest + PAIRS)
        stored += _is_worse(many[PAIRS:], [slower(sample, phase, factor) for sample in many[:PAIRS]], Rules())
    return 100 * turns / DRAWS, 100 * stored / DRAWS


def _is_worse(base: Sequence[Sample], new: Sequence[Sample], rules: Rules) -> bool:
    return judge([slower(sample, "decode", 1.0) for sample in base], new, rules=rules)[0].verdict == "REGRESSION"


def drawn(folder: Path, names: Sequence[str]) -> list[str]:
    """Lay out how often each case is flagged, by phase and slow-down."""
    gpus: dict[str, dict[str, list[Sample]]] = {}
    for name in names:
        run = read_run(folder / name / "run.json")
        gpu = ", ".join(str(one.get("uuid")) for one in run.environment.gpus)
        for sample in samples_of(run):
            gpus.setdefault(sample.id, {}).setdefault(gpu, []).append(sample)
    lines = [f"of {DRAWS} draws a regression [%], suite {SUITE}'s limits: in turns on one GPU; 3 against 5 stored"]
    for case, by_gpu in gpus.items():
        for phase in ("denoise", "decode"):
            for factor in (1.0, 1.05):
                turns, stored = flagged_pct(list(by_gpu.values()), phase, factor)
                lines.append(f"{case} {phase} {100 * (factor - 1):+.0f} %: {turns:.1f}; {stored:.1f}")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, judge, print; 1 where something was not as expected."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=RUNS, help="unchanged runs, eight or more, six of one GPU")
    options = parser.parse_args(arguments)
    folder = options.folder.absolute()
    names = [f"base-{number:02d}" for number in range(1, options.runs + 1)]
    for name, fault in [*((name, None) for name in names), *((fault, fault) for fault in EXPECTED)]:
        if not (folder / name / "run.json").exists():
            make(folder / name, fault)
    base = {name: samples(folder / name) for name in names}
    wrong_count = 0
    for name in names:
        others = [sample for other, found in base.items() if other != name for sample in found]
        for case in judge(others, base[name]):
            wrong = [] if case.verdict == "PASS" else ["nothing was changed"]
            wrong_count += len(wrong)
            print(told(name, case, wrong))
    for fault in EXPECTED:
        found = samples(folder / fault)
        mine = [sample for one in base.values() for sample in one if sample.id in {other.id for other in found}]
        for case in judge(mine, found):
            wrong = unexpected(fault, case)
            wrong_count += len(wrong)
            print(told(fault, case, wrong))
    print("", *drawn(folder, names), sep="\n")
    print(f"\n{'as expected' if not wrong_count else f'{wrong_count} not as expected'}")
    return 1 if wrong_count else 0


if __name__ == "__main__":
    sys.exit(main())
