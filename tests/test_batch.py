"""Clips that are generated at once are the clips that each would have been alone."""

from pathlib import Path

import msgspec
import pytest
import torch

from models import self_forcing_1_3b, wan21_t2v_14b_causvid_lora
from models.causal.pipeline import FewStepPipeline
from models.discover import discover
from models.spec import ModelSpec, Pipeline, Recipe, Request, RequestError
from models.wan.architecture import TINY
from models.wan.noise import draw_batch
from reports.merge import read_run
from tests.inner_session import bench
from tests.recording_probe import RecordingProbe
from tests.test_causal_start_clip import write_clip
from tests.test_few_step_models import toy
from tests.test_model_files import default_request

SPECS = discover()
TOYS = sorted(spec.id for spec in SPECS.values() if spec.weights_sources == ("tiny",))
# Latents are of order 1. Of equal latents the toy decoder makes floats in [-1, 1] that differ by up to 3e-5, because
# convolutions of two clips add up in another order; 1e-4 is a hundredth of a level of 255.
TOLERANCES = {"latents": 1e-5, "frames": 1e-4}


class KeepingProbe(RecordingProbe):
    """Keeps all values that are checked, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.checked: list[tuple[str, torch.Tensor]] = []

    def check_finite(self, name: str, values: torch.Tensor) -> None:
        self.checked.append((name, values.clone()))


def recipe_of(spec: ModelSpec, **changes: object) -> Recipe:
    recipe = Recipe(model=spec.id, weights="tiny", device="cpu", **spec.published_recipe)  # type: ignore[arg-type]
    names = ("transformer_dtype", "text_encoder_dtype", "vae_dtype")
    return msgspec.structs.replace(recipe, attention="native", **{**dict.fromkeys(names, "float32"), **changes})


def request_of(spec: ModelSpec, **changes: object) -> Request:
    return msgspec.structs.replace(
        default_request(spec), **{"width": 32, "height": 16, "frames": 21, "seed": 7, **changes}
    )


def generated(pipeline: Pipeline, request: Request) -> tuple[torch.Tensor, list[tuple[str, torch.Tensor]]]:
    probe = KeepingProbe()
    frames_BTCHW = torch.cat(list(pipeline.generate(request, pipeline.draw_noise(request), probe)), dim=1)
    return frames_BTCHW, probe.checked


def assert_batch_is_its_clips(pipeline: Pipeline, request: Request) -> None:
    """Generate two clips at once and each of them alone, and compare."""
    frames_BTCHW, checked = generated(pipeline, msgspec.structs.replace(request, batch=2))
    assert frames_BTCHW.shape == (2, request.frames, 3, request.height, request.width)
    for clip in range(2):
        alone_BTCHW, expected = generated(pipeline, msgspec.structs.replace(request, seed=request.seed + clip))
        for (name, together), (_, one) in zip(checked, expected, strict=True):
            assert (together[clip] - one[0]).abs().max() <= TOLERANCES[name]
        assert (frames_BTCHW[clip].float() - alone_BTCHW[0].float()).abs().max() <= 1  # where a float lies between two
    assert not torch.equal(frames_BTCHW[0], frames_BTCHW[1])


@pytest.mark.parametrize("model", TOYS)
def test_every_toy_models_batch_holds_the_clips_of_its_seeds(model: str) -> None:
    """Clip 0 is that of the seed, clip 1 that of the next, in float32 up to rounding: see `TOLERANCES`."""
    spec = SPECS[model]
    assert_batch_is_its_clips(spec.load(recipe_of(spec)), request_of(spec))


@pytest.mark.parametrize(
    ("model", "recipe", "request_"),
    [
        ("wan2.1-t2v-tiny", {}, {"guidance_scale": 1.0}),
        ("causvid-tiny", {"decode": "whole"}, {}),
        ("causvid-tiny", {"numerics": "reference"}, {}),
        ("causvid-tiny", {"text_encoder": "freed"}, {}),
        ("causvid-tiny", {}, {"frames": 144}),
        ("causvid-tiny", {"decode": "whole"}, {"frames": 144}),
    ],
    ids=str,
)
def test_batch_holds_its_clips_in_every_way_of_generating(
    model: str, recipe: dict[str, object], request_: dict[str, object]
) -> None:
    """Without guidance, decoded at the end, in the reference's numerics, and rolled out twice."""
    spec = SPECS[model]
    assert_batch_is_its_clips(spec.load(recipe_of(spec, **recipe)), request_of(spec, **request_))


