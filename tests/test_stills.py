"""Stills of a clip show the frames and the row that they name, and are whole or not there."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fixtures.stills import write_stills
from reports.measured import Stills


def brightening(frames: int = 21, height: int = 30, width: int = 416) -> torch.Tensor:
    """Give frames [T,3,H,W] whose brightness rises by 10 a frame, the middle row's red alone by another 40."""
    level_T = torch.arange(frames, dtype=torch.uint8) * 10
    frames_TCHW = level_T.reshape(-1, 1, 1, 1).repeat(1, 3, height, width)
    frames_TCHW[:, 0, height // 2] += 40
    return frames_TCHW


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """Give a run's folder of clips."""
    (tmp_path / "media").mkdir()
    return tmp_path / "media"


def read_rgb(path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """Read a picture as [H,W,C] in RGB."""
    picture_HWC = cv2.imread(str(path))
    assert picture_HWC is not None
    return np.asarray(picture_HWC[..., ::-1], dtype=np.float64)


def test_strip_has_the_frames_that_it_names_in_order(media: Path) -> None:
    """Eight tiles of half the clip's size; each is as bright as its frame."""
    made = write_stills(brightening(), media, "clip")
    assert made == Stills(strip="media/clip-strip.jpg", frames=[0, 3, 6, 9, 11, 14, 17, 20], xt="media/clip-xt.jpg")
    strip_HWC = read_rgb(media.parent / made.strip)
    assert strip_HWC.shape == (15, 8 * 208, 3)
    tiles = strip_HWC[0].reshape(8, 208, 3).mean(axis=(1, 2))
    assert tiles == pytest.approx([10 * frame for frame in made.frames], abs=3)


def test_slice_is_the_middle_row_of_every_frame(media: Path) -> None:
    """A line a frame, with the middle row's colour: its red is 40 above what all other rows have."""
    made = write_stills(brightening(), media, "clip")
    slice_TWC = read_rgb(media.parent / made.xt)
    assert slice_TWC.shape == (21, 416, 3)
    assert slice_TWC[:, 100].mean(axis=1) == pytest.approx([10 * t + 40 / 3 for t in range(21)], abs=6)
    assert (slice_TWC[..., 0] - slice_TWC[..., 2]).mean() == pytest.approx(40, abs=6)


def test_one_small_frame_has_stills(media: Path) -> None:
    """A clip of one frame, narrower than a tile, is shown in its own size."""
    made = write_stills(brightening(frames=1, height=2, width=8), media, "clip")
    assert made.frames == [0]
    assert read_rgb(media.parent / made.strip).shape == (2, 8, 3)


def test_refused_still_leaves_nothing_behind(tmp_path: Path) -> None:
    """The folder is gone: an `OSError`, and no partial file."""
    with pytest.raises(OSError, match="No such file"):
        write_stills(brightening(), tmp_path / "media", "clip")
    assert list(tmp_path.iterdir()) == []
