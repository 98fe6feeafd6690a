"""How ceilings are measured, driven on a CPU by a fake clock; rates are a GPU's affair (tests/test_gpu_ceilings.py)."""

import itertools
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from fixtures.ceilings import ceiling_probes, ceilings
from fixtures.ceilings.ceiling_probes import PROBES, CeilingProbe, calls_of, kernel_of
from fixtures.ceilings.ceilings import calls_a_round, take_ceiling, time_calls
from fixtures.clock import HostTimeline
from fixtures.device.samples import Before
from models.discover import discover
from models.work_kinds import Operation
from reports.device_record import GpuProcess
from reports.merge import read_run
from tests.counted_flop import count_flop
from tests.fake_benchmark import Benchmark
from tests.fake_nvml import FakeGpu, fake_nvml, install
from tests.inner_session import bench, collect
from tests.reports_samples import ceilings_of, plan_of
from tests.running import FAULT_MODELS, write_suite
from tests.test_model_files import default_request

SMALL = {
    "matmul": (6, 4, 8),
    "attention": (2, 6, 10, 4),
    "convolution": (4, 2, 5, 6),
    "copy": (64,),
}


class Device:
    """A device whose every call takes `call_s` seconds, and its clock."""

    def __init__(self, call_s: float) -> None:
        self.now_s, self.call_s, self.made = 0.0, call_s, 0

    def call(self) -> None:
        self.made += 1
        self.now_s += self.call_s

    def timeline(self) -> HostTimeline:
        return HostTimeline(lambda: self.now_s)


@pytest.mark.parametrize("operation", ["matmul", "attention", "convolution"])
def test_work_of_a_probe_is_torchs_count_of_its_call(operation: Operation) -> None:
    """FLOP of each kind of operation, to the last one."""
    probe = CeilingProbe(operation=operation, sizes=SMALL[operation], dtype="float32")
    assert count_flop(calls_of(probe, "meta")[0]) == probe.work


def test_copy_counts_bytes_read_and_written() -> None:
    """1 GiB copied is 2 GiB moved."""
    probe = CeilingProbe(operation="copy", sizes=SMALL["copy"])
    assert calls_of(probe, "cpu")[0]().nbytes == 64
    assert probe.work == 128


@pytest.mark.parametrize("operation", list(SMALL))
def test_calls_take_turns_on_inputs_of_their_own(monkeypatch: pytest.MonkeyPatch, operation: Any) -> None:
    """As many sets as outgrow a cache, at most 16, at least two; no two calls share random inputs."""
    probe = CeilingProbe(operation=operation, sizes=SMALL[operation], dtype="float32")
    results = [call().clone() for call in calls_of(probe, "cpu")]
    assert len(results) == ceiling_probes.MOST_SETS
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(results, 2))
    monkeypatch.setattr(ceiling_probes, "SET_BYTES", 1)
    assert len(calls_of(probe, "cpu")) == 2


def test_shapes_are_those_of_the_models() -> None:
    """CausVid's block against its first, fourth and seventh; 8192 cubed; the decoder's; ids tell them all apart."""
    assert len({probe.id for probe in PROBES}) == len(PROBES)
    sizes = {(probe.operation, probe.sizes) for probe in PROBES}
    assert {("matmul", (8192, 8192, 8192)), ("attention", (12, 32_760, 32_760, 128))} <= sizes
    assert {("attention", (12, 4680, keys, 128)) for keys in (4680, 18_720, 32_760)} <= sizes
    assert ("convolution", (96, 4, 480, 832)) in sizes
    backends = {probe.backend for probe in PROBES if probe.operation == "attention"}
    assert backends == {"cudnn", "flash", "efficient", ""}


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_every_operation_of_the_models_has_a_ceiling(dtype: str) -> None:
    """A floor needs one of each kind, in both precisions that recipes use."""
    works = [model.work(default_request(model)) for model in discover().values() if model.work]
    kinds = {kind for work in works for phase in work.phases.values() for kind in phase.flop}
    assert kinds
    assert kinds <= {probe.operation for probe in PROBES if probe.dtype == dtype}


def test_only_the_probes_kernel_may_run() -> None:
    """Attention is forced, cuDNN tries convolutions out, and both are as before afterwards."""
    before = torch.backends.cudnn.benchmark
    with kernel_of(CeilingProbe(operation="convolution", sizes=(1,))):
        assert torch.backends.cudnn.benchmark
        assert _enabled("math")
    assert torch.backends.cudnn.benchmark == before
    with kernel_of(CeilingProbe(operation="attention", sizes=(1,), backend="cudnn")):
        allowed = [_enabled(name) for name in ("cudnn", "math")]
    assert allowed == [True, False]
    assert _enabled("math")


