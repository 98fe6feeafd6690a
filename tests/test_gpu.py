"""What only a CUDA device can show: `tox run -e gpu` runs these; elsewhere they are skipped and counted."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import msgspec
import pytest
import torch

from fixtures.clock import CudaTimeline, RoundProbe, run_round
from fixtures.compilations import graphs_compiled
from fixtures.gpu import device_used_bytes, torch_problem, visible_gpus
from fixtures.machine import device_uuid
from fixtures.memory_limit import set_memory_limit
from fixtures.memory_snapshot import write_memory_snapshot
from fixtures.status import status_of
from fixtures.vram import CudaPeaks, peaks_for, requested_bytes
from models.causal.block import EAGER, compiled_parts
from models.causal.cached_transformer import CachedTransformer, CacheShape, Execution
from models.causal.rollout import Clip, Rollout, roll_out
from models.discover import discover
from models.fewstep import unwarped_schedule
from models.spec import Compile, Numerics, Recipe, Request, TextEncoderPlace
from models.wan.architecture import TINY
from models.wan.components import load_components
from models.wan.lora import add_deltas, random_deltas
from models.wan.text import encode_prompt
from tests.recording_probe import RecordingProbe
from tests.running import ROOT, cases_of, run_bench, write_suite

MIB, GIB = 2**20, 2**30

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not visible_gpus(), reason="no CUDA device is visible"),
    # torch's CUDA builds warn of their own deprecations while they initialise; that is not ours to mend.
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture
def _no_tf32() -> Iterator[None]:
    """Keep cuDNN's convolutions in float32; set back by hand: monkeypatch cannot undo this flag."""
    before = torch.backends.cudnn.conv.fp32_precision  # type: ignore[attr-defined]
    torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]
    yield
    torch.backends.cudnn.conv.fp32_precision = before  # type: ignore[attr-defined]


def recipe_of(model: str, device: Literal["cpu", "cuda"]) -> Recipe:
    return Recipe(
        model=model,
        weights="tiny",
        device=device,
        transformer_dtype="float32",
        text_encoder_dtype="float32",
        vae_dtype="float32",
        attention="native_math",
    )


def request_of(frames: int) -> Request:
    return Request(
        prompt="dogs", width=64, height=64, frames=frames, fps=16, steps=3, guidance_scale=1, shift=8, seed=0
    )


def test_torch_can_use_what_nvml_shows() -> None:
    """NVML and torch agree on the device and its UUID."""
    gpus = visible_gpus()
    assert torch_problem(gpus, gpus[0].driver) is None
    assert device_uuid() in {gpu.uuid for gpu in gpus}


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


def test_peaks_a_phase_hold_what_was_allocated_in_it() -> None:
    """Each phase's peak is exactly the bytes that lived in it, also where more lived between; the whole's is higher."""
    peaks = peaks_for("cuda")
    assert isinstance(peaks, CudaPeaks)
    before = torch.cuda.memory_allocated()
    held = []
    for phase, size, between in (("big", 512 * MIB, 0), ("small", 64 * MIB, 128 * MIB)):
        if between:
            torch.empty(between, dtype=torch.uint8, device="cuda")  # gone before the phase begins
        peaks.phase_began()
        held.append(torch.empty(size, dtype=torch.uint8, device="cuda"))
        peaks.phase_ended(phase)
        held.clear()
    memory = peaks.memory(None)
    found = {name: size - before for name, size in memory.phases_peak_allocated_bytes.items()}
    assert {name: found[name] for name in ("big", "small")} == {"big": 512 * MIB, "small": 64 * MIB}
    assert memory.peak_allocated_bytes == memory.phases_peak_allocated_bytes["big"]


def test_memory_limit_makes_a_real_out_of_memory_and_is_lifted() -> None:
    """A limit of 1 GiB above what is reserved lets 512 MiB through and not 2 GiB, which pass without it."""
    torch.cuda.empty_cache()
    set_memory_limit(torch.cuda.memory_reserved() / GIB + 1)
    try:
        assert torch.empty(512 * MIB, dtype=torch.uint8, device="cuda").is_cuda
        with pytest.raises(torch.OutOfMemoryError) as caught:
            torch.empty(2 * GIB, dtype=torch.uint8, device="cuda")
    finally:
        set_memory_limit(None)
    assert requested_bytes(str(caught.value)) == 2 * GIB
    assert torch.empty(2 * GIB, dtype=torch.uint8, device="cuda").is_cuda


