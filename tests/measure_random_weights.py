"""Are random weights a fair stand-in: time, power and clock of one model with three ways to fill its parameters.

Run: `python -m tests.measure_random_weights [--model ID ...] [--rounds N] [--seconds S] [--steps N] [--json PATH]`.
Every initialisation has three turns, each once first, once second and once last, so that a GPU that warms up does not
look like an effect. A turn loads the model anew (its text encoder, transformer and VAE are filled by the rule), warms
up with one whole clip, and then generates back to back: over its turns at least `--rounds` clips and `--seconds`. One
model is resident at a time, as in a benchmark. A clip has at most `--steps` steps (8 by default): what a step takes
does not depend on how many there are. NaN and Inf are looked for and told, and fail nothing. On a CPU, with toy models,
there is neither power nor clock to read: time only.
"""

import argparse
import math
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import torch

from fixtures.clock import Generated, NotFiniteError, RoundProbe, Silent, Timeline, run_round, timeline_for
from fixtures.device.gpu import gpu_state
from fixtures.device.gpu_watch import Sampler
from fixtures.device.sampler import Sample
from fixtures.device.samples import Window, inside, mean, window_of
from fixtures.device.side_process import start_sampler
from fixtures.estimate import counted
from fixtures.machine import device_uuid, environment
from fixtures.memory.vram import NoPeaks
from fixtures.pipelines import release_memory
from fixtures.run import utc_now
from models.discover import discover
from models.spec import Pipeline, Recipe, Request
from models.wan.random_weights import WEIGHTS_SEED, fill_fan_in, is_weight
from reports.environment import Environment
from reports.measured import Round
from reports.random_weights import Initialisation, ModelSpread, keep_random_weights, table
from tests.measure_overhead import recipe_and_request

TURNS = 3
Fill = Callable[[str, torch.Tensor, torch.Generator], None]


def normal(name: str, values: torch.Tensor, generator: torch.Generator) -> None:
    """Fill as most transformers are initialised: deviation 0.02 whatever the width; norms 1, biases 0."""
    fill_fan_in(name, values, generator)
    if is_weight(name, values):
        values.normal_(0.0, 0.02, generator=generator)


def zeros(_name: str, values: torch.Tensor, _generator: torch.Generator) -> None:
    """Fill with zeros, norms too: the least that a kernel's operands can switch."""
    values.zero_()


RULES: Mapping[str, Fill] = MappingProxyType({"normal 0.02": normal, "fan-in": fill_fan_in, "zeros": zeros})


@dataclass(frozen=True, kw_only=True)
class Least:
    """What an initialisation is measured over, all turns together."""

    rounds: int
    seconds: float

    def enough(self, rounds: Sequence[Round]) -> bool:
        """Tell whether one turn's rounds are its share."""
        lasted_s = sum(times.prompt_to_host_s for times in rounds)
        return len(rounds) >= math.ceil(self.rounds / TURNS) and lasted_s >= self.seconds / TURNS


@dataclass
class Seen:
    """One initialisation's timed rounds of all turns, and the device's samples around them."""

    rounds: list[Round] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    not_finite: str = ""

    def look(self, generated: Generated) -> None:
        """Look for NaN and Inf, outside the clock; the first finding is kept."""
        try:
            generated.probe.raise_if_not_finite()
        except NotFiniteError as error:
            self.not_finite = self.not_finite or str(error)

    def summary(self, name: str) -> Initialisation:
        """Give the record of the initialisation `name`."""
        seen = inside(self.samples, self.windows)
        clocks = [sample.sm_clock_mhz for sample in seen if sample.sm_clock_mhz is not None]
        steps_s = [step_s for times in self.rounds for step_s in times.steps_s]
        return Initialisation(
            name=name,
            rounds_s=[times.prompt_to_host_s for times in self.rounds],
            step_s=statistics.median(steps_s) if steps_s else None,
            power_w=mean(sample.power_w for sample in seen),
            sm_clock_mhz=statistics.median(clocks) if clocks else None,
            not_finite=self.not_finite,
        )


def refill(pipeline: Any, fill: Fill) -> None:
    """Fill all of a freshly loaded pipeline's parameters in place, each network's from the seed of random weights.

    Only before its first clip: a causal runner keeps tables that it makes of the weights then.
    """
    components = pipeline._components
    for network in (components.text_encoder.network(), components.transformer, components.vae):
        device = next(network.parameters()).device
        generator = torch.Generator(device).manual_seed(WEIGHTS_SEED)
        for name, parameter in network.named_parameters():  # a tied one once
            fill(name, parameter.data, generator)