def _enabled(kernel: str) -> bool:
    return bool(getattr(torch.backends.cuda, f"{kernel}_sdp_enabled")())


@pytest.mark.parametrize(("call_s", "calls"), [(1e-3, 50), (0.02, 3), (1.0, 3)])
def test_a_round_is_long_enough_for_its_stamps(call_s: float, calls: int) -> None:
    """At least 50 ms and three calls, after a warm-up of at least 100 ms."""
    device = Device(call_s)
    assert calls_a_round([device.call], device.timeline()) == calls
    assert device.now_s >= ceilings.WARM_S


def test_first_call_does_not_pass_for_a_warm_up() -> None:
    """A library that compiles for a second at its first call is warmed up all the same, and its rounds are long."""
    device = Device(1.0)

    def call() -> None:
        device.call()
        device.call_s = 1e-3

    assert calls_a_round([call], device.timeline()) == pytest.approx(50, abs=1)
    assert device.made > 100


def test_seconds_are_those_of_a_call() -> None:
    """Ten calls of 2 ms, made in turn."""
    device, other = Device(0.002), Device(0.0)
    assert time_calls([device.call, other.call], 10, device.timeline()) == pytest.approx(0.001)
    assert (device.made, other.made) == (5, 5)


def test_ceiling_holds_every_round_and_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real product on the CPU, with a clock that counts its stamps."""
    monkeypatch.setattr(ceilings, "WARM_S", 0.5)
    ticks = itertools.count()
    probe = CeilingProbe(operation="matmul", sizes=(6, 4, 8), dtype="float32")
    ceiling = take_ceiling(probe, "cpu", HostTimeline(lambda: float(next(ticks))), Benchmark())
    assert (ceiling.operation, ceiling.dtype, ceiling.shape, ceiling.backend) == ("matmul", "float32", "6x4x8", "")
    assert ceiling.calls_s == [pytest.approx(1 / 3)] * ceilings.ROUNDS
    assert ceiling.work == 2 * 6 * 4 * 8


def test_kernel_that_is_not_there_skips_before_the_clock() -> None:
    """A CPU has no cuDNN attention: the reason names the probe and what torch says."""
    probe = CeilingProbe(operation="attention", sizes=SMALL["attention"], backend="cudnn")
    with pytest.raises(pytest.skip.Exception) as skipped:
        take_ceiling(probe, "cpu", HostTimeline(), Benchmark())
    assert str(skipped.value).startswith("attention-cudnn-2x6x10x4-bfloat16 cannot run here: ")


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: an illegal memory access was encountered",
        "CUDA error: out of memory",
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "CUDA error: operation not supported on global/shared address space",
        "mat1 and mat2 shapes cannot be multiplied",
    ],
)
def test_broken_gpu_is_an_error_and_not_a_skipped_case(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Only a kernel that is not there is left out: otherwise a GPU that is lost would end with nothing but skips."""
    kind = torch.OutOfMemoryError if text.startswith("CUDA out") else RuntimeError

    def broken(_probe: CeilingProbe, _device: str) -> Any:
        raise kind(text)

    monkeypatch.setattr(ceilings, "calls_of", broken)
    with pytest.raises(kind) as raised:
        take_ceiling(PROBES[0], "cpu", HostTimeline(), Benchmark())
    assert str(raised.value) == text


