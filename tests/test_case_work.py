"""The work of a case, in the bytes of its recipe."""

from dataclasses import replace

import msgspec
import pytest

from fixtures.case_work import case_work
from models.discover import discover
from models.spec import ModelSpec, Recipe
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
    phases = case_work(spec, recipe, request)
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
    work = spec.work(default_request(spec)).phases
    halves, floats = (
        case_work(spec, recipe_of(spec, vae_dtype=dtype, weights_dtype=stored), default_request(spec)) or {}
        for dtype, stored in (("bfloat16", "same"), ("float32", "float8"))
    )
    assert halves["denoise"].least_bytes == 2 * (work["denoise"].weights + work["denoise"].values)
    assert floats["denoise"].least_bytes == work["denoise"].weights + 2 * work["denoise"].values
    assert floats["decode"].least_bytes == 2 * halves["decode"].least_bytes
    assert floats["text_encode"] == halves["text_encode"]


def test_freed_text_encoder_counts_no_work() -> None:
    """Its timed rounds use an earlier call's embeddings."""
    spec = SPECS["wan2.1-t2v-1.3b"]
    phases = case_work(spec, recipe_of(spec, text_encoder="freed"), default_request(spec)) or {}
    assert list(phases) == ["denoise", "decode"]


def test_model_without_work_has_none() -> None:
    """Nobody has to write formulas to add a model."""
    spec = SPECS["wan2.1-t2v-1.3b"]
    assert case_work(replace(spec, work=None), recipe_of(spec), default_request(spec)) is None


def test_planned_cases_hold_their_work() -> None:
    """CausVid's 752 TFLOP of denoising at 480p stand in the plan, before anything is loaded."""
    cases = collect("--suite", "quick", "--model", "causvid-1.3b").cases
    assert cases
    for case in cases:
        assert case.work is not None
        assert sum(case.work["denoise"].flop.values()) / 1e12 == pytest.approx(752.03, abs=0.01)
        assert set(case.work) == {"text_encode", "denoise", "decode"}
