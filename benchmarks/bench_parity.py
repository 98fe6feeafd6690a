"""Does a setting change the clip? The same weights, noise and request, with the setting and with its baseline.

The baseline's clip is made first, with another that is made wrong on purpose (one step fewer, or another seed); then
the case's own, whose latents and frames are compared with the baseline's. A case fails where they leave their bands,
and where the wrong clip does not. Valid with random weights too. Inside and outside the clock as in bench_speed.py; the
one round may hold a first call, and compiling, and copies the latents: its time is no result.
"""

from typing import Any

import pytest


@pytest.mark.rounds(default=1, at_most=1, warmup=False)
def bench_setting(case: Any, measure: Any, benchmark: Any) -> None:
    """Generate the case's clip once and compare it with its baseline's."""
    measure(case, benchmark)
