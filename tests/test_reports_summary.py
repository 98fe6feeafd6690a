"""The table at the end shows every planned case, aligned, and promises nothing that was not measured."""

import re

import msgspec
import pytest

from reports.html import render_html
from reports.rows import columns, figures, show
from reports.summary import render_summary
from tests.reports_samples import case_of, measured, planned, run_of

STUDENT = case_of(planned(), 4.0, 3.9, 4.2)
TEACHER = case_of(planned("wan2.1-t2v-1.3b"), 64.0, 63.0, 65.0)


def test_row_holds_the_medians() -> None:
    """81 frames in a median of 4 s are 20.25 a second; bytes are shown as GiB of 2^30."""
    row = next(line for line in render_summary(run_of(STUDENT)).splitlines() if line.startswith("causvid-1.3b "))
    cells = ["causvid-1.3b", "dogs s0", "480p81", "passed", "2.00", "3.96", "4.00", "1.00", "20.25", "24.00"]
    assert re.split(r"\s{2,}", row) == cells


def test_frames_of_all_clips_of_a_batch_count() -> None:
    """Two clips of 81 frames in 4 s are 40.5 frames a second."""
    case = case_of(planned(), 4.0)
    assert case.measurement is not None
    assert figures(case).frames_per_second == 20.25
    batch = msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, clips=2))
    assert figures(batch).frames_per_second == 40.5


def test_cold_starts_lead_their_table() -> None:
    """What the scenario measures is the first figure of its table, and no column of others."""
    case = case_of(planned(), 4.0)
    assert case.measurement is not None
    cold = msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, cold_start_s=21.13))
    row = next(line for line in render_summary(run_of(cold)).splitlines() if line.startswith("causvid-1.3b "))
    assert re.split(r"\s{2,}", row)[:5] == ["causvid-1.3b", "dogs s0", "480p81", "passed", "21.13"]
    assert "cold_start_s" not in columns([case])


def test_page_has_the_primary_figure_first() -> None:
    """The page's tables begin with the scenario's own number, which a phone shows without scrolling."""
    case = case_of(planned(), 4.0)
    assert next(iter(columns([case], primary_first=True))) == "prompt_to_host_s"
    assert set(columns([case], primary_first=True)) == set(columns([case]))


def test_columns_line_up() -> None:
    """Every row of a table ends its last column where the rule under the heading ends."""
    lines = render_summary(run_of(STUDENT, TEACHER, case_of(planned(prompt="cats"), status="oom"))).splitlines()
    rule = next(index for index, line in enumerate(lines) if line.startswith("---"))
    assert {len(line) for line in lines[rule - 1 : rule + 4]} == {len(lines[rule])}


@pytest.mark.parametrize(
    "status", ["failed", "oom", "nan", "error", "timeout", "crashed", "invalid_env", "skipped", "not_run"]
)
def test_case_that_did_not_pass_has_a_row_a_count_and_its_reason(status: str) -> None:
    """No status is swallowed; what is missing is a dash and never 0."""
    broken = msgspec.structs.replace(case_of(planned("other")), status=status, reason="the first line\nthe second")
    text = render_summary(run_of(STUDENT, broken), 200)
    assert re.search(rf"^other +dogs s0 +480p81 +{status}( +–){{6}}$", text, re.MULTILINE)
    assert f"{status.upper()} {broken.id}: the first line the second" in text
    assert f"2 cases: 1 passed, 1 {status}" in text


def test_missing_figure_of_a_passed_case_is_a_dash() -> None:
    """A CPU has no peak of device memory, and a round may lack its sampling time."""
    outcome = measured(1.0, peak_bytes=None)
    outcome = msgspec.structs.replace(outcome, rounds=[msgspec.structs.replace(outcome.rounds[0], sampling_s=None)])
    text = render_summary(run_of(msgspec.structs.replace(STUDENT, measurement=outcome)))
    assert re.search(r"^causvid-1.3b .* passed +– +0.990 +1.00 +0.250 +81.00 +–$", text, re.MULTILINE)


def test_empty_run_is_said_to_be_empty() -> None:
    """A plan without cases gives no table and says so."""
    assert render_summary(run_of()).startswith("0 cases: none was planned\n")


def test_banners_come_first_and_licences_last() -> None:
    """Whoever reads a number has read before that its weights were random."""
    lines = render_summary(run_of(STUDENT, banners=("RANDOM WEIGHTS",))).splitlines()
    assert lines[0] == "!! RANDOM WEIGHTS"
    assert lines[-1] == "Non-commercial licence: CausVid 1.3B (CC BY-NC-SA 4.0)"


