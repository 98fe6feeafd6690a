"""Wan 2.1 text to video, 1.3B: the teacher's size, and the baseline of the comparison.

Source: Wan-Video/Wan2.1 @9737cba, README and wan/configs/wan_t2v_1_3B.py.
"""

from types import MappingProxyType

from models.spec import ModelSpec, Pipeline, Recipe, Request, Sampling, WeightsFile, Work
from models.wan.architecture import T2V_1_3B
from models.wan.prompts import NEGATIVE_PROMPT
from models.wan.rules import check_request
from models.work import bidirectional_work

REPOSITORY = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"


def load(recipe: Recipe) -> Pipeline:
    """Load the networks as `recipe` asks."""
    from models.wan.components import HubLayout, load_components
    from models.wan.pipeline import WanPipeline

    return WanPipeline(load_components(T2V_1_3B, recipe, HubLayout(REPOSITORY, revision=None)), recipe.device)


def work(request: Request) -> Work:
    """Count one forward a step, and a second one with guidance."""
    return bidirectional_work(T2V_1_3B, request, forwards=request.steps * (2 if request.guidance_scale > 1.0 else 1))


MODEL = ModelSpec(
    id="wan2.1-t2v-1.3b",
    title="Wan 2.1 T2V 1.3B",
    licence="Apache-2.0",
    non_commercial=False,
    weights=tuple(
        WeightsFile(
            repository=REPOSITORY,
            path=folder,
            licence="Apache-2.0",
            source=(
                "repository named in huggingface/diffusers docs/source/en/api/pipelines/wan.md; no revision is,"
                " so UNPINNED"
            ),
        )
        for folder in ("transformer/", "text_encoder/", "vae/", "tokenizer/")
    ),
    weights_sources=("hub", "random"),
    width=832,
    height=480,
    frames=81,
    fps=16.0,
    sampling=Sampling(
        steps=50,
        guidance_scale=6.0,
        shift=8.0,
        scheduler="UniPC",
        source=(
            "Wan-Video/Wan2.1 @9737cba README: guide scale 6, shift 8 (to 12) for T2V-1.3B; UniPC and 50 steps of"
            " generate.py; negative prompt of wan/configs/shared_config.py"
        ),
        negative_prompt=NEGATIVE_PROMPT,
    ),
    check=check_request,
    load=load,
    work=work,
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
