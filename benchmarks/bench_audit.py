"""Is a repeated prompt faster than a new one? It must not be: nothing may be kept from one clip for the next.

Each prompt, the case's own with a number before it, is generated twice in a row. Inside and outside the clock as in
bench_speed.py. On CUDA the case fails where a second clip is more than 3 % faster than a first one, as a whole or in
any phase, by the whole 95 % interval of the median, which takes six prompts; with fewer, and on a CPU, too noisy for
that, the ratios are recorded alone. The mp4 shows the last prompt.
"""

from typing import Any

import pytest


@pytest.mark.rounds(default=12, at_least=2, warmup=True)
def bench_repeated_prompt(case: Any, measure: Any, benchmark: Any) -> None:
    """Generate clips of new prompts, each twice."""
    measure(case, benchmark, new_prompts=True)
