"""Overlapping rollouts: 72 frames each, streamed, in the stated number of forwards, equal to a hand-made second one."""

import copy
from dataclasses import replace

import msgspec
import pytest
import torch

from models import causvid_tiny
from models.causal.lengths import Rolling
from models.causal.pipeline import FewStepPipeline
from models.causal.rollout import Clip, roll_out
from models.fewstep import unwarped_schedule
from models.spec import DecodeOrder, Recipe, Request
from models.wan.architecture import TINY
from models.wan.encode import FrameEncoder
from models.wan.text import EncodedPrompt, encode_prompt
from tests.recording_probe import RecordingProbe
from tests.test_causal_pipeline import BlindProbe

REQUEST = Request(
    prompt="a dog", width=48, height=32, frames=72, fps=16.0, steps=3, guidance_scale=1.0, shift=8.0, seed=7
)
SHORT = Rolling(latent_frames=9, overlap=3)  # 33 frames a rollout, 24 of them kept


def load(decode: DecodeOrder = "streamed") -> FewStepPipeline:
    recipe = Recipe(model="causvid-tiny", weights="tiny", device="cpu", **causvid_tiny.MODEL.published_recipe)  # type: ignore[arg-type]
    recipe = msgspec.structs.replace(recipe, decode=decode)
    pipeline = causvid_tiny.load(recipe)
    assert isinstance(pipeline, FewStepPipeline)
    return pipeline


@pytest.fixture(scope="module")
def published() -> FewStepPipeline:
    """Load the tiny model with CausVid's own lengths."""
    return load()


@pytest.fixture(scope="module")
def short() -> FewStepPipeline:
    """Load the tiny model with rollouts of three blocks."""
    pipeline = load()
    pipeline._long_video = SHORT
    return pipeline


def chunks_of(pipeline: FewStepPipeline, request: Request, probe: RecordingProbe | None = None) -> list[torch.Tensor]:
    return list(pipeline.generate(request, pipeline.draw_noise(request), probe or RecordingProbe()))


def clip_of(pipeline: FewStepPipeline, frames: int) -> torch.Tensor:
    return torch.cat(chunks_of(pipeline, msgspec.structs.replace(REQUEST, frames=frames)), dim=1)


def test_two_rollouts_are_144_frames_in_27_and_24_forwards(published: FewStepPipeline) -> None:
    """Each rollout gives 9 + 5 x 12 + 3 frames; steps are told, counted and worked out for the whole request."""
    request, probe = msgspec.structs.replace(REQUEST, frames=144), RecordingProbe()
    causvid_tiny.MODEL.check(request)
    chunks = chunks_of(published, request, probe)
    assert [chunk.shape[1] for chunk in chunks] == [9, 12, 12, 12, 12, 12, 3] * 2
    assert sum(chunk.shape[1] for chunk in chunks) == 144
    assert [event for event in probe.events if "step" in event] == [f"step {n}/51" for n in range(1, 52)]
    assert causvid_tiny.MODEL.work is not None
    assert published.facts(request).forwards == 27 + 24 == causvid_tiny.MODEL.work(request).forwards


@pytest.mark.parametrize("rollouts", [2, 3])
def test_longer_clip_begins_with_the_shorter(short: FewStepPipeline, rollouts: int) -> None:
    """The first rollout's frames are the short clip's, and a further rollout changes none before it: bit for bit."""
    longer = clip_of(short, 24 * rollouts)
    assert longer.shape[1] == 24 * rollouts
    earlier = clip_of(short, 24 * (rollouts - 1) if rollouts > 2 else 33)
    kept = 24 * (rollouts - 1)
    assert torch.equal(longer[:, :kept], earlier[:, :kept])
    assert not torch.equal(longer[:, kept : kept + 9], earlier[:, :9])


def test_second_rollout_equals_one_put_together_by_hand(short: FewStepPipeline) -> None:
    """Whole decodes by diffusers, picture 24 encoded alone, two latents taken over: no difference at all."""
    request = msgspec.structs.replace(REQUEST, frames=48)
    found = clip_of(short, 48)
    vae, transformer, rollout = short._components.vae, short._cached, short._rollout(request)
    assert transformer is not None
    mean, std = (
        torch.tensor(values).view(1, 16, 1, 1, 1) for values in (vae.config.latents_mean, vae.config.latents_std)
    )

    def decoded(latents_BCFHW: torch.Tensor) -> torch.Tensor:
        frames_BCTHW: torch.Tensor = vae.decode(latents_BCFHW / (1.0 / std) + mean).sample
        return frames_BCTHW

    with torch.no_grad():
        noise = short.draw_noise(request)
        assert [len(draws) for draws in noise[1::2]] == [3 * 2, 2 * 2]
        embeds = encode_prompt(short._components, request.prompt, "cpu").embeds_BLD
        clip = Clip(prompt_embeds_BLD=embeds, noise_BCFHW=noise[0], renoise_NBCFHW=noise[1])
        first = torch.cat(list(roll_out(transformer, rollout, clip)), dim=2)
        latent = (vae.encode(decoded(first)[:, :, 24:25]).latent_dist.mode() - mean) * (1.0 / std)
        start = torch.cat([latent, first[:, :, 7:9]], dim=2)
        clip = replace(clip, noise_BCFHW=noise[2], renoise_NBCFHW=noise[3], start_latents_BCFHW=start)
        second = torch.cat(list(roll_out(transformer, rollout, clip)), dim=2)
        frames_BCTHW = torch.cat([decoded(first)[:, :, :24], decoded(second)[:, :, :24]], dim=2)
    expected = ((frames_BCTHW + 1) * 127.5).round().to(torch.uint8).transpose(1, 2)
    assert expected.float().std() > 1
    assert torch.equal(found, expected)


