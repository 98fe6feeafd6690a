"""What a request must look like for Wan 2.1's networks, and the models distilled from them, to serve it.

Every refusal names the model, the field, its value and the rule. Nothing here imports torch: requests are judged before
anything is loaded. diffusers' own pipeline rounds what does not fit instead, and says so in a log line only.
"""

from typing import NoReturn

from models.spec import Request, RequestError, Sampling

FRAMES_PER_LATENT = 4
PIXEL_MULTIPLE = 16  # the VAE's 8 times the transformer's patch of 2
POSITIONS = 1024  # `rope_max_seq_len` of diffusers' WanTransformer3DModel


def pixel_frames(latent_frames: int) -> int:
    """Return how many pixel frames the VAE makes of `latent_frames`: 1 of the first, 4 of each later one."""
    return FRAMES_PER_LATENT * (latent_frames - 1) + 1


def refuse(model: str, name: str, actual: float | str, rule: str) -> NoReturn:
    """Raise the `RequestError` of this field."""
    message = f"{model}: {name} is {actual}, but {rule}"
    raise RequestError(message)


def check_request(model: str, request: Request) -> None:
    """Raise `RequestError`, naming the rule, for a request that Wan 2.1 cannot serve; any sampling goes."""
    check_pixels(model, request)
    check_frames(model, request)
    check_positions(model, request)
    check_ranges(model, request)
    check_batch(model, request)
    if request.start_clip:
        refuse(model, "start_clip", repr(request.start_clip), "must be empty: it starts from text only")


def check_positions(model: str, request: Request) -> None:
    """Refuse more frames than Wan's rotary embedding has positions for."""
    most, latents = pixel_frames(POSITIONS), (request.frames - 2) // FRAMES_PER_LATENT + 2
    if request.frames > most:
        ends = f"rotary positions end at {POSITIONS} latent frames, and these are {latents}"
        refuse(model, "frames", request.frames, f"must be at most {most}: {ends}")


def check_pixels(model: str, request: Request) -> None:
    """Refuse a width or height that is not whole patches of latents."""
    for name, pixels in (("width", request.width), ("height", request.height)):
        if pixels < PIXEL_MULTIPLE or pixels % PIXEL_MULTIPLE:
            refuse(model, name, pixels, f"must be a positive multiple of {PIXEL_MULTIPLE} pixels")


def check_frames(
    model: str,
    request: Request,
    *,
    frames_per_block: int | None = None,
    max_frames: int | None = None,
    longer: str = "",
) -> None:
    """Refuse frames that are not 4k + 1 or, with blocks of so many latent frames, whole blocks, up to `max_frames`.

    The VAE turns the first latent frame into one picture and each later one into four. `longer` says how there can be
    more than `max_frames`.
    """
    block = frames_per_block or 1
    step = FRAMES_PER_LATENT * block
    least = pixel_frames(block)
    fits = request.frames >= least and (request.frames - least) % step == 0
    if not fits or (max_frames is not None and request.frames > max_frames):
        whole = f"must be whole blocks of {block} latent frames" if frames_per_block else "must be 4k + 1"
        most = "" if max_frames is None else f" up to {max_frames}"
        refuse(model, "frames", request.frames, f"{whole}: {least}, {least + step}, …{most}{longer}")


def check_ranges(model: str, request: Request) -> None:
    """Refuse steps, guidance or shift outside the range in which they mean something."""
    if request.steps < 1:
        refuse(model, "steps", request.steps, "must be at least 1")
    if not request.guidance_scale >= 1.0:
        refuse(model, "guidance_scale", request.guidance_scale, "must be at least 1, which is no guidance")
    if not request.shift > 0.0:
        refuse(model, "shift", request.shift, "must be above 0")


def check_batch(model: str, request: Request) -> None:
    """Refuse a batch without a clip."""
    if request.batch < 1:
        refuse(model, "batch", request.batch, "must be at least 1")


def check_unguided(model: str, request: Request) -> None:
    """Refuse guidance, which a distilled model has built in."""
    if request.guidance_scale != 1.0:
        refuse(model, "guidance_scale", request.guidance_scale, "must be 1.0: it has no classifier-free guidance")


def check_trained(model: str, request: Request, trained: Sampling) -> None:
    """Refuse other steps or another shift than the model was distilled for."""
    for name in ("steps", "shift"):
        actual, known = getattr(request, name), getattr(trained, name)
        if actual != known:
            refuse(model, name, actual, f"must be {known}: it was distilled for that")
