"""The script that sets three initialisations beside each other: what it fills, in which order, and what it reads."""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from fixtures.clock import HostTimeline
from fixtures.device.sampler import Sample
from models.discover import discover
from models.spec import Pipeline, Recipe
from models.wan.random_weights import fill_fan_in
from reports.random_weights import read_random_weights
from tests.measure_overhead import recipe_and_request
from tests.measure_random_weights import RULES, Least, Seen, main, measure, normal, refill, take_turn, zeros

SPECS = discover()


def loaded(model: str = "causvid-tiny") -> Any:
    return SPECS[model].load(recipe_and_request(SPECS[model])[0])


def networks(pipeline: Any) -> list[torch.nn.Module]:
    components = pipeline._components
    return [components.text_encoder.network(), components.transformer, components.vae]


@pytest.mark.parametrize("model", ["causvid-tiny", "wan2.1-t2v-tiny"])
def test_fan_in_gives_the_weights_that_were_built(model: str) -> None:
    """The script's fan-in is what every random-weight row was measured with, to the bit, in all three networks."""
    built, filled = loaded(model), loaded(model)
    refill(filled, zeros)
    assert not any(parameter.any() for network in networks(filled) for parameter in network.parameters())
    refill(filled, fill_fan_in)
    pairs = zip(networks(built), networks(filled), strict=True)
    assert all(
        torch.equal(a, b) for one, other in pairs for a, b in zip(one.parameters(), other.parameters(), strict=True)
    )


def test_normal_has_one_deviation_and_leaves_norms_and_biases() -> None:
    """Weights have deviation 0.02 whatever their width; what is 1 or 0 under fan-in stays so."""
    transformer = networks(pipeline := loaded())[1]
    refill(pipeline, normal)
    parameters = dict(transformer.named_parameters())
    weights = torch.cat([p.flatten() for name, p in parameters.items() if p.ndim > 1])
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)
    assert {float(p.mean()) for name, p in parameters.items() if p.ndim == 1 and name.endswith("bias")} == {0.0}
    assert {float(p.mean()) for name, p in parameters.items() if p.ndim == 1 and name.endswith("weight")} == {1.0}


