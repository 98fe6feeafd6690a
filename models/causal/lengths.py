"""What a clip's length means: one rollout, several that overlap (CausVid), or one under a window (Self-Forcing).

CausVid was trained for 21 latent frames. A longer clip is rolled out again and again: each further rollout starts from
the last latent frames of the one before it, and of every rollout the frames before these are kept. Nothing here imports
torch: requests are judged and their work is counted before anything is loaded.

Source: tianweiy/CausVid at ca21150 (minimal_inference/longvideo_autoregressive_inference.py), restated from a
description of its behaviour, not from its code.
"""

from dataclasses import dataclass

from models.causal.window import Window
from models.spec import Request
from models.wan.rules import FRAMES_PER_LATENT, pixel_frames


@dataclass(frozen=True, kw_only=True)
class Rolling:
    """Rollouts of `latent_frames` each, of which every further one starts from `overlap` of the one before it."""

    latent_frames: int = 21
    overlap: int = 3

    @property
    def kept_frames(self) -> int:
        """Pixel frames that every rollout gives to the clip, the last included: 72 of 81."""
        return FRAMES_PER_LATENT * (self.latent_frames - self.overlap)

    def rollouts(self, frames: int) -> int:
        """Return how many rollouts a clip of `frames` pixel frames takes; 0 where no whole number of them gives it."""
        if frames <= pixel_frames(self.latent_frames):
            return 1
        return 0 if frames % self.kept_frames else frames // self.kept_frames


LongVideo = Rolling | Window


@dataclass(frozen=True, kw_only=True)
class ClipPlan:
    """A clip's rollouts: `latent_frames` each; `given` holds, a rollout, how many of them it starts from."""

    latent_frames: int
    given: tuple[int, ...]
    decoded_latents: int


def plan_clip(request: Request, frames_per_block: int | None, long_video: LongVideo | None) -> ClipPlan:
    """Plan a request that the model's rules accept; `frames_per_block` counts latent frames, `None` for no blocks."""
    given = (frames_per_block or 0) if request.start_clip else 0
    if isinstance(long_video, Rolling) and (rollouts := long_video.rollouts(request.frames)) > 1:
        frames, overlap = long_video.latent_frames, long_video.overlap
        if overlap != frames_per_block:
            raise ValueError(f"rollouts overlap by one block, {frames_per_block} latent frames, not by {overlap}")
        # The first overlapping frame is decoded for its picture, the others in the next rollout.
        return ClipPlan(
            latent_frames=frames, given=(given, *[overlap] * (rollouts - 1)), decoded_latents=frames - overlap + 1
        )
    frames = (request.frames - 1) // FRAMES_PER_LATENT + 1
    return ClipPlan(latent_frames=frames, given=(given,), decoded_latents=frames)
