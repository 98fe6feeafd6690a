"""A ratio exists only where nothing but the sampling recipe differs."""

import msgspec
import pytest

from reports.compare import comparisons, differing_axes, sampling_recipe, without_ratio
from reports.comparison_lines import comparison_lines
from reports.record import CaseRecord, RecipeRecord
from tests.reports_samples import case_of, measured, planned, replaced, run_of

STUDENT = case_of(planned(), 4.0, 3.9, 4.2)
TEACHER = case_of(planned("wan2.1-t2v-1.3b"), 64.0, 63.0, 65.0)


def test_ratio_is_of_medians_and_spans_the_rounds() -> None:
    """The faster of the two is named first; the interval pairs each one's best with the other's worst."""
    (comparison,) = comparisons(run_of(TEACHER, STUDENT))
    assert (comparison.faster, comparison.slower) == (STUDENT, TEACHER)
    assert comparison.ratio == 16.0
    assert (comparison.low, comparison.high) == (63.0 / 4.2, 65.0 / 3.9)


@pytest.mark.parametrize(
    "change", [{"steps": 4}, {"guidance_scale": 2.0}, {"shift": 5.0}, {"negative_prompt": "blurry"}]
)
def test_sampling_recipe_may_differ(change: dict[str, object]) -> None:
    """What a few-step model changes about its teacher is what the ratio is about."""
    assert differing_axes(replaced(STUDENT, **change), TEACHER) == []


@pytest.mark.parametrize(
    "change",
    [
        {"scenario": "quality"},
        {"prompt": "other words"},
        {"seed": 1},
        {"width": 848},
        {"height": 512},
        {"frames": 77},
        {"fps": 24.0},
        {"batch": 2},
        {"weights": "hub"},
        {"device": "cpu"},
        {"transformer_dtype": "float16"},
        {"text_encoder_dtype": "float32"},
        {"vae_dtype": "float32"},
        {"attention": "flash"},
        {"compile": "all"},
        {"numerics": "reference"},
        {"text_encoder": "offload"},
        {"weights_dtype": "float8"},
        {"decode": "whole"},
        {"track": "published"},
    ],
)
def test_one_differing_axis_takes_the_ratio_away_and_is_named(change: dict[str, object]) -> None:
    """Each axis alone is enough."""
    other = replaced(STUDENT, **change)
    if set(change) & {"width", "height", "frames"}:
        other = msgspec.structs.replace(other, measurement=msgspec.structs.replace(measured(4.0), **change))
    assert differing_axes(other, TEACHER) == differing_axes(TEACHER, other) == list(change)
    assert comparisons(run_of(other, TEACHER)) == []


def test_shared_gpu_takes_the_ratio_away() -> None:
    """Whoever else was on it is in the times of one of the two."""
    assert STUDENT.measurement is not None
    measurement = msgspec.structs.replace(STUDENT.measurement, reasons={"shared_gpu": "SHARED GPU, allowed"})
    run = run_of(msgspec.structs.replace(STUDENT, measurement=measurement), TEACHER)
    assert comparisons(run) == []
    assert comparison_lines(run)[-1].endswith("no ratio, the GPU was shared")


def test_lora_is_part_of_the_model_and_named_beside_its_steps() -> None:
    """It takes no ratio away, and no ratio is given without it."""
    other = replaced(STUDENT, lora="v1", lora_strength=0.95)
    assert differing_axes(other, TEACHER) == []
    assert sampling_recipe(other).endswith("shift 8, LoRA v1 at 0.95")
    assert "LoRA" not in sampling_recipe(STUDENT)


def test_older_record_reads_as_the_plain_recipe() -> None:
    """Runs that could only keep everything on the device said so in a field that is gone."""
    plain = planned().recipe
    older = {**msgspec.to_builtins(plain), "residency": "all"}
    for name in ("numerics", "text_encoder", "weights_dtype", "decode", "lora", "lora_strength"):
        del older[name]
    assert msgspec.convert(older, RecipeRecord) == plain


