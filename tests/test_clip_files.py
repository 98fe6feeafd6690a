"""Clips of a person's own are read whole, in the right colours, or refused with a sentence."""

import doctest
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from fixtures.clips import arrays, clip_file, frame_folder
from fixtures.clips.arrays import to_uint8
from fixtures.clips.clip_file import ClipFileError
from fixtures.clips.reading import read_clip
from fixtures.media import write_mp4

T, H, W = 12, 48, 64
CODECS = {
    "a.mp4": ("libx264", "yuv420p"),
    "a.mov": ("libx264", "yuv420p"),
    "a.mkv": ("ffv1", "bgr0"),
    "a.webm": ("libvpx-vp9", "yuv420p"),
    "a.gif": ("gif", "rgb8"),
}


def frames(count: int = T, height: int = H, width: int = W) -> np.ndarray[Any, Any]:
    """Give frames [T,H,W,3], uint8, that all differ: a gradient that moves, smooth enough for every codec."""
    y, x, t = np.mgrid[:height, :width, :count].transpose(0, 3, 1, 2)
    levels = np.stack([x * 3 + 4 * t, y * 4, 255 - x * 2 - 4 * t], axis=-1)
    return np.ascontiguousarray(levels.clip(0, 255).astype(np.uint8))


def write_video(
    path: Path,
    codec: str,
    pixels: str,
    pictures: Iterable[np.ndarray[Any, Any]],
    colours: tuple[int, int] | None = None,
) -> Path:
    """Write frames with a codec, and where `colours` (matrix, range: FFmpeg's numbers) is given, tagged so."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(16))
        listed = list(pictures)
        stream.height, stream.width = listed[0].shape[:2]
        stream.pix_fmt = pixels
        if colours:
            stream.codec_context.colorspace, stream.codec_context.color_range = colours
        for picture in listed:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if colours:
                frame = frame.reformat(format=pixels, dst_colorspace=colours[0], dst_color_range=colours[1])
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_folder(path: Path, pictures: Sequence[np.ndarray[Any, Any]], name: str = "f{}.png") -> Path:
    path.mkdir()
    for index, picture in enumerate(pictures):
        Image.fromarray(picture).save(path / name.format(index))
    return path


def refusal(path: Path) -> str:
    """Give the sentence with which a clip is refused, which begins with its path."""
    with pytest.raises(ClipFileError) as refused:
        read_clip(path)
    told = str(refused.value)
    assert told.startswith(f"{path}: ")
    return told.removeprefix(f"{path}: ")


@pytest.mark.parametrize("name", CODECS)
def test_every_kind_of_video_is_read_whole(tmp_path: Path, name: str) -> None:
    """All frames, at their size and rate, in RGB: lossless ones bit for bit, the others nearly."""
    clip = read_clip(write_video(tmp_path / name, *CODECS[name], frames()))
    assert clip.frames_THWC.shape == (T, H, W, 3)
    assert clip.fps == pytest.approx(16, rel=0.05)  # a GIF's clock ticks in hundredths
    apart = np.abs(clip.frames_THWC.astype(int) - frames()).mean()
    assert apart == 0 if name == "a.mkv" else apart < (30 if name == "a.gif" else 6)
    assert clip.notes == ()


def test_own_mp4_is_read_back(tmp_path: Path) -> None:
    """What a run wrote can be scored again, but for what its codec took."""
    write_mp4(torch.from_numpy(frames()).permute(0, 3, 1, 2), tmp_path / "a.mp4", 16.0)
    clip = read_clip(tmp_path / "a.mp4")
    assert clip.frames_THWC.shape == (T, H, W, 3)
    assert np.abs(clip.frames_THWC.astype(int) - frames()).mean() < 4


@pytest.mark.parametrize("colours", [(1, 1), (1, 2), (5, 1), (5, 2)], ids=["709", "709 full", "601", "601 full"])
def test_tagged_matrix_and_range_are_undone(tmp_path: Path, colours: tuple[int, int]) -> None:
    """BT.709 or BT.601, limited or full range: the same full range RGB comes back."""
    flat = np.broadcast_to(np.array([200, 40, 90], dtype=np.uint8), (T, H, W, 3)).copy()
    clip = read_clip(write_video(tmp_path / "a.mkv", "libx264", "yuv444p", flat, colours))
    assert np.abs(clip.frames_THWC.astype(int) - flat).max() <= 3


@pytest.mark.parametrize("name", [name for name in CODECS if name != "a.mp4"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.97])
def test_file_that_was_cut_off_is_refused(tmp_path: Path, name: str, share: float) -> None:
    """A copy that stopped half way is no shorter clip."""
    path = write_video(tmp_path / name, *CODECS[name], [*frames(40)])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "cop" in refusal(path)


def boxes_of(data: bytes) -> list[tuple[bytes, int]]:
    """List kind and start of an mp4's boxes."""
    found, at = [], 0
    while at < len(data):
        found.append((data[at + 4 : at + 8], at))
        at += int.from_bytes(data[at : at + 4])
    return found