def test_snapshot_with_history_is_written(tmp_path: Path) -> None:
    """Torch's own functions take the arguments that they are given, and the file names the code that allocated."""

    def allocate_for_the_snapshot() -> None:
        torch.empty(64 * MIB, dtype=torch.uint8, device="cuda")

    write_memory_snapshot(tmp_path / "memory" / "x.pickle", allocate_for_the_snapshot)
    assert b"allocate_for_the_snapshot" in (tmp_path / "memory" / "x.pickle").read_bytes()
    write_memory_snapshot(tmp_path / "now.pickle")
    assert (tmp_path / "now.pickle").stat().st_size > 0


def hungry_session(folder: Path, prompts: dict[str, str], more: str = "") -> subprocess.CompletedProcess[str]:
    """Run the model that takes memory on purpose, in a process of its own on this device."""
    suite = write_suite(folder, prompts, model="hungry", more=more)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    models = f"--models-dir={ROOT / 'tests' / 'examples' / 'hungry_models'}"
    return run_bench(folder, "--suite", suite, "--weights=random", models, CUDA_VISIBLE_DEVICES=visible)


def test_out_of_memory_under_a_limit_is_followed_by_a_case_that_passes(tmp_path: Path) -> None:
    """14 GiB hold 10 of weights and 3 in `denoise`, exactly that phase's, but not 9; the next case is unharmed."""
    prompts = {"fine": "fine", "take": "take 3 in denoise", "oom": "take 9 in decode", "last": "take 2 in decode"}
    done = hungry_session(tmp_path, prompts, more="memory_limit_gib = 14")
    cases = {name.removeprefix("native-"): case for name, case in cases_of(tmp_path).items()}
    assert {name: case["status"] for name, case in cases.items()} == {
        "fine": "passed",
        "take": "passed",
        "oom": "oom",
        "last": "passed",
    }, done.stdout
    memory = cases["take"]["measurement"]["memory"]
    phases = memory["phases_peak_allocated_bytes"]
    assert phases["denoise"] - phases["text_encode"] == 3 * GIB
    parts = {phase["phase"]: phase for phase in memory["parts"]["rounds"]["phases"]}
    assert parts["denoise"]["components_bytes"] == {"transformer": 10 * GIB}
    assert 0 <= parts["denoise"]["activations_bytes"] - 3 * GIB < MIB
    assert memory["peak_reserved_bytes"] <= 14 * GIB
    assert "memory ran out in phase 'decode' of a timed round: 9.00 GiB requested, 10." in cases["oom"]["reason"]
    assert cases["oom"]["measurement"]["memory"]["out_of_memory"]["requested_bytes"] == 9 * GIB
    assert (tmp_path / "run" / cases["oom"]["measurement"]["memory"]["snapshot"]).is_file()
    assert cases["last"]["measurement"]["load_s"] is None


def test_run_stops_where_memory_is_held_for_good(tmp_path: Path) -> None:
    """50 GiB that nobody gives back: NVML sees them, one sentence says so, and the rest is left to run."""
    done = hungry_session(tmp_path, {"fine": "fine", "leak": "keep 200 in denoise", "last": "fine too"})
    assert done.returncode == 1
    assert "GiB are in use on the device after the recipe was unloaded" in done.stdout
    assert [case["status"] for case in cases_of(tmp_path).values()] == ["passed", "oom", "not_run"]


def test_failed_kernel_ends_the_process_with_70_and_everything_written(tmp_path: Path) -> None:
    """A real device-side assertion: the case has crashed, its row and the views are there."""
    done = hungry_session(tmp_path, {"fine": "fine", "sticky": "lose 0 in denoise", "last": "fine too"})
    assert done.returncode == 70, done.stdout
    assert [case["status"] for case in cases_of(tmp_path).values()] == ["passed", "crashed", "not_run"]
    assert "device-side assert" in cases_of(tmp_path)["native-sticky"]["reason"]
    assert (tmp_path / "run" / "report.html").is_file()
    assert "the CUDA device is lost to this process; go on in a new process with --resume" in done.stdout


