"""Bars of phases begin at zero, are as long as their seconds, and name what they leave out."""

import msgspec
import pytest

from reports.charts import phases
from reports.charts.drawing import NoChart
from reports.charts.phases import bars_of
from reports.charts.selection import LABEL_CHARACTERS, Row, rows_of
from reports.charts.stacked import BLUE, GREEN, GREY, ORANGE, PURPLE
from reports.record import CaseRecord, Run
from reports.rows import figures, median_round
from tests.charts_samples import PAYLOAD, boxes, drawn, texts, tree_of
from tests.reports_samples import a_round, case_of, measured, planned, run_of

# Inches of reports/charts/stacked.py: 0.12 left, 0.15 right, 0.35 between; 62 % of the rest for seconds.
SECONDS_PT = 72 * 0.62 * (6.5 - 0.12 - 0.15 - 0.35)
# Room for "4.00 s" and "64.00 s" behind the longest bar: a tenth of an inch and 0.072 a character.
ROOM_PT = {6: 72 * (0.1 + 0.072 * 6), 7: 72 * (0.1 + 0.072 * 7)}
SHARES_PT = 72 * 0.38 * (6.5 - 0.12 - 0.15 - 0.35)


def with_seed(case: CaseRecord, seed: int) -> CaseRecord:
    plan = msgspec.structs.replace(case.plan, seed=seed)
    return msgspec.structs.replace(case, plan=plan)


def test_bar_is_the_round_at_the_median_by_phase() -> None:
    """Of 3, 4 and 8 s the second is drawn: its phases by hand, the rest of the whole, and the extremes."""
    (bar,) = bars_of(rows_of([run_of(case_of(planned(), 3.0, 4.0, 8.0))]))
    assert bar.label == "causvid-1.3b 480p81"
    assert bar.parts == pytest.approx({"text_encode": 0.04, "denoise": 2.0, "decode": 1.6, "to_host": 0.36})
    assert (bar.low, bar.high, bar.total) == pytest.approx((3.0, 8.0, 4.0))


def test_of_an_even_count_the_drawn_round_is_a_real_one() -> None:
    """The median of 3 and 4 s is in no round: the first of the two nearest is drawn."""
    assert median_round([a_round(4.0), a_round(3.0), a_round(1.0), a_round(9.0)]).prompt_to_host_s == 4.0


def test_bar_of_an_even_count_is_as_long_as_the_tables_median() -> None:
    """Of 1, 3, 4 and 9 s the table says 3.5: the bar is the mean of the rounds of 3 and 4 s, phase by phase."""
    case = case_of(planned(), 9.0, 3.0, 1.0, 4.0)
    (bar,) = bars_of(rows_of([run_of(case)]))
    assert bar.text == "3.50 s"
    assert bar.total == pytest.approx(figures(case).prompt_to_host_s)
    assert bar.parts == pytest.approx({"text_encode": 0.035, "denoise": 1.75, "decode": 1.4, "to_host": 0.315})


def test_time_in_no_phase_is_drawn_as_such() -> None:
    """A round of 4 s with 3 s in phases has 1 s in none."""
    timed = msgspec.structs.replace(a_round(4.0), phases_s={"denoise": 3.0})
    case = case_of(planned(), 4.0)
    assert case.measurement is not None
    case = msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, rounds=[timed]))
    run = run_of(case)
    assert bars_of(rows_of([run]))[0].parts == {"denoise": 3.0, "in no phase": 1.0}
    found = boxes(tree_of(phases.figure([run])))
    scale = (SECONDS_PT - ROOM_PT[6]) / 4.0
    seconds = [box for box in found if box.height > 12 and box.left < SECONDS_PT]
    assert [(box.colour, round(box.width, 1)) for box in seconds] == [
        (BLUE, round(3.0 * scale, 1)),
        (GREY, round(1.0 * scale, 1)),
    ]


def test_bars_begin_at_zero_and_are_as_long_as_their_seconds_and_shares() -> None:
    """Two cases of 4 and 64 s: every box of the svg against widths worked out by hand."""
    run = run_of(case_of(planned(), 4.0), case_of(planned("wan2.1-t2v-1.3b"), 64.0))
    found = [box for box in boxes(tree_of(phases.figure([run]))) if box.height > 12]
    assert [box.colour for box in found] == [GREEN, BLUE, ORANGE, PURPLE] * 4
    shares = (0.01, 0.5, 0.4, 0.09)
    for bar, total_s in enumerate((4.0, 64.0)):
        own = found[4 * bar : 4 * bar + 4]
        assert own[0].left == pytest.approx(72 * 0.12, abs=0.02)
        assert [box.width for box in own] == pytest.approx(
            [share * total_s * (SECONDS_PT - ROOM_PT[7]) / 64.0 for share in shares], abs=0.02
        )
        beside = found[8 + 4 * bar : 12 + 4 * bar]
        assert [box.width for box in beside] == pytest.approx([share * SHARES_PT for share in shares], abs=0.02)
        assert {round(box.top, 1) for box in (*own, *beside)} == {round(own[0].top, 1)}


def test_labels_totals_units_and_weights_are_told() -> None:
    """The label, the total with its unit, the axis with its unit, and that the weights are random."""
    chart = drawn(phases.figure([run_of(case_of(planned(), 3.0, 4.0, 8.0))]))
    written = texts(tree_of(chart))
    for text in ("causvid-1.3b 480p81", "4.00 s", "prompt to host frames [s]", "share of the whole [%]", "denoise"):
        assert text in written
    assert "Random weights (causvid-1.3b)" in chart.caption
    assert chart.description == (
        "causvid-1.3b 480p81: 4.00 s (text_encode 0.040, denoise 2.00, decode 1.60, to_host 0.360)."
    )


