"""Ceilings of a CUDA device lie below its data sheet, and work of known FLOP reaches them."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import torch

from fixtures.ceilings.ceiling_probes import CeilingProbe, calls_of, kernel_of
from fixtures.ceilings.ceilings import take_ceiling, time_calls
from fixtures.clock import CudaTimeline, RoundProbe, Silent, run_round
from fixtures.memory.vram import peaks_for
from reports.ceiling import WHOLE, parts_of, rate_per_s
from reports.datasheet import peak_flop_per_s
from reports.record import PhaseWork
from tests.fake_benchmark import Benchmark
from tests.on_gpu import ON_GPU, request_of
from tests.reports_samples import case_of, ceilings_of, planned, run_of

pytestmark = ON_GPU


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
