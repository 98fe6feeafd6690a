"""Arithmetic of a request: against published tables and against torch's own counter."""

from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from transformers import UMT5Config, UMT5EncoderModel

from models import (
    causvid_1_3b,
    causvid_1_3b_bidirectional,
    causvid_1_3b_warp,
    causvid_tiny,
    causvid_tiny_bidirectional,
    self_forcing_1_3b,
    wan21_t2v_1_3b,
    wan21_t2v_14b,
    wan21_t2v_14b_causvid_lora,
    wan21_t2v_tiny,
)
from models.causal.lengths import Rolling
from models.causal.window import Window
from models.discover import discover
from models.spec import Request
from models.wan.architecture import T2V_1_3B, T2V_14B, TINY, Architecture
from models.wan.vae_work import decode_work, encode_work
from models.work import bidirectional_work, causal_work
from models.work_kinds import PhaseWork
from tests.counted_flop import count_phases
from tests.test_model_files import default_request

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


def decode_flop(latent_frames: int) -> float:
    return sum(decode_work(T2V_1_3B.vae, latent_frames, 60, 104).flop.values())


def test_first_latent_frame_costs_a_third_of_a_later_one() -> None:
    """It becomes one picture, a later one four: 4.35 and 13.55 TFLOP at 480p."""
    first = decode_flop(1)
    later = decode_flop(2) - first
    assert [first / 1e12, later / 1e12] == pytest.approx([4.35, 13.55], abs=0.01)


COUNTED = [
    (causvid_1_3b, {"frames": 33}, 30),
    (causvid_1_3b, {"width": 1280, "height": 720}, 2),
    (causvid_1_3b, {"frames": 216}, 2),
    (causvid_1_3b, {"frames": 33, "start_clip": "a.mp4"}, 2),
    (causvid_1_3b_warp, {}, 2),
    (causvid_1_3b_bidirectional, {}, 2),
    (self_forcing_1_3b, {"frames": 117}, 2),
    (wan21_t2v_1_3b, {"steps": 2}, 30),
    (wan21_t2v_1_3b, {"steps": 3, "guidance_scale": 1.0, "width": 1280, "height": 720}, 2),
    (wan21_t2v_14b, {"steps": 1}, 40),
    (wan21_t2v_14b, {"steps": 2, "width": 1280, "height": 720}, 2),
    (wan21_t2v_14b_causvid_lora, {}, 2),
    (wan21_t2v_tiny, {"batch": 3}, 2),
    (causvid_tiny, {"frames": 144, "batch": 2}, 2),
    (causvid_tiny, {"start_clip": "a.mp4", "batch": 2}, 2),
    (causvid_tiny_bidirectional, {}, 2),
]


def described(value: object) -> str | None:
    name = str(getattr(value, "__name__", "")).removeprefix("models.")
    return name or (",".join(map(str, value.values())) if isinstance(value, dict) else None)


@pytest.mark.parametrize(("file", "changes", "layers"), COUNTED, ids=described)
def test_formulas_equal_torchs_count_of_the_whole_pipeline(
    monkeypatch: pytest.MonkeyPatch, file: Any, changes: dict[str, Any], layers: int
) -> None:
    """Every phase and kind of operation, from the text to the last frame, to the last FLOP; fewer layers where slow."""
    name = next(name for name in ("T2V_1_3B", "T2V_14B", "TINY") if hasattr(file, name))
    architecture = getattr(file, name)
    sizes = {**architecture.transformer, "num_layers": layers}
    monkeypatch.setattr(file, name, replace(architecture, transformer=MappingProxyType(sizes)))
    request = msgspec.structs.replace(default_request(file.MODEL), **changes)
    phases, frames = count_phases(file.MODEL, request, monkeypatch)
    work = file.MODEL.work(request)
    assert frames == request.frames
    assert phases.keys() == work.phases.keys()
    for phase, counted in phases.items():
        assert sum(counted.values()) == sum(work.phases[phase].flop.values()), phase
        if request.batch == 1:  # torch multiplies an expanded text by a weight as it does attention's batched products
            assert {kind: flop for kind, flop in counted.items() if flop} == work.phases[phase].flop, phase


def test_every_model_is_counted() -> None:
    """A model file without a count above is not known to be right."""
    assert {file.MODEL.id for file, _, _ in COUNTED} == discover().keys()


def read_weights(network: torch.nn.Module, *unread: str) -> int:
    """Count the elements of matrices and kernels, without those whose name begins so."""
    kept = (weight for name, weight in network.named_parameters() if not name.startswith(unread) and weight.dim() > 1)
    return sum(weight.numel() for weight in kept)


