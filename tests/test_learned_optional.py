"""Scorers that need packages of their own: not needed by default, and right where the packages are (stand-ins here)."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from fixtures.controls.sound import SOUND, make_clip
from fixtures.learned.finding import find_scorers
from fixtures.learned.motion import fast_length, moves, sampling_step, speed
from fixtures.learned.networks import WeightsFileError
from fixtures.learned.perceptual_distance import lpips, perceptual_distances, unavailable_distance
from fixtures.learned.places import unavailable
from fixtures.learned.scene import Scene
from fixtures.learned.spec import apply_scorer
from fixtures.metrics.__main__ import main as score_clips
from fixtures.paired.__main__ import described, line_of
from tests.reports_samples import case_of, planned
from tests.running import ROOT

STAND_INS = ROOT / "tests" / "examples" / "stand_in_packages"
NAMES = ("torchvision", "pyiqa")
SCORERS = find_scorers()
LPIPS = importlib.import_module("torchmetrics.functional.image.lpips")  # while no stand-in is in its way
ACCEPTED = "PolyForm-Noncommercial-1.0.0"


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the stand-ins where the packages would be, for one test."""
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in NAMES}
    for name in before:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(STAND_INS)
    monkeypatch.setattr(LPIPS, "_TORCHVISION_AVAILABLE", True)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] in NAMES]:
        del sys.modules[name]


def grey_clip(*levels: int, height: int = 20, width: int = 30) -> torch.Tensor:
    """Give frames [T,3,H,W] of one level each."""
    return torch.tensor(levels, dtype=torch.uint8).reshape(-1, 1, 1, 1).repeat(1, 3, height, width)


def scene(folder: Path, frames_TCHW: torch.Tensor, fps: float = 16) -> Scene:
    return Scene(frames_TCHW=frames_TCHW, fps=fps, prompt="a dog", weights_dir=folder)


@pytest.fixture
def raft_dir(tmp_path: Path) -> Path:
    """Write weights with which a change of all 255 levels is a flow of 255 pixels."""
    torch.save({"gain": torch.tensor([127.5])}, tmp_path / "raft_large_C_T_V2.pth")
    return tmp_path


@pytest.mark.usefixtures("packages")
def test_raft_motion_is_in_short_sides_a_second(raft_dir: Path) -> None:
    """Sampled every other frame at 16 fps: 8 pixels in 1/8 s on a short side of 20 are 3.2 short sides a second."""
    clip = scene(raft_dir, grey_clip(0, 99, 8, 99, 16, 99, 24))
    assert unavailable(SCORERS["raft_motion"], raft_dir) == ""
    value, reason = apply_scorer(SCORERS["raft_motion"], clip)
    assert value == pytest.approx(8 / 20 * 8, rel=1e-4), reason
    assert apply_scorer(SCORERS["dynamic_degree"], clip) == (1.0, "")


@pytest.mark.usefixtures("packages")
def test_still_clip_does_not_move(raft_dir: Path) -> None:
    """No flow, no motion, degree 0; a clip of one sampled frame has no answer."""
    assert apply_scorer(SCORERS["raft_motion"], scene(raft_dir, grey_clip(7, 7, 7))) == (0.0, "")
    assert apply_scorer(SCORERS["dynamic_degree"], scene(raft_dir, grey_clip(7, 7, 7))) == (0.0, "")
    for name in ("raft_motion", "dynamic_degree"):
        value, reason = apply_scorer(SCORERS[name], scene(raft_dir, grey_clip(7, 9)))
        assert value is None
        assert "needs at least 2 sampled frames" in reason


@pytest.mark.parametrize(("length", "answer"), [(11.25, False), (11.26, True)])
def test_dynamic_degree_at_its_threshold(length: float, answer: bool) -> None:
    """480 px, 81 frames at 16 fps: more than 11.25 px in 10 of 40 pairs; equal does not count, and 9 do not do."""
    assert moves([length] * 10 + [0.0] * 30, short_side=480) is answer
    assert moves([length] * 9 + [0.0] * 31, short_side=480) is False


def test_fast_length_is_that_of_the_largest_twentieth() -> None:
    """Of 40 pixels two; of fewer than twenty one."""
    lengths = torch.zeros(5, 8)
    lengths[2, 3], lengths[4, 7], lengths[0, 0] = 4.0, 8.0, 1.0
    assert fast_length(lengths) == 6.0
    assert fast_length(lengths.T) == 6.0
    assert fast_length(torch.tensor([[1.0, 3.0]])) == 3.0


def test_speed_does_not_depend_on_size_or_rate() -> None:
    """Twice the pixels at twice the size, half the pixels at twice the rate: the same motion."""
    assert speed([3.0], short_side=240, pairs_per_s=8) == speed([6.0], short_side=480, pairs_per_s=8)
    assert speed([3.0], short_side=240, pairs_per_s=8) == speed([1.5], short_side=240, pairs_per_s=16)
    assert sampling_step(16) == 2


