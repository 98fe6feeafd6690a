"""A model that takes memory as its prompt says: "take 3 in decode" takes 3 GiB there, and its weights take 10 GiB.

"keep 200 in denoise" first takes 50 GiB that it never gives back; in "hoard 5 in denoise" memory runs out while the
pipeline holds 5 GiB more; "lose 0 in denoise" loses the device. It runs on the stand-in for a CUDA device where one is
installed, and on a real one otherwise.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from models.spec import ModelSpec, PipelineFacts, Probe, Recipe, Request, Sampling
from tests.fake_cuda import GIB, FakeCuda

WEIGHTS_GIB = 10
LEAKED: list[object] = []


class Held:
    """A tensor: its memory goes back when nobody holds it any more."""

    def __init__(self, gib: float) -> None:
        import torch

        self.cuda, self.size = FakeCuda.installed, 0
        if self.cuda is None:
            self.tensor = torch.empty(int(gib * GIB), dtype=torch.uint8, device="cuda")
        else:
            self.cuda.allocate(int(gib * GIB))
        self.size = int(gib * GIB)

    def __del__(self) -> None:
        if self.cuda is not None:
            self.cuda.free(self.size)


def act(prompt: str, phase: str) -> Held | None:
    """Take what the prompt asks for in this phase."""
    what, gib, _, where = prompt.split() if prompt.count(" ") == 3 else ("", "0", "", "")
    if where != phase:
        return None
    if what == "lose":
        lose_device()
    if what == "keep":
        (LEAKED if FakeCuda.installed is None else FakeCuda.installed.leaked).append(Held(50))
    return Held(float(gib))


def lose_device() -> None:
    """Let a kernel fail: an index beyond the end is caught on the device only, and told by a later call."""
    import torch

    if FakeCuda.installed is not None:
        FakeCuda.installed.lost = True
        FakeCuda.installed.calls.clear()
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")
    index = torch.tensor([4], device="cuda")
    torch.zeros(4, device="cuda")[index] += 1
    torch.cuda.synchronize()


class Hungry:
    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.weights = recipe, Held(WEIGHTS_GIB)

    def draw_noise(self, request: Request) -> tuple[Any, ...]:
        import torch

        device = "cpu" if FakeCuda.installed else "cuda"
        size = (1, request.frames, 3, request.height, request.width)
        levels_T = torch.arange(request.frames, dtype=torch.uint8, device=device)
        return (levels_T.reshape(1, -1, 1, 1, 1).expand(size).contiguous(),)

    def generate(self, request: Request, noise: tuple[Any, ...], probe: Probe) -> Iterator[Any]:
        for phase in ("text_encode", "denoise", "decode"):
            with probe.phase(phase):
                if request.prompt.startswith("hoard") and phase == "denoise":
                    self.more = Held(5)
                    Held(200)
                held = act(request.prompt, phase)
                if phase == "denoise":
                    probe.step(1, 1)
                del held
        yield noise[0].clone()

    def resident_bytes(self) -> Mapping[str, int]:
        return {"transformer": self.weights.size}

    def facts(self, request: Request) -> PipelineFacts:
        return PipelineFacts(
            scheduler_class="None",
            timesteps=(1.0,),
            sigmas=(1.0,),
            forwards=1,
            prompt_tokens=1,
            prompt_truncated=False,
            attention_resolved=self.recipe.attention,
            dtypes={},
            parameters={},
        )


MODEL = ModelSpec(
    id="hungry",
    title="A model that takes memory on purpose",
    licence="CC0-1.0",
    non_commercial=False,
    weights=(),
    weights_sources=("random",),
    width=16,
    height=16,
    frames=5,
    fps=16.0,
    sampling=Sampling(steps=1, guidance_scale=1.0, shift=1.0, scheduler="none", source="made up"),
    check=lambda _request: None,
    load=Hungry,
)