def test_batch_continues_one_clip_in_several_ways(tmp_path: Path) -> None:
    """The start clip is encoded once; each clip of the batch goes on from it with noise of its own."""
    write_clip(tmp_path / "clip.mov", size=(32, 16))
    spec = SPECS["causvid-tiny"]
    pipeline, request = spec.load(recipe_of(spec)), request_of(spec, start_clip=str(tmp_path / "clip.mov"))
    assert_batch_is_its_clips(pipeline, request)
    frames_BTCHW, _ = generated(pipeline, msgspec.structs.replace(request, batch=2))
    assert torch.equal(frames_BTCHW[0, :9], frames_BTCHW[1, :9])


def test_batch_passes_through_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight blocks go through a cache of seven for both clips."""
    pipeline = toy(self_forcing_1_3b, monkeypatch)
    assert_batch_is_its_clips(pipeline, request_of(self_forcing_1_3b.MODEL, frames=93))


def test_batch_runs_with_a_fused_lora(monkeypatch: pytest.MonkeyPatch) -> None:
    """The 14B model's file with the toy sizes in place of its own."""
    monkeypatch.setattr(wan21_t2v_14b_causvid_lora, "T2V_14B", TINY)
    spec = wan21_t2v_14b_causvid_lora.MODEL
    pipeline = spec.load(recipe_of(spec, weights="random"))
    assert_batch_is_its_clips(pipeline, request_of(spec))


def test_caches_grow_with_the_batch_and_are_made_anew_for_another() -> None:
    """Keys and values of three clips take three times the memory of one's."""
    spec = SPECS["causvid-tiny"]
    pipeline = spec.load(recipe_of(spec))
    assert isinstance(pipeline, FewStepPipeline)
    sizes = []
    for batch in (1, 3):
        generated(pipeline, request_of(spec, frames=9, batch=batch))
        assert pipeline._cached is not None
        cache = pipeline._cached.cache
        sizes.append(cache.keys_LBSHD.nbytes + cache.values_LBSHD.nbytes + cache.text_keys_LBSHD.nbytes)
    assert sizes[1] == 3 * sizes[0]


def test_prompt_of_a_batch_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text encoder runs once a prompt, on one row, however many clips there are."""
    for model, prompts in (("causvid-tiny", 1), ("wan2.1-t2v-tiny", 2)):
        spec = SPECS[model]
        pipeline, rows = spec.load(recipe_of(spec)), list[int]()
        encoder = pipeline._components.text_encoder.network()  # type: ignore[attr-defined]
        handle = encoder.register_forward_pre_hook(lambda _module, inputs, rows=rows: rows.append(len(inputs[0])))
        generated(pipeline, request_of(spec, frames=9, batch=3))
        handle.remove()
        assert rows == [1] * prompts


def test_each_clip_draws_from_a_generator_of_its_own() -> None:
    """Shapes are drawn in order, a clip's draws do not depend on how many clips there are, and B is where it was."""
    request = request_of(SPECS["causvid-tiny"], batch=3)
    initial, renoise = draw_batch(request, [(1, 2, 3, 4, 5), (6, 1, 2, 3, 4, 5)])
    assert (initial.shape, renoise.shape) == ((3, 2, 3, 4, 5), (6, 3, 2, 3, 4, 5))
    generator = torch.Generator().manual_seed(request.seed + 2)
    assert torch.equal(initial[2:], torch.randn((1, 2, 3, 4, 5), generator=generator))
    assert torch.equal(renoise[:, 2:], torch.randn((6, 1, 2, 3, 4, 5), generator=generator))


@pytest.mark.parametrize("model", sorted(SPECS))
def test_batch_without_a_clip_is_refused(model: str) -> None:
    """Every model names the rule."""
    with pytest.raises(RequestError, match=rf"{model}: batch is 0, but must be at least 1"):
        SPECS[model].check(msgspec.structs.replace(default_request(SPECS[model]), batch=0))


def test_swept_batch_is_measured_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--set batch=1,2`: two cases of one recipe; the second holds two clips in every number and keeps one as mp4."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.chdir(tmp_path)
    chosen = ("--suite", "tiny", "--model", "causvid-tiny", "--setting", "64p9", "--prompt", "dogs", "-k", "speed")
    ended = bench(*chosen, "--set", "batch=1,2", "--run-dir", "run")
    assert ended.code == 0, ended.output
    one, two = read_run(tmp_path / "run").cases
    assert (one.status, two.status) == ("passed", "passed")
    assert (one.plan.recipe, two.plan.request.batch) == (two.plan.recipe, 2)
    assert one.measurement is not None
    assert two.measurement is not None
    assert (one.measurement.clips, two.measurement.clips) == (1, 2)
    assert two.measurement.load_s is None
    assert two.measurement.first_call is not None
    assert two.measurement.deterministic is True
    assert one.measurement.rounds[0].frames_sha256 != two.measurement.rounds[0].frames_sha256
    assert [(tmp_path / "run" / str(case.measurement and case.measurement.video)).is_file() for case in (one, two)]
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert page.count(", the first of 2 generated at once, tiny weights") == 1