def test_torn_lines_are_told() -> None:
    """A lost journal line is a loss that the reader hears of."""
    run = msgspec.structs.replace(run_of(STUDENT), torn_journal_lines=2)
    assert "2 journal line(s) were left incomplete" in render_summary(run)
    assert "journal line" not in render_summary(run_of(STUDENT))


def test_rounds_that_differ_are_told() -> None:
    """A case whose rounds made different frames of one seed passes, and every reader hears of it."""
    assert STUDENT.measurement is not None
    differing = msgspec.structs.replace(STUDENT.measurement, deterministic=False)
    case = msgspec.structs.replace(STUDENT, measurement=differing)
    assert f"NOT DETERMINISTIC {case.id}" in render_summary(run_of(case))
    assert "NOT DETERMINISTIC" not in render_summary(run_of(STUDENT))


def test_clocks_that_disagree_are_told() -> None:
    """What was said of it when it was measured stands below the tables."""
    assert STUDENT.measurement is not None
    apart = msgspec.structs.replace(STUDENT.measurement, reasons={"clocks": "the clocks of 1 of 3 rounds"})
    case = msgspec.structs.replace(STUDENT, measurement=apart)
    assert f"CLOCKS DISAGREE {case.id}: the clocks of 1 of 3 rounds" in render_summary(run_of(case))
    assert "CLOCKS DISAGREE" not in render_summary(run_of(STUDENT))


def test_clocks_of_an_older_record_are_read_from_its_rounds() -> None:
    """A record from before clocks were judged has no such reason; on a CPU the same rounds are no matter."""
    assert STUDENT.measurement is not None
    first, *others = STUDENT.measurement.rounds
    rounds = [msgspec.structs.replace(first, phases_s={"denoise": 0.95 * first.prompt_to_host_s}), *others]
    for kind, told in (("cuda", True), ("cpu", False)):
        devices = [msgspec.structs.replace(device, kind=kind) for device in STUDENT.measurement.devices]
        measurement = msgspec.structs.replace(STUDENT.measurement, rounds=rounds, devices=devices)
        run = run_of(msgspec.structs.replace(STUDENT, measurement=measurement))
        line = f"CLOCKS DISAGREE {STUDENT.id}: the clocks of 1 of {len(rounds)} rounds are more than 1 % apart"
        assert (line in " ".join(render_summary(run).split())) == told
        assert ("<strong>clocks disagree</strong>" in render_html(run)) == told


def test_ratio_is_printed_with_its_spread() -> None:
    """The comparison stands below the tables."""
    text = render_summary(run_of(STUDENT, TEACHER))
    assert "speed, dogs s0: causvid-1.3b 480p81 is 16.00× [15.00×, 16.67×] as fast as wan2.1-t2v-1.3b 480p81" in text


def test_tracks_have_a_table_each() -> None:
    """Rows of the two tracks never stand in one table."""
    text = render_summary(run_of(STUDENT, case_of(planned(track="published"), 4.0)))
    assert text.index("speed, matched track") < text.index("speed, published track")


def test_narrow_terminal_shortens_names_and_never_figures() -> None:
    """At 80 columns the figures, and what the names begin with, are whole."""
    narrow = render_summary(run_of(STUDENT, TEACHER), 90)
    assert max(len(line) for line in narrow.splitlines() if not line.startswith(" ")) <= 90
    assert re.search(r"^wan2\.1\S*… .* passed +32.00 +63.36 +64.00 +16.00 +1.27 +24.00$", narrow, re.MULTILINE)


def test_control_characters_never_reach_the_terminal() -> None:
    """An error's text may hold escape sequences; they are not passed on."""
    broken = case_of(planned(), status="error", reason="\x1b[2Jred\x07\u202edesrever\x00" + "x" * 1000)
    text = render_summary(run_of(broken), 200)
    assert all(c.isprintable() for line in text.splitlines() for c in line)
    assert max(map(len, text.splitlines())) < 450


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0.0, "0.000"),
        (0.9994, "0.999"),
        (1.0, "1.00"),
        (99.99, "99.99"),
        (100.0, "100.0"),
        (12345.6, "12,345.6"),
    ],
)
def test_figures_keep_three_digits_or_more(value: float | None, shown: str) -> None:
    """Decimals fall with the size of the number."""
    assert show(value) == shown
