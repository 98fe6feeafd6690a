"""Which requests a few-step student can serve: it was trained for one schedule, and causal ones work in whole blocks.

Nothing here imports torch: requests are judged before anything is loaded.
"""

from dataclasses import dataclass

from models.spec import Request, Sampling
from models.wan.rules import check_frames, check_pixels, check_trained, check_unguided


@dataclass(frozen=True, kw_only=True)
class ClipRules:
    """A model's limits. `frames_per_block` counts latent frames; `None` means that there are no blocks."""

    model: str
    sampling: Sampling
    max_frames: int
    frames_per_block: int | None

    def check(self, request: Request) -> None:
        """Raise RequestError, naming the rule, for a request that the model cannot serve."""
        check_pixels(self.model, request)
        check_frames(self.model, request, frames_per_block=self.frames_per_block, max_frames=self.max_frames)
        check_trained(self.model, request, self.sampling)
        check_unguided(self.model, request)
