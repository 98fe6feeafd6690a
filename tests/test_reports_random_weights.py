"""The published spread over initialisations: its numbers, its file, and what is quoted of it."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from reports.exports.markdown import render_markdown
from reports.html import render_html
from reports.random_weights import (
    NOT_MEASURED,
    PUBLISHED,
    Initialisation,
    ModelSpread,
    RandomWeights,
    banners_of,
    keep_random_weights,
    quoted,
    read_random_weights,
    table,
)
from reports.record import Run
from reports.summary import render_summary
from tests.reports_samples import case_of, planned, run_of, spread_of_initialisations


def test_spread_is_the_highest_over_the_lowest() -> None:
    """Medians of 4.00, 4.04 and 4.08 s are 2 % apart, 400 to 500 W 25 %."""
    measured = spread_of_initialisations()
    assert measured.spread_pct("time_s") == pytest.approx(2.0)
    assert measured.spread_pct("power_w") == pytest.approx(25.0)
    first, *others = measured.initialisations
    without = msgspec.structs.replace(measured, initialisations=[msgspec.structs.replace(first, power_w=None), *others])
    assert without.spread_pct("power_w") is None
    (sentence,) = quoted(RandomWeights(models=[without]), ["causvid-1.3b"])
    assert "differed by 2.0 % in time (normal 0.02 least) (" in sentence


def test_other_models_and_devices_stay_in_the_file(tmp_path: Path) -> None:
    """A model that is measured again on the same device is replaced, nothing else is."""
    path = tmp_path / "random-weights.json"
    first = spread_of_initialisations()
    wan = msgspec.structs.replace(first, model="wan2.1-t2v-1.3b")
    h200 = msgspec.structs.replace(first, device="NVIDIA H200")
    again = msgspec.structs.replace(first, measured_at="later")
    for one in (first, wan, h200, again):
        keep_random_weights(one, path)
    assert read_random_weights(path).models == [wan, h200, again]


def test_older_run_is_told_with_what_is_published_of_its_models(tmp_path: Path) -> None:
    """A run's banners are from its day: without a sentence on the initialisation one is quoted, and else none added."""
    path = tmp_path / "random-weights.json"
    keep_random_weights(spread_of_initialisations(), path)
    (sentence,) = quoted(read_random_weights(path), ["causvid-1.3b"])
    older = run_of(case_of(planned(), 4.0), banners=("RANDOM WEIGHTS: noise.", "NON-COMMERCIAL licence."))
    told = ["RANDOM WEIGHTS: noise.", f"RANDOM WEIGHTS: {sentence}.", "NON-COMMERCIAL licence."]
    assert banners_of(older, path) == told
    own = msgspec.structs.replace(older, banners=[*older.banners, f"RANDOM WEIGHTS: {NOT_MEASURED}."])
    assert banners_of(own, path) == own.banners
    real = msgspec.structs.replace(older, banners=older.banners[1:])
    assert banners_of(real, path) == real.banners


@pytest.mark.parametrize("render", [render_html, render_summary, lambda run: render_markdown([run])])
def test_every_view_of_an_older_run_quotes_the_published_spread(render: Callable[[Run], str]) -> None:
    """Page, terminal and Markdown say of an older random row what its initialisation may have changed."""
    run = run_of(case_of(planned(), 4.0), banners=("RANDOM WEIGHTS: noise.",))
    text = " ".join(render(run).replace("\\", "").replace("!! ", "").replace("&gt;", ">").split())
    assert "three initialisations of causvid-1.3b differed by" in text


def test_quoted_is_the_runs_own_model_else_what_is_known() -> None:
    """A sentence a published spread of the run's models; what was not measured is said to be so."""
    first = spread_of_initialisations()
    published = RandomWeights(models=[first, msgspec.structs.replace(first, model="wan2.1-t2v-1.3b")])
    assert quoted(RandomWeights(models=[]), ["causvid-1.3b"]) == [NOT_MEASURED]
    (own,) = quoted(published, ["causvid-1.3b"])
    assert own.startswith(
        "three initialisations of causvid-1.3b differed by 2.0 % in time (normal 0.02 least), "
        "25.0 % in power (normal 0.02 least) (3 steps, "
    )
    assert quoted(published, ["causvid-1.3b", "other"]) == [own, f"of the other models of this run, {NOT_MEASURED}"]
    assert [line.split(" differed")[0] for line in quoted(published, ["other"])] == [
        "three initialisations of causvid-1.3b",
        "three initialisations of wan2.1-t2v-1.3b",
        f"of the models of this run, {NOT_MEASURED}",
    ]


def test_table_has_a_row_an_initialisation_and_says_where() -> None:
    """Times, power, clock and spread stand in columns; NaN, device, commit and date below."""
    measured = spread_of_initialisations()
    *others, last = measured.initialisations
    nan = msgspec.structs.replace(last, not_finite="latents hold NaN or Inf")
    lines = table(msgspec.structs.replace(measured, initialisations=[*others, nan]))
    assert lines[1].split() == ["normal", "0.02", "3", "0.752", "4", "0.6", "400", "1980"]
    assert lines[4].split() == ["spread", "[%]", "2.00", "0.000", "25.00", "10.00"]
    assert lines[5] == "!! zeros: latents hold NaN or Inf"
    assert "832x480, 81 frames, 3 steps" in lines[6]
    assert lines[7].startswith("NVIDIA H100 80GB HBM3, driver 580, CUDA 13.0, Python 3.12.3, torch 2.11.0")
    assert lines[8] == f"commit {measured.git_commit}, 2026-11-23T00:00:00+00:00"


def test_one_initialisation_is_no_spread() -> None:
    """A file that holds a single one is refused: nothing can be said of it."""
    alone = msgspec.to_builtins(msgspec.structs.replace(spread_of_initialisations(), initialisations=[]))
    with pytest.raises(msgspec.ValidationError, match="length >= 2"):
        msgspec.convert(alone, ModelSpread)
    with pytest.raises(msgspec.ValidationError, match="length >= 1"):
        msgspec.convert({"name": "zeros", "rounds_s": [], "step_s": 1, "power_w": 1, "sm_clock_mhz": 1}, Initialisation)


def test_published_file_is_readable() -> None:
    """What stands in the repository, if anything, is of the three initialisations, from a known commit on a GPU."""
    for published in read_random_weights(PUBLISHED).models:
        assert [one.name for one in published.initialisations] == ["normal 0.02", "fan-in", "zeros"]
        assert published.git_commit
        assert published.device.startswith("NVIDIA")
