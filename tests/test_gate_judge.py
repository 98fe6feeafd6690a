"""The gate's verdicts, case by case: limits at their boundaries, cohorts, numbers that are none, and properties."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.gate.baseline import Change, samples_in, with_sample
from reports.gate.judge import GateError, judge, of_cohort
from reports.gate.judge_metric import PAIRED, Rules
from reports.gate.limits import MIB, GateLimit
from reports.gate.robust import relative_limit_pct, scale
from reports.gate.sample import Sample
from reports.gate.table import reasons
from reports.gate.verdict import MEANING, RANKS, CaseVerdict, exit_code, suspects
from reports.measured import Chunk, Facts, Measurement
from reports.record import CaseRecord, Run
from tests.gate_samples import CASE, baseline_runs, gate_case, gate_run, samples
from tests.reports_samples import case_of, energy_of, planned, replaced, state_of

OTHER = planned("wan2.1-t2v-1.3b").id


def verdict_on(case: CaseRecord | Run, base: list[Run] | None = None, **options: object) -> CaseVerdict:
    run = case if isinstance(case, Run) else gate_run(1, case)
    found = judge(samples(baseline_runs() if base is None else base), samples([run]), **options)  # type: ignore[arg-type] # by name
    (own,) = [one for one in found if one.id == CASE]
    return own


def measurement_of(case: CaseRecord) -> Measurement:
    assert case.measurement is not None
    return case.measurement


def replace_facts(measurement: Measurement, **changes: object) -> Facts:
    assert measurement.facts is not None
    return msgspec.structs.replace(measurement.facts, **changes)


def with_measurement(case: CaseRecord, **changes: object) -> CaseRecord:
    return msgspec.structs.replace(case, measurement=msgspec.structs.replace(measurement_of(case), **changes))


def broken(found: CaseVerdict) -> set[str]:
    return {metric.metric for metric in found.metrics if metric.verdict == "REGRESSION"}


def of_round(name: str, value: float) -> CaseRecord:
    """Give a case that differs from the baseline's in one number of its rounds; phases always add up to the whole."""
    if name == "prompt_to_host_s":
        return gate_case(value)
    if name.startswith("phase_"):
        return with_phases({**measurement_of(gate_case()).rounds[0].phases_s, name[6:-2]: value})
    if name == "cold_start_s":
        return with_measurement(gate_case(), cold_start_s=value)
    fields: dict[str, dict[str, object]] = {
        "first_step_s": {"steps_s": [value, 0.3, 0.3]},
        "later_steps_s": {"steps_s": [0.3, 0.75 * value, 0.25 * value]},
        "chunk_gap_s": {"chunks": chunks(value)},
    }
    if name in fields:
        return gate_case(**fields[name])  # type: ignore[arg-type] # fields of a round
    return gate_case(**{name: value})  # type: ignore[arg-type] # fields of a round


def with_phases(phases_s: dict[str, float]) -> CaseRecord:
    """Give a case of these phases, whose sum is the whole: otherwise its clocks would disagree."""
    return gate_case(phases_s=phases_s, prompt_to_host_s=sum(phases_s.values()))


def chunks(gap_s: float) -> list[Chunk]:
    return [Chunk(frames=9, device_s=1.0 + gap_s * n, host_s=1.0 + gap_s * n) for n in range(3)]


def test_identical_runs_pass() -> None:
    """Nothing is worse, and every number of the record was looked at."""
    found = verdict_on(gate_case())
    assert found.verdict == "PASS"
    assert {metric.metric for metric in found.metrics} == {
        *("prompt_to_host_s", "time_to_first_frame_s", "peak_allocated_bytes", "first_step_s", "later_steps_s"),
        *(f"phase_{phase}_s" for phase in ("text_encode", "denoise", "decode", "to_host")),
    }


@pytest.mark.parametrize(
    ("metric", "base", "limit"),
    [
        ("prompt_to_host_s", 4.0, 0.12),  # 3 %
        ("prompt_to_host_s", 0.5, 0.03),  # 30 ms
        ("phase_decode_s", 1.6, 0.08),  # 5 %
        ("phase_decode_s", 0.1, 0.02),  # 20 ms
        ("cold_start_s", 4.0, 0.12),  # 3 %
        ("cold_start_s", 0.5, 0.03),  # 30 ms
        ("time_to_first_frame_s", 1.0, 0.05),  # 5 %
        ("time_to_first_frame_s", 0.1, 0.01),  # 10 ms
        ("chunk_gap_s", 0.5, 0.025),  # 5 %
        ("chunk_gap_s", 0.05, 0.01),  # 10 ms
        ("first_step_s", 0.8, 0.04),  # 5 %
        ("first_step_s", 0.1, 0.02),  # 20 ms
        ("later_steps_s", 1.6, 0.08),  # 5 %
        ("later_steps_s", 0.2, 0.02),  # 20 ms
    ],
)
def test_times_are_worse_beyond_both_limits(metric: str, base: float, limit: float) -> None:
    """Just under and at the larger limit passes, just over it is a regression of that number alone."""
    runs = [gate_run(100 + number, of_round(metric, base)) for number in range(5)]
    for factor, expected in ((0.99, "PASS"), (1.0, "PASS"), (1.01, "REGRESSION")):
        found = verdict_on(of_round(metric, base + factor * limit), runs)
        assert (found.verdict, broken(found)) == (expected, {metric} if expected == "REGRESSION" else set())
    assert metric in found.why
    assert verdict_on(of_round(metric, base - 1.01 * limit), runs).verdict in ("PASS", "IMPROVED")


