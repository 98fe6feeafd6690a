"""Arithmetic of a request: against published tables and against torch's own counter."""

from collections.abc import Callable

import msgspec
import pytest
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from torch.utils.flop_counter import FlopCounterMode
from transformers import UMT5Config, UMT5EncoderModel

from models.causal.lengths import Rolling
from models.causal.window import Window
from models.spec import Request
from models.wan.architecture import T2V_1_3B, T2V_14B, TINY, Architecture
from models.work import bidirectional_work, causal_work, latent_shape, text_encoder_flop, vae_decode_flop

P480 = Request(prompt="", width=832, height=480, frames=81, fps=16.0, steps=50, guidance_scale=6.0, shift=8.0, seed=0)
P720 = msgspec.structs.replace(P480, width=1280, height=720)
SMALL = msgspec.structs.replace(P480, width=64, height=48, frames=17)


@pytest.mark.parametrize(
    ("architecture", "request_", "tflop"),
    [(T2V_1_3B, P480, 283.0), (T2V_1_3B, P720, 1249.8), (T2V_14B, P480, 1678.4), (T2V_14B, P720, 6523.4)],
    ids=["1.3B 480p", "1.3B 720p", "14B 480p", "14B 720p"],
)
def test_one_forward_costs_what_its_layers_add_up_to(
    architecture: Architecture, request_: Request, tflop: float
) -> None:
    """Sums worked out by hand from the layer sizes; embeddings and head are below 0.02 % of them."""
    work = bidirectional_work(architecture, request_, forwards=1)
    assert work.denoise_flop / 1e12 == pytest.approx(tflop, rel=3e-4)


def test_fifty_steps_with_guidance_are_a_hundred_forwards_and_two_prompts() -> None:
    """Wan 2.1 1.3B at 480p: 28,300 TFLOP in the transformer."""
    work = bidirectional_work(T2V_1_3B, P480, forwards=100)
    assert work.forwards == 100
    assert work.denoise_flop / 1e12 == pytest.approx(28_300, rel=3e-4)
    assert work.text_encode_flop / 1e12 == pytest.approx(2 * 4.84, abs=0.01)
    without = bidirectional_work(T2V_1_3B, msgspec.structs.replace(P480, guidance_scale=1.0), forwards=50)
    assert without.text_encode_flop == work.text_encode_flop / 2


@pytest.mark.parametrize(
    ("architecture", "request_", "steps", "tflop"),
    [
        (T2V_1_3B, P480, 3, 792),
        (T2V_1_3B, P720, 3, 3193),
        (T2V_14B, P480, 3, 5197),
        (T2V_14B, P720, 3, 18058),
        (T2V_1_3B, P480, 4, 990),
        (T2V_14B, P720, 4, 22573),
    ],
)
def test_cached_blocks_cost_what_their_keys_add_up_to(
    architecture: Architecture, request_: Request, steps: int, tflop: float
) -> None:
    """Seven blocks of three latent frames, each attending to itself and all before it, and a cache pass each."""
    work = causal_work(architecture, request_, frames_per_block=3, steps=steps, final_cache_pass=True)
    assert work.forwards == 7 * (steps + 1)
    assert work.denoise_flop / 1e12 == pytest.approx(tflop, rel=1e-3)


def test_last_cache_pass_is_the_dearest_and_counts_only_if_asked_for() -> None:
    """Nobody reads the cache of the last block: leaving its pass out saves 40.4 TFLOP at 480p."""
    with_it = causal_work(T2V_1_3B, P480, 3, 3, final_cache_pass=True)
    without = causal_work(T2V_1_3B, P480, 3, 3)
    assert with_it.forwards - without.forwards == 1
    assert (with_it.denoise_flop - without.denoise_flop) / 1e12 == pytest.approx(40.41, abs=0.02)


@pytest.mark.parametrize(("request_", "tflop"), [(P480, 275.4), (P720, 639.2)], ids=["480p", "720p"])
def test_decode_costs_what_its_convolutions_add_up_to(request_: Request, tflop: float) -> None:
    """The decoder at 480p costs about as much as one whole forward of the 1.3B transformer."""
    work = bidirectional_work(T2V_1_3B, request_, forwards=1)
    assert work.decode_flop / 1e12 == pytest.approx(tflop, abs=0.05)


def test_first_latent_frame_costs_a_third_of_a_later_one() -> None:
    """It becomes one picture, a later one four: 4.35 and 13.55 TFLOP at 480p."""
    first = vae_decode_flop(T2V_1_3B.vae, 1, 60, 104)
    later = vae_decode_flop(T2V_1_3B.vae, 2, 60, 104) - first
    assert [first / 1e12, later / 1e12] == pytest.approx([4.35, 13.55], abs=0.01)


def counted(call: Callable[[], None]) -> int:
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        call()
    return int(counter.get_total_flops())