@pytest.mark.parametrize("flags", ["frag_keyframe", "frag_keyframe+empty_moov"])
def test_fragmented_mp4_that_ends_before_a_fragment_is_told(tmp_path: Path, flags: str) -> None:
    """Whole, its index at the end says so; cut where a fragment begins, its frames look like a shorter clip.

    So does what is left before the first fragment. Cut within a part, it is refused.
    """
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", options={"movflags": flags}) as container:
        keys = {"g": "8", "keyint_min": "8", "sc_threshold": "0", "bf": "0"}  # a part of eight frames
        stream = container.add_stream("libx264", rate=16, options=keys)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for tone in range(0, 200, 5):
            picture_HWC = np.full((64, 64, 3), tone, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture_HWC, format="rgb24")))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    starts = [at for kind, at in boxes_of(data) if kind == b"moof"]
    whole = read_clip(path)
    assert (len(whole.frames_THWC), whole.notes) == (40, ())
    for cut in starts[1:3] if flags.endswith("empty_moov") else starts[:3]:
        path.write_bytes(data[:cut])
        clip = read_clip(path)
        assert 1 < len(clip.frames_THWC) < 40
        assert any("whether frames are missing at the end is not known" in note for note in clip.notes)
    for cut in (starts[2] + 20, len(data) - 1):
        path.write_bytes(data[:cut])
        assert re.search(r"its last part has [0-9]+ of [0-9]+ bytes: cut off; copy it again", refusal(path))


def test_mp4_with_its_index_in_front_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    """The index promises frames that are not there."""
    path = tmp_path / "a.mp4"
    noise = np.random.default_rng(0).integers(0, 255, (20, 3, H, W), dtype=np.uint8)
    write_mp4(torch.from_numpy(noise), path, 16.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "copy" in refusal(path)


def test_damage_in_the_middle_is_refused(tmp_path: Path) -> None:
    """A decoder would patch up what it notices, and go on; H.264 has no checksums and may notice nothing."""
    noise = np.random.default_rng(0).integers(0, 255, (20, H, W, 3), dtype=np.uint8)
    path = write_video(tmp_path / "a.mkv", "libx264", "yuv420p", [*noise])
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 4, len(content) // 2, 200):
        content[place : place + 5] = bytes(5)
    path.write_bytes(bytes(content))
    assert re.fullmatch(r"frame [0-9]+ cannot be decoded \(.*\); copy the file again", refusal(path))


def test_uneven_times_are_told(tmp_path: Path) -> None:
    """Speeds are worked out for evenly spaced frames; a hole may also be frames that were lost."""
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=16)
        stream.width, stream.height, stream.pix_fmt = W, H, "bgr0"
        for index, picture in enumerate(frames()):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index if index < 6 else index + 2, Fraction(1, 16)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (note,) = read_clip(path).notes
    assert note.startswith("frames are 0.062 to 0.187 s apart")


def test_video_that_changes_its_size_is_refused(tmp_path: Path) -> None:
    """Each JPEG of a Motion-JPEG stream has a size of its own."""
    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=16)
        stream.width, stream.height, stream.pix_fmt = W, H, "yuvj420p"
        for index, picture in enumerate([*frames(3), *frames(3, H * 2, W * 2)]):
            packet = av.Packet(jpeg(picture))
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, index, index, Fraction(1, 16)
            container.mux(packet)
    assert refusal(path) == (
        "frame 3 is 128x96 pixels, those before it are 64x48; a clip has one size: scale or cut it"
    )


def jpeg(picture: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG")
    return file.getvalue()


def test_audio_only_is_refused(tmp_path: Path) -> None:
    """A sound under a video's name has no picture."""
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), dtype=np.float32), format="fltp", layout="stereo")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert refusal(path) == "holds no video stream (streams: audio); name a file with a picture"


