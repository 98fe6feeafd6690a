"""Clips of any length from a model that was trained for a short one: rollouts that overlap, streamed as one clip.

A further rollout starts from the end of the one before: the picture of its first overlapping latent frame is encoded
again, as the first frame of a clip (which the VAE treats unlike all others), and the latents behind it are taken as
they are. The rotary positions start anew, so nothing limits the length; brightness and colour are known to drift
(tianweiy/CausVid#40, #65). The frames of the other overlapping latents come out of the next rollout, so they are
decoded once; the last rollout drops them.

Source: tianweiy/CausVid at ca21150 (minimal_inference/longvideo_autoregressive_inference.py), restated from a
description of its behaviour, not from its code; unlike there, frames are streamed and decoded once.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.causal.rollout import BlockTransformer, Clip, Rollout, roll_out
from models.spec import Probe
from models.wan.decode import StreamingDecoder, to_uint8


@dataclass(frozen=True, kw_only=True)
class Stages:
    """What rollouts are made with; `encode` turns frames_BCTHW in [-1, 1] into latents that the transformer takes.

    `transformer` gives the one of the next rollout. A rollout is decoded block by block or, where there is
    `give_up_caches`, after its last block and without them.
    """

    transformer: Callable[[], BlockTransformer]
    rollout: Rollout
    decoder: StreamingDecoder
    encode: Callable[[Tensor], Tensor]
    give_up_caches: Callable[[], None] | None = None


def roll_on(stages: Stages, clips: Sequence[Clip], probe: Probe) -> Iterator[Tensor]:
    """Yield the frames_BTCHW, uint8, of one rollout a clip, as soon as each portion exists: see `Stages`.

    One clip is yielded whole. Of several, each gives the frames of all blocks but the last and 3 of the last one's, 72
    of 81, and all but the first start from the one before. `probe.step` counts the forwards of all together. Raises
    ValueError where noise and re-noise draws do not fit the blocks that are generated.
    """
    behind = stages.rollout.frames_per_block - 1 if len(clips) > 1 else 0  # latents that the next rollout decodes
    step = _counted_steps(stages.rollout, clips, probe)
    start_BCFHW = clips[0].start_latents_BCFHW
    for clip in clips:
        stages.decoder.start_clip()
        left = clip.noise_BCFHW.shape[2] - behind
        for latents_BCFHW in _portions(stages, replace(clip, start_latents_BCFHW=start_BCFHW), step, probe):
            with probe.phase("decode"):
                decodable_BCFHW = latents_BCFHW[:, :, :left]
                left -= decodable_BCFHW.shape[2]
                frames_BTCHW, picture_BCTHW = _decoded(stages, decodable_BCFHW, probe)
            yield frames_BTCHW[:, :-1] if behind and not left else frames_BTCHW
        if clip is not clips[-1]:
            with probe.phase("encode_frame"):
                start_BCFHW = torch.cat([stages.encode(picture_BCTHW), latents_BCFHW[:, :, -behind:]], dim=2)


def _portions(stages: Stages, clip: Clip, step: Callable[[int, int], None], probe: Probe) -> Iterator[Tensor]:
    """Yield the latents of a rollout as they are to be decoded: each block, or all of them without the caches."""
    blocks = roll_out(stages.transformer(), stages.rollout, clip, step)
    clean: list[Tensor] = []
    for _ in range(stages.rollout.blocks(clip.noise_BCFHW.shape[2])):
        with probe.phase("denoise"):
            clean.append(next(blocks))
            probe.check_finite("latents", clean[-1])
        if stages.give_up_caches is None:
            yield clean.pop()
    if stages.give_up_caches is not None:
        stages.give_up_caches()
        yield torch.cat(clean, dim=2)


def _decoded(stages: Stages, latents_BCFHW: Tensor, probe: Probe) -> tuple[Tensor, Tensor]:
    """Decode a portion to frames_BTCHW, uint8, and its last picture in [-1, 1].

    A whole rollout is decoded one latent frame at a time, so that its floats never exist all at once.
    """
    size = latents_BCFHW.shape[2] if stages.give_up_caches is None else 1
    frames = []
    for piece_BCFHW in torch.split(latents_BCFHW, size, dim=2):
        decoded_BCTHW = stages.decoder.push(piece_BCFHW)
        frames.append(to_uint8(decoded_BCTHW, probe))
    return torch.cat(frames, dim=1), decoded_BCTHW[:, :, -1:]


def _counted_steps(rollout: Rollout, clips: Sequence[Clip], probe: Probe) -> Callable[[int, int], None]:
    """Count the forwards of all rollouts together, one a call."""
    given = clips[0].start_latents_BCFHW
    starts = [0 if given is None else given.shape[2], *[rollout.frames_per_block] * (len(clips) - 1)]
    total = sum(rollout.forwards(clip.noise_BCFHW.shape[2], start) for clip, start in zip(clips, starts, strict=True))
    done = itertools.count(1)
    return lambda _done, _total: probe.step(next(done), total)
