"""How long does a clip take, from the prompt to frames on the host? One prompt, at least three rounds.

Inside the clock: cleaning and encoding the prompt, all denoising, decoding, conversion to uint8 and the copy to the
host, with the device synchronised at both ends. Outside: loading, drawing the noise, the first call of a recipe and
shape (kept apart), hashing, the mp4. Time does not depend on the prompt, since text is padded to one length, so prompts
are not repeated here. It stresses the transformer (attention and matrix products) and the decoder (convolutions).
"""

from typing import Any

import pytest


@pytest.mark.rounds(default=3, at_least=3, warmup=True)
def bench_generate(case: Any, measure: Any, benchmark: Any) -> None:
    """Generate the case's clip `rounds` times."""
    measure(case, benchmark)
