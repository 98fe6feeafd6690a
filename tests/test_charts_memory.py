"""What fills the memory, and how it goes over a round: sizes by hand, budgets across, and reasons where nothing is."""

import msgspec
import pytest

from reports.charts import memory_time, waterfall
from reports.charts.drawing import NoChart
from reports.charts.selection import Row
from reports.charts.stacked import BLUE, GREEN, GREY, MAGENTA, ORANGE, PURPLE, VERMILLION
from reports.device_record import DeviceSeries
from reports.judged import Budget
from reports.measured import Span
from reports.memory_record import PartMemory, PhaseMemory
from reports.record import CaseRecord
from tests.charts_samples import boxes, drawn, texts, tree_of
from tests.reports_samples import case_of, planned, run_of, state_of

GIB = 2**30


def part(allocated_gib: float = 20.0, phase: str = "decode", told: bool = True) -> PartMemory:
    """Give a part of 20 GiB at its peak, 15 of them of components, of 24 reserved; 26 in use on the device."""
    peak = PhaseMemory(
        phase=phase,
        peak_allocated_bytes=int(allocated_gib * GIB),
        peak_reserved_bytes=24 * GIB,
        components_bytes={"text_encoder": 5 * GIB, "transformer": 10 * GIB, "gone": 0} if told else {},
        activations_bytes=int(allocated_gib - 15) * GIB if told else None,
    )
    lower = msgspec.structs.replace(peak, phase="denoise", peak_allocated_bytes=18 * GIB)
    return PartMemory(
        peak_allocated_bytes=int(allocated_gib * GIB),
        peak_reserved_bytes=24 * GIB,
        peak_inactive_split_bytes=0,
        alloc_retries=0,
        ooms=0,
        phases=[lower, peak],
        peak_device_bytes=26 * GIB,
    )


def holding(case: CaseRecord, rounds: PartMemory, budgets: tuple[Budget, ...] = ()) -> CaseRecord:
    assert case.measurement is not None
    memory = msgspec.structs.replace(case.measurement.memory, parts={"rounds": rounds})
    return msgspec.structs.replace(
        case,
        plan=msgspec.structs.replace(case.plan, budgets=list(budgets)),
        measurement=msgspec.structs.replace(case.measurement, memory=memory),
    )


def budget(quantity: str, limit: float, phase: str | None = None) -> Budget:
    return Budget(quantity=quantity, limit=limit, phase=phase, gpu=None, source="a suite")  # type: ignore[arg-type]


def test_bar_is_components_activations_and_what_lies_unused() -> None:
    """20 GiB at the peak and 24 reserved: the parts' widths in the svg by hand, and the budget across at 22 GiB."""
    case = holding(case_of(planned(), 4.0), part(), (budget("peak_allocated_gib", 22.0),))
    chart = drawn(waterfall.figure([run_of(case)]))
    root = tree_of(chart)
    found = [box for box in boxes(root) if box.height > 12]
    assert [box.colour for box in found] == [BLUE, GREEN, PURPLE, GREY]
    assert [box.width / found[0].width for box in found] == pytest.approx([1, 0.5, 0.5, 0.4], abs=0.002)
    assert found[0].left == pytest.approx(72 * 0.12, abs=0.02)
    lines = [path for path in root.iter() if path.get("stroke") == VERMILLION]
    assert len(lines) == 1
    across = float(str(lines[0].get("d")).split()[1])
    assert across == pytest.approx(found[0].left + 2.2 * found[0].width, abs=0.1)
    written = texts(root)
    for text in ("causvid-1.3b 480p81", "20.00 of 24.00 GiB in decode", "budget of allocated"):
        assert text in written
    assert "device memory [GiB, 2^30 bytes]" in written
    assert "transformer 10.00, text_encoder 5.00, activations 5.00, cached or fragmented 4.00" in chart.description
    assert "in use on the device, by NVML 26.00" in chart.description


def test_budgets_are_in_gib_and_of_several_the_strictest_counts() -> None:
    """GB are 10^9 bytes; a phase's budget and one of time are no line across the whole."""
    asked = [
        budget("peak_device_gb", 2**30 / 10**8),
        budget("peak_device_gib", 12.0),
        budget("peak_reserved_gib", 5.0, phase="decode"),
        budget("prompt_to_host_s", 5.0),
    ]
    case = holding(case_of(planned(), 4.0), part(), tuple(asked))
    assert waterfall.budgets_gib(Row(run_of(case), case)) == {"budget of device": pytest.approx(10.0)}


