"""The words that a model and the harness share: request, recipe, probe, pipeline and specification.

Nothing here imports torch, so that cases can be listed on a machine that has none. Quantities carry their unit in
their name, tensors their axes: B batch, T pixel frames, F latent frames, C channels, H height, W width.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args, runtime_checkable

import msgspec

from models.work_kinds import Work

if TYPE_CHECKING:
    import torch

DtypeName = Literal["bfloat16", "float16", "float32"]
WeightsSource = Literal["hub", "random", "tiny"]
Numerics = Literal["diffusers", "reference"]
Compile = Literal["none", "transformer", "all"]
TextEncoderPlace = Literal["resident", "freed", "offload"]
WeightsDtype = Literal["same", "float8"]
DecodeOrder = Literal["streamed", "whole"]


class RequestError(ValueError):
    """A request that a model cannot serve; the message names the rule that it breaks."""


class RecipeError(ValueError):
    """A recipe that a model cannot be loaded with; the message names the rule that it breaks."""


class WeightsMissingError(RuntimeError):
    """Weights that were asked for are not on this machine; the message names them and the ways on."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One clip to generate, or `batch` of them at once.

    `width` and `height` are pixels, `frames` pixel frames, `fps` frames a second of playback. `steps` counts the
    denoising steps a clip (a block, for causal models), not forwards. `guidance_scale` 1.0 means no classifier-free
    guidance. `shift` is the flow-matching timestep shift. `seed` fixes all noise. `start_clip` is the path of a video
    that the clip continues, "" for none; a model that cannot continue one refuses it in its `check`.

    `batch` clips of this prompt are generated at once. Clip i, from 0, has the noise of `seed + i`, so that it is the
    clip of that seed alone. A model that makes one clip at a time refuses others in its `check`.
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
    batch: int = 1


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """What gets loaded: two cases with equal recipes share one loaded pipeline.

    `attention` is a name without leading underscore of diffusers' attention backends ("native_cudnn"). `numerics` says
    in what the transformer computes: "diffusers" has norms, modulation, residual gates and the embedding of time in
    float32, "reference" rounds after every operation as CausVid's own code does. `compile` names what torch.compile
    is applied to: nothing, the transformer, or the VAE's decoder as well ("all").
    `lora` names one of the model's LoRAs, fused with `lora_strength` (1 as trained); `None` for models without.

    What a smaller card needs: `text_encoder` stays on the device ("resident"), lies in host memory and visits the
    device for each prompt ("offload"), or is loaded for a new prompt and dropped from all memory after it ("freed").
    `weights_dtype` is how the transformer's linear weights are stored, in `transformer_dtype` ("same") or as
    float8_e4m3fn; computed is in `transformer_dtype` in any case. `decode` is each block as soon as it exists
    ("streamed"), or a whole clip (of several rollouts, each) after all its latents and without a causal model's caches
    ("whole"); a bidirectional model has all latents at once, so that both are the same for it.
    `memory_limit_gib` is what torch may take of the device's memory, in GiB, from loading on; the harness sets it.
    """

    model: str
    weights: WeightsSource
    device: Literal["cpu", "cuda"]
    transformer_dtype: DtypeName
    text_encoder_dtype: DtypeName
    vae_dtype: DtypeName
    attention: str
    compile: Compile = "none"
    numerics: Numerics = "diffusers"
    text_encoder: TextEncoderPlace = "resident"
    weights_dtype: WeightsDtype = "same"
    decode: DecodeOrder = "streamed"
    lora: str | None = None
    lora_strength: float | None = None
    memory_limit_gib: float | None = None


class Probe(Protocol):
    """How a pipeline tells what it does while it generates. Calls are cheap and never synchronise the device."""

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Mark a phase: `text_encode`, `denoise`, `decode`, `to_host` where they exist; re-enterable, not nested."""

    def step(self, done: int, total: int) -> None:
        """Tell that transformer step `done` of `total` of the clip has been enqueued (1-based), in phase `denoise`.

        A causal model visits `denoise` once a block; a block's cache pass is a step too, the first of the next visit.
        """

    def check_finite(self, name: str, values: "torch.Tensor") -> None:
        """Look for NaN and Inf in `values` (any shape, on the device); the answer is read after the clock stops."""


@dataclass(frozen=True, kw_only=True)
class PipelineFacts:
    """What a pipeline really did for a request, told after a generation, outside the clock.

    `timesteps` and `sigmas` are those the model was given, in order, one an evaluated step (of one block for causal
    models). `forwards` counts transformer forwards, cache passes and guidance included; each does a batch at once.
    `reasons` says, by the name of a figure or phase, why it is not what its name promises in this generation.
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
    reasons: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class Pipeline(Protocol):
    """A loaded recipe."""

    def draw_noise(self, request: Request) -> tuple["torch.Tensor", ...]:
        """Draw all noise of the request on the CPU in float32 from its seeds and move it to the device.

        Called before the clock starts. The first tensor is the initial noise; clip i of a batch has a generator of its
        own, seeded with `seed + i`. A model that continues a clip reads the clip here, too.
        """

    def generate(self, request: Request, noise: tuple["torch.Tensor", ...], probe: Probe) -> Iterator["torch.Tensor"]:
        """Yield decoded chunks `frames_BTCHW`, uint8, on the device.

        One chunk for a bidirectional model, one a block for a causal one. Calls `probe.check_finite` on the latents
        and on the decoder's floats before they become uint8. `noise` is never written to.
        """

    def facts(self, request: Request) -> PipelineFacts:
        """Tell what the last `generate(request, …)` did."""


