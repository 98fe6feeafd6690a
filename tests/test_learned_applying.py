"""Learned scorers in a run: which cases they judge, what stands in the record, and nothing left behind."""

import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import torch
from safetensors.torch import load_file, save_file

from fixtures.clip_metrics import score_clip
from fixtures.learned.applying import apply_scorers
from fixtures.learned.choosing import refuse_lost_scorers, scorer_lines, scorers_for, weights_folder
from fixtures.learned.finding import find_scorers
from fixtures.learned.fingerprint import weights_sha256
from fixtures.learned.known_weights import CLIP_BASE
from fixtures.learned.places import MissingWeightsError
from fixtures.metrics.clip import Clip
from fixtures.options import Options
from fixtures.suite import read_suite
from fixtures.taken import Taken
from models.spec import WeightsSource
from reports.measured import Device, Measurement, MetricValue
from reports.merge import read_run
from reports.record import PlannedCase
from reports.strict_json import encode
from tests.inner_session import bench
from tests.reports_samples import case_of, planned, run_of
from tests.tiny_networks import moving_clip, write_all, write_clip

LOCAL = ["aesthetic_quality", "background_consistency", "clip_text_alignment", "subject_consistency"]
CPU = Device(kind="cpu", index=0, name="a CPU", uuid=None, memory_bytes=1)


@pytest.fixture(scope="module")
def weights_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write tiny networks once."""
    return write_all(tmp_path_factory.mktemp("learned"))


@pytest.fixture(autouse=True)
def without_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for hub weights in an empty cache, and work in an empty folder without a GPU."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.chdir(tmp_path)


def made_with(weights: WeightsSource, scorers: list[str], seed: int = 0, model: str = "causvid-1.3b") -> PlannedCase:
    """Plan a case on the CPU with this source of weights."""
    case = planned(model=model, seed=seed)
    recipe = msgspec.structs.replace(case.recipe, weights=weights, device="cpu")
    return msgspec.structs.replace(case, recipe=recipe, scorers=scorers)


def scored_case(case: PlannedCase, folder: Path, frames_TCHW: torch.Tensor) -> Measurement:
    """Score frames as the fixture `measure` does behind the timed rounds."""
    taken = Taken(case, shapes=[(1, *frames_TCHW.shape)], last_BTCHW=frames_TCHW.unsqueeze(0))
    score_clip(taken, str(folder), progress=silent())
    return taken.measurement(CPU)


def silent() -> Any:
    return SimpleNamespace(on_phase=lambda _name: None)


def test_real_weights_give_values_and_a_feature_in_the_record(weights_dir: Path) -> None:
    """The path that a run with published weights takes; scorers that cannot be had say why, and nothing fails."""
    measurement = scored_case(made_with("hub", [*LOCAL, "raft_motion"]), weights_dir, moving_clip())
    values = {metric.id: metric for metric in measurement.metrics}
    assert list(values) == [*LOCAL, "raft_motion"]
    assert all(values[name].value is not None for name in LOCAL)
    assert values["raft_motion"].not_applicable
    assert values["raft_motion"].reason.startswith("not available: needs the package torchvision")
    (feature,) = measurement.features.values()
    assert re.fullmatch("[0-9a-f]{12}", measurement.features_formula)
    assert len(feature) == 8
    assert torch.tensor(feature).norm() <= 1 + 1e-5


@pytest.mark.parametrize("weights", ["random", "tiny"])
def test_other_weights_make_no_content_and_load_no_network(
    weights: WeightsSource, weights_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each scorer says why there is no number; the networks stay where they are."""

    def loaded(*_: object) -> None:
        raise AssertionError("a network was loaded")

    monkeypatch.setattr("fixtures.learned.networks._loaded", loaded)
    measurement = scored_case(made_with(weights, LOCAL), weights_dir, moving_clip())
    assert {metric.reason for metric in measurement.metrics} == {f"not applicable: {weights} weights"}
    assert all(metric.not_applicable and metric.value is None for metric in measurement.metrics)
    assert measurement.features == {}


def test_case_without_scorers_is_left_alone(weights_dir: Path) -> None:
    """The default: no metric, no feature."""
    measurement = scored_case(made_with("hub", []), weights_dir, moving_clip())
    assert (measurement.metrics, measurement.features, measurement.features_formula) == ([], {}, "")


