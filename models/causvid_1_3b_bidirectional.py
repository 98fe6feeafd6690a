"""CausVid's bidirectional sibling: the same three steps without causality, the whole clip attended in full.

It separates the two things that CausVid changes: what it gains over Wan 2.1 comes from few steps, what the causal
model gains over it comes from causality (first frames early, bounded queries); their total arithmetic is nearly equal.

Source: tianweiy/CausVid, bidirectional_checkpoint2 (CC BY-NC-SA 4.0); nothing of its code is used here.
"""

from models.causal import causvid
from models.causal.rules import ClipRules
from models.spec import COMPILES, ModelSpec, Pipeline, Recipe, Request
from models.wan.architecture import T2V_1_3B
from models.work import bidirectional_work
from models.work_kinds import Work

WEIGHTS = causvid.published_weights("bidirectional_checkpoint2")
RULES = ClipRules(
    model="causvid-1.3b-bidirectional",
    sampling=causvid.SAMPLING,
    max_frames=causvid.MAX_FRAMES,
    frames_per_block=None,
)


def load(recipe: Recipe) -> Pipeline:
    """Load the recipe; WeightsMissingError where its weights are not on this machine."""
    return causvid.load_few_step(T2V_1_3B, recipe, WEIGHTS[0], None)


def work(request: Request) -> Work:
    """Return the arithmetic of one clip."""
    return bidirectional_work(T2V_1_3B, request, request.steps)


MODEL = ModelSpec(
    id=RULES.model,
    title="CausVid 1.3B, bidirectional, 3 steps",
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
    load=load,
    work=work,
    supports=COMPILES,
    published_recipe=causvid.PUBLISHED_RECIPE,
    published_recipe_source=causvid.PUBLISHED_RECIPE_SOURCE,
)