@runtime_checkable
class TellsResident(Protocol):
    """A pipeline that can also say what it keeps on the device: without it, a peak cannot be told apart."""

    def resident_bytes(self) -> Mapping[str, int]:
        """Tell the bytes on the device now, by component ("transformer", "kv_caches"); activations are none.

        Called where phases begin and end, inside the clock: it must return at once and never wait for the device.
        """


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """One file or folder of published weights.

    `path` is a file in the repository or, ending in "/", a folder of it. `revision` is a 40-digit commit or `None`
    (UNPINNED: no public source for a revision was at hand); `source` says where the layout and the pin come from.
    `parameters` and `tensors` count what is loaded from it, a tied tensor once; `None` where it holds no network.
    A checkpoint (`.pt`) is no folder with a `config.json`: `key` names the dictionary in it that is loaded, `config`
    the keyword arguments of the `WanTransformer3DModel` that takes it.
    Safetensors, a file or a folder in diffusers' layout, may stand in its place: they are loaded without converting.
    `lora` is the LoRA that the file is, needed by recipes that name it; `None` for what every recipe needs.
    """

    repository: str
    path: str
    licence: str
    revision: str | None = None
    source: str = ""
    parameters: int | None = None
    tensors: int | None = None
    key: str | None = None
    config: Mapping[str, Any] | None = field(default=None, hash=False)
    lora: str | None = None


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """A model's own sampling values, and where they were published."""

    steps: int
    guidance_scale: float
    shift: float
    scheduler: str
    source: str
    negative_prompt: str = ""


PLAIN: Mapping[str, tuple[str, ...]] = MappingProxyType({"numerics": ("diffusers",), "compile": ("none",)})
COMPILES: Mapping[str, tuple[str, ...]] = MappingProxyType({**PLAIN, "compile": get_args(Compile)})
PHASES = ("text_encode", "denoise", "decode", "to_host")
CAUSAL_PHASES = ("encode_clip", "encode_frame", *PHASES)
CAUSAL: Mapping[str, tuple[str, ...]] = MappingProxyType({**COMPILES, "numerics": get_args(Numerics)})


def made_in_one_piece(_request: Request) -> tuple[int, ...]:
    """Tell that a clip has no blocks."""
    return ()


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """All that the suite knows of a model without loading it: the constant `MODEL` of a file in `models/`.

    `published_recipe` holds the precision, attention and placement of the model's own release (fields of `Recipe`),
    with `published_recipe_source`. `weights_sources` lists which of hub, random and tiny `load` accepts, `supports`
    which values of the recipe's other fields that not every model serves: without it "diffusers" numerics, uncompiled.
    `phases` lists what its pipeline may mark, and the harness's own `to_host`: a budget names one of them.
    `load` imports torch itself. `block_starts` gives the pixel frames with which a causal model's blocks begin, but for
    the first: there a clip may show seams. `work` may be `None` for models whose arithmetic nobody has written down.
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
    block_starts: Callable[[Request], tuple[int, ...]] = made_in_one_piece
    supports: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: PLAIN)
    phases: tuple[str, ...] = PHASES
    published_recipe: Mapping[str, str | float] = field(default_factory=lambda: MappingProxyType({}))
    published_recipe_source: str = ""


def check_recipe(spec: ModelSpec, recipe: Recipe) -> None:
    """Raise RecipeError for a value that the model does not support, a LoRA that it lacks, or a bad strength.

    Also for compiling what is stored in float8: its casts are hooks that exchange parameters, which no graph holds; and
    for a memory limit on a CPU, which has no allocator of torch's to limit.
    """
    for name, values in spec.supports.items():
        if (actual := getattr(recipe, name)) not in values:
            raise RecipeError(f"{spec.id}: {name} is {actual!r}, but the model supports {', '.join(values)}")
    if recipe.weights_dtype == "float8" and recipe.compile != "none":
        raise RecipeError(f"{spec.id}: weights_dtype float8 cannot be compiled, but compile is {recipe.compile!r}")
    if recipe.memory_limit_gib is not None and recipe.device == "cpu":
        raise RecipeError(
            f"{spec.id}: memory_limit_gib is {recipe.memory_limit_gib:g}, but this case runs on the CPU; a limit needs "
            "a CUDA device, so leave it out here"
        )
    loras = [file.lora for file in spec.weights if file.lora is not None]
    if not loras:
        for name, value in (("lora", recipe.lora), ("lora_strength", recipe.lora_strength)):
            if value is not None:
                raise RecipeError(f"{spec.id}: {name} is {value!r}, but this model has no LoRA; leave it out")
    elif recipe.lora not in loras:
        raise RecipeError(f"{spec.id}: lora is {recipe.lora!r}, but must be one of {', '.join(loras)}")
    elif recipe.lora_strength is None or not 0.0 < recipe.lora_strength < math.inf:
        raise RecipeError(f"{spec.id}: lora_strength is {recipe.lora_strength}, but must be a finite number above 0")


def needed_weights(spec: ModelSpec, lora: str | None = None) -> tuple[WeightsFile, ...]:
    """List the files that a recipe with this LoRA loads; by default that of the published recipe."""
    wanted = lora or spec.published_recipe.get("lora")
    return tuple(file for file in spec.weights if file.lora in (None, wanted))
