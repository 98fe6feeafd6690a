"""Wan 2.1 14B with the CausVid LoRA fused: few steps without guidance, and nothing causal about it.

What most people who say "CausVid" run. The LoRA was extracted from a causal 14B model and laid upon the bidirectional
one, so that the whole clip is attended to at once and the first frame comes with the last. Which of its versions is
fused and how strongly are settings (`lora`, `lora_strength`), as are steps and shift; few steps mean 4 to 8.

Source: Kijai/WanVideo_comfy, extracted from lightx2v/Wan2.1-T2V-14B-CausVid (CC BY-NC 4.0); run as in
huggingface/diffusers pull request 11588.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING

from models import wan21_t2v_14b as teacher
from models.spec import COMPILES, ModelSpec, Pipeline, Recipe, Request, Sampling, WeightsFile, check_recipe
from models.wan.architecture import T2V_14B
from models.wan.published import BASE_REPOSITORY, LARGE_REPOSITORY
from models.wan.rules import check_request, check_unguided
from models.work import bidirectional_work
from models.work_kinds import Work

if TYPE_CHECKING:
    from diffusers import WanTransformer3DModel

ID = "wan2.1-t2v-14b-causvid-lora"
REPOSITORY = "Kijai/WanVideo_comfy"
LICENCE = "CC BY-NC 4.0"
RANDOM_LORA_SEED = 1
LORAS = (
    WeightsFile(
        repository=REPOSITORY,
        path="Wan21_CausVid_14B_T2V_lora_rank32.safetensors",
        licence=LICENCE,
        source=(
            "file named in huggingface/diffusers pull request 11588; the licence is that of"
            " lightx2v/Wan2.1-T2V-14B-CausVid, from second hand; no revision is named, so UNPINNED"
        ),
        lora="v1",
    ),
    WeightsFile(
        repository=REPOSITORY,
        path="Wan21_CausVid_14B_T2V_lora_rank32_v2.safetensors",
        licence=LICENCE,
        source=(
            "file name from second hand and not confirmed; attention only, without the first block; licence as for v1;"
            " no revision is named, so UNPINNED"
        ),
        lora="v2",
    ),
)


def check(request: Request) -> None:
    """Raise RequestError for a request that Wan cannot serve, or with guidance; steps and shift are free."""
    check_request(ID, request)
    check_unguided(ID, request)


def load(recipe: Recipe) -> Pipeline:
    """Load Wan 2.1 14B and fuse the recipe's LoRA; random weights get a random LoRA of the same rank.

    Raises RecipeError, WeightsMissingError or models.wan.lora.LoraError.
    """
    from models.wan.components import HubLayout, load_components, pretrained_transformer, published_file
    from models.wan.lora import add_deltas, fuse_lora, random_deltas
    from models.wan.pipeline import WanPipeline

    check_recipe(MODEL, recipe)
    strength = recipe.lora_strength or 1.0
    path = published_file(_file_of(recipe)) if recipe.weights == "hub" else None

    def fuse(transformer: "WanTransformer3DModel") -> None:
        if path is None:
            add_deltas(transformer, random_deltas(transformer, RANDOM_LORA_SEED), strength)
        else:
            fuse_lora(transformer, path, strength)

    hub = HubLayout(BASE_REPOSITORY, None, pretrained_transformer(LARGE_REPOSITORY))
    return WanPipeline(load_components(T2V_14B, recipe, hub, fuse), recipe.device)


def _file_of(recipe: Recipe) -> WeightsFile:
    return next(file for file in LORAS if file.lora == recipe.lora)


def work(request: Request) -> Work:
    """Count one forward a step; a fused LoRA costs nothing."""
    return bidirectional_work(T2V_14B, request, forwards=request.steps)


MODEL = ModelSpec(
    id=ID,
    title="Wan 2.1 T2V 14B with the CausVid LoRA, bidirectional",
    licence=LICENCE,
    non_commercial=True,
    weights=(*teacher.MODEL.weights, *LORAS),
    weights_sources=("hub", "random"),
    width=832,
    height=480,
    frames=81,
    fps=16.0,
    sampling=Sampling(
        steps=4,
        guidance_scale=1.0,
        shift=8.0,
        scheduler="UniPC",
        source=(
            "huggingface/diffusers pull request 11588: UniPC with flow shift 8, 4 steps, guidance scale 1; on Wan's own"
            " noise levels here, as for the teacher; without guidance a negative prompt is not used"
        ),
    ),
    check=check,
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
            "lora": "v1",
            "lora_strength": 0.95,
        }
    ),
    published_recipe_source=(
        "huggingface/diffusers pull request 11588: the LoRA's first version, fused at 0.95; precision of the docstring"
        " example of pipelines/wan/pipeline_wan.py in 0.42.1"
    ),
)