@pytest.mark.parametrize(("architecture", "request_"), [(TINY, SMALL), (T2V_1_3B, P480)], ids=["tiny 48p", "1.3B 480p"])
def test_transformer_formula_equals_torchs_count(architecture: Architecture, request_: Request) -> None:
    """Every matrix product of a forward is in the formula, to the last FLOP."""
    frames, height, width = latent_shape(request_)

    def forward() -> None:
        WanTransformer3DModel(**architecture.transformer)(
            hidden_states=torch.empty((1, 16, frames, height, width)),
            timestep=torch.empty((1,)),
            encoder_hidden_states=torch.empty((1, architecture.text_length, architecture.transformer["text_dim"])),
        )

    assert bidirectional_work(architecture, request_, forwards=1).denoise_flop == counted(forward)


@pytest.mark.parametrize(
    ("architecture", "latent"), [(TINY, (3, 6, 8)), (T2V_1_3B, (3, 60, 104))], ids=["tiny", "full size"]
)
def test_decoder_formula_equals_torchs_count(architecture: Architecture, latent: tuple[int, int, int]) -> None:
    """Every convolution of the decoder is in the formula, to the last FLOP."""

    def decode() -> None:
        AutoencoderKLWan(**architecture.vae).decode(torch.empty((1, 16, *latent)))

    assert vae_decode_flop(architecture.vae, *latent) == counted(decode)


@pytest.mark.parametrize("architecture", [TINY, T2V_1_3B], ids=["tiny", "UMT5-XXL"])
def test_text_encoder_formula_equals_torchs_count(architecture: Architecture) -> None:
    """Every matrix product of UMT5 is in the formula, to the last FLOP."""

    def encode() -> None:
        shape = (1, architecture.text_length)
        UMT5EncoderModel(UMT5Config(**architecture.text_encoder))(torch.zeros(shape, dtype=torch.long))

    assert text_encoder_flop(architecture) == counted(encode)


def test_batch_multiplies_all_but_the_text_and_the_forwards() -> None:
    """Torch's own count of one forward of three clips; the text encoder and the number of forwards stay."""
    three = msgspec.structs.replace(SMALL, batch=3)

    def forward() -> None:
        WanTransformer3DModel(**TINY.transformer)(
            hidden_states=torch.empty((3, 16, *latent_shape(SMALL))),
            timestep=torch.empty((3,)),
            encoder_hidden_states=torch.empty((3, TINY.text_length, TINY.transformer["text_dim"])),
        )

    one, work = (bidirectional_work(TINY, request, forwards=1) for request in (SMALL, three))
    assert work.denoise_flop == counted(forward)
    assert (work.text_encode_flop, work.forwards) == (one.text_encode_flop, one.forwards)
    assert work.decode_flop == 3 * one.decode_flop
    block = msgspec.structs.replace(three, frames=21)
    causal, alone = (causal_work(TINY, msgspec.structs.replace(block, batch=n), 3, 3) for n in (3, 1))
    assert (causal.denoise_flop, causal.decode_flop) == (3 * alone.denoise_flop, 3 * alone.decode_flop)
    assert (causal.text_encode_flop, causal.forwards) == (alone.text_encode_flop, alone.forwards)


def test_three_rollouts_are_27_and_twice_24_forwards() -> None:
    """216 frames at 480p: two given blocks save 3 forwards each, and of 21 latents 19 are decoded a rollout."""
    long_clip = msgspec.structs.replace(P480, frames=216)
    work = causal_work(T2V_1_3B, long_clip, 3, 3, long_video=Rolling())
    short = causal_work(T2V_1_3B, P480, 3, 3)
    assert work.forwards == 27 + 24 + 24
    assert work.decode_flop == 3 * vae_decode_flop(T2V_1_3B.vae, 19, 60, 104)
    block = msgspec.structs.replace(P480, frames=9)
    saved = causal_work(T2V_1_3B, block, 3, 6).denoise_flop - causal_work(T2V_1_3B, block, 3, 0).denoise_flop
    assert work.denoise_flop == pytest.approx(3 * short.denoise_flop - saved)


def test_window_bounds_the_cost_of_a_block() -> None:
    """From the eighth block on each costs what the seventh did: 21 latent frames are all that it sees."""
    lengths = [81, 93, 105]
    flop = [
        causal_work(T2V_1_3B, msgspec.structs.replace(P480, frames=n), 3, 3, long_video=Window()).denoise_flop
        for n in lengths
    ]
    assert flop[2] - flop[1] == pytest.approx(flop[1] - flop[0])
    unbounded = causal_work(T2V_1_3B, msgspec.structs.replace(P480, frames=105), 3, 3)
    assert unbounded.denoise_flop > flop[2]


def test_encoding_a_frame_is_about_a_hundredth_of_decoding_a_rollout() -> None:
    """What a rollout's work leaves out: the encoder on one frame, by torch's own count."""

    def encode() -> None:
        AutoencoderKLWan(**T2V_1_3B.vae).encode(torch.empty((1, 3, 1, 480, 832)))

    assert counted(encode) < 0.012 * vae_decode_flop(T2V_1_3B.vae, 19, 60, 104)
