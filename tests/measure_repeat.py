"""How far two runs of one suite lie apart: the same commit, GPU and cases in two fresh processes.

Run: `python -m tests.measure_repeat RUN RUN` with two run folders or run.json files. It prints every case's median time
and peak of allocation in both, and exits with 1 when the median absolute difference over the cases is above 2 %, when
an eager case allocated other bytes or a CUDA case has none, when a case has no time or was measured in an invalid
environment, or when the runs are of different cases, commits or GPUs, by name and UUID. Compiled cases may allocate
otherwise: their programs are tuned anew in each process.
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


def difference_pct(first: CaseRecord, second: CaseRecord) -> float | None:
    """Give by how much the second median of prompt to host frames is over the first; None without one of them."""
    before_s, after_s = figures(first).prompt_to_host_s, figures(second).prompt_to_host_s
    return None if before_s is None or after_s is None else 100 * (after_s / before_s - 1)


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
        "the cards, by UUID,": [[gpu.get("uuid") for gpu in run.environment.gpus] for run in (first, second)],
        "packages": [run.environment.packages for run in (first, second)],
    }
    found = [f"{name} differ: {one} and {other}" for name, (one, other) in same.items() if one != other]
    if found:
        return found
    pairs = list(zip(first.cases, second.cases, strict=True))
    apart_pct = [abs(pct) for pair in pairs if (pct := difference_pct(*pair)) is not None]
    if apart_pct and statistics.median(apart_pct) > LIMIT_PCT:
        found.append(f"median absolute difference {statistics.median(apart_pct):.2f} % is over {LIMIT_PCT} %")
    return found + [problem for pair in pairs for problem in _problems_of_case(*pair, first)]


def _problems_of_case(one: CaseRecord, other: CaseRecord, run: Run) -> list[str]:
    found = [f"{case.id}: {case.reason}" for case in (one, other) if case.status == "invalid_env"]
    if difference_pct(one, other) is None:
        found.append(f"{one.id}: {one.status} and {other.status}; both runs must have timed it")
        return found
    apart_bytes = allocated_apart_bytes(one, other)
    if apart_bytes is None and one.plan.recipe.device == "cuda":
        found.append(f"{one.id}: allocated bytes are missing, though it ran on CUDA")
    if apart_bytes and _is_eager(one, run):
        found.append(f"{one.id}: allocated {apart_bytes:+} bytes, though nothing is compiled or tuned")
    return found


def _is_eager(case: CaseRecord, run: Run) -> bool:
    return case.plan.recipe.compile == "none" and not run.environment.settings.get("torch.backends.cudnn.benchmark")


def table(first: Run, second: Run) -> list[str]:
    """Give the lines of both runs' figures, a line a case, and the median absolute difference."""
    width = max(len(case.id) for case in first.cases)
    lines = [" ".join([" " * width, *(f"{heading:>13}" for heading in HEADINGS)])]
    apart_pct = []
    for pair in zip(first.cases, second.cases, strict=True):
        apart_pct.append(difference_pct(*pair))
        times = [_cell(figures(case).prompt_to_host_s, ".4f") for case in pair]
        cells = (
            *times,
            _cell(apart_pct[-1], "+.2f"),
            *map(_cell, (allocated_bytes(pair[0]), allocated_apart_bytes(*pair))),
        )
        lines.append(" ".join([f"{pair[0].id:{width}}", *(f"{cell:>13}" for cell in cells)]))
    known = [abs(pct) for pct in apart_pct if pct is not None]
    median = f"median absolute difference {statistics.median(known):.2f} %" if known else "no case has two times"
    return [*lines, median]


def _cell(value: float | None, form: str = "") -> str:
    return "–" if value is None else f"{value:{form}}"


def main(arguments: list[str] | None = None) -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs=2, type=Path, metavar="RUN")
    first, second = (read_run(path) for path in parser.parse_args(arguments).runs)
    found = problems(first, second)
    if first.cases and [case.id for case in first.cases] == [case.id for case in second.cases]:
        print("\n".join(table(first, second)))
    for problem in found:
        print(f"!! {problem}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
