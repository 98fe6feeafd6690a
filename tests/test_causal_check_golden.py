"""`python -m models.causal.check_golden` accepts the reference's tensors and nothing else."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.causal.check_golden import main, read_schedule, reproduce, transformer_config
from models.causal.rollout import Clip
from models.spec import Numerics
from models.wan.checkpoint import load_transformer
from tests.causal_masked_pass import masked_rollout

GOLDEN = Path(__file__).parent / "golden"
FOLDERS = ("causvid-3step", "causvid-4step-warp")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Copy the three-step golden folder, to be spoilt."""
    return Path(shutil.copytree(GOLDEN / "causvid-3step", tmp_path / "golden"))


@pytest.mark.parametrize("numerics", get_args(Numerics))
@pytest.mark.parametrize("name", FOLDERS)
def test_rollout_reproduces_the_reference_to_1e_5(name: str, numerics: Numerics) -> None:
    """Latents and layer 0's keys and values are within 1e-5 of the reference rollout's in float32, in both numerics."""
    errors = reproduce(GOLDEN / name, numerics)
    assert list(errors) == ["latents_BFCHW", "kv0_key", "kv0_value"]
    assert all(0 < error <= 1e-5 for error in errors.values()), errors


@pytest.mark.parametrize("numerics", get_args(Numerics))
def test_command_prints_each_error_and_passes(numerics: Numerics, capsys: pytest.CaptureFixture[str]) -> None:
    """Both folders in one call: a line each, which names the numerics, and exit code 0."""
    assert main(["--numerics", numerics, *(str(GOLDEN / name) for name in FOLDERS)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0].rpartition("/")[2] for line in lines] == list(FOLDERS)
    assert all(f": {numerics}: " in line and "kv0_key" in line and "within 1e-05" in line for line in lines)


def test_start_latents_reproduce_a_masked_full_pass(folder: Path) -> None:
    """A folder with a given block, made by full passes without a cache, is reproduced too."""
    config = json.loads((folder / "config.json").read_text())
    expected = load_file(folder / "expected.safetensors")
    clip = Clip(
        prompt_embeds_BLD=expected["prompt_embeds"],
        noise_BCFHW=expected["noise_BFCHW"].transpose(1, 2),
        renoise_NBCFHW=expected["renoise_NFCHW"][:4].transpose(1, 2)[:, None],
        start_latents_BCFHW=expected["latents_BFCHW"][:, 3:6].transpose(1, 2),
    )
    transformer = load_transformer(folder / "model.pt", transformer_config(config), torch.float32, "cpu")
    latents, keys, values = masked_rollout(transformer, read_schedule(config), clip)
    made = {
        "latents_BFCHW": latents.transpose(1, 2),
        "start_latents_BFCHW": expected["latents_BFCHW"][:, 3:6],
        "renoise_NFCHW": expected["renoise_NFCHW"][:4],
        "kv0_key": keys,
        "kv0_value": values,
    }
    save_file({name: t.contiguous() for name, t in {**expected, **made}.items()}, folder / "expected.safetensors")
    (folder / "config.json").write_text(json.dumps({**config, "start_blocks": 1}))
    assert not torch.allclose(made["latents_BFCHW"], expected["latents_BFCHW"], atol=0.1)
    assert main([str(folder)]) == 0


@pytest.mark.parametrize("name", ["latents_BFCHW", "kv0_key", "kv0_value"])
@pytest.mark.parametrize("value", [2e-5, float("nan")])
def test_one_value_above_the_tolerance_fails(
    folder: Path, name: str, value: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """One element 2e-5 off, or NaN, in any compared tensor gives exit code 1."""
    expected = load_file(folder / "expected.safetensors")
    expected[name].view(-1)[-1] += value
    save_file(expected, folder / "expected.safetensors")
    assert main([str(folder)]) == 1
    assert "EXCEEDS 1e-05" in capsys.readouterr().out


def test_tolerance_can_be_set() -> None:
    """No float32 run is within 1e-12, every good one within 1e-3."""
    assert main(["--tolerance", "1e-12", str(GOLDEN / FOLDERS[0])]) == 1
    assert main(["--tolerance", "1e-3", str(GOLDEN / FOLDERS[0])]) == 0


@pytest.mark.parametrize(
    ("timesteps", "exit_code"),
    [
        ([1000, 960.0, 888.8888888888889, 727.2727272727273], 0),
        ([1000.0, 960.0, 888.8889, 727.2727], 0),
        ([1000.0, 960.0, 888.8915, 727.2727], 2),
        ([1000.0, 960.0, float("nan"), 727.2727], 2),
        ([1000.0, 960.0, 888.8889], 2),
        ([1000.0, 960.0, 888.8889, 727.2727, 0.0], 2),
    ],
)
def test_timesteps_may_be_rounded_but_not_others(tmp_path: Path, timesteps: list[float], exit_code: int) -> None:
    """A config written in float64, or with four decimals, states the same float32 steps."""
    folder = Path(shutil.copytree(GOLDEN / "causvid-4step-warp", tmp_path / "golden"))
    rewrite(folder, model_timesteps=timesteps)
    assert main([str(folder)]) == exit_code


@pytest.mark.parametrize("name", ["README.md", "no-such"])
def test_what_is_no_folder_is_told_so(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A shell's `golden/*` holds more than folders; the good ones are checked all the same."""
    assert main([str(GOLDEN / name), str(GOLDEN / FOLDERS[0])]) == 2
    streams = capsys.readouterr()
    assert f"{name}: is not a folder; name folders that hold config.json, model.pt, expected.safetensors" in streams.err
    assert "within" in streams.out


def rewrite(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: (folder / "model.pt").unlink(), "No such file"),
        (lambda folder: (folder / "config.json").write_text("{"), "Expecting property name"),
        (lambda folder: (folder / "config.json").write_text("{}"), "lacks 'num_heads'"),
        (lambda folder: (folder / "expected.safetensors").write_bytes(b"no"), "malformed golden folder"),
        (lambda folder: rewrite(folder, num_blocks=4), "noise of 9 latent frames, but its config states 12"),
        (lambda folder: rewrite(folder, model_timesteps=[1000.0, 750.0, 522.0]), "its steps give"),
        (lambda folder: rewrite(folder, num_layers=2), "has the unknown blocks.2"),
        (lambda folder: rewrite(folder, start_blocks=1), "lacks 'start_latents_BFCHW'"),
    ],
)
def test_malformed_folder_is_told_from_a_wrong_result(
    folder: Path, spoil: Callable[[Path], object], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An incomplete or contradictory folder gives exit code 2 and the reason, also beside a good one."""
    spoil(folder)
    assert main([str(folder), str(GOLDEN / FOLDERS[0])]) == 2
    streams = capsys.readouterr()
    assert reason in streams.err
    assert "within" in streams.out
