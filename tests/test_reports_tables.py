"""Verdicts stand on the page as rows of tables: verdict, actual, interval, limit and unit, those to look at first."""

import doctest
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reports.budgets import judge
from reports.findings import findings
from reports.floors import judge_floor
from reports.html import render_html
from reports.judged import Budget, Candidate, Claim, Floor, Limits, Margin
from reports.limits import judge_limits
from reports.measured import MetricValue
from reports.record import CaseRecord, Run
from reports.tables import table as table_module
from reports.tables.budgets import budget_tables
from reports.tables.claims import claim_tables
from reports.tables.floors import floor_tables
from reports.tables.margins import margin_tables
from reports.tables.table import Row
from tests.browser import Visit
from tests.reports_samples import case_of, planned
from tests.test_reports_verdicts import pairs, run_with

SCORE = Margin(metric="score", better="higher", absolute=0.5, why="it would look worse")
FROZEN = Limits(source="here", looks_like="it stands still", fail_above=0.5, warn_above=0.2)
CLAIM = Claim(
    id="time",
    text="3 s",
    quantities=["prompt_to_host_s"],
    value=4.0,
    tolerance_pct=5,
    candidates=[Candidate(suite="quick", models=["causvid-1.3b", "absent"], settings=["480p81"])],
)


def judged(case: CaseRecord, freeze: float = 0.0) -> CaseRecord:
    """Give a case a metric with limits and a floor, a budget of 24 GiB, which it meets, and one of 3.95 s."""
    assert case.measurement is not None
    kept = {"phase": None, "gpu": None, "source": "suite"}
    budgets = [
        Budget(quantity="prompt_to_host_s", limit=3.95, **kept),  # type: ignore[arg-type]
        Budget(quantity="peak_allocated_gib", limit=24.0, **kept),  # type: ignore[arg-type]
        Budget(quantity="peak_reserved_gib", limit=24.0, **kept),  # type: ignore[arg-type]
    ]
    freezes = MetricValue(id="longest_freeze", value=freeze, unit="s", better="lower", limits=FROZEN)
    metrics = judge_limits([*case.measurement.metrics, freezes])
    measurement = msgspec.structs.replace(
        case.measurement,
        metrics=metrics,
        floors=[judge_floor(Floor(metric="longest_freeze", source="suite", at_most=0.3), metrics)],
        budgets=[judge(budget, case.measurement) for budget in budgets],
    )
    return msgspec.structs.replace(case, measurement=measurement)


def a_run() -> Run:
    """Give two students that fail their margin by 0.7 to 0.9 and everything that can be judged of single clips."""
    cases = [judged(case, 0.1 * place) for place, case in enumerate(pairs((-0.8, -0.9)))]
    return msgspec.structs.replace(run_with(*cases, margins=(SCORE,)), suite="quick", claims=[CLAIM])


def test_examples_in_docstrings_hold() -> None:
    """Spans are written as their docstring shows."""
    assert doctest.testmod(table_module).attempted > 0


def test_budgets_have_actual_rounds_limit_and_unit_those_over_first() -> None:
    """What could not be judged is one row a reason, between what is over and what is within."""
    ((caption, _, rows),) = budget_tables(
        msgspec.structs.replace(a_run(), cases=[judged(case_of(planned(), 3.9, 4.0, 4.2))])
    )
    assert caption.startswith("Budgets")
    who, over = "causvid-1.3b dogs s0 480p81", "101.3 % of it; reported only"
    assert rows == [
        Row("over", "bad", who, "prompt to host frames", "4.00", "3.90 to 4.20", "3.95", "s", over),
        Row("not judged", "unknown", "1 case", "peak reserved VRAM", "", "", "24.00", "GiB", "it was not measured"),
        Row("within", "good", who, "peak VRAM", "24.00", "", "24.00", "GiB", "100 % of it"),
    ]  # fmt: skip