def test_playlist_under_a_videos_name_opens_nothing(tmp_path: Path) -> None:
    """FFmpeg would follow it to other files and addresses."""
    write_video(tmp_path / "secret.mp4", "libx264", "yuv420p", [*frames()])
    path = tmp_path / "a.mp4"
    path.write_text(f"ffconcat version 1.0\nfile '{tmp_path / 'secret.mp4'}'\n", encoding="utf-8")
    assert "cannot be read as a video" in refusal(path)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.mp4", b"", "is empty (0 bytes)"),
        ("a.mp4", b"no video", "cannot be read as a video"),
        ("a.npz", b"no archive", "cannot be read as an npz file"),
        ("a.txt", b"text", "is of an unknown kind; known are .gif, .m4v, .mkv, .mov, .mp4, .npz, .webm and folders"),
    ],
)
def test_what_is_no_clip_is_refused(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    """Empty, unreadable, unknown."""
    path = tmp_path / name
    path.write_bytes(content)
    assert told in refusal(path)


def test_missing_clip_is_refused_and_its_name_cannot_steer_a_terminal(tmp_path: Path) -> None:
    """Escape sequences are shown as such."""
    with pytest.raises(ClipFileError, match=r"a\\x1b\[31m\.mp4: no such file or folder"):
        read_clip(tmp_path / "a\x1b[31m.mp4")


def test_still_is_refused(tmp_path: Path) -> None:
    """One frame does not move."""
    path = write_video(tmp_path / "a.mkv", "ffv1", "bgr0", [*frames(1)])
    assert refusal(path) == "holds 1 frame, at least 2 are needed; name a whole clip"


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ((81, 0, 832), "frames are 832x0 pixels, at least 16x16 are needed"),
        ((81, 48000, 83200), "81 frames of 83200x48000 would take 903.8 GiB, more than 2.0 GiB; cut or scale the clip"),
    ],
)
def test_size_is_judged_by_the_header_alone(
    tmp_path: Path, size: tuple[int, int, int], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few bytes may promise terabytes: nothing is unpacked before the promise is judged."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (*size, 3)})
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("frames_THWC.npy", header.getvalue() + bytes(1000))
    monkeypatch.setattr(np.lib.format, "read_array", None)
    assert told in refusal(path)


def test_picture_of_a_folder_is_judged_by_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for PNG, whose size stands in front."""
    path = write_folder(tmp_path / "clip", [*frames()])
    monkeypatch.setattr(clip_file, "MAX_BYTES", T * H * W * 3 - 1)
    assert "f0.png: 12 frames of 64x48 would take" in refusal(path)


def test_video_whose_header_says_little_is_stopped_while_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container need not say how many frames it holds."""
    path = write_video(tmp_path / "a.mkv", "ffv1", "bgr0", [*frames()])
    monkeypatch.setattr(clip_file, "MAX_BYTES", 5 * H * W * 3)
    assert "6 frames of 64x48 would take" in refusal(path)


@pytest.mark.parametrize(
    "arrays",
    [
        {"frames_THWC": frames()},
        {"frames_TCHW": frames().transpose(0, 3, 1, 2)},
        {"clip": frames()},
        {"video": frames().transpose(0, 3, 1, 2)},
        {"frames_THWC": frames(), "latents": np.zeros(3)},
        {"clip": frames().astype(np.float32) / 255},
        {"clip": frames().astype(np.float64) / 255},
        {"clip": frames().astype(np.float32).transpose(0, 3, 1, 2) / 255},
    ],
    ids=lambda arrays: " ".join(f"{name}:{array.dtype}{array.shape}" for name, array in arrays.items()),
)
def test_layout_and_scale_of_arrays_are_found(tmp_path: Path, arrays: dict[str, Any]) -> None:
    """By name, or by where the three colours are; floats in [0, 1] give the bytes that they were made of."""
    np.savez(tmp_path / "a.npz", fps=24.0, **arrays)
    clip = read_clip(tmp_path / "a.npz")
    np.testing.assert_array_equal(clip.frames_THWC, frames())
    assert clip.fps == 24.0


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({}, "which array holds the frames? (arrays: none)"),
        ({"a": frames(), "b": frames()}, "which array holds the frames? (arrays: 'a', 'b')"),
        ({"a": frames()[0]}, "four axes are needed"),
        ({"a": np.zeros((T, 3, H, 3), np.uint8)}, "can be read as [T,H,W,3] and as [T,3,H,W]"),
        ({"a": np.zeros((T, H, W, 4), np.uint8)}, "has no axis of three colours"),
        ({"frames_TCHW": frames()}, "which its name contradicts"),
        ({"a": frames().astype(np.int16)}, "has the type int16; save uint8, or floats in [0, 1]"),
        ({"a": frames().astype(np.float32)}, "[0, 1] is needed"),
        ({"a": frames()[:1]}, "holds 1 frame, at least 2 are needed"),
        ({"a": np.array([{}, {}])}, "four axes are needed"),
        ({"a": frames(), "fps": 0.0}, "its `fps` is 0.0, a positive number is needed"),
        ({"a": frames(), "fps": np.zeros(3)}, "cannot be read as an npz file"),
    ],
)
def test_array_that_can_be_read_in_two_ways_or_in_none_is_refused(
    tmp_path: Path, arrays: dict[str, Any], told: str
) -> None:
    """Guessing would score another clip."""
    np.savez(tmp_path / "a.npz", **arrays)
    assert told in refusal(tmp_path / "a.npz")


