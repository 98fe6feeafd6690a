"""Wan 2.1 text to video, 14B: the large model of the family.

Source: Wan-Video/Wan2.1 @9737cba, README and wan/configs/wan_t2v_14B.py.
"""

from functools import partial
from types import MappingProxyType

from models.spec import COMPILES, ModelSpec, Pipeline, Recipe, Request, Sampling
from models.wan.architecture import T2V_14B
from models.wan.prompts import NEGATIVE_PROMPT
from models.wan.published import BASE_REPOSITORY, LARGE_REPOSITORY, SHARED_WEIGHTS, TRANSFORMER_14B
from models.wan.rules import check_request
from models.work import bidirectional_work
from models.work_kinds import Work


def load(recipe: Recipe) -> Pipeline:
    """Load the networks as `recipe` asks."""
    from models.wan.components import HubLayout, load_components, pretrained_transformer
    from models.wan.pipeline import WanPipeline

    layout = HubLayout(BASE_REPOSITORY, None, pretrained_transformer(LARGE_REPOSITORY))
    return WanPipeline(load_components(T2V_14B, recipe, layout), recipe.device)


def work(request: Request) -> Work:
    """Count one forward a step, and a second one with guidance."""
    return bidirectional_work(T2V_14B, request, forwards=request.steps * (2 if request.guidance_scale > 1.0 else 1))


MODEL = ModelSpec(
    id="wan2.1-t2v-14b",
    title="Wan 2.1 T2V 14B",
    licence="Apache-2.0",
    non_commercial=False,
    weights=(TRANSFORMER_14B, *SHARED_WEIGHTS),
    weights_sources=("hub", "random"),
    width=832,
    height=480,
    frames=81,
    fps=16.0,
    sampling=Sampling(
        steps=50,
        guidance_scale=5.0,
        shift=5.0,
        scheduler="UniPC",
        source=(
            "Wan-Video/Wan2.1 @9737cba generate.py: UniPC, guide scale 5, shift 5, 50 steps for text to video;"
            " negative prompt of wan/configs/shared_config.py"
        ),
        negative_prompt=NEGATIVE_PROMPT,
    ),
    check=partial(check_request, "wan2.1-t2v-14b"),
    load=load,
    work=work,
    supports=COMPILES,
    published_recipe=MappingProxyType(
        {
            "transformer_dtype": "bfloat16",
            "text_encoder_dtype": "bfloat16",
            "vae_dtype": "float32",
            "attention": "native",
            "compile": "none",
            "text_encoder": "resident",
        }
    ),
    published_recipe_source="huggingface/diffusers 0.42.1, docstring example of pipelines/wan/pipeline_wan.py",
)