@pytest.mark.parametrize("name", ["vae-decode", "VAE decode", "décodage", "d.1", "a\nb", ""])
def test_phase_of_any_name_is_gated(name: str) -> None:
    """What a model's file calls its phases is its own; none is left out without a word."""
    runs = [gate_run(100 + number, with_phases({name: 2.0, "denoise": 2.0})) for number in range(5)]
    found = verdict_on(with_phases({name: 2.2, "denoise": 1.8}), runs)
    assert broken(found) == {f"phase_{name}_s"}
    assert found.verdict == "REGRESSION"
    assert "\n" not in "".join(reasons([found]))


@pytest.mark.parametrize(("more", "expected"), [(0, "PASS"), (32 * MIB, "PASS"), (32 * MIB + 1, "REGRESSION")])
def test_memory_is_worse_beyond_32_mib(more: int, expected: str) -> None:
    """Peak memory repeats to the byte, so its limit is absolute alone; no clock is asked for."""
    found = verdict_on(gate_case(peak_bytes=24 * 2**30 + more))
    assert found.verdict == expected
    assert "cycles" not in found.why


@pytest.mark.parametrize(("factor", "expected"), [(1.049, "PASS"), (1.051, "REGRESSION"), (0.7, "IMPROVED")])
def test_energy_is_worse_beyond_5_percent(factor: float, expected: str) -> None:
    """Energy a video."""
    base = [gate_run(100 + number, burnt(1000.0)) for number in range(5)]
    assert verdict_on(burnt(1000 * factor), base).verdict == expected


def burnt(joules: float, verdict: str = "agrees") -> CaseRecord:
    """Give a case of this energy, whose two counts agree or not."""
    energy = msgspec.structs.replace(energy_of(verdict), counter_j=joules)  # type: ignore[arg-type] # a literal
    return with_measurement(gate_case(), state=state_of({}, energy=energy))


def doubting(base: str, new: str) -> CaseVerdict:
    """Judge runs of either side, one a letter: energy that counts twice alike (a), alike and worse (w), or not (d)."""
    made = {"a": burnt(1000.0), "w": burnt(1100.0), "d": burnt(1.0, "disagrees")}
    sides = ([gate_run(first + n, made[one]) for n, one in enumerate(runs)] for first, runs in ((100, base), (0, new)))
    (found,) = judge(*map(samples, sides))
    return found


@pytest.mark.parametrize(
    ("base", "new", "told"),
    [
        ("aaaaa", "d", "1 of 1 runs under test"),
        ("aaaad", "a", "1 of 5 baseline runs"),
        ("aaaad", "w", "1 of 5 baseline runs"),
        ("ddddd", "d", "1 of 1 runs under test and in 5 of 5 baseline runs"),
    ],
)
def test_energy_whose_counts_disagree_is_not_judged(base: str, new: str, told: str) -> None:
    """It is neither missing nor uncalibrated, the other numbers are judged, and the case says so."""
    found = doubting(base, new)
    assert found.verdict == "PASS"
    assert "energy_per_video_j" not in {metric.metric for metric in found.metrics}
    assert found.notes == [f"energy_per_video_j: not judged, its two counts disagree in {told}"]
    assert f"not judged, its two counts disagree in {told}" in "\n".join(reasons([found]))


@pytest.mark.parametrize(
    ("base", "new", "expected"),
    [
        ("aaaaad", "a", "PASS"),
        ("aaaaad", "w", "REGRESSION"),
        ("aaaaa", "wdw", "REGRESSION"),
        ("aaaa", "a", "CALIBRATION_NEEDED"),
        ("aaaa", "ad", "CALIBRATION_NEEDED"),
    ],
)
def test_energy_is_judged_over_the_runs_whose_counts_agree(base: str, new: str, expected: str) -> None:
    """Where enough of them are left; a baseline that is too small without doubt stays so, whatever is under test."""
    found = doubting(base, new)
    assert (found.verdict, found.unjudged) == (expected, {})


def test_doubt_of_energy_is_kept_in_a_baseline() -> None:
    """So that it is known years later why one of its runs has none."""
    (sample,) = samples([gate_run(1, burnt(1.0, "disagrees"))])
    assert sample.doubtful == ["energy_per_video_j"]
    stored = with_sample(None, sample, "main", Change(at="2026-11-26", who="a", why="b"))
    (back,) = samples_in([stored])
    assert (back.doubtful, "energy_per_video_j" in back.values) == (sample.doubtful, False)


def test_doubt_of_energy_in_turns_pairs_with_nothing_less() -> None:
    """The base's three runs and the two of the new side that agree are judged; two of the base are too few."""
    side = [gate_run(n, burnt(1000.0)) for n in (1, 2, 3)]
    less = [*side[:2], gate_run(3, burnt(1000.0, "disagrees"))]
    other = [msgspec.structs.replace(run, run_id=f"{run.run_id}-new") for run in side]
    less_new = [msgspec.structs.replace(run, run_id=f"{run.run_id}-new") for run in less]
    (found,) = judge(samples(side), samples(less_new), rules=PAIRED)
    assert (found.verdict, found.unjudged) == ("PASS", {})
    (found,) = judge(samples(less), samples(other), rules=PAIRED)
    assert (found.verdict, list(found.unjudged)) == ("PASS", ["energy_per_video_j"])


@pytest.mark.parametrize(("total_s", "expected"), [(3.3, "PASS"), (3.2, "PASS"), (3.19, "IMPROVED"), (1.0, "IMPROVED")])
def test_over_20_percent_faster_is_a_stale_baseline(total_s: float, expected: str) -> None:
    """Twice as fast is no plain pass: the next slow-down would hide in it."""
    found = verdict_on(gate_case(total_s))
    assert found.verdict == expected
    assert ("stale" in found.why) is (expected == "IMPROVED")


