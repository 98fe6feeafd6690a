"""torch.compile for Wan's networks: one place for how, so that what is timed is never compiled again or left eager.

Shapes are compiled as they come (`dynamic=False`), because a benchmark repeats few of them; whatever cannot be one
graph, or would be compiled too often, is an error instead of a silent return to eager mode.
What it gains is printed by `python -m tests.measure_causvid_speed`.
Source: torch 2.13 `torch.compile`, `torch._dynamo.config`; huggingface/diffusers 0.42.1 `compile_repeated_blocks`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from models.spec import Compile

if TYPE_CHECKING:
    from diffusers import AutoencoderKLWan, WanTransformer3DModel

MOST_SHAPES = 64  # one function is compiled once a shape, model size and numerics; torch's own limit is 8
P = ParamSpec("P")
R = TypeVar("R")


def compile_function(
    function: Callable[P, R], backend: str = "inductor", *, exact_rounding: bool = False
) -> Callable[P, R]:
    """Return `function` compiled as one graph a shape, at the first call in that shape.

    Fused operations keep their intermediate values in float32; with `exact_rounding` each is rounded as in eager mode.
    """
    import torch

    _allow_many_shapes()
    if exact_rounding and backend == "inductor":
        return torch.compile(function, dynamic=False, fullgraph=True, options={"emulate_precision_casts": True})
    return torch.compile(function, dynamic=False, fullgraph=True, backend=backend)


def compile_networks(
    transformer: "WanTransformer3DModel", vae: "AutoencoderKLWan", extent: Compile, backend: str = "inductor"
) -> None:
    """Have the transformer's blocks ("transformer") and the VAE's decoder as well ("all") compiled when first called.

    The decoder, which must be a prepared one, is compiled layer by layer: one program of all its layers compiles longer
    and holds 4.1 GiB more at 832x480x81 (CausVid 1.3B's peak: 26.90 against 22.80 GiB). A causal runner never calls the
    transformer's blocks, but parts of them that it compiles itself; uncalled blocks cost nothing.
    """
    if extent != "none":
        import torch

        torch.compiler.reset()  # programs of a recipe before this one run its attention kernel
        _allow_many_shapes()
        transformer.compile_repeated_blocks(dynamic=False, fullgraph=True, backend=backend)
    if extent == "all":
        from models.wan.decoder_layout import STREAMED

        for module in vae.decoder.modules():
            if isinstance(module, STREAMED):
                setattr(module, "advance", compile_function(module.advance, backend))  # noqa: B010 - a method to mypy


def _allow_many_shapes() -> None:
    import torch._dynamo.config as settings

    settings.recompile_limit = max(settings.recompile_limit, MOST_SHAPES)
