"""The words that a model and the harness share: request, recipe, probe, pipeline and specification.

Nothing here imports torch, so that cases can be listed on a machine that has none. Quantities carry their unit in
their name, tensors their axes: B batch, T pixel frames, F latent frames, C channels, H height, W width.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    import torch

DtypeName = Literal["bfloat16", "float16", "float32"]
WeightsSource = Literal["hub", "random", "tiny"]


class RequestError(ValueError):
    """A request that a model cannot serve; the message names the rule that it breaks."""


class WeightsMissingError(RuntimeError):
    """Weights that were asked for are not on this machine; the message names them and the ways on."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One clip to generate.

    `width` and `height` are pixels, `frames` pixel frames, `fps` frames a second of playback. `steps` counts the
    denoising steps a clip (a block, for causal models), not forwards. `guidance_scale` 1.0 means no classifier-free
    guidance. `shift` is the flow-matching timestep shift. `seed` fixes all noise. `start_clip` is the path of a video
    that the clip continues, "" for none; a model that cannot continue one refuses it in its `check`.
    """

    prompt: str
    width: int
    height: int
    frames: int
    fps: float
    steps: int
    guidance_scale: float
    shift: float
    seed: int
    negative_prompt: str = ""
    start_clip: str = ""


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """What gets loaded: two cases with equal recipes share one loaded pipeline.

    `attention` is a name without leading underscore of diffusers' attention backends ("native_cudnn"). `compile` and
    `residency` name what is done to the components; only "none" and "all" (everything stays on the device) exist yet.
    """

    model: str
    weights: WeightsSource
    device: Literal["cpu", "cuda"]
    transformer_dtype: DtypeName
    text_encoder_dtype: DtypeName
    vae_dtype: DtypeName
    attention: str
    compile: Literal["none"] = "none"
    residency: Literal["all"] = "all"


class Probe(Protocol):
    """How a pipeline tells what it does while it generates. Calls are cheap and never synchronise the device."""

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Mark a phase: `text_encode`, `denoise`, `decode`, `to_host` where they exist; re-enterable, not nested."""

    def step(self, done: int, total: int) -> None:
        """Tell that transformer step `done` of `total` of the clip has been enqueued (1-based), in phase `denoise`."""

    def check_finite(self, name: str, values: "torch.Tensor") -> None:
        """Look for NaN and Inf in `values` (any shape, on the device); the answer is read after the clock stops."""


@dataclass(frozen=True, kw_only=True)
class PipelineFacts:
    """What a pipeline really did for a request, told after a generation, outside the clock.

    `timesteps` and `sigmas` are those the model was given, in order, one an evaluated step (of one block for causal
    models). `forwards` counts transformer forwards a clip, cache passes and guidance included.
    """

    scheduler_class: str
    timesteps: tuple[float, ...]
    sigmas: tuple[float, ...]
    forwards: int
    prompt_tokens: int
    prompt_truncated: bool
    attention_resolved: str
    dtypes: Mapping[str, str]
    parameters: Mapping[str, int]


class Pipeline(Protocol):
    """A loaded recipe."""

    def draw_noise(self, request: Request) -> tuple["torch.Tensor", ...]:
        """Draw all noise of the request on the CPU in float32 from its seed and move it to the device.

        Called before the clock starts. The first tensor is the initial noise. A model that continues a clip reads the
        clip here, too.
        """

    def generate(self, request: Request, noise: tuple["torch.Tensor", ...], probe: Probe) -> Iterator["torch.Tensor"]:
        """Yield decoded chunks `frames_BTCHW`, uint8, on the device.

        One chunk for a bidirectional model, one a block for a causal one. Calls `probe.check_finite` on the latents
        and on the decoder's floats before they become uint8. `noise` is never written to.
        """

    def facts(self, request: Request) -> PipelineFacts:
        """Tell what the last `generate(request, …)` did."""


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """One file or folder of published weights.

    `path` is a file in the repository or, ending in "/", a folder of it. `revision` is a 40-digit commit or `None`
    (UNPINNED: no public source for a revision was at hand); `source` says where the layout and the pin come from.
    """

    repository: str
    path: str
    licence: str
    revision: str | None = None
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """A model's own sampling values, and where they were published."""

    steps: int
    guidance_scale: float
    shift: float
    scheduler: str
    source: str
    negative_prompt: str = ""


@dataclass(frozen=True, kw_only=True)
class Work:
    """Arithmetic of one request in FLOP (a multiply-add counts 2), and transformer forwards a clip."""

    text_encode_flop: float
    denoise_flop: float
    decode_flop: float
    forwards: int


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """All that the suite knows of a model without loading it: the constant `MODEL` of a file in `models/`.

    `published_recipe` holds the precision, attention and residency of the model's own release (fields of `Recipe`),
    with `published_recipe_source`. `weights_sources` lists which of hub, random and tiny `load` accepts.
    `load` imports torch itself. `work` may be `None` for models whose arithmetic nobody has written down.
    """

    id: str
    title: str
    licence: str
    non_commercial: bool
    weights: tuple[WeightsFile, ...]
    weights_sources: tuple[WeightsSource, ...]
    width: int
    height: int
    frames: int
    fps: float
    sampling: Sampling
    check: Callable[[Request], None]
    load: Callable[[Recipe], Pipeline]
    work: Callable[[Request], Work] | None = None
    published_recipe: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    published_recipe_source: str = ""
