"""`--list-models` tells what to know before choosing, and runs nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.listing import describe
from models.discover import discover
from tests.inner_session import bench, poison_torch

LTX = Path(__file__).parent / "examples" / "ltx_models"


def test_every_model_is_listed_with_licence_and_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each model has its paragraph: size, sampling with its source, licence, files of weights and their revisions."""
    poison_torch(monkeypatch)
    ended = bench("--list-models")
    assert ended.code == 0
    assert ended.cases == ()
    for spec in discover().values():
        assert f"{spec.id}  {spec.title}" in ended.output
        assert spec.sampling.source in ended.output
    assert "(NON-COMMERCIAL)" in ended.output
    vae = "vae/ @ UNPINNED (Apache-2.0, 126,892,531 parameters in 194 tensors)"
    assert f"Wan-AI/Wan2.1-T2V-1.3B-Diffusers/{vae}" in ended.output
    assert 'tianweiy/CausVid/autoregressive_checkpoint/model.pt "generator" @ UNPINNED (CC BY-NC-SA' in ended.output


def test_own_models_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--models-dir` adds a person's models to the list."""
    poison_torch(monkeypatch)
    assert "ltx-tiny  LTX-Video, toy size" in bench("--list-models", "--models-dir", LTX).output


def test_pinned_revision_is_shown() -> None:
    """A pin is printed in full."""
    spec = discover()["wan2.1-t2v-1.3b"]
    pinned = replace(spec, weights=(replace(spec.weights[0], revision="a" * 40),))
    assert f"/transformer/ @ {'a' * 40} (Apache-2.0, 1,418,996,800 parameters" in describe(pinned)
    assert "UNPINNED" not in describe(pinned)
