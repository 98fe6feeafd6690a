"""The causal runner's own forward: equal to stock diffusers, or to the reference's roundings, and compiled once."""

import shutil
from typing import get_args

import pytest
import torch
from diffusers import WanTransformer3DModel

from fixtures.compilations import graphs_compiled
from models.causal.block import EAGER, Parts, compiled_parts
from models.causal.cached_transformer import CachedTransformer, CacheShape, Execution
from models.causal.rollout import Rollout, roll_out
from models.causal.tables import fused_layers, modulations, rotations
from models.fewstep import unwarped_schedule
from models.spec import DtypeName, Numerics
from models.wan.meta import transformer_on_meta
from models.wan.random_weights import build_random
from tests.causal_masked_pass import SIZES, random_clip, random_transformer
from tests.causal_reference import reference_forward

ROLLOUT = Rollout(schedule=unwarped_schedule((1000, 757, 522), 8.0), frames_per_block=3, final_cache_pass=True)
# Without a C++ compiler torch's own code generator cannot run; the graphs are the same.
BACKEND = "inductor" if shutil.which("g++") or shutil.which("clang++") else "aot_eager"


def mixed_transformer(dtype: DtypeName) -> WanTransformer3DModel:
    """Build a small transformer with the modules in float32 that diffusers keeps so; norms and tables not trivial."""
    transformer: WanTransformer3DModel = build_random(lambda: transformer_on_meta(SIZES), dtype, "cpu")
    generator = torch.Generator().manual_seed(3)
    for name, parameter in transformer.named_parameters():
        if "norm" in name or name.endswith("bias"):
            parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
    return transformer


