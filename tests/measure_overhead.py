"""What the harness costs: the same pipeline under the suite's clock and in a bare loop, in interleaved pairs.

Run: `python -m tests.measure_overhead [--model ID] [--pairs N]`. It prints the median of the paired ratios (harness
over bare) with its 95 % interval by order statistics, and exits with 1 when the median is above 1.01. The bare loop
generates, copies the frames to the same pinned memory and synchronises at both ends; the harness adds stamps, the looks
for NaN, the peak meter with the pipeline's account of what it keeps, the progress thread and on a GPU the side process
that samples it, which is stopped while the bare loop runs (`--period` in seconds, the suite's own by default). The
order within a pair alternates.
"""

import argparse
import contextlib
import gc
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator

import torch

from fixtures.clock import RoundProbe, run_round, timeline_for
from fixtures.device.gpu import gpu_state
from fixtures.device.sampler import PERIOD_S
from fixtures.device.side_process import SideSampler, start_sampler
from fixtures.machine import device_uuid, environment
from fixtures.memory.vram import Part, peaks_for
from fixtures.progress import Progress
from models.discover import discover
from models.spec import DtypeName, ModelSpec, Pipeline, Recipe, Request, TellsResident
from reports.spread import median_interval

LIMIT_RATIO = 1.01


class BareProbe:
    """A probe that does nothing."""

    @contextlib.contextmanager
    def phase(self, _name: str) -> Iterator[None]:
        """Mark nothing."""
        yield

    def step(self, done: int, total: int) -> None:
        """Note nothing."""

    def check_finite(self, name: str, values: torch.Tensor) -> None:
        """Look at nothing."""


def seconds(work: Callable[[], object]) -> float:
    """Time one call on the wall clock; the garbage of the one before is collected first."""
    gc.collect()
    start_s = time.perf_counter()
    work()
    return time.perf_counter() - start_s


def measure(
    pipeline: Pipeline, request: Request, device: str, pairs: int, sampler: SideSampler | None = None
) -> list[float]:
    """Time `pairs` interleaved pairs and give the ratios, harness over bare; only the harness is sampled."""
    timeline = timeline_for(device)
    noise = pipeline.draw_noise(request)
    size = (1, request.frames, 3, request.height, request.width)
    host_BTCHW = torch.empty(size, dtype=torch.uint8, pin_memory=device == "cuda")

    def bare() -> None:
        timeline.synchronize()
        filled = 0
        for chunk_BTCHW in pipeline.generate(request, noise, BareProbe()):
            host_BTCHW[:, filled : filled + chunk_BTCHW.shape[1]].copy_(chunk_BTCHW, non_blocking=True)
            filled += chunk_BTCHW.shape[1]
        timeline.synchronize()

    progress, peaks = Progress(stream=sys.stderr, is_terminal=False), peaks_for(device)
    # One meter for all rounds, which asks the pipeline: as in fixtures/measure.py.
    peaks.resident = pipeline.resident_bytes if isinstance(pipeline, TellsResident) else None

    def harness(part: Part = "rounds") -> None:
        peaks.begin(part)
        run_round(pipeline, request, noise, host_BTCHW, RoundProbe(timeline_for(device), progress, peaks))

    bare()
    ratios = []
    with progress.showing("overhead", None):
        harness("first_call")
        for pair in range(pairs):
            first, second = (bare, harness) if pair % 2 == 0 else (harness, bare)
            times_s: dict[Callable[[], None], float] = {}
            for work in (first, second):
                if sampler is not None:
                    sampler.process.send_signal(signal.SIGCONT if work is harness else signal.SIGSTOP)
                times_s[work] = seconds(work)
            ratios.append(times_s[harness] / times_s[bare])
            print(f"pair {pair + 1:2}: bare {times_s[bare]:.4f} s, harness {times_s[harness]:.4f} s", flush=True)
    if sampler is not None:
        sampler.process.send_signal(signal.SIGCONT)
        print(f"{len(sampler.take())} samples by the side process {sampler.problem or ''}")
    return ratios


def recipe_and_request(spec: ModelSpec) -> tuple[Recipe, Request]:
    """Take the model's own size and sampling, in bfloat16 with random weights on a GPU or as a toy on the CPU."""
    toy, sampling = "tiny" in spec.weights_sources, spec.sampling
    dtype: DtypeName = "float32" if toy else "bfloat16"
    recipe = Recipe(
        model=spec.id,
        weights="tiny" if toy else "random",
        device="cpu" if toy else "cuda",
        transformer_dtype=dtype,
        text_encoder_dtype=dtype,
        vae_dtype=dtype,
        attention="native_math" if toy else "native_cudnn",
    )
    request = Request(
        prompt="Two dogs race each other along a beach.",
        width=spec.width,
        height=spec.height,
        frames=spec.frames,
        fps=spec.fps,
        steps=sampling.steps,
        guidance_scale=sampling.guidance_scale,
        shift=sampling.shift,
        seed=0,
        negative_prompt=sampling.negative_prompt,
    )
    return recipe, request


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=None, help="default: causvid-1.3b with a GPU, causvid-tiny without")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--period", type=float, default=PERIOD_S, help="seconds between two samples of the GPU")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    spec = discover()[options.model or ("causvid-1.3b" if device == "cuda" else "causvid-tiny")]
    recipe, request = recipe_and_request(spec)
    pipeline = spec.load(recipe)
    sampler = start_sampler(device_uuid(), options.period) if recipe.device == "cuda" else None
    ratios = measure(pipeline, request, recipe.device, options.pairs, sampler)
    if sampler is not None:
        sampler.close()
    facts = environment(gpu_state(), torch_module=torch)
    where = facts.gpus[0]["name"] if recipe.device == "cuda" else facts.cpu
    low, high = median_interval(ratios)
    median = statistics.median(ratios)
    print(f"{spec.id}, {request.width}x{request.height}x{request.frames} on {where}, torch {facts.packages['torch']}")
    print(f"harness / bare: median {median:.4f}, 95 % interval [{low:.4f}, {high:.4f}], {len(ratios)} pairs")
    print(f"{'within' if median <= LIMIT_RATIO else 'OVER'} the limit of {LIMIT_RATIO}")
    return 0 if median <= LIMIT_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
