"""Which requests a few-step student can serve: it was trained for one schedule, and causal ones work in whole blocks.

Nothing here imports torch: requests are judged before anything is loaded.
"""

from dataclasses import dataclass

from models.spec import Request, RequestError, Sampling

PIXEL_MULTIPLE = 16  # the VAE's 8 times the transformer's patch of 2
FRAMES_PER_LATENT = 4


@dataclass(frozen=True, kw_only=True)
class ClipRules:
    """A model's limits. `frames_per_block` counts latent frames; `None` means that there are no blocks."""

    model: str
    sampling: Sampling
    max_frames: int
    frames_per_block: int | None

    def check(self, request: Request) -> None:
        """Raise RequestError, naming the rule, for a request that the model cannot serve."""
        self._check_size(request)
        self._check_sampling(request)

    def _check_size(self, request: Request) -> None:
        for name, pixels in (("width", request.width), ("height", request.height)):
            if pixels < PIXEL_MULTIPLE or pixels % PIXEL_MULTIPLE:
                self._refuse(name, pixels, f"must be a positive multiple of {PIXEL_MULTIPLE} pixels")
        block = self.frames_per_block or 1
        step, least = FRAMES_PER_LATENT * block, FRAMES_PER_LATENT * block - FRAMES_PER_LATENT + 1
        if not least <= request.frames <= self.max_frames or (request.frames - least) % step:
            known = ", ".join(map(str, (least, least + step))) + f", … up to {self.max_frames}"
            whole = f"must be whole blocks of {block} latent frames" if self.frames_per_block else "must be 4k + 1"
            self._refuse("frames", request.frames, f"{whole}: {known}")

    def _check_sampling(self, request: Request) -> None:
        for name in ("steps", "guidance_scale", "shift"):
            actual, trained = getattr(request, name), getattr(self.sampling, name)
            if actual != trained:
                why = "it has no classifier-free guidance" if name == "guidance_scale" else "it was distilled for that"
                self._refuse(name, actual, f"must be {trained}: {why}")

    def _refuse(self, name: str, actual: float, rule: str) -> None:
        message = f"{self.model}: {name} is {actual}, but {rule}"
        raise RequestError(message)
