"""What a fresh process does with its order, followed here: the memory limit, memory's end, clips at once."""

import re
import time
from pathlib import Path

import msgspec
import pytest
import torch

from fixtures.clock import HostTimeline
from fixtures.cold.fresh_messages import Order
from fixtures.cold.fresh_process import broken, follow
from models.discover import discover
from models.spec import Recipe, Request
from tests.examples.hungry_models import hungry
from tests.fake_cuda import GIB, FakeCuda, install_cuda

RECIPE = Recipe(
    model="hungry",
    weights="random",
    device="cuda",
    transformer_dtype="float32",
    text_encoder_dtype="float32",
    vae_dtype="float32",
    attention="native",
)
REQUEST = Request(
    prompt="fine", width=16, height=16, frames=5, fps=16.0, steps=1, guidance_scale=1.0, shift=1.0, seed=0
)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    """Stand in for a device of 80 GiB, whose page-locked memory is the host's own."""
    made, empty = install_cuda(monkeypatch), torch.empty
    monkeypatch.setattr("fixtures.clock.timeline_for", lambda _device: HostTimeline())
    monkeypatch.setattr(torch, "empty", lambda size, *, dtype, pin_memory: empty(size, dtype=dtype))
    return made


def hungry_order(folder: Path, limit_gib: float | None, prompt: str = "fine") -> Order:
    return Order(
        recipe=msgspec.structs.replace(RECIPE, memory_limit_gib=limit_gib),
        request=msgspec.structs.replace(REQUEST, prompt=prompt),
        models_dir=str(Path(hungry.__file__).parent),
        video=str(folder / "clip.mp4"),
        answer=str(folder / "answer.json"),
    )


@pytest.mark.parametrize(("limit_gib", "fraction"), [(None, 1.0), (40.0, 0.5)])
def test_memory_limit_holds_in_the_fresh_process(
    cuda: FakeCuda, tmp_path: Path, limit_gib: float | None, fraction: float
) -> None:
    """40 of 80 GiB are half the device; without a limit torch is told none."""
    done = follow(hungry_order(tmp_path, limit_gib), time.perf_counter())
    assert cuda.fraction == fraction
    assert ("set_fraction" in cuda.calls) == (limit_gib is not None)
    assert done.memory.peak_allocated_bytes == 10 * GIB
    assert list(done.memory.parts) == ["load", "rounds"]
    assert done.memory.parts["load"].peak_allocated_bytes == 10 * GIB
    assert (done.memory.host_peak_rss_bytes or 0) > 0
    assert done.memory.host_peak_since == "process"


@pytest.mark.parametrize(
    ("limit_gib", "prompt", "said"),
    [
        (5.0, "fine", r"'load' of loading: 10\.00 GiB requested, 0\.00 .* reserved by torch, memory_limit_gib is 5"),
        (None, "take 200 in decode", r"'decode' of a timed round: 200\.00 GiB requested, 10\.00 .* reserved by torch"),
    ],
)
def test_memory_that_ran_out_is_told_with_its_phase(
    cuda: FakeCuda, tmp_path: Path, limit_gib: float | None, prompt: str, said: str
) -> None:
    """Weights of 10 GiB do not load under a limit of 5, nor are 200 GiB there while it decodes."""
    with pytest.raises(torch.OutOfMemoryError) as caught:
        follow(hungry_order(tmp_path, limit_gib, prompt), time.perf_counter())
    told = broken(caught.value)
    assert told.status == "oom"
    assert re.match(f"memory ran out in phase {said}: OutOfMemoryError: CUDA out of memory", told.reason)
    assert cuda.fraction == (limit_gib or 80.0) / 80.0


def test_clips_at_once_are_counted_and_the_first_is_written(tmp_path: Path) -> None:
    """Two clips of 9 frames together, on a CPU; the mp4 has 9 frames."""
    import av

    recipe = msgspec.structs.replace(RECIPE, model="causvid-tiny", weights="tiny", device="cpu")
    spec, video = discover()["causvid-tiny"], tmp_path / "clip.mp4"
    request = msgspec.structs.replace(
        REQUEST, width=64, height=64, frames=9, steps=spec.sampling.steps, shift=spec.sampling.shift, batch=2
    )
    order = Order(recipe=recipe, request=request, models_dir=None, video=str(video), answer="")
    assert follow(order, time.perf_counter()).shape == (2, 9, 3, 64, 64)
    with av.open(str(video)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 9
