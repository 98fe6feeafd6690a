"""Cases: which are built, with which values, and where each value comes from."""

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from fixtures.case_values import SIZE_FIELDS
from fixtures.suite import SuiteError
from fixtures.sweeps import parse_sweeps
from models.discover import discover
from tests.test_bad_input import SUITE
from tests.test_suite import cases_of

SPECS = discover()


@pytest.mark.parametrize(
    "model", ["causvid-1.3b", "causvid-1.3b-bidirectional", "self-forcing-1.3b", "wan2.1-t2v-1.3b"]
)
def test_published_values_and_sources_are_the_models_own(model: str) -> None:
    """A published case has the sampling and precision of its ModelSpec, each with the source stated there."""
    case = next(c for c in cases_of("paper", models=(model,)) if c.track == "published")
    spec = SPECS[model]
    for name in ("steps", "guidance_scale", "shift", "negative_prompt"):
        assert getattr(case.request, name) == getattr(spec.sampling, name)
        assert case.sources[name] == spec.sampling.source
    for name, value in spec.published_recipe.items():
        assert getattr(case.recipe, name) == value
        assert case.sources[name] == spec.published_recipe_source
    assert {case.sources[name] for name in SIZE_FIELDS} == {"setting 480p81"}
    assert case.sources["scheduler"].startswith(f"{spec.sampling.scheduler}: ")
    assert case.sources.keys() - {"scheduler"} == set(msgspec.structs.asdict(case.recipe)) - {
        "model",
        "weights",
        "device",
    } | (set(msgspec.structs.asdict(case.request)) - {"prompt", "seed", "start_clip_sha256"})
    assert case.setting == "480p81-published"


def test_matched_values_name_the_suite_or_the_setting() -> None:
    """In the matched track precision comes from the suite, a fixed number of steps from its setting."""
    case = next(c for c in cases_of("paper", settings=("480p81-4step",)) if c.track == "matched")
    assert case.request.steps == 4
    assert case.sources["steps"] == "setting 480p81-4step"
    assert case.sources["attention"] == "suite paper [matched]"
    assert case.sources["guidance_scale"] == SPECS[case.model.id].sampling.source


def test_selection_keeps_what_was_named() -> None:
    """Models, settings, prompts and seeds each narrow or replace their axis."""
    cases = cases_of("tiny", models=("wan2.1-t2v-tiny",), settings=("64p9",), prompts=("campfire",), seeds=(7, 8))
    assert {(c.scenario, c.id) for c in cases} == {
        (scenario, f"wan2.1-t2v-tiny-64p9-campfire-s{seed}") for scenario in ("speed", "quality") for seed in (7, 8)
    }
    assert {case.request.seed for case in cases} == {7, 8}


def test_sweep_is_a_product_with_distinct_ids() -> None:
    """Two fields with two values each give four cases a setting, told apart by ASCII ids; the recipes differ so."""
    sweeps = ("attention=native_math,native", "vae_dtype=float32,bfloat16")
    cases = cases_of("tiny", models=("wan2.1-t2v-tiny",), settings=("96p21",), sweeps=sweeps)
    assert [case.id for case in cases] == [
        f"wan2.1-t2v-tiny-96p21+attention={attention}+vae_dtype={dtype}-dogs-s0"
        for attention in ("native_math", "native")
        for dtype in ("float32", "bfloat16")
    ]
    assert len({case.recipe for case in cases}) == 4
    assert cases[1].recipe.vae_dtype == "bfloat16"
    assert cases[1].sources["vae_dtype"] == "setting 96p21+attention=native_math+vae_dtype=bfloat16"


def test_batch_is_swept_as_any_field() -> None:
    """Batches of one and two are two cases of one recipe, told apart by their ids."""
    cases = cases_of("tiny", models=("causvid-tiny",), settings=("96p21",), sweeps=("batch=1,2",))
    assert [case.id for case in cases] == [f"causvid-tiny-96p21+batch={batch}-dogs-s0" for batch in (1, 2)]
    assert [case.request.batch for case in cases] == [1, 2]
    assert cases[0].recipe == cases[1].recipe
    with pytest.raises(SuiteError, match=r"--set batch=0: Expected `int` >= 1"):
        cases_of("tiny", sweeps=("batch=0",))


def test_sweep_leaves_published_cases_alone() -> None:
    """What a release published cannot be swept."""
    swept = cases_of("paper", models=("causvid-1.3b",), sweeps=("attention=flex",))
    published = [case for case in swept if case.track == "published"]
    assert [case.id for case in published] == ["causvid-1.3b-480p81-published-dogs-s0"]
    assert published[0].recipe.attention != "flex"
    assert {case.recipe.attention for case in swept if case.track == "matched"} == {"flex"}


LORA_MODEL = "wan2.1-t2v-14b-causvid-lora"


