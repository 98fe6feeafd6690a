"""What CausVid's model files share: the published values, the weights' origin and how they are loaded. No torch here.

Source: tianweiy/CausVid at ca21150 (`configs/wan_causal_dmd.yaml`, `configs/wan_bidirectional_dmd_from_scratch.yaml`,
LICENSE.md), its facts restated, no code copied; the hub repository tianweiy/CausVid.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING

from models.causal.lengths import LongVideo, Rolling
from models.spec import DtypeName, Pipeline, Recipe, Sampling, WeightsFile, WeightsMissingError
from models.wan.architecture import Architecture

if TYPE_CHECKING:
    from diffusers import WanTransformer3DModel

LICENCE = "CC BY-NC-SA 4.0"
TINY_LICENCE = "none: random weights"
MAX_FRAMES = 81
FRAMES_PER_BLOCK = 3
LONG_VIDEO = Rolling(latent_frames=21, overlap=FRAMES_PER_BLOCK)
TIMESTEPS = (1000, 757, 522)
SAMPLING = Sampling(
    steps=len(TIMESTEPS),
    guidance_scale=1.0,
    shift=8.0,
    scheduler="clean prediction and re-noise at timesteps 1000, 757, 522",
    source=(
        "tianweiy/CausVid at ca21150: denoising_step_list and timestep_shift of configs/wan_causal_dmd.yaml and"
        " configs/wan_bidirectional_dmd_from_scratch.yaml; inference runs without guidance, so that the negative prompt"
        " of those files, which is the teacher's, is not used"
    ),
)
PUBLISHED_RECIPE = MappingProxyType(
    {
        "transformer_dtype": "bfloat16",
        "text_encoder_dtype": "bfloat16",
        "vae_dtype": "bfloat16",
        "attention": "native_flash",
        "residency": "all",
    }
)
PUBLISHED_RECIPE_SOURCE = (
    "tianweiy/CausVid at ca21150, minimal_inference/*.py: the whole pipeline is cast to bfloat16 and stays on the GPU;"
    " attention is flash-attn, for which torch's own flash kernel stands here"
)
TINY_RECIPE = MappingProxyType(
    {
        "transformer_dtype": "float32",
        "text_encoder_dtype": "float32",
        "vae_dtype": "float32",
        "attention": "native",
        "residency": "all",
    }
)
REPOSITORY = "tianweiy/CausVid"
BASE_REPOSITORY = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"


def published_weights(checkpoint: str) -> tuple[WeightsFile, ...]:
    """List what a CausVid model loads: the transformer of `checkpoint`, and the rest from Wan 2.1; first the former."""
    transformer = WeightsFile(
        repository=REPOSITORY,
        path=f"{checkpoint}/model.pt",
        licence=LICENCE,
        source=f"file layout of the hub repository {REPOSITORY}; no revision is published here, so UNPINNED",
    )
    others = (
        WeightsFile(
            repository=BASE_REPOSITORY,
            path=f"{folder}/",
            licence="Apache-2.0",
            source=(
                "CausVid publishes a transformer only, the rest is Wan 2.1's: repository named in huggingface/diffusers"
                " docs/source/en/api/pipelines/wan.md; no revision is, so UNPINNED"
            ),
        )
        for folder in ("text_encoder", "tokenizer", "vae")
    )
    return transformer, *others


def load_few_step(
    architecture: Architecture,
    recipe: Recipe,
    checkpoint: WeightsFile | None,
    frames_per_block: int | None,
    long_video: LongVideo | None = None,
) -> Pipeline:
    """Load a few-step student; `checkpoint` holds its transformer where `recipe.weights` is "hub".

    Raises WeightsMissingError where published weights are not in the local cache.
    """
    from models.causal.pipeline import FewStepPipeline
    from models.fewstep import unwarped_schedule
    from models.wan.components import HubLayout, load_components

    def load_transformer(architecture: Architecture, recipe: Recipe) -> "WanTransformer3DModel":
        if checkpoint is None:
            raise WeightsMissingError(f"{recipe.model}: has no published weights; use the weights source 'tiny'")
        return load_published(checkpoint, architecture, recipe.transformer_dtype, recipe.device)

    components = load_components(architecture, recipe, HubLayout(BASE_REPOSITORY, None, load_transformer))
    schedule = unwarped_schedule(TIMESTEPS, SAMPLING.shift)
    return FewStepPipeline(components, recipe, schedule, frames_per_block, long_video)


def load_published(
    checkpoint: WeightsFile, architecture: Architecture, dtype: DtypeName, device: str
) -> "WanTransformer3DModel":
    """Load a published checkpoint's transformer from the local hub cache; nothing is downloaded."""
    import torch

    from models.causal.checkpoint import load_transformer
    from models.weights import cached_snapshot

    snapshot = cached_snapshot(checkpoint.repository, checkpoint.revision)
    if snapshot is None or not (snapshot / checkpoint.path).is_file():
        raise WeightsMissingError(
            f"{checkpoint.repository}/{checkpoint.path} is not in the local hub cache and nothing is downloaded during"
            f" a run; fetch it first with `hf download {checkpoint.repository} {checkpoint.path}`, or take the weights"
            " source 'random'"
        )
    return load_transformer(snapshot / checkpoint.path, architecture.transformer, getattr(torch, dtype), device)
