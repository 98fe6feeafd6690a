"""A slower case names where its time went: the first step or all, step, block or visit, and kernels where profiled."""

import doctest

import msgspec

from reports.gate import grown
from reports.gate.judge import judge
from reports.gate.limits import MIB
from reports.gate.verdict import CaseVerdict
from reports.measured import ColdStart, Kernel, Profile, Span
from reports.record import CaseRecord
from tests.gate_samples import gate_case, gate_run, samples

OTHER_S = 2.0
STEP_S = 0.1


def one_piece(*steps_s: float) -> CaseRecord:
    """Give a clip in one piece of these steps, and two seconds of everything else."""
    return gate_case(
        steps_s=list(steps_s),
        phases_s={"denoise": sum(steps_s), "decode": OTHER_S},
        prompt_to_host_s=sum(steps_s) + OTHER_S,
    )


def causal(steps_s: list[list[float]], decodes_s: list[float]) -> CaseRecord:
    """Give a causal clip whose blocks but the first begin with the cache pass of the block before."""
    spans: list[Span] = []
    at_s = 0.0
    for block_s, decode_s in zip(steps_s, decodes_s, strict=True):
        spans += [
            Span(phase="denoise", start_s=at_s, end_s=at_s + sum(block_s), steps=len(block_s)),
            Span(phase="decode", start_s=at_s + sum(block_s), end_s=at_s + sum(block_s) + decode_s, steps=0),
        ]
        at_s = spans[-1].end_s
    flat = [step_s for block_s in steps_s for step_s in block_s]
    return gate_case(
        steps_s=flat,
        spans=spans,
        phases_s={"denoise": sum(flat), "decode": sum(decodes_s)},
        prompt_to_host_s=sum(flat) + sum(decodes_s),
    )


def verdict_on(case: CaseRecord, base: CaseRecord) -> CaseVerdict:
    """Judge one run of a case against five of another."""
    (found,) = judge(samples([gate_run(100 + n, base) for n in range(5)]), samples([gate_run(1, case)]))
    return found


def broken(found: CaseVerdict) -> set[str]:
    return {metric.metric for metric in found.metrics if metric.verdict == "REGRESSION"}


BLOCKS = [[STEP_S] * 3, [STEP_S] * 4, [STEP_S] * 4]
DECODES = [0.5, 0.5, 0.5]


def test_slow_first_step_is_named_and_not_blamed_on_the_later_ones() -> None:
    """Its own number is a regression, that of the later steps is not, and the reason says both."""
    found = verdict_on(one_piece(0.4, *[STEP_S] * 9), one_piece(*[STEP_S] * 10))
    assert broken(found) == {"prompt_to_host_s", "first_step_s", "phase_denoise_s"}
    assert {m.metric: m.verdict for m in found.metrics}["later_steps_s"] == "PASS"
    assert found.causes[-1].endswith(
        "denoise grew by 0.3 s, its first step by 0.3 s (0.1 s to 0.4 s); its later steps are within their limits"
    )


def test_later_steps_that_are_slower_too_are_not_excused() -> None:
    """The first holds most of it, but the others are beyond their limits as well."""
    found = verdict_on(one_piece(1.0, *[0.12] * 9), one_piece(*[STEP_S] * 10))
    assert {"first_step_s", "later_steps_s"} <= broken(found)
    assert found.causes[-1].endswith("its first step by 0.9 s (0.1 s to 1 s)")


def test_slow_first_step_of_one_round_is_no_regression() -> None:
    """A kernel that is built in the first round only: the median over rounds is without it."""
    case, base = one_piece(*[STEP_S] * 10), one_piece(*[STEP_S] * 10)
    assert case.measurement is not None
    slow = one_piece(0.9, *[STEP_S] * 9).measurement
    assert slow is not None
    rounds = [slow.rounds[0], *case.measurement.rounds[1:]]
    once = msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, rounds=rounds))
    assert verdict_on(once, base).verdict == "PASS"


def test_steps_that_are_all_slower_are_told_as_spread() -> None:
    """Then the steady state is what regressed, and no step is blamed."""
    found = verdict_on(one_piece(*[1.1 * STEP_S] * 10), one_piece(*[STEP_S] * 10))
    assert "later_steps_s" in broken(found)
    assert "first_step_s" not in broken(found)  # 10 ms are within its absolute limit
    assert found.causes[-1].endswith("denoise grew by 0.1 s, spread over its 10 steps")


def test_step_block_and_visit_that_stand_out_are_named() -> None:
    """A single step of a block, a block whose steps are all slow, a cache pass, a visit to the decoder."""
    base = causal(BLOCKS, DECODES)
    for place, name in (
        ([[0.1] * 3, [0.1, 0.1, 0.4, 0.1], [0.1] * 4], "step 2 of block 2"),
        ([[0.1] * 3, [0.4, 0.1, 0.1, 0.1], [0.1] * 4], "cache pass of block 1"),
        ([[0.1] * 3, [0.1, 0.2, 0.2, 0.2], [0.1] * 4], "block 2"),
        ([[0.4, 0.1, 0.1], [0.1] * 4, [0.1] * 4], "its first step"),
    ):
        assert f"denoise grew by 0.3 s, {name} by 0.3 s" in verdict_on(causal(place, DECODES), base).why
    late = verdict_on(causal(BLOCKS, [0.5, 0.5, 0.7]), base)
    assert "decode grew by 0.2 s, visit 3 by 0.2 s" in late.why
    assert "phase_denoise_s" not in broken(late)


