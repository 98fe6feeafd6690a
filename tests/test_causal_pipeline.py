"""The few-step pipelines: a prompt to uint8 chunks, the same noise as the baseline, nothing kept from clip to clip."""

import contextlib
import copy
import dataclasses
import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import torch

from models import causvid_1_3b, causvid_tiny, causvid_tiny_bidirectional
from models.causal.causvid import load_published
from models.causal.pipeline import FewStepPipeline
from models.fewstep import unwarped_schedule
from models.spec import ModelSpec, Recipe, Request, WeightsMissingError
from models.wan.architecture import T2V_1_3B
from models.wan.text import EncodedPrompt

REQUEST = Request(
    prompt="a dog", width=32, height=48, frames=33, fps=16.0, steps=3, guidance_scale=1.0, shift=8.0, seed=7
)


class FakeProbe:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.events: list[object] = []

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.events.append(name)
        yield
        self.events.append(f"/{name}")

    def step(self, done: int, total: int) -> None:
        self.events.append((done, total))

    def check_finite(self, name: str, values: torch.Tensor) -> None:
        assert values.isfinite().all()
        self.events.append(f"finite {name}")


def load(model: ModelSpec, **changes: str) -> FewStepPipeline:
    recipe = Recipe(model=model.id, weights="tiny", device="cpu", **{**model.published_recipe, **changes})  # type: ignore[arg-type]
    pipeline = model.load(recipe)
    assert isinstance(pipeline, FewStepPipeline)
    return pipeline


@pytest.fixture(scope="module")
def causal() -> FewStepPipeline:
    """Load the tiny causal model once."""
    return load(causvid_tiny.MODEL)


@pytest.fixture(scope="module")
def bidirectional() -> FewStepPipeline:
    """Load the tiny bidirectional model once."""
    return load(causvid_tiny_bidirectional.MODEL)


def clip_of(pipeline: FewStepPipeline, request: Request = REQUEST) -> torch.Tensor:
    return torch.cat(list(pipeline.generate(request, pipeline.draw_noise(request), FakeProbe())), dim=1)


def test_causal_model_yields_9_then_12_frames_a_block(causal: FewStepPipeline) -> None:
    """33 frames come as uint8 chunks BTCHW of 9, 12 and 12."""
    chunks = list(causal.generate(REQUEST, causal.draw_noise(REQUEST), FakeProbe()))
    assert [tuple(chunk.shape) for chunk in chunks] == [(1, frames, 3, 48, 32) for frames in (9, 12, 12)]
    assert {chunk.dtype for chunk in chunks} == {torch.uint8}
    assert torch.cat(chunks, dim=1).float().std() > 1


def test_bidirectional_model_yields_one_chunk(bidirectional: FewStepPipeline) -> None:
    """The whole clip comes at once after three forwards."""
    probe = FakeProbe()
    (chunk,) = bidirectional.generate(REQUEST, bidirectional.draw_noise(REQUEST), probe)
    assert (tuple(chunk.shape), chunk.dtype) == ((1, 33, 3, 48, 32), torch.uint8)
    assert [event for event in probe.events if isinstance(event, tuple)] == [(1, 3), (2, 3), (3, 3)]


def test_probe_hears_phases_steps_and_checks_in_order(causal: FewStepPipeline) -> None:
    """Two blocks: the first block's cache pass falls into the second block's denoise phase."""
    request, probe = msgspec.structs.replace(REQUEST, frames=21), FakeProbe()
    list(causal.generate(request, causal.draw_noise(request), probe))
    decode = ["decode", "finite frames", "/decode"]
    assert probe.events == [
        *("text_encode", "/text_encode"),
        *("denoise", (1, 7), (2, 7), (3, 7), "finite latents", "/denoise", *decode),
        *("denoise", (4, 7), (5, 7), (6, 7), (7, 7), "finite latents", "/denoise", *decode),
    ]