def inputs(dtype: DtypeName, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((batch, 16, 3, 8, 12), (batch, 16, 32))
    latents, text = (torch.randn(shape, generator=generator).to(getattr(torch, dtype)) for shape in shapes)
    return latents, text


def whole_clip(transformer: WanTransformer3DModel, dtype: DtypeName, numerics: Numerics = "diffusers") -> torch.Tensor:
    """One block that holds all three frames of two clips, at the second of two noise levels."""
    latents_BCFHW, text_BLD = inputs(dtype)
    shape = CacheShape(frames=3, height=8, width=12, text_length=16, batch=2)
    cached = CachedTransformer(transformer, shape, Execution(timesteps=(1000.0, 757.0), numerics=numerics))
    cached.start_clip(text_BLD)
    return cached.velocity(latents_BCFHW, 1, 0)


def stock(transformer: WanTransformer3DModel, dtype: DtypeName) -> torch.Tensor:
    latents_BCFHW, text_BLD = inputs(dtype)
    with torch.no_grad():
        output: torch.Tensor = transformer(latents_BCFHW, torch.full((2,), 757.0), text_BLD, return_dict=False)[0]
    return output


def test_float32_equals_stock_diffusers() -> None:
    """To 1e-5 on values of the order of 1: rotations are summed with one rounding less."""
    transformer = mixed_transformer("float32")
    expected = stock(transformer, "float32")
    assert expected.std() > 0.5
    torch.testing.assert_close(whole_clip(transformer, "float32"), expected, rtol=0, atol=1e-5)


def test_bfloat16_rounds_where_stock_diffusers_does() -> None:
    """Hardly any value differs, and then by a last bit that a float32 rounding flipped; reference numerics differ."""
    transformer = mixed_transformer("bfloat16")
    assert transformer.blocks[0].norm2.weight.dtype == torch.float32
    expected, found = stock(transformer, "bfloat16"), whole_clip(transformer, "bfloat16")
    assert (found != expected).float().mean() <= 0.01
    torch.testing.assert_close(found, expected, rtol=2**-7, atol=2**-7)
    assert (whole_clip(transformer, "bfloat16", "reference") != expected).float().mean() > 0.1


@pytest.mark.parametrize("timestep", [757.0, 0.0, 888.888916015625])
def test_reference_numerics_are_bit_equal_to_their_plain_restatement(timestep: float) -> None:
    """bfloat16, torch.equal: every operation rounds where the reference's does."""
    transformer = mixed_transformer("bfloat16")
    latents_BCFHW, text_BLD = inputs("bfloat16", batch=1)
    execution = Execution(timesteps=(timestep,), numerics="reference")
    cached = CachedTransformer(transformer, CacheShape(frames=3, height=8, width=12, text_length=16), execution)
    cached.start_clip(text_BLD)
    expected = reference_forward(transformer, latents_BCFHW, timestep, text_BLD)
    assert expected.dtype == torch.bfloat16
    assert expected.float().std() > 0.5
    assert torch.equal(cached.velocity(latents_BCFHW, 0, 0), expected)


@pytest.mark.filterwarnings("default")  # as below
def test_compiled_parts_round_where_the_eager_ones_do_in_reference_numerics() -> None:
    """bfloat16, torch.equal part by part: a fused kernel would otherwise keep its intermediate values in float32."""
    transformer, generator = mixed_transformer("bfloat16"), torch.Generator().manual_seed(1)
    layer = fused_layers(transformer, "reference")[0]
    modulation_6C = modulations(transformer, (757.0,), "reference")[0].layers_6C[0]
    turns = rotations(transformer, (3, 8, 12), "reference")
    heads = (transformer.config.num_attention_heads, transformer.config.attention_head_dim)
    attended_BSHD = torch.randn((2, len(turns.cos), *heads), generator=generator).bfloat16()
    hidden_BSC = torch.randn((2, len(turns.cos), heads[0] * heads[1]), generator=generator).bfloat16()

    def outputs(parts: Parts) -> list[torch.Tensor]:
        return [
            *parts.before(layer.before, modulation_6C, turns, hidden_BSC, "reference"),
            *parts.between(layer.between, modulation_6C, hidden_BSC, attended_BSHD, "reference"),
            parts.after(layer.after, modulation_6C, hidden_BSC, attended_BSHD),
        ]

    eager, compiled = outputs(EAGER), outputs(compiled_parts("reference", BACKEND))
    assert all(torch.equal(found, expected) for found, expected in zip(compiled, eager, strict=True))


@pytest.mark.parametrize("timestep", [1000.0, 888.888916015625, 757.0])
def test_time_is_embedded_from_float64_angles_in_both_numerics(timestep: float) -> None:
    """In float32 both give the same modulation to 1e-6; a float32 angle would be off by 3e-5 of a turn at 1000."""
    transformer = mixed_transformer("float32")
    (own,), (reference,) = (modulations(transformer, (timestep,), numerics) for numerics in get_args(Numerics))
    for found, expected in zip(own.layers_6C, reference.layers_6C, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_more_frames_than_rotary_positions_are_refused() -> None:
    """1,024 latent frames have a position; one more would turn as another does."""
    with pytest.raises(ValueError, match="1025 latent frames has more than the 1024 rotary positions"):
        CachedTransformer(
            random_transformer(),
            CacheShape(frames=1025, height=4, width=4, text_length=16),
            Execution(timesteps=(0.0,)),
        )


def test_fused_weights_replace_those_of_the_transformer() -> None:
    """The state is bitwise what it was, is still loaded into, and query, key and value share one storage."""
    transformer = mixed_transformer("float32")
    before = {name: value.clone() for name, value in transformer.state_dict().items()}
    first = whole_clip(transformer, "float32")
    assert all(torch.equal(value, before[name]) for name, value in transformer.state_dict().items())
    own = transformer.blocks[0].attn1
    weights = [linear.weight for linear in (own.to_q, own.to_k, own.to_v)]
    assert len({weight.untyped_storage().data_ptr() for weight in weights}) == 1
    assert weights[0].untyped_storage().nbytes() == sum(weight.nbytes for weight in weights)
    assert torch.equal(whole_clip(transformer, "float32"), first)


@pytest.mark.filterwarnings("default")  # torch's compiler warns of its own deprecations, which is not ours to mend
@pytest.mark.parametrize("numerics", get_args(Numerics))
def test_compiled_parts_compute_the_same_and_are_compiled_once(numerics: Numerics) -> None:
    """Three graphs, made by the first forward: none for other layers, noise levels, blocks and clips."""

    def rollout(parts: Parts) -> torch.Tensor:
        execution = Execution(timesteps=ROLLOUT.timesteps, numerics=numerics, parts=parts)
        shape = CacheShape(frames=9, height=8, width=8, text_length=16)
        cached = CachedTransformer(random_transformer(), shape, execution)
        counts = []
        for seed in (1, 2):
            blocks = []
            for block in roll_out(cached, ROLLOUT, random_clip(blocks=3, steps=3, seed=seed)):
                blocks.append(block)
                counts.append(graphs_compiled())
        assert set(counts) == {counts[0]}
        return torch.cat(blocks, dim=2)

    torch.compiler.reset()  # the other numerics share a graph in float32
    before = graphs_compiled()
    eager = rollout(EAGER)
    assert graphs_compiled() == before
    compiled = rollout(compiled_parts(numerics, BACKEND))
    assert graphs_compiled() == before + 3
    torch.testing.assert_close(compiled, eager, rtol=0, atol=1e-5)


def test_other_norm_epsilon_is_refused() -> None:
    """The parts have Wan's epsilon built in."""
    with pytest.raises(ValueError, match=r"the transformer's norms add 0\.001, the causal runner's 1e-06"):
        CachedTransformer(
            WanTransformer3DModel(**SIZES, eps=1e-3),
            CacheShape(frames=3, height=8, width=8, text_length=16),
            Execution(timesteps=(0.0,)),
        )
