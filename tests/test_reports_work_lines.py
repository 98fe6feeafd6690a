"""Work and ceilings as a reader meets them."""

import msgspec
import pytest

from reports.html import render_html
from reports.record import CaseRecord
from reports.summary import render_summary
from reports.work_lines import ceiling_lines, work_details, work_lines
from tests.reports_samples import case_of, ceilings_of, planned, replaced, run_of, work_of


def a_case() -> CaseRecord:
    return case_of(msgspec.structs.replace(planned(), work=work_of()), 4.0, 4.0, 4.0)


def test_terminal_tells_the_whole_then_the_longest_phase_first() -> None:
    """Time, share, rate, MFU and how far above the floor, on one line a case."""
    run = msgspec.structs.replace(run_of(a_case()), ceilings=ceilings_of())
    expected = (
        "causvid-1.3b dogs s0 480p81: prompt to host frames 4.00 s, 187.5 TFLOP/s, MFU 19 %, 2.7× its floor of 1.50 s; "
        "denoise 2.00 s (50 % of it), 325.0 TFLOP/s, MFU 33 %, 2.0× its floor of 1.00 s; "
        "decode 1.60 s (40 % of it), 62.50 TFLOP/s, MFU 6 %, 3.2× its floor of 0.500 s"
    )
    assert work_lines(run) == [expected]
    flowed = " ".join(render_summary(run, 160).split())
    assert "2.7× its floor of 1.50 s; denoise 2.00 s (50 % of it)" in flowed


def test_reason_is_told_once_for_all_cases() -> None:
    """Two cases without ceilings: two lines without floors, one reason."""
    run = msgspec.structs.replace(run_of(a_case(), replaced(a_case(), seed=1)), ceilings_reason="not measured here")
    *cases, reason = work_lines(run)
    assert len(cases) == 2
    assert not any("floor" in line for line in cases)
    assert reason == "work: not measured here"


@pytest.mark.parametrize(
    "record",
    [
        case_of(planned(), 4.0),
        replaced(a_case(), warmup=False),
        replaced(a_case(), device="cpu"),
        msgspec.structs.replace(a_case(), status="failed"),
    ],
    ids=["without work", "not warmed up", "on a CPU", "failed"],
)
def test_terminal_is_silent_where_there_is_nothing_to_say(record: CaseRecord) -> None:
    """An older run's summary stays as it was."""
    assert work_lines(run_of(record)) == []


def test_page_shows_work_of_a_case_and_all_ceilings() -> None:
    """Every phase with its TFLOP and bytes; what is missing is named."""
    run = msgspec.structs.replace(run_of(a_case()), ceilings=ceilings_of())
    page = render_html(run)
    assert "650.0 TFLOP, at least 1,000.0 GB moved" in page
    assert "attention bfloat16 500.0 TFLOP/s (large)" in page
    details = work_details(a_case(), run_of(a_case()))
    assert details["missing"] == "the run knows no measured ceilings"
    assert work_details(case_of(planned(), 4.0), run) == {}
    assert work_details(replaced(a_case(), device="cpu"), run) == {
        "not set in relation": "work and ceilings are for CUDA devices"
    }


def test_ceilings_are_listed_by_operation_and_rate() -> None:
    """The faster backend first, bandwidth in its own unit."""
    known = ceilings_of()
    attention = known.ceilings[1]
    slow = msgspec.structs.replace(attention, backend="flash", work=attention.work / 2)
    listed = msgspec.structs.replace(known, ceilings=[*known.ceilings[:1], slow, *known.ceilings[1:]])
    assert ceiling_lines(listed) == [
        "matmul bfloat16 800.0 TFLOP/s (large)",
        "attention bfloat16 500.0 TFLOP/s (large)",
        "attention bfloat16 250.0 TFLOP/s (flash: large)",
        "convolution bfloat16 400.0 TFLOP/s (large)",
        "copy bfloat16 4.00 TB/s (large)",
    ]
