"""Wan 2.1 at toy size with made-up weights: the same code paths as the real one, in about a second on a CPU.

What it draws means nothing; that it draws what it should, and how that is measured, can be tested anywhere.
"""

from functools import partial
from types import MappingProxyType

from models.spec import COMPILES, ModelSpec, Pipeline, Recipe, Request, Sampling
from models.wan.architecture import TINY
from models.wan.prompts import NEGATIVE_PROMPT
from models.wan.rules import check_request
from models.work import bidirectional_work
from models.work_kinds import Work


def load(recipe: Recipe) -> Pipeline:
    """Build the networks as `recipe` asks."""
    from models.wan.components import load_components
    from models.wan.pipeline import WanPipeline

    return WanPipeline(load_components(TINY, recipe), recipe.device)


def work(request: Request) -> Work:
    """Count one forward a step, and a second one with guidance."""
    return bidirectional_work(TINY, request, forwards=request.steps * (2 if request.guidance_scale > 1.0 else 1))


MODEL = ModelSpec(
    id="wan2.1-t2v-tiny",
    title="Wan 2.1 T2V, toy size",
    licence="Apache-2.0",
    non_commercial=False,
    weights=(),
    weights_sources=("tiny",),
    width=64,
    height=64,
    frames=33,
    fps=16.0,
    sampling=Sampling(
        steps=4,
        guidance_scale=6.0,
        shift=8.0,
        scheduler="UniPC",
        source="guidance, shift, scheduler and negative prompt of wan2.1-t2v-1.3b; 4 steps to be quick",
        negative_prompt=NEGATIVE_PROMPT,
    ),
    check=partial(check_request, "wan2.1-t2v-tiny"),
    load=load,
    work=work,
    supports=COMPILES,
    published_recipe=MappingProxyType(
        {
            "transformer_dtype": "float32",
            "text_encoder_dtype": "float32",
            "vae_dtype": "float32",
            "attention": "native",
            "compile": "none",
            "text_encoder": "resident",
        }
    ),
    published_recipe_source="this suite's own choice for a CPU; nothing is published at this size",
)