def test_improvement_in_turns_makes_no_baseline_stale() -> None:
    """There is no stored one: what is said is against what it is better."""
    (found,) = judge(samples(baseline_runs(3)), samples([gate_run(n, gate_case(3.0)) for n in range(3)]), rules=PAIRED)
    assert (found.verdict, "stale" in found.why) == ("IMPROVED", False)
    assert "-25.00 %: better than the base that ran in turns with it; no stored baseline" in found.why


def test_slower_phase_is_named() -> None:
    """By its own limits, or as the one that grew most where none is beyond them."""
    assert "phase_decode_s" in verdict_on(of_round("phase_decode_s", 1.76)).why
    assert "of the phases phase_denoise_s grew most, by 0.08 s" in verdict_on(gate_case(4.16)).why


@pytest.mark.parametrize(
    ("clock_mhz", "expected"),
    [(1980.0, "REGRESSION"), (1890.0, "REGRESSION"), (1850.0, "AMBIGUOUS"), (None, "REGRESSION")],
)
def test_time_that_a_lower_clock_explains_is_ambiguous(clock_mhz: float | None, expected: str) -> None:
    """10 % more seconds at 6.6 % fewer cycles a second is 2.8 % more cycles; an unknown clock excuses nothing."""
    found = verdict_on(gate_case(4.4, clock_mhz=clock_mhz))
    assert found.verdict == expected
    assert ("cycles unknown" in found.why) is (clock_mhz is None)
    assert suspects([found]) == [CASE]


@pytest.mark.parametrize("count", range(1, 51))
def test_baseline_needs_five_runs(count: int) -> None:
    """One to four are told as calibration, also of a run that is much slower; five to fifty judge."""
    base = baseline_runs(count)
    expected = ("CALIBRATION_NEEDED", "CALIBRATION_NEEDED") if count < 5 else ("PASS", "REGRESSION")
    assert (verdict_on(gate_case(), base).verdict, verdict_on(gate_case(5.0), base).verdict) == expected


def test_limit_tightens_after_ten_unchanged_runs_and_never_widens() -> None:
    """Identical runs allow 1 %, noisy ones no more than the default; nine runs are too few to say."""
    slower = gate_case(4.06)
    assert [verdict_on(slower, baseline_runs(count)).verdict for count in (9, 10)] == ["PASS", "REGRESSION"]
    noisy = [gate_run(100 + n, gate_case(4.0 * (1 + 0.05 * (n % 3)))) for n in range(12)]
    assert {m.limit_pct for m in verdict_on(slower, noisy).metrics} == {0.0, 3.0, 5.0}


def test_limit_tightens_for_the_baselines_own_cards_alone() -> None:
    """Another card of the kind, or one that a baseline did not keep, is held to the default limits."""
    slower = gate_case(4.06)
    device = msgspec.structs.replace(measurement_of(slower).devices[0], uuid="GPU-other")
    other = with_measurement(slower, devices=[device])
    assert verdict_on(slower, baseline_runs(10)).verdict == "REGRESSION"
    assert verdict_on(other, baseline_runs(10)).verdict == "PASS"
    two = [gate_run(1, slower), gate_run(2, other), gate_run(3, slower)]
    assert judge(samples(baseline_runs(10)), samples(two))[0].verdict == "PASS"
    base = samples(baseline_runs(10))
    for part, uuid in ((slice(None), None), (slice(1), "GPU-other")):
        kept = [msgspec.structs.replace(one, gpu_uuid=uuid) if one in base[part] else one for one in base]
        new = samples([gate_run(1, other if uuid else slower)])
        assert judge(kept, new)[0].verdict == "PASS"


def test_scale_is_that_of_a_normal_sample_and_survives_an_outlier() -> None:
    """Worked out by hand: of 1 to 5 the third smallest distance is 1; the fifth value may be anything."""
    assert scale([1.0, 2.0, 3.0, 4.0, 5.0]) == scale([1.0, 2.0, 3.0, 4.0, 1e9]) == pytest.approx(2.2219)
    assert relative_limit_pct([100 + n / 10 for n in range(10)], 3.0) == pytest.approx(4 * 0.2 * 2.2219 / 100.45 * 100)
    assert relative_limit_pct([100.0] * 10, 0.5) == 0.5


def test_single_round_is_judged() -> None:
    """The unit is the run, so one round is a number like any other."""
    base = [gate_run(100 + number, gate_case(rounds=1)) for number in range(5)]
    assert [verdict_on(gate_case(t, rounds=1), base).verdict for t in (4.0, 4.5)] == ["PASS", "REGRESSION"]


@pytest.mark.parametrize("status", ["failed", "oom", "nan", "error", "timeout", "crashed"])
def test_case_that_passed_and_does_not_is_a_regression(status: str) -> None:
    """Without its baseline it is missing: it was planned and has no number."""
    case = case_of(planned(), status=status, reason="the reason")  # type: ignore[arg-type] # a literal
    assert verdict_on(case).verdict == "REGRESSION"
    assert "the reason" in verdict_on(case).why
    assert verdict_on(case, []).verdict == "MISSING"