def test_highest_peak_stands_for_a_model_and_setting() -> None:
    """Of two prompts the one with more, whatever their order; what a pipeline does not tell is called so."""
    cases = [
        holding(case_of(planned(), 4.0), part(19.0)),
        holding(case_of(planned(prompt="cats"), 4.0), part(21.0, told=False)),
    ]
    ((row, highest),) = waterfall.peaks_of([run_of(*cases)])
    assert (row.case.plan.prompt.id, highest.peak_allocated_bytes) == ("cats", 21 * GIB)
    assert "not told by component 21.00" in drawn(waterfall.figure([run_of(*cases)])).description


def test_older_records_have_no_waterfall() -> None:
    """Without parts there is a reason."""
    found = waterfall.figure([run_of(case_of(planned(), 4.0))])
    assert isinstance(found, NoChart)
    assert "no case has its memory by component" in found.reason.lower()


def sampled(case: CaseRecord, used_gib: list[float], number: int = 1) -> CaseRecord:
    """Sample a case's round `number` at 0, 1, 2 and 3 s, its phases two of 2 s."""
    assert case.measurement is not None
    spans = [Span(phase="denoise", start_s=0.0, end_s=2.0), Span(phase="decode", start_s=2.0, end_s=4.0)]
    rounds = [msgspec.structs.replace(timed, spans=spans) for timed in case.measurement.rounds]
    series = DeviceSeries(
        round=number, at_s=[0.0, 1.0, 2.0, 3.0], used_bytes=[int(g * GIB) for g in used_gib], power_w=[]
    )
    state = msgspec.structs.replace(state_of(), series=series)
    return msgspec.structs.replace(
        case, measurement=msgspec.structs.replace(case.measurement, rounds=rounds, state=state)
    )


def test_memory_over_time_has_its_phases_behind_and_its_budget_across() -> None:
    """Samples of 10 to 20 GiB below a budget of 25: the line's and the bands' places in the svg by hand."""
    case = holding(case_of(planned(), 4.0, 4.0), part(), (budget("peak_device_gib", 25.0),))
    chart = drawn(memory_time.figure([run_of(sampled(case, [10.0, 12.0, 20.0, 11.0]))]))
    root = tree_of(chart)
    bands = [box for box in boxes(root) if box.height > 50]
    wide = 72 * (6.5 - 0.55 - 0.15)
    assert [box.colour for box in bands] == [BLUE, ORANGE]
    assert [box.width for box in bands] == pytest.approx([wide / 2, wide / 2], abs=0.05)
    (line,) = [path for path in root.iter() if path.get("stroke") == MAGENTA]
    height = float(str(line.get("d")).split()[2])
    high = 72 * memory_time.PANEL_IN
    assert height == pytest.approx(bands[0].top + high - high * 25.0 / (1.12 * 25.0), abs=0.05)
    written = texts(root)
    assert {"at most 20.00 GiB", "time since the prompt [s]", "in use [GiB]", "budget of device"} <= set(written)
    assert chart.description == "causvid-1.3b 480p81: from 10.00 to 20.00 GiB in use over round 2."


@pytest.mark.parametrize("used_gib", [[], [1.0]], ids=["none", "of another length"])
def test_samples_that_do_not_fit_are_none(used_gib: list[float]) -> None:
    """NVML that told no memory gives a reason, not an empty frame."""
    found = memory_time.figure([run_of(sampled(case_of(planned(), 4.0), used_gib))])
    assert isinstance(found, NoChart)
    assert found.reason.startswith("No case has samples of its device over a round")


def test_series_of_a_round_that_is_not_there_has_no_bands() -> None:
    """The line is drawn all the same."""
    root = tree_of(memory_time.figure([run_of(sampled(case_of(planned(), 4.0), [1.0, 2.0, 3.0, 4.0], number=7))]))
    assert not [box for box in boxes(root) if box.height > 50]
    assert "at most 4.00 GiB" in texts(root)
