"""What work is told in: FLOP by kind of operation, weights read and values moved, by phase of a request.

A time says little without the work that was done in it. How much it is for Wan's networks is worked out in
models/work.py; a model's file that has a `work` tells it in these records.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

Operation = Literal["matmul", "attention", "convolution"]


@dataclass(frozen=True, kw_only=True)
class PhaseWork:
    """What a phase has to do at least. Sums and multiples add up field by field.

    `flop` is by kind of operation, a multiply-add counts 2. `weights` counts the elements of weights that are read,
    all of them once a forward; `values` the elements of activations that no kernel can avoid to read or write: what
    goes into the phase's network and comes out of it, and what is kept from one forward to another.
    """

    flop: Mapping[Operation, float] = field(default_factory=lambda: MappingProxyType({}))
    weights: float = 0.0
    values: float = 0.0

    def __add__(self, other: "PhaseWork") -> "PhaseWork":
        """Do both."""
        names = {**self.flop, **other.flop}
        return PhaseWork(
            flop={name: self.flop.get(name, 0.0) + other.flop.get(name, 0.0) for name in names},
            weights=self.weights + other.weights,
            values=self.values + other.values,
        )

    def __rmul__(self, times: float) -> "PhaseWork":
        """Do it so many times."""
        return replace(self.of_batch(times), weights=times * self.weights)

    def of_batch(self, clips: float) -> "PhaseWork":
        """Do it for so many clips at once: weights are read but once."""
        flop = {name: clips * flop for name, flop in self.flop.items()}
        return replace(self, flop=flop, values=clips * self.values)


@dataclass(frozen=True, kw_only=True)
class Work:
    """Work of one request, its whole batch, by phase (named as to its probe), and transformer forwards."""

    phases: Mapping[str, PhaseWork]
    forwards: int

    @property
    def text_encode_flop(self) -> float:
        """FLOP of encoding the prompts."""
        return self._flop("text_encode")

    @property
    def denoise_flop(self) -> float:
        """FLOP of all transformer forwards."""
        return self._flop("denoise")

    @property
    def decode_flop(self) -> float:
        """FLOP of decoding."""
        return self._flop("decode")

    def _flop(self, phase: str) -> float:
        return sum(self.phases[phase].flop.values()) if phase in self.phases else 0.0