def test_the_short_prompt_is_scored_and_a_cut_one_is_told(weights_dir: Path) -> None:
    """Models are given the extended text, CLIP the short one; a note stands in the record beside the value."""
    case = made_with("hub", ["clip_text_alignment"])
    prompt = msgspec.structs.replace(case.prompt, extended_text="of a wholly other kind")
    plain = scored_case(case, weights_dir, moving_clip())
    extended = scored_case(msgspec.structs.replace(case, prompt=prompt), weights_dir, moving_clip())
    assert extended.metrics == plain.metrics
    assert "clip_text_alignment" not in plain.reasons
    long = msgspec.structs.replace(case.prompt, text="a " * 90)
    cut = scored_case(msgspec.structs.replace(case, prompt=long), weights_dir, moving_clip())
    assert cut.metrics[0].value is not None
    assert cut.reasons["clip_text_alignment"] == "the prompt has more than 77 tokens; CLIP read its beginning"


def test_networks_are_gone_when_the_scores_are_there(weights_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they hold would stand in the next case's memory figures."""
    import gc
    import weakref

    from fixtures.learned import networks

    held: list[weakref.ref[torch.nn.Module]] = []
    load = networks._loaded

    def watched(*arguments: Any, **more: Any) -> Any:
        model = load(*arguments, **more)
        held.append(weakref.ref(model))
        return model

    monkeypatch.setattr(networks, "_loaded", watched)
    clip = Clip(frames_TCHW=moving_clip(), fps=16, prompt="a dog")
    applied = apply_scorers(LOCAL, clip, weights="hub", folder=weights_dir, device="cpu")
    gc.collect()
    assert len(applied.metrics) == 4
    assert len(held) == 3  # each network once, although two scorers look through CLIP
    assert [reference() for reference in held] == [None, None, None]


def with_clip_weights(folder: Path, damage: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Path:
    """Write tiny networks whose CLIP ViT-B/32 is damaged."""
    weights = write_all(folder) / "clip-vit-base-patch32" / "model.safetensors"
    save_file(damage(load_file(weights)), weights, metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda tensors: dict(list(tensors.items())[:-1]), "no feature of clip-vit-base-patch32: WeightsFileError: "),
        (
            lambda tensors: {name: tensor * torch.nan for name, tensor in tensors.items()},
            "no feature of clip-vit-base-patch32: it holds NaN or Inf",
        ),
    ],
)
def test_damaged_clip_weights_cost_what_is_told_from_them_and_nothing_else(
    damage: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]], told: str, tmp_path: Path
) -> None:
    """Half a checkpoint, or one of NaN: the other network's score stays, and the record can be written."""
    folder = with_clip_weights(tmp_path / "weights", damage)
    measurement = scored_case(made_with("hub", ["clip_text_alignment", "subject_consistency"]), folder, moving_clip())
    alignment, subject = measurement.metrics
    assert alignment.value is None
    assert subject.value is not None
    assert measurement.features == {}
    assert measurement.reasons["features"].startswith(told)
    assert b"subject_consistency" in encode(measurement)


def test_clip_without_a_prompt_has_no_alignment(weights_dir: Path) -> None:
    """An empty text has a feature, too, and the cosine with it looks like any other."""
    clip = Clip(frames_TCHW=moving_clip(), fps=16)
    (alignment, background) = apply_scorers(
        ["clip_text_alignment", "background_consistency"], clip, weights="hub", folder=weights_dir, device="cpu"
    ).metrics
    assert (alignment.value, alignment.reason) == (None, "not applicable: no prompt was given for this clip")
    assert background.value is not None


def test_seeds_of_one_prompt_give_the_diversity_in_the_summary(weights_dir: Path) -> None:
    """From features in the record alone: equal clips have none, a student that repeats itself shows."""
    from reports.diversity import diversity_lines, seed_diversity

    clips = {0: moving_clip(), 1: moving_clip().flip(3)}
    cases = []
    for model, of_seed in (("wan2.1-t2v-1.3b", clips), ("causvid-1.3b", {0: clips[0], 1: clips[0]})):
        for seed, frames in of_seed.items():
            plan = made_with("hub", ["background_consistency"], seed, model)
            cases.append(replace_measurement(case_of(plan, 4.0), scored_case(plan, weights_dir, frames)))
    run = run_of(*cases)
    found = seed_diversity(run)
    teacher, student = found["wan2.1-t2v-1.3b", "480p81"], found["causvid-1.3b", "480p81"]
    assert teacher["dogs"] > 1e-4
    assert student["dogs"] == pytest.approx(0, abs=1e-9)
    assert diversity_lines(run)[0].startswith(
        "diversity over seeds (mean pairwise 1 - cos, CLIP): wan2.1-t2v-1.3b 480p"
    )
    assert seed_diversity(run_of(*cases[:1])) == {}


