"""What a request must look like for Wan 2.1's networks to serve it."""

from models.spec import Request, RequestError

TIME_STRIDE = 4
PIXEL_MULTIPLE = 16
POSITIONS = 1024  # `rope_max_seq_len` of diffusers' WanTransformer3DModel


def pixel_frames(latent_frames: int) -> int:
    """Return how many pixel frames the VAE makes of `latent_frames`: 1 of the first, 4 of each later one."""
    return TIME_STRIDE * (latent_frames - 1) + 1


def check_positions(frames: int, model: str) -> None:
    """Raise `RequestError` for more pixel `frames` than Wan's rotary embedding has positions for."""
    if frames > pixel_frames(POSITIONS):
        raise RequestError(
            f"{model}: {frames} frames are {(frames - 2) // TIME_STRIDE + 2} latent frames, but its rotary positions"
            f" end at {POSITIONS} latent frames, which are {pixel_frames(POSITIONS)} frames"
        )


def check_request(request: Request) -> None:
    """Raise `RequestError`, naming the rule, for a request that Wan 2.1 cannot serve.

    Frames are 4k+1 (the VAE turns the first latent frame into one picture and each later one into four), width and
    height multiples of 16 (the VAE's stride of 8 times the transformer's patch of 2). diffusers' own pipeline rounds
    the frames silently instead.
    """
    if request.frames < 1 or request.frames % TIME_STRIDE != 1:
        message = f"frames must be 4k+1 for Wan 2.1 (1, 5, 9, …, 81), not {request.frames}"
        raise RequestError(message)
    check_positions(request.frames, "Wan 2.1")
    if request.start_clip:
        message = f"start_clip must be empty for Wan 2.1, not {request.start_clip!r}: it starts from text only"
        raise RequestError(message)
    for name, pixels in (("width", request.width), ("height", request.height)):
        if pixels < PIXEL_MULTIPLE or pixels % PIXEL_MULTIPLE:
            message = f"{name} must be a positive multiple of {PIXEL_MULTIPLE} for Wan 2.1, not {pixels}"
            raise RequestError(message)
    if request.steps < 1:
        message = f"steps must be at least 1, not {request.steps}"
        raise RequestError(message)
    if not request.guidance_scale >= 1.0:
        message = f"guidance_scale must be at least 1 (1 is no guidance), not {request.guidance_scale}"
        raise RequestError(message)
    if not request.shift > 0.0:
        message = f"shift must be above 0, not {request.shift}"
        raise RequestError(message)
