"""CausVid at toy size with random weights: the causal model's code path in well under a second on one CPU core.

Its clips mean nothing; it proves that the suite works where there is no GPU.
"""

from models.causal import causvid
from models.causal.rules import ClipRules
from models.spec import CAUSAL, CAUSAL_PHASES, ModelSpec, Pipeline, Recipe, Request
from models.wan.architecture import TINY
from models.work import causal_work
from models.work_kinds import Work

RULES = ClipRules(
    model="causvid-tiny",
    sampling=causvid.SAMPLING,
    max_frames=causvid.MAX_FRAMES,
    frames_per_block=causvid.FRAMES_PER_BLOCK,
    long_video=causvid.LONG_VIDEO,
)


def load(recipe: Recipe) -> Pipeline:
    """Load the recipe."""
    return causvid.load_few_step(TINY, recipe, None, causvid.FRAMES_PER_BLOCK, long_video=causvid.LONG_VIDEO)


def work(request: Request) -> Work:
    """Return the arithmetic of one clip."""
    return causal_work(TINY, request, causvid.FRAMES_PER_BLOCK, request.steps, long_video=causvid.LONG_VIDEO)


MODEL = ModelSpec(
    id=RULES.model,
    title="CausVid at toy size, causal, 3 steps",
    licence=causvid.TINY_LICENCE,
    non_commercial=False,
    weights=(),
    weights_sources=("tiny",),
    width=64,
    height=64,
    frames=21,
    fps=16.0,
    sampling=causvid.SAMPLING,
    check=RULES.check,
    block_starts=RULES.block_starts,
    load=load,
    work=work,
    supports=CAUSAL,
    phases=CAUSAL_PHASES,
    published_recipe=causvid.TINY_RECIPE,
    published_recipe_source="models/causal/causvid.py",
)
