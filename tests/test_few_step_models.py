"""The published few-step models walk their published noise levels, in the published number of forwards and draws."""

from types import ModuleType

import msgspec
import pytest
import torch

from models import causvid_1_3b, causvid_1_3b_bidirectional, causvid_1_3b_warp, self_forcing_1_3b
from models.causal.cached_transformer import CacheShape, ClipCache
from models.causal.pipeline import FewStepPipeline
from models.causal.rollout import Rollout
from models.fewstep import FewStepSchedule
from models.spec import ModelSpec, PipelineFacts, Recipe, Request
from models.wan.architecture import T2V_1_3B, TINY
from models.wan.meta import transformer_on_meta
from tests.recording_probe import RecordingProbe
from tests.test_model_files import default_request

PUBLISHED = {
    causvid_1_3b: ((1000.0, 757.0, 522.0), (1.0, 0.7567567229, 0.5217391253)),
    causvid_1_3b_bidirectional: ((1000.0, 757.0, 522.0), (1.0, 0.7567567229, 0.5217391253)),
    causvid_1_3b_warp: ((1000.0, 960.0, 888.8889, 727.2728), (1.0, 0.9599999785, 0.8888888955, 0.7272727489)),
    self_forcing_1_3b: ((1000.0, 937.5, 833.3333, 625.0), (1.0, 0.9375, 0.8333333135, 0.625)),
}
CAUSAL = {causvid_1_3b: 28, causvid_1_3b_warp: 35, self_forcing_1_3b: 35}


def name(value: object) -> str:
    return value.__name__.rpartition(".")[2] if isinstance(value, ModuleType) else ""


def toy(file: ModuleType, monkeypatch: pytest.MonkeyPatch) -> FewStepPipeline:
    """Load a model file's own pipeline with the tiny architecture in place of the large one."""
    monkeypatch.setattr(file, "T2V_1_3B", TINY)
    model: ModelSpec = file.MODEL
    recipe = Recipe(model=model.id, weights="random", device="cpu", **model.published_recipe)  # type: ignore[arg-type]
    names = ("transformer_dtype", "text_encoder_dtype", "vae_dtype")
    pipeline = model.load(msgspec.structs.replace(recipe, attention="native", **dict.fromkeys(names, "float32")))
    assert isinstance(pipeline, FewStepPipeline)
    return pipeline


def facts_of_a_short_clip(pipeline: FewStepPipeline, request: Request) -> PipelineFacts:
    list(pipeline.generate(request, pipeline.draw_noise(request), RecordingProbe()))
    return pipeline.facts(request)