def test_case_that_failed_in_the_base_and_passes_now_is_new() -> None:
    """A fix may land, though its failed numbers are no baseline; what failed for its environment may not."""
    failed = msgspec.structs.replace(gate_case(), status="failed", reason="NaN in the latents")
    base = [gate_run(100 + n, failed) for n in range(3)]
    found = verdict_on(gate_case(), base, rules=PAIRED)
    assert (found.verdict, found.why) == (
        "NEW",
        "it failed in the base, failed: NaN in the latents, and passes now",
    )
    assert verdict_on(failed, base, rules=PAIRED).verdict == "MISSING"
    invalid = msgspec.structs.replace(gate_case(), status="invalid_env", reason="hot")
    for other in (gate_run(104, invalid), gate_run(104, failed, driver="590.1")):
        assert verdict_on(gate_case(), [*base, other], rules=PAIRED).verdict == "CALIBRATION_NEEDED"


def test_one_run_of_three_that_fails_is_undecided_and_hides_nothing() -> None:
    """A crash of every third run is no pass by majority, and no regression; a slow-down of the other two is one."""
    failed = msgspec.structs.replace(gate_case(), status="crashed", reason="signal 11")
    for total_s, rules in ((4.0, Rules()), (4.4, Rules()), (4.4, PAIRED)):
        new = [gate_run(n, failed if n == 1 else gate_case(total_s)) for n in range(3)]
        (found,) = judge(samples(baseline_runs(rules.fewest)), samples(new), rules=rules)
        assert found.verdict == ("AMBIGUOUS" if total_s == 4.0 else "REGRESSION")
        assert found.why.endswith("it failed in 1 of 3 runs under test: crashed: signal 11")
        assert ("prompt_to_host_s 4.4 s is above" in found.why) is (total_s == 4.4)


def test_others_of_a_case_that_failed_once_in_turns_are_blamed_only_apart_from_the_base() -> None:
    """Their median is above the limit, but one of them is as quick as the base."""
    failed = msgspec.structs.replace(gate_case(), status="crashed", reason="signal 11")
    new = [gate_run(1, gate_case(4.0)), gate_run(2, gate_case(4.6)), gate_run(3, failed)]
    (found,) = judge(samples(baseline_runs(3)), samples(new), rules=PAIRED)
    assert (found.verdict, found.why) == ("AMBIGUOUS", "it failed in 1 of 3 runs under test: crashed: signal 11")


@pytest.mark.parametrize("status", ["skipped", "not_run"])
def test_case_that_was_not_run_is_missing(status: str) -> None:
    """As is one that is not in the run at all."""
    assert verdict_on(case_of(planned(), status=status)).verdict == "MISSING"  # type: ignore[arg-type] # a literal
    assert verdict_on(gate_run(1, gate_case(model="wan2.1-t2v-1.3b"))).verdict == "MISSING"


def test_missing_and_new_stand_beside_the_others() -> None:
    """Each planned and each baseline case has one verdict."""
    found = judge(samples(baseline_runs()), samples([gate_run(1, gate_case(model="wan2.1-t2v-1.3b"))]))
    assert {one.id: one.verdict for one in found} == {CASE: "MISSING", OTHER: "NEW"}


@pytest.mark.parametrize("reason", ["shared_gpu", "validity", "clocks"])
def test_numbers_of_an_invalid_environment_are_not_judged(reason: str) -> None:
    """Neither as baseline nor under test."""
    spoiled = with_measurement(gate_case(9.0), reasons={reason: "why"})
    assert verdict_on(spoiled).verdict == "INVALID_ENV"
    base = [gate_run(100 + number, spoiled) for number in range(5)]
    assert verdict_on(gate_case(), base).verdict == "CALIBRATION_NEEDED"
    marked = msgspec.structs.replace(gate_case(9.0), status="invalid_env", reason="hot")
    assert (verdict_on(marked).verdict, verdict_on(marked).why) == ("INVALID_ENV", "hot")


def test_clocks_that_disagree_in_an_older_record_are_not_judged() -> None:
    """It holds no reason, so its rounds are asked; a cold start's clocks begin before the device has one."""
    apart = gate_case(9.0, prompt_to_host_s=9.2)
    assert "clocks" not in measurement_of(apart).reasons
    found = verdict_on(apart)
    assert (found.verdict, found.why[:49]) == ("INVALID_ENV", "clocks: the clocks of 3 of 3 rounds are more than")
    assert verdict_on(gate_case(), [gate_run(100 + n, apart) for n in range(5)]).verdict == "CALIBRATION_NEEDED"
    assert verdict_on(gate_case(prompt_to_host_s=4.03)).verdict == "PASS"
    fresh = msgspec.structs.replace(apart, plan=msgspec.structs.replace(apart.plan, fresh_process=True))
    assert samples([gate_run(1, fresh)])[0].invalid == ""


@pytest.mark.parametrize(
    ("environment", "fact"),
    [
        ({"driver": "590.2"}, "driver_branch"),
        ({"cuda": "14.0"}, "cuda"),
        ({"cudnn": "10"}, "cudnn"),
        ({"packages": {"torch": "2.14.0"}}, "torch"),
        ({"packages": {"torch": "2.13.0", "diffusers": "1"}}, "diffusers"),
        ({"gpus": [{"name": "NVIDIA H200", "uuid": "GPU-0", "power_limit_w": 350.0}]}, "power_limit_w"),
        ({"gpus": [{"name": "NVIDIA H200", "uuid": "GPU-0", "mig_mode": "enabled"}]}, "mig_mode"),
    ],
)
def test_other_stack_needs_calibration(environment: dict[str, object], fact: str) -> None:
    """However much slower it is: no number is compared, and the fact that differs is named."""
    found = verdict_on(gate_run(1, gate_case(9.0), **environment))
    assert found.verdict == "CALIBRATION_NEEDED"
    assert f"{fact} '" in found.why
    assert found.metrics == []


