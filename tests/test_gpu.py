"""What only a CUDA device can show: `tox run -e gpu` runs these; elsewhere they are skipped and counted."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, cast, get_args

import msgspec
import pytest
import torch
from diffusers import AutoencoderKLWan

from fixtures.ceiling_probes import CeilingProbe, calls_of, kernel_of
from fixtures.ceilings import take_ceiling, time_calls
from fixtures.clock import CudaTimeline, RoundProbe, Silent, run_round
from fixtures.compilations import graphs_compiled
from fixtures.device_state import device_state, with_device_peaks
from fixtures.energy import Generations, energy_of
from fixtures.fresh_messages import Order
from fixtures.fresh_run import cold_start_of, run_fresh_process
from fixtures.gpu import device_used_bytes, gpu_state, torch_problem, visible_gpus
from fixtures.gpu_watch import CaseWatch, GpuWatch
from fixtures.machine import device_uuid, environment
from fixtures.memory_limit import set_memory_limit
from fixtures.memory_snapshot import write_memory_snapshot
from fixtures.profiling import profile_round
from fixtures.samples import Before, Window
from fixtures.side_process import SideSampler, start_sampler
from fixtures.status import status_of
from fixtures.validity import company_fault
from fixtures.vram import CudaPeaks, peaks_for, requested_bytes
from models.causal.block import EAGER, compiled_parts
from models.causal.cached_transformer import CachedTransformer, CacheShape, Execution
from models.causal.rollout import Clip, Rollout, roll_out
from models.discover import discover
from models.fewstep import unwarped_schedule
from models.spec import Compile, Numerics, Pipeline, Probe, Recipe, Request, TextEncoderPlace
from models.wan.architecture import T2V_1_3B, TINY
from models.wan.components import load_components
from models.wan.decode import StreamingDecoder, decode_clip, latent_statistics, to_uint8
from models.wan.decoder_layout import prepare_decoder
from models.wan.lora import add_deltas, random_deltas
from models.wan.random_weights import build_random
from models.wan.text import encode_prompt
from reports.ceiling import WHOLE, parts_of, rate_per_s
from reports.datasheet import peak_flop_per_s
from reports.merge import read_run
from reports.record import Measurement, PhaseWork, Span
from reports.timing import blocks, clock_disagreement, clocks
from tests.fake_benchmark import Benchmark
from tests.measure_overhead import recipe_and_request
from tests.recording_probe import RecordingProbe
from tests.reports_samples import case_of, ceilings_of, measured, planned, run_of
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


def request_of(frames: int, batch: int = 1) -> Request:
    one = Request(prompt="dogs", width=64, height=64, frames=frames, fps=16, steps=3, guidance_scale=1, shift=8, seed=0)
    return msgspec.structs.replace(one, batch=batch)


def test_torch_can_use_what_nvml_shows() -> None:
    """NVML and torch agree on the device and its UUID."""
    gpus = visible_gpus()
    assert torch_problem(gpus, gpus[0].driver) is None
    assert device_uuid() in {gpu.uuid for gpu in gpus}


def test_environment_of_a_gpu_is_whole() -> None:
    """Allocator, attention kernels of torch's CUDA build, PCI id and memory in use are told, with nothing missing."""
    here = environment(gpu_state(), torch_module=torch)
    assert here.settings["torch.cuda.get_allocator_backend"] in ("native", "cudaMallocAsync")
    assert {"native", "native_cudnn", "native_flash"} <= set(here.attention_backends or ())
    assert here.reasons == {}
    assert all(gpu["pci_id"].startswith("10de:") and gpu["form"] in ("PCIe", "SXM", None) for gpu in here.gpus)
    assert [use.uuid for use in here.gpus_before] == [gpu["uuid"] for gpu in here.gpus]
    assert all(use.used_bytes is not None for use in here.gpus_before)


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


@pytest.mark.usefixtures("_no_tf32")
@pytest.mark.parametrize("model", ["causvid-tiny", "causvid-tiny-bidirectional", "wan2.1-t2v-tiny"])
def test_batch_holds_the_clips_of_its_seeds_on_the_device(model: str) -> None:
    """Two clips at once are within 2 of 255 levels of each alone, in float32."""
    pipeline = discover()[model].load(recipe_of(model, "cuda"))

    def clips(request: Request) -> torch.Tensor:
        chunks = list(pipeline.generate(request, pipeline.draw_noise(request), RecordingProbe()))
        return torch.cat(chunks, dim=1).float()

    alone = torch.cat([clips(msgspec.structs.replace(request_of(21), seed=seed)) for seed in (0, 1)])
    assert (clips(request_of(21, batch=2)) - alone).abs().max() <= 2


