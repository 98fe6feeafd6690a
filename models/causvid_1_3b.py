"""CausVid 1.3B: Wan 2.1 1.3B distilled to a causal few-step model, the subject of this suite.

Seven blocks of three latent frames, three steps and one cache pass each: the first frames are there after a seventh
of the work. The speed in the paper's abstract (9.4 FPS) is that of another, unreleased model.

Source: "From Slow Bidirectional to Fast Autoregressive Video Diffusion Models" (arXiv 2412.07772); weights
tianweiy/CausVid, autoregressive_checkpoint. Code and weights are CC BY-NC-SA 4.0; nothing of the code is used here.
"""

from models.causal import causvid
from models.causal.rules import ClipRules
from models.spec import CAUSAL, CAUSAL_PHASES, ModelSpec, Pipeline, Recipe, Request
from models.wan.architecture import T2V_1_3B
from models.work import causal_work
from models.work_kinds import Work

WEIGHTS = causvid.published_weights("autoregressive_checkpoint")
RULES = ClipRules(
    model="causvid-1.3b",
    sampling=causvid.SAMPLING,
    max_frames=causvid.MAX_FRAMES,
    frames_per_block=causvid.FRAMES_PER_BLOCK,
    long_video=causvid.LONG_VIDEO,
)


def load(recipe: Recipe) -> Pipeline:
    """Load the recipe; WeightsMissingError where its weights are not on this machine."""
    return causvid.load_few_step(T2V_1_3B, recipe, WEIGHTS[0], causvid.FRAMES_PER_BLOCK, long_video=causvid.LONG_VIDEO)


def work(request: Request) -> Work:
    """Return the arithmetic of one clip."""
    return causal_work(T2V_1_3B, request, causvid.FRAMES_PER_BLOCK, request.steps, long_video=causvid.LONG_VIDEO)


MODEL = ModelSpec(
    id=RULES.model,
    title="CausVid 1.3B, causal, 3 steps",
    licence=causvid.LICENCE,
    non_commercial=True,
    weights=WEIGHTS,
    weights_sources=("hub", "random"),
    width=832,
    height=480,
    frames=81,
    fps=16.0,
    sampling=causvid.SAMPLING,
    check=RULES.check,
    block_starts=RULES.block_starts,
    load=load,
    work=work,
    supports=CAUSAL,
    phases=CAUSAL_PHASES,
    published_recipe=causvid.CAUSAL_PUBLISHED_RECIPE,
    published_recipe_source=causvid.PUBLISHED_RECIPE_SOURCE,
)
