"""Which requests a few-step student can serve: it was trained for one schedule, and causal ones work in whole blocks.

Nothing here imports torch: requests are judged before anything is loaded.
"""

from dataclasses import dataclass
from typing import NoReturn

from models.causal.lengths import LongVideo, Rolling
from models.causal.start_clip import read_start_clip
from models.causal.window import Window
from models.spec import Request, RequestError, Sampling
from models.wan.rules import POSITIONS, check_positions, pixel_frames

PIXEL_MULTIPLE = 16  # the VAE's 8 times the transformer's patch of 2
FRAMES_PER_LATENT = 4


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
        self._check_size(request)
        self._check_sampling(request)
        if request.start_clip:
            self._check_start_clip(request)

    def _check_size(self, request: Request) -> None:
        for name, pixels in (("width", request.width), ("height", request.height)):
            if pixels < PIXEL_MULTIPLE or pixels % PIXEL_MULTIPLE:
                self._refuse(name, pixels, f"must be a positive multiple of {PIXEL_MULTIPLE} pixels")
        if isinstance(self.long_video, Rolling) and self.long_video.rollouts(request.frames) > 1:
            return
        block, most, more = self.frames_per_block or 1, self.max_frames, ""
        if isinstance(self.long_video, Window):
            check_positions(request.frames, self.model)
            most = pixel_frames(POSITIONS // block * block)
        elif self.long_video:
            kept = self.long_video.kept_frames
            more = f", or {kept} a rollout: {2 * kept}, {3 * kept}, …"
        step, least = FRAMES_PER_LATENT * block, FRAMES_PER_LATENT * block - FRAMES_PER_LATENT + 1
        if not least <= request.frames <= most or (request.frames - least) % step:
            known = ", ".join(map(str, (least, least + step))) + f", … up to {most}{more}"
            whole = f"must be whole blocks of {block} latent frames" if self.frames_per_block else "must be 4k + 1"
            self._refuse("frames", request.frames, f"{whole}: {known}")

    def _check_start_clip(self, request: Request) -> None:
        if self.frames_per_block is None:
            self._refuse("start_clip", repr(request.start_clip), "must be empty: it has no blocks to start from")
        given = pixel_frames(self.frames_per_block)
        if request.frames <= given:
            self._refuse("frames", request.frames, f"must be more than the {given} that a start clip gives")
        read_start_clip(request, given)

    def _check_sampling(self, request: Request) -> None:
        for name in ("steps", "guidance_scale", "shift"):
            actual, trained = getattr(request, name), getattr(self.sampling, name)
            if actual != trained:
                why = "it has no classifier-free guidance" if name == "guidance_scale" else "it was distilled for that"
                self._refuse(name, actual, f"must be {trained}: {why}")

    def _refuse(self, name: str, actual: float | str, rule: str) -> NoReturn:
        message = f"{self.model}: {name} is {actual}, but {rule}"
        raise RequestError(message)
