"""What torch.compile gains: one model, loaded as each `compile` in turn, timed from prompt to frames on the device.

Run: `python -m tests.measure_causvid_speed [--model ID] [--compile none,transformer,all] [--numerics NAME]`. It prints
medians over the rounds in seconds, the peak of what torch allocated in them, the cost of compiling (first call less a
round), the graphs compiled while timing (exit code 1 if there are any), and how far the frames are from those of the
first line in levels of 255. With random weights, in bfloat16 on a GPU; a toy on the CPU where there is none.
"""

import argparse
import statistics
import sys

import msgspec
import torch

from fixtures.clock import Generated, RoundProbe, run_round, timeline_for
from fixtures.compilations import graphs_compiled
from fixtures.pipelines import Resident
from fixtures.progress import Progress
from fixtures.vram import peaks_for
from models.discover import discover
from models.spec import Recipe, Request, check_recipe
from tests.measure_overhead import recipe_and_request

GIB = 2**30
COLUMNS = ("compile", "sampling", "decode", "1st chunk", "total", "peak GiB", "to compile", "recompiled", "off by")


def measure(
    resident: Resident, recipe: Recipe, request: Request, rounds: int, progress: Progress
) -> tuple[list[Generated], float, int, int | None]:
    """Return the rounds, the seconds of the first call, the graphs compiled while timing and the peak of allocation."""
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
    return made, first_s, graphs_compiled() - before, peaks.memory(None).peak_allocated_bytes


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=None, help="default: causvid-1.3b with a GPU, causvid-tiny without")
    parser.add_argument("--compile", default="none,transformer,all")
    parser.add_argument("--numerics", default="diffusers")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    specs = discover()
    spec = specs[options.model or ("causvid-1.3b" if torch.cuda.is_available() else "causvid-tiny")]
    plain, request = recipe_and_request(spec)
    resident, progress = Resident(specs=specs), Progress(stream=sys.stderr, is_terminal=False)
    print(
        f"{spec.id}, {request.width}x{request.height}x{request.frames}, {options.numerics}, torch {torch.__version__}"
    )
    print(" ".join(f"{column:>11}" for column in COLUMNS), flush=True)
    baseline_BTCHW, total_recompiled = None, 0
    for compile_ in options.compile.split(","):
        changes = {**msgspec.structs.asdict(plain), "compile": compile_, "numerics": options.numerics}
        recipe = msgspec.convert(changes, Recipe)
        check_recipe(spec, recipe)
        with progress.showing(compile_, None):
            made, first_s, recompiled, peak_bytes = measure(resident, recipe, request, options.rounds, progress)
        times = [generated.times for generated in made]
        frames_BTCHW = made[-1].frames_BTCHW.float()
        baseline_BTCHW = frames_BTCHW if baseline_BTCHW is None else baseline_BTCHW
        figures = (
            statistics.median(round_.sampling_s or 0.0 for round_ in times),
            statistics.median(round_.phases_s["decode"] for round_ in times),
            statistics.median(round_.chunks[0].device_s for round_ in times),
            statistics.median(round_.prompt_to_device_s for round_ in times),
            float("nan") if peak_bytes is None else peak_bytes / GIB,
            first_s - statistics.median(round_.prompt_to_host_s for round_ in times),
        )
        off = (frames_BTCHW - baseline_BTCHW).abs().mean().item()
        cells = (compile_, *(f"{figure:.3f}" for figure in figures), str(recompiled), f"{off:.3f}")
        print(" ".join(f"{cell:>11}" for cell in cells), flush=True)
        total_recompiled += recompiled
    return int(total_recompiled > 0)


if __name__ == "__main__":
    sys.exit(main())
