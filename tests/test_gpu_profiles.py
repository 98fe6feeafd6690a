"""Profiles and cold starts on a CUDA device."""

import time
from pathlib import Path

import pytest
import torch

from fixtures.clock import CudaTimeline, RoundProbe, Silent, run_round
from fixtures.cold.fresh_messages import Order
from fixtures.cold.fresh_run import cold_start_of, run_fresh_process
from fixtures.memory.vram import peaks_for
from fixtures.profiling import profile_round
from models.discover import discover
from tests.on_gpu import MIB, ON_GPU, recipe_of, request_of
from tests.recording_probe import RecordingProbe

pytestmark = ON_GPU


def test_profile_names_the_kernels_of_each_phase(tmp_path: Path) -> None:
    """Kernels that denoise and decode launched, copies to the host, and a share of idle time between 0 and 1."""
    pipeline, request = discover()["causvid-tiny"].load(recipe_of("causvid-tiny", "cuda")), request_of(21)
    noise = pipeline.draw_noise(request)
    host_BTCHW = torch.zeros((1, 21, 3, 64, 64), dtype=torch.uint8, pin_memory=True)
    list(pipeline.generate(request, noise, RecordingProbe()))  # cuDNN and cuBLAS start up
    found, reason = profile_round(
        lambda probe: run_round(pipeline, request, noise, host_BTCHW, probe), "cuda", Silent(), tmp_path, "x"
    )
    assert (found is not None, reason) == (True, "")
    assert found is not None
    assert {"text_encode", "denoise", "decode", "to_host"} <= found.phases.keys()
    assert all(kernel.total_s > 0 and kernel.calls > 0 for kernels in found.phases.values() for kernel in kernels)
    assert any("Memcpy DtoH" in kernel.name for kernel in found.phases["to_host"])
    assert found.idle_ratio is not None
    assert 0 < found.idle_ratio < 1
    assert (tmp_path / found.trace).stat().st_size > 0


def test_profile_counts_a_sleeping_host_as_idle_device(tmp_path: Path) -> None:
    """The host sleeps 0.3 s with nothing enqueued: at least that was idle, and what the products took was not."""
    values = torch.randn(4096, 4096, device="cuda")

    def generate(probe: RoundProbe) -> None:
        with probe.phase("denoise"):
            for _ in range(20):
                values @ values
        torch.cuda.synchronize()
        time.sleep(0.3)

    generate(RoundProbe(CudaTimeline(), Silent(), peaks_for("cuda")))
    found, _ = profile_round(generate, "cuda", Silent(), tmp_path, "x")
    assert found is not None
    assert found.idle_ratio is not None
    idle_s, busy_s = found.idle_ratio * found.round_s, sum(kernel.total_s for kernel in found.phases["denoise"])
    assert idle_s >= 0.3
    assert idle_s + busy_s == pytest.approx(found.round_s, rel=0.01)


def test_cold_start_on_the_device_is_whole(tmp_path: Path) -> None:
    """A fresh process makes a clip on the device: parts that sum up, memory of its own, and an mp4."""
    order = Order(
        recipe=recipe_of("causvid-tiny", "cuda"),
        request=request_of(21),
        models_dir=None,
        video=str(tmp_path / "x.mp4"),
        answer=str(tmp_path / "answer.json"),
    )
    ended = run_fresh_process(order, tmp_path / "log.txt", {})
    start = cold_start_of(ended, None, None)
    assert sum(start.parts_s.values()) == pytest.approx(start.total_s)
    assert {"import", "load", "text_encode", "denoise", "decode", "to_host", "file"} <= start.parts_s.keys()
    assert all(start.parts_s[name] > 0 for name in ("interpreter", "import", "load", "denoise", "decode", "file"))
    assert start.parts_s["other"] > -0.01 * start.total_s
    assert (ended.done.memory.peak_allocated_bytes or 0) > MIB
    assert list(ended.done.memory.parts) == ["load", "rounds"]
    assert all(phase.components_bytes for phase in ended.done.memory.parts["rounds"].phases)
    assert ended.done.shape == (1, 21, 3, 64, 64)
    assert (tmp_path / "x.mp4").stat().st_size > 0
