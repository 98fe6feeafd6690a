"""Two runs of one suite lie apart by what the script says, and what forbids to compare them is told."""

from pathlib import Path

import msgspec
import pytest

from reports.environment import Environment
from reports.record import Run
from reports.strict_json import write_json_atomically
from tests.measure_repeat import main, problems, table
from tests.reports_samples import case_of, measured, planned, replaced, run_of

CAUSVID, WAN = planned("causvid-1.3b"), planned("wan2.1-t2v-1.3b")


def run_with(causvid_s: float, wan_s: float) -> Run:
    return run_of(case_of(CAUSVID, causvid_s), case_of(WAN, wan_s))


def with_environment(run: Run, **changes: object) -> Run:
    environment = msgspec.convert({**msgspec.structs.asdict(run.environment), **changes}, Environment)
    return msgspec.structs.replace(run, environment=environment)


@pytest.mark.parametrize(
    ("second_s", "over"), [((1.019, 98.2), False), ((1.0199, 98.01), False), ((1.021, 97.9), True)]
)
def test_median_absolute_difference_over_two_percent_is_a_problem(second_s: tuple[float, float], over: bool) -> None:
    """One case slower and one faster by the same do not cancel; just under two percent passes."""
    found = problems(run_with(1.0, 100.0), run_with(*second_s))
    assert bool(found) == over
    assert all("over 2.0 %" in problem for problem in found)


def test_other_bytes_of_an_eager_case_are_a_problem_and_of_a_compiled_one_not() -> None:
    """Torch allocates the same for the same program; which program a compiler writes is tuned in each process."""
    first = run_with(1.0, 100.0)
    case = first.cases[0]
    assert case.measurement is not None
    memory = msgspec.structs.replace(case.measurement.memory, peak_allocated_bytes=24 * 2**30 + 512)
    measurement = msgspec.structs.replace(case.measurement, memory=memory)
    other = msgspec.structs.replace(case, measurement=measurement)
    second = msgspec.structs.replace(first, cases=[other, first.cases[1]])
    assert problems(first, second) == [f"{case.id}: allocated +512 bytes, though nothing is compiled or tuned"]
    compiled = replaced(case, compile="all")
    assert problems(msgspec.structs.replace(first, cases=[compiled, first.cases[1]]), second) == []


def test_case_of_a_slowed_down_gpu_is_a_problem() -> None:
    """Its times say nothing of repeatability, however near they lie."""
    slowed = case_of(WAN, 100.0, status="invalid_env", reason="hardware slowdown")
    second = run_of(case_of(CAUSVID, 1.0), slowed)
    assert problems(run_with(1.0, 100.0), second) == [f"{slowed.id}: hardware slowdown"]


def test_runs_of_other_commits_gpus_or_cases_are_not_compared() -> None:
    """Their difference would be no repeatability."""
    first = run_with(1.0, 100.0)
    assert problems(first, with_environment(first, git_commit="f" * 40))[0].startswith("git_commit differ")
    assert problems(first, with_environment(first, gpus=[{"name": "NVIDIA A100"}]))[0].startswith("GPU differ")
    assert problems(first, run_of(case_of(CAUSVID, 1.0)))[0].startswith("cases differ")


def test_table_has_a_line_a_case_and_the_median(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The script prints what `table` gives and ends with 1 where there is a problem."""
    paths = []
    for name, run in {"a": run_with(2.0, 100.0), "b": run_with(2.1, 99.0)}.items():
        paths.append(tmp_path / f"{name}.json")
        write_json_atomically(paths[-1], run)
    assert main([str(path) for path in paths]) == 1
    printed = capsys.readouterr().out
    lines = table(run_with(2.0, 100.0), run_with(2.1, 99.0))
    assert "+5.00" in lines[1]
    assert "-1.00" in lines[2]
    assert lines[3] == "median absolute difference 3.00 %"
    assert printed.startswith("\n".join(lines))
    assert "!! median absolute difference 3.00 % is over 2.0 %" in printed


def test_case_without_times_is_a_problem_and_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A case that failed in one run is no repetition of the other's; the table has a gap, and the rest is compared."""
    lacking = case_of(WAN, status="failed")
    first, second = run_with(1.0, 100.0), run_of(case_of(CAUSVID, 1.01), lacking)
    sentence = f"{lacking.id}: passed and failed; both runs must have timed it"
    assert problems(first, second) == [sentence]
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, run in zip(paths, (first, second), strict=True):
        write_json_atomically(path, run)
    assert main([str(path) for path in paths]) == 1
    printed = capsys.readouterr().out
    assert f"!! {sentence}" in printed
    assert "median absolute difference 1.00 %" in printed
    assert table(run_of(lacking), run_of(lacking))[-1] == "no case has two times"


def test_missing_bytes_are_a_problem_on_cuda_alone() -> None:
    """Equal gaps would pass for equal bytes; a CPU has no allocator that counts."""
    case = case_of(CAUSVID, 1.0)
    bare = msgspec.structs.replace(case, measurement=measured(1.0, peak_bytes=None))
    told = f"{case.id}: allocated bytes are missing, though it ran on CUDA"
    assert problems(run_of(bare), run_of(bare)) == problems(run_of(case), run_of(bare)) == [told]
    on_cpu = replaced(bare, device="cpu")
    assert problems(run_of(on_cpu), run_of(on_cpu)) == []


def test_another_card_of_the_same_name_is_a_problem() -> None:
    """Two cards of one kind differ by some percent of their own."""
    first = run_with(1.0, 100.0)
    second = with_environment(first, gpus=[{"name": "NVIDIA H200", "uuid": "GPU-1"}])
    assert problems(first, second) == ["the cards, by UUID, differ: ['GPU-0'] and ['GPU-1']"]
