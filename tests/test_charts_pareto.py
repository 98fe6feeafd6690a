"""Points of quality or memory against time: their front, their places, and what is said where quality has no axis."""

from itertools import combinations
from math import hypot

import msgspec
import pytest

from reports.charts import pareto
from reports.charts.drawing import NoChart
from reports.charts.points import Point, front, offsets, wrapped
from reports.charts.stacked import BLUE, VERMILLION
from reports.measured import MetricValue
from reports.record import CaseRecord, Run
from tests.charts_samples import drawn, marks, texts, tree_of
from tests.reports_samples import case_of, measured, planned, replaced, run_of


def point(x: float, y: float) -> Point:
    return Point("kind", x, x, x, y, y, y)


@pytest.mark.parametrize(
    ("better", "expected"),
    [
        ("higher", [(1.0, 5.0), (3.0, 7.0)]),
        ("lower", [(1.0, 5.0), (2.0, 4.0), (4.0, 1.0)]),
    ],
)
def test_front_is_what_nothing_beats_in_both(better: str, expected: list[tuple[float, float]]) -> None:
    """By hand, with points that are as good but slower, or as quick but worse: these are beaten."""
    points = [point(2.0, 4.0), point(1.0, 5.0), point(4.0, 1.0), point(3.0, 7.0), point(3.0, 6.0), point(5.0, 5.0)]
    points += [point(6.0, 7.0), point(6.0, 1.0)]
    assert [(p.x, p.y) for p in front(points, better)] == expected  # type: ignore[arg-type] # one of the two words


def test_numbers_stand_clear_of_points_and_of_each_other() -> None:
    """Four points on one spot have four numbers that can be read."""
    at = dict.fromkeys(range(4), (100.0, 100.0)) | {4: (110.0, 100.0)}
    places = {n: (at[n][0] + right, at[n][1] + up) for n, (right, up) in offsets(at).items()}
    assert all(hypot(a[0] - b[0], a[1] - b[1]) >= 9 for a, b in combinations(places.values(), 2))
    assert all(hypot(x - a, y - b) >= 7 for x, y in places.values() for a, b in at.values())


def test_long_lines_are_broken_not_cut() -> None:
    """No line is longer than the picture is wide, and every word is there."""
    lines = wrapped(["1  short", "2  " + "word " * 60])
    assert lines[0] == "1  short"
    assert all(len(line) <= 92 for line in lines)
    assert " ".join(" ".join(lines[1:]).split()) == "2 " + " ".join(["word"] * 60)


def real(case: CaseRecord, scenario: str = "speed", **values: float) -> CaseRecord:
    """Give the case real weights and values of metrics, all better where higher."""
    plan = case.plan
    plan = msgspec.structs.replace(
        plan,
        scenario=scenario,
        model=msgspec.structs.replace(plan.model, weights_source="hub"),
        recipe=msgspec.structs.replace(plan.recipe, weights="hub"),
    )
    assert case.measurement is not None
    metrics = [MetricValue(id=name, value=value, unit="1", better="higher") for name, value in values.items()]
    return msgspec.structs.replace(
        case, plan=plan, measurement=msgspec.structs.replace(case.measurement, metrics=metrics)
    )


def test_random_weights_have_no_quality_axis_and_it_is_said() -> None:
    """Metrics of noise are not drawn: memory stands in their place, and title, caption and axis say so."""
    noise = MetricValue(id="clip_text_alignment", value=0.3, unit="1", better="higher")
    outcome = msgspec.structs.replace(measured(4.0), metrics=[noise])
    cases = [
        msgspec.structs.replace(case_of(planned(model), 4.0), measurement=outcome)
        for model in ("causvid-1.3b", "wan2.1-t2v-1.3b")
    ]
    chart = drawn(pareto.figure([run_of(*cases)]))
    assert chart.title == "Memory against time: quality has no axis here"
    assert "Quality has no axis: no clip is of real weights, only of random ones." in chart.caption
    assert "Random weights (causvid-1.3b, wan2.1-t2v-1.3b)" in chart.caption
    written = texts(tree_of(chart))
    assert "peak allocated VRAM [GiB]" in written
    assert not any("alignment" in text for text in written)