def test_initial_noise_is_that_of_the_seed_alone(causal: FewStepPipeline, bidirectional: FewStepPipeline) -> None:
    """Equal seed and size give the noise that Wan's baseline draws first: float32 on the CPU, BCFHW."""
    expected = torch.randn((1, 16, 9, 6, 4), generator=torch.Generator().manual_seed(7), dtype=torch.float32)
    for pipeline, renoise_shape in ((causal, (6, 1, 16, 3, 6, 4)), (bidirectional, (2, 1, 16, 9, 6, 4))):
        initial, renoise = pipeline.draw_noise(REQUEST)
        assert torch.equal(initial, expected)
        assert renoise.shape == renoise_shape
        assert abs(renoise.std() - 1) < 0.1


def test_noise_is_in_the_transformers_compute_dtype() -> None:
    """A bfloat16 recipe runs, with noise rounded from the same float32 draw and some modules left in float32."""
    names = ("transformer_dtype", "text_encoder_dtype", "vae_dtype")
    pipeline = load(causvid_tiny.MODEL, **dict.fromkeys(names, "bfloat16"))
    initial, renoise = pipeline.draw_noise(REQUEST)
    exact = torch.randn((1, 16, 9, 6, 4), generator=torch.Generator().manual_seed(7))
    assert torch.equal(initial, exact.bfloat16())
    assert renoise.dtype == torch.bfloat16
    assert clip_of(pipeline).shape[1] == 33
    assert pipeline.facts(REQUEST).dtypes["transformer"].startswith("bfloat16")


@pytest.mark.parametrize("name", ["causal", "bidirectional"])
def test_clips_repeat_exactly_whatever_came_before(name: str, request: pytest.FixtureRequest) -> None:
    """The same request gives the same frames after another seed, prompt and size; another seed gives others."""
    pipeline: FewStepPipeline = request.getfixturevalue(name)
    first = clip_of(pipeline)
    other = msgspec.structs.replace(REQUEST, prompt="a cat", seed=8)
    assert not torch.equal(clip_of(pipeline, other), first)
    clip_of(pipeline, msgspec.structs.replace(REQUEST, width=64, frames=9))
    assert torch.equal(clip_of(pipeline), first)


def test_abandoned_clip_leaves_nothing_behind(causal: FewStepPipeline) -> None:
    """A clip stopped after its first block does not change the next."""
    first = clip_of(causal)
    other = msgspec.structs.replace(REQUEST, seed=9)
    next(causal.generate(other, causal.draw_noise(other), FakeProbe()))
    assert torch.equal(clip_of(causal), first)


def test_caches_are_kept_for_a_shape_and_freed_for_another() -> None:
    """A second clip of a shape uses the same buffers; another shape has its own, and the old ones are gone."""
    pipeline = load(causvid_tiny.MODEL)
    clip_of(pipeline)
    assert pipeline._cached is not None
    kept, address = weakref.ref(pipeline._cached.cache), pipeline._cached.cache.keys_LBSHD.data_ptr()
    clip_of(pipeline, msgspec.structs.replace(REQUEST, seed=8))
    assert pipeline._cached.cache.keys_LBSHD.data_ptr() == address
    clip_of(pipeline, msgspec.structs.replace(REQUEST, frames=9))
    gc.collect()
    assert kept() is None


@pytest.mark.parametrize("model", [causvid_tiny.MODEL, causvid_tiny_bidirectional.MODEL], ids=lambda spec: spec.id)
def test_whole_clip_decode_gives_the_streamed_frames(model: ModelSpec) -> None:
    """One chunk with the same bits as all streamed chunks, also for a second clip."""
    streamed, whole = load(model), load(model, decode="whole")
    for request in (REQUEST, msgspec.structs.replace(REQUEST, seed=8)):
        (chunk,) = whole.generate(request, whole.draw_noise(request), FakeProbe())
        assert torch.equal(chunk, clip_of(streamed, request))