def test_cut_and_damaged_archives_are_refused(tmp_path: Path) -> None:
    """The archive's checksum covers every frame."""
    path = tmp_path / "a.npz"
    np.savez(path, frames_THWC=frames())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "cannot be read as an npz file" in refusal(path)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 255
    path.write_bytes(bytes(damaged))
    assert "cannot be read as an npz file" in refusal(path)


def test_pickled_array_is_never_run(tmp_path: Path) -> None:
    """An npz from anywhere may hold code; it is refused by its type, unread."""
    np.savez(tmp_path / "a.npz", a=np.full((T, H, W, 3), print, dtype=object), allow_pickle=True)
    assert "has the type object" in refusal(tmp_path / "a.npz")


def test_nan_and_inf_are_counted_before_they_become_bytes() -> None:
    """A cast to uint8 makes a colour of them."""
    floats = frames().astype(np.float32) / 255
    floats[3, 4, 5, 0], floats[7, 0, 0, 2] = np.nan, np.inf
    pictures, nonfinite = to_uint8(floats)
    assert nonfinite == 2
    assert (pictures[3, 4, 5, 0], pictures[7, 0, 0, 2]) == (0, 0)
    assert to_uint8(frames())[1] is None


@pytest.mark.parametrize("name", ["f{}.png", "shot2-{:04}.png", "f{}.jpg"])
def test_folder_is_read_in_natural_order(tmp_path: Path, name: str) -> None:
    """Frame 2 comes before frame 10."""
    clip = read_clip(write_folder(tmp_path / "clip", [*frames()], name))
    apart = np.abs(clip.frames_THWC.astype(int) - frames())
    assert apart.max() == 0 if name.endswith("png") else apart.mean() < 4
    assert clip.fps is None


def _remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _cut(folder: Path) -> None:
    path = folder / "f5.png"
    path.write_bytes(path.read_bytes()[:-60])


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_remove("f4.png"), "a frame is missing after f3.png"),
        (_cut, "f5.png: cannot be decoded"),
        (lambda folder: Image.fromarray(frames()[0]).save(folder / "f5.jpg"), "several kinds (jpg, png)"),
        (lambda folder: Image.fromarray(frames(1, H, W + 2)[0]).save(folder / "f7.png"), "f7.png: is 66x48 pixels"),
        (lambda folder: Image.new("I;16", (W, H)).save(folder / "f7.png"), "f7.png: is a picture of mode I;16"),
        (lambda folder: (folder / "f7.png").write_bytes(b""), "f7.png: cannot be decoded"),
    ],
    ids=["gap", "cut", "kinds", "size", "16 bit", "empty"],
)
def test_spoilt_folder_is_refused_by_its_picture(tmp_path: Path, spoil: Callable[[Path], None], told: str) -> None:
    """No picture is passed over."""
    folder = write_folder(tmp_path / "clip", [*frames()])
    spoil(folder)
    assert told in refusal(folder)


def test_folder_without_frames_is_refused_and_other_files_are_told(tmp_path: Path) -> None:
    """A folder of videos is no clip; a note beside the frames is told, not read."""
    folder = write_folder(tmp_path / "clip", [*frames()])
    (folder / "notes.txt").write_text("x", encoding="utf-8")
    assert read_clip(folder).notes == ("1 other entries of the folder are no frames",)
    (tmp_path / "empty").mkdir()
    assert "without png or jpg frames" in refusal(tmp_path / "empty")


@pytest.mark.parametrize("module", [arrays, clip_file, frame_folder], ids=lambda module: module.__name__)
def test_examples_run(module: Any) -> None:
    """The docstrings' examples are true."""
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert (result.attempted > 0, result.failed) == (True, 0)