@pytest.mark.parametrize("text", ["No available kernel. Aborting execution.", "This data type is not supported"])
def test_libraries_words_for_a_missing_kernel_skip(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The skip quotes them."""

    def missing(_probe: CeilingProbe, _device: str) -> Any:
        raise RuntimeError(text)

    monkeypatch.setattr(ceilings, "calls_of", missing)
    with pytest.raises(pytest.skip.Exception, match=f"cannot run here: {text}"):
        take_ceiling(PROBES[0], "cpu", HostTimeline(), Benchmark())


OTHER, OURS = GpuProcess(pid=2, name="other", used_bytes=2**30), GpuProcess(pid=9, name=None, used_bytes=2**33)


def test_company_on_the_gpu_is_told() -> None:
    """Before this process is there everybody is; a container hides them, but not their memory."""
    assert ceilings.company_before(Before(2**28, ())) == ""
    assert ceilings.company_before(Before(2**30, (OTHER,))) == "another process computes on the GPU: 2 (other)"
    assert ceilings.company_before(Before(2**33, ())) == "8.0 GiB are in use on the GPU before the start"
    assert ceilings.company_beside(Before(), Before(2**33, (OURS,))) == ""
    assert ceilings.company_beside(Before(), Before(2**33, (OURS, OTHER))).endswith("2 (other)")


@pytest.fixture
def one_probe_on_a_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeGpu:
    """Measure one small product on the CPU, as if it were the fake GPU that is given."""
    gpu = FakeGpu()
    install(monkeypatch, fake_nvml([gpu]))
    probe = CeilingProbe(operation="matmul", sizes=(6, 4, 8), dtype="float32")
    monkeypatch.setattr(ceilings, "PROBES", (probe,))
    monkeypatch.setattr(ceilings, "CudaTimeline", HostTimeline)
    monkeypatch.setattr(ceilings, "calls_of", lambda probe, _: calls_of(probe, "cpu"))
    monkeypatch.setattr(ceilings, "device_uuid", lambda: gpu.uuid)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: gpu.name)
    monkeypatch.setattr(ceilings, "environment", lambda *_, **__: plan_of().environment)
    monkeypatch.setattr(ceilings, "ceiling_lines", lambda _: ["a line"])
    monkeypatch.setenv("CEILINGS_DIR", str(tmp_path / "kept"))
    return gpu


def test_ceilings_of_a_shared_gpu_are_kept_only_where_sharing_is_allowed(
    one_probe_on_a_gpu: FakeGpu, tmp_path: Path
) -> None:
    """One sentence ends the session with code 1; alone, or with --allow-shared-gpu and told, they are kept."""
    one_probe_on_a_gpu.processes = [(77, 2**30)]
    ended = bench(target="benchmarks/bench_ceilings.py")
    assert ended.code == 1, ended.output
    assert "no ceilings are measured: another process computes on the GPU: 77 (process-77)" in ended.output
    assert not (tmp_path / "kept").exists()
    ended = bench("--allow-shared-gpu", target="benchmarks/bench_ceilings.py")
    assert ended.code == 0, ended.output
    assert "SHARED GPU, allowed by --allow-shared-gpu: another process computes" in ended.output
    assert list((tmp_path / "kept").glob("*.json"))


def test_company_that_came_later_keeps_ceilings_from_being_kept(
    one_probe_on_a_gpu: FakeGpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked for at the end, too; the sentence is an error of the session's."""

    def meanwhile(probe: CeilingProbe, _device: str) -> Any:
        one_probe_on_a_gpu.processes = [(os.getpid(), 2**33), (77, 2**30)]
        return calls_of(probe, "cpu")

    monkeypatch.setattr(ceilings, "calls_of", meanwhile)
    ended = bench(target="benchmarks/bench_ceilings.py")
    assert ended.code == 1, ended.output
    assert "the ceilings are not kept: another process computes on the GPU: 77 (process-77)" in ended.output
    assert not (tmp_path / "kept").exists()


def test_without_a_gpu_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own name it is skipped with the reason; the session is no failure, and nothing is written."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    ended = bench(target="benchmarks/bench_ceilings.py")
    assert ended.code == 0
    assert ended.output.count("ceilings are measured on a CUDA device, and torch sees none") == 1
    assert f"{len(PROBES)} skipped" in ended.output


def test_no_suite_runs_it(tmp_path: Path) -> None:
    """`pytest benchmarks/` collects no ceiling, and a suite that names it as a scenario is refused."""
    assert "bench_ceilings" not in collect("--suite", "tiny").output
    suite = write_suite(tmp_path, {"one": "a dog"}, scenarios=("ceilings",))
    ended = collect("--suite", suite, f"--models-dir={FAULT_MODELS}")
    assert ended.code == 4
    assert "unknown scenario 'ceilings'; known: audit, cold_start, parity, quality, speed" in ended.output


def test_plan_takes_up_known_ceilings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's record holds the ceilings that were known when it began."""
    monkeypatch.setattr("fixtures.run.known_ceilings", lambda _: (ceilings_of(), ""))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    ended = bench("--suite", "tiny", "-k", "causvid-tiny-64p9-dogs and speed", "--run-dir", tmp_path / "run")
    assert ended.code == 0, ended.output
    run = read_run(tmp_path / "run")
    assert run.ceilings == ceilings_of()
    assert run.cases[0].plan.work is not None
