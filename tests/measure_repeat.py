"""How far two runs of one suite lie apart: the same commit, GPU and cases in two fresh processes.

Run: `python -m tests.measure_repeat RUN RUN` with two run folders or run.json files. It prints every case's median time
and peak of allocation in both, and exits with 1 when the median absolute difference over the cases is above 2 %, when
an eager case allocated other bytes, when a case was measured in an invalid environment, or when the runs are of
different cases, commits or GPUs. Compiled cases may allocate otherwise: their programs are tuned anew in each process.
"""

import argparse
import statistics
import sys
from pathlib import Path

from reports.merge import read_run
from reports.record import CaseRecord, Run
from reports.rows import figures

LIMIT_PCT = 2.0
HEADINGS = ("first [s]", "second [s]", "apart [%]", "allocated [B]", "apart [B]")


def difference_pct(first: CaseRecord, second: CaseRecord) -> float:
    """Give by how much the second median of prompt to host frames is over the first; raises ValueError without one."""
    before_s, after_s = figures(first).prompt_to_host_s, figures(second).prompt_to_host_s
    if before_s is None or after_s is None:
        message = f"{first.id}: {first.status} and {second.status}; both runs must have timed it"
        raise ValueError(message)
    return 100 * (after_s / before_s - 1)


def allocated_bytes(case: CaseRecord) -> int | None:
    """Give a case's peak of allocation; None where it is not measured: on a CPU."""
    return case.measurement.memory.peak_allocated_bytes if case.measurement else None


def allocated_apart_bytes(first: CaseRecord, second: CaseRecord) -> int | None:
    """Give by how much the second peak of allocation is over the first."""
    before, after = allocated_bytes(first), allocated_bytes(second)
    return None if before is None or after is None else after - before


def problems(first: Run, second: Run) -> list[str]:
    """Say what forbids to compare two runs, or what the comparison does not hold."""
    same: dict[str, list[object]] = {
        "cases": [[case.id for case in run.cases] for run in (first, second)],
        "git_commit": [run.environment.git_commit for run in (first, second)],
        "GPU": [[gpu["name"] for gpu in run.environment.gpus] for run in (first, second)],
        "packages": [run.environment.packages for run in (first, second)],
    }
    found = [f"{name} differ: {one} and {other}" for name, (one, other) in same.items() if one != other]
    if found:
        return found
    pairs = list(zip(first.cases, second.cases, strict=True))
    apart_pct = statistics.median(abs(difference_pct(*pair)) for pair in pairs)
    if apart_pct > LIMIT_PCT:
        found.append(f"median absolute difference {apart_pct:.2f} % is over {LIMIT_PCT} %")
    found += [f"{case.id}: {case.reason}" for pair in pairs for case in pair if case.status == "invalid_env"]
    return found + [
        f"{pair[0].id}: allocated {apart:+} bytes, though nothing is compiled or tuned"
        for pair in pairs
        if (apart := allocated_apart_bytes(*pair)) and _is_eager(pair[0], first)
    ]


def _is_eager(case: CaseRecord, run: Run) -> bool:
    return case.plan.recipe.compile == "none" and not run.environment.settings.get("torch.backends.cudnn.benchmark")


def table(first: Run, second: Run) -> list[str]:
    """Give the lines of both runs' figures, a line a case, and the median absolute difference."""
    width = max(len(case.id) for case in first.cases)
    lines = [" ".join([" " * width, *(f"{heading:>13}" for heading in HEADINGS)])]
    apart_pct = []
    for pair in zip(first.cases, second.cases, strict=True):
        apart_pct.append(difference_pct(*pair))
        times = [f"{figures(case).prompt_to_host_s:.4f}" for case in pair]
        cells = (*times, f"{apart_pct[-1]:+.2f}", allocated_bytes(pair[0]), allocated_apart_bytes(*pair))
        lines.append(" ".join([f"{pair[0].id:{width}}", *(f"{'–' if c is None else c:>13}" for c in cells)]))
    return [*lines, f"median absolute difference {statistics.median(map(abs, apart_pct)):.2f} %"]


def main(arguments: list[str] | None = None) -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs=2, type=Path, metavar="RUN")
    first, second = (read_run(path) for path in parser.parse_args(arguments).runs)
    found = problems(first, second)
    if [case.id for case in first.cases] == [case.id for case in second.cases]:
        print("\n".join(table(first, second)))
    for problem in found:
        print(f"!! {problem}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
