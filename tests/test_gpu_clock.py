"""The clock on a CUDA device: stamps in the stream, clocks that agree, copies that do not wait."""

import time
from collections.abc import Iterator
from typing import Any, cast

import msgspec
import pytest
import torch

from fixtures.clock import CudaTimeline, RoundProbe, Silent, run_round
from fixtures.memory.vram import peaks_for
from models.discover import discover
from models.spec import Pipeline, Probe, Request
from reports.timing import blocks, clock_disagreement, clocks
from tests.measure_overhead import recipe_and_request
from tests.on_gpu import ON_GPU, recipe_of, request_of
from tests.recording_probe import RecordingProbe

pytestmark = ON_GPU


def test_stamps_of_the_stream_order_and_fit_into_the_wall_clock() -> None:
    """Device time between two stamps is positive and no longer than the synchronised wall time around them."""
    timeline = CudaTimeline()
    values = torch.randn(4096, 4096, device="cuda")
    timeline.synchronize()
    start_s = time.perf_counter()
    first = timeline.stamp()
    for _ in range(20):
        values = values @ values / 64
    last = timeline.stamp()
    timeline.synchronize()
    wall_s = time.perf_counter() - start_s
    assert 0 < timeline.seconds(first, last) <= wall_s


@pytest.mark.parametrize("batch", [1, 2])
def test_round_counts_the_same_frames_on_device_and_host(batch: int) -> None:
    """A timed round leaves every frame of every clip in host memory, equal to what the device made."""
    spec = discover()["causvid-tiny"]
    pipeline, request = spec.load(recipe_of("causvid-tiny", "cuda")), request_of(21, batch)
    noise = pipeline.draw_noise(request)
    host_BTCHW = torch.zeros((batch, 21, 3, 64, 64), dtype=torch.uint8, pin_memory=True)
    made = run_round(pipeline, request, noise, host_BTCHW, RoundProbe(CudaTimeline(), Silent(), peaks_for("cuda")))
    whole = torch.cat(list(pipeline.generate(request, noise, RecordingProbe())), dim=1).cpu()
    assert torch.equal(made.frames_BTCHW, whole)
    assert made.times.chunks[0].device_s <= made.times.chunks[0].host_s <= made.times.chunks[1].host_s
    assert made.times.prompt_to_device_s <= made.times.prompt_to_host_s


class Multiplying:
    """A pipeline of known phases: each keeps the device busy for some 0.15 s; the host sleeps before the decoder."""

    def __init__(self, sleep_s: float) -> None:
        self.sleep_s = sleep_s
        self.values = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)

    def work(self) -> torch.Tensor:
        values = self.values
        for _ in range(100):
            values = values @ self.values / 90
        return values

    def generate(self, request: Request, noise: object, probe: Probe) -> Iterator[torch.Tensor]:
        with probe.phase("text_encode"):
            self.work()
        for done in (1, 2):
            with probe.phase("denoise"):
                self.work()
                probe.step(done, 2)
            if self.sleep_s:
                torch.cuda.synchronize()
                time.sleep(self.sleep_s)
            with probe.phase("decode"):
                frames_BTCHW = self.work()[:64, :].to(torch.uint8).view(1, 8, 1, 256, 256).repeat(1, 1, 3, 1, 1)
            yield frames_BTCHW


@pytest.mark.parametrize("sleep_s", [0.0, 0.05])
def test_clocks_agree_within_one_percent_unless_time_is_in_no_phase(sleep_s: float) -> None:
    """Wall clock, events and sum of phases of a busy device; a host that sleeps twice leaves both sleeps unclaimed."""
    pipeline = Multiplying(sleep_s)
    host_BTCHW = torch.zeros((1, 16, 3, 256, 256), dtype=torch.uint8, pin_memory=True)
    for _ in range(2):  # the first loads libraries
        probe = RoundProbe(CudaTimeline(), Silent(), peaks_for("cuda"))
        times = run_round(cast("Pipeline", pipeline), request_of(9), (), host_BTCHW, probe).times
    found = clocks(times)
    assert found.device_s is not None
    assert abs(found.wall_s - found.device_s) <= 0.01 * found.wall_s
    if sleep_s:
        assert found.unattributed_s == pytest.approx(2 * sleep_s, rel=0.05)
        assert "before 'decode'" in (clock_disagreement([times]) or "")
    else:
        assert clock_disagreement([times]) is None, found


def test_clocks_of_a_full_size_clip_agree_within_one_percent() -> None:
    """CausVid 1.3B with random weights, 33 frames: three blocks, of which two have a cache pass."""
    spec = discover()["causvid-1.3b"]
    recipe, request = recipe_and_request(spec)
    request = msgspec.structs.replace(request, frames=33)
    pipeline = spec.load(recipe)
    noise = pipeline.draw_noise(request)
    host_BTCHW = torch.zeros((1, 33, 3, request.height, request.width), dtype=torch.uint8, pin_memory=True)
    for _ in range(2):
        probe = RoundProbe(CudaTimeline(), Silent(), peaks_for("cuda"))
        times = run_round(pipeline, request, noise, host_BTCHW, probe).times
    assert clock_disagreement([times]) is None, clocks(times)
    found = blocks(times, request.steps)
    assert found is not None
    assert [block.cache_pass_s is None for block in found] == [False, False, True]
    assert all(0 < step_s < times.prompt_to_host_s for block in found for step_s in block.steps_s)


def test_copying_a_chunk_of_several_clips_does_not_wait_for_the_device() -> None:
    """While the device is still busy with a chunk, the host is back for the next one."""
    request, behind = request_of(8, batch=2), []

    class Busy:
        def generate(self, *_: object) -> Iterator[torch.Tensor]:
            for value in (1, 2):
                torch.cuda._sleep(400_000_000)  # type: ignore[no-untyped-call] # cycles, some 0.2 s
                yield torch.full((2, 4, 3, 64, 64), value, dtype=torch.uint8, device="cuda")
                behind.append(not torch.cuda.current_stream().query())

    host_BTCHW = torch.zeros((2, 8, 3, 64, 64), dtype=torch.uint8, pin_memory=True)
    pipeline: Any = Busy()
    probe = RoundProbe(CudaTimeline(), Silent(), peaks_for("cuda"))
    frames_BTCHW = run_round(pipeline, request, (), host_BTCHW, probe).frames_BTCHW
    assert behind == [True, True]
    assert frames_BTCHW[:, :4].eq(1).all()
    assert frames_BTCHW[:, 4:].eq(2).all()
