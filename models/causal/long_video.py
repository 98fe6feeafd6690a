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
    """What rollouts are made with; `encode` turns frames_BCTHW in [-1, 1] into latents that `transformer` takes."""

    transformer: BlockTransformer
    rollout: Rollout
    decoder: StreamingDecoder
    encode: Callable[[Tensor], Tensor]


def roll_on(stages: Stages, clips: Sequence[Clip], probe: Probe) -> Iterator[Tensor]:
    """Yield the frames_BTCHW, uint8, of one rollout a clip, block by block, as soon as each exists.

    One clip is yielded whole. Of several, each gives the frames of all blocks but the last and 3 of the last one's, 72
    of 81, and all but the first start from the one before. `probe.step` counts the forwards of all together. Raises
    ValueError where noise and re-noise draws do not fit the blocks that are generated.
    """
    rollout, overlapping = stages.rollout, len(clips) > 1
    step = _counted_steps(rollout, clips, probe)
    start_BCFHW = clips[0].start_latents_BCFHW
    for clip in clips:
        stages.decoder.start_clip()
        blocks = roll_out(stages.transformer, rollout, replace(clip, start_latents_BCFHW=start_BCFHW), step)
        count = rollout.blocks(clip.noise_BCFHW.shape[2])
        for block in range(1, count + 1):
            with probe.phase("denoise"):
                latents_BCFHW = next(blocks)
                probe.check_finite("latents", latents_BCFHW)
            cut = overlapping and block == count
            with probe.phase("decode"):
                decoded_BCTHW = stages.decoder.push(latents_BCFHW[:, :, :1] if cut else latents_BCFHW)
                frames_BTCHW = to_uint8(decoded_BCTHW, probe)
            yield frames_BTCHW[:, :-1] if cut else frames_BTCHW
        if clip is not clips[-1]:
            with probe.phase("encode_frame"):
                first_BCFHW = stages.encode(decoded_BCTHW[:, :, -1:])
                start_BCFHW = torch.cat([first_BCFHW, latents_BCFHW[:, :, 1:]], dim=2)


def _counted_steps(rollout: Rollout, clips: Sequence[Clip], probe: Probe) -> Callable[[int, int], None]:
    """Count the forwards of all rollouts together, one a call."""
    given = clips[0].start_latents_BCFHW
    starts = [0 if given is None else given.shape[2], *[rollout.frames_per_block] * (len(clips) - 1)]
    total = sum(rollout.forwards(clip.noise_BCFHW.shape[2], start) for clip, start in zip(clips, starts, strict=True))
    done = itertools.count(1)
    return lambda _done, _total: probe.step(next(done), total)
