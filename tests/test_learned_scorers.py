"""Learned scorers: formulas worked out by hand, tiny networks on real code paths, and what lacks is told beforehand."""

import doctest
import importlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.learned.aesthetic_quality import aesthetic
from fixtures.learned.clip_text_alignment import text_alignment
from fixtures.learned.consistency import consistency
from fixtures.learned.finding import HERE, find_scorers, refuse_unavailable
from fixtures.learned.networks import WeightsFileError, clip_features, dino_features, read_tensors
from fixtures.learned.places import MissingWeightsError, locate, unavailable
from fixtures.learned.preprocess import for_clip, for_dino, short_side_to
from fixtures.learned.scene import Scene
from fixtures.learned.spec import Scored, Scorer, apply_scorer
from tests.running import ROOT
from tests.tiny_networks import moving_clip, write_all, write_dino

SCORERS = find_scorers()
LOCAL = ["aesthetic_quality", "background_consistency", "clip_text_alignment", "subject_consistency"]
MODULES = [path.stem for path in sorted(HERE.glob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]


@pytest.fixture(scope="module")
def weights_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write tiny networks once."""
    return write_all(tmp_path_factory.mktemp("learned"))


@pytest.fixture(autouse=True)
def empty_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Look for hub weights in an empty cache: what lies on this machine must not decide a test."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("PYIQA_LICENCE", raising=False)
    return tmp_path / "hub"


def scene(weights_dir: Path | None, frames_TCHW: torch.Tensor | None = None, prompt: str = "a dog runs") -> Scene:
    frames_TCHW = moving_clip() if frames_TCHW is None else frames_TCHW
    return Scene(frames_TCHW=frames_TCHW, fps=16, prompt=prompt, weights_dir=weights_dir)


def scored(name: str, of: Scene) -> float:
    value, note = apply_scorer(SCORERS[name], of)
    assert value is not None, note
    return value


@pytest.mark.parametrize("name", MODULES)
def test_every_worked_example_holds(name: str) -> None:
    """The examples in the modules' docstrings are run."""
    result = doctest.testmod(importlib.import_module(f"fixtures.learned.{name}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_the_set_has_its_scorers_and_each_says_what_it_cannot_see() -> None:
    """Ids are unique and stable: records are compared by them."""
    assert list(SCORERS) == sorted([*LOCAL, "dynamic_degree", "imaging_quality", "raft_motion"])
    for scorer in SCORERS.values():
        assert all((scorer.definition, scorer.source, scorer.cannot_see, scorer.unit, scorer.weights))
        assert scorer.least < scorer.most


@pytest.mark.parametrize(
    ("features", "value"),
    [
        ([[1, 0], [1, 0], [1, 0]], 1.0),
        ([[1, 0], [0, 1]], 0.0),
        ([[1, 0], [-1, 0]], 0.0),  # opposite counts as unrelated
        ([[1, 0], [0, 1], [1, 0]], 0.25),  # t=1: 0, 0; t=2: 0 to the last, 1 to the first
        ([[3, 4], [8, 6]], 0.96),  # 48 / 50 twice
        ([[5, 0], [3, 4], [0, 2]], (0.6 + 0.4) / 2),  # t=1: 0.6, 0.6; t=2: 0.8, 0
    ],
)
def test_consistency_is_the_mean_agreement_with_the_last_and_the_first(
    features: list[list[float]], value: float
) -> None:
    """By hand; the length of a feature does not matter."""
    assert consistency(torch.tensor(features, dtype=torch.float32)) == pytest.approx(value, abs=1e-7)


@pytest.mark.parametrize("features", [[[1.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]], []])
def test_consistency_of_too_few_or_empty_features_is_refused(features: list[list[float]]) -> None:
    """One frame agrees with nothing, and no direction with none: neither is 1.0."""
    with pytest.raises(ValueError, match=r"at least 2 frames, the clip has \d|no direction"):
        consistency(torch.tensor(features).reshape(-1, 2))


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.floats(0.1, 10)] * 3), min_size=2, max_size=6), st.floats(0.5, 3))
def test_consistency_stays_in_range_and_ignores_scale(rows: list[tuple[float, ...]], factor: float) -> None:
    """Range 0 to 1; multiplying all features changes nothing."""
    features_TD = torch.tensor(rows, dtype=torch.float64)
    value = consistency(features_TD)
    assert -1e-9 <= value <= 1 + 1e-9
    assert consistency(features_TD * factor) == pytest.approx(value, abs=1e-9)


