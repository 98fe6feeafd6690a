"""Continuing a clip: what is read of its file, what is refused, and what the result holds."""

from fractions import Fraction
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
import torch

from fixtures.choice import _refuse_changed_clips
from fixtures.media import file_sha256
from fixtures.suite import SuiteError
from models import causvid_tiny, causvid_tiny_bidirectional, wan21_t2v_tiny
from models.causal.pipeline import FewStepPipeline
from models.causal.start_clip import read_start_clip
from models.spec import Recipe, RequestError
from models.wan.decode import StreamingDecoder, to_uint8
from models.wan.encode import FrameEncoder
from tests.recording_probe import RecordingProbe
from tests.reports_samples import planned
from tests.test_bad_input import SUITE
from tests.test_causal_rules import request_of
from tests.test_suite import cases_of


def write_clip(path: Path, frames: int = 12, size: tuple[int, int] = (64, 64)) -> np.ndarray:
    """Write random frames_THWC without loss."""
    frames_THWC = np.random.default_rng(3).integers(0, 256, (frames, size[1], size[0], 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=Fraction(16))
        stream.width, stream.height, stream.pix_fmt = *size, "rgb24"
        for frame_HWC in frames_THWC:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame_HWC, format="rgb24")))
        container.mux(stream.encode(None))
    return frames_THWC


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a clip of twelve frames of 64 x 64."""
    path = tmp_path_factory.mktemp("clip") / "a clip.mov"
    write_clip(path)
    return path


@pytest.fixture(scope="module")
def pipeline() -> FewStepPipeline:
    """Load the tiny causal model once."""
    recipe = Recipe(model="causvid-tiny", weights="tiny", device="cpu", **causvid_tiny.MODEL.published_recipe)  # type: ignore[arg-type]
    loaded = causvid_tiny.load(recipe)
    assert isinstance(loaded, FewStepPipeline)
    return loaded


def test_last_frames_are_read_as_they_are(tmp_path: Path) -> None:
    """Of twelve frames the last nine, in order, byte for byte."""
    frames_THWC = write_clip(tmp_path / "clip.mov")
    found = read_start_clip(request_of(causvid_tiny.MODEL, start_clip=str(tmp_path / "clip.mov")), 9)
    assert np.array_equal(found, frames_THWC[3:])


def test_result_begins_with_the_clips_end_and_goes_on(clip: Path, pipeline: FewStepPipeline) -> None:
    """Nine frames are the clip's last nine through the VAE, one forward fills the cache, then blocks are generated."""
    request, probe = request_of(causvid_tiny.MODEL, frames=33, start_clip=str(clip)), RecordingProbe()
    causvid_tiny.MODEL.check(request)
    noise = pipeline.draw_noise(request)
    chunks = list(pipeline.generate(request, noise, probe))
    assert [chunk.shape[1] for chunk in chunks] == [9, 12, 12]
    vae = pipeline._components.vae
    with torch.no_grad():
        latents_BCFHW = FrameEncoder(vae).encode(noise[-1])
        assert latents_BCFHW.shape[2] == 3
        assert torch.equal(chunks[0], to_uint8(StreamingDecoder(vae).push(latents_BCFHW), RecordingProbe()))
    assert [event for event in probe.events if "step" in event] == [f"step {n}/8" for n in range(1, 9)]
    assert probe.events[2:6] == ["encode_clip begins", "encode_clip ends", "denoise begins", "denoise ends"]
    assert causvid_tiny.MODEL.work is not None
    assert pipeline.facts(request).forwards == 8 == causvid_tiny.MODEL.work(request).forwards


def test_what_follows_depends_on_the_clip(clip: Path, tmp_path: Path, pipeline: FewStepPipeline) -> None:
    """Another clip's end, and the same noise, give other frames; the noise is that of the same request without one."""
    request = request_of(causvid_tiny.MODEL, start_clip=str(clip))
    write_clip(tmp_path / "other.mov", frames=10)
    other = msgspec.structs.replace(request, start_clip=str(tmp_path / "other.mov"))
    made = [list(pipeline.generate(r, pipeline.draw_noise(r), RecordingProbe()))[1] for r in (request, request, other)]
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
    plain = pipeline.draw_noise(msgspec.structs.replace(request, start_clip=""))
    assert torch.equal(pipeline.draw_noise(request)[0], plain[0])


