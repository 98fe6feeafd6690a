"""Clips on disk play in a browser, are whole or not there, and are never what frames are compared by."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest
import torch

from fixtures.media import frames_sha256, write_mp4


def clip(frames: int = 9, height: int = 32, width: int = 48) -> torch.Tensor:
    """Give smooth frames [T,3,H,W] whose brightness rises by 10 a frame."""
    level_T = torch.arange(frames, dtype=torch.uint8) * 10 + 60
    return level_T.reshape(-1, 1, 1, 1).expand(frames, 3, height, width).contiguous()


@pytest.mark.parametrize("fps", [16.0, 24.0, 23.976])
def test_mp4_decodes_to_what_was_written(tmp_path: Path, fps: float) -> None:
    """Count, size, rate and brightness come back; the codec and the pixel format are those that browsers play."""
    path = tmp_path / "clip.mp4"
    write_mp4(clip(), path, fps)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert float(stream.average_rate or 0) == pytest.approx(fps, rel=1e-3)
    assert [frame.shape for frame in frames] == [(32, 48, 3)] * 9
    assert [float(frame.mean()) for frame in frames] == pytest.approx([60 + 10 * t for t in range(9)], abs=4)


def test_index_lies_in_front_of_the_pictures(tmp_path: Path) -> None:
    """A browser can start to play before it has the whole file."""
    write_mp4(clip(), tmp_path / "clip.mp4", 16.0)
    content = (tmp_path / "clip.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_same_frames_make_the_same_bytes(tmp_path: Path) -> None:
    """Two runs' clips can be compared as files."""
    noise = torch.randint(0, 256, (9, 3, 32, 48), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    for name in ("a.mp4", "b.mp4"):
        write_mp4(noise, tmp_path / name, 16.0)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_odd_size_loses_its_last_row_and_column(tmp_path: Path) -> None:
    """4:2:0 needs even sizes."""
    write_mp4(clip(height=33, width=49), tmp_path / "odd.mp4", 16.0)
    with av.open(str(tmp_path / "odd.mp4")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (48, 32)


def test_refusing_disk_is_an_os_error_and_leaves_the_old_clip(tmp_path: Path) -> None:
    """A write cut short by the file system leaves neither half a clip nor a partial file."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"the old clip")
    noise = torch.randint(0, 256, (9, 3, 128, 128), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    with _file_size_limit(20_000), pytest.raises(OSError, match=r"File too large|Invalid argument"):
        write_mp4(noise, path, 16.0)
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"]
    assert path.read_bytes() == b"the old clip"


def test_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    """The measurement catches this one kind of error and keeps the numbers."""
    with pytest.raises(OSError, match="No such file"):
        write_mp4(clip(), tmp_path / "gone" / "clip.mp4", 16.0)


def test_hash_depends_on_content_and_shape() -> None:
    """The same bytes in another shape are another clip; memory layout is not part of it."""
    frames = torch.arange(2 * 3 * 4 * 6, dtype=torch.uint8).reshape(1, 2, 3, 4, 6)
    digest = frames_sha256(frames)
    changed = frames.clone()
    changed[0, 1, 2, 3, 5] += 1
    assert digest not in {frames_sha256(changed), frames_sha256(frames.reshape(1, 2, 3, 6, 4))}
    assert frames_sha256(frames.transpose(3, 4).contiguous().transpose(3, 4)) == digest
    assert len(frames_sha256(frames[:, :0])) == 64


@contextmanager
def _file_size_limit(size_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size: a full disk for one test."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