def test_lora_is_the_models_own_in_both_tracks() -> None:
    """Version and strength come from the published recipe also where the suite fixes precision; others have none."""
    for case in cases_of("paper-14b"):
        if case.model.id == LORA_MODEL:
            assert (case.recipe.lora, case.recipe.lora_strength) == ("v1", 0.95)
            assert case.sources["lora"] == case.sources["lora_strength"] == SPECS[LORA_MODEL].published_recipe_source
        else:
            assert (case.recipe.lora, case.recipe.lora_strength) == (None, None)


def test_lora_is_swept_and_its_own_file_is_recorded() -> None:
    """Each version is a recipe of its own, and the record lists the file of that version and no other."""
    cases = cases_of(
        "paper-14b", models=(LORA_MODEL,), settings=("480p81-8step",), sweeps=("lora=v1,v2", "lora_strength=0.5,1")
    )
    matched = [case for case in cases if case.track == "matched"]
    assert [(case.recipe.lora, case.recipe.lora_strength) for case in matched] == [
        (lora, strength) for lora in ("v1", "v2") for strength in (0.5, 1.0)
    ]
    for case in matched:
        files = [file.path for file in case.model.weights if file.repository == "Kijai/WanVideo_comfy"]
        suffix = "" if case.recipe.lora == "v1" else "_v2"
        assert files == [f"Wan21_CausVid_14B_T2V_lora_rank32{suffix}.safetensors"]
        assert case.sources["lora"].startswith("setting 480p81-8step+lora=")


@pytest.mark.parametrize(
    ("model", "sweep", "said"),
    [
        ("wan2.1-t2v-14b", "lora=v1", "wan2.1-t2v-14b: lora is 'v1', but this model has no LoRA; leave it out"),
        ("wan2.1-t2v-14b", "lora_strength=1", "lora_strength is 1.0, but this model has no LoRA"),
        (LORA_MODEL, "lora=v3", f"{LORA_MODEL}: lora is 'v3', but must be one of v1, v2"),
        (LORA_MODEL, "lora_strength=0", "lora_strength is 0.0, but must be a finite number above 0"),
        (LORA_MODEL, "guidance_scale=5", "guidance_scale is 5.0, but must be 1.0: it has no classifier-free guidance"),
    ],
)
def test_lora_that_a_model_does_not_have_is_refused(model: str, sweep: str, said: str) -> None:
    """While the cases are built, so before anything is loaded; the message names the known."""
    with pytest.raises(SuiteError, match=re.escape(said)):
        cases_of("paper-14b", models=(model,), sweeps=(sweep,))


def test_sweeps_are_parsed_into_their_product() -> None:
    """The same field given twice is one axis; numbers stay text until they are converted."""
    assert parse_sweeps([]) == [{}]
    assert parse_sweeps(["steps=4", "steps=8", "shift=3"]) == [
        {"steps": "4", "shift": "3"},
        {"steps": "8", "shift": "3"},
    ]
    with pytest.raises(SuiteError, match="unknown field ''"):
        parse_sweeps(["=3"])


def test_own_prompts_replace_the_suites(tmp_path: Path) -> None:
    """Of a person's prompts a case that measures time takes the first, the clips that are judged take all."""
    path = tmp_path / "mine.txt"
    path.write_text("".join(f"Prompt number {i}.\n" for i in range(5)))
    cases = cases_of("tiny", prompts_file=str(path), models=("causvid-tiny",), settings=("64p9",))
    by_scenario = {s: [c.prompt.text for c in cases if c.scenario == s] for s in ("speed", "quality")}
    assert by_scenario["speed"] == ["Prompt number 0."]
    assert by_scenario["quality"] == [f"Prompt number {i}." for i in range(5)]
    third = cases[-1].prompt.id
    chosen = cases_of("tiny", prompts_file=str(path), prompts=(third,), models=("causvid-tiny",), settings=("64p9",))
    assert {case.scenario for case in chosen} == {"speed", "quality", "audit", "cold_start"}
    assert {case.prompt.id for case in chosen} == {third}


def test_extended_text_is_generated_and_both_are_recorded() -> None:
    """The request holds the long text; the record holds both and the hash of the long one."""
    case = cases_of("quick")[0]
    assert case.request.prompt == case.prompt.extended_text != case.prompt.text
    assert len(case.prompt.sha256) == 64


def test_own_model_without_a_published_recipe_has_no_published_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A published case of a model that publishes nothing says what is missing and where it belongs."""
    path = tmp_path / "my.toml"
    path.write_text(SUITE.replace("[[cases]]", '[[cases]]\ntrack = "published"').replace("small", "480p"))
    bare = SPECS | {"causvid-tiny": replace(SPECS["causvid-tiny"], published_recipe={})}
    monkeypatch.setattr("tests.test_suite.SPECS", bare)
    with pytest.raises(SuiteError, match=r"nothing says .*attention.* for causvid-tiny; add it to the model's"):
        cases_of(str(path))