@pytest.mark.parametrize("file", PUBLISHED, ids=name)
def test_model_walks_its_published_levels(file: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Timesteps as published, sigmas equal in float32 to the training table's; two blocks take 2 S + 1 forwards."""
    request = msgspec.structs.replace(default_request(file.MODEL), width=32, height=32, frames=21)
    facts = facts_of_a_short_clip(toy(file, monkeypatch), request)
    timesteps, sigmas = PUBLISHED[file]
    assert facts.timesteps == pytest.approx(timesteps, abs=1e-4)
    assert torch.equal(torch.tensor(facts.sigmas), torch.tensor(sigmas))
    assert facts.forwards == (2 * len(sigmas) + 1 if file in CAUSAL else 3)
    assert all(format(round(timestep, 2), "g") in file.MODEL.sampling.scheduler for timestep in timesteps)


def test_self_forcing_goes_on_under_a_window_of_21_latent_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight blocks pass through a cache of seven, without a second rollout."""
    request = msgspec.structs.replace(default_request(self_forcing_1_3b.MODEL), width=32, height=32, frames=93)
    self_forcing_1_3b.MODEL.check(request)
    pipeline = toy(self_forcing_1_3b, monkeypatch)
    facts = facts_of_a_short_clip(pipeline, request)
    assert self_forcing_1_3b.MODEL.work is not None
    assert facts.forwards == 8 * 5 - 1 == self_forcing_1_3b.MODEL.work(request).forwards
    assert pipeline._cached is not None
    assert pipeline._cached.cache.tokens == 21 * 4


@pytest.mark.parametrize("file", PUBLISHED, ids=name)
def test_clip_of_81_frames_takes_one_draw_and_seven_a_further_step(
    file: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 + 7 (S - 1) draws for 7 blocks of 3 latent frames, 1 + (S - 1) for the whole clip in one piece."""
    initial, renoise = toy(file, monkeypatch).draw_noise(default_request(file.MODEL))
    steps = len(PUBLISHED[file][1])
    assert initial.shape == (1, 16, 21, 60, 104)
    expected = (7 * (steps - 1), 1, 16, 3, 60, 104) if file in CAUSAL else (2, 1, 16, 21, 60, 104)
    assert renoise.shape == expected


@pytest.mark.parametrize(("file", "forwards"), [*CAUSAL.items(), (causvid_1_3b_bidirectional, 3)], ids=name)
def test_clip_of_81_frames_takes_the_published_forwards_less_the_wasted_one(file: ModuleType, forwards: int) -> None:
    """28 and 35 with the cache pass after the last block, which nobody reads and which is left out; 3 in one piece."""
    model: ModelSpec = file.MODEL
    assert model.work is not None
    assert model.work(default_request(model)).forwards == forwards - (file in CAUSAL)
    if file in CAUSAL:
        schedule = FewStepSchedule(*PUBLISHED[file])
        rollout = Rollout(schedule=schedule, frames_per_block=3, final_cache_pass=True)
        assert rollout.forwards(21) == forwards


def test_caches_of_81_frames_have_the_published_sizes() -> None:
    """30 layers of 32,760 tokens of 1,536 numbers, keys and values, 2 bytes each; counted without memory."""
    transformer = transformer_on_meta(T2V_1_3B.transformer).to(torch.bfloat16)
    cache = ClipCache(transformer, CacheShape(frames=21, height=60, width=104, text_length=512))
    assert (cache.tokens_per_frame, cache.tokens) == (1560, 32_760)
    assert cache.keys_LBSHD.is_meta
    assert cache.keys_LBSHD.nbytes + cache.values_LBSHD.nbytes == 6_038_323_200
    assert cache.text_keys_LBSHD.nbytes + cache.text_values_LBSHD.nbytes == 94_371_840


def test_checkpoints_are_the_published_ones() -> None:
    """Each model's transformer has its own file; Self-Forcing's is another's, with the averaged weights and licence."""
    files = {file.MODEL.id: file.MODEL.weights[0] for file in PUBLISHED}
    assert {id_: (file.repository, file.path, file.key, file.licence) for id_, file in files.items()} == {
        f"causvid-1.3b{variant}": ("tianweiy/CausVid", f"{folder}/model.pt", "generator", "CC BY-NC-SA 4.0")
        for variant, folder in (
            ("", "autoregressive_checkpoint"),
            ("-warp", "autoregressive_checkpoint_warp_4step_cfg2"),
            ("-bidirectional", "bidirectional_checkpoint2"),
        )
    } | {
        "self-forcing-1.3b": (
            "gdhe17/Self-Forcing",
            "checkpoints/self_forcing_dmd.pt",
            "generator_ema",
            "Apache-2.0",
        )
    }
    own = (self_forcing_1_3b.MODEL.sampling.source, *(file.source for file in self_forcing_1_3b.MODEL.weights))
    assert not any("CausVid" in source for source in own)


@pytest.mark.parametrize("file", [causvid_1_3b, causvid_1_3b_warp], ids=name)
def test_causvids_causal_models_take_three_rollouts_and_are_published_in_the_references_numerics(
    file: ModuleType,
) -> None:
    """216 frames are 72 a rollout, and all of the release runs in bfloat16."""
    request = msgspec.structs.replace(default_request(file.MODEL), frames=216)
    file.MODEL.check(request)
    once = file.MODEL.work(msgspec.structs.replace(request, frames=81)).forwards
    assert file.MODEL.work(request).forwards == once + 2 * (once - file.MODEL.sampling.steps)
    assert file.MODEL.published_recipe["numerics"] == "reference"
