"""Wan's transformer with a memory: self-attention over all earlier blocks without computing them again.

A block of latent frames attends to itself and to the keys and values that earlier blocks left behind. Keys are stored
after RMS norm and rotary embedding, so that a stored key never changes. The transformer is diffusers' own, with its
attention processors exchanged; positions are Python integers, so nothing here waits for the device.

Source: the processor interface of diffusers 0.42.1 (models/transformers/transformer_wan.py); what is cached, and when
it is overwritten, restated from a description of tianweiy/CausVid at ca21150, not from its code.
"""

from dataclasses import dataclass
from typing import Any, cast

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from torch import Tensor

from models.causal.window import Window, place_block
from models.wan.attention import set_attention


@dataclass(frozen=True, kw_only=True)
class CacheShape:
    """What the caches must hold: a clip of `frames` x `height` x `width` latents and `text_length` text tokens.

    With a `window` they hold no more latent frames than it has; without one, the whole clip.
    """

    frames: int
    height: int
    width: int
    text_length: int
    window: Window | None = None


class ClipCache:
    """Keys and values of one clip, one preallocated buffer each: L layers, B = 1, S tokens, H heads, D head size.

    `start` and `stop` are the places of the block being computed; what lies behind `stop` is never read, so nothing
    needs clearing between clips. `turns` are the rotary embedding's complex rotations of all the clip's positions,
    `block_turns` those of the block. `tokens` is the number of places; under a window it can be less than the clip's.
    """

    def __init__(self, transformer: WanTransformer3DModel, shape: CacheShape) -> None:
        config, weight = transformer.config, transformer.patch_embedding.weight
        _, patch_height, patch_width = config.patch_size
        self.tokens_per_frame = (shape.height // patch_height) * (shape.width // patch_width)
        window = shape.window
        if window is None or shape.frames <= window.frames:  # nothing is ever evicted
            window = Window(frames=shape.frames)
        self.tokens, self.sink = (frames * self.tokens_per_frame for frames in (window.frames, window.sink))
        heads = (config.num_attention_heads, config.attention_head_dim)
        own, text = (config.num_layers, 1, self.tokens, *heads), (config.num_layers, 1, shape.text_length, *heads)
        self.keys_LBSHD, self.values_LBSHD = (weight.new_zeros(own) for _ in range(2))
        self.text_keys_LBSHD, self.text_values_LBSHD = (weight.new_zeros(text) for _ in range(2))
        self.turns = rotations(transformer, shape)
        self.block_turns = self.turns[:, :0]
        self.start = self.stop = self.evicted = 0

    def place(self, first: int, block: int) -> None:
        """Make room for the block of `block` tokens that begins at token `first` of the clip, in all layers at once."""
        placed = place_block(
            window=self.tokens, sink=self.sink, first=first, block=block, evicted=self.evicted if first else 0
        )
        for copy in placed.copies:
            for cached in (self.keys_LBSHD, self.values_LBSHD):
                moved = cached[:, :, copy.source : copy.source + copy.length]
                cached[:, :, copy.target : copy.target + copy.length] = moved
        self.start, self.stop, self.evicted = placed.start, placed.stop, placed.evicted
        self.block_turns = self.turns[:, first : first + block]


def rotations(transformer: WanTransformer3DModel, shape: CacheShape) -> Tensor:
    """Return the rotary embedding of a whole clip as complex64 [1, S, 1, D / 2], on the transformer's device."""
    like = torch.empty((1, 1, shape.frames, shape.height, shape.width), device="meta")  # only its shape is read
    cos, sin = transformer.rope(like)
    return torch.complex(cos[..., 0::2].float(), sin[..., 1::2].float())


def rotate(values_BSHD: Tensor, turns: Tensor) -> Tensor:
    """Rotate neighbouring pairs of the last axis by `turns` in float32 and return float32."""
    pairs = torch.view_as_complex(values_BSHD.float().view(*values_BSHD.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turns).flatten(-2)


class CachedSelfAttention:
    """Attention processor of one layer's `attn1`: stores this block's keys and values, attends to all up to it."""

    _attention_backend = None
    _parallel_config = None

    def __init__(self, cache: ClipCache, layer: int) -> None:
        self._cache = cache
        self._keys_BSHD, self._values_BSHD = cache.keys_LBSHD[layer], cache.values_LBSHD[layer]

    def __call__(self, attn: Any, hidden_states: Tensor, *_unused: Any) -> Tensor:
        """Return [B, S, C]; the rotary tables that diffusers hands over start at frame 0 and are not used."""
        start, stop, heads = self._cache.start, self._cache.stop, (attn.heads, -1)
        turns = self._cache.block_turns
        query = rotate(attn.norm_q(attn.to_q(hidden_states)).unflatten(2, heads), turns).type_as(hidden_states)
        self._keys_BSHD[:, start:stop] = rotate(attn.norm_k(attn.to_k(hidden_states)).unflatten(2, heads), turns)
        self._values_BSHD[:, start:stop] = attn.to_v(hidden_states).unflatten(2, heads)
        keys, values = self._keys_BSHD[:, :stop], self._values_BSHD[:, :stop]
        attended = dispatch_attention_fn(query, keys, values, backend=self._attention_backend)
        return cast("Tensor", attn.to_out[0](attended.flatten(2, 3)))


class CachedCrossAttention:
    """Attention processor of one layer's `attn2`: the text's keys and values are those of the clip's start."""

    _attention_backend = None
    _parallel_config = None

    def __init__(self, cache: ClipCache, layer: int) -> None:
        self._keys_BSHD, self._values_BSHD = cache.text_keys_LBSHD[layer], cache.text_values_LBSHD[layer]

    def __call__(self, attn: Any, hidden_states: Tensor, *_unused: Any) -> Tensor:
        """Return [B, S, C]."""
        query = attn.norm_q(attn.to_q(hidden_states)).unflatten(2, (attn.heads, -1))
        attended = dispatch_attention_fn(query, self._keys_BSHD, self._values_BSHD, backend=self._attention_backend)
        return cast("Tensor", attn.to_out[0](attended.flatten(2, 3)))


class CachedTransformer:
    """A Wan transformer that remembers the clip so far; takes over the attention processors of `transformer`.

    `attention` is a recipe's name of the attention backend, the same for self- and cross-attention.
    """

    def __init__(self, transformer: WanTransformer3DModel, shape: CacheShape, attention: str = "native") -> None:
        self.shape = shape
        self.cache = ClipCache(transformer, shape)
        self._transformer = transformer
        self._taken = [(attn, attn.processor) for block in transformer.blocks for attn in (block.attn1, block.attn2)]
        for layer, block in enumerate(transformer.blocks):
            block.attn1.processor = CachedSelfAttention(self.cache, layer)
            block.attn2.processor = CachedCrossAttention(self.cache, layer)
        set_attention(transformer, attention)

    def release(self) -> None:
        """Give the transformer its own processors back; the caches are freed with this object."""
        for attn, processor in self._taken:
            attn.processor = processor

    def start_clip(self, prompt_embeds_BLD: Tensor) -> None:
        """Compute every layer's text keys and values once for the clip; L is the cache's text length."""
        self._prompt_embeds_BLD = prompt_embeds_BLD
        text = self._transformer.condition_embedder.text_embedder(prompt_embeds_BLD)
        for layer, block in enumerate(self._transformer.blocks):
            attn, heads = block.attn2, (block.attn2.heads, -1)
            self.cache.text_keys_LBSHD[layer] = attn.norm_k(attn.to_k(text)).unflatten(2, heads)
            self.cache.text_values_LBSHD[layer] = attn.to_v(text).unflatten(2, heads)

    def velocity(self, latents_BCFHW: Tensor, timestep_B: Tensor, first_frame: int) -> Tensor:
        """Predict the velocity of a block whose first latent frame is `first_frame`, and remember the block.

        Attends to everything remembered before it; overwrites what was remembered at its own place.
        """
        frames = latents_BCFHW.shape[2]
        if first_frame + frames > self.shape.frames:
            last = first_frame + frames
            message = f"latent frame {last} lies beyond the {self.shape.frames} that this cache was made for"
            raise ValueError(message)
        self.cache.place(first_frame * self.cache.tokens_per_frame, frames * self.cache.tokens_per_frame)
        output = self._transformer(latents_BCFHW, timestep_B, self._prompt_embeds_BLD, return_dict=False)
        return cast("Tensor", output[0])