def test_growth_of_a_phase_is_that_of_the_table() -> None:
    """Medians of parts do not add up to the phase's; what a part grew by beyond it, all else gained."""
    base, slow = causal(BLOCKS, DECODES), causal(BLOCKS, [0.7, 0.45, 0.5])
    found = verdict_on(slow, base)
    (decode,) = (metric for metric in found.metrics if metric.metric == "phase_decode_s")
    assert decode.new is not None
    assert decode.base is not None
    assert round(decode.new - decode.base, 6) == 0.15
    assert "decode grew by 0.15 s, visit 1 by 0.2 s, all else by -0.05 s" in found.why


def test_time_that_no_part_holds_is_outside_of_them() -> None:
    """A phase that grew between its steps is not told as spread over them."""
    outside = gate_case(
        steps_s=[1.01 * STEP_S] * 10, phases_s={"denoise": 1.5, "decode": OTHER_S}, prompt_to_host_s=OTHER_S + 1.5
    )
    found = verdict_on(outside, one_piece(*[STEP_S] * 10))
    assert found.causes[-1].endswith("denoise grew by 0.5 s, outside of its 10 steps by 0.49 s")


def test_other_number_of_steps_says_nothing_of_them() -> None:
    """Parts are laid side by side only where there are as many."""
    found = verdict_on(one_piece(*[0.2] * 7), one_piece(*[STEP_S] * 10))
    assert found.verdict == "REGRESSION"
    assert "grew by" not in found.why


def profiled(case: CaseRecord, **decode_s: float) -> CaseRecord:
    """Give the case with a profile of its decoder's kernels."""
    assert case.measurement is not None
    kernels = [Kernel(name=name, calls=9, total_s=total_s) for name, total_s in decode_s.items()]
    profile = Profile(trace="profiles/a.json.gz", round_s=5.0, idle_ratio=0.1, phases={"decode": kernels})
    return msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, profile=profile))


def test_profiled_runs_name_the_kernels_that_grew_most() -> None:
    """Old and new seconds, the most first; what was not among the heaviest before is said to be."""
    base, slow = causal(BLOCKS, DECODES), causal(BLOCKS, [0.7, 0.7, 0.7])
    found = verdict_on(profiled(slow, conv=0.9, copy=0.5, norm=0.1), profiled(base, conv=0.5, norm=0.1))
    assert (
        "kernels of decode that grew most: copy (not among the heaviest, now 0.5 s), conv (0.5 s to 0.9 s)" in found.why
    )
    assert "norm" not in found.why
    little = verdict_on(profiled(slow, conv=0.559, copy=0.561), profiled(base, conv=0.5, copy=0.5))
    assert "kernels of decode that grew most: copy (0.5 s to 0.561 s)" in little.why
    assert "conv" not in little.why
    assert "kernels" not in verdict_on(profiled(slow, conv=0.559), profiled(base, conv=0.5)).why
    now_only = verdict_on(profiled(slow, conv=0.9), base)
    assert "no baseline run was profiled; heaviest kernels of decode now: conv 0.9 s" in now_only.why
    assert "kernel" not in verdict_on(slow, profiled(base, conv=0.5)).why


def fresh(load_s: float, later_s: float = 0.5) -> CaseRecord:
    """Give a case of two cold starts, the first of them slower in all parts."""
    starts = [
        ColdStart(
            total_s=factor * (load_s + later_s + 0.5),
            parts_s={"import": 0.5 * factor, "load": load_s * factor, "denoise": later_s * factor},
            weights_cached_ratio=None,
            compile_cache=None,
        )
        for factor in (3, 1)
    ]
    case = gate_case()
    assert case.measurement is not None
    measurement = msgspec.structs.replace(case.measurement, cold_starts=starts, cold_start_s=starts[-1].total_s)
    return msgspec.structs.replace(
        case, plan=msgspec.structs.replace(case.plan, fresh_process=True), measurement=measurement
    )


def test_slower_cold_start_names_its_part() -> None:
    """By the processes after the first; what is slower in two parts alike is spread."""
    assert verdict_on(fresh(6.0), fresh(5.0)).causes[-1].endswith("cold start grew by 1 s, load by 1 s")
    assert (
        verdict_on(fresh(6.0, 1.5), fresh(5.0)).causes[-1].endswith("cold start grew by 2 s, spread over its 3 parts")
    )


def held(denoise_mib: int, decode_mib: int) -> CaseRecord:
    """Give a case whose peak is that of the higher of two phases."""
    case = gate_case(peak_bytes=max(denoise_mib, decode_mib) * MIB)
    assert case.measurement is not None
    peaks = {"denoise": denoise_mib * MIB, "decode": decode_mib * MIB}
    memory = msgspec.structs.replace(case.measurement.memory, phases_peak_allocated_bytes=peaks)
    return msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, memory=memory))


def test_higher_peak_names_its_phase_or_what_stays_allocated() -> None:
    """A leak is in every phase; a larger workspace is in one."""
    base = held(20_000, 24_000)
    (leaked,) = verdict_on(held(20_064, 24_064), base).causes
    assert leaked.endswith("in every phase alike, by 64.0 MiB at most: more stays allocated throughout")
    assert verdict_on(held(20_000, 24_064), base).causes[-1].endswith("the peak of phase decode grew most, by 64.0 MiB")
    assert "phase" not in verdict_on(gate_case(peak_bytes=25 * 2**30), gate_case()).why


def test_fine_times_tell_nothing_of_parts() -> None:
    """Only a regression is explained."""
    assert verdict_on(one_piece(0.11, *[STEP_S] * 9), one_piece(*[STEP_S] * 10)).why == ""


def test_documented_example_holds() -> None:
    """What all else of a phase gained."""
    assert doctest.testmod(grown) == (0, 1)
