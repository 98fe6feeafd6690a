"""Small clips on the disk for the tests of pages: a bright bar moves over a ground, one column of 8 pixels a frame."""

from pathlib import Path


def write_clip(
    path: Path, frames: int = 24, fps: float = 16.0, ground: int = 40, size: tuple[int, int] = (96, 64)
) -> Path:
    """Write an mp4 of `frames` frames, `size` in width and height; `ground` is the grey code behind the bar."""
    import torch

    from fixtures.media import write_mp4

    width, height = size
    frames_TCHW = torch.full((frames, 3, height, width), ground, dtype=torch.uint8)
    for k in range(frames):
        left = 8 * k % width
        frames_TCHW[k, :, :, left : left + 8] = 235
    path.parent.mkdir(parents=True, exist_ok=True)
    write_mp4(frames_TCHW, path, fps)
    return path