def test_each_rule_is_once_first_once_second_once_last_and_one_model_is_resident(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nine turns, nine loads, never two pipelines at once, and clips that the rules make unlike."""
    spec = SPECS["causvid-tiny"]
    recipe, request = recipe_and_request(spec)
    request = msgspec.structs.replace(request, frames=9)
    alive: list[weakref.ref[Pipeline]] = []

    def load(recipe: Recipe) -> Pipeline:
        assert [one() for one in alive if one() is not None] == []
        pipeline = spec.load(recipe)
        alive.append(weakref.ref(pipeline))
        return pipeline

    seen = measure(load, recipe, request, Least(rounds=3, seconds=0.0), None)
    a, b, c = RULES
    order = [line.split(": ")[0].split(", ")[1] for line in capsys.readouterr().out.splitlines()]
    assert order == [a, b, c, b, c, a, c, a, b]
    assert {name: len(one.rounds) for name, one in seen.items()} == dict.fromkeys(RULES, 3)
    assert len(alive) == 9
    summary = seen["zeros"].summary("zeros")
    assert (summary.power_w, summary.sm_clock_mhz, summary.not_finite) == (None, None, "")
    assert summary.step_s


@dataclass
class Scripted:
    """A pipeline whose clips take the seconds given, on a clock of its own; some hold NaN. It is its own side process.

    `samples` are taken, as on a GPU, once the first clip is over.
    """

    lengths_s: list[float]
    bad: set[int] = field(default_factory=set)
    samples: list[Sample] = field(default_factory=list)
    now: float = 100.0
    calls: int = 0
    period_s: float = 0.02
    problem: str | None = None

    def draw_noise(self, _request: object) -> tuple[torch.Tensor, ...]:
        return (torch.zeros(1),)

    def generate(self, _request: object, _noise: object, probe: Any) -> Iterator[torch.Tensor]:
        with probe.phase("denoise"):
            self.now += self.lengths_s[min(self.calls, len(self.lengths_s) - 1)]
            probe.check_finite("latents", torch.tensor([float("nan") if self.calls in self.bad else 1.0]))
            probe.step(1, 1)
        self.calls += 1
        yield torch.zeros((1, 1, 3, 2, 2), dtype=torch.uint8)

    def take(self) -> list[Sample]:
        """Hand over what was sampled by now."""
        taken = [sample for sample in self.samples if sample.at_s <= self.now]
        self.samples = self.samples[len(taken) :]
        return taken


REQUEST = msgspec.structs.replace(recipe_and_request(SPECS["causvid-tiny"])[1], width=2, height=2, frames=1)


def turn(pipeline: Any, least: Least) -> Seen:
    """Take one turn on the pipeline's own clock."""
    seen, timeline = Seen(), HostTimeline(now_s=lambda: pipeline.now)
    take_turn(pipeline, REQUEST, timeline, least, pipeline, seen)
    return seen


@pytest.mark.parametrize(
    ("least", "rounds"),
    [
        (Least(rounds=3, seconds=0.0), 1),
        (Least(rounds=4, seconds=0.0), 2),
        (Least(rounds=3, seconds=15.0), 3),
        (Least(rounds=3, seconds=12.0), 2),
    ],
)
def test_turn_has_its_third_of_rounds_and_seconds_after_a_warm_up(least: Least, rounds: int) -> None:
    """Clips of 2 s after a first one of 7 s, which is not timed: 5 s are three of them, 4 s are two."""
    seen = turn(Scripted([7.0, 2.0]), least)
    assert [times.prompt_to_host_s for times in seen.rounds] == pytest.approx([2.0] * rounds)


def test_power_and_clock_are_those_inside_the_rounds() -> None:
    """The warm-up lasts from 100 to 107 s, the two rounds to 111 s: samples at 106 s do not count."""
    taken = [(106.0, 100.0, 300), (108.0, 600.0, 1900), (109.0, 700.0, 1700), (110.5, 650.0, 1800)]
    samples = [Sample(at_s=at_s, power_w=power_w, sm_clock_mhz=mhz) for at_s, power_w, mhz in taken]
    summary = turn(Scripted([7.0, 2.0], samples=samples), Least(rounds=6, seconds=0.0)).summary("zeros")
    assert summary.power_w == pytest.approx(650.0)
    assert summary.sm_clock_mhz == 1800
    assert summary.step_s == pytest.approx(2.0)


@pytest.mark.parametrize("bad", [0, 2])
def test_nan_is_told_and_not_failed(bad: int) -> None:
    """In the warm-up or in a timed clip: the turn goes on, and the record says what was found."""
    seen = turn(Scripted([1.0], bad={bad}), Least(rounds=9, seconds=0.0))
    assert len(seen.rounds) == 3
    assert seen.summary("zeros").not_finite == "latents hold NaN or Inf (check 1 of 1 in the clip)"


def test_script_prints_and_writes_what_it_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A toy model end to end: the printed table is that of the file, with at most the steps asked for."""
    path = tmp_path / "random-weights.json"
    arguments = ["--model", "wan2.1-t2v-tiny", "--rounds", "1", "--seconds", "0", "--steps", "2", "--json", str(path)]
    assert main(arguments) == 0
    (spread,) = read_random_weights(path).models
    assert (spread.model, spread.steps) == ("wan2.1-t2v-tiny", 2)
    assert {len(one.rounds_s) for one in spread.initialisations} == {3}
    assert spread.spread_pct("power_w") is None
    printed = capsys.readouterr().out
    assert "wan2.1-t2v-tiny, 64x64, 33 frames, 2 steps, float32, native_math" in printed
    assert SPECS["wan2.1-t2v-tiny"].sampling.steps > 2