def full_size_vae(dtype: str) -> AutoencoderKLWan:
    """Give Wan 2.1's VAE with random weights, always the same, as diffusers makes it."""
    return build_random(lambda: AutoencoderKLWan(**T2V_1_3B.vae), dtype, "cuda")


@pytest.mark.usefixtures("_no_tf32")
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_prepared_decoder_on_the_device_is_diffusers_own_but_for_rounding(dtype: str, batch: int) -> None:
    """In float32 to 1e-3 at most; in bfloat16 to 2^-3 at most and 2^-6, two levels of 255, on average."""
    stock, prepared = full_size_vae(dtype), full_size_vae(dtype)
    prepare_decoder(prepared)
    assert prepared.decoder.conv_in.weight.is_contiguous() is (dtype == "float32")
    latents_BCFHW = torch.randn((batch, 16, 6, 8, 8), generator=torch.Generator().manual_seed(3)).cuda()
    mean, inverse_std = latent_statistics(stock)
    expected_BCTHW = stock.decode(latents_BCFHW.to(stock.dtype) / inverse_std + mean).sample
    off = (StreamingDecoder(prepared).push(latents_BCFHW).float() - expected_BCTHW.float()).abs()
    assert off.max() <= (1e-3 if dtype == "float32" else 2**-3)
    assert off.mean() <= (1e-4 if dtype == "float32" else 2**-6)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_streamed_frames_are_those_of_a_whole_clip_on_the_device(dtype: str, batch: int) -> None:
    """However its latents are cut, a clip has the same bits, in the layout of either precision."""
    vae = full_size_vae(dtype)
    prepare_decoder(vae)
    latents_BCFHW = torch.randn((batch, 16, 6, 8, 8), generator=torch.Generator().manual_seed(3)).cuda()
    whole_BCTHW = StreamingDecoder(vae).push(latents_BCFHW)
    for cut in ([3, 3], [1, 2, 3], [1] * 6):
        decoder = StreamingDecoder(vae)
        streamed = [decoder.push(block_BCFHW) for block_BCFHW in torch.split(latents_BCFHW, cut, dim=2)]
        assert torch.equal(torch.cat(streamed, dim=2), whole_BCTHW)
    clip_BTCHW = decode_clip(StreamingDecoder(vae), latents_BCFHW, RecordingProbe())
    assert torch.equal(clip_BTCHW, to_uint8(whole_BCTHW, RecordingProbe()))


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