def test_each_unusable_file_is_refused_by_name(tmp_path: Path) -> None:
    """Missing, no video, cut off, another size, one frame too few; nine of the right size are enough."""
    write_clip(tmp_path / "short.mov", frames=8)
    write_clip(tmp_path / "wide.mov", size=(96, 64))
    write_clip(tmp_path / "enough.mov", frames=9)
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "cut.mov").write_bytes((tmp_path / "enough.mov").read_bytes()[:3000])
    for name, said in {
        "none.mp4": "no such file",
        "text.mp4": "cannot be decoded as a video",
        "cut.mov": "cannot be decoded as a video",
        "wide.mov": "is 96x64 pixels, but the request is for 64x64",
        "short.mov": "has 8 frames, at least 9 are needed",
    }.items():
        with pytest.raises(RequestError, match=rf"^start_clip .*{name}: {said}"):
            causvid_tiny.MODEL.check(request_of(causvid_tiny.MODEL, start_clip=str(tmp_path / name)))
    causvid_tiny.MODEL.check(request_of(causvid_tiny.MODEL, start_clip=str(tmp_path / "enough.mov")))


def test_request_of_nothing_but_the_clip_is_refused(clip: Path) -> None:
    """Nine frames would be the start clip again."""
    with pytest.raises(RequestError, match="frames is 9, but must be more than the 9 that a start clip gives"):
        causvid_tiny.MODEL.check(request_of(causvid_tiny.MODEL, frames=9, start_clip=str(clip)))


@pytest.mark.parametrize("model", [causvid_tiny_bidirectional.MODEL, wan21_t2v_tiny.MODEL], ids=lambda model: model.id)
def test_models_that_cannot_go_on_refuse(model: object, clip: Path) -> None:
    """A bidirectional model has no past to start from."""
    with pytest.raises(RequestError, match=r"start_clip.* must be empty"):
        model.check(request_of(model, start_clip=str(clip)))  # type: ignore[attr-defined, arg-type]


def test_path_in_a_suite_is_relative_to_its_file(tmp_path: Path) -> None:
    """The record holds the path that was found, and the file's hash; another recipe's values say where from."""
    write_clip(tmp_path / "beside.mov")
    suite = tmp_path / "my.toml"
    suite.write_text(SUITE.replace("frames = 9", 'frames = 21\nstart_clip = "beside.mov"'))
    (case,) = cases_of(str(suite))
    assert case.request.start_clip == str(tmp_path / "beside.mov")
    assert case.request.start_clip_sha256 == file_sha256(tmp_path / "beside.mov")
    assert case.sources["start_clip"] == "setting small"


def test_path_on_the_command_line_is_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--set start_clip=FILE means the file that the shell would list; one that is missing ends the session early."""
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "here.mov", size=(96, 64))
    options = {"models": ("causvid-tiny",), "settings": ("96p21",)}
    case = cases_of("tiny", **options, sweeps=("start_clip=here.mov",))[0]
    assert case.request.start_clip == str(tmp_path / "here.mov")
    with pytest.raises(SuiteError, match=r"--set start_clip=none.mov with causvid-tiny: start_clip .*: no such file"):
        cases_of("tiny", **options, sweeps=("start_clip=none.mov",))


def test_resumed_run_wants_the_clip_that_was_planned(tmp_path: Path) -> None:
    """The same file is accepted; another content under its name, or none, is not."""
    path, case = tmp_path / "clip.mov", planned()
    write_clip(path)
    held = msgspec.structs.replace(case.request, start_clip=str(path), start_clip_sha256=file_sha256(path))
    cases = [case, msgspec.structs.replace(case, request=held)]
    _refuse_changed_clips(cases)
    write_clip(path, frames=11)
    with pytest.raises(SuiteError, match=r"--resume: start_clip .*clip.mov is gone or was changed"):
        _refuse_changed_clips(cases)
    path.unlink()
    with pytest.raises(SuiteError, match="is gone"):
        _refuse_changed_clips(cases)
