"""Faults that are injected on purpose land where they say: else a gate that misses them would look like a good one."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.injected_faults import FAULTS, MIB, Busy, Fault, InjectedFaults


class Told:
    """A probe that keeps the order of what happened."""

    def __init__(self, events: list[str]) -> None:
        self.events = events

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.events.append(f"+{name}")
        yield
        self.events.append(f"-{name}")

    def step(self, done: int, total: int) -> None:
        self.events.append(f"step {done}/{total}")

    def check_finite(self, name: str, values: torch.Tensor) -> None:
        self.events.append(f"{name} {tuple(values.shape)}")


def pipeline_of_two_blocks() -> Any:
    """Give a pipeline that decodes after each of two steps."""

    def generate(_request: object, noise: tuple[torch.Tensor, ...], probe: Any) -> Iterator[torch.Tensor]:
        for done in (1, 2):
            with probe.phase("denoise"):
                probe.step(done, 2)
            with probe.phase("decode"):
                probe.check_finite("latents", noise[0])
            yield noise[0]

    return SimpleNamespace(generate=generate)


def clips(fault: Fault, count: int = 1) -> tuple[list[str], InjectedFaults]:
    """Generate with a fault, of a case that denoises for 4 s and decodes for 2 s, and give what was done in order."""
    events: list[str] = []
    plugin = InjectedFaults(fault, {})
    plugin._case_phases_s = {"denoise": 4.0, "decode": 2.0}
    pipeline = pipeline_of_two_blocks()
    plugin.spoil(pipeline, lambda seconds: events.append(f"busy {seconds:g}") if seconds else None)
    for _ in range(count):
        assert len(list(pipeline.generate(None, (torch.zeros(2),), Told(events)))) == 2
    return events, plugin


def test_denoiser_is_slower_in_every_step_by_a_share_of_the_whole() -> None:
    """5 % of 4 s are 0.1 s for each of two steps, told before the step is."""
    events, _ = clips(FAULTS["denoise"])
    assert [event for event in events if "decode" not in event and "latents" not in event] == [
        *("+denoise", "busy 0.1", "step 1/2", "-denoise"),
        *("+denoise", "busy 0.1", "step 2/2", "-denoise"),
    ]


def test_decoder_is_slower_once_a_clip_inside_its_phase() -> None:
    """10 % of 2 s."""
    events, _ = clips(FAULTS["decode"], count=2)
    assert events.count("busy 0.2") == 2
    assert events[events.index("busy 0.2") - 1] == "+decode"


def test_first_step_of_each_clip_or_of_the_first_call_alone() -> None:
    """A slow first call is warm-up; a slow first step is every clip's."""
    each, _ = clips(FAULTS["first_step"], count=3)
    once, _ = clips(FAULTS["first_call"], count=3)
    assert (each.count("busy 0.1"), once.count("busy 0.5")) == (3, 1)
    assert each[each.index("busy 0.1") + 1] == "step 1/2"


def test_leak_is_kept_and_happens_once() -> None:
    """It lies on the device of the noise."""
    _, plugin = clips(FAULTS["leak"], count=3)
    assert [tensor.numel() for tensor in plugin._leaked] == [64 * MIB]
    assert clips(FAULTS["denoise"])[1]._leaked == []


def test_busy_work_takes_as_many_products_as_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in products, since a CPU's seconds are nobody's."""
    busy = Busy("cpu", calls=10)
    counted: list[int] = []
    monkeypatch.setattr(torch, "mm", lambda *_, **__: counted.append(1))
    busy.product_s = 0.01
    busy(0.05)
    assert len(counted) == 5


def test_unknown_fault_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names those that are known."""
    from tests.injected_faults import pytest_configure

    monkeypatch.setenv("INJECTED_FAULT", "dekode")
    with pytest.raises(pytest.UsageError, match="'dekode' INJECTED_BASE='': give a run, and one of denoise, decode"):
        pytest_configure(None)  # type: ignore[arg-type] # it is not asked for