def test_claims_have_a_table_each_with_the_rounds_extremes() -> None:
    """Who reproduces the claim stands first; who was not measured says why."""
    run = msgspec.structs.replace(a_run(), cases=[case_of(planned(), 3.9, 4.0, 4.2)])
    ((caption, names, rows),) = claim_tables([run])
    assert caption == "claim time: 3 s (held as 4 s on any GPU, ± 5 %)"
    assert names["interval"] == "over its rounds"
    assert rows[0][:8] == (
        "reproduced", "good", "causvid-1.3b 480p81 (speed, random weights)", "prompt to host frames", "4.00",
        "3.90 to 4.20", "4 ± 5 %", "s",
    )  # fmt: skip
    assert (rows[1].verdict, rows[1].note) == ("not measured", "no case of it is here (suite quick)")


def test_margins_have_difference_bounds_and_limit() -> None:
    """A row a margin, with why it matters where it fails; what says nothing shares a row."""
    run = a_run()
    clean = msgspec.structs.replace(run_with(*pairs((-0.8, -0.9, -0.7, -0.85)), margins=(SCORE,)), claims=[])
    ((caption, _, rows),) = margin_tables(clean.verdicts, [clean])
    assert caption.endswith(": FAIL")
    assert rows == [
        Row("FAIL", "bad", "4", "score", "-0.8125", "-0.913 to -0.712 (t)", "-0.5", "", "it would look worse")
    ]
    other = msgspec.structs.replace(SCORE, metric="nobody")
    ((_, _, rows),) = margin_tables(run_with(*pairs((-0.8, -0.9)), margins=(SCORE, other)).verdicts, [run])
    assert [row[:4] for row in rows][1:] == [("not measured", "unknown", "", "nobody")]


def test_clips_that_are_broken_have_a_row_each_and_others_are_counted() -> None:
    """0.0 and 0.1 s are within limit and floor, 0.3 s is within the floor and warned of; 0.6 s breaks both."""
    cases = [
        judged(case_of(planned(prompt=f"p{place}"), 4.0), freeze) for place, freeze in enumerate((0.0, 0.1, 0.3, 0.6))
    ]
    ((_, _, rows),) = floor_tables(msgspec.structs.replace(a_run(), cases=cases))
    assert [row[:8] for row in rows] == [
        ("broken", "bad", "causvid-1.3b p3 s0 480p81", "longest_freeze", "0.6", "", "≤ 0.5", "s"),
        ("broken", "bad", "causvid-1.3b p3 s0 480p81", "longest_freeze", "0.6", "", "≤ 0.3", "s"),
        ("warning", "neutral", "causvid-1.3b p2 s0 480p81", "longest_freeze", "0.3", "", "≤ 0.2", "s"),
        ("within", "good", "2 clips", "longest_freeze", "", "0 to 0.1", "≤ 0.2", "s"),
        ("within", "good", "3 clips", "longest_freeze", "", "0 to 0.3", "≤ 0.3", "s"),
    ]
    assert "it stands still" in rows[0].note


def test_every_kind_of_verdict_has_its_tables_below_a_heading() -> None:
    """A heading stands only where something was judged."""
    titles = {finding.title for finding in findings(a_run()) if finding.tables}
    assert titles == {"Quality of single clips", "Students against their teacher", "Budgets", "Claims"}
    assert not [finding for finding in findings(run_with(case_of(planned(), 4.0))) if finding.title == "Budgets"]


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of a run in which everything is judged."""
    path = tmp_path_factory.mktemp("tables") / "report.html"
    path.write_text(render_html(a_run()), encoding="utf-8")
    return path


def test_phone_shows_each_judgement_as_lines_with_their_names(page_path: Path, visit: Visit) -> None:
    """On 390 px nothing scrolls sideways: each value stands beside its column's name."""
    page: Any = visit(page_path, width=390)
    tables = page.locator("table.verdicts")
    assert tables.count() == 4
    assert page.locator("table.verdicts thead:visible").count() == 0
    boxes = "[...document.querySelectorAll('.scroll:has(.verdicts)')].map(box => box.scrollWidth - box.clientWidth)"
    assert page.evaluate(boxes) == [0, 0, 0, 0]
    before = "cell => getComputedStyle(cell, '::before').content"
    assert page.locator("table.verdicts td.actual").first.evaluate(before) == '"actual"'