def take_turn(
    pipeline: Pipeline, request: Request, timeline: Timeline, least: Least, sampler: Sampler | None, into: Seen
) -> list[Round]:
    """Warm up with one clip, then time clips back to back; give the timed ones."""
    noise = pipeline.draw_noise(request)
    size = (request.batch, request.frames, 3, request.height, request.width)
    host_BTCHW = torch.empty(size, dtype=torch.uint8, pin_memory=noise[0].is_cuda)

    def generate() -> Generated:
        probe = RoundProbe(timeline, Silent(), NoPeaks())
        generated = run_round(pipeline, request, noise, host_BTCHW, probe)
        into.look(generated)
        return generated

    generate()
    into.samples += sampler.take()[-1:] if sampler else []
    rounds: list[Round] = []
    while not least.enough(rounds):
        generated = generate()
        rounds.append(generated.times)
        into.windows.append(window_of(generated))
    into.samples += sampler.take() if sampler else []
    into.rounds += rounds
    return rounds


def measure(
    load: Callable[[Recipe], Pipeline], recipe: Recipe, request: Request, least: Least, sampler: Sampler | None
) -> dict[str, Seen]:
    """Give every rule its turns, in an order in which each is once first, once second and once last."""
    seen = {name: Seen() for name in RULES}
    names = list(RULES)
    for turn in range(TURNS):
        for name in names[turn:] + names[:turn]:
            pipeline = load(recipe)
            refill(pipeline, RULES[name])
            rounds = take_turn(pipeline, request, timeline_for(recipe.device), least, sampler, seen[name])
            del pipeline
            release_memory()
            middle_s = statistics.median(times.prompt_to_host_s for times in rounds)
            print(f"turn {turn + 1}, {name}: {middle_s:.4f} s, {counted(len(rounds), 'round')}", flush=True)
    return seen


def spread_of(seen: Mapping[str, Seen], recipe: Recipe, request: Request, here: Environment) -> ModelSpread:
    """Put what was measured into the record, with where it was."""
    return ModelSpread(
        model=recipe.model,
        width=request.width,
        height=request.height,
        frames=request.frames,
        steps=request.steps,
        attention=recipe.attention,
        dtype=recipe.transformer_dtype,
        device=here.gpus[0]["name"] if recipe.device == "cuda" else here.cpu,
        driver=here.driver,
        cuda=here.cuda,
        packages={name: here.packages[name] for name in ("torch", "diffusers", "transformers")},
        python=here.python,
        git_commit=here.git_commit,
        git_dirty=here.git_dirty,
        measured_at=utc_now(),
        initialisations=[one.summary(name) for name, one in seen.items()],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and, where asked, write."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--model", nargs="+", default=None, metavar="ID", help="by default CausVid and Wan 2.1 at 1.3B")
    parser.add_argument("--rounds", type=int, default=3, help="least clips an initialisation")
    parser.add_argument("--seconds", type=float, default=15.0, help="least seconds of clips an initialisation")
    parser.add_argument("--steps", type=int, default=8, help="most steps a clip")
    parser.add_argument("--json", type=Path, default=None, help="keep the result here, beside other models'")
    options = parser.parse_args(arguments)
    on_gpu = torch.cuda.is_available()
    here, specs = environment(gpu_state(), torch_module=torch), discover()
    for model in options.model or (
        ["causvid-1.3b", "wan2.1-t2v-1.3b"] if on_gpu else ["causvid-tiny", "wan2.1-t2v-tiny"]
    ):
        recipe, request = recipe_and_request(specs[model])
        request = msgspec.structs.replace(request, steps=min(request.steps, options.steps))
        specs[model].check(request)
        sampler = start_sampler(device_uuid()) if recipe.device == "cuda" else None
        least = Least(rounds=options.rounds, seconds=options.seconds)
        seen = measure(specs[model].load, recipe, request, least, sampler)
        if sampler is not None:
            print(f"side process: {sampler.problem or 'answered to the end'}")
            sampler.close()
        spread = spread_of(seen, recipe, request, here)
        print("\n".join(table(spread)), flush=True)
        if options.json is not None:
            keep_random_weights(spread, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