def test_what_differs_is_told_of_the_runs_that_were_compared() -> None:
    """A folder of baselines holds other cohorts of the case; where none is its own, all are told of."""
    own, other = baseline_runs(5), [gate_run(200, gate_case(), driver="590.1")]
    new = samples([gate_run(1, gate_case())])
    assert of_cohort(samples([*other, *own]), new, []) == samples(own)
    assert of_cohort(samples(other), new, []) == samples(other)


def test_other_gpu_or_protocol_needs_calibration() -> None:
    """Also where it is twice as fast, or ran out of memory."""
    measurement = measurement_of(gate_case())
    device = msgspec.structs.replace(measurement.devices[0], name="NVIDIA H100 80GB HBM3")
    for devices in ([device], [measurement.devices[0]] * 2):
        found = verdict_on(with_measurement(gate_case(2.0), devices=devices))
        assert (found.verdict, "gpu" in found.why) == ("CALIBRATION_NEEDED", True)
    run = msgspec.structs.replace(gate_run(1, gate_case(2.0)), protocol_version=2)
    assert verdict_on(run).verdict == "CALIBRATION_NEEDED"


def test_patch_of_the_driver_is_no_other_stack() -> None:
    """The branch decides."""
    assert verdict_on(gate_run(1, gate_case(), driver="580.99.01")).verdict == "PASS"


def test_packages_under_test_may_differ_and_are_named() -> None:
    """Torch brings its CUDA and cuDNN; a name that no run has is an error, not a comparison."""
    packages = {"torch": "2.14.0"}
    run = gate_run(1, gate_case(5.0), packages=packages, cuda="14.0", cudnn="10")
    found = verdict_on(run, under_test=["torch"])
    assert (found.verdict, found.versions) == ("REGRESSION", {"torch": ("2.13.0", "2.14.0")})
    assert verdict_on(run).verdict == "CALIBRATION_NEEDED"
    with pytest.raises(GateError, match="unknown package under test trch; the runs have git, torch"):
        verdict_on(run, under_test=["trch"])


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"prompt": "another text"}, "workload.prompt"),
        ({"steps": 4}, "workload.steps"),
        ({"vae_dtype": "float32"}, "recipe.vae_dtype"),
        ({"track": "published"}, "workload.track"),
        ({"fresh_process": True}, "workload.fresh_process"),
    ],
)
def test_other_recipe_or_prompt_under_one_id_is_a_mismatch(changes: dict[str, object], fact: str) -> None:
    """Never a comparison, also on another GPU."""
    found = verdict_on(replaced(gate_case(), **changes) if "prompt" not in changes else other_prompt("another text"))
    assert (found.verdict, fact in found.why) == ("RECIPE_MISMATCH", True)


def other_prompt(text: str) -> CaseRecord:
    case = gate_case()
    request = msgspec.structs.replace(case.plan.request, prompt=text)
    return msgspec.structs.replace(case, plan=msgspec.structs.replace(case.plan, request=request))


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"attention_resolved": "native_math"}, "attention native_math instead of native_cudnn"),
        ({"dtypes": {"transformer": "float32"}}, "transformer in float32 instead of bfloat16"),
        ({"dtypes": {"text_encoder": "float32"}}, "text_encoder in float32 instead of bfloat16"),
        ({"dtypes": {"vae": "float32"}}, "vae in float32 instead of bfloat16"),
    ],
)
def test_case_that_ran_otherwise_than_asked_is_a_mismatch(facts: dict[str, object], told: str) -> None:
    """A silent fallback opens no cohort of its own, and is no baseline."""
    measurement = measurement_of(gate_case())
    fell_back = with_measurement(gate_case(), facts=replace_facts(measurement, **facts))
    found = verdict_on(fell_back)
    assert (found.verdict, told in found.why) == ("RECIPE_MISMATCH", True)
    base = [gate_run(100 + number, fell_back) for number in range(5)]
    assert verdict_on(gate_case(), base).verdict == "CALIBRATION_NEEDED"


def test_layers_in_float32_are_no_mismatch() -> None:
    """As a transformer's norms are."""
    measurement = measurement_of(gate_case())
    facts = replace_facts(measurement, dtypes={"transformer": "bfloat16 + float32"})
    assert verdict_on(with_measurement(gate_case(), facts=facts)).verdict == "PASS"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -4.0])
def test_number_that_is_none_never_passes(value: float) -> None:
    """Under test it is ambiguous, in a baseline it does not count."""
    bad = gate_case(time_to_first_frame_s=value)
    found = verdict_on(bad)
    assert found.verdict == "AMBIGUOUS"
    assert "time_to_first_frame_s of 1 of 1 runs under test is no positive finite number" in found.why
    base = [*baseline_runs(4), gate_run(199, bad)]
    for total_s in (4.0, 9.0):
        found = verdict_on(gate_case(total_s), base)
        (own,) = [metric for metric in found.metrics if metric.metric == "time_to_first_frame_s"]
        assert (own.verdict, own.base_runs) == ("CALIBRATION_NEEDED", 4)
    assert exit_code([found]) != 0


def test_number_that_is_gone_is_missing_and_a_new_one_is_told() -> None:
    """A phase that the baseline has must be there; one more is no fault."""
    measurement = measurement_of(gate_case())
    phases = measurement.rounds[0].phases_s
    fewer = with_phases({name: value for name, value in phases.items() if name != "decode"})
    found = verdict_on(fewer)
    assert found.verdict == "MISSING"
    assert "phase_decode_s was not measured" in found.why
    more = verdict_on(with_phases({**phases, "upscale": 0.1}))
    assert more.verdict == "PASS"
    assert {m.metric for m in more.metrics if m.verdict == "NEW"} == {"phase_upscale_s"}


