"""Prompts as Wan reads them: cleaned, padded with zeros, cut with a word about it."""

import pytest
import torch
from diffusers.pipelines.wan.pipeline_wan import prompt_clean

from models.spec import Recipe
from models.wan.architecture import TINY
from models.wan.components import Components, load_components
from models.wan.text import clean_prompt, encode_prompt

RECIPE = Recipe(
    model="wan2.1-t2v-tiny",
    weights="tiny",
    device="cpu",
    transformer_dtype="float32",
    text_encoder_dtype="float32",
    vae_dtype="float32",
    attention="native",
)


@pytest.fixture(scope="module")
def components() -> Components:
    return load_components(TINY, RECIPE)


@pytest.mark.parametrize(
    "text",
    ["a dog", "  two\n dogs\t run ", "Tom &amp;amp; Jerry", "schÃ¶n", "\u201cquoted\u201d", "a\u3000b", ""],
    ids=repr,
)
def test_prompts_are_cleaned_as_diffusers_cleans_them(text: str) -> None:
    """Both sides of a comparison must read the same words."""
    assert clean_prompt(text) == prompt_clean(text)


def test_mojibake_and_escapes_are_repaired() -> None:
    """The cleaning does something, in the order ftfy, two unescapes, white space."""
    assert clean_prompt("  Tom &amp;amp;  schÃ¶n\n") == "Tom & schön"


def test_rows_after_the_end_are_zero_and_others_are_not(components: Components) -> None:
    """The transformer has no mask: what is padding must be nothing."""
    encoded = encode_prompt(components, "a dog", "cpu")
    assert encoded.embeds_BLD.shape == (1, 32, 32)
    assert encoded.tokens == len("_a_dog") + 1
    assert not encoded.truncated
    rows = encoded.embeds_BLD[0].abs().sum(dim=1)
    assert (rows[:7] > 0.0).all()
    assert (rows[7:] == 0.0).all()


@pytest.mark.parametrize(("letters", "truncated"), [(30, False), (31, True)])
def test_prompt_beyond_the_limit_is_cut_and_told(components: Components, letters: int, truncated: bool) -> None:
    """Tokens are counted before the cut: a leading blank, the letters and the end mark, 32 at most."""
    encoded = encode_prompt(components, "x" * letters, "cpu")
    assert encoded.tokens == letters + 2
    assert encoded.truncated is truncated
    assert encoded.embeds_BLD.shape == (1, 32, 32)
    assert (encoded.embeds_BLD[0].abs().sum(dim=1) > 0.0).all()


def test_empty_prompt_is_one_token(components: Components) -> None:
    """An empty negative prompt is a real input: its end mark."""
    encoded = encode_prompt(components, "", "cpu")
    assert encoded.tokens == 1
    assert torch.equal(encoded.embeds_BLD[0, 1:], torch.zeros(31, 32))