def test_points_stand_where_time_and_memory_put_them() -> None:
    """4 and 8 s at 24 and 12 GiB on linear axes from zero: the markers' places in the svg by hand."""
    first = case_of(planned(), 4.0)
    second = msgspec.structs.replace(
        case_of(planned("wan2.1-t2v-1.3b"), 8.0), measurement=measured(8.0, peak_bytes=12 * 2**30)
    )
    root = tree_of(pareto.figure([run_of(first, second)]))
    found = [mark for mark in marks(root) if mark.colour == BLUE and mark.y > 24]
    left, wide, high = 72 * 0.62, 72 * (6.5 - 0.62 - 0.15), 72 * pareto.PANEL_IN
    bottom = 72 * (0.12 + pareto.LINE_IN + pareto.PANEL_IN)
    assert [mark.x for mark in found] == pytest.approx([left + wide * x / (1.12 * 8) for x in (4, 8)], abs=0.02)
    assert [mark.y for mark in found] == pytest.approx([bottom - high * y / (1.15 * 24) for y in (24, 12)], abs=0.02)


def test_axis_that_spans_eight_times_is_logarithmic_and_says_so() -> None:
    """4 to 32 s is logarithmic, 4 to 31 s is not."""
    for slowest_s, told in ((32.0, True), (31.0, False)):
        run = run_of(case_of(planned(), 4.0), case_of(planned("wan2.1-t2v-1.3b"), slowest_s))
        written = texts(tree_of(pareto.figure([run])))
        assert ("prompt to host frames [s], logarithmic" in written) == told


def test_quality_of_real_clips_is_the_median_over_prompts() -> None:
    """Speed from one scenario, clips from another; a panel a metric, by medians over clips with their extremes."""
    speed = [real(case_of(planned(model), 4.0 * n)) for n, model in ((1, "causvid-1.3b"), (4, "wan2.1-t2v-1.3b"))]
    clips = [
        real(case_of(planned(model, prompt=prompt), 4.0), "quality", alignment=value, only_here=1.0 if n else 2.0)
        for n, model in enumerate(("causvid-1.3b", "wan2.1-t2v-1.3b"))
        for prompt, value in (("a", 0.2 + n), ("b", 0.3 + n), ("c", 0.7 + n))
    ]
    run = run_of(*speed, *clips)
    (axis, other), incomparable = pareto.quality_axes([run], pareto.timed_of([run]))
    assert incomparable == ""
    assert (axis.label, axis.better, other.label) == (
        "alignment, higher is better", "higher", "only_here, higher is better"
    )  # fmt: skip
    assert axis.points[1][1:] == (4.0, 4.0, 4.0, 0.3, 0.2, 0.7)
    assert axis.points[2][1:] == (16.0, 16.0, 16.0, 1.3, 1.2, 1.7)
    chart = drawn(pareto.figure([run]))
    assert chart.title == "Quality against time"
    assert "no axis" not in chart.caption
    assert "weights" not in chart.caption


def halves(*formulas: str, **changes: object) -> list[Run]:
    """Give a run of the student and one of the teacher, with a score each by these formulas."""
    runs = []
    for (model, value), formula in zip((("causvid-1.3b", 0.2), ("wan2.1-t2v-1.3b", 0.3)), formulas, strict=True):
        speed = real(case_of(planned(model), 4.0))
        clip = replaced(real(case_of(planned(model), 4.0), "quality", alignment=value), **changes)
        assert clip.measurement is not None
        metrics = [msgspec.structs.replace(metric, formula=formula) for metric in clip.measurement.metrics]
        clip = msgspec.structs.replace(clip, measurement=msgspec.structs.replace(clip.measurement, metrics=metrics))
        runs.append(run_of(speed, clip))
    return runs


