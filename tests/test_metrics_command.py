"""`python -m fixtures.metrics`: clips of one's own are scored and judged, what cannot be read is told."""

import doctest
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from fixtures.clips import told as told_module
from fixtures.clips.naming import prompts_of
from fixtures.controls import judging
from fixtures.controls.sound import SOUND, make_clip
from fixtures.metrics.__main__ import main
from fixtures.metrics.spec import find_metrics
from tests.test_clip_files import write_folder, write_video
from tests.tiny_networks import write_all

T, H, W = 17, 64, 96
CLEAN = make_clip(SOUND[0], T, H, W)
DEAD = np.full_like(CLEAN, 0)


def npz(path: Path, frames_THWC: "np.ndarray[Any, Any]" = CLEAN, fps: float = 16.0) -> str:
    path.parent.mkdir(exist_ok=True)
    np.savez(path, frames_THWC=frames_THWC, fps=fps)
    return str(path)


def test_sound_clip_passes_with_a_row_a_metric(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every metric has its row or its reason; the limits stand beside the value."""
    assert main([npz(tmp_path / "a.npz")]) == 0
    out = capsys.readouterr().out
    assert f"a.npz: {T} frames of {W}x{H}, 16 frames a second" in out
    assert [name for name in find_metrics() if name not in out] == []
    (row,) = [line.split() for line in out.splitlines() if line.split()[:1] == ["y_std"]]
    assert row[2:] == ["codes", "<", "12", "<", "5", "within"]
    assert out.endswith("1 clip: 0 failed, 0 with warnings, 1 within all limits\n")


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "ffv1"), ("a.gif", "gif")])
def test_every_kind_of_file_is_scored(tmp_path: Path, name: str, codec: str) -> None:
    """Frames of a video, a lossless one and a GIF, whose 256 colours leave traces but must not be refused."""
    pixels = {"libx264": "yuv420p", "ffv1": "bgr0", "gif": "rgb8"}[codec]
    out = tmp_path / "out.json"
    code = main([str(write_video(tmp_path / name, codec, pixels, [*CLEAN])), "--json", str(out)])
    assert code == 0 or name == "a.gif"
    assert json.loads(out.read_bytes())["clips"][0]["frames"] == T


def test_folder_of_frames_is_scored_at_the_given_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder tells no rate: 16 is taken and said, or what `--fps` says."""
    folder = str(write_folder(tmp_path / "clip", [*CLEAN]))
    assert main([folder]) == 0
    assert "note: tells no frame rate: taken as 16 (--fps)" in capsys.readouterr().out
    assert main([folder, "--fps", "24"]) == 0
    told = capsys.readouterr().out
    assert "24 frames a second" in told
    assert "note:" not in told


def test_broken_fail_limit_ends_with_1_and_says_what_it_looks_like(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Black frames: below the limit of spread, by how much, and what one would see."""
    assert main([npz(tmp_path / "a.npz", DEAD)]) == 1
    out = capsys.readouterr().out
    assert (
        "FAIL y_std 0 codes is below its fail limit of 5 codes by 5: nearly one tone: black, white, grey or fog" in out
    )
    assert "1 clip: 1 failed" in out


def test_one_nan_of_floats_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is counted before it becomes a byte."""
    floats = CLEAN.astype(np.float32) / 255
    floats[3, 4, 5, 1] = np.nan
    assert main([npz(tmp_path / "a.npz", floats)]) == 1
    assert "FAIL nonfinite 1 values is above its fail limit of 0 values by 1: NaN or Inf" in capsys.readouterr().out


def test_wrong_number_of_frames_fails_where_a_number_was_given(tmp_path: Path) -> None:
    """One too few and one too many; the very number is within."""
    clip = npz(tmp_path / "a.npz")
    assert [main([clip, "--frames", str(n)]) for n in (T - 1, T, T + 1)] == [1, 0, 1]


def audio(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), dtype=np.float32), format="fltp", layout="stereo")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def truncated(path: Path) -> None:
    write_video(path, "ffv1", "bgr0", [*CLEAN])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def several_sizes(path: Path) -> None:
    write_folder(path, [*CLEAN])
    Image.fromarray(CLEAN[0, :32]).save(path / "f5.png")


BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing.mp4": (lambda _path: None, "no such file or folder"),
    "unreadable.mp4": (lambda path: path.write_bytes(b"no video"), "cannot be read as a video"),
    "unknown.txt": (lambda path: path.write_bytes(b"text"), "is of an unknown kind"),
    "empty.mp4": (lambda path: path.write_bytes(b""), "is empty (0 bytes)"),
    "empty folder": (lambda path: path.mkdir(), "is a folder without png or jpg frames"),
    "one-frame.mkv": (lambda path: write_video(path, "ffv1", "bgr0", [CLEAN[0]]), "holds 1 frame"),
    "zero-size.npz": (lambda path: npz(path, np.zeros((T, 0, W, 3), np.uint8)), "frames are 96x0 pixels"),
    "variable-size": (several_sizes, "f5.png: is 96x32 pixels, the first frame is 96x64"),
    "audio-only.mp4": (audio, "holds no video stream (streams: audio)"),
    "truncated.mkv": (truncated, "copy"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file_is_told_and_the_others_are_scored_all_the_same(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 4, one sentence that names the file, and the sound clip behind it in table and JSON."""
    write, told = BAD_FILES[name]
    write(tmp_path / name)
    out = tmp_path / "out.json"
    assert main([str(tmp_path / name), npz(tmp_path / "b.npz"), "--json", str(out)]) == 4
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert line.startswith(f"python -m fixtures.metrics: {tmp_path / name}: ")
    assert told in line
    assert "b.npz: 17 frames" in printed.out
    assert printed.out.endswith("2 clips: 0 failed, 0 with warnings, 1 within all limits, 1 could not be scored\n")
    written = json.loads(out.read_bytes())
    assert ([clip["path"] for clip in written["clips"]], len(written["not_scored"])) == ([str(tmp_path / "b.npz")], 1)


def test_bad_file_outranks_a_broken_limit(tmp_path: Path) -> None:
    """2 says that not everything was judged."""
    assert main([str(tmp_path / "no.mp4"), npz(tmp_path / "a.npz", DEAD)]) == 4


def test_clip_equal_to_its_reference_is_within_every_margin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The reference may be of another kind of file; distances are told, not judged."""
    long_THWC = make_clip(SOUND[0], 45, H, W)
    write_video(tmp_path / "clip.mkv", "ffv1", "bgr0", [*long_THWC])
    out = tmp_path / "out.json"
    clip = npz(tmp_path / "mine" / "clip.npz", long_THWC)
    assert main([clip, "--against", str(tmp_path), "--json", str(out), "--block-starts", "9,21,33"]) == 0
    told = capsys.readouterr().out
    assert "clip.mkv: MAD 0" in told
    assert "these are not judged" in told
    (beside,) = [clip["against"]["metrics"] for clip in json.loads(out.read_bytes())["clips"]]
    assert {metric["verdict"] for metric in beside} == {"within"}
    assert {metric["metric"] for metric in beside} >= {"chroma_drift", "flow95", "warp_mse", "seam_ratio"}


def test_mild_defect_passes_alone_and_fails_beside_its_reference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half the speed is no defect of a clip; beside the same scene at full speed motion collapsed."""
    npz(tmp_path / "ref" / "a.npz")
    slow = npz(tmp_path / "a.npz", make_clip(SOUND[4], T, H, W))
    assert main([slow]) == 0
    capsys.readouterr()
    assert main([slow, "--against", str(tmp_path / "ref")]) == 1
    assert "FAIL flow95 " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("reference", "told"),
    [(CLEAN[:-1], "the longer clip is never cut"), (CLEAN[:, :48], "only equal shapes"), (DEAD, "the reference fails")],
    ids=["shorter", "smaller", "black"],
)
def test_reference_that_is_no_reference_fails(
    tmp_path: Path, reference: "np.ndarray[Any, Any]", told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another count or size, and one beside which everything would look sound."""
    npz(tmp_path / "ref" / "a.npz", reference)
    assert main([npz(tmp_path / "a.npz"), "--against", str(tmp_path / "ref")]) == 1
    assert told in " ".join(capsys.readouterr().out.split())


def test_missing_doubtful_and_same_references_are_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No folder, nothing of that name, two of that name, the clip itself."""
    clip = npz(tmp_path / "mine" / "a.npz")
    (tmp_path / "none").mkdir()
    two = tmp_path / "two"
    two.mkdir()
    for name in ("a.mp4", "a.gif"):
        (two / name).write_bytes(b"x")
    folders = [tmp_path / "absent", tmp_path / "none", two, tmp_path / "mine"]
    assert [main([clip, "--against", str(folder)]) for folder in folders] == [4] * 4
    errors = capsys.readouterr().err
    for told in ("no such folder", "found: none", "found: a.gif, a.mp4", "is the clip itself"):
        assert told in errors


def test_seams_are_judged_where_blocks_are_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without block starts the metric says that it is not applicable; bad ones are refused."""
    clip = npz(tmp_path / "a.npz", make_clip(SOUND[0], 45, H, W))
    main([clip])
    assert "nobody said where its blocks begin" in capsys.readouterr().out
    main([clip, "--block-starts", "9,21,33"])
    assert "  seam_ratio " in capsys.readouterr().out
    for bad in ("9,9", "0,9", "21,9", "x"):
        with pytest.raises(SystemExit, match="4"):
            main([clip, "--block-starts", bad])


def test_metric_of_ones_own_is_applied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its limits judge, too; a file that is none is bad input before anything is read."""
    own = tmp_path / "my.py"
    own.write_text(
        "from fixtures.metrics.spec import Metric\nfrom reports.judged import Limits\n"
        "METRIC = Metric(id='my', unit='1', better='lower', judges_content=True, measure=lambda clip: 3.0,\n"
        "    source='here', limits=Limits(source='here', looks_like='mine', fail_above=2.0))\n",
        encoding="utf-8",
    )
    clip = npz(tmp_path / "a.npz")
    assert main([clip, "--metric", str(own)]) == 1
    assert "FAIL my 3 is above its fail limit of 2 by 1: mine" in capsys.readouterr().out
    assert main([clip, "--metric", str(tmp_path / "no.py")]) == 4


def test_learned_scorers_take_the_prompt_of_the_clips_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With tiny networks there are numbers; what is not on this machine says so and fails nothing."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    weights = write_all(tmp_path / "learned")
    prompts, out = tmp_path / "prompts.json", tmp_path / "out.json"
    clip = npz(tmp_path / "a.npz")
    values = []
    for text in ("a dog", "blue rain"):
        prompts.write_text(json.dumps({"a": text}), encoding="utf-8")
        words = ["--learned", "--learned-weights", str(weights), "--prompts", str(prompts), "--json", str(out)]
        assert main([clip, *words]) == 0
        found = {metric["id"]: metric for metric in json.loads(out.read_bytes())["clips"][0]["metrics"]}
        values.append(found["clip_text_alignment"]["value"])
    assert values[0] != values[1]
    assert found["imaging_quality"]["value"] is None
    assert found["imaging_quality"]["reason"] in capsys.readouterr().out


def test_prompt_of_the_whole_file_name_goes_before_that_of_its_stem() -> None:
    """Two clips of one stem may have two prompts."""
    prompts = {"a": "a dog", "a.mp4": "a cat"}
    assert prompts_of([Path("x/a.mp4"), Path("a.gif")], prompts) == {
        Path("x/a.mp4"): "a cat",
        Path("a.gif"): "a dog",
    }
    assert prompts_of([Path("a.mp4")], {"a.mp4": "a cat"}) == {Path("a.mp4"): "a cat"}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("p.json", '{"b": "a dog"}', "no prompt for a.npz; the file has prompts for: b"),
        ("p.json", '["a dog"]', "an object of names and prompts is needed"),
        ("p.json", "{", "cannot be read as JSON"),
        ("p.txt", "a dog", "name a json or toml file"),
        ("p.toml", "prompts = 3", "p.toml"),
    ],
)
def test_prompts_that_do_not_fit_are_bad_input(
    tmp_path: Path, name: str, text: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence before anything is scored."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert main([npz(tmp_path / "a.npz"), "--prompts", str(tmp_path / name)]) == 4
    printed = capsys.readouterr()
    assert told in printed.err
    assert printed.out == ""


def test_options_that_cannot_be_are_refused_before_anything_is_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that is not there would cost all the work at the end."""
    clip = npz(tmp_path / "a.npz")
    assert main([clip, "--json", str(tmp_path / "no" / "out.json")]) == 4
    assert main([clip, "--learned", "--learned-weights", str(tmp_path / "no")]) == 4
    assert capsys.readouterr().out == ""
    for words in (["--fps", "nan"], ["--fps", "0"], ["--frames", "0"], []):
        with pytest.raises(SystemExit, match="4"):
            main([clip, *words] if words else [])


def test_examples_in_the_docstrings_hold() -> None:
    """How limits are written, and where blocks begin."""
    results = [doctest.testmod(module) for module in (told_module, judging)]
    assert [(found.failed, found.attempted > 0) for found in results] == [(0, True)] * 2
