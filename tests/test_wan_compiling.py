"""What `compile` does to Wan's networks: the same frames, graphs made once, and nothing where nothing was asked."""

import copy

import pytest
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel

from fixtures.compilations import graphs_compiled
from models.spec import Compile
from models.wan.architecture import TINY
from models.wan.attention import attention_kernel, set_attention
from models.wan.compiling import compile_networks
from models.wan.decode import StreamingDecoder
from models.wan.decoder_layout import STREAMED, prepare_decoder
from models.wan.random_weights import build_random
from tests.causal_masked_pass import SIZES, random_transformer

BACKEND = "aot_eager"  # traces and counts as the default does, without its minutes of C++ for the decoder

pytestmark = pytest.mark.filterwarnings("default")  # torch's compiler warns of its own deprecations


def is_compiled(network: torch.nn.Module) -> bool:
    return network._compiled_call_impl is not None


@pytest.fixture(scope="module")
def vae() -> AutoencoderKLWan:
    built: AutoencoderKLWan = build_random(lambda: AutoencoderKLWan(**TINY.vae), "float32", "cpu")
    return built


@pytest.mark.parametrize(
    ("extent", "blocks", "decoder"), [("none", False, False), ("transformer", True, False), ("all", True, True)]
)
def test_compile_reaches_what_it_names(extent: Compile, blocks: bool, decoder: bool, vae: AutoencoderKLWan) -> None:
    """Nothing, the transformer's blocks, or the layers of the VAE's decoder as well; its encoder has none of these."""
    transformer, own = random_transformer(), copy.deepcopy(vae)
    prepare_decoder(own)
    compile_networks(transformer, own, extent, BACKEND)
    assert {is_compiled(block) for block in transformer.blocks} == {blocks}
    streamed = [module for module in own.modules() if isinstance(module, STREAMED)]
    assert {"advance" in vars(module) for module in streamed} == {decoder}


def test_compiled_decoder_makes_the_same_frames_from_shared_graphs(vae: AutoencoderKLWan) -> None:
    """Equal layers share a program, the clip's first latent frame has some of its own, and a second clip adds none."""
    latents_BCFHW = torch.randn((1, 16, 5, 6, 4), generator=torch.Generator().manual_seed(0))
    compiled = copy.deepcopy(vae)
    prepare_decoder(compiled)
    compile_networks(random_transformer(), compiled, "all", BACKEND)
    with torch.no_grad():
        expected = StreamingDecoder(vae).push(latents_BCFHW)
        before = graphs_compiled()
        found = StreamingDecoder(compiled).push(latents_BCFHW)
        after = graphs_compiled()
        again = StreamingDecoder(compiled).push(latents_BCFHW)
    streamed = [module for module in compiled.decoder.modules() if isinstance(module, STREAMED)]
    assert 0 < after - before < 2 * len(streamed), f"{after - before} graphs of {len(streamed)} layers"
    assert graphs_compiled() == after
    for frames in (found, again):
        torch.testing.assert_close(frames, expected, rtol=0, atol=1e-5)


def test_compiled_blocks_of_a_whole_clip_share_one_graph() -> None:
    """Three layers at two timesteps: one graph, and the eager velocity to 1e-5."""
    eager, compiled = random_transformer(), random_transformer()
    compile_networks(compiled, AutoencoderKLWan(**TINY.vae), "transformer", BACKEND)
    latents_BCFHW = torch.randn((1, 16, 2, 4, 8), generator=torch.Generator().manual_seed(0))

    def velocity(transformer: WanTransformer3DModel, timestep: float) -> torch.Tensor:
        with torch.no_grad():
            text_BLD = torch.ones((1, 16, SIZES["text_dim"]))
            output: torch.Tensor = transformer(latents_BCFHW, torch.tensor([timestep]), text_BLD, return_dict=False)[0]
        return output

    before = graphs_compiled()
    for timestep in (1000.0, 757.0):
        torch.testing.assert_close(velocity(compiled, timestep), velocity(eager, timestep), rtol=0, atol=1e-5)
    assert graphs_compiled() == before + 1


def test_what_an_earlier_recipe_compiled_is_not_run_again() -> None:
    """The attention kernel is part of a compiled program and none of what torch compares before it runs one again."""
    latents_BCFHW, text_BLD = torch.ones((1, 16, 2, 4, 8)), torch.ones((1, 16, SIZES["text_dim"]))
    before = graphs_compiled()
    for kernel in ("native_math", "native_flash"):
        transformer = random_transformer()
        set_attention(transformer, kernel)
        compile_networks(transformer, AutoencoderKLWan(**TINY.vae), "transformer", BACKEND)
        with torch.no_grad(), attention_kernel(kernel):
            transformer(latents_BCFHW, torch.tensor([757.0]), text_BLD)
    assert graphs_compiled() == before + 2
