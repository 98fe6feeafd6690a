"""A prompt to text embeddings, cleaned, cut and padded as Wan does it.

The transformer attends to a fixed number of text rows without a mask; rows after the prompt's end are zero, so the
cost of a clip does not depend on the length of its prompt. What lies beyond the limit is lost, and that is told.
Source: huggingface/diffusers 0.42.1 `pipelines/wan/pipeline_wan.py` (`prompt_clean`, `_get_t5_prompt_embeds`).
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.wan.components import Components

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase, UMT5EncoderModel


@dataclass(frozen=True)
class EncodedPrompt:
    """`embeds_BLD` is (1, text length, width); `tokens` counts the prompt's tokens before it was cut, end included."""

    embeds_BLD: "torch.Tensor"
    tokens: int
    truncated: bool


def clean_prompt(text: str) -> str:
    """Repair mojibake, undo HTML escapes twice and collapse white space, as Wan's pipelines do."""
    import ftfy

    return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split())


def token_ids(tokenizer: "PreTrainedTokenizerBase", text: str, length: int) -> tuple[list[int], int]:
    """Give a cleaned prompt's token ids, `length` at most, end mark included, and how many it has before the cut."""
    ids = tokenizer(clean_prompt(text), add_special_tokens=True, verbose=False).input_ids
    tokens = len(ids)
    if tokens > length:
        ids = tokenizer(clean_prompt(text), truncation=True, max_length=length).input_ids
    return ids, tokens


def encode_prompt(components: Components, text: str, device: "str | torch.device") -> EncodedPrompt:
    """Encode a request's only prompt: see `encode_prompts`."""
    return encode_prompts(components, [text], device)[0]


def encode_prompts(components: Components, texts: Sequence[str], device: "str | torch.device") -> list[EncodedPrompt]:
    """Encode all prompts of a request to embeddings in the text encoder's dtype; rows after a prompt's end are zero.

    A freed text encoder is loaded once for what is new among them and is gone afterwards; the embeddings of the rest,
    which an earlier request left, are used again.
    """
    encoder = components.text_encoder
    known = dict(encoder.remembered)
    if new := [text for text in dict.fromkeys(texts) if text not in known]:
        network = encoder.network()
        known |= {text: _encoded(components, network, text, device) for text in new}
    if encoder.place == "freed":
        encoder.remembered, encoder.reused = {text: known[text] for text in texts}, not new
    return [known[text] for text in texts]


def _encoded(
    components: Components, network: "UMT5EncoderModel", text: str, device: "str | torch.device"
) -> EncodedPrompt:
    import torch

    length = components.text_length
    ids, tokens = token_ids(components.tokenizer, text, length)
    used = len(ids)
    padding = length - used
    ids_BL = torch.tensor([ids + [components.tokenizer.pad_token_id] * padding]).to(device)
    mask_BL = torch.tensor([[1] * used + [0] * padding]).to(device)
    embeds_BLD = network(ids_BL, mask_BL).last_hidden_state
    embeds_BLD = torch.cat([embeds_BLD[:, :used], torch.zeros_like(embeds_BLD[:, used:])], dim=1)
    return EncodedPrompt(embeds_BLD, tokens=tokens, truncated=tokens > length)
