"""What torch.compile gains: one model, loaded as each `compile` in turn, timed from prompt to frames on the device.

Run: `python -m tests.measure_causvid_speed [--model ID] [--compile none,transformer,all] [--decode streamed,whole]
[--numerics NAME]`. First it prints where it ran: commit, device, versions, attention. Then, a line for each level,
medians over the rounds in seconds, the peak of what torch allocated in them, how much longer the first call took than a
round, the graphs compiled while timing (exit code 1 if there are any), and how far the frames are from those of the
first line in levels of 255. Each level has a process of its own, whose caches of compiled kernels are empty: a first
call holds the libraries' own start, which is all that it holds with "none", and what compiling costs. With random
weights, in bfloat16 on a GPU; a toy on the CPU where there is none.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from unittest.mock import patch

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from fixtures.clock import Generated, RoundProbe, run_round, timeline_for
from fixtures.compilations import graphs_compiled
from fixtures.device.gpu import gpu_state
from fixtures.machine import environment
from fixtures.memory.vram import peaks_for
from fixtures.pipelines import Resident
from fixtures.progress import Progress
from models.discover import discover
from models.spec import Recipe, Request, check_recipe
from reports.measured import Round
from tests.measure_overhead import recipe_and_request

GIB = 2**30
COLUMNS = (
    *("compile", "decoded", "sampling", "decode", "1st chunk", "total"),
    *("peak GiB", "first call +", "recompiled", "off by"),
)
CACHES = {"TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"}
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a level's process tells: its timed rounds, its first call, and the last round's `frames_BTCHW`."""

    rounds: list[Round]
    first_s: float
    recompiled: int
    peak_bytes: int | None
    frames_BTCHW: NDArray[np.uint8]


def in_fresh_process(work: Callable[..., T], *arguments: Any) -> T:
    """Call `work` in a new process, for which compiled kernels have empty folders that are deleted after it."""
    with tempfile.TemporaryDirectory(prefix="compiled-", ignore_cleanup_errors=True) as folder:
        caches = {name: f"{folder}/{cache}" for name, cache in CACHES.items()}
        with (
            patch.dict(os.environ, caches),
            ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
        ):
            return pool.submit(work, *arguments).result()


def measure(recipe: Recipe, request: Request, rounds: int) -> Measured:
    """Load, generate once and then `rounds` times."""
    progress = Progress(stream=sys.stderr, is_terminal=False)
    resident = Resident(specs=discover())
    with progress.showing(f"{recipe.compile} {recipe.decode}", None):
        resident.load(recipe)
        pipeline = resident.pipeline
        assert pipeline is not None
        noise, timeline = pipeline.draw_noise(request), timeline_for(recipe.device)
        size = (1, request.frames, 3, request.height, request.width)

        def generate() -> Generated:
            host_BTCHW = torch.empty(size, dtype=torch.uint8, pin_memory=recipe.device == "cuda")
            return run_round(pipeline, request, noise, host_BTCHW, RoundProbe(timeline, progress, peaks))

        peaks = peaks_for(recipe.device)
        first_s = generate().times.prompt_to_host_s
        before, peaks = graphs_compiled(), peaks_for(recipe.device)
        made = [generate() for _ in range(rounds)]
    return Measured(
        rounds=[generated.times for generated in made],
        first_s=first_s,
        recompiled=graphs_compiled() - before,
        peak_bytes=peaks.memory(None).peak_allocated_bytes,
        frames_BTCHW=made[-1].frames_BTCHW.numpy(),
    )


def provenance(recipe: Recipe, request: Request) -> str:
    """Say in two lines what is measured, and where and when."""
    facts = environment(gpu_state(), torch_module=torch)
    device = f"CPU {facts.cpu}"
    if recipe.device == "cuda":
        device = f"{facts.gpus[0]['name']}, driver {facts.driver}, CUDA {facts.cuda}"
    commit = f"commit {facts.git_commit}{' with changes' if facts.git_dirty else ''}"
    packages = ", ".join(f"{name} {facts.packages[name]}" for name in ("torch", "diffusers"))
    return (
        f"{recipe.model}, {request.width}x{request.height}x{request.frames}, {recipe.weights} weights, numerics"
        f" {recipe.numerics}, attention {recipe.attention}, empty compile caches\n"
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {commit}, {device}, Python {facts.python}, {packages}"
    )


def cells(recipe: Recipe, measured: Measured, baseline: Measured) -> list[str]:
    """Give a level's line."""
    rounds = measured.rounds
    figures = (
        statistics.median(round_.sampling_s or 0.0 for round_ in rounds),
        statistics.median(round_.phases_s["decode"] for round_ in rounds),
        statistics.median(round_.chunks[0].device_s for round_ in rounds),
        statistics.median(round_.prompt_to_device_s for round_ in rounds),
        float("nan") if measured.peak_bytes is None else measured.peak_bytes / GIB,
        measured.first_s - statistics.median(round_.prompt_to_host_s for round_ in rounds),
    )
    off = np.abs(measured.frames_BTCHW.astype(np.float32) - baseline.frames_BTCHW).mean()
    numbers = [*(f"{figure:.3f}" for figure in figures), str(measured.recompiled), f"{off:.3f}"]
    return [recipe.compile, recipe.decode, *numbers]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default=None, help="default: causvid-1.3b with a GPU, causvid-tiny without")
    parser.add_argument("--compile", default="none,transformer,all")
    parser.add_argument("--decode", default="streamed")
    parser.add_argument("--numerics", default="diffusers")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    spec = discover()[options.model or ("causvid-1.3b" if torch.cuda.is_available() else "causvid-tiny")]
    plain, request = recipe_and_request(spec)
    levels = [
        msgspec.convert(
            {**msgspec.structs.asdict(plain), "compile": compile_, "decode": decode, "numerics": options.numerics},
            Recipe,
        )
        for decode in options.decode.split(",")
        for compile_ in options.compile.split(",")
    ]
    for recipe in levels:
        check_recipe(spec, recipe)
    print(provenance(levels[0], request))
    print(" ".join(f"{column:>12}" for column in COLUMNS), flush=True)
    found: list[Measured] = []
    for recipe in levels:
        found.append(in_fresh_process(measure, recipe, request, options.rounds))
        print(" ".join(f"{cell:>12}" for cell in cells(recipe, found[-1], found[0])), flush=True)
    return int(any(measured.recompiled for measured in found))


if __name__ == "__main__":
    sys.exit(main())