def test_older_record_reads_as_one_clip() -> None:
    """Runs from before batches made one clip at a time."""
    case = case_of(planned(), 4.0)
    assert case.measurement is not None
    for record in (case.plan.request, case.measurement):
        older = {name: value for name, value in msgspec.to_builtins(record).items() if name not in ("batch", "clips")}
        assert msgspec.convert(older, type(record)) == record


def test_what_really_ran_has_to_be_the_same_too() -> None:
    """Plans may agree where the GPUs and the size of the clip did not."""
    outcome = measured(4.0)
    device = msgspec.structs.replace(outcome.devices[0], name="NVIDIA L4")
    other = msgspec.structs.replace(
        STUDENT, measurement=msgspec.structs.replace(outcome, devices=[device], frames=77, facts=None)
    )
    assert differing_axes(other, TEACHER) == ["dtypes unknown", "frames", "devices", "attention_resolved"]


def with_facts(case: CaseRecord, **changes: object) -> CaseRecord:
    """Change what a case's pipeline told of itself."""
    assert case.measurement is not None
    assert case.measurement.facts is not None
    facts = msgspec.structs.replace(case.measurement.facts, **changes)
    return msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, facts=facts))


def test_dtypes_that_ran_are_an_axis_by_component() -> None:
    """A plan may ask for bfloat16 where a pipeline keeps a component in float32."""
    wide = with_facts(STUDENT, dtypes={"transformer": "float32"})
    assert differing_axes(wide, TEACHER) == differing_axes(TEACHER, wide) == ["dtypes.transformer"]
    more = with_facts(STUDENT, dtypes={"transformer": "bfloat16", "vae": "bfloat16"})
    assert differing_axes(more, TEACHER) == ["dtypes.vae"]
    assert comparisons(run_of(wide, TEACHER)) == comparisons(run_of(more, TEACHER)) == []


def test_dtypes_that_nobody_knows_give_no_ratio_even_if_both_lack_them() -> None:
    """Two unknowns are not the same thing."""
    silent = [with_facts(case, dtypes={}) for case in (STUDENT, TEACHER)]
    assert differing_axes(silent[0], TEACHER) == differing_axes(*silent) == ["dtypes unknown"]
    assert comparison_lines(run_of(*silent)) == [
        "causvid-1.3b 480p81 and wan2.1-t2v-1.3b 480p81: no ratio, dtypes unknown"
    ]
    factless = [case_of(planned(model)) for model in ("causvid-1.3b", "wan2.1-t2v-1.3b")]
    assert differing_axes(*factless) == ["dtypes unknown"]


@pytest.mark.parametrize(
    ("asked", "resolved"),
    [("native", "native (flash_attention)"), ("native", "native"), ("native_cudnn", "native (math)"), ("flash", "")],
)
def test_attention_that_is_not_named_gives_no_ratio(asked: str, resolved: str) -> None:
    """The word "native" leaves the kernel to torch, size by size, so that equal words do not mean equal kernels."""
    cases = [with_facts(replaced(case, attention=asked), attention_resolved=resolved) for case in (STUDENT, TEACHER)]
    assert differing_axes(*cases) == ["attention is not named"]
    assert "attention is not named" in differing_axes(cases[0], TEACHER)
    assert "attention is not named" in differing_axes(STUDENT, cases[1])
    assert comparison_lines(run_of(*cases)) == [
        "causvid-1.3b 480p81 and wan2.1-t2v-1.3b 480p81: no ratio, attention is not named"
    ]


def test_published_recipes_never_have_a_ratio() -> None:
    """Even where every axis happens to agree: published recipes were not chosen to be compared."""
    published = [replaced(case, track="published") for case in (STUDENT, TEACHER)]
    assert differing_axes(*published) == ["published recipe"]
    assert comparisons(run_of(*published)) == []
    assert [pair.axes for pair in without_ratio(run_of(*published))] == [["published recipe"]]


