"""Learned scorers on a CUDA device: the values of the CPU, and nothing left on the device."""

from pathlib import Path

import pytest
import torch

from fixtures.learned.applying import apply_scorers
from fixtures.metrics.clip import Clip
from fixtures.pipelines import release_memory
from tests.on_gpu import ON_GPU
from tests.tiny_networks import moving_clip, write_all

pytestmark = ON_GPU
LOCAL = ["aesthetic_quality", "background_consistency", "clip_text_alignment", "subject_consistency"]


def test_device_scores_as_the_cpu_and_keeps_no_network(tmp_path: Path) -> None:
    """Allocated bytes are those of before, so that the next case's memory figures are its own."""
    folder = write_all(tmp_path)
    clip = Clip(frames_TCHW=moving_clip(20), fps=16, prompt="a dog runs")
    values = {}
    torch.ones(8, 8, device="cuda") @ torch.ones(8, 8, device="cuda")  # the library's workspace is there from here on
    release_memory()
    before_bytes = torch.cuda.memory_allocated()
    for device in ("cpu", "cuda"):
        applied = apply_scorers(LOCAL, clip, weights="hub", folder=folder, device=device)
        values[device] = {metric.id: metric.value for metric in applied.metrics}
    release_memory()
    assert values["cuda"] == pytest.approx(values["cpu"], abs=0.05)
    assert torch.cuda.memory_allocated() == before_bytes