def replace_measurement(case: Any, measurement: Measurement) -> Any:
    return msgspec.structs.replace(case, measurement=measurement)


@pytest.mark.parametrize(
    ("options", "in_suite", "weights", "count"),
    [
        (Options(), False, "hub", 0),
        (Options(), True, "hub", 7),
        (Options(), True, "random", 0),
        (Options(learned=True), False, "random", 7),
        (Options(scorers=("subject_consistency",)), True, "hub", 1),
        (Options(scorers=("subject_consistency",), learned=True), False, "hub", 7),
    ],
)
def test_which_cases_are_scored(options: Options, in_suite: bool, weights: WeightsSource, count: int) -> None:
    """A suite's word holds for real weights, an option always."""
    assert len(scorers_for(made_with(weights, []), options, in_suite=in_suite)) == count


def test_paper_asks_for_the_learned_scorers_and_quick_does_not() -> None:
    """A field of the suite's file."""
    assert read_suite("paper").file.learned
    assert not read_suite("quick").file.learned


def test_banners_name_what_is_scored_and_what_cannot_be(weights_dir: Path) -> None:
    """Never a VBench total; nothing is said where nothing was asked."""
    said = scorer_lines([made_with("hub", list(find_scorers()))], weights_dir)
    assert said[0] == f"LEARNED SCORERS, a custom subset and no VBench total: {', '.join(LOCAL)}."
    assert [line.split()[2] for line in said[1:]] == ["dynamic_degree", "imaging_quality", "raft_motion"]
    assert scorer_lines([made_with("hub", [])], None) == []
    assert "give no number" in scorer_lines([made_with("random", LOCAL)], None)[0]


def test_resumed_run_scores_as_before(weights_dir: Path, tmp_path: Path) -> None:
    """Weights that have gone since are named; values that were never there are no matter."""
    plan = made_with("hub", LOCAL)
    measurement = scored_case(plan, weights_dir, moving_clip())
    run = run_of(replace_measurement(case_of(plan, 4.0), measurement))
    refuse_lost_scorers(run, weights_dir)
    with pytest.raises(
        MissingWeightsError, match=r"--resume: the run has scored clips by aesthetic_quality: not avail"
    ):
        refuse_lost_scorers(run, tmp_path)
    none = [MetricValue(id=LOCAL[0], value=None, unit="1", better="higher", reason="not available: x")]
    unscored = msgspec.structs.replace(measurement, metrics=none, features={})
    refuse_lost_scorers(run_of(replace_measurement(case_of(plan, 4.0), unscored)), tmp_path)


def test_values_tell_the_weights_that_they_came_from(weights_dir: Path, tmp_path: Path) -> None:
    """The same files in another folder are the same weights; another training of one network is another of its scorers.

    A run that goes on with other weights is refused by the scorers' names, one that never told its weights is not.
    """
    plan = made_with("hub", LOCAL)
    shutil.copytree(weights_dir, tmp_path / "copy")
    shutil.copytree(weights_dir, tmp_path / "other")
    write_clip(tmp_path / "other" / "clip-vit-base-patch32", seed=1)
    first, same, other = (
        scored_case(plan, f, moving_clip()) for f in (weights_dir, tmp_path / "copy", tmp_path / "other")
    )
    known = [{m.id: m.weights_sha256 for m in one.metrics} for one in (first, same, other)]
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in (*known[0].values(), first.features_weights_sha256))
    assert known[0] == known[1]
    changed = [name for name in LOCAL if known[0][name] != known[2][name]]
    assert changed == ["background_consistency", "clip_text_alignment"]
    assert first.features_weights_sha256 == same.features_weights_sha256 != other.features_weights_sha256
    run = run_of(replace_measurement(case_of(plan, 4.0), first))
    refuse_lost_scorers(run, tmp_path / "copy")
    with pytest.raises(
        MissingWeightsError, match=r"with other weights: background_con.* clip_text_.* seed_diversity by"
    ):
        refuse_lost_scorers(run, tmp_path / "other")
    old = [msgspec.structs.replace(metric, weights_sha256="") for metric in first.metrics]
    before = msgspec.structs.replace(first, metrics=old, features_weights_sha256="")
    refuse_lost_scorers(run_of(replace_measurement(case_of(plan, 4.0), before)), tmp_path / "other")


