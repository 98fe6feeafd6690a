"""How long collecting takes, printed: `python -m tests.measure_collection`. No test asserts a duration.

It is that of an environment for benchmarks, the suite's modules compiled. Two things make it longer and are left out:
where the group `tests` is installed, Hypothesis' plugin imports all of Hypothesis at the end of every session; under
PYTHONDONTWRITEBYTECODE every session compiles the suite anew.
"""

import os
import subprocess
import tempfile
import time
from pathlib import Path

from tests.running import session

ROOT = Path(__file__).parent.parent
PROMPT = '[[prompts]]\nid = "p{}"\ntext = "Prompt {}."\nlicence = "CC0-1.0"\nsource = "made up"\n'
SUITE = """
description = "a large suite"
prompts = "large_prompts.toml"

[matched]
transformer_dtype = "float32"
text_encoder_dtype = "float32"
vae_dtype = "float32"
attention = "native_math"

[settings.64p9]
width = 64
height = 64
frames = 9

[[cases]]
scenario = "quality"
models = ["causvid-tiny", "wan2.1-t2v-tiny"]
settings = ["64p9"]
prompts = ["*"]
seeds = {seeds}
"""


def write_large_suite(folder: Path, prompts: int, seeds: int) -> Path:
    """Write a suite of 2 x `prompts` x `seeds` cases with its prompts; returns its path."""
    (folder / "large_prompts.toml").write_text("".join(PROMPT.format(i, i) for i in range(prompts)), encoding="utf-8")
    path = folder / "large.toml"
    path.write_text(SUITE.replace("{seeds}", str(list(range(seeds)))), encoding="utf-8")
    return path


def measure(name: str, suite: str) -> None:
    """Print the wall time of three fresh processes that collect a suite, after one, and what they said at the end."""
    command = session("benchmarks/", "--collect-only", "-q", "--suite", suite)
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "PYTHONDONTWRITEBYTECODE": ""}
    for number in range(4):
        start_s = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        wall_s = time.perf_counter() - start_s
        if number == 0:
            continue  # it compiled what had changed
        print(f"{name}: {wall_s:.2f} s wall ({done.stdout.strip().splitlines()[-1]})")


def main() -> None:
    """Measure the paper suite and one of 10,000 cases."""
    measure("paper", "paper")
    with tempfile.TemporaryDirectory() as folder:
        measure("10,000 cases", str(write_large_suite(Path(folder), prompts=100, seeds=50)))


if __name__ == "__main__":
    main()
