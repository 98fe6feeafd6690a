"""What the four few-step models accept, at the boundary of each rule."""

import inspect
from dataclasses import replace

import msgspec
import pytest
from diffusers import WanTransformer3DModel

from models import causvid_1_3b, causvid_1_3b_bidirectional, causvid_tiny, causvid_tiny_bidirectional, wan21_t2v_tiny
from models.causal.window import Window
from models.discover import discover
from models.spec import ModelSpec, Request, RequestError
from models.wan.rules import POSITIONS

CAUSAL = (causvid_1_3b.MODEL, causvid_tiny.MODEL)
BIDIRECTIONAL = (causvid_1_3b_bidirectional.MODEL, causvid_tiny_bidirectional.MODEL)
ALL = CAUSAL + BIDIRECTIONAL


def request_of(model: ModelSpec, **changes: float | str) -> Request:
    """Return the model's own default request, changed."""
    own = Request(
        prompt="a dog",
        width=model.width,
        height=model.height,
        frames=model.frames,
        fps=model.fps,
        steps=model.sampling.steps,
        guidance_scale=model.sampling.guidance_scale,
        shift=model.sampling.shift,
        seed=0,
    )
    return msgspec.structs.replace(own, **changes)


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.id)
def test_own_defaults_are_accepted(model: ModelSpec) -> None:
    """A model accepts the values it publishes."""
    model.check(request_of(model))


@pytest.mark.parametrize("model", CAUSAL, ids=lambda model: model.id)
@pytest.mark.parametrize("frames", [9, 21, 33, 69, 81])
def test_whole_blocks_are_accepted(model: ModelSpec, frames: int) -> None:
    """Three latent frames are 9 pixel frames, each further block 12, to 81."""
    model.check(request_of(model, frames=frames))


@pytest.mark.parametrize("model", CAUSAL, ids=lambda model: model.id)
@pytest.mark.parametrize("frames", [-3, 0, 1, 5, 8, 10, 13, 20, 22, 77, 80, 82, 85, 93])
def test_other_lengths_are_refused_by_the_rule_of_whole_blocks(model: ModelSpec, frames: int) -> None:
    """Also 4k + 1 frames that are no whole blocks, and whole blocks beyond the 81 trained for."""
    with pytest.raises(RequestError, match=rf"^{model.id}: frames is {frames}, .*whole blocks of 3 .*9, 21.* up to 81"):
        model.check(request_of(model, frames=frames))


@pytest.mark.parametrize("model", BIDIRECTIONAL, ids=lambda model: model.id)
def test_bidirectional_models_take_any_4k_plus_1(model: ModelSpec) -> None:
    """1, 5, … 81 frames; nothing between and nothing longer."""
    for frames in (1, 5, 77, 81):
        model.check(request_of(model, frames=frames))
    for frames in (0, 2, 4, 80, 82, 85):
        with pytest.raises(RequestError, match=rf"frames is {frames}, but must be 4k \+ 1"):
            model.check(request_of(model, frames=frames))


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.id)
@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("width", 63, "multiple of 16"),
        ("width", 0, "multiple of 16"),
        ("height", 72, "multiple of 16"),
        ("height", -16, "multiple of 16"),
        ("steps", 2, "must be 3"),
        ("steps", 4, "must be 3"),
        ("guidance_scale", 1.5, "must be 1.0: it has no classifier-free guidance"),
        ("guidance_scale", 0.0, "must be 1.0"),
        ("shift", 5.0, "must be 8.0"),
    ],
)
def test_each_refusal_names_model_field_value_and_rule(model: ModelSpec, field: str, value: float, rule: str) -> None:
    """The message alone says what to change."""
    with pytest.raises(RequestError, match=rf"^{model.id}: {field} is {value}, but .*{rule}"):
        model.check(request_of(model, **{field: value}))


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.id)
@pytest.mark.parametrize("pixels", [16, 48, 64, 480])
def test_multiples_of_16_pixels_are_accepted(model: ModelSpec, pixels: int) -> None:
    """The smallest is 16, one patch of latents."""
    model.check(request_of(model, width=pixels, height=pixels))


