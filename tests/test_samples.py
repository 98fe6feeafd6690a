"""What samples say of a stretch of time, against values worked out by hand."""

import msgspec
import pynvml
import pytest

from fixtures.device.sampler import Sample
from fixtures.device.samples import (
    EVENTS,
    Window,
    counted_j,
    event_shares,
    inside,
    integrated_j,
    longest_gap_s,
    mean,
    other_processes,
    others_by_window,
    peak_used_bytes,
    phases_peak_used_bytes,
    series_of,
)
from reports.device_record import DeviceSeries, GpuProcess
from reports.measured import Span

OWN = 100


def used(at_s: float, used_bytes: int | None) -> Sample:
    return Sample(at_s=at_s, used_bytes=used_bytes)


def company(*processes: tuple[int, int | None]) -> Sample:
    listed = tuple(GpuProcess(pid=pid, name=None, used_bytes=size) for pid, size in processes)
    return Sample(at_s=0.0, processes=listed)


def test_events_are_nvmls() -> None:
    """Each name stands for pynvml's bit, and the table lacks none of the public ones."""
    theirs = {
        getattr(pynvml, "nvmlClocksEventReason" + "".join(part.capitalize() for part in name.split("_"))): name
        for name in EVENTS
    }
    assert theirs == {bit: name for name, bit in EVENTS.items()}
    assert sum(EVENTS.values()) == pynvml.nvmlClocksEventReasonAll


def test_windows_choose_samples_with_their_edges() -> None:
    """A sample at the first and at the last moment belongs to the window; one between two windows to none."""
    samples = [used(moment, 1) for moment in (0.9, 1.0, 1.5, 2.0, 2.1, 3.0)]
    chosen = inside(samples, [Window(1.0, 2.0), Window(2.5, 3.5)])
    assert [sample.at_s for sample in chosen] == [1.0, 1.5, 2.0, 3.0]


def test_peak_of_a_phase_is_over_all_its_visits() -> None:
    """Spans count from their round's start; a phase between two samples has no peak rather than 0."""
    rounds = [
        Window(10.0, 12.0, (Span(phase="text", start_s=0, end_s=0.04), Span(phase="denoise", start_s=0.1, end_s=1.0))),
        Window(20.0, 22.0, (Span(phase="denoise", start_s=0.1, end_s=1.0), Span(phase="decode", start_s=1.0, end_s=2))),
    ]
    samples = [used(9.0, 99), used(10.05, 5), used(10.5, 7), used(15.0, 50), used(20.5, 9), used(21.5, 20), used(22, 8)]
    assert phases_peak_used_bytes(samples, rounds) == {"denoise": 9, "decode": 20}
    assert peak_used_bytes(inside(samples, rounds)) == 20
    assert peak_used_bytes([used(1.0, None)]) is None


def test_event_shares_are_of_samples_that_tell() -> None:
    """Two events may be active at once; one that never was is left out; no reading at all is None."""
    samples = [Sample(at_s=0, events=bits) for bits in (0x4, 0x4 | 0x40, 0x0, None, 0x4)]
    assert event_shares(samples) == {"sw_power_cap": 0.75, "hw_thermal_slowdown": 0.25}
    assert event_shares([Sample(at_s=0, events=0)]) == {}
    assert event_shares([Sample(at_s=0)]) is None


def test_longest_gap_counts_the_edges() -> None:
    """A window without samples is one gap."""
    samples = [used(moment, 1) for moment in (0.0, 1.2, 1.3, 9.0)]
    assert longest_gap_s(samples, Window(1.0, 2.0)) == pytest.approx(0.7)
    assert longest_gap_s([], Window(1.0, 2.0)) == 1.0


def test_mean_leaves_out_what_is_unknown() -> None:
    """None is no 0."""
    assert mean([100.0, None, 300.0]) == 200.0
    assert mean([None]) is None


def test_counter_is_read_between_samples_on_a_straight_line() -> None:
    """100 W from 0 s to 1 s, 300 W from 1 s to 2 s: half a second of each is 200 J."""
    samples = [Sample(at_s=0, energy_j=1000.0), Sample(at_s=1, energy_j=1100.0), Sample(at_s=2, energy_j=1400.0)]
    assert counted_j(samples, Window(0.5, 1.5)) == pytest.approx(200.0)
    assert counted_j(samples, Window(0.0, 2.0)) == pytest.approx(400.0)


def test_integral_is_trapezoids_with_interpolated_edges() -> None:
    """Power rises from 100 W to 300 W over 2 s: 400 J in all, and from 0.5 s to 1.5 s 200 J."""
    samples = [Sample(at_s=0, power_w=100.0), Sample(at_s=1, power_w=200.0), Sample(at_s=2, power_w=300.0)]
    assert integrated_j(samples, Window(0.0, 2.0)) == pytest.approx(400.0)
    assert integrated_j(samples, Window(0.5, 1.5)) == pytest.approx(200.0)
    assert integrated_j(samples, Window(1.2, 1.4)) == pytest.approx(0.2 * 230.0)


