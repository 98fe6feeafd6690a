"""The end of a video file, from which a causal model goes on.

The frames that are read are those that the first given blocks of latents are made of. The file is judged when the
request is, before anything is loaded, and read again, outside the clock, when the request is served.
Source: PyAV 18.1.0 (`av.open`, `VideoFrame.to_ndarray`).
"""

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.spec import Request, RequestError

if TYPE_CHECKING:
    import numpy as np


def read_start_clip(request: Request, frames: int) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """Read the last `frames` frames of the request's start clip as `frames_THWC`, uint8, RGB.

    Raises `RequestError`, naming the file, where it is missing, is no video, has not the request's size (nothing is
    scaled) or has fewer frames. A relative path starts at the working directory.
    """
    import numpy as np

    kept = _last_frames(Path(request.start_clip), frames)
    if len(kept) < frames:
        raise RequestError(f"start_clip {request.start_clip}: has {len(kept)} frames, at least {frames} are needed")
    size, asked = (kept[-1].width, kept[-1].height), (request.width, request.height)
    if size != asked:
        told = "{}x{} pixels, but the request is for {}x{}".format(*size, *asked)
        raise RequestError(f"start_clip {request.start_clip}: is {told}; scale the clip or change the request")
    return np.stack([frame.to_ndarray(format="rgb24") for frame in kept])


def _last_frames(path: Path, frames: int) -> deque[Any]:
    import av

    if not path.is_file():
        raise RequestError(f"start_clip {path}: no such file")
    try:
        with path.open("rb") as file, av.open(file) as container:  # a file object: its name is no address to open
            if not container.streams.video:
                raise RequestError(f"start_clip {path}: holds no video")
            return deque(container.decode(video=0), maxlen=frames)
    except (av.error.FFmpegError, OSError) as error:
        raise RequestError(f"start_clip {path}: cannot be decoded as a video: {error}") from error
