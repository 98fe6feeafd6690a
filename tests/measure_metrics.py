"""What judging a clip costs, metric by metric, printed: `python -m tests.measure_metrics [--frames 81 --size 832x480]`.

First each plane that metrics share (luma, Lab, flow, …), in the order of `Clip`, so that a plane's own cost does not
hold that of those it is made of; then every metric of `fixtures/metrics/` with all planes at hand. The clip is a
coloured texture that moves, with noise on it. No test asserts a duration.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np

from fixtures.metrics.clip import Clip
from fixtures.metrics.spec import NotApplicableError, find_metrics
from tests.textured_clip import as_clip, textured

STEP_PX = 3
NOISE_CODES = 2


def noisy_clip(frames: int, width: int, height: int) -> Clip:
    """Give a coloured texture that moves, under noise, with CausVid's block starts."""
    texture_THWC = textured(frames, height, width, step_px=STEP_PX)
    noise_THWC = NOISE_CODES * np.random.default_rng(0).standard_normal(texture_THWC.shape, dtype=np.float32)
    clip = as_clip(texture_THWC + noise_THWC)
    return replace(clip, frames_TCHW=clip.frames_TCHW.contiguous(), block_starts=tuple(range(9, frames, 12)))


def seconds(work: Callable[[], object]) -> tuple[float, object]:
    """Give how long `work` took, and what it gave."""
    start_s = time.perf_counter()
    result = work()
    return time.perf_counter() - start_s, result


def planes_of(clip: Clip) -> dict[str, float]:
    """Make every plane of a fresh clip; gives the seconds of each."""
    names = [name for name, item in vars(Clip).items() if isinstance(item, cached_property)]
    return {name: seconds(lambda name=name: getattr(clip, name))[0] for name in names}  # type: ignore[misc]


def metrics_of(clip: Clip) -> dict[str, tuple[float, str]]:
    """Apply every metric of the folder; gives the seconds and the value, or why there is none."""
    found = {}
    for metric in find_metrics().values():
        try:
            took_s, measured = seconds(lambda measure=metric.measure: measure(clip))  # type: ignore[misc]
            said = f"{getattr(measured, 'value', measured):.4g} {metric.unit}"
        except NotApplicableError as error:
            took_s, said = 0.0, f"not applicable: {error}"
        found[metric.id] = (took_s, said)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Print what every plane and every metric of a clip cost."""
    parser = argparse.ArgumentParser(description="What judging a clip costs, metric by metric.")
    parser.add_argument("--frames", type=int, default=81)
    parser.add_argument("--size", default="832x480", metavar="WIDTHxHEIGHT")
    chosen = parser.parse_args(arguments)
    width, height = map(int, chosen.size.split("x"))
    metrics_of(noisy_clip(48, 96, 64))  # imports, and what libraries set up once
    clip = noisy_clip(chosen.frames, width, height)
    before_s = time.process_time()
    planes, metrics = planes_of(clip), metrics_of(clip)
    processor_s = time.process_time() - before_s
    print(f"{chosen.frames} frames of {width}x{height}, {len(os.sched_getaffinity(0))} cores")
    for name, took_s in planes.items():
        print(f"{'plane ' + name:40} {took_s:8.3f} s")
    for id_, (took_s, said) in metrics.items():
        print(f"{id_:40} {took_s:8.3f} s   {said}")
    both_s = sum(planes.values()), sum(took_s for took_s, _ in metrics.values())
    print(f"{'planes, metrics, total':40} {both_s[0]:8.3f} s + {both_s[1]:.3f} s = {sum(both_s):.3f} s")
    print(f"{'processor time':40} {processor_s:8.3f} s")


if __name__ == "__main__":
    main()
