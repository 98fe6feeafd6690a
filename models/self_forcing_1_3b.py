"""Self-Forcing 1.3B: CausVid's successor, trained on its own rollouts, under a licence that allows any use.

The same architecture, blocks and loop with four steps warped by another shift, and the averaged weights of the
training: it tells what the training changes from what the runner does.

Source: "Self Forcing: Bridging the Train-Test Gap in Autoregressive Video Diffusion" (arXiv 2506.08009);
guandeh17/Self-Forcing at 33593df; weights gdhe17/Self-Forcing, checkpoints/self_forcing_dmd.pt.
"""

from types import MappingProxyType

from models.causal.causvid import checkpoint_weights, load_few_step
from models.causal.rules import ClipRules
from models.causal.window import Window
from models.fewstep import StepList
from models.spec import CAUSAL, CAUSAL_PHASES, ModelSpec, Pipeline, Recipe, Request, Sampling
from models.wan.architecture import T2V_1_3B
from models.wan.published import SHARED_WEIGHTS
from models.work import causal_work
from models.work_kinds import Work

LICENCE = "Apache-2.0"
FRAMES_PER_BLOCK = 3
LONG_VIDEO = Window()
STEPS = StepList((1000, 750, 500, 250), shift=5.0, warped=True)
CHECKPOINT = checkpoint_weights(
    "gdhe17/Self-Forcing",
    "checkpoints/self_forcing_dmd.pt",
    "generator_ema",
    LICENCE,
    "file and key named in guandeh17/Self-Forcing at 33593df, whose licence is taken for the weights' too; no revision"
    " is named, so UNPINNED",
)
RULES = ClipRules(
    model="self-forcing-1.3b",
    sampling=Sampling(
        steps=len(STEPS.steps),
        guidance_scale=1.0,
        shift=STEPS.shift,
        scheduler="clean prediction and re-noise at timesteps 1000, 937.5, 833.33, 625",
        source=(
            "guandeh17/Self-Forcing at 33593df: steps 1000, 750, 500, 250, warped by shift 5, weights generator_ema;"
            " inference runs without guidance, so that a negative prompt is not used"
        ),
    ),
    max_frames=81,
    frames_per_block=FRAMES_PER_BLOCK,
    long_video=LONG_VIDEO,
)


def load(recipe: Recipe) -> Pipeline:
    """Load the recipe; WeightsMissingError where its weights are not on this machine."""
    return load_few_step(T2V_1_3B, recipe, CHECKPOINT, FRAMES_PER_BLOCK, STEPS, LONG_VIDEO)


def work(request: Request) -> Work:
    """Return the arithmetic of one clip."""
    return causal_work(T2V_1_3B, request, FRAMES_PER_BLOCK, request.steps, long_video=LONG_VIDEO)


MODEL = ModelSpec(
    id=RULES.model,
    title="Self-Forcing 1.3B, causal, 4 warped steps",
    licence=LICENCE,
    non_commercial=False,
    weights=(CHECKPOINT, *SHARED_WEIGHTS),
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
    published_recipe=MappingProxyType(
        {
            "transformer_dtype": "bfloat16",
            "text_encoder_dtype": "bfloat16",
            "vae_dtype": "bfloat16",
            "attention": "native_flash",
            "text_encoder": "resident",
        }
    ),
    published_recipe_source=(
        "this suite's assumption: no statement of Self-Forcing's precision and attention was at hand; bfloat16 and a"
        " flash kernel are those of CausVid, whose loop it runs"
    ),
)