def test_overlap_is_decoded_once_and_one_frame_encoded_a_further_rollout(
    short: FewStepPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of nine latents seven are decoded a rollout; the encoder sees single frames in [-1, 1], between the rollouts."""
    decoded, encoded = [], []
    encode = FrameEncoder.encode

    def spied(self: FrameEncoder, frames_BCTHW: torch.Tensor) -> torch.Tensor:
        encoded.append(tuple(frames_BCTHW.shape))
        assert frames_BCTHW.abs().max() <= 1
        return encode(self, frames_BCTHW)

    monkeypatch.setattr(FrameEncoder, "encode", spied)
    probe = RecordingProbe()
    hook = short._components.vae.decoder.register_forward_pre_hook(lambda _vae, args: decoded.append(args[0].shape[2]))
    chunks_of(short, REQUEST, probe)
    hook.remove()
    assert sum(decoded) == 3 * 7
    assert encoded == [(1, 3, 1, 32, 48)] * 2
    assert [event for event in probe.events if event.endswith("begins")] == [
        "text_encode begins",
        *([*["denoise begins", "decode begins"] * 3, "encode_frame begins"] * 3)[:-1],
    ]


@pytest.mark.parametrize(("frames", "chunks"), [(33, [33]), (72, [24, 24, 24])])
def test_whole_decode_gives_each_rollout_as_one_chunk(short: FewStepPipeline, frames: int, chunks: list[int]) -> None:
    """The same bits as streamed, decoded after the rollout's last step, when its caches are gone."""
    pipeline = load("whole")
    pipeline._long_video = SHORT
    kept: list[bool] = []

    class Probe(RecordingProbe):
        def check_finite(self, name: str, values: torch.Tensor) -> None:
            super().check_finite(name, values)
            kept.append(pipeline._cached is not None and pipeline._cached._cache is not None)
            assert kept[-1] == (name == "latents")

    request = msgspec.structs.replace(REQUEST, frames=frames)
    found = chunks_of(pipeline, request, Probe())
    assert [chunk.shape[1] for chunk in found] == chunks
    assert torch.equal(torch.cat(found, dim=1), clip_of(short, frames))
    assert set(kept) == {True, False}


def test_first_chunk_needs_the_first_block_alone(short: FewStepPipeline) -> None:
    """A long clip is streamed: its first nine frames are there after three forwards."""
    probe = RecordingProbe()
    next(short.generate(REQUEST, short.draw_noise(REQUEST), probe))
    assert [event for event in probe.events if "step" in event][-1] == f"step 3/{11 + 8 + 8}"


def test_overlap_of_other_than_a_block_is_refused() -> None:
    """A rollout starts from whole blocks."""
    pipeline = load()
    pipeline._long_video = Rolling(latent_frames=9, overlap=2)
    with pytest.raises(ValueError, match="overlap by one block, 3 latent frames, not by 2"):
        pipeline.draw_noise(msgspec.structs.replace(REQUEST, frames=56))


@pytest.mark.parametrize(("frames", "rollouts"), [(9, 1), (72, 1), (81, 1), (82, 0), (143, 0), (144, 2), (216, 3)])
def test_rollouts_of_a_length(frames: int, rollouts: int) -> None:
    """Up to 81 frames are one rollout, 72 N are N."""
    assert Rolling().rollouts(frames) == rollouts


def test_encoding_equals_diffusers_own(published: FewStepPipeline) -> None:
    """Mode of the posterior, normalised as the image pipeline does it; nine frames are three latents."""
    vae, frames = published._components.vae, torch.rand((1, 3, 9, 16, 32)) * 2 - 1
    mean, std = (
        torch.tensor(values).view(1, 16, 1, 1, 1) for values in (vae.config.latents_mean, vae.config.latents_std)
    )
    with torch.no_grad():
        found = FrameEncoder(vae).encode(frames)
        expected = (vae.encode(frames).latent_dist.mode() - mean) * (1.0 / std)
    assert found.shape == (1, TINY.vae["z_dim"], 3, 2, 4)
    assert torch.equal(found, expected)


def test_nothing_waits_for_the_device_between_rollouts(
    published: FewStepPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three rollouts pass on torch's meta device, encoding included, where to ask a tensor for a value is an error."""
    loaded = published._components
    networks = {name: copy.deepcopy(getattr(loaded, name)).to("meta") for name in ("transformer", "vae")}
    prompt = EncodedPrompt(torch.empty((1, loaded.text_length, 32), device="meta"), tokens=1, truncated=False)
    monkeypatch.setattr("models.causal.pipeline.encode_prompt", lambda *_: prompt)
    recipe = Recipe(model="causvid-tiny", weights="tiny", device="cpu", **causvid_tiny.MODEL.published_recipe)  # type: ignore[arg-type]
    schedule = unwarped_schedule((1000, 757, 522), 8.0)
    pipeline = FewStepPipeline(replace(loaded, **networks), recipe, schedule, 3, SHORT)
    chunks = list(pipeline.generate(REQUEST, pipeline.draw_noise(REQUEST), BlindProbe()))
    assert sum(chunk.shape[1] for chunk in chunks) == 72
    assert all(chunk.is_meta for chunk in chunks)
