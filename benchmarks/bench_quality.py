"""The clips that quality is judged on: all prompts and seeds, one round each, no warm-up.

Inside and outside the clock as in bench_speed.py; the one round is timed all the same, but it may hold a first call, so
speed is read from bench_speed.py. Repeating a seed is not needed to judge a clip: that rounds repeat exactly is checked there.
"""

import pytest


@pytest.mark.rounds(default=1, at_most=1, warmup=False)
def bench_generate(case, measure, benchmark):
    """Generate the case's clip once."""
    measure(case, benchmark)
