"""CausVid 1.3B with four warped steps: the checkpoint distilled from a teacher with less guidance, one step more.

Next to the 3-step checkpoint it shows what a fourth step costs: 34 forwards instead of 27 for the same clip.

Source: tianweiy/CausVid, autoregressive_checkpoint_warp_4step_cfg2 (CC BY-NC-SA 4.0); nothing of its code is used here.
"""

from models.causal import causvid
from models.causal.rules import ClipRules
from models.fewstep import StepList
from models.spec import CAUSAL, CAUSAL_PHASES, ModelSpec, Pipeline, Recipe, Request, Sampling
from models.wan.architecture import T2V_1_3B
from models.work import causal_work
from models.work_kinds import Work

STEPS = StepList((1000, 750, 500, 250), shift=8.0, warped=True)
WEIGHTS = causvid.published_weights("autoregressive_checkpoint_warp_4step_cfg2")
RULES = ClipRules(
    model="causvid-1.3b-warp",
    sampling=Sampling(
        steps=len(STEPS.steps),
        guidance_scale=1.0,
        shift=STEPS.shift,
        scheduler="clean prediction and re-noise at timesteps 1000, 960, 888.89, 727.27",
        source=(
            "tianweiy/CausVid at ca21150, configs/wan_causal_dmd_warp_4step_cfg2.yaml: denoising_step_list 1000, 750,"
            " 500, 250, warped by timestep_shift 8; inference runs without guidance, so that the negative prompt of"
            " that file, which is the teacher's, is not used"
        ),
    ),
    max_frames=causvid.MAX_FRAMES,
    frames_per_block=causvid.FRAMES_PER_BLOCK,
    long_video=causvid.LONG_VIDEO,
)


def load(recipe: Recipe) -> Pipeline:
    """Load the recipe; WeightsMissingError where its weights are not on this machine."""
    return causvid.load_few_step(
        T2V_1_3B, recipe, WEIGHTS[0], causvid.FRAMES_PER_BLOCK, STEPS, long_video=causvid.LONG_VIDEO
    )


def work(request: Request) -> Work:
    """Return the arithmetic of one clip."""
    return causal_work(T2V_1_3B, request, causvid.FRAMES_PER_BLOCK, request.steps, long_video=causvid.LONG_VIDEO)


MODEL = ModelSpec(
    id=RULES.model,
    title="CausVid 1.3B, causal, 4 warped steps",
    licence=causvid.LICENCE,
    non_commercial=True,
    weights=WEIGHTS,
    weights_sources=("hub", "random"),
    width=832,
    height=480,
    frames=81,
    fps=16.0,
    sampling=RULES.sampling,
    check=RULES.check,
    block_starts=RULES.block_starts,
    load=load,
    work=work,
    supports=CAUSAL,
    phases=CAUSAL_PHASES,
    published_recipe=causvid.CAUSAL_PUBLISHED_RECIPE,
    published_recipe_source=causvid.PUBLISHED_RECIPE_SOURCE,
)