def test_case_without_any_gated_number_is_not_passed() -> None:
    """Nothing measured is nothing judged."""
    measurement = measurement_of(gate_case())
    empty = with_measurement(
        gate_case(), rounds=[], memory=msgspec.structs.replace(measurement.memory, peak_allocated_bytes=None)
    )
    assert verdict_on(empty).verdict == "MISSING"
    assert verdict_on(empty, [gate_run(100 + n, empty) for n in range(5)]).verdict == "CALIBRATION_NEEDED"


def test_times_of_a_case_that_was_not_warmed_up_are_not_gated() -> None:
    """Its one round may hold a first call, which says nothing of the steady state."""
    case = gate_case()
    for changes in ({"warmup": False}, {"fresh_process": True}):
        cold = msgspec.structs.replace(case, plan=msgspec.structs.replace(case.plan, **changes))
        found = verdict_on(cold, [gate_run(100 + n, cold) for n in range(5)])
        assert {metric.metric for metric in found.metrics} == {"peak_allocated_bytes"}


def test_limits_of_the_plan_hold() -> None:
    """A suite's own limits, both ways, those of the runs under test."""
    case = gate_case(4.1)
    for relative_pct, expected in ((2.4, "REGRESSION"), (2.6, "PASS")):
        gates = [GateLimit(metric="prompt_to_host_s", source="suite", relative_pct=relative_pct)]
        own = msgspec.structs.replace(case, plan=msgspec.structs.replace(case.plan, gates=gates))
        assert verdict_on(own).verdict == expected
    gates = [GateLimit(metric="prompt_to_host_s", source="suite", relative_pct=10.0, absolute=0.5)]
    loose = msgspec.structs.replace(gate_case(4.45), plan=msgspec.structs.replace(case.plan, gates=gates))
    assert "prompt_to_host_s" not in broken(verdict_on(loose))


def limited(total_s: float, relative_pct: float | None, metric: str = "prompt_to_host_s") -> CaseRecord:
    """Give a case whose suite set a limit of its own."""
    case = gate_case(total_s)
    gates = [] if relative_pct is None else [GateLimit(metric=metric, source="suite", relative_pct=relative_pct)]
    return msgspec.structs.replace(case, plan=msgspec.structs.replace(case.plan, gates=gates))


@pytest.mark.parametrize(
    ("total_s", "base_pct", "new_pct", "expected"),
    [
        (4.2, None, 900.0, "AMBIGUOUS"),
        (4.2, 2.0, None, "REGRESSION"),
        (4.1, 2.0, None, "AMBIGUOUS"),
        (4.1, 10.0, 2.0, "REGRESSION"),
        (4.0, None, 900.0, "PASS"),
        (4.0, None, 2.0, "PASS"),
        (4.0, 2.0, 2.0, "PASS"),
    ],
)
def test_limit_that_the_base_had_not_is_told_and_excuses_nothing(
    total_s: float, base_pct: float | None, new_pct: float | None, expected: str
) -> None:
    """A change that loosens its own limit would else let itself pass."""
    base = [gate_run(100 + n, limited(4.0, base_pct)) for n in range(5)]
    found = verdict_on(limited(total_s, new_pct), base)
    own = found.metrics[0]
    assert (own.metric, own.verdict) == ("prompt_to_host_s", expected)
    told = f"limit {new_pct or 3:.3g} % and 0.03 s, the base had {base_pct or 3:.3g} % and 0.03 s"
    assert (told in "; ".join([found.why, *found.notes])) is ((new_pct or 3) > (base_pct or 3) or expected != "PASS")
    assert found.why != "" or expected == "PASS"


def test_limit_of_the_base_tightens_as_any() -> None:
    """Ten unchanged runs allow 1 %, also where the change widened the absolute limit alone."""
    case = gate_case(4.06)
    gates = [GateLimit(metric="prompt_to_host_s", source="suite", absolute=0.5)]
    own = msgspec.structs.replace(case, plan=msgspec.structs.replace(case.plan, gates=gates))
    found = {one.metric: one for one in verdict_on(own, baseline_runs(10)).metrics}["prompt_to_host_s"]
    assert (found.verdict, "limit 3 % and 0.5 s, the base had 3 % and 0.03 s" in found.why) == ("AMBIGUOUS", True)


def test_newest_baseline_runs_limit_is_the_bases() -> None:
    """Whoever reviewed it did so last; also from its file, whose older ones hold none, so that the defaults are."""
    base = [gate_run(100 + n, limited(4.0, 2.0 if n < 4 else 50.0)) for n in range(5)]
    assert verdict_on(limited(4.2, 50.0), base).metrics[0].verdict == "PASS"
    change, baseline = Change(at="now", who="Ada", why="first"), None
    for one in samples(base):
        baseline = with_sample(baseline, one, "main", change)
    assert baseline is not None
    kept = samples_in([baseline])
    older = [msgspec.structs.replace(one, limits=None) for one in kept]
    for stored, own_pct, told in ((kept, 900.0, "had 50 %"), (older, 900.0, "had 3 %"), (older, 2.0, "")):
        (found,) = judge(stored, samples([gate_run(1, limited(4.0, own_pct))]))
        assert [told in note for note in found.notes] == ([True] if told else [])


def test_confirmation_is_judged_on_the_median_of_three() -> None:
    """One slow process of three is not a slow-down; until there are three it is a suspect."""
    slow, fast = gate_case(4.4), gate_case(4.0)
    base = samples(baseline_runs())
    first = judge(base, samples([gate_run(1, slow)]))
    assert suspects(first) == [CASE]
    for others, expected in ((fast, "PASS"), (slow, "REGRESSION")):
        three = judge(base, samples([gate_run(1, slow), gate_run(2, others), gate_run(3, others)]))
        assert [one.verdict for one in three] == [expected]