def test_whole_clip_decode_comes_after_all_latents_and_without_caches() -> None:
    """The caches are free before decoding begins, by counting references alone: a collector would come too late."""
    pipeline = load(causvid_tiny.MODEL, decode="whole")
    caches: list[weakref.ref[object]] = []

    class Probe(FakeProbe):
        def step(self, done: int, total: int) -> None:
            super().step(done, total)
            assert pipeline._cached is not None
            caches.append(weakref.ref(pipeline._cached.cache.keys_LBSHD))

        def check_finite(self, name: str, values: torch.Tensor) -> None:
            super().check_finite(name, values)
            assert [cache() is None for cache in set(caches)] == [name == "frames"]

    probe = Probe()
    gc.collect()
    gc.disable()
    try:
        list(pipeline.generate(REQUEST, pipeline.draw_noise(REQUEST), probe))
    finally:
        gc.enable()
    assert [event for event in probe.events if isinstance(event, str) and "finite" not in event] == [
        *("text_encode", "/text_encode"),
        *(["denoise", "/denoise"] * 3),
        *("decode", "/decode"),
    ]
    assert probe.events.count("finite frames") == 9


def test_noise_is_never_written_to(causal: FewStepPipeline) -> None:
    """The tensors handed in are the same afterwards, so that rounds can share them."""
    noise = causal.draw_noise(REQUEST)
    copies = [tensor.clone() for tensor in noise]
    list(causal.generate(REQUEST, noise, FakeProbe()))
    assert all(torch.equal(*pair) for pair in zip(noise, copies, strict=True))


def test_facts_tell_what_was_done(causal: FewStepPipeline, bidirectional: FewStepPipeline) -> None:
    """Schedule, forwards, prompt, attention, precision and sizes; the forwards agree with the model's work."""
    for pipeline, model, forwards in (
        (causal, causvid_tiny.MODEL, 11),
        (bidirectional, causvid_tiny_bidirectional.MODEL, 3),
    ):
        clip_of(pipeline)
        facts = pipeline.facts(REQUEST)
        assert facts.timesteps == (1000.0, 757.0, 522.0)
        assert facts.sigmas == pytest.approx((1.0, 0.756757, 0.521739), abs=1e-6)
        assert model.work is not None
        assert facts.forwards == forwards == model.work(REQUEST).forwards
        assert (facts.prompt_tokens, facts.prompt_truncated) == (7, False)
        assert facts.attention_resolved.startswith("native")
        assert facts.dtypes["transformer"] == "float32"
        assert facts.parameters["transformer"] > 0


def test_facts_before_a_generation_are_refused() -> None:
    """Nothing was done yet, so nothing can be told."""
    with pytest.raises(RuntimeError, match="generate a clip first"):
        load(causvid_tiny.MODEL).facts(REQUEST)


def test_missing_checkpoint_is_named_with_the_way_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the published file the error names it, the command that fetches it and the source that needs none."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    checkpoint = causvid_1_3b.MODEL.weights[0]
    expected = r"tianweiy/CausVid/autoregressive_checkpoint/model\.pt is not whole in .*hf download.*'random'"
    with pytest.raises(WeightsMissingError, match=expected):
        load_published(checkpoint, T2V_1_3B, "bfloat16", "cpu")


class BlindProbe(FakeProbe):
    """Does not look at values."""

    def check_finite(self, name: str, values: torch.Tensor) -> None:
        assert values.is_meta


@pytest.mark.parametrize(("model", "blocks"), [(causvid_tiny.MODEL, 3), (causvid_tiny_bidirectional.MODEL, None)])
def test_nothing_waits_for_the_device_after_the_text(
    model: ModelSpec, blocks: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Denoising and decoding pass on torch's meta device, where to ask a tensor for a value is an error."""
    loaded = load(model)._components
    networks = {name: copy.deepcopy(getattr(loaded, name)).to("meta") for name in ("transformer", "vae")}
    prompt = EncodedPrompt(torch.empty((1, loaded.text_length, 32), device="meta"), tokens=1, truncated=False)
    monkeypatch.setattr("models.causal.pipeline.encode_prompt", lambda *_: prompt)
    recipe = Recipe(model=model.id, weights="tiny", device="cpu", **model.published_recipe)  # type: ignore[arg-type]
    schedule = unwarped_schedule((1000, 757, 522), 8.0)
    pipeline = FewStepPipeline(dataclasses.replace(loaded, **networks), recipe, schedule, blocks)
    noise = pipeline.draw_noise(REQUEST)
    with pytest.raises(RuntimeError, match="meta"):
        noise[0].sum().item()
    assert all(chunk.is_meta for chunk in pipeline.generate(REQUEST, noise, BlindProbe()))
