"""How long does a person wait who starts from nothing? From `python` to an mp4 on disk, each round a fresh process.

Inside the clock: the interpreter's start, every import, loading, compiling where the recipe compiles, the first and
only call with all that libraries do once, encoding and writing the mp4. Outside: hashing, the look for NaN, the second
call that tells compiling from running, the process's end. The first round finds the weights' files out of the page
cache (where there are files) and no compiled kernels; the later ones find both. It stresses disk, host memory and the
importing of libraries more than the GPU. A resident pipeline is freed before; nothing is warmed up.
"""

from typing import Any

import pytest


@pytest.mark.rounds(default=3, warmup=False, fresh_process=True)
def bench_first_clip(case: Any, measure_cold_start: Any, benchmark: Any) -> None:
    """Generate the case's clip in `rounds` fresh processes, one after the other."""
    measure_cold_start(case, benchmark)