def test_runs_under_test_must_be_of_one_cohort() -> None:
    """A confirmation on another driver confirms nothing."""
    base = samples(baseline_runs())
    (found,) = judge(base, samples([gate_run(1, gate_case()), gate_run(2, gate_case(), driver="590.1")]))
    assert (found.verdict, "driver_branch" in found.why) == ("INVALID_ENV", True)


def test_paired_rule_takes_three_of_each() -> None:
    """Base against head, in alternation: fewer, or not as many, are no pairs; the interval is told."""
    base, new = baseline_runs(3), [gate_run(n, gate_case(4.2 + 0.01 * n)) for n in range(3)]
    (found,) = judge(samples(base), samples(new), rules=PAIRED)
    assert found.verdict == "REGRESSION"
    assert found.metrics[0].low_ratio == pytest.approx(4.2 / 4.0)
    assert found.metrics[0].high_ratio == pytest.approx(4.22 / 4.0)
    for runs in (base[:2], [*base, *baseline_runs(5)[4:]]):
        assert judge(samples(runs), samples(new), rules=PAIRED)[0].verdict == "CALIBRATION_NEEDED"
    more = [*new, gate_run(9, gate_case(4.2))]
    assert judge(samples(base), samples(more), rules=PAIRED)[0].verdict == "CALIBRATION_NEEDED"


@pytest.mark.parametrize(
    ("new_s", "expected", "said"),
    [
        ((4.2, 4.3, 4.4), "REGRESSION", ""),
        ((3.99, 4.3, 4.4), "AMBIGUOUS", "overlap: new to base from 0.998 to 1.100"),
        ((2.0, 2.1, 2.15), "IMPROVED", ""),
        ((4.0, 4.1, 4.36), "PASS", ""),
        ((4.0, 4.1, 4.38), "AMBIGUOUS", "of the new side's runs is 4 s to 4.38 s, over 3 times its limit apart"),
        ((4.0, 2.0, 2.0), "AMBIGUOUS", "of the new side's runs is 2 s to 4 s, over 3 times its limit apart"),
        ((4.0, 4.0, 4.0, 6.0), "PASS", ""),
        ((3.6, 4.0, 4.0, 4.45), "AMBIGUOUS", "of the new side's runs is 3.6 s to 4 s, over 3 times its limit apart"),
        ((3.99, 4.3, 4.3, 4.4), "REGRESSION", ""),
        ((3.99, 4.0, 4.3, 4.4), "AMBIGUOUS", "overlap: new to base from 0.998 to 1.075"),
    ],
)
def test_paired_runs_that_overlap_or_scatter_show_nothing(new_s: tuple[float, ...], expected: str, said: str) -> None:
    """Worse or better is what every run of the one side is; of four runs one may be disturbed."""
    new = samples([gate_run(number, gate_case(total_s)) for number, total_s in enumerate(new_s)])
    base = samples(baseline_runs(len(new_s)))
    (found,) = judge(base, new, rules=PAIRED)
    assert found.verdict == expected
    assert said in found.why
    assert suspects([found]) == [CASE] * (expected in ("REGRESSION", "AMBIGUOUS"))


def test_single_pair_scatters_nowhere() -> None:
    """By a rule that asks for no more."""
    rules = Rules(fewest=1, paired=True)
    (found,) = judge(samples(baseline_runs(1)), samples([gate_run(1, gate_case(4.0))]), rules=rules)
    assert found.verdict == "PASS"


def test_paired_base_that_scatters_shows_nothing() -> None:
    """The median of a base that lies anywhere is no measure of the change."""
    base = [gate_run(100 + number, gate_case(total_s)) for number, total_s in enumerate((3.6, 4.0, 4.0))]
    (found,) = judge(samples(base), samples([gate_run(number, gate_case(4.0)) for number in range(3)]), rules=PAIRED)
    assert (found.verdict, "of the base side's runs is 3.6 s to 4 s" in found.why) == ("AMBIGUOUS", True)


@pytest.mark.parametrize("both", [False, True])
def test_run_that_is_there_twice_is_refused(both: bool) -> None:
    """Five copies of one run are no five runs, and a run is not its own baseline."""
    base = baseline_runs()
    with pytest.raises(GateError, match=f"case {CASE[:8]}.* of run run-100 .* is there twice"):
        judge(samples([*base, base[0]]), samples([base[0] if both else gate_run(1, gate_case())]))
    with pytest.raises(GateError, match="is there twice"):
        judge(samples(base), samples([gate_run(1, gate_case(), driver="1"), base[0]]))


def test_every_verdict_has_a_meaning_and_a_rank() -> None:
    """And only three of them exit with 0."""
    assert set(MEANING) == set(RANKS)
    compared = CaseVerdict(id="a", verdict="PASS", why="")
    codes = {v: exit_code([compared, CaseVerdict(id="b", verdict=v, why="")]) for v in RANKS}
    assert {v for v, code in codes.items() if code == 0} == {"PASS", "IMPROVED", "NEW"}
    assert {v for v, code in codes.items() if code == 1} == {"REGRESSION"}


