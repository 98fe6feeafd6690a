"""The clips that quality is judged on: all prompts and seeds, one round each, no warm-up.

Inside and outside the clock as in bench_speed.py; the one round is timed all the same, but it may hold a first call, so
speed is read from bench_speed.py. Repeating a seed is not needed to judge a clip: bench_speed.py checks that rounds
repeat exactly.
"""

from typing import Any

import pytest


@pytest.mark.rounds(default=1, at_most=1, warmup=False)
def bench_generate(case: Any, measure: Any, benchmark: Any) -> None:
    """Generate the case's clip once."""
    measure(case, benchmark)
