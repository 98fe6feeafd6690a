"""What the suite needs of pytest-benchmark's fixture, without its clock."""

from collections.abc import Callable
from typing import Any


class Benchmark:
    """What take_ceiling needs of pytest-benchmark's fixture."""

    group = ""

    def __init__(self) -> None:
        self.extra_info: dict[str, Any] = {}

    def pedantic(self, target: Callable[[], object], rounds: int, iterations: int) -> None:
        for _ in range(rounds * iterations):
            target()