def test_nvml_sees_what_torch_reserves() -> None:
    """Memory that torch takes shows in the device's used bytes."""
    torch.cuda.empty_cache()
    before = device_used_bytes(device_uuid())
    held = torch.empty(1024 * MIB, dtype=torch.uint8, device="cuda")
    after = device_used_bytes(device_uuid())
    assert before is not None
    assert after is not None
    assert after - before >= 1000 * MIB
    assert held.is_cuda


def test_out_of_memory_is_told_by_its_status() -> None:
    """Asking for more than the card has is status `oom`."""
    with pytest.raises(torch.OutOfMemoryError) as caught:
        torch.empty(2**45, dtype=torch.uint8, device="cuda")
    assert status_of(caught.value)[0] == "oom"


@pytest.mark.parametrize("model", ["causvid-tiny", "causvid-tiny-bidirectional", "wan2.1-t2v-tiny"])
def test_same_seed_makes_the_same_clip_on_the_device(model: str) -> None:
    """Two generations with one seed are equal in every byte, and not constant."""
    spec = discover()[model]
    request = request_of(21)
    noise = spec.load(recipe_of(model, "cpu")).draw_noise(request)
    on_gpu = spec.load(recipe_of(model, "cuda"))
    first = torch.cat(list(on_gpu.generate(request, tuple(n.cuda() for n in noise), RecordingProbe())), dim=1)
    again = torch.cat(list(on_gpu.generate(request, tuple(n.cuda() for n in noise), RecordingProbe())), dim=1)
    assert first.is_cuda
    assert torch.equal(first, again)
    assert first.float().std() > 1


@pytest.mark.usefixtures("_no_tf32")
def test_cached_transformer_agrees_with_the_cpu() -> None:
    """One velocity of the cached transformer on the device equals the CPU's to 1e-4 in float32 without TF32."""
    components = load_components(TINY, recipe_of("causvid-tiny", "cpu"))
    shape = CacheShape(frames=3, height=8, width=8, text_length=TINY.text_length)
    embeds_BLD = torch.randn(1, TINY.text_length, TINY.transformer["text_dim"])
    latents_BCFHW = torch.randn(1, 16, 3, 8, 8)
    found = []
    for device in ("cpu", "cuda"):
        cached = CachedTransformer(components.transformer.to(device), shape, Execution(timesteps=(757.0,)))
        cached.start_clip(embeds_BLD.to(device))
        found.append(cached.velocity(latents_BCFHW.to(device), 0, 0).cpu())
    assert (found[0] - found[1]).abs().max() <= 1e-4


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("numerics", get_args(Numerics))
def test_rollout_never_waits_for_the_device(compiled: bool, numerics: Numerics) -> None:
    """From the text to the last latents nothing synchronises: torch would raise."""
    recipe = msgspec.structs.replace(recipe_of("causvid-tiny", "cuda"), transformer_dtype="bfloat16")
    transformer = load_components(TINY, recipe).transformer
    shape = CacheShape(frames=6, height=8, width=8, text_length=TINY.text_length, batch=2)
    rollout = Rollout(schedule=unwarped_schedule((1000, 757, 522), 8.0), frames_per_block=3, final_cache_pass=True)
    parts = compiled_parts(numerics) if compiled else EAGER
    execution = Execution(timesteps=rollout.timesteps, numerics=numerics, parts=parts)
    cached = CachedTransformer(transformer, shape, execution)

    def draw(*size: int) -> torch.Tensor:
        return torch.randn(size, device="cuda", dtype=torch.bfloat16)

    clip = Clip(
        prompt_embeds_BLD=draw(2, TINY.text_length, TINY.transformer["text_dim"]),
        noise_BCFHW=draw(2, 16, 6, 8, 8),
        renoise_NBCFHW=draw(4, 2, 16, 3, 8, 8),
    )
    list(roll_out(cached, rollout, clip))
    torch.cuda.set_sync_debug_mode("error")
    try:
        blocks = list(roll_out(cached, rollout, clip))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(block.isfinite().all() for block in blocks)


