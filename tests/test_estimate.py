"""Estimates are sums that can be worked out by hand, and near what was measured."""

import msgspec
import pytest

from fixtures import estimate
from fixtures.estimate import (
    Extras,
    case_expected_s,
    estimate_case_s,
    estimated,
    readable,
    total_estimate_s,
    warmed_for,
)
from models.discover import discover
from models.spec import Request
from reports.record import PlannedCase
from tests.reports_samples import planned

SPECS = discover()


def request_of(model: str, frames: int, **changes: object) -> Request:
    """Ask for a 480p clip with the model's own sampling."""
    sampling = SPECS[model].sampling
    values = {name: getattr(sampling, name) for name in ("steps", "guidance_scale", "shift")} | changes
    return Request(prompt="", width=832, height=480, frames=frames, fps=16.0, seed=0, **values)


def estimate_of(model: str, request: Request, device: str) -> float | None:
    counted = SPECS[model].work
    assert counted is not None
    return estimate_case_s(counted(request), request, device)


@pytest.mark.parametrize(
    ("model", "frames", "changes", "measured_s"),
    [
        ("causvid-1.3b", 33, {}, 0.036 + 0.657 + 0.843),
        ("wan2.1-t2v-1.3b", 33, {"steps": 4}, 0.072 + 4 * 0.396 + 0.843),
        ("wan2.1-t2v-1.3b", 81, {}, 0.072 + 50 * 1.28 + 2.0),
        ("wan2.1-t2v-14b", 81, {"steps": 4, "guidance_scale": 1.0}, 0.036 + 4 * 3.43 + 2.0),
    ],
)
def test_estimate_is_near_the_measurement(
    model: str, frames: int, changes: dict[str, object], measured_s: float
) -> None:
    """Within a quarter of what an H100 took (an H200 for 14B); a factor of two is promised."""
    estimated_s = estimate_of(model, request_of(model, frames, **changes), "cuda")
    assert estimated_s == pytest.approx(measured_s, rel=0.25)


def test_toy_estimate_counts_forwards_and_pixels() -> None:
    """On a CPU 9 frames of 64x64 are 36,864 pixels."""
    request = Request(
        prompt="", width=64, height=64, frames=9, fps=16.0, steps=4, guidance_scale=6.0, shift=8.0, seed=0
    )
    expected_s = 8 * estimate.CPU_FORWARD_S + 36_864 * estimate.CPU_PIXEL_S
    assert estimate_of("wan2.1-t2v-tiny", request, "cpu") == pytest.approx(expected_s)


def test_batch_scales_the_arithmetic_and_not_the_text() -> None:
    """Eight clips take nearly eight times as long as one, and are warmed up for themselves."""
    model = "wan2.1-t2v-1.3b"
    one, eight = (estimate_of(model, request_of(model, 33, batch=n), "cuda") for n in (1, 8))
    assert one is not None
    assert eight is not None
    assert 7 < eight / one < 8
    case = planned()
    batch = msgspec.structs.replace(case, request=msgspec.structs.replace(case.request, batch=8))
    assert warmed_for(batch) != warmed_for(case)


def with_estimate(case: PlannedCase, seconds: float | None, **changes: object) -> PlannedCase:
    """Give the case another estimate."""
    return msgspec.structs.replace(case, estimate_s=seconds, **changes)


def test_total_warms_up_once_a_recipe_and_shape() -> None:
    """Two seeds of one recipe and size share the first call; another width has its own."""
    cases = [with_estimate(planned(seed=seed), 10.0) for seed in (0, 1)]
    overhead_s = sum(estimate.case_overhead_s(case) for case in cases)
    loading_s = estimate.CUDA_START_S + estimate.CUDA_LOAD_S
    assert total_estimate_s(cases) == pytest.approx(loading_s + (3 + 1 + 3) * 10.0 + 2 * 20.0 + overhead_s)
    wide = with_estimate(planned(width=1280), 10.0)
    more_s = total_estimate_s([*cases, wide]) - total_estimate_s(cases)
    assert more_s == pytest.approx(4 * 10.0 + 20.0 + estimate.case_overhead_s(wide))


@pytest.mark.parametrize(("one_s", "expected_s"), [(4.0, 16.0), (5.0, 15.0), (14.9, 29.8), (15.0, 0.0), (60.0, 0.0)])
def test_short_generations_are_repeated_for_energy(one_s: float, expected_s: float) -> None:
    """Whole generations fill at least 15 s; a round of 15 s is long enough, and without a warm-up none is added."""
    assert estimate.energy_s(with_estimate(planned(), one_s)) == pytest.approx(expected_s)
    assert estimate.energy_s(with_estimate(planned(), one_s, warmup=False)) == 0.0


def test_options_decide_what_is_generated_beside_the_rounds() -> None:
    """Without energy its generations are not counted; a profile is one more generation, in a case and in the sum."""
    case = with_estimate(planned(), 5.0)
    for expected_s in (case_expected_s, lambda *words: total_estimate_s([words[0]], *words[1:])):
        whole_s, without_s, profiled_s = (
            expected_s(case, extras) or 0.0 for extras in (Extras(), Extras(energy=False), Extras(profile=True))
        )
        assert whole_s - without_s == pytest.approx(15.0)
        assert profiled_s - whole_s == pytest.approx(5.0)
    assert estimated([case] * 20, Extras(energy=False)) != estimated([case] * 20)


def test_freed_text_encoder_is_warmed_up_for_each_prompt() -> None:
    """The first call of a prompt loads it: no timed round may hold that."""
    dogs, cats = planned(), planned(text="two cats sleep")
    freed = [
        msgspec.structs.replace(case, recipe=msgspec.structs.replace(case.recipe, text_encoder="freed"))
        for case in (dogs, cats)
    ]
    assert dogs.request.prompt != cats.request.prompt
    assert warmed_for(dogs) == warmed_for(cats) == (832, 480, 81, 1, False)
    assert len(set(map(warmed_for, freed))) == 2
    guided = msgspec.structs.replace(freed[0].request, guidance_scale=5.0, negative_prompt="blurred")
    assert warmed_for(msgspec.structs.replace(freed[0], request=guided)) == (*warmed_for(freed[0]), "blurred")


def test_unknown_lengths_are_counted_not_guessed() -> None:
    """A model without arithmetic has no estimate, and the header says of how many cases that is so."""
    case = with_estimate(planned(), None)
    assert case_expected_s(case) is None
    assert estimated([case]).endswith("and 1 case of unknown length")
    assert estimated([with_estimate(planned(), 100.0, rounds=3)]).startswith("about 7 min")
    assert case_expected_s(with_estimate(planned(), 100.0)) == pytest.approx(400 + estimate.case_overhead_s(case))


def test_time_on_a_cpu_is_the_least_that_it_takes() -> None:
    """How busy the CPU is decides, so a case's is not told, and a sum's is no more than its least."""
    case = with_estimate(planned(), 2.0, rounds=3)
    toy = msgspec.structs.replace(case, recipe=msgspec.structs.replace(case.recipe, device="cpu"))
    assert estimated([toy]) == "at least 14 s (how fast and how busy the CPU is decides)"
    assert "about" in estimated([case])
    fresh = msgspec.structs.replace(toy, fresh_process=True)
    assert (case_expected_s(toy), case_expected_s(fresh)) == (None, None)
    assert case_expected_s(case) is not None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (89.4, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h")]
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    """Seconds up to a minute and a half, minutes up to an hour and a half, then hours."""
    assert readable(seconds) == text
