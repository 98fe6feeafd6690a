"""Wan's transformer with a memory: self-attention over all earlier blocks without computing them again.

A block of latent frames attends to itself and to the keys and values that earlier blocks left behind. Keys are stored
after RMS norm and rotary embedding, so that a stored key never changes. The weights are those of diffusers'
transformer, the forward is this module's own: text keys and values are computed once a clip, modulation once a
schedule, and positions and noise levels are Python integers, so nothing here waits for the device.

Source: huggingface/diffusers 0.42.1 (models/transformers/transformer_wan.py); what is cached, and when it is
overwritten, restated from a description of tianweiy/CausVid at ca21150, not from its code.
"""

from dataclasses import dataclass

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from torch import Tensor

from models.causal.block import EAGER, Parts, Turns, head, rms_norm, split_heads
from models.causal.tables import fused_layers, modulations, rotations
from models.causal.window import Window, place_block
from models.spec import Numerics
from models.wan.attention import attention_kernel, dispatched_backend


@dataclass(frozen=True, kw_only=True)
class CacheShape:
    """What the caches must hold: `batch` clips of `frames` x `height` x `width` latents, `text_length` text tokens.

    With a `window` they hold no more latent frames than it has; without one, the whole clip.
    """

    frames: int
    height: int
    width: int
    text_length: int
    batch: int = 1
    window: Window | None = None


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How forwards are computed: at which timesteps (0 to 1000), in which numerics, eagerly or compiled.

    `timesteps` are the noise levels that `velocity` is asked for by index; `parts` are a block's; `attention` is a
    recipe's name of the kernel.
    """

    timesteps: tuple[float, ...]
    numerics: Numerics = "diffusers"
    parts: Parts = EAGER
    attention: str = "native"


class ClipCache:
    """Keys and values of one batch of clips, a preallocated buffer each: L layers, B, S tokens, H heads, D head size.

    Nothing needs clearing between clips: what lies behind the block being computed is never read. `tokens` counts the
    places; under a window they can be fewer than the clip's tokens.
    """

    def __init__(self, transformer: WanTransformer3DModel, shape: CacheShape) -> None:
        config, weight = transformer.config, transformer.patch_embedding.weight
        _, patch_height, patch_width = config.patch_size
        self.tokens_per_frame = (shape.height // patch_height) * (shape.width // patch_width)
        window = shape.window
        if window is None or shape.frames <= window.frames:  # nothing is ever evicted
            window = Window(frames=shape.frames)
        self.tokens, self._sink = (frames * self.tokens_per_frame for frames in (window.frames, window.sink))
        heads = (config.num_attention_heads, config.attention_head_dim)
        self.keys_LBSHD, self.values_LBSHD, self.text_keys_LBSHD, self.text_values_LBSHD = (
            weight.new_zeros((config.num_layers, shape.batch, tokens, *heads))
            for tokens in (self.tokens, self.tokens, shape.text_length, shape.text_length)
        )
        self._evicted = 0

    def place(self, first: int, block: int) -> slice:
        """Make room for the block of `block` tokens that begins at token `first` of the clip, in all layers at once.

        Returns its places: what is remembered lies before them, from place 0 on.
        """
        evicted = self._evicted if first else 0
        placed = place_block(window=self.tokens, sink=self._sink, first=first, block=block, evicted=evicted)
        for copy in placed.copies:
            for cached in (self.keys_LBSHD, self.values_LBSHD):
                moved = cached[:, :, copy.source : copy.source + copy.length]
                cached[:, :, copy.target : copy.target + copy.length] = moved
        self._evicted = placed.evicted
        return slice(placed.start, placed.stop)


class CachedTransformer:
    """The forward of a Wan transformer that remembers the clip so far.

    The weights stay those of `transformer`, whose query, key and value projections become views of fused ones.
    """

    def __init__(self, transformer: WanTransformer3DModel, shape: CacheShape, execution: Execution) -> None:
        if shape.frames > (most := transformer.config.rope_max_seq_len):
            message = (
                f"a clip of {shape.frames} latent frames has more than the {most} rotary positions of the transformer"
            )
            raise ValueError(message)
        self.shape = shape
        self._cache: ClipCache | None = None
        self._transformer, self._head_size = transformer, transformer.config.attention_head_dim
        self._numerics, self._parts = execution.numerics, execution.parts
        self._attention, self._backend = execution.attention, dispatched_backend(execution.attention)
        self._layers = fused_layers(transformer, execution.numerics)
        self._turns = rotations(transformer, (shape.frames, shape.height, shape.width), execution.numerics)
        self._modulations = modulations(transformer, execution.timesteps, execution.numerics)

    @property
    def cache(self) -> ClipCache:
        """Keys and values: allocated when they are first needed, and again after they were given up."""
        if self._cache is None:
            self._cache = ClipCache(self._transformer, self.shape)
        return self._cache

    @property
    def cache_bytes(self) -> int:
        """What the keys and values hold now: nothing before they are needed and after they were given up."""
        if self._cache is None:
            return 0
        cache = self._cache
        held = (cache.keys_LBSHD, cache.values_LBSHD, cache.text_keys_LBSHD, cache.text_values_LBSHD)
        return sum(tensor.nbytes for tensor in held)

    def give_up_cache(self) -> None:
        """Free the keys and values; what was computed once of the weights stays."""
        self._cache = None

    @torch.no_grad()
    def start_clip(self, prompt_embeds_BLD: Tensor) -> None:
        """Compute every layer's text keys and values once for the clip; L is the cache's text length."""
        text = self._transformer.condition_embedder.text_embedder(prompt_embeds_BLD)
        for layer, block in enumerate(self._transformer.blocks):
            attn = block.attn2
            key = rms_norm(attn.to_k(text), attn.norm_k.weight, self._numerics)
            self.cache.text_keys_LBSHD[layer] = split_heads(key, self._head_size)
            self.cache.text_values_LBSHD[layer] = split_heads(attn.to_v(text), self._head_size)

    @torch.no_grad()
    def velocity(self, latents_BCFHW: Tensor, level: int, first_frame: int) -> Tensor:
        """Predict the velocity of a block at timestep number `level`, from latent frame `first_frame` on; remember it.

        Attends to everything remembered before it; overwrites what was remembered at its own place.
        """
        first, end = self._tokens(latents_BCFHW, first_frame)
        places = self.cache.place(first, end - first)
        modulation, turns = self._modulations[level], Turns(*(table[first:end] for table in self._turns))
        hidden_BSC = self._transformer.patch_embedding(latents_BCFHW).flatten(2).transpose(1, 2).contiguous()
        with attention_kernel(self._attention):
            for layer, modulation_6C in enumerate(modulation.layers_6C):
                hidden_BSC = self._block(layer, modulation_6C, turns, hidden_BSC, places)
        out = self._transformer.proj_out
        patches_BSP = head(out.weight, out.bias, modulation.head_2C, hidden_BSC)
        return unpatchify(patches_BSP, latents_BCFHW, self._transformer.config.patch_size)

    def _tokens(self, latents_BCFHW: Tensor, first_frame: int) -> tuple[int, int]:
        """Return the block's first token in the clip and the one behind its last."""
        end_frame = first_frame + latents_BCFHW.shape[2]
        if end_frame > self.shape.frames:
            message = f"latent frame {end_frame} lies beyond the {self.shape.frames} that this cache was made for"
            raise ValueError(message)
        if latents_BCFHW.shape[0] != self.shape.batch:
            message = f"{latents_BCFHW.shape[0]} clips at once, but this cache was made for {self.shape.batch}"
            raise ValueError(message)
        return first_frame * self.cache.tokens_per_frame, end_frame * self.cache.tokens_per_frame

    def _block(self, layer: int, modulation_6C: Tensor, turns: Turns, hidden_BSC: Tensor, places: slice) -> Tensor:
        weights, parts, cache = self._layers[layer], self._parts, self.cache
        keys_BSHD, values_BSHD = cache.keys_LBSHD[layer], cache.values_LBSHD[layer]
        query, key, value = parts.before(weights.before, modulation_6C, turns, hidden_BSC, self._numerics)
        keys_BSHD[:, places], values_BSHD[:, places] = key, value
        attended = self._attend(query, keys_BSHD[:, : places.stop], values_BSHD[:, : places.stop])
        hidden_BSC, query = parts.between(weights.between, modulation_6C, hidden_BSC, attended, self._numerics)
        attended = self._attend(query, cache.text_keys_LBSHD[layer], cache.text_values_LBSHD[layer])
        return parts.after(weights.after, modulation_6C, hidden_BSC, attended)

    def _attend(self, query_BSHD: Tensor, keys_BSHD: Tensor, values_BSHD: Tensor) -> Tensor:
        attended: Tensor = dispatch_attention_fn(query_BSHD, keys_BSHD, values_BSHD, backend=self._backend)
        return attended


def unpatchify(patches_BSP: Tensor, like_BCFHW: Tensor, patch: tuple[int, int, int]) -> Tensor:
    """Put the tokens' patches together to latents of the frames, height and width of `like_BCFHW`."""
    counts = [length // step for length, step in zip(like_BCFHW.shape[2:], patch, strict=True)]
    patches = patches_BSP.view(patches_BSP.shape[0], *counts, *patch, -1)
    return patches.permute(0, 7, 1, 4, 2, 5, 3, 6).flatten(6, 7).flatten(4, 5).flatten(2, 3)