@pytest.mark.parametrize("status", ["failed", "oom", "nan", "error", "timeout", "crashed", "invalid_env", "skipped"])
def test_case_that_did_not_pass_enters_no_comparison(status: str) -> None:
    """Its rounds may be the very thing that is wrong."""
    broken = msgspec.structs.replace(STUDENT, status=status)
    assert comparisons(run_of(broken, TEACHER)) == []
    assert without_ratio(run_of(broken, TEACHER)) == []


def test_cases_of_one_model_are_not_compared() -> None:
    """A model beside itself at another setting is no comparison of models."""
    assert comparisons(run_of(STUDENT, replaced(STUDENT, setting="other"))) == []


def test_passed_case_without_rounds_enters_no_comparison() -> None:
    """A case of a scenario that measures no time has nothing to compare."""
    assert comparisons(run_of(case_of(planned()), TEACHER)) == []


def test_cases_of_unlike_questions_are_not_set_side_by_side() -> None:
    """Other prompts, seeds, scenarios and tracks are left out instead of filling the report with what differs."""
    changes: list[dict[str, object]] = [{"seed": 1}, {"scenario": "quality"}, {"track": "published"}]
    others = [*(replaced(STUDENT, **change) for change in changes), case_of(planned(prompt="cats"), 4.0)]
    assert without_ratio(run_of(TEACHER, *others)) == []


def test_pairs_without_ratio_are_joined_over_prompts() -> None:
    """Two models at a setting get one line, whatever the number of prompts."""
    plans = [planned(prompt=prompt) for prompt in ("dogs", "cats")]
    plans += [planned("wan2.1-t2v-1.3b", prompt, attention="flash") for prompt in ("dogs", "cats")]
    cases = [case_of(plan, 4.0) for plan in plans]
    assert comparison_lines(run_of(*cases)) == [
        "causvid-1.3b 480p81 and wan2.1-t2v-1.3b 480p81: no ratio, they differ in attention"
    ]


def test_lines_name_the_sampling_recipes_once_and_own_up_to_single_rounds() -> None:
    """One round has no spread; brackets around it would claim one."""
    assert comparison_lines(run_of(case_of(planned(), 4.0), case_of(planned("wan2.1-t2v-1.3b"), 64.0))) == [
        "speed, dogs s0: causvid-1.3b 480p81 is 16.00× (one round each) as fast as wan2.1-t2v-1.3b 480p81",
        "3 steps, guidance 1, shift 8: causvid-1.3b 480p81",
        "50 steps, guidance 5, shift 3: wan2.1-t2v-1.3b 480p81",
    ]


def test_published_pair_is_told_apart_and_never_divided() -> None:
    """No multiplication sign appears where there is no ratio."""
    plans = [planned(track="published"), planned("wan2.1-t2v-1.3b", track="published", attention="flash")]
    (line,) = comparison_lines(run_of(*(case_of(plan, 4.0) for plan in plans)))
    assert line.endswith("480p81-published: no ratio, published recipe; they differ in attention")
    assert "×" not in line


def test_settings_of_unlike_size_are_compared_only_with_their_own_kind() -> None:
    """Two models at two sizes give two ratios, and no line about pairs that nobody would compare."""
    models = ("causvid-1.3b", "wan2.1-t2v-1.3b")
    small = [case_of(planned(model), 4.0) for model in models]
    wide = msgspec.structs.replace(measured(9.0), width=1280)
    large = [msgspec.structs.replace(replaced(c, width=1280, setting="720p81"), measurement=wide) for c in small]
    run = run_of(*small, *large)
    assert [(c.faster.plan.setting, c.slower.plan.setting) for c in comparisons(run)] == [
        ("480p81",) * 2,
        ("720p81",) * 2,
    ]
    assert without_ratio(run) == []
