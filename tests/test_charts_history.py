"""The chart of a history: levels, steps and what does not count; a page has it from five runs of one cohort on."""

import msgspec
import pytest

from reports.charts import history, page
from reports.charts.drawing import NoChart
from reports.charts.page import page_charts
from reports.charts.stacked import BLUE, ORANGE, VERMILLION
from reports.history.lines import histories_of
from reports.history.readings import readings_of
from tests.charts_samples import PAYLOAD, SPACE, drawn, marks, texts, tree_of
from tests.gate_samples import gate_case
from tests.reports_samples import replaced
from tests.test_history import night, slower_from


def test_lines_have_their_colours_and_steps_their_percent() -> None:
    """Ten nights of one driver, five of the next: a mark each, two levels and one step, no line between drivers."""
    runs = slower_from(6) + [night(n, 4.6, driver="590.2") for n in range(10, 15)]
    chart = drawn(history.figure(runs))
    root = tree_of(chart)
    assert [sum(mark.colour == colour for mark in marks(root)) for colour in (BLUE, ORANGE)] == [10, 5]
    bands = [path for path in root.iter(f"{SPACE}path") if path.get("stroke-width") == "5"]
    assert [path.get("stroke") for path in bands] == [BLUE, BLUE, ORANGE]
    assert sum(path.get("stroke") == VERMILLION for path in root.iter(f"{SPACE}path")) == 1
    assert {"+5.00 %", "15 runs, 15 valid, 1 step", "time [s]"} <= {text.strip() for text in texts(root)}
    assert "line 1 at 4 s, then 4.2 s; line 2 at 4.6 s. 2026-11-22T00:06:00: STEP +5.00 %, worse" in chart.description
    assert "Line 2 is NVIDIA H200, driver_branch 590" in chart.caption
    assert "; other than in the run before: driver_branch '580', now '590'." in chart.caption
    assert "Random weights in 1 case" in chart.caption


def test_what_does_not_count_is_hollow() -> None:
    """It has no fill, no line goes through it, and the caption counts it."""
    shared = msgspec.structs.replace(gate_case(9.0), status="invalid_env", reason="shared")
    chart = drawn(history.figure([*(night(n) for n in range(5)), night(5, case=shared)]))
    root = tree_of(chart)
    assert len(marks(root)) == 5
    assert sum(use.get("fill-opacity") == "0" for use in root.iter(f"{SPACE}use") if use.get("stroke") == BLUE) == 1
    assert "Hollow, and of no level: 1 run that" in chart.caption
    assert "6 runs, 5 valid, 0 steps" in texts(root)


def test_marks_lie_where_their_values_are() -> None:
    """Equal steps of time to the right, 4.2 s as far above 4.1 s as that above 4 s."""
    values = [4.0, 4.1, 4.2, 4.1, 4.0]
    found = [(mark.x, mark.y) for mark in marks(tree_of(history.figure([night(n, v) for n, v in enumerate(values)])))]
    (a, b, c, d, e) = found
    assert b[0] - a[0] == pytest.approx(c[0] - b[0], abs=0.02)
    assert a[1] - b[1] == pytest.approx(b[1] - c[1], abs=0.02)
    assert (a[1], b[1]) == (e[1], d[1])
    assert c[1] < a[1]


@pytest.mark.parametrize(
    "runs",
    [
        [night(n) for n in range(4)],
        [night(n, driver=f"{580 + n % 2}.1") for n in range(8)],
        [night(n, case=msgspec.structs.replace(gate_case(), status="failed")) for n in range(6)],
    ],
)
def test_fewer_than_five_of_one_cohort_are_no_history(runs: list[object]) -> None:
    """Of four runs, of four and four on two drivers, of failed ones."""
    assert isinstance(history.figure(runs), NoChart)  # type: ignore[arg-type] # runs, in a list for parametrize


def test_page_of_five_runs_has_it_and_one_of_four_does_not_speak_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of one run has nothing to say of a history."""
    monkeypatch.setattr(page, "FIGURES", ())
    runs = slower_from(3, 5)
    assert [picture.name for picture in page_charts(runs).pictures] == ["history"]
    assert page_charts(runs[:4]) == ([], [], "")


def test_more_cases_than_panels_are_counted() -> None:
    """The first eight are drawn."""
    cases = [msgspec.structs.replace(gate_case(), id=f"case {number}") for number in range(10)]
    runs = [msgspec.structs.replace(night(n), cases=cases) for n in range(5)]
    chart = drawn(history.figure(runs))
    assert "Not drawn: 2 more cases." in chart.caption


def test_hostile_text_is_text() -> None:
    """Of a case's id, a version, a GPU's name."""
    case = msgspec.structs.replace(gate_case(), id=f"x[{PAYLOAD}]")
    runs = [night(n, case=replaced(case, attention=PAYLOAD), driver=PAYLOAD) for n in range(5)]
    chart = drawn(history.chart_of(histories_of(readings_of(runs))))
    root = tree_of(chart)
    assert not list(root.iter(f"{SPACE}script"))
    assert "\u202e" not in "".join(root.itertext())