def test_memory_budget_is_judged_on_what_the_device_held(tmp_path: Path) -> None:
    """CausVid 1.3B at 33 frames needs more than 1 GiB and less than the card has: one budget over, one within."""
    tables = [
        f'[[budgets]]\nscenario = "speed"\nmodels = ["causvid-1.3b"]\nsettings = ["480p33"]\n{limit}\n'
        for limit in ("peak_allocated_gib = 1", "peak_reserved_gb = 1000", 'phase = "decode"\npeak_allocated_gb = 1000')
    ]
    smoke = (ROOT / "benchmarks" / "suites" / "smoke.toml").read_text(encoding="utf-8")
    (tmp_path / "own.toml").write_text("\n".join([smoke, *tables]), encoding="utf-8")
    words = ["benchmarks", "--suite", tmp_path / "own.toml", "--model", "causvid-1.3b", "-k", "bench_speed"]
    words += ["--no-energy", "--run-dir", tmp_path / "run"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    (case,) = read_run(tmp_path / "run").cases
    assert case.measurement is not None
    assert case.status == "failed"
    said = r"peak VRAM \S+ GiB is over its budget of 1\.00 GiB by \S+ GiB; highest in phase '\w+'"
    assert re.search(said, case.reason), case.reason
    assert [one.verdict for one in case.measurement.budgets] == ["over", "within", "within"]
    assert len(case.measurement.rounds) == 3
    assert case.measurement.memory.snapshot is not None, case.measurement.reasons
    assert (tmp_path / "run" / case.measurement.memory.snapshot).stat().st_size > 0


@pytest.fixture
def side() -> Iterator[SideSampler]:
    """Sample the device in a process of its own."""
    sampler = start_sampler(device_uuid())
    assert sampler.take(), sampler.problem
    yield sampler
    sampler.close()


def test_energy_of_a_load_is_its_integrated_power(side: SideSampler) -> None:
    """Over thirty seconds of matrix products counter and instantaneous power are within 5 %, of a plausible size."""
    values = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    product = torch.empty_like(values)
    torch.cuda.synchronize()
    start_s = time.perf_counter()
    while time.perf_counter() - start_s < 30.0:
        for _ in range(50):
            torch.matmul(values, values, out=product)
        torch.cuda.synchronize()
    window = Window(start_s, time.perf_counter())
    samples = side.take()
    energy, reasons = energy_of(samples, Generations(windows=[window], videos=1, frames=1))
    assert energy is not None, reasons
    state = device_state(samples, [window], Before(), side.period_s, energy)
    told = f"{energy}, {state}, {reasons}"
    assert energy.cross_check == "agrees", told
    assert 100.0 < energy.counter_j / window.length_s < 1500.0, told
    assert state.longest_gap_s is not None
    assert state.longest_gap_s < 1.0, told
    assert state.event_shares is not None, told


def test_sampled_peak_holds_what_was_allocated(side: SideSampler) -> None:
    """4 GiB held for half a second show in that phase, to within 64 MiB, and not in the one before."""
    torch.cuda.empty_cache()
    torch.cuda.synchronize()
    start_s = time.perf_counter()
    time.sleep(0.5)
    free_s = time.perf_counter() - start_s
    held = torch.empty(4096 * MIB, dtype=torch.uint8, device="cuda")
    held_s = time.perf_counter() - start_s
    time.sleep(0.5)
    end_s = time.perf_counter()
    spans = (
        Span(phase="free", start_s=0.0, end_s=free_s),
        Span(phase="held", start_s=held_s, end_s=end_s - start_s),
    )
    memory, reasons = with_device_peaks(measured(1.0).memory, side.take(), [Window(start_s, end_s, spans)])
    phases = memory.phases_peak_device_bytes
    assert reasons == {}
    assert abs(phases["held"] - phases["free"] - held.numel()) <= 64 * MIB, phases
    assert memory.peak_device_bytes == phases["held"]


def company(side: SideSampler) -> Measurement:
    """Measure half a second of idling beside whoever else is there."""
    side.take()
    start_s = time.perf_counter()
    time.sleep(0.5)
    window, samples = Window(start_s, time.perf_counter()), side.take()
    memory, _ = with_device_peaks(measured(1.0).memory, samples, [window])
    state = device_state(samples, [window], Before(used_bytes=0, processes=()), side.period_s, None)
    memory = msgspec.structs.replace(memory, peak_reserved_bytes=torch.cuda.memory_reserved())
    return msgspec.structs.replace(measured(1.0), state=state, memory=memory)


@pytest.mark.parametrize("held_bytes", [1024 * MIB, 4096 * MIB])
def test_another_process_is_seen(side: SideSampler, held_bytes: int) -> None:
    """Alone we are no company; another's context shows in the device's memory, and is judged by its id or by that."""
    torch.empty(1, device="cuda")
    alone = company(side)
    assert company_fault(alone) is None, alone.state
    code = (
        "import sys, torch\n"
        f"held = torch.empty({held_bytes}, dtype=torch.uint8, device='cuda')\n"
        "torch.cuda.synchronize()\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], text=True, **pipes) as other:  # type: ignore[call-overload]
        try:
            assert other.stdout.readline() == "held\n"
            crowded = company(side)
        finally:
            other.stdin.close()
    assert crowded.memory.peak_device_bytes is not None
    assert alone.memory.peak_device_bytes is not None
    assert crowded.memory.peak_device_bytes - alone.memory.peak_device_bytes >= held_bytes
    assert crowded.state is not None
    if crowded.state.other_processes or held_bytes > 2048 * MIB:
        assert company_fault(crowded) is not None, crowded.state


def test_watch_of_real_rounds_fills_the_record() -> None:
    """Every figure of the state is there for rounds on the device; the energy of short ones is not cross-checked."""
    spec, request = discover()["causvid-tiny"], request_of(21)
    pipeline = spec.load(recipe_of("causvid-tiny", "cuda"))
    noise = pipeline.draw_noise(request)
    host_BTCHW = torch.zeros((1, 21, 3, 64, 64), dtype=torch.uint8, pin_memory=True)
    session = GpuWatch()
    try:
        session.sampler = start_sampler(device_uuid())
        watch = CaseWatch(session.sampler)
        watch.begin()
        for _ in range(20):
            watch.rounds.add(run_round(pipeline, request, noise, host_BTCHW, probe_of_nobody()))
        state, memory, reasons = watch.watched(measured(1.0).memory)
    finally:
        session.close()
    assert state is not None, reasons
    missing = {name for name in type(state).__struct_fields__ if getattr(state, name) is None}
    assert missing <= {"used_before_bytes", "other_processes_before", "other_processes"}, (missing, reasons)
    assert state.energy is not None
    assert state.energy.cross_check == "not cross-checked"
    assert memory.peak_device_bytes is not None
    assert memory.peak_device_bytes > torch.cuda.memory_reserved()


def probe_of_nobody() -> RoundProbe:
    """Give a probe that nobody watches."""
    return RoundProbe(CudaTimeline(), Silent(), peaks_for("cuda"))


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
    assert ended.done.shape == (1, 21, 3, 64, 64)
    assert (tmp_path / "x.mp4").stat().st_size > 0


class KnownProducts:
    """A pipeline whose one phase is 200 products of 8192 x 8192 random matrices: 219.9 TFLOP."""

    products = 200
    work: dict[str, PhaseWork]

    def __init__(self) -> None:
        self.inputs = [torch.randn(2, 8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2)]
        self.out = torch.empty_like(self.inputs[0][0])
        self.work = {
            "denoise": PhaseWork(dtype="bfloat16", flop={"matmul": self.products * 2.0 * 8192**3}, least_bytes=0.0)
        }

    def multiply(self) -> None:
        for index in range(self.products):
            values, weight = self.inputs[index % 2]
            torch.mm(values, weight.t(), out=self.out)

    def generate(self, _request: Any, _noise: Any, probe: Any) -> Iterator[torch.Tensor]:
        with probe.phase("denoise"):
            self.multiply()
        yield torch.zeros((1, 1, 3, 2, 2), dtype=torch.uint8, device="cuda")


def test_product_of_known_flop_reaches_its_ceiling_and_stays_below_the_data_sheet() -> None:
    """What the record says of a phase with nothing but products: 0.95 to 1.02 of the ceiling of the same product."""
    pipeline, timeline, rounds = KnownProducts(), CudaTimeline(), []
    time_calls([pipeline.multiply], 6, timeline)  # both at the clocks of a device that has been busy for a second
    ceiling = take_ceiling(CeilingProbe(operation="matmul", sizes=(8192,) * 3), "cuda", timeline, Benchmark())
    for _ in range(3):
        host_BTCHW = torch.zeros((1, 1, 3, 2, 2), dtype=torch.uint8, pin_memory=True)
        made = run_round(
            pipeline,  # type: ignore[arg-type] # it draws no noise and has no facts
            request_of(1),
            (),
            host_BTCHW,
            RoundProbe(timeline, Silent(), peaks_for("cuda")),
        )
        rounds.append(made.times)
    case = case_of(msgspec.structs.replace(planned(), work=pipeline.work), 1.0)
    assert case.measurement is not None
    device = msgspec.structs.replace(case.measurement.devices[0], name=torch.cuda.get_device_name())
    measurement = msgspec.structs.replace(case.measurement, rounds=rounds, devices=[device])
    known = ceilings_of()
    known = msgspec.structs.replace(known, ceilings=[ceiling, *known.ceilings[1:]])
    run = msgspec.structs.replace(run_of(), ceilings=known)
    parts = parts_of(msgspec.structs.replace(case, measurement=measurement), run)
    assert not isinstance(parts, str), parts
    part = parts[0]
    assert part.time_s
    assert part.floor_s
    assert 0.95 <= part.floor_s / part.time_s <= 1.02, parts
    peak = peak_flop_per_s(device.name)
    if peak is not None:
        assert rate_per_s(ceiling) < peak
        assert part.mfu is not None
        assert part.mfu < 1
    assert [part.name for part in parts] == ["denoise", WHOLE]


@pytest.mark.parametrize("backend", ["cudnn", "flash", "efficient"])
def test_attention_of_every_backend_stays_below_the_data_sheet(backend: str) -> None:
    """A block of CausVid's against itself: counted work over measured time is no more than the card can do."""
    probe = CeilingProbe(operation="attention", sizes=(12, 4680, 4680, 128), backend=backend)
    ceiling = take_ceiling(probe, "cuda", CudaTimeline(), Benchmark())
    assert 1e12 < rate_per_s(ceiling) < (peak_flop_per_s(torch.cuda.get_device_name()) or 1e16)


def test_probes_give_every_backend_the_same_attention() -> None:
    """On the probe's own layout the kernels agree to bfloat16's rounding, so that they do the same work."""
    results = []
    for backend in ("cudnn", "flash", "efficient"):
        torch.manual_seed(0)
        probe = CeilingProbe(operation="attention", sizes=(12, 256, 512, 128), backend=backend)
        with kernel_of(probe):
            results.append(calls_of(probe, "cuda")[0]().float())
    assert all((result - results[0]).abs().max() < 0.02 for result in results)
