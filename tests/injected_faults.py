"""A plugin that slows a run down, or lets it leak, on purpose, to find out whether the gate sees it and names it.

Run: `INJECTED_FAULT=denoise INJECTED_BASE=RUN PYTEST_PLUGINS=tests.injected_faults pytest benchmarks/ …`, RUN a run of
the same cases without a fault. Faults go through the probe that every pipeline tells its phases and steps to, so that
they hit whatever model runs; what slows down are matrix products on the device, since a device that waits draws less
power and may clock higher. An unknown fault, or a case that RUN does not hold, ends the session.
"""

import functools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    import torch

MIB = 2**20


class Fault(NamedTuple):
    """What is added: a share of a phase's median in the base run, or seconds, or memory that is never given back.

    A share of `denoise` is spread over the steps; `first_step_s` is added to step 1 of each clip, `first_call_s` to
    that of a loaded pipeline's first clip alone.
    """

    denoise_pct: float = 0.0
    decode_pct: float = 0.0
    leak_bytes: int = 0
    first_step_s: float = 0.0
    first_call_s: float = 0.0


FAULTS = {
    "denoise": Fault(denoise_pct=5),
    "decode": Fault(decode_pct=10),
    "leak": Fault(leak_bytes=64 * MIB),
    "first_step": Fault(first_step_s=0.1),
    "first_call": Fault(first_call_s=0.5),
}
# Three of these are 13.5 MiB, less than the gate's limit of memory; one product is 7.2 GFLOP. On a CPU a small one.
SIDE, SIDE_ON_CPU = 1536, 64
CALIBRATION_CALLS = 200


class Busy:
    """Matrix products that keep a device busy for a while; how long one takes is measured once."""

    def __init__(self, device: str, calls: int = CALIBRATION_CALLS) -> None:
        """Allocate three square matrices on `device` and time `calls` products."""
        import torch

        side = SIDE if device == "cuda" else SIDE_ON_CPU
        self._matrices = torch.randn(3, side, side, device=device, dtype=torch.bfloat16)
        self._synchronize: Callable[[], None] = torch.cuda.synchronize if device == "cuda" else lambda: None
        self.product_s = 1.0
        self(calls)
        self._synchronize()
        start_s = time.perf_counter()
        self(calls)
        self._synchronize()
        self.product_s = (time.perf_counter() - start_s) / calls

    def __call__(self, seconds: float) -> None:
        """Enqueue as many products as take `seconds`."""
        import torch

        first, second, product = self._matrices
        for _ in range(round(seconds / self.product_s)):
            torch.mm(first, second, out=product)


class FaultyProbe:
    """Tells everything to `probe`, and does the fault's work inside of what it tells."""

    def __init__(self, probe: Any, busy: Callable[[float], None], added_s: dict[str, float]) -> None:
        """Take the seconds to add a clip: to `step` 1 and all `steps`, and to the first visit of a phase, by name."""
        self._probe, self._busy, self._added_s = probe, busy, added_s

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Mark a phase, longer at its first visit of the clip."""
        with self._probe.phase(name):
            self._busy(self._added_s.pop(name, 0.0))
            yield

    def step(self, done: int, total: int) -> None:
        """Tell a step that took longer."""
        self._busy(self._added_s.get("steps", 0.0) / total + (self._added_s.get("step", 0.0) if done == 1 else 0.0))
        self._probe.step(done, total)

    def check_finite(self, name: str, values: "torch.Tensor") -> None:
        """Look at what the pipeline made."""
        self._probe.check_finite(name, values)


class InjectedFaults:
    """The plugin: each pipeline that is loaded from now on has the fault, in the measure of the case that runs."""

    def __init__(self, fault: Fault, phases_s: dict[str, dict[str, float]]) -> None:
        """Take the base run's medians of the phases in seconds, by case id."""
        self._fault, self._phases_s = fault, phases_s
        self._case_phases_s: dict[str, float] = {}
        self._leaked: list[torch.Tensor] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Note how long the case's phases take without a fault."""
        from fixtures.plan import case_of

        case = case_of(item)
        if case is not None:
            if case.id not in self._phases_s:
                pytest.exit(f"INJECTED_BASE holds no rounds of {case.id}; name a run of the same cases", returncode=4)
            self._case_phases_s = self._phases_s[case.id]

    def pytest_fixture_setup(self, fixturedef: Any) -> None:
        """Before a session loads its first pipeline, see to it that loading adds the fault."""
        if fixturedef.argname != "resident":
            return
        from fixtures.pipelines import Resident
        from models.spec import Recipe

        load = Resident.load

        def load_faulty(resident: Resident, recipe: Recipe) -> float | None:
            loaded_s = load(resident, recipe)
            if loaded_s is not None:  # else it is there already, and spoilt
                self.spoil(resident.pipeline, Busy(recipe.device))
            return loaded_s

        Resident.load = load_faulty  # type: ignore[assignment,method-assign] # in this process, whoever loads

    def spoil(self, pipeline: Any, busy: Callable[[float], None]) -> None:
        """Let every clip of a pipeline have the fault."""
        calls: list[int] = []

        def generate(original: Callable[..., Iterator[Any]], request: Any, noise: Any, probe: Any) -> Iterator[Any]:
            if self._fault.leak_bytes and not calls:
                self._leak(noise[0].device)
            first_call_s = 0.0 if calls else self._fault.first_call_s
            calls.append(1)
            added_s = {
                "steps": self._fault.denoise_pct / 100 * self._case_phases_s["denoise"],
                "decode": self._fault.decode_pct / 100 * self._case_phases_s["decode"],
                "step": self._fault.first_step_s + first_call_s,
            }
            return original(request, noise, FaultyProbe(probe, busy, added_s))

        pipeline.generate = functools.partial(generate, pipeline.generate)

    def _leak(self, device: "torch.device") -> None:
        import torch

        self._leaked.append(torch.zeros(self._fault.leak_bytes, dtype=torch.uint8, device=device))


def phases_of(path: str) -> dict[str, dict[str, float]]:
    """Read the medians of the phases in seconds of each case of a run that has rounds; see `reports.merge.read_run`."""
    from pathlib import Path

    from reports.merge import read_run
    from reports.rows import median

    return {
        case.id: {phase: median(timed.phases_s[phase] for timed in rounds) or 0.0 for phase in rounds[0].phases_s}
        for case in read_run(Path(path)).cases
        if case.measurement and (rounds := case.measurement.rounds)
    }


def pytest_configure(config: pytest.Config) -> None:
    """Register the fault that the environment names; raises `pytest.UsageError` for one that is not known."""
    name, base = os.environ.get("INJECTED_FAULT", ""), os.environ.get("INJECTED_BASE", "")
    if name not in FAULTS or not base:
        known = ", ".join(FAULTS)
        raise pytest.UsageError(f"INJECTED_FAULT={name!r} INJECTED_BASE={base!r}: give a run, and one of {known}")
    config.pluginmanager.register(InjectedFaults(FAULTS[name], phases_of(base)))