@pytest.mark.usefixtures("packages")
def test_imaging_quality_needs_its_licence_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With package and weights there, and no word of the user: not available; any other word is none."""
    torch.save({"params": {"gain": torch.tensor([50.0])}}, tmp_path / "musiq_spaq_ckpt-358bb6af.pth")
    scorer = SCORERS["imaging_quality"]
    for word in ("", "yes"):
        monkeypatch.setenv("PYIQA_LICENCE", word)
        assert f"PYIQA_LICENCE={ACCEPTED}" in unavailable(scorer, tmp_path)
    monkeypatch.setenv("PYIQA_LICENCE", ACCEPTED)
    assert unavailable(scorer, tmp_path) == ""
    # White rates 50, black 0: 0.25 on average; the long side of 1024 is shrunk, which the stand-in checks.
    value, reason = apply_scorer(scorer, scene(tmp_path, grey_clip(255, 0, height=4, width=1024)))
    assert value == pytest.approx(0.25), reason


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("name", ["raft_motion", "imaging_quality"])
def test_weights_of_another_network_are_told(tmp_path: Path, name: str) -> None:
    """The file's name is right and its content is not."""
    scorer = SCORERS[name]
    torch.save({"other": torch.ones(1)}, tmp_path / scorer.weights[0].name)
    value, reason = apply_scorer(scorer, scene(tmp_path, grey_clip(1, 2, 3)))
    assert value is None
    assert "WeightsFileError" in reason
    assert scorer.weights[0].name in reason


def write_alexnet(folder: Path) -> Path:
    from torchvision.models import alexnet

    torch.manual_seed(0)
    path = folder / "alexnet-owt-7be5be79.pth"
    torch.save(alexnet().state_dict(), path)
    return path


@pytest.mark.usefixtures("packages")
def test_lpips_is_zero_for_equal_clips_and_symmetric(tmp_path: Path) -> None:
    """A frame each, with the file's own AlexNet; torchmetrics brings the heads."""
    path = write_alexnet(tmp_path)
    assert unavailable_distance(tmp_path) == ""
    torch.manual_seed(1)
    noise = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    grey = grey_clip(0, 100, 200, height=64, width=64)
    assert perceptual_distances(noise, noise, path) == [0.0, 0.0, 0.0]
    there, back = perceptual_distances(noise, grey, path), perceptual_distances(grey, noise, path)
    assert there == pytest.approx(back)
    assert min(there) > 0.01


@pytest.mark.usefixtures("packages")
def test_lpips_takes_its_weights_from_the_file(tmp_path: Path) -> None:
    """Twice the same, although torchmetrics draws random ones first; a file that lacks a layer is refused."""
    path = write_alexnet(tmp_path)
    noise, grey = grey_clip(0, 200, height=64, width=64), grey_clip(50, 60, height=64, width=64)
    assert perceptual_distances(noise, grey, path) == perceptual_distances(noise, grey, path)
    state = torch.load(path)
    del state["features.3.weight"]
    torch.save(state, path)
    with pytest.raises(WeightsFileError, match=r"features\.3\.weight is missing"):
        perceptual_distances(noise, grey, path)


@pytest.mark.usefixtures("packages")
def test_lpips_is_told_beside_the_other_distances_of_clips_of_ones_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By both commands, with the worst frame, and never judged; damaged weights cost it alone."""
    weights = write_alexnet(tmp_path)
    others = tmp_path / "others"
    others.mkdir()
    clips = [make_clip(sound, 5, 96, 128) for sound in SOUND[:2]]
    for folder, frames_THWC in zip((tmp_path, others), clips, strict=True):
        np.savez(folder / "a.npz", frames_THWC)
    mine, other = (torch.from_numpy(frames_THWC).permute(0, 3, 1, 2) for frames_THWC in clips)
    distances = perceptual_distances(mine, other, weights)
    worst = max(range(5), key=distances.__getitem__)
    words = [str(tmp_path / "a.npz"), "--against", str(others), "--learned-weights", str(tmp_path)]
    score_clips([*words, "--json", str(tmp_path / "out.json")])
    assert f"LPIPS {sum(distances) / 5:.4g} (most {max(distances):.4g})" in capsys.readouterr().out
    (told,) = [
        one
        for one in json.loads((tmp_path / "out.json").read_bytes())["clips"][0]["against"]["distances"]
        if one["id"] == "lpips"
    ]
    assert told["worst_frame"] == worst
    assert told["per_frame"] == pytest.approx(distances, rel=1e-5)
    models = {"causvid-1.3b": tmp_path, "wan2.1-t2v-1.3b": others}
    student, teacher = ((folder, case_of(planned(model), 4.0, video="a.npz")) for model, folder in models.items())
    assert f"LPIPS {sum(distances) / 5:.4g}" in line_of(described(student, teacher, None, tmp_path))
    weights.write_bytes(b"no weights")
    broken = lpips(mine, other, tmp_path, "cpu")
    assert (broken.value, broken.not_applicable) == (None, False)
    assert broken.reason.startswith("LPIPS raised WeightsFileError")


@pytest.mark.parametrize("other", [grey_clip(1), grey_clip(1, 2).float(), grey_clip(1, 2, width=31)])
def test_lpips_refuses_clips_that_are_no_pair(tmp_path: Path, other: torch.Tensor) -> None:
    """A clip that lacks frames is not compared by those that it has."""
    with pytest.raises(ValueError, match="LPIPS compares uint8 clips of one shape"):
        perceptual_distances(grey_clip(1, 2), other, tmp_path / "absent")


def test_lpips_without_torchvision_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With it and without AlexNet's weights, too."""
    monkeypatch.setattr("fixtures.learned.perceptual_distance.find_spec", lambda _name: None)
    assert "not available: needs the package torchvision" in unavailable_distance(tmp_path)
    monkeypatch.setattr("fixtures.learned.perceptual_distance.find_spec", lambda _name: "found")
    assert "not available: alexnet-owt-7be5be79.pth (BSD-3-Clause) is not on this machine" in unavailable_distance(None)