def test_values_of_two_formulas_or_of_none_that_is_known_share_no_axis() -> None:
    """One formula does, over two runs; two, one and an older record's, or two older records' do not, and it is said."""
    (axis,), incomparable = pareto.quality_axes(runs := halves("3f2a", "3f2a"), pareto.timed_of(runs))
    assert ([point.y for point in axis.points.values()], incomparable) == ([0.2, 0.3], "")
    for formulas, told in (
        (("3f2a", "9b1c"), "3f2a and 9b1c"),
        (("3f2a", ""), "3f2a and one not recorded in run 2 (20261122-120000-quick)"),
        (
            ("", ""),
            "one not recorded in run 1 (20261122-120000-quick) and one not recorded in run 2 (20261122-120000-quick)",
        ),
    ):
        chart = drawn(pareto.figure(halves(*formulas)))
        assert chart.title == "Memory against time: quality has no axis here"
        assert chart.caption.startswith("No axis holds values that one code, or network, gave in one ")
        assert f": alignment (the first by {told})." in chart.caption


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        (("a1" * 32, "a1" * 32), ""),
        (("a1" * 32, "b2" * 32), "3f2a with weights a1a1a1a1a1a1 and 3f2a with weights b2b2b2b2b2b2"),
        (("a1" * 32, ""), "3f2a with weights a1a1a1a1a1a1 and 3f2a with weights one not recorded in run 2 ("),
    ],
)
def test_values_by_networks_of_two_weights_share_no_axis(weights: tuple[str, str], told: str) -> None:
    """Of one formula; one that is not recorded may be any."""
    runs = []
    for run, sha256 in zip(halves("3f2a", "3f2a", scorers=["alignment"]), weights, strict=True):
        *others, clip = run.cases
        assert clip.measurement is not None
        metrics = [msgspec.structs.replace(metric, weights_sha256=sha256) for metric in clip.measurement.metrics]
        clip = msgspec.structs.replace(clip, measurement=msgspec.structs.replace(clip.measurement, metrics=metrics))
        runs.append(msgspec.structs.replace(run, cases=[*others, clip]))
    axes, incomparable = pareto.quality_axes(runs, pareto.timed_of(runs))
    assert (len(axes), told in incomparable, bool(told)) == (int(not told), True, bool(incomparable))


def test_clips_made_from_something_else_are_not_those_of_the_time() -> None:
    """Clips of other steps under one name have no point; one that two runs hold counts once, as the last has it."""
    axes, _ = pareto.quality_axes(runs := halves("3f2a", "3f2a", steps=7), pareto.timed_of(runs))
    assert axes == []
    first, second = halves("3f2a", "3f2a")
    again = msgspec.structs.replace(halves("3f2a", "3f2a")[0], cases=[worse(first.cases[1], 0.1)])
    (axis,), _ = pareto.quality_axes(runs := [first, second, again], pareto.timed_of(runs))
    assert [point[4:] for point in axis.points.values()] == [(0.1, 0.1, 0.1), (0.3, 0.3, 0.3)]


def worse(case: CaseRecord, value: float) -> CaseRecord:
    """Give the case with another value of its only metric."""
    assert case.measurement is not None
    metrics = [msgspec.structs.replace(metric, value=value) for metric in case.measurement.metrics]
    return msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, metrics=metrics))


def test_metric_of_one_model_alone_is_no_axis() -> None:
    """There is nothing to compare: real weights, but memory is drawn, and the reason is another one."""
    speed = [real(case_of(planned(), 4.0), alignment=0.3), real(case_of(planned("wan2.1-t2v-1.3b"), 16.0))]
    chart = drawn(pareto.figure([run_of(*speed)]))
    assert "no metric has values of two models or settings with real weights" in chart.caption


def test_other_sizes_and_tracks_are_other_kinds() -> None:
    """Each kind has its own marker and front; the legend names them."""
    wide = case_of(planned("wan2.1-t2v-1.3b", width=1280), 16.0)
    run = run_of(case_of(planned(), 4.0), wide)
    root = tree_of(pareto.figure([run]))
    assert {"832×480, 81 frames, matched", "1280×480, 81 frames, matched"} <= set(texts(root))
    assert {mark.colour for mark in marks(root)} == {BLUE, VERMILLION}


def test_times_that_do_not_count_are_no_points() -> None:
    """Failed, toy and shared cases are none; without any there is no chart, with the reason."""
    failed = case_of(planned(), 4.0, status="failed")
    shared = case_of(planned("wan2.1-t2v-1.3b"), 16.0)
    assert shared.measurement is not None
    shared = msgspec.structs.replace(
        shared, measurement=msgspec.structs.replace(shared.measurement, reasons={"shared_gpu": "two"})
    )
    found = pareto.figure([run_of(failed, shared)])
    assert isinstance(found, NoChart)
    assert "No case of the scenario speed is sound" in found.reason


def test_no_peak_is_told_where_memory_would_be_drawn() -> None:
    """Neither quality nor memory: a sentence."""
    case = msgspec.structs.replace(case_of(planned(), 4.0), measurement=measured(4.0, peak_bytes=None))
    found = pareto.figure([run_of(case)])
    assert isinstance(found, NoChart)
    assert found.reason.endswith("Nor is there a peak of memory to draw instead.")