def test_what_tells_cases_apart_is_in_their_labels() -> None:
    """Prompts and seeds only where they differ, a status where it is not "passed", runs where there are two."""
    cases = [case_of(planned(), 4.0), case_of(planned(prompt="cats"), 4.0, status="invalid_env")]
    first, second = (bar.label for bar in bars_of(rows_of([run_of(*cases)])))
    assert first == "causvid-1.3b 480p81, dogs"
    assert second == "causvid-1.3b 480p81, cats (INVALID_ENV)"
    runs = [run_of(cases[0]), msgspec.structs.replace(run_of(cases[0]), run_id="later")]
    assert [bar.label for bar in bars_of(rows_of(runs))] == [
        "causvid-1.3b 480p81, run A",
        "causvid-1.3b 480p81, run B",
    ]
    alone = drawn(phases.figure([run_of(), runs[1]]))
    assert alone.description.startswith("causvid-1.3b 480p81, run B: 4.00 s")
    assert "Run B is later." in alone.caption
    assert "Run A is 20261122-120000-quick, run B is later." in drawn(phases.figure(runs)).caption


def test_cases_that_were_not_timed_are_counted() -> None:
    """An oom and two not_run have no bar; the caption says so. Nothing timed is no chart, with the reason."""
    lost: list[CaseRecord] = [case_of(planned(prompt=p), status="not_run") for p in ("a", "b")]
    lost.append(case_of(planned(prompt="c"), status="oom"))
    chart = drawn(phases.figure([run_of(case_of(planned(), 4.0), *lost)]))
    assert "Not drawn: 3 cases without a timed round (2 not_run, 1 oom)." in chart.caption
    for runs in ([run_of(*lost)], [run_of()], []):
        assert phases.figure(runs) == NoChart("Where the time goes", "No case has a timed round.")


def test_cold_starts_are_left_to_their_own_chart() -> None:
    """Their rounds are first calls of fresh processes."""
    plan = msgspec.structs.replace(planned(), fresh_process=True)
    assert isinstance(phases.figure([run_of(case_of(plan, 4.0))]), NoChart)


def test_of_many_cases_one_stands_for_each_setting() -> None:
    """Of 40 prompts of one model and setting the first that passed is drawn, and the caption counts."""
    cases = [case_of(planned(prompt=f"p{n}"), 4.0 + n, status="failed" if n == 0 else "passed") for n in range(40)]
    run = run_of(*cases, case_of(planned("wan2.1-t2v-1.3b"), 64.0))
    chart = drawn(phases.figure([run]))
    assert "Drawn are 2 of 41 cases, one for each scenario, model and setting." in chart.caption
    assert chart.description.startswith("causvid-1.3b 480p81, p1: 5.00 s")


def test_five_thousand_settings_are_capped_and_counted() -> None:
    """Thirty bars, and the caption names both numbers."""
    plan, outcome = planned(), measured(4.0)
    cases = [
        CaseRecord(id=str(n), status="passed", reason="", attempts=[], measurement=outcome,
                   plan=msgspec.structs.replace(plan, setting=f"s{n}"))
        for n in range(5_000)
    ]  # fmt: skip
    chart = drawn(phases.figure([run_of(*cases)]))
    assert "Drawn are 30 of 5000 cases, the first of the plan." in chart.caption
    assert len([box for box in boxes(tree_of(chart)) if box.height > 12]) == 30 * 4 * 2


def test_hostile_names_are_text_and_short() -> None:
    """Markup, mathematics, templates and controls in a model's or a phase's name are written as they are, shortened."""
    run = hostile(PAYLOAD), hostile("x" * 5_000)
    root = tree_of(phases.figure(run))
    written = " ".join(texts(root))
    assert "<script>alert(1)</script> $\\frac{1}{0}$… 480p81" in written
    assert "x" * 29 + "…" in written
    assert "x" * 90 not in written
    assert max(map(len, texts(root))) <= LABEL_CHARACTERS
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    assert "\x00" not in written
    assert "\u202e" not in written


def hostile(text: str) -> Run:
    plan = planned(text)
    timed = msgspec.structs.replace(a_round(4.0), phases_s={text: 3.0})
    case = case_of(plan, 4.0)
    assert case.measurement is not None
    return run_of(msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, rounds=[timed])))


def test_phase_names_without_end_are_added_up() -> None:
    """Beyond eleven the smallest are one part, which says how many it is; the bar stays as long."""
    timed = msgspec.structs.replace(a_round(210.0), phases_s={f"phase {n}": float(n) for n in range(1, 21)})
    case = case_of(planned(), 210.0)
    assert case.measurement is not None
    case = msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, rounds=[timed]))
    root = tree_of(phases.figure([run_of(case)]))
    assert "9 others" in texts(root)
    seconds = [box for box in boxes(root) if box.height > 12 and box.left < SECONDS_PT]
    assert len(seconds) == 12
    assert sum(box.width for box in seconds) == pytest.approx(SECONDS_PT - ROOM_PT[len("210.0 s")], abs=0.2)


def test_row_has_no_rounds_without_a_measurement() -> None:
    """A case that never ran has none."""
    run = run_of(case_of(planned()))
    assert Row(run, run.cases[0]).rounds == []