def test_text_alignment_keeps_negative_frames() -> None:
    """100 and -100 are 0 on average; a clamp a frame would say 50."""
    assert text_alignment(torch.tensor([[2.0, 0.0], [-1.0, 0.0]]), torch.tensor([3.0, 0.0])) == pytest.approx(0)


def test_aesthetic_head_sees_the_direction_alone() -> None:
    """(0.6 · 10 + 0.8 · 5 + 2) / 10 = 1.2, whatever the feature's length; frames are averaged."""
    weight, bias = torch.tensor([10.0, 5.0]), torch.tensor(2.0)
    assert aesthetic(torch.tensor([[3.0, 4.0]]), weight, bias) == pytest.approx(1.2)
    assert aesthetic(torch.tensor([[300.0, 400.0], [1.0, 0.0]]), weight, bias) == pytest.approx(1.2)


def test_resizing_takes_bytes_alone() -> None:
    """Floats in 0..1 would give a plausible wrong number, without an error."""
    with pytest.raises(TypeError, match=r"frames are torch\.float32; the networks need uint8"):
        short_side_to(torch.rand(2, 3, 8, 8), 4, "bilinear")
    for shape in ((2, 1, 8, 8), (0, 3, 8, 8), (3, 8, 8)):
        with pytest.raises(ValueError, match=r"needed is \[T,3,H,W\]"):
            short_side_to(torch.zeros(shape, dtype=torch.uint8), 4, "bilinear")


def test_frames_are_normalised_as_the_networks_learned() -> None:
    """White through CLIP: (1 - mean) / deviation, a channel at a time; DINO by ImageNet's, and without a crop."""
    white = torch.full((1, 3, 64, 128), 255, dtype=torch.uint8)
    assert for_clip(white, 32).shape == (1, 3, 32, 32)
    assert for_clip(white, 32)[0, :, 5, 5].tolist() == pytest.approx([1.9303, 2.0749, 2.1459], abs=1e-4)
    assert for_dino(white, 32).shape == (1, 3, 32, 64)
    assert for_dino(white, 32)[0, :, 5, 5].tolist() == pytest.approx([2.2489, 2.4286, 2.6400], abs=1e-4)


def test_bicubic_overshoot_is_kept_as_upstream_keeps_it() -> None:
    """An edge between black and white leaves 0..255: clamping would make another score than the published."""
    edge = torch.zeros(1, 3, 40, 40, dtype=torch.uint8)
    edge[..., 20:] = 255
    resized = short_side_to(edge, 24, "bicubic")
    assert float(resized.min()) < 0
    assert float(resized.max()) > 255


@pytest.mark.parametrize("name", LOCAL)
def test_scorer_gives_a_number_in_its_range_from_local_weights(weights_dir: Path, name: str) -> None:
    """Tiny networks with random weights, the same code as with real ones; the same clip scores the same again."""
    value = scored(name, scene(weights_dir))
    assert SCORERS[name].least <= value <= SCORERS[name].most
    assert scored(name, scene(weights_dir)) == value


def test_frozen_clip_is_perfectly_consistent_and_a_moving_one_is_not(weights_dir: Path) -> None:
    """What the scorers say that they cannot see: 1.0 for a frozen clip, also for a black one."""
    frozen = moving_clip()[:1].repeat(5, 1, 1, 1)
    for name in ("background_consistency", "subject_consistency"):
        for still in (frozen, torch.zeros_like(frozen)):
            assert scored(name, scene(weights_dir, still)) == pytest.approx(1.0, abs=1e-6)
        assert scored(name, scene(weights_dir)) < 0.9999


def test_order_of_frames_is_invisible_to_single_frame_scores(weights_dir: Path) -> None:
    """A reversed clip has the same alignment and aesthetics, and another consistency."""
    forward, backward = scene(weights_dir), scene(weights_dir, moving_clip().flip(0))
    for name in ("clip_text_alignment", "aesthetic_quality"):
        assert scored(name, backward) == pytest.approx(scored(name, forward), abs=1e-5)
    assert scored("background_consistency", backward) != scored("background_consistency", forward)


