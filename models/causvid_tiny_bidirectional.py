"""CausVid's bidirectional sibling at toy size with random weights, for a CPU. Its clips mean nothing."""

from models.causal import causvid
from models.causal.rules import ClipRules
from models.spec import COMPILES, ModelSpec, Pipeline, Recipe, Request
from models.wan.architecture import TINY
from models.work import bidirectional_work
from models.work_kinds import Work

RULES = ClipRules(
    model="causvid-tiny-bidirectional",
    sampling=causvid.SAMPLING,
    max_frames=causvid.MAX_FRAMES,
    frames_per_block=None,
)


def load(recipe: Recipe) -> Pipeline:
    """Load the recipe."""
    return causvid.load_few_step(TINY, recipe, None, None)


def work(request: Request) -> Work:
    """Return the arithmetic of one clip."""
    return bidirectional_work(TINY, request, request.steps)


MODEL = ModelSpec(
    id=RULES.model,
    title="CausVid at toy size, bidirectional, 3 steps",
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
    load=load,
    work=work,
    supports=COMPILES,
    published_recipe=causvid.TINY_RECIPE,
    published_recipe_source="models/causal/causvid.py",
)
