"""Budgets at their boundary: within, over with every number that explains it, or not judged and why."""

import doctest

import msgspec
import pytest

from reports import claims, quantities
from reports.budgets import breach, budget_lines, is_over_only, judge, not_judged
from reports.judged import Budget, JudgedBudget, Quantity
from reports.measured import Measurement
from reports.quantities import is_gpu, value_of
from reports.record import CaseRecord, Status
from reports.summary import render_summary
from tests.reports_samples import case_of, measured, planned, run_of

GIB = 2**30


def budget(
    limit: float, quantity: Quantity = "peak_allocated_gib", phase: str | None = None, gpu: str | None = None
) -> Budget:
    return Budget(quantity=quantity, limit=limit, phase=phase, gpu=gpu, source="suite mine")


def with_memory(allocated_bytes: int, **phases_bytes: int) -> Measurement:
    """Give three rounds of 4, 5 and 6 s with these peaks."""
    outcome = measured(4.0, 6.0, 5.0)
    memory = msgspec.structs.replace(
        outcome.memory, peak_allocated_bytes=allocated_bytes, phases_peak_allocated_bytes=phases_bytes
    )
    return msgspec.structs.replace(outcome, memory=memory)


@pytest.mark.parametrize("module", [quantities, claims])
def test_examples_in_docstrings_hold(module: object) -> None:
    """Units, names, GPUs and tolerances are as their docstrings show."""
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("quantity", "limit", "equal_bytes"),
    [("peak_allocated_gib", 24.0, 24 * GIB), ("peak_allocated_gb", 21.56, 21_560_000_000)],
)
def test_just_under_and_equal_are_within_and_one_byte_more_is_over(
    quantity: Quantity, limit: float, equal_bytes: int
) -> None:
    """The boundary belongs to the budget, in GiB of 2^30 and in GB of 10^9 bytes."""
    verdicts = [judge(budget(limit, quantity), with_memory(equal_bytes + more)).verdict for more in (-1, 0, 1)]
    assert verdicts == ["within", "within", "over"]


def test_excess_of_a_byte_is_not_rounded_away() -> None:
    """A message never says that 24.00 is over 24.00 by 0.00."""
    said = judge(budget(24), with_memory(24 * GIB + 1)).explanation
    assert "24.0000000009 GiB is over its budget of 24.0000000000 GiB by 0.0000000009 GiB" in said


def test_broken_budget_says_subject_actual_limit_excess_phase_and_next_step() -> None:
    """The whole message, as a person reads it."""
    over = judge(budget(24), with_memory(int(27.31 * GIB), denoise=20 * GIB, decode=int(27.31 * GIB)))
    said = breach("bench_speed.py::bench_generate[wan2.1-t2v-1.3b-480p81-dogs-s0]", [over])
    assert said == (
        "bench_generate[wan2.1-t2v-1.3b-480p81-dogs-s0]: peak VRAM 27.31 GiB is over its budget of 24.00 GiB by "
        "3.31 GiB; highest in phase 'decode'; README, “Smaller cards”, names settings that need less; "
        "--budget report goes on without failing"
    )


def test_latency_is_judged_on_the_median_of_the_rounds() -> None:
    """Rounds of 4, 6 and 5 s: 5 s are within a budget of 5 s; a smaller one names the longest phase."""
    outcome = with_memory(GIB)
    assert judge(budget(5.0, "prompt_to_host_s"), outcome).verdict == "within"
    over = judge(budget(4.5, "prompt_to_host_s"), outcome)
    assert over.actual == 5.0
    assert over.explanation == (
        "prompt to host frames 5.00 s (median of 3 rounds) is over its budget of 4.50 s by 0.50 s; longest is phase "
        "'denoise' with 2.50 s"
    )


def test_budget_of_a_phase_is_held_against_that_phase_alone() -> None:
    """Memory and time of a phase, each under a whole that would be over."""
    outcome = with_memory(9 * GIB, denoise=4 * GIB, decode=9 * GIB)
    assert judge(budget(4, phase="denoise"), outcome).verdict == "within"
    assert judge(budget(8.5, phase="decode"), outcome).explanation.startswith("peak VRAM in phase 'decode' 9.00 GiB is")
    assert judge(budget(2.5, "phase_s", "denoise"), outcome).actual == 2.5
    assert judge(budget(2.4, "phase_s", "denoise"), outcome).verdict == "over"


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        (budget(1, gpu="H100"), "it is for H100, and this is NVIDIA H200"),
        (
            budget(1, phase="encode"),
            "not every round has a phase 'encode'; there are text_encode, denoise, decode, to_host",
        ),
        (budget(1, "cold_start_s"), "only another scenario measures it"),
        (budget(1, "peak_device_gib"), "NVML is mute"),
        (budget(1, "peak_reserved_gb"), "it was not measured"),
    ],
)
def test_budget_without_a_measurement_is_not_judged_and_says_why(limit: Budget, why: str) -> None:
    """Another GPU, a phase that did not occur, a quantity that nobody measured: none of them passes in silence."""
    reasons = {"cold_start_s": "only another scenario measures it", "peak_device_bytes": "NVML is mute"}
    told = judge(limit, msgspec.structs.replace(with_memory(GIB), reasons=reasons))
    assert (told.verdict, told.actual, told.explanation) == ("not judged", None, why)


