"""A probe that remembers what a pipeline tells it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


class RecordingProbe:
    """`events` in order; `finite` holds, by name, the values that were last handed over to be checked."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.finite: dict[str, torch.Tensor] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.events.append(f"{name} begins")
        yield
        self.events.append(f"{name} ends")

    def step(self, done: int, total: int) -> None:
        self.events.append(f"step {done}/{total}")

    def check_finite(self, name: str, values: torch.Tensor) -> None:
        self.finite[name] = values.clone()
