"""Which requests a few-step student can serve: it was trained for one schedule, and causal ones work in whole blocks.

Nothing here imports torch: requests are judged before anything is loaded.
"""

from dataclasses import dataclass

from models.causal.lengths import LongVideo, Rolling
from models.causal.start_clip import read_start_clip
from models.spec import Request, Sampling
from models.wan.rules import (
    FRAMES_PER_LATENT,
    POSITIONS,
    check_batch,
    check_frames,
    check_pixels,
    check_positions,
    check_trained,
    check_unguided,
    pixel_frames,
    refuse,
)


@dataclass(frozen=True, kw_only=True)
class ClipRules:
    """A model's limits. `frames_per_block` counts latent frames; `None` means that there are no blocks.

    `max_frames` is the limit of one rollout; `long_video` says how longer clips are made, `None` that they are not.
    """

    model: str
    sampling: Sampling
    max_frames: int
    frames_per_block: int | None
    long_video: LongVideo | None = None

    def check(self, request: Request) -> None:
        """Raise RequestError, naming the rule, for a request that the model cannot serve."""
        check_pixels(self.model, request)
        self._check_length(request)
        check_trained(self.model, request, self.sampling)
        check_unguided(self.model, request)
        check_batch(self.model, request)
        if request.start_clip:
            self._check_start_clip(request)

    def block_starts(self, request: Request) -> tuple[int, ...]:
        """List the pixel frames with which blocks begin, but for the first; a further rollout begins one, too.

        A block's first latent frame makes FRAMES_PER_LATENT pixel frames, a rollout's very first one makes 1.
        """
        if self.frames_per_block is None:
            return ()
        block, kept = FRAMES_PER_LATENT * self.frames_per_block, request.frames
        if isinstance(self.long_video, Rolling) and self.long_video.rollouts(request.frames) > 1:
            kept = self.long_video.kept_frames
        first = pixel_frames(self.frames_per_block)
        inside = [0, *range(first, kept, block)]
        return tuple(start + at for start in range(0, request.frames, kept) for at in inside)[1:]

    def _check_length(self, request: Request) -> None:
        block, most, longer = self.frames_per_block, self.max_frames, ""
        if isinstance(self.long_video, Rolling):
            if self.long_video.rollouts(request.frames) > 1:
                return
            kept = self.long_video.kept_frames
            longer = f", or {kept} a rollout: {2 * kept}, {3 * kept}, …"
        elif self.long_video is not None:
            check_positions(self.model, request)
            most = pixel_frames(POSITIONS // (block or 1) * (block or 1))
        check_frames(self.model, request, frames_per_block=block, max_frames=most, longer=longer)

    def _check_start_clip(self, request: Request) -> None:
        if self.frames_per_block is None:
            refuse(self.model, "start_clip", repr(request.start_clip), "must be empty: it has no blocks to start from")
        given = pixel_frames(self.frames_per_block)
        if request.frames <= given:
            refuse(self.model, "frames", request.frames, f"must be more than the {given} that a start clip gives")
        read_start_clip(request, given)