def test_published_models_state_their_licence_and_unpinned_weights() -> None:
    """CausVid's weights are non-commercial, Wan's beside them Apache-2.0; no revision is known."""
    for model, checkpoint in zip(
        (causvid_1_3b.MODEL, causvid_1_3b_bidirectional.MODEL),
        ("autoregressive_checkpoint/model.pt", "bidirectional_checkpoint2/model.pt"),
        strict=True,
    ):
        assert (model.licence, model.non_commercial) == ("CC BY-NC-SA 4.0", True)
        transformer, *others = model.weights
        assert (transformer.repository, transformer.path) == ("tianweiy/CausVid", checkpoint)
        assert {file.licence for file in others} == {"Apache-2.0"}
        assert {file.revision for file in model.weights} == {None}


def test_work_of_the_default_clip_counts_its_forwards() -> None:
    """27 forwards for the causal model, whose last cache pass is left out, and 3 for the bidirectional one."""
    for model, forwards in ((causvid_1_3b.MODEL, 27), (causvid_1_3b_bidirectional.MODEL, 3)):
        assert model.work is not None
        assert model.work(request_of(model)).forwards == forwards


def test_rollouts_of_72_frames_are_accepted_and_told() -> None:
    """CausVid's longer clips are 144, 216, … frames, however many; the refusal of another length says so."""
    for model in CAUSAL:
        for frames in (144, 216, 7200):
            model.check(request_of(model, frames=frames))
        for frames in (72, 143, 145, 217):
            with pytest.raises(RequestError, match=r"9, 21, … up to 81, or 72 a rollout: 144, 216, …$"):
                model.check(request_of(model, frames=frames))


def test_window_takes_whole_blocks_up_to_the_last_rotary_position() -> None:
    """4,089 frames are 341 blocks; beyond 1,024 latent frames the message names the limit in both units."""
    rules = replace(causvid_tiny.RULES, long_video=Window())
    for frames in (81, 93, 4089):
        rules.check(request_of(causvid_tiny.MODEL, frames=frames))
    for frames in (144, 4090, 4093):
        with pytest.raises(RequestError, match=r"whole blocks of 3 latent frames: 9, 21, … up to 4089$"):
            rules.check(request_of(causvid_tiny.MODEL, frames=frames))
    said = "frames is 4094, but must be at most 4093: rotary positions end at 1024 latent frames, and these are 1025$"
    with pytest.raises(RequestError, match=said):
        rules.check(request_of(causvid_tiny.MODEL, frames=4094))


def test_teacher_is_refused_beyond_the_last_rotary_position() -> None:
    """1,024 latent frames are what diffusers' tables hold."""
    wan21_t2v_tiny.MODEL.check(request_of(wan21_t2v_tiny.MODEL, frames=4093))
    with pytest.raises(RequestError, match=r"frames is 4097, .* end at 1024 latent frames, and these are 1025$"):
        wan21_t2v_tiny.MODEL.check(request_of(wan21_t2v_tiny.MODEL, frames=4097))
    assert inspect.signature(WanTransformer3DModel).parameters["rope_max_seq_len"].default == POSITIONS


@pytest.mark.parametrize(
    ("model", "frames", "starts"),
    [
        ("causvid-1.3b", 81, (9, 21, 33, 45, 57, 69)),
        ("causvid-1.3b", 9, ()),
        ("causvid-1.3b", 144, (9, 21, 33, 45, 57, 69, 72, 81, 93, 105, 117, 129, 141)),
        ("self-forcing-1.3b", 93, (9, 21, 33, 45, 57, 69, 81)),
        ("causvid-1.3b-bidirectional", 81, ()),
        ("wan2.1-t2v-1.3b", 81, ()),
    ],
)
def test_blocks_begin_where_a_clip_may_show_seams(model: str, frames: int, starts: tuple[int, ...]) -> None:
    """Three latent frames make 12 pixel frames, a rollout's first ones 9; a rollout keeps 72."""
    spec = discover()[model]
    assert spec.block_starts(request_of(spec, frames=frames)) == starts