@pytest.mark.usefixtures("_no_tf32")
@pytest.mark.parametrize("compile_", ["transformer", "all"])
def test_compiled_clip_is_that_of_eager_mode_and_compiled_once(compile_: Compile) -> None:
    """In float32 frames are within 2 of 255 levels of the eager ones, and later clips compile nothing."""
    request, frames = request_of(21), []
    for name in ("none", compile_):
        pipeline = discover()["causvid-tiny"].load(
            msgspec.structs.replace(recipe_of("causvid-tiny", "cuda"), compile=name)
        )
        noise = pipeline.draw_noise(request)
        frames.append(torch.cat(list(pipeline.generate(request, noise, RecordingProbe())), dim=1).float())
    before = graphs_compiled()
    list(pipeline.generate(request, noise, RecordingProbe()))
    assert graphs_compiled() == before
    assert (frames[0] - frames[1]).abs().max() <= 2


@pytest.mark.usefixtures("_no_tf32")
def test_lora_is_fused_on_the_device_as_on_the_cpu() -> None:
    """The same LoRA gives the same weights to 1e-6 in float32, each on the device it was on."""
    fused = []
    for device in ("cpu", "cuda"):
        transformer = load_components(TINY, recipe_of("wan2.1-t2v-tiny", "cpu")).transformer
        deltas = list(random_deltas(transformer, seed=1))
        assert add_deltas(transformer.to(device), deltas, 0.95) == 20
        assert {parameter.device.type for parameter in transformer.parameters()} == {device}
        fused.append(torch.cat([parameter.flatten().cpu() for parameter in transformer.parameters()]))
    assert (fused[0] - fused[1]).abs().max() <= 1e-6


def test_round_counts_the_same_frames_on_device_and_host() -> None:
    """A timed round leaves every frame in host memory, equal to what the device made."""
    spec = discover()["causvid-tiny"]
    pipeline, request = spec.load(recipe_of("causvid-tiny", "cuda")), request_of(21)
    noise = pipeline.draw_noise(request)
    host_BTCHW = torch.zeros((1, 21, 3, 64, 64), dtype=torch.uint8, pin_memory=True)

    class Silent:
        def on_phase(self, name: str) -> None: ...

        def on_step(self, done: int, total: int) -> None: ...

    made = run_round(pipeline, request, noise, host_BTCHW, RoundProbe(CudaTimeline(), Silent(), peaks_for("cuda")))
    whole = torch.cat(list(pipeline.generate(request, noise, RecordingProbe())), dim=1).cpu()
    assert torch.equal(made.frames_BTCHW, whole)
    assert made.times.chunks[0].device_s <= made.times.chunks[0].host_s <= made.times.chunks[1].host_s
    assert made.times.prompt_to_device_s <= made.times.prompt_to_host_s


@pytest.mark.parametrize("place", ["offload", "freed"])
def test_text_encoder_off_the_device_says_what_the_resident_one_says(place: TextEncoderPlace) -> None:
    """Its weights visit the device layer by layer, and the embeddings are the same bits; offloaded, they are pinned."""
    recipe = recipe_of("wan2.1-t2v-tiny", "cuda")
    resident = load_components(TINY, recipe)
    other = load_components(TINY, msgspec.structs.replace(recipe, text_encoder=place))
    expected = encode_prompt(resident, "a dog", "cuda").embeds_BLD
    assert torch.equal(encode_prompt(other, "a dog", "cuda").embeds_BLD, expected)
    if place == "offload":
        assert all(weight.is_pinned() and not weight.is_cuda for weight in other.text_encoder.network().parameters())


def test_float8_storage_runs_on_the_device() -> None:
    """The clip is finite and the weights are still in 8 bits afterwards."""
    recipe = recipe_of("wan2.1-t2v-tiny", "cuda")
    recipe = msgspec.structs.replace(recipe, transformer_dtype="bfloat16", weights_dtype="float8")
    pipeline, probe = discover()[recipe.model].load(recipe), RecordingProbe()
    request = request_of(21)
    list(pipeline.generate(request, pipeline.draw_noise(request), probe))
    assert probe.finite["latents"].isfinite().all()
    assert pipeline.facts(request).dtypes["transformer"].startswith("float8_e4m3fn")