@pytest.mark.parametrize("window", [Window(-0.1, 1.0), Window(1.0, 2.1)])
def test_energy_beyond_the_samples_is_unknown(window: Window) -> None:
    """Nothing is extrapolated, and no reading is no 0."""
    samples = [Sample(at_s=at, energy_j=at, power_w=1.0) for at in (0.0, 2.0)]
    assert (counted_j(samples, window), integrated_j(samples, window)) == (None, None)
    assert (counted_j([used(0, 1)], Window(0, 0)), integrated_j([], window)) == (None, None)


def test_own_process_is_no_company() -> None:
    """Others are listed once, with the most memory that they were seen with."""
    samples = [company((OWN, 30), (7, 1)), company((OWN, 30), (7, 5), (8, None))]
    others = other_processes(samples, {OWN}, None)
    assert others is not None
    assert [(other.pid, other.used_bytes) for other in others] == [(7, 5), (8, None)]
    assert other_processes([company((OWN, 30))], {OWN}, None) == []


def test_host_ids_in_a_container_hide_which_is_ours() -> None:
    """One new process is ours under another id; of two, the larger is; what was there before never is."""
    before = (GpuProcess(pid=7, name=None, used_bytes=99),)
    assert other_processes([company((555, 30))], {OWN}, ()) == []
    found = other_processes([company((7, 99), (555, 30), (556, 10))], {OWN}, before)
    assert found is not None
    assert [other.pid for other in found] == [7, 556]
    alone = other_processes([company((7, 99))], {OWN}, before)
    assert alone is not None
    assert [other.pid for other in alone] == [7]


def test_two_contexts_of_ours_hide_behind_host_ids_too() -> None:
    """The process that measures and its fresh one are the two largest of the new ones; a third is company."""
    samples = [company((7, 99), (555, 30), (556, 1), (557, 2))]
    before = (GpuProcess(pid=7, name=None, used_bytes=99),)
    found = other_processes(samples, {OWN}, before, contexts=2)
    assert found is not None
    assert [other.pid for other in found] == [7, 556]


def test_each_window_has_a_process_of_ours() -> None:
    """Under host ids the largest new one of each; a descendant is ours by its own id, also where it is the smaller."""
    samples = [
        msgspec.structs.replace(company((555, 30)), at_s=1.0),
        msgspec.structs.replace(company((556, 30), (9, 5)), at_s=5.0),
    ]
    windows = [Window(0.0, 2.0), Window(4.0, 6.0)]
    found = others_by_window(samples, windows, OWN, ())
    assert found is not None
    assert [other.pid for other in found] == [9]
    told = [msgspec.structs.replace(sample, own_pids=(9, 555)) for sample in samples]
    found = others_by_window(told, windows, OWN, ())
    assert found is not None
    assert [other.pid for other in found] == [556]
    assert others_by_window(samples, [Window(7.0, 8.0)], OWN, ()) is None


def test_company_is_unknown_where_nvml_does_not_tell() -> None:
    """An empty list says that nobody is there; no list says nothing."""
    assert other_processes([Sample(at_s=0)], {OWN}, None) is None
    assert other_processes([company()], {OWN}, None) == []


def test_series_is_the_last_rounds_thinned_to_its_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five samples in three points: the moment of the first, the most memory, the mean power; not of earlier rounds."""
    monkeypatch.setattr("fixtures.device.samples.SERIES_POINTS", 3)
    readings = [(0.5, 9, 900.0), (1.0, 1, 100.0), (1.1, 3, 300.0), (1.2, 2, 200.0), (1.3, 2, 400.0), (1.4, 5, 500.0)]
    samples = [Sample(at_s=at_s, used_bytes=used_bytes, power_w=watts) for at_s, used_bytes, watts in readings]
    expected = DeviceSeries(round=1, at_s=[0.0, 0.2, 0.4], used_bytes=[3, 2, 5], power_w=[200.0, 300.0, 500.0])
    assert series_of(samples, [Window(0.0, 0.9), Window(1.0, 2.0)]) == expected


def test_series_tells_only_what_nvml_told() -> None:
    """Without power its list is empty; without a sample in the last round there is no series."""
    samples = [Sample(at_s=1.0, used_bytes=7), Sample(at_s=1.5, used_bytes=8, power_w=300.0)]
    assert series_of(samples, [Window(1.0, 2.0)]) == DeviceSeries(
        round=0, at_s=[0.0, 0.5], used_bytes=[7, 8], power_w=[]
    )
    assert series_of(samples, [Window(1.0, 2.0), Window(3.0, 4.0)]) is None