def test_chunks_give_what_the_whole_gives(weights_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded by the chunk, the features are the same."""
    whole = scene(weights_dir).dino_TD
    monkeypatch.setattr("fixtures.learned.networks.CHUNK_FRAMES", 2)
    assert torch.allclose(scene(weights_dir).dino_TD, whole, atol=1e-6)


def test_long_prompt_is_cut_and_told(weights_dir: Path) -> None:
    """77 tokens with both marks are read in full, 78 are not; the end mark stays, so the beginning still counts."""
    fits, over = scene(weights_dir, prompt="a " * 75), scene(weights_dir, prompt="a " * 76)
    assert apply_scorer(SCORERS["clip_text_alignment"], fits)[1] == ""
    value, note = apply_scorer(SCORERS["clip_text_alignment"], over)
    assert note == "the prompt has more than 77 tokens; CLIP read its beginning"
    assert value == pytest.approx(scored("clip_text_alignment", fits), abs=1e-4)


def test_prompt_matters(weights_dir: Path) -> None:
    """Another text, another number."""
    assert scored("clip_text_alignment", scene(weights_dir)) != scored(
        "clip_text_alignment", scene(weights_dir, prompt="nothing of the kind")
    )


@pytest.mark.parametrize("name", sorted(SCORERS))
def test_scorer_without_weights_says_what_to_do(name: str, tmp_path: Path) -> None:
    """Never a download: the reason names what lacks and the next step."""
    for folder in (None, tmp_path):
        reason = unavailable(SCORERS[name], folder)
        assert reason.startswith("not available: ")
        assert any(step in reason for step in ("hf download", "get it", "install", "save torchvision's", "="))


def test_asked_for_by_name_is_an_error_that_names_all_that_lacks(weights_dir: Path, tmp_path: Path) -> None:
    """Before any work, and with every reason at once; what is there is no error."""
    refuse_unavailable(LOCAL, weights_dir)
    with pytest.raises(MissingWeightsError, match=r"subject_consistency: not available: dino-vitb16 .*; clip_text_al"):
        refuse_unavailable(["subject_consistency", "clip_text_alignment"], tmp_path)
    with pytest.raises(MissingWeightsError, match=r"unknown scorer 'fvd'; known: aesthetic_quality, "):
        refuse_unavailable(["fvd"], weights_dir)


def test_folder_that_lacks_a_file_is_not_taken(weights_dir: Path, tmp_path: Path) -> None:
    """A tokenizer without its merges would read prompts wrongly; an empty file is a download that has just begun."""
    scorer = SCORERS["clip_text_alignment"]
    folder = tmp_path / "clip-vit-base-patch32"
    shutil.copytree(weights_dir / "clip-vit-base-patch32", folder)
    assert unavailable(scorer, tmp_path) == ""
    (folder / "tokenizer.json").unlink()
    assert unavailable(scorer, tmp_path) == ""
    (folder / "merges.txt").unlink()
    assert "it lacks tokenizer.json or merges.txt" in unavailable(scorer, tmp_path)
    (folder / "model.safetensors").write_bytes(b"")
    assert "model.safetensors or pytorch_model.bin" in unavailable(scorer, tmp_path)


def test_hub_cache_is_looked_into(weights_dir: Path, empty_hub: Path) -> None:
    """Without a folder of the user's, the hub's cache has them; the user's folder goes first."""
    snapshot = empty_hub / "models--facebook--dino-vitb16" / "snapshots" / ("c" * 40)
    shutil.copytree(weights_dir / "dino-vitb16", snapshot)
    (empty_hub / "models--facebook--dino-vitb16" / "refs").mkdir()
    (empty_hub / "models--facebook--dino-vitb16" / "refs" / "main").write_text("c" * 40)
    (dino,) = SCORERS["subject_consistency"].weights
    assert locate(dino, None) == snapshot
    assert locate(dino, weights_dir) == weights_dir / "dino-vitb16"
    assert scored("subject_consistency", scene(None)) == scored("subject_consistency", scene(weights_dir))


def test_pickled_weights_are_read_as_tensors_and_never_as_code(weights_dir: Path, tmp_path: Path) -> None:
    """The hub's older repositories hold `pytorch_model.bin`; one that would run code is refused, by the same reader."""
    folder = tmp_path / "dino"
    shutil.copytree(weights_dir / "dino-vitb16", folder)
    state = read_tensors(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin")
    frames = moving_clip()
    assert torch.equal(dino_features(folder, frames, "cpu"), dino_features(weights_dir / "dino-vitb16", frames, "cpu"))
    torch.save({"weight": Malicious(tmp_path / "ran")}, folder / "pytorch_model.bin")
    with pytest.raises(Exception, match=r"(?i)weights.only|cannot be loaded"):
        dino_features(folder, frames, "cpu")
    with pytest.raises(WeightsFileError, match=r"pytorch_model\.bin: holds more than plain tensors"):
        read_tensors(folder / "pytorch_model.bin")
    assert not (tmp_path / "ran").exists()


class Malicious:
    """Writes a file when it is unpickled as code."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_checkpoint_that_lacks_a_weight_is_refused(weights_dir: Path, tmp_path: Path) -> None:
    """What transformers lacks it draws at random, and goes on: the score would look like any other."""
    folder = tmp_path / "dino"
    shutil.copytree(weights_dir / "dino-vitb16", folder)
    from safetensors.torch import save_file

    state = read_tensors(folder / "model.safetensors")
    del state["embeddings.cls_token"]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsFileError, match=r"1 of its weights are missing .* embeddings\.cls_token"):
        dino_features(folder, moving_clip(), "cpu")


def test_weights_of_another_network_are_refused(weights_dir: Path, tmp_path: Path) -> None:
    """A folder with the right name and another network in it."""
    write_dino(tmp_path / "clip-vit-base-patch32")
    shutil.copy(weights_dir / "clip-vit-base-patch32" / "tokenizer.json", tmp_path / "clip-vit-base-patch32")
    with pytest.raises(WeightsFileError, match="clip-vit-base-patch32"):
        clip_features(tmp_path / "clip-vit-base-patch32", moving_clip(), "a dog", "cpu")


def test_head_that_does_not_fit_is_told(weights_dir: Path, tmp_path: Path) -> None:
    """The head of ViT-B/32 (512 inputs) on ViT-L/14 (768) is the likely mistake."""
    shutil.copytree(weights_dir, tmp_path / "all")
    torch.save(torch.nn.Linear(5, 1).state_dict(), tmp_path / "all" / "sa_0_4_vit_l_14_linear.pth")
    value, reason = apply_scorer(SCORERS["aesthetic_quality"], scene(tmp_path / "all"))
    assert value is None
    assert "needed is a linear layer from 8 to 1" in reason


@pytest.mark.parametrize("content", [b"", b"not a pickle", json.dumps({"a": 1}).encode()])
def test_broken_file_of_weights_is_named(tmp_path: Path, content: bytes) -> None:
    """The message says which file."""
    for name in ("head.pth", "head.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsFileError, match=name):
            read_tensors(tmp_path / name)


def test_wrapped_state_dict_is_unwrapped(tmp_path: Path) -> None:
    """Training programs save `{"params": {...}}`; what is no state dict at all is refused."""
    torch.save({"params": {"w": torch.ones(2)}}, tmp_path / "a.pth")
    assert read_tensors(tmp_path / "a.pth")["w"].tolist() == [1, 1]
    torch.save([torch.ones(2)], tmp_path / "b.pth")
    with pytest.raises(WeightsFileError, match="no state dict"):
        read_tensors(tmp_path / "b.pth")


def a_scorer(value: float) -> Scorer:
    return Scorer(
        id="x",
        unit="1",
        better="higher",
        least=0,
        most=1,
        definition="d",
        source="s",
        cannot_see="c",
        weights=(),
        score=lambda _scene: Scored(value=value),
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.01, 1.01])
def test_value_that_cannot_be_is_no_value(value: float) -> None:
    """NaN and numbers outside of the range come with the reason; rounding at the range's end does not."""
    given_value, reason = apply_scorer(a_scorer(value), scene(None))
    assert given_value is None
    assert f"scorer 'x' gave {value}" in reason
    assert apply_scorer(a_scorer(1 + 1e-6), scene(None)) == (1 + 1e-6, "")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_unbounded_scorer_takes_no_infinity(value: float) -> None:
    """A definition without bounds still gives a number."""
    unbounded = replace(a_scorer(value), least=float("-inf"), most=float("inf"))
    assert apply_scorer(unbounded, scene(None)) == (None, f"scorer 'x' gave {value}")


def test_readme_names_every_scorer_and_what_it_needs() -> None:
    """A row each, with the names of repository or file that `--learned-weights` and the cache are searched for."""
    rows = [
        line
        for line in (ROOT / "fixtures" / "metrics" / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    for scorer in SCORERS.values():
        assert any(f"`{scorer.id}`" in row.split("|")[1] for row in rows), scorer.id
        for weights in scorer.weights:
            assert any((weights.repository or weights.name) in row for row in rows), weights.name


def test_error_of_a_scorer_costs_its_own_value(tmp_path: Path) -> None:
    """One frame has no consistency, and weights that have vanished are told."""
    value, reason = apply_scorer(SCORERS["subject_consistency"], scene(tmp_path))
    assert value is None
    assert reason == "scorer 'subject_consistency' raised MissingWeightsError: dino-vitb16 is not on this machine"


def test_one_frame_has_no_consistency(weights_dir: Path) -> None:
    """It would be 1.0 of nothing."""
    value, reason = apply_scorer(SCORERS["background_consistency"], scene(weights_dir, moving_clip(1)))
    assert value is None
    assert "needs at least 2 frames, the clip has 1" in reason