@pytest.mark.parametrize("architecture", [TINY, T2V_1_3B, T2V_14B], ids=["tiny", "1.3B", "14B"])
def test_weights_read_are_those_of_the_networks(architecture: Architecture) -> None:
    """One forward reads every matrix and kernel once; modulation tables, biases and norms are below 0.1 %."""
    with torch.device("meta"):
        transformer = WanTransformer3DModel(**architecture.transformer)
        vae = AutoencoderKLWan(**architecture.vae)
        text_encoder = UMT5EncoderModel(UMT5Config(**architecture.text_encoder))
    tables = [name for name, _ in transformer.named_parameters() if name.endswith("scale_shift_table")]
    once = bidirectional_work(architecture, SMALL, forwards=1).phases
    assert once["denoise"].weights == read_weights(transformer, *tables)
    ones = [name for name, weight in text_encoder.named_parameters() if "relative_attention_bias" in name]
    encoded = read_weights(text_encoder, "shared", "encoder.embed_tokens", *ones)
    assert once["text_encode"].weights == 2 * encoded
    later = decode_work(vae.config, 2, 6, 8).weights - decode_work(vae.config, 1, 6, 8).weights
    gammas = [name for name, _ in vae.named_parameters() if name.endswith("gamma")]
    assert later == read_weights(vae, "encoder", "quant_conv", *gammas)


def test_values_are_what_goes_in_and_out_and_the_caches() -> None:
    """Worked out by hand for two blocks of CausVid at toy size: 3 x 4 x 4 tokens, 2 layers of 2 x 12 channels."""
    request = msgspec.structs.replace(SMALL, width=64, height=64, frames=21)
    work = causal_work(TINY, request, 3, 1)
    tokens, cached_by_token = 3 * 4 * 4, 2 * 2 * 24
    latents = 16 * 3 * 8 * 8
    text = TINY.text_length * cached_by_token
    kept_and_read = tokens * cached_by_token
    assert work.forwards == 3
    assert work.phases["denoise"].values == text + 3 * (2 * latents + text) + 2 * kept_and_read
    assert work.phases["decode"].values == 2 * latents + 21 * 3 * 64 * 64
    assert work.phases["text_encode"].values == 2 * TINY.text_length * TINY.text_encoder["d_model"]


def test_sums_and_multiples_add_up_by_kind() -> None:
    """What one has and the other has not is kept."""
    some = PhaseWork(flop={"matmul": 1.0}, weights=2.0, values=3.0)
    other = PhaseWork(flop={"attention": 5.0}, values=1.0)
    assert 3 * some + other == PhaseWork(flop={"matmul": 3.0, "attention": 5.0}, weights=6.0, values=10.0)


def test_batch_reads_weights_once() -> None:
    """Three clips at once are three times the FLOP and values of one, with the weights and the text of one."""
    for counted in (
        partial(bidirectional_work, TINY, forwards=2),
        partial(causal_work, TINY, frames_per_block=3, steps=2),
    ):
        one, three = (counted(request=msgspec.structs.replace(SMALL, frames=21, batch=n)) for n in (1, 3))
        assert (three.forwards, three.phases["text_encode"]) == (one.forwards, one.phases["text_encode"])
        for phase in ("denoise", "decode"):
            assert three.phases[phase].weights == one.phases[phase].weights
            assert three.phases[phase].values == 3 * one.phases[phase].values
            assert sum(three.phases[phase].flop.values()) == 3 * sum(one.phases[phase].flop.values())


def test_three_rollouts_are_27_and_twice_24_forwards() -> None:
    """216 frames at 480p: two given blocks save 3 forwards each, and of 21 latents 19 are decoded a rollout."""
    long_clip = msgspec.structs.replace(P480, frames=216)
    work = causal_work(T2V_1_3B, long_clip, 3, 3, long_video=Rolling())
    short = causal_work(T2V_1_3B, P480, 3, 3)
    assert work.forwards == 27 + 24 + 24
    assert work.decode_flop == 3 * decode_flop(19)
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
    """What a further rollout costs beside its denoising, at 480p; a whole clip's encoding is 163.7 TFLOP."""
    work = causal_work(T2V_1_3B, msgspec.structs.replace(P480, frames=144), 3, 3, long_video=Rolling())
    frame = work.phases["encode_frame"].flop["convolution"]
    assert 0.010 < frame / (work.decode_flop / 2) < 0.012
    assert sum(encode_work(T2V_1_3B.vae, 21, 60, 104).flop.values()) / 1e12 == pytest.approx(163.7, abs=0.05)
