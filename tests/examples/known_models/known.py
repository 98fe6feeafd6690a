"""A model whose answers are known beforehand: bytes in one phase, a sleep in another, products of matrices in two.

Each phase does what its name says and nothing else: `allocate` takes memory, in `sleep` the host sleeps with nothing
enqueued, `warm` and `denoise` multiply square matrices; `steps` of a request are the products of `denoise`. By the end
of `warm` the clock has come down to what the power limit allows for products.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from models.spec import ModelSpec, PipelineFacts, Probe, Recipe, Request, Sampling, WeightsSource
from models.work_kinds import PhaseWork, Work


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known: bytes, seconds, products of `warm`, rows of a matrix."""

    allocated_bytes: int
    sleep_s: float
    warm_products: int
    size: int

    def load(self, recipe: Recipe) -> "Knowing":
        """Make the pipeline."""
        return Knowing(self, recipe)

    def work(self, request: Request) -> Work:
        """Count the products' FLOP, and two matrices read and one written by each."""
        one = PhaseWork(flop={"matmul": 2.0 * self.size**3}, values=3.0 * self.size**2)
        return Work(phases={"warm": self.warm_products * one, "denoise": request.steps * one}, forwards=1)


class Knowing:
    """Two pairs of matrices, taken in turn so that none is found in a cache, and the place of the result."""

    def __init__(self, known: Known, recipe: Recipe) -> None:
        import torch

        self.known, self.recipe = known, recipe
        dtype = getattr(torch, recipe.transformer_dtype)
        self.operands = torch.randn(2, 2, known.size, known.size, device=recipe.device, dtype=dtype)
        self.out = torch.empty_like(self.operands[0, 0])

    def draw_noise(self, request: Request) -> tuple[Any, ...]:
        """Draw none: give the frames that are the clip, each a code brighter than the last."""
        import torch

        shape = (request.batch, request.frames, 3, request.height, request.width)
        levels_T = torch.arange(request.frames, dtype=torch.uint8, device=self.recipe.device)
        return (levels_T.reshape(1, -1, 1, 1, 1).expand(shape).contiguous(),)

    def generate(self, request: Request, noise: tuple[Any, ...], probe: Probe) -> Iterator[Any]:
        """Do what is known."""
        import torch

        with probe.phase("allocate"):
            held = torch.empty(self.known.allocated_bytes, dtype=torch.uint8, device=self.recipe.device)
            del held
        with probe.phase("sleep"):
            time.sleep(self.known.sleep_s)
        with probe.phase("warm"):
            self._multiply(self.known.warm_products)
        with probe.phase("denoise"):
            self._multiply(request.steps)
        yield noise[0]

    def _multiply(self, times: int) -> None:
        import torch

        for index in range(times):
            values, weight = self.operands[index % 2]
            torch.mm(values, weight.t(), out=self.out)

    def resident_bytes(self) -> Mapping[str, int]:
        """Tell the matrices."""
        return {"matrices": self.operands.nbytes + self.out.nbytes}

    def facts(self, _request: Request) -> PipelineFacts:
        """Tell that there is no scheduler, no text and no network."""
        return PipelineFacts(
            scheduler_class="None",
            timesteps=(1.0,),
            sigmas=(1.0,),
            forwards=1,
            prompt_tokens=0,
            prompt_truncated=False,
            attention_resolved=self.recipe.attention,
            dtypes={},
            parameters={},
        )


def model(name: str, known: Known, weights_source: WeightsSource) -> ModelSpec:
    """Describe the model of this name."""
    return ModelSpec(
        id=name,
        title="A model whose answers are known",
        licence="CC0-1.0",
        non_commercial=False,
        weights=(),
        weights_sources=(weights_source,),
        width=16,
        height=16,
        frames=5,
        fps=16.0,
        sampling=Sampling(steps=3, guidance_scale=1.0, shift=1.0, scheduler="none", source="made up"),
        check=lambda _request: None,
        load=known.load,
        work=known.work,
        phases=("allocate", "sleep", "warm", "denoise", "to_host"),
    )


# A multiple of 2 MiB: torch's allocator rounds larger blocks up to that.
MODEL = model("known", Known(allocated_bytes=512 * 2**20, sleep_s=2.0, warm_products=1300, size=8192), "random")
