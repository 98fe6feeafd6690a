"""The work of a case, in the bytes of its recipe."""

from dataclasses import replace

import msgspec
import pytest

from fixtures.case_work import case_work
from models.discover import discover
from models.spec import ModelSpec, Recipe, Request
from models.work_kinds import Work
from tests.inner_session import collect
from tests.test_model_files import default_request

SPECS = discover()


def recipe_of(spec: ModelSpec, **changes: object) -> Recipe:
    fields = {"model": spec.id, "weights": spec.weights_sources[0], "device": "cuda", **spec.published_recipe}
    return msgspec.convert(fields | changes, Recipe)


@pytest.mark.parametrize("spec", SPECS.values(), ids=list(SPECS))
def test_every_model_tells_the_work_of_its_phases(spec: ModelSpec) -> None:
    """FLOP are those of the model's file; each phase computes in its own network's dtype."""
    assert spec.work is not None
    recipe, request = recipe_of(spec), default_request(spec)
    phases = case_work(spec.work(request), recipe)
    assert phases is not None
    assert sum(phases["denoise"].flop.values()) == spec.work(request).denoise_flop
    dtypes = {name: phase.dtype for name, phase in phases.items()}
    assert dtypes == {
        "text_encode": recipe.text_encoder_dtype,
        "denoise": recipe.transformer_dtype,
        "decode": recipe.vae_dtype,
    }


def test_bytes_are_elements_in_the_recipes_dtypes() -> None:
    """Float8 halves the bytes of the transformer's weights and nothing else; a float32 VAE doubles decoding's."""
    spec = SPECS["wan2.1-t2v-14b"]
    assert spec.work is not None
    counted = spec.work(default_request(spec))
    work = counted.phases
    halves, floats = (
        case_work(counted, recipe_of(spec, vae_dtype=dtype, weights_dtype=stored)) or {}
        for dtype, stored in (("bfloat16", "same"), ("float32", "float8"))
    )
    assert halves["denoise"].least_bytes == 2 * (work["denoise"].weights + work["denoise"].values)
    assert floats["denoise"].least_bytes == work["denoise"].weights + 2 * work["denoise"].values
    assert floats["decode"].least_bytes == 2 * halves["decode"].least_bytes
    assert floats["text_encode"] == halves["text_encode"]


def test_freed_text_encoder_counts_no_work() -> None:
    """Its timed rounds use an earlier call's embeddings."""
    spec = SPECS["wan2.1-t2v-1.3b"]
    assert spec.work is not None
    phases = case_work(spec.work(default_request(spec)), recipe_of(spec, text_encoder="freed")) or {}
    assert list(phases) == ["denoise", "decode"]


def test_model_without_work_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to write formulas to add a model: its cases are of unknown length and work."""
    untold = {name: replace(spec, work=None) for name, spec in SPECS.items()}
    monkeypatch.setattr("fixtures.choice.discover", lambda _folder: untold)
    (case,) = collect("--suite", "quick", "--model", "causvid-1.3b").cases
    assert (case.work, case.estimate_s) == (None, None)


def test_work_is_counted_once_a_model_and_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every prompt and seed shares it, as do estimate and plan."""
    spec = SPECS["causvid-tiny"]
    counted: list[Request] = []

    def count(request: Request) -> Work:
        assert spec.work is not None
        counted.append(request)
        return spec.work(request)

    monkeypatch.setattr("fixtures.choice.discover", lambda _folder: SPECS | {spec.id: replace(spec, work=count)})
    chosen = ("--suite", "tiny", "--model", "causvid-tiny", "--setting", "64p9", "-k", "quality", "--seed", "1,2,3")
    assert len(collect(*chosen).cases) == 9
    assert len(counted) == 4  # for speed, audit, cold_start and quality: `-k` comes later


def test_planned_cases_hold_their_work() -> None:
    """CausVid's 752 TFLOP of denoising at 480p stand in the plan, before anything is loaded."""
    cases = collect("--suite", "quick", "--model", "causvid-1.3b").cases
    assert cases
    for case in cases:
        assert case.work is not None
        assert sum(case.work["denoise"].flop.values()) / 1e12 == pytest.approx(752.03, abs=0.01)
        assert set(case.work) == {"text_encode", "denoise", "decode"}
