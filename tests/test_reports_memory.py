"""What is told of memory: the peak's phase and parts, and nothing where a record has none."""

import msgspec

from reports.html import render_html
from reports.memory import memory_details, memory_lines
from reports.memory_record import Memory, PartMemory, PhaseMemory
from reports.record import CaseRecord
from reports.summary import render_summary
from tests.reports_samples import case_of, planned, replaced, run_of

GIB = 2**30


def part(decode_gib: float, retries: int = 0) -> PartMemory:
    """Give the timed rounds of a case that peaks in `decode`."""
    denoise = PhaseMemory(phase="denoise", peak_allocated_bytes=15 * GIB, peak_reserved_bytes=20 * GIB)
    decode = PhaseMemory(
        phase="decode",
        peak_allocated_bytes=int(decode_gib * GIB),
        peak_reserved_bytes=30 * GIB,
        components_bytes={"vae": GIB // 2, "text_encoder": 10 * GIB, "kv_caches": 0},
        activations_bytes=int((decode_gib - 10.5) * GIB),
    )
    return PartMemory(
        peak_allocated_bytes=int(decode_gib * GIB),
        peak_reserved_bytes=30 * GIB,
        peak_inactive_split_bytes=GIB,
        alloc_retries=retries,
        ooms=0,
        phases=[denoise, decode],
    )


def case(prompt: str, rounds: PartMemory) -> CaseRecord:
    made = case_of(planned(prompt=prompt), 1.0)
    assert made.measurement is not None
    memory = msgspec.structs.replace(made.measurement.memory, parts={"rounds": rounds})
    return msgspec.structs.replace(made, measurement=msgspec.structs.replace(made.measurement, memory=memory))


def test_line_tells_the_phase_of_the_peak_its_parts_and_what_is_unused() -> None:
    """The largest component comes first, what holds nothing is left out, activations are last."""
    (line,) = memory_lines(run_of(case("dogs", part(23.5))))
    assert line == (
        "memory of causvid-1.3b 480p81: peak 23.50 GiB in decode (text_encoder 10.00, vae 0.500, activations 13.00); "
        "30.00 GiB reserved, 6.50 GiB of them cached or fragmented"
    )


def test_one_line_a_model_and_setting_with_its_highest_peak() -> None:
    """Prompts of one setting differ in nothing that memory depends on."""
    (line,) = memory_lines(run_of(case("dogs", part(23.5)), case("cats", part(24.0)), case("cows", part(23.0))))
    assert "peak 24.00 GiB" in line


def test_retries_and_a_limit_are_told() -> None:
    """Both say that the times are not those of a card with room."""
    (line,) = memory_lines(run_of(replaced(case("dogs", part(23.5, retries=3)), memory_limit_gib=31.0)))
    assert "480p81 under a limit of 31 GiB: peak" in line
    assert line.endswith("; 3 allocations retried: times are too long")


def test_summary_and_page_hold_the_lines() -> None:
    """The page also lists every phase of every part, and the host's peak."""
    made = case("dogs", part(23.5))
    assert made.measurement is not None
    parts = {"rounds": msgspec.structs.replace(part(23.5), peak_device_bytes=31 * GIB), "after": part(23.75)}
    memory = msgspec.structs.replace(
        made.measurement.memory,
        parts=parts,
        host_peak_rss_bytes=3 * GIB,
        host_peak_since="case",
        snapshot="memory/x.pickle",
    )
    made = msgspec.structs.replace(made, measurement=msgspec.structs.replace(made.measurement, memory=memory))
    page = render_html(run_of(made))
    assert "peak 23.50 GiB in decode" in render_summary(run_of(made), 300)
    assert "peak 23.50 GiB in decode" in page
    assert "timed rounds, denoise: 15.00" in page
    assert "after them, decode: 23.75" in page
    assert memory_details(memory)["peak memory in use on the device, sampled [GiB]"] == ["timed rounds: 31.00"]
    assert "timed rounds: 31.00" in page
    assert "3.00 since the case began" in page
    assert "memory/x.pickle" in page


def test_record_of_before_has_no_lines() -> None:
    """A run on a CPU and an older record know no parts."""
    made = case_of(planned(), 1.0)
    assert memory_lines(run_of(made, case_of(planned(prompt="cats")))) == []
    empty = Memory(
        peak_allocated_bytes=None, peak_reserved_bytes=None, peak_device_bytes=None, phases_peak_allocated_bytes={}
    )
    assert not any(memory_details(empty).values())