def test_file_of_weights_that_changes_within_a_session_is_told(weights_dir: Path, tmp_path: Path) -> None:
    """Its size is the same; a tokenizer that reads otherwise tells otherwise, too, and so do shards beside the file."""
    shutil.copytree(weights_dir, tmp_path / "w")
    found = [weights_sha256([CLIP_BASE], tmp_path / "w")]
    for name in ("model.safetensors", "merges.txt", "tokenizer_config.json"):
        file = tmp_path / "w" / "clip-vit-base-patch32" / name
        content = file.read_bytes()
        file.write_bytes(content[:-2] + b"~~")
        os.utime(file, (1, len(found)))
        found.append(weights_sha256([CLIP_BASE], tmp_path / "w"))
    for name in ("model.safetensors.index.json", "model-00001-of-00002.safetensors"):
        (tmp_path / "w" / "clip-vit-base-patch32" / name).write_bytes(b"{}")
        found.append(weights_sha256([CLIP_BASE], tmp_path / "w"))
    assert len(set(found)) == 6
    assert weights_sha256([CLIP_BASE], tmp_path / "absent") == ""


def test_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    """A mistyped path would look like weights that are not there."""
    assert weights_folder(None) is None
    with pytest.raises(MissingWeightsError, match=r"--learned-weights .*absent: no such folder"):
        weights_folder(str(tmp_path / "absent"))


def test_scorer_asked_for_by_name_ends_the_session_before_any_work() -> None:
    """Exit code 4 and one sentence, with the next step; an unknown name lists the known ones."""
    ended = bench("--suite", "tiny", "--scorer", "subject_consistency", "--run-dir", "run")
    assert ended.code == 4
    assert "subject_consistency: not available: dino-vitb16 (Apache-2.0) is not on this machine; hf download" in (
        ended.output
    )
    assert "unknown scorer 'fvd'; known: aesthetic_quality" in bench("--suite", "tiny", "--scorer", "fvd").output
    assert "absent: no such folder" in bench("--suite", "tiny", "--learned", "--learned-weights=absent").output
    assert not Path("run").exists()


def test_toy_run_with_learned_says_not_applicable_and_passes() -> None:
    """The whole plumbing on the CPU: option, plan, record and summary."""
    chosen = ("--suite", "tiny", "--prompt", "dogs", "--setting", "64p9", "-k", "generate and causvid")
    ended = bench(*chosen, "--learned", "--run-dir", "run", "--no-energy")
    assert ended.code == 0, ended.output
    run = read_run(Path("run"))
    assert run.cases
    for case in run.cases:
        assert case.plan.scorers == list(find_scorers())
        assert case.measurement is not None
        reasons = {metric.id: metric.reason for metric in case.measurement.metrics}
        assert {reasons[name] for name in find_scorers()} == {"not applicable: tiny weights"}
        assert "--learned" in case.plan.reproduce
    assert "LEARNED SCORERS judge content" in ended.output
    told = " ".join(ended.output.split())
    assert re.search(r"\d+ metrics: no value, not applicable: tiny weights", told)


def test_choosing_scorers_imports_no_torch() -> None:
    """Collection stays quick: scorers are found without their networks' libraries."""
    import subprocess

    code = (
        "import sys; from fixtures.learned.choosing import find_scorers; find_scorers(); print('torch' in sys.modules)"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_scorers_see_the_frames_of_the_record(weights_dir: Path) -> None:
    """Of a batch the first clip, as for every metric."""
    clip, other = moving_clip(), moving_clip().flip(3)
    case = made_with("hub", ["background_consistency"])
    taken = Taken(case, shapes=[(2, *clip.shape)], last_BTCHW=torch.stack([clip, other]))
    score_clip(taken, str(weights_dir), progress=silent())
    alone = replace(Taken(case), last_BTCHW=clip.unsqueeze(0))
    score_clip(alone, str(weights_dir), progress=silent())
    assert taken.metrics == alone.metrics
