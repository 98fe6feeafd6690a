"""Floors and MFU, on sums that can be done in the head."""

import msgspec
import pytest

from reports.ceiling import WHOLE, Part, best, floor_s, parts_of, rate_per_s
from reports.datasheet import peak_flop_per_s, peak_source
from reports.environment import Ceilings
from reports.record import CaseRecord, PhaseWork, Run
from tests.reports_samples import case_of, ceilings_of, planned, run_of, work_of


def measured_case(dtype: str = "bfloat16", gpu: str = "NVIDIA H200", device: str = "cuda") -> CaseRecord:
    """Give rounds of 4 s, of which 2 s are denoising and 1.6 s decoding."""
    plan = planned()
    recipe = msgspec.structs.replace(plan.recipe, device=device)
    case = case_of(msgspec.structs.replace(plan, recipe=recipe, work=work_of(dtype)), 4.0, 3.8, 4.2)
    assert case.measurement is not None
    devices = [msgspec.structs.replace(case.measurement.devices[0], name=gpu)]
    return msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, devices=devices))


def run_with(case: CaseRecord, ceilings: Ceilings | None, reason: str = "") -> Run:
    return msgspec.structs.replace(run_of(case), ceilings=ceilings, ceilings_reason=reason)


def named(case: CaseRecord, run: Run) -> dict[str, Part]:
    parts = parts_of(case, run)
    assert not isinstance(parts, str), parts
    return {part.name: part for part in parts}


def test_floor_adds_operations_and_hides_bytes_behind_them() -> None:
    """400/800 + 250/500 = 1 s of denoising; decoding's 2 TB take 0.5 s, longer than its 0.25 s of convolutions."""
    case = measured_case()
    parts = named(case, run_with(case, ceilings_of()))
    assert list(parts) == ["denoise", "decode", WHOLE]
    assert [parts[name].floor_s for name in parts] == pytest.approx([1.0, 0.5, 1.5])
    assert [parts[name].time_s for name in parts] == pytest.approx([2.0, 1.6, 4.0])
    assert parts["denoise"].flop_per_s == pytest.approx(650e12 / 2)
    assert parts[WHOLE].flop_per_s == pytest.approx(750e12 / 4)
    assert parts[WHOLE].least_bytes == 3e12


def test_mfu_is_the_share_of_the_data_sheets_peak() -> None:
    """325 TFLOP/s of 989.5 on an H200."""
    case = measured_case()
    parts = named(case, run_with(case, ceilings_of()))
    assert parts["denoise"].mfu == pytest.approx(325 / 989.5)
    assert parts["denoise"].reasons == ()


def test_unknown_gpu_has_no_mfu_and_says_so() -> None:
    """The floor needs no data sheet."""
    case = measured_case(gpu="NVIDIA H200 MIG 1g.18gb")
    part = named(case, run_with(case, ceilings_of()))["denoise"]
    assert part.mfu is None
    assert part.floor_s is not None
    assert part.reasons == ("no data sheet of 'NVIDIA H200 MIG 1g.18gb' in reports/datasheet.py",)


def test_float32_phase_has_neither_mfu_nor_a_floor_of_other_precision() -> None:
    """A bfloat16 ceiling says nothing of float32; the whole has no floor then, and the other phases keep theirs."""
    case = measured_case(dtype="float32")
    parts = named(case, run_with(case, ceilings_of()))
    assert parts["denoise"].floor_s == pytest.approx(1.0)
    for name in ("decode", WHOLE):
        assert parts[name].floor_s is None
        assert parts[name].mfu is None
        assert parts[name].reasons == (
            "no ceiling of convolution in float32 was measured",
            "no MFU of float32: the peak is that of half precision",
        )


@pytest.mark.parametrize(
    ("ceilings", "reason", "expected"),
    [
        (None, "none were measured here", "none were measured here"),
        (None, "", "the run knows no measured ceilings"),
        (ceilings_of("GPU-7"), "", "the run's ceilings are those of GPU-7, the case ran on GPU-0"),
    ],
)
def test_without_ceilings_there_is_a_reason_in_place_of_the_floor(
    ceilings: Ceilings | None, reason: str, expected: str
) -> None:
    """Achieved rates and MFU stay."""
    case = measured_case()
    parts = named(case, run_with(case, ceilings, reason))
    assert {part.floor_s for part in parts.values()} == {None}
    assert {part.reasons for part in parts.values()} == {(expected,)}
    assert parts["denoise"].mfu is not None


def test_cases_that_cannot_be_set_in_relation_say_why() -> None:
    """A CPU, a model without formulas, a case without rounds."""
    run = run_of()
    assert parts_of(measured_case(device="cpu"), run) == "work and ceilings are for CUDA devices"
    assert parts_of(case_of(planned(), 4.0), run) == "the model's file does not tell its work"
    plan = msgspec.structs.replace(planned(), work=work_of())
    assert parts_of(case_of(plan, status="oom"), run) == "no round was timed"


def test_phase_that_was_not_timed_says_so() -> None:
    """Its floor is known all the same."""
    case = measured_case()
    plan = msgspec.structs.replace(
        case.plan, work={"text_encode": PhaseWork(dtype="bfloat16", flop={"matmul": 8e12}, least_bytes=0.0)}
    )
    assert case.measurement is not None
    rounds = [msgspec.structs.replace(r, phases_s={}) for r in case.measurement.rounds]
    case = msgspec.structs.replace(
        case, plan=plan, measurement=msgspec.structs.replace(case.measurement, rounds=rounds)
    )
    part = named(case, run_with(case, ceilings_of()))["text_encode"]
    assert (part.time_s, part.flop_per_s, part.mfu) == (None, None, None)
    assert part.floor_s == pytest.approx(0.01)
    assert part.reasons == ("the phase was not timed",)


def test_best_is_the_fastest_by_its_median_round() -> None:
    """One lucky round does not make a ceiling."""
    known = ceilings_of()
    lucky = msgspec.structs.replace(known.ceilings[0], shape="lucky", calls_s=[0.1, 1.2, 1.3])
    more = msgspec.structs.replace(known, ceilings=[lucky, *known.ceilings])
    found = best(more, "matmul", "bfloat16")
    assert found == known.ceilings[0]
    assert rate_per_s(known.ceilings[0]) == pytest.approx(800e12)
    assert best(more, "matmul", "float32") is None


def test_copy_ceiling_is_needed_for_a_floor() -> None:
    """Without a bandwidth nothing bounds a phase that only moves bytes."""
    known = ceilings_of()
    without = msgspec.structs.replace(known, ceilings=[c for c in known.ceilings if c.operation != "copy"])
    assert floor_s(work_of()["denoise"], without) == (None, "no ceiling of copy was measured")


def test_data_sheets_are_matched_by_the_whole_name() -> None:
    """An H100 over PCIe is not the one on its sheet for SXM."""
    assert peak_flop_per_s("NVIDIA H100 80GB HBM3") == 989.5e12
    assert peak_flop_per_s("NVIDIA H100 PCIe") == 756e12
    assert peak_flop_per_s("NVIDIA H100") is None
    assert "sparsity" in peak_source("NVIDIA H200")