def test_budget_of_memory_on_a_cpu_is_not_judged() -> None:
    """A CPU has no VRAM, and its record says so."""
    told = judge(budget(1), msgspec.structs.replace(measured(1.0, peak_bytes=None), reasons={"memory": "a CPU"}))
    assert (told.verdict, told.explanation) == ("not judged", "a CPU")


def test_round_without_sampling_time_leaves_it_unjudged() -> None:
    """A median over fewer rounds than were timed would be another quantity."""
    outcome = with_memory(GIB)
    rounds = [*outcome.rounds[:2], msgspec.structs.replace(outcome.rounds[2], sampling_s=None)]
    assert value_of(msgspec.structs.replace(outcome, rounds=rounds), "sampling_s") is None
    assert value_of(outcome, "sampling_s") == 2.5


@pytest.mark.parametrize(
    ("wanted", "name", "held"),
    [
        ("H100", "NVIDIA H100 80GB HBM3", True),
        ("h100", "NVIDIA H100 PCIe", True),
        ("H200", "NVIDIA GH200 480GB", False),
        ("L4", "NVIDIA L40S", False),
        ("A100", "NVIDIA A100-SXM4-80GB", True),
        ("H100", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", False),
        ("MIG 1g.10gb", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", True),
    ],
)
def test_gpu_is_named_by_whole_words(wanted: str, name: str, held: bool) -> None:
    """An L40S is no L4, and a slice of an H100 is no H100."""
    assert is_gpu(wanted, name) is held


def judged_case(status: Status, *judged: JudgedBudget) -> CaseRecord:
    case = case_of(planned(), 4.0, status=status)
    assert case.measurement is not None
    return msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, budgets=list(judged)))


def test_every_view_tells_what_was_judged() -> None:
    """Each budget with actual and limit; a breach that failed nothing says so; what was not judged says why, once."""
    outcome = with_memory(27 * GIB)
    over, within = judge(budget(24), outcome), judge(budget(36), outcome)
    other = not_judged(budget(1, gpu="B200"), "it is for B200, and this is NVIDIA H200")
    run = run_of(judged_case("passed", over, within, other), judged_case("failed", over, other))
    name = "causvid-1.3b 480p81 dogs s0: peak VRAM, budget"
    assert budget_lines(run) == [
        f"budget over: {name} 24.00 GiB: 27.00 GiB (112.5 %), reported only",
        f"budget within: {name} 36.00 GiB: 27.00 GiB (75 %)",
        f"budget over: {name} 24.00 GiB: 27.00 GiB (112.5 %)",
        "budget not judged: peak VRAM, budget 1.00 GiB: it is for B200, and this is NVIDIA H200 (2 cases)",
    ]
    assert f"budget within: {name} 36.00 GiB: 27.00 GiB (75 %)" in render_summary(run, 200)


def test_far_excess_is_told_in_whole_percent() -> None:
    """27 GiB of a budget of 1 MiB are 2,764,800 %, not 2.765e+06 %."""
    over = judge(budget(1 / 1024), with_memory(27 * GIB))
    assert "(2,764,800 %)" in budget_lines(run_of(judged_case("failed", over)))[0]


def test_case_that_failed_by_its_budget_alone_is_told_from_others() -> None:
    """Its numbers are whole; those of a case that failed before its budgets were judged need not be."""
    over = judge(budget(24), with_memory(27 * GIB))
    assert is_over_only(judged_case("failed", over))
    assert not is_over_only(judged_case("failed", not_judged(budget(24), "the case ended before")))
    assert not is_over_only(judged_case("error", over))


def test_nothing_over_is_no_breach() -> None:
    """What is within or was not judged fails nothing."""
    within = judge(budget(24), with_memory(GIB))
    assert breach("x::y[z]", [within, not_judged(budget(1), "why")]) is None