def test_leniency_is_by_name_and_never_makes_nothing_compared_green() -> None:
    """RECIPE_MISMATCH is not let pass, nor is a run of which no case was compared."""
    missing, mismatch, fine = (CaseVerdict(id=v, verdict=v, why="") for v in ("MISSING", "RECIPE_MISMATCH", "PASS"))
    assert [exit_code([fine, missing], lenient) for lenient in ([], ["AMBIGUOUS"], ["MISSING"])] == [2, 2, 0]
    assert exit_code([fine, mismatch], ["RECIPE_MISMATCH", "MISSING"]) == 2
    assert [exit_code([missing], ["MISSING"]), exit_code([]), exit_code([fine])] == [2, 2, 0]
    half = verdict_on(with_phases({"denoise": 2.0, "to_host": 0.36}))
    assert (half.verdict, exit_code([half]), exit_code([half], ["MISSING"])) == ("MISSING", 2, 0)


TIMES = st.floats(min_value=0.01, max_value=100)
TOTALS = st.lists(TIMES, min_size=5, max_size=12)


def by_time(totals: list[float], first: int = 0, id_: str = CASE) -> list[Sample]:
    """Make samples out of one, whose only number is the time of each."""
    (own,) = samples([gate_run(1, gate_case())])
    return [
        msgspec.structs.replace(
            own, id=id_, run=f"run {n}", created_at=f"{n:03d}", values={"prompt_to_host_s": total_s}
        )
        for n, total_s in enumerate(totals, start=first)
    ]


def test_over_20_percent_within_the_absolute_limit_is_no_improvement() -> None:
    """25 ms of 100 ms are what two runs differ by: a baseline is not stale for it."""
    assert judge(by_time([0.1] * 5), by_time([0.075], 100))[0].verdict == "PASS"
    assert judge(by_time([0.2] * 5), by_time([0.15], 100))[0].verdict == "IMPROVED"


def test_limit_tightens_to_1_percent_at_least() -> None:
    """Ten runs that agree to the last digit are no reason to blame 0.9 %."""
    found = [judge(by_time([6.0] * 10), by_time([total_s], 100))[0].verdict for total_s in (6.054, 6.066)]
    assert found == ["PASS", "REGRESSION"]


def test_whatever_regressed_is_a_suspect_but_a_student() -> None:
    """A number, a check and a failure may each be of one run alone; a student's verdict is over many clips."""
    cases = [CaseVerdict(id=verdict, verdict=verdict, why="") for verdict in RANKS]
    student = CaseVerdict(id="a against b (c)", verdict="REGRESSION", why="", of="student")
    assert suspects([*cases, student]) == ["REGRESSION"]


def test_newest_50_runs_are_judged_against() -> None:
    """Of sixty; the older ten, twice as slow, stay in the file and excuse nothing."""
    change, baseline = Change(at="now", who="Ada", why="first"), None
    for one in by_time([8.0] * 10 + [4.0] * 50):
        baseline = with_sample(baseline, one, "main", change)
    assert baseline is not None
    assert [entry.values["prompt_to_host_s"] for entry in baseline.active] == [4.0] * 50
    assert judge(samples_in([baseline]), by_time([4.2], 100))[0].verdict == "REGRESSION"


@settings(deadline=None, max_examples=50)
@given(base=TOTALS, new=TOTALS)
def test_swapping_roles_turns_a_regression_into_improved_or_pass(base: list[float], new: list[float]) -> None:
    """What is worse one way is not worse the other."""
    there, back = (judge(by_time(a), by_time(b, 100))[0].verdict for a, b in ((base, new), (new, base)))
    if there == "REGRESSION":
        assert back in ("IMPROVED", "PASS")
    assert {there, back} <= {"PASS", "REGRESSION", "IMPROVED"}


@settings(deadline=None, max_examples=50)
@given(base=TOTALS, new=TIMES, other=TOTALS)
def test_adding_an_unchanged_case_changes_no_other_verdict(base: list[float], new: float, other: list[float]) -> None:
    """Cases are judged each for itself."""
    alone = judge(by_time(base), by_time([new], 100))
    same = by_time([sorted(other)[len(other) // 2]], 100, "other")
    together = judge([*by_time(base), *by_time(other, id_="other")], [*by_time([new], 100), *same])
    assert [one for one in together if one.id == CASE] == alone


@settings(deadline=None, max_examples=50)
@given(data=st.data(), base=TOTALS, new=st.lists(TIMES, min_size=1, max_size=3))
def test_order_of_runs_does_not_matter(data: st.DataObject, base: list[float], new: list[float]) -> None:
    """Neither of the baseline's nor of those under test."""
    old, now = by_time(base), by_time(new, 100)
    shuffled = judge(data.draw(st.permutations(old)), data.draw(st.permutations(now)))
    assert shuffled == judge(old, now)


@settings(deadline=None, max_examples=50)
@given(base=TOTALS, new=st.lists(TIMES, min_size=1, max_size=3), names=st.permutations(range(20)))
def test_names_of_runs_do_not_matter(base: list[float], new: list[float], names: list[int]) -> None:
    """Nor when they were made: whatever sorts first, the roles are as given."""

    def renamed(samples_: list[Sample], first: int) -> list[Sample]:
        return [
            msgspec.structs.replace(one, run=f"{names[first + n]:02d}", created_at=f"{names[first + n]:03d}")
            for n, one in enumerate(samples_)
        ]

    old, now = by_time(base), by_time(new, 100)
    assert judge(renamed(old, 0), renamed(now, 12)) == judge(old, now)


@settings(deadline=None, max_examples=50)
@given(base=st.lists(st.floats(), max_size=8), new=st.lists(st.floats(), min_size=1, max_size=3))
def test_any_floats_give_one_verdict_and_pass_only_by_numbers(base: list[float], new: list[float]) -> None:
    """NaN, infinity, zero and below are never passed on."""
    (found,) = judge(by_time(base), by_time(new, 100), rules=Rules(fewest=1))
    good = all(math.isfinite(value) and value > 0 for value in new)
    assert good or exit_code([found]) != 0
