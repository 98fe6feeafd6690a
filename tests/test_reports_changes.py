"""Two runs side by side: a change counts where it is beyond the rounds, and only where nothing else changed."""

import re

import msgspec
import pytest

from reports.answers import answers_of
from reports.benchmark_json import benchmark_entries
from reports.changes import changes, environment_changes, is_broken
from reports.html import render_page
from reports.measured import Measurement
from reports.media import Source
from reports.page_changes import page_changes
from reports.record import CaseRecord, Status
from tests.reports_samples import case_of, over_budget, planned, replaced, run_of


def time_change(before: tuple[float, ...], after: tuple[float, ...]) -> tuple[str, float | None]:
    """Give verdict and percent of the time from prompt to host frames."""
    (found,) = changes(run_of(case_of(planned(), *before)), run_of(case_of(planned(), *after)))
    return found.deltas[0].change, found.deltas[0].pct


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((4.0, 4.1, 4.2), (5.0, 5.1, 5.2), "worse"),
        ((5.0, 5.1, 5.2), (4.0, 4.1, 4.2), "better"),
        ((4.0, 4.1, 4.6), (4.5, 5.1, 5.2), "same"),  # the rounds meet
        ((4.0, 4.0, 4.0), (4.039, 4.039, 4.039), "same"),  # apart, but by less than the noise
        ((4.0, 4.0, 4.0), (4.041, 4.041, 4.041), "worse"),
    ],
)
def test_a_time_changed_where_no_rounds_meet(before: tuple[float, ...], after: tuple[float, ...], verdict: str) -> None:
    """Every round beyond every other, and the medians by at least 1 % apart."""
    assert time_change(before, after)[0] == verdict


def test_another_recipe_is_told_but_not_judged() -> None:
    """A time of another attention backend is no change of the same thing."""
    case = case_of(planned(), 4.0)
    other = replaced(case_of(planned(), 8.0), attention="native_flash")
    (found,) = changes(run_of(case), run_of(other))
    assert found.differs == {"recipe.attention": ("native_cudnn", "native_flash")}
    assert found.deltas[0].change == "not comparable"
    assert found.deltas[0].pct == pytest.approx(100)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("status", ["invalid_env", "failed", "error"])
def test_numbers_of_a_case_that_is_not_sound_are_told_but_not_judged(status: Status, order: int) -> None:
    """A time of a GPU that was slowed down is no baseline, and none that is held against one."""
    pair = [case_of(planned(), 4.0), case_of(planned(), 6.0, status=status)][::order]
    (found,) = changes(*map(run_of, pair))
    assert found.deltas[0].change == "not comparable"
    assert found.deltas[0].pct is not None
    (told,) = [one.lines for one in answers_of([run_of(case) for case in pair]) if one.id == "change"]
    was, now = (case.status for case in pair)
    assert f"not comparable: {planned().id} was {was} and is {now}" in told


@pytest.mark.parametrize("order", [1, -1])
def test_times_of_a_shared_gpu_are_told_but_not_judged(order: int) -> None:
    """--allow-shared-gpu lets the case pass, and its numbers are nobody's all the same."""
    case = case_of(planned(), 6.0)
    assert case.measurement is not None
    reasons = {"shared_gpu": "SHARED GPU, allowed"}
    shared = msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, reasons=reasons))
    (found,) = changes(*map(run_of, [case_of(planned(), 4.0), shared][::order]))
    assert (found.deltas[0].change, found.deltas[0].pct is None) == ("not comparable", False)
    (entry,) = benchmark_entries(run_of(msgspec.structs.replace(shared, measurement=three_rounds(shared))))
    assert entry["fullname"] == f"benchmarks/{planned().id} SHARED GPU"


def three_rounds(case: CaseRecord) -> Measurement:
    """Give the case's measurement with as many rounds as are planned."""
    assert case.measurement is not None
    return msgspec.structs.replace(case.measurement, rounds=case.measurement.rounds * case.plan.rounds)


def test_a_time_over_budget_is_judged() -> None:
    """A broken budget fails a case whose time is as good as any."""
    before, after = case_of(planned(), 6.0), over_budget(case_of(planned(), 4.0))
    assert changes(run_of(before), run_of(after))[0].deltas[0].change == "better"


def test_a_lost_case_and_a_failed_one_are_broken() -> None:
    """What passed before and does not now, or is gone; what is new is not."""
    before = run_of(case_of(planned(), 4.0), case_of(planned(prompt="cat"), 4.0))
    after = run_of(case_of(planned(), status="oom", reason="no room"), case_of(planned(prompt="sea"), 4.0))
    found = changes(before, after)
    assert [is_broken(one) for one in found] == [True, False, True]
    assert [(one.before is None, one.after is None) for one in found] == [(False, False), (True, False), (False, True)]


def test_environment_names_each_fact_that_differs_by_its_path() -> None:
    """The driver and a package; who used the GPU before differs at every start and is left out."""
    run = run_of(case_of(planned(), 4.0))
    other = msgspec.structs.replace(run.environment, driver="590.1", packages={"torch": "2.14.0"}, host="bench")
    after = msgspec.structs.replace(run, environment=other)
    assert environment_changes(run, after) == {"driver": ("580.1", "590.1"), "packages.torch": ("2.13.0", "2.14.0")}
    assert environment_changes(run, run) == {}


def test_equal_frames_are_told_by_their_hash() -> None:
    """Bit for bit the same, another clip, or nothing to compare."""
    case = case_of(planned(), 4.0)
    assert case.measurement is not None
    rounds = [msgspec.structs.replace(timed, frames_sha256="b" * 64) for timed in case.measurement.rounds]
    other = msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, rounds=rounds))
    assert changes(run_of(case), run_of(case))[0].same_frames is True
    assert changes(run_of(case), run_of(other))[0].same_frames is False
    assert changes(run_of(case), run_of(case_of(planned(), status="oom")))[0].same_frames is None


def test_page_says_in_which_run_a_case_is_and_ends_its_sentences() -> None:
    """By the runs' letters; a description without a full stop gets one before what follows."""
    runs = [run_of(case_of(planned(prompt=prompt), 4.0)) for prompt in ("dogs", "cat")]
    runs = [msgspec.structs.replace(run, suite_description="Two models, one prompt") for run in runs]
    sources = [Source(run, None, label=label) for run, label in zip(runs, "AB", strict=True)]
    (found,) = page_changes(sources)
    assert {row.id: row.status for row in found.cases} == {
        planned(prompt="dogs").id: "only in A",
        planned(prompt="cat").id: "only in B",
    }
    text = re.sub(r"<[^>]*>", "", render_page(sources))
    assert "Two models, one prompt. The baseline. Run " in text
    assert text.count("Two models, one prompt. ") == 2
