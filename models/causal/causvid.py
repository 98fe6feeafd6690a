"""What CausVid's model files share: the published values, the weights' origin and how they are loaded. No torch here.

The loaders and `checkpoint_weights` serve every few-step student of Wan 2.1, whoever trained it.

Source: tianweiy/CausVid at ca21150 (`configs/wan_causal_dmd.yaml`, `configs/wan_bidirectional_dmd_from_scratch.yaml`,
LICENSE.md), its facts restated, no code copied; the hub repository tianweiy/CausVid.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING

from models.causal.lengths import LongVideo, Rolling
from models.fewstep import StepList
from models.spec import DtypeName, Pipeline, Recipe, Sampling, WeightsFile, WeightsMissingError
from models.wan.architecture import T2V_1_3B, Architecture
from models.wan.published import BASE_REPOSITORY, PARAMETERS_1_3B, SHARED_WEIGHTS, TENSORS_1_3B

if TYPE_CHECKING:
    from diffusers import WanTransformer3DModel

LICENCE = "CC BY-NC-SA 4.0"
TINY_LICENCE = "none: random weights"
MAX_FRAMES = 81
FRAMES_PER_BLOCK = 3
LONG_VIDEO = Rolling(latent_frames=21, overlap=FRAMES_PER_BLOCK)
STEPS = StepList((1000, 757, 522), shift=8.0)
SAMPLING = Sampling(
    steps=len(STEPS.steps),
    guidance_scale=1.0,
    shift=STEPS.shift,
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
        "text_encoder": "resident",
        "decode": "whole",
    }
)
CAUSAL_PUBLISHED_RECIPE = MappingProxyType({**PUBLISHED_RECIPE, "numerics": "reference"})
PUBLISHED_RECIPE_SOURCE = (
    "tianweiy/CausVid at ca21150, minimal_inference/*.py: the whole pipeline is cast to bfloat16 and stays on the GPU,"
    " and decodes after the last block; attention is flash-attn, for which torch's own flash kernel stands here; a"
    " bidirectional model's norms and modulation stay in float32 here, as diffusers keeps them"
)
TINY_RECIPE = MappingProxyType(
    {
        "transformer_dtype": "float32",
        "text_encoder_dtype": "float32",
        "vae_dtype": "float32",
        "attention": "native",
        "text_encoder": "resident",
    }
)
REPOSITORY = "tianweiy/CausVid"


def published_weights(checkpoint: str, key: str = "generator") -> tuple[WeightsFile, ...]:
    """List what a CausVid model loads: the transformer of `checkpoint`, and the rest from Wan 2.1; first the former."""
    source = f"file layout of the hub repository {REPOSITORY}; no revision is published here, so UNPINNED"
    return checkpoint_weights(REPOSITORY, f"{checkpoint}/model.pt", key, LICENCE, source), *SHARED_WEIGHTS


def checkpoint_weights(repository: str, path: str, key: str, licence: str, source: str) -> WeightsFile:
    """Describe a pickled checkpoint at 1.3B whose dictionary `key` is loaded; `source` is to say UNPINNED."""
    return WeightsFile(
        repository=repository,
        path=path,
        licence=licence,
        source=source,
        parameters=PARAMETERS_1_3B,
        tensors=TENSORS_1_3B,
        key=key,
        config=T2V_1_3B.transformer,
    )


def load_few_step(
    architecture: Architecture,
    recipe: Recipe,
    checkpoint: WeightsFile | None,
    frames_per_block: int | None,
    steps: StepList = STEPS,
    long_video: LongVideo | None = None,
) -> Pipeline:
    """Load a few-step student; `checkpoint` holds its transformer where `recipe.weights` is "hub".

    Raises WeightsMissingError where published weights are not in the local cache.
    """
    from models.causal.pipeline import FewStepPipeline
    from models.wan.components import HubLayout, load_components, transformer_rests_on

    def load_transformer(architecture: Architecture, recipe: Recipe) -> "WanTransformer3DModel":
        if checkpoint is None:
            raise WeightsMissingError(f"{recipe.model}: has no published weights; use the weights source 'tiny'")
        return load_published(checkpoint, architecture, recipe.transformer_dtype, transformer_rests_on(recipe))

    components = load_components(architecture, recipe, HubLayout(BASE_REPOSITORY, None, load_transformer))
    return FewStepPipeline(components, recipe, steps.schedule(), frames_per_block, long_video)


def load_published(
    checkpoint: WeightsFile, architecture: Architecture, dtype: DtypeName, device: str
) -> "WanTransformer3DModel":
    """Load a published checkpoint's transformer from this machine (it is converted once); nothing is downloaded."""
    from models.wan.converted import load_converted

    return load_converted(checkpoint, architecture.transformer, dtype, device)
