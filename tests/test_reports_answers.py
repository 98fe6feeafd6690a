"""Ten questions have ten answers, from the record alone, and what was not measured says so."""

import msgspec
import pytest

from reports.answers import QUESTIONS, answers_of
from reports.answers.answer import Answer, number
from reports.answers.subject import subject_of
from reports.comparison_record import MarginVerdict, StudentTeacher, StudentVerdict
from reports.gate.outcome import GateProcess
from reports.gate.verdict import CaseVerdict, MetricVerdict, QualityVerdict, Verdict
from reports.judged import Candidate, Claim, Margin
from reports.measured import Chunk
from reports.memory_record import PartMemory, PhaseMemory
from reports.record import CaseRecord, Run
from tests.gate_samples import outcome_of
from tests.reports_samples import (
    case_of,
    ceilings_of,
    energy_of,
    planned,
    replaced,
    run_of,
    state_of,
    work_of,
)

GIB = 2**30
IDS = ["speed", "first-frame", "memory", "quality", "equal-time", "ceiling", "cost", "validity", "change", "claims"]


def answer(id_: str, *runs: Run) -> Answer:
    """Give the one answer that a test is about."""
    (found,) = [one for one in answers_of(runs) if one.id == id_]
    return found


def pair_of(**changes: object) -> Run:
    """Give a run of student, 4 s, and teacher, 64 s; `changes` are to the run."""
    run = run_of(case_of(planned(), 3.9, 4.0, 4.2), case_of(planned("wan2.1-t2v-1.3b"), 63.0, 64.0, 65.0))
    return msgspec.structs.replace(run, **changes)


def changed(case: CaseRecord, **changes: object) -> CaseRecord:
    """Give the case with fields of its measurement changed."""
    assert case.measurement is not None
    return msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, **changes))


def with_real_weights(case: CaseRecord) -> CaseRecord:
    """Give the case as if its weights had been the published ones."""
    model = msgspec.structs.replace(case.plan.model, weights_source="hub")
    return msgspec.structs.replace(case, plan=msgspec.structs.replace(case.plan, model=model))


def test_there_are_ten_answers_in_the_order_of_the_questions() -> None:
    """One a question, whatever the run holds: nothing, failures alone, or everything."""
    failed = run_of(case_of(planned(), status="error", reason="it broke"))
    for run in (run_of(), failed, pair_of()):
        assert [one.id for one in answers_of([run])] == IDS
    assert len(QUESTIONS) == len(IDS)


def test_an_empty_run_claims_nothing() -> None:
    """No number, and a command for all that a command can measure."""
    found = answers_of([run_of()])
    assert {one.tone for one in found} == {"unknown"}
    assert not [one.headline for one in found if any(character.isdigit() for character in one.headline)]
    assert all(one.commands for one in found)


def test_speed_is_the_ratio_of_the_medians_with_its_extremes() -> None:
    """64 over 4 is 16; the least is 63 over 4.2, the most 65 over 3.9."""
    found = answer("speed", pair_of())
    assert (found.headline, found.tone) == ("16.00×", "good")
    assert found.interval == "15.00× to 16.67×, extremes over 3 × 3 rounds"
    assert "4.00 s" in found.sentence
    assert "64.00 s" in found.sentence
    assert found.caveats == ("random weights",)
    assert [anchor.case for anchor in found.anchors] == [case.id for case in pair_of().cases]


def test_no_ratio_stands_over_published_recipes() -> None:
    """What differs in more than its sampling has no ratio, and the reason is told."""
    published = [case_of(planned(model, track="published"), 4.0) for model in ("causvid-1.3b", "wan2.1-t2v-1.3b")]
    found = answer("speed", run_of(*published))
    assert (found.headline, found.tone) == ("Not measured", "unknown")
    assert "×" not in found.headline + found.sentence
    assert any("no ratio, published recipe" in line for line in found.lines)


def test_a_student_that_is_slower_is_not_told_as_faster() -> None:
    """The suite's comparison says who is the student: its ratio is then below 1."""
    asked = StudentTeacher(
        id="x", students=["wan2.1-t2v-1.3b"], settings=["480p81"], teacher="causvid-1.3b", teacher_setting="480p81"
    )
    found = answer("speed", pair_of(comparisons=[asked]))
    assert found.headline == "0.0625×"
    assert found.tone == "bad"


@pytest.mark.parametrize(
    ("arrivals_s", "headline", "said", "tone"),
    [
        ((1.0, 1.5), "1.00 s", "never stalls from the first chunk on", "good"),
        ((1.0, 3.5), "1.00 s", "would stall, unless the player waits 2.00 s after the first chunk", "neutral"),
        ((3.5,), "3.50 s", "nothing is seen before the clip is done", "neutral"),
    ],
)
def test_first_frame_tells_whether_playback_stalls(
    arrivals_s: tuple[float, ...], headline: str, said: str, tone: str
) -> None:
    """Eight frames a chunk at 16 frames/s: the second is due half a second after the first."""
    case = case_of(planned(), 4.0)
    assert case.measurement is not None
    chunks = [Chunk(frames=8, device_s=at, host_s=at) for at in arrivals_s]
    timed = msgspec.structs.replace(case.measurement.rounds[0], chunks=chunks, time_to_first_frame_s=arrivals_s[0])
    found = answer("first-frame", run_of(changed(case, rounds=[timed])))
    assert (found.headline, found.tone) == (headline, tone)
    assert said in found.sentence


def test_memory_names_phase_parts_and_card() -> None:
    """The peak's phase with its largest parts; a card has 5 % less than its name says."""
    decode = PhaseMemory(
        phase="decode",
        peak_allocated_bytes=20 * GIB,
        peak_reserved_bytes=22 * GIB,
        components_bytes={"text_encoder": 11 * GIB, "vae": GIB},
        activations_bytes=8 * GIB,
    )
    part = PartMemory(
        peak_allocated_bytes=20 * GIB,
        peak_reserved_bytes=22 * GIB,
        peak_inactive_split_bytes=0,
        alloc_retries=0,
        ooms=0,
        phases=[decode],
    )
    case = case_of(planned(), 4.0)
    assert case.measurement is not None
    memory = msgspec.structs.replace(
        case.measurement.memory, peak_allocated_bytes=20 * GIB, parts={"rounds": part, "load": part}
    )
    found = answer("memory", run_of(changed(case, memory=memory)))
    assert found.headline == "20.00 GiB"
    assert "peaks in decode: text encoder 11.00, activations 8.00, vae 1.00 GiB" in found.sentence
    assert "It needs 22.00 GiB: a card of 24 GB fits" in found.sentence
    loading = msgspec.structs.replace(part, peak_device_bytes=23 * GIB)
    memory = msgspec.structs.replace(memory, parts={"rounds": part, "load": loading})
    assert "It needs 23.00 GiB: a card of 32 GB fits" in answer("memory", run_of(changed(case, memory=memory))).sentence
    low = msgspec.structs.replace(part, peak_device_bytes=21 * GIB)
    memory = msgspec.structs.replace(memory, parts={"rounds": low, "load": loading})
    beside = changed(case, memory=memory, state=state_of(used_before_bytes=GIB // 2))
    told = "It needs 22.50 GiB (23.00 in use at the peak, less 0.500 in use before): a card of 24 GB fits"
    assert told in answer("memory", run_of(beside)).sentence


def row(verdict: str, difference: float, bounds: tuple[float, float]) -> MarginVerdict:
    """Give what 37 prompts say of a margin of 0.1."""
    margin = Margin(metric="chroma_drift", better="lower", absolute=0.1, why="colours run away")
    return MarginVerdict(
        margin=margin, verdict=verdict, prompts=37, clips=74, difference=difference, limit=0.1, t=bounds, bca=bounds,  # type: ignore[arg-type] # one of its words
        gate="t", reason="not decided" if verdict == "INCONCLUSIVE" else "",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("verdict", "bounds", "headline", "tone"),
    [
        ("PASS", (0.0, 0.05), "No loss beyond the margins", "good"),
        ("FAIL", (0.2, 0.4), "Worse than its teacher", "bad"),
        ("INCONCLUSIVE", (0.05, 0.15), "Not decided", "neutral"),
    ],
)
def test_quality_tells_axis_bounds_and_prompts(
    verdict: str, bounds: tuple[float, float], headline: str, tone: str
) -> None:
    """The verdict with its metric, both bounds, the limit, and over how many prompts."""
    one = StudentVerdict(comparison="x", student="s 480p", teacher="t 480p", rows=[row(verdict, 0.1, bounds)])
    case = case_of(planned(), 4.0)
    found = answer("quality", msgspec.structs.replace(run_of(with_real_weights(case)), verdicts=[one]))
    assert (found.headline, found.tone) == (headline, tone)
    assert f"{verdict} over 37 prompts" in found.interval
    assert f"chroma_drift +0.1 [{bounds[0]:+.3g}, {bounds[1]:+.3g}], limit +0.1" in found.sentence
    noise = answer("quality", msgspec.structs.replace(run_of(case), verdicts=[one]))
    assert (noise.headline, noise.tone) == ("Not measured", "unknown")
    assert "random weights show nothing" in noise.sentence


def test_ceiling_is_the_multiple_of_the_floor_or_says_what_measures_it() -> None:
    """Work for 1.5 s at the ceilings takes 4 s; without ceilings the phases' shares stand and the command."""
    case = replaced(case_of(planned(), 4.0), work=work_of())
    found = answer("ceiling", msgspec.structs.replace(run_of(case), ceilings=ceilings_of()))
    assert found.headline == "2.7× its floor"
    assert "50% denoise, 40% decode, 9% to host, 1% text encode" in found.sentence
    without = answer("ceiling", run_of(case))
    assert without.headline == "50% in denoise"
    assert [command for _, command in without.commands] == ["pytest benchmarks/bench_ceilings.py"]


def test_shares_of_the_time_are_of_one_round() -> None:
    """Medians of each phase would be 50 % and 75 % of the median; the round at the median has 50 and 50."""
    phases_s = [{"denoise": 1.0, "decode": 3.0}, {"denoise": 2.0, "decode": 2.0}, {"denoise": 3.0, "decode": 3.0}]
    case = case_of(planned(), 4.1, 4.0, 3.9)
    assert case.measurement is not None
    rounds = [
        msgspec.structs.replace(a_round, phases_s=own)
        for a_round, own in zip(case.measurement.rounds, phases_s, strict=True)
    ]
    assert "50% denoise, 50% decode" in answer("ceiling", run_of(changed(case, rounds=rounds))).sentence


def test_what_was_not_measured_tells_how_long_that_takes() -> None:
    """A command of the suite `paper` is narrowed, and its cases and its time by estimate stand beside it."""
    for id_ in ("quality", "equal-time", "claims"):
        ((what, command),) = answer(id_, run_of(case_of(planned(), 4.0))).commands
        assert "as --collect-only estimates" in what
        assert "--model causvid-1.3b" in command


def test_random_weights_are_told_as_their_banner_does() -> None:
    """Time is the model's own but for what the weights' values do."""
    told = "random weights: work and memory are the models' own, time but for what values do to power and clock"
    assert told in answer("validity", pair_of()).sentence.lower()


def test_cost_is_money_where_a_price_is_known_else_joules() -> None:
    """4 s a clip are 900 an hour; 10,530 J for four clips."""
    run = run_of(changed(case_of(planned(), 4.0), state=state_of(energy=energy_of())))
    assert answer("cost", run).headline == "2,632 J"
    assert "900.0 videos a GPU-hour" in answer("cost", run).sentence
    paid = answer("cost", msgspec.structs.replace(run, gpu_hour_price=3.0))
    assert paid.headline == "0.00333 a video"
    assert not paid.commands
    assert answer("cost", run_of(case_of(planned(), 4.0))).interval == "energy was not counted"


def test_cost_without_a_gpu_is_not_measured() -> None:
    """A CPU is not priced in GPU-hours."""
    case = case_of(planned(), 4.0)
    assert case.measurement is not None
    devices = [msgspec.structs.replace(device, kind="cpu") for device in case.measurement.devices]
    assert answer("cost", run_of(changed(case, devices=devices))).headline == "Not measured"


def test_validity_tells_faults_before_reservations() -> None:
    """A failed case spoils the run, random weights and throttling limit it, and a clean one says yes."""
    fine = pair_of()
    assert answer("validity", fine).headline == "With reservations"
    broken = run_of(*fine.cases, case_of(planned(prompt="cat"), status="oom", reason="no room"))
    found = answer("validity", broken)
    assert (found.headline, found.tone, found.interval) == ("Not as it stands", "bad", "2 of 3 cases passed")
    assert "1 out of memory; random weights" in found.sentence
    hot = changed(fine.cases[0], state=state_of(event_shares={"hw_thermal_slowdown": 0.2}))
    assert "hw thermal slowdown was seen" in answer("validity", run_of(hot)).sentence
    assert answer("validity", run_of(*map(with_real_weights, fine.cases))).headline == "Yes"


def test_validity_tells_code_that_is_of_no_commit() -> None:
    """Changed, of no commit, or with changes for all that is known: each in its words, with reservations."""
    run = run_of(with_real_weights(case_of(planned(), 4.0)))
    for facts, words in (
        ({"git_dirty": True}, "the code had changes that are not committed"),
        ({"git_dirty": None}, "whether the code had changes that are not committed is not known"),
        ({"git_dirty": None, "git_commit": None}, "the commit of the code is not known"),
    ):
        environment = msgspec.structs.replace(run.environment, **facts)
        found = answer("validity", msgspec.structs.replace(run, environment=environment))
        assert words in found.sentence.lower()
        assert found.headline == "With reservations"
    assert "commit" not in answer("validity", run).sentence


def test_change_needs_a_baseline_and_counts_what_became_worse() -> None:
    """One run has none; a second that is slower in every round, or fails, is told as such."""
    run = pair_of()
    assert answer("change", run).headline == "No baseline"
    same = answer("change", run, run)
    assert (same.headline, same.tone) == ("Undecided: one run each", "neutral"), "no change is no go-ahead"
    quicker = run_of(case_of(planned(), 2.9, 3.0, 3.2), run.cases[1])
    assert answer("change", run, quicker).headline == "Undecided: one run each"
    slower = run_of(case_of(planned(), 4.9, 5.0, 5.2), run.cases[1])
    found = answer("change", run, slower)
    assert (found.headline, found.tone) == ("1 regressed", "bad")
    assert any("prompt to host frames [s] 4.00 to 5.00 (+25.0 %)" in line for line in found.lines)
    gone = answer("change", run, run_of(run.cases[0]))
    assert gone.headline == "1 no longer pass"


def test_headline_of_a_change_agrees_with_the_worst_verdict_below_it() -> None:
    """A phase that is over its limits counts, though no number of the whole case changed by as much."""
    run = pair_of()
    assert run.cases[0].measurement is not None
    rounds = run.cases[0].measurement.rounds
    apart = [
        {**one.phases_s, "denoise": 0.45, "decode": one.phases_s["decode"] + one.phases_s["denoise"] - 0.45}
        for one in rounds
    ]
    longer = changed(
        run.cases[0],
        rounds=[msgspec.structs.replace(one, phases_s=phases) for one, phases in zip(rounds, apart, strict=True)],
    )
    found = answer("change", run, run_of(longer, run.cases[1]))
    assert found.lines[0].startswith(f"REGRESSION {longer.id}: phase_decode_s"), found.lines
    assert (found.headline, found.tone) == ("1 regressed", "bad")
    other = replaced(run.cases[1], attention="native_flash")
    assert answer("change", run, run_of(longer, other)).headline == "1 regressed, 1 not comparable"
    small = answer("change", run_of(case_of(planned(), 4.0)), run_of(case_of(planned(), 4.06)))
    assert (small.headline, small.tone) == ("1 worse", "neutral"), "over the noise, but within the gate's limits"


def compared(students: list[str]) -> StudentTeacher:
    """Hold students of 480p81 against Wan in 480p81."""
    return StudentTeacher(
        id="a", students=students, settings=["480p81"], teacher="wan2.1-t2v-1.3b", teacher_setting="480p81"
    )


def test_equal_time_says_what_is_missing() -> None:
    """No teacher is named, or a side of the comparison is not here, or the teacher has no rows of other steps."""
    fewer = replaced(case_of(planned("wan2.1-t2v-1.3b"), 5.0), setting="480p81-4step", steps=4)
    run = run_of(*pair_of().cases, fewer)
    assert answer("equal-time", run).sentence.startswith("No teacher is named here: [[comparisons]] of a suite's TOML")
    absent = msgspec.structs.replace(run, comparisons=[compared(["other"])])
    assert "students that [[comparisons]] name is here: other 480p81." in answer("equal-time", absent).sentence
    student = msgspec.structs.replace(run_of(run.cases[0]), comparisons=[compared(["causvid-1.3b"])])
    assert "of the teacher that [[comparisons]] name is here: wan2.1" in answer("equal-time", student).sentence
    alone = answer("equal-time", pair_of(comparisons=[compared(["causvid-1.3b"])])).sentence
    assert alone == "No rows of wan2.1-t2v-1.3b are here that differ from its 480p81 in steps and guidance alone."


def test_change_of_two_runs_is_held_against_the_gates_limits() -> None:
    """They say what is a regression; that one run each decides nothing is said, and 2 % slower is within the limit."""
    run = pair_of()
    found = answer("change", run, run_of(case_of(planned(), 4.9, 5.0, 5.2), run.cases[1]))
    assert "By the gate's limits, 2 cases: 1 REGRESSION, 1 PASS; but one run each decides nothing" in found.sentence
    assert "and else says CALIBRATION_NEEDED." in found.sentence
    assert len(found.sentence) <= 300, "the page cuts what is longer"
    assert [command for _, command in found.commands][1:] == ["pytest benchmarks/ --gate"]
    assert any("prompt_to_host_s 5 s is above its baseline of 4 s by 1 s (+25.00 %)" in line for line in found.lines)
    small = answer("change", run, run_of(case_of(planned(), 4.03, 4.08, 4.2), run.cases[1]))
    assert "2 cases: 2 PASS" in small.sentence
    assert small.tone == "neutral"
    twice = answer("change", run_of(run.cases[0]), run_of(run.cases[0], run.cases[0]))
    assert (twice.tone, "was not judged: case" in twice.sentence) == ("neutral", True)


@pytest.mark.parametrize(
    ("verdict", "lenient", "headline", "tone"),
    [
        ("PASS", [], "Yes", "good"),
        ("REGRESSION", [], "No: 1 regression", "bad"),
        ("MISSING", [], "Undecided", "neutral"),
        ("MISSING", ["MISSING"], "Yes", "good"),
    ],
)
def test_change_of_a_gated_run_is_the_gates_answer(
    verdict: Verdict, lenient: list[Verdict], headline: str, tone: str
) -> None:
    """Yes, no or undecided, why, against what, and what was let pass."""
    (_, one), run = outcome_of("PASS", verdict, lenient=lenient).verdicts, pair_of()
    own = msgspec.structs.replace(one, id=run.cases[0].id, why="decode is slower by 1 s")
    gate = msgspec.structs.replace(outcome_of("PASS", lenient=lenient), verdicts=[own, *outcome_of("PASS").verdicts])
    found = answer("change", pair_of(gate=gate, finished_at=gate.at))
    assert (found.headline, found.tone) == (headline, tone)
    assert "Held against the baselines in reports/baselines, of 1 run." in found.sentence
    failing = headline != "Yes"
    assert ("decode is slower by 1 s" in found.sentence) is failing
    assert [anchor.case for anchor in found.anchors] == ([own.id] if failing else [])
    assert ("Let pass by name: MISSING." in found.sentence) is bool(lenient)
    assert "commit: aaaa in the baseline, bbbb under test" in found.lines
    assert any("gate/confirm-1 (confirmation, 15.0 s)" in line for line in found.lines)


def test_regression_is_told_by_number_frames_and_cause() -> None:
    """How much, in which frames, and where: what a reader needs before any limit."""
    number = MetricVerdict(
        metric="phase_denoise_s",
        verdict="REGRESSION",
        why="",
        base=1.0,
        new=1.1,
        base_runs=5,
        new_runs=3,
        limit_pct=5.0,
        limit_absolute=0.02,
        change_pct=10.0,
    )
    check = QualityVerdict(
        check="y_std", verdict="REGRESSION", why="", base="", new="", base_runs=5, new_runs=3, frames=[7, 8]
    )
    case = CaseVerdict(
        id="f.py::case", verdict="REGRESSION", why="long", metrics=[number], quality=[check], causes=["here"]
    )
    gate = msgspec.structs.replace(outcome_of("PASS"), verdicts=[case])
    found = answer("change", pair_of(gate=gate, finished_at=gate.at))
    assert "REGRESSION case: phase_denoise_s +10.00 %, y_std frames 7 to 8; here." in found.sentence


def test_answer_of_a_gate_in_turns_tells_what_it_rests_on() -> None:
    """Of which process the page is, that no energy was judged, and which commits were held against each other."""
    number = MetricVerdict(
        metric="prompt_to_host_s",
        verdict="PASS",
        why="",
        base=4.0,
        new=4.0,
        base_runs=3,
        new_runs=3,
        limit_pct=3.0,
        limit_absolute=0.03,
    )
    gate = msgspec.structs.replace(
        outcome_of("PASS"),
        kind="paired",
        verdicts=[CaseVerdict(id="a", verdict="PASS", why="", metrics=[number])],
        processes=[GateProcess(side="new", folder=name, exit_code=0, seconds=1.0) for name in (".", "gate/new-2")],
    )
    lines = answer("change", pair_of(gate=gate)).lines
    assert [line.partition(" (")[0] for line in lines[:3]] == [
        "the run's own tables are of the first of 2 processes under test",
        "not judged: energy",
        "commit: aaaa in the base, bbbb under test",
    ]


def test_run_that_went_on_after_its_gate_is_not_decided() -> None:
    """What was resumed later was not gated; a regression stays one."""
    later = {"finished_at": "2026-11-22T12:00:01.000+00:00"}
    found = answer("change", pair_of(gate=outcome_of("PASS"), **later))
    assert (found.headline, "went on after it was gated" in found.sentence) == ("Undecided", True)
    assert answer("change", pair_of(gate=outcome_of("REGRESSION"), **later)).headline == "No: 1 regression"


def test_change_of_which_a_process_died_is_undecided() -> None:
    """With the process and its exit code, though each case passed."""
    died = {"new-1": "gate process new-1 ended with code 139, not as a session ends\nits last lines:\nboom"}
    gate = msgspec.structs.replace(outcome_of("PASS"), faults=died)
    found = answer("change", pair_of(gate=gate, finished_at=gate.at))
    assert found.headline == "Undecided"
    assert "gate process new-1 ended with code 139, not as a session ends." in found.sentence
    assert any("its last lines: boom" in line for line in found.lines)


def test_change_of_an_aa_run_is_undecided_and_says_so() -> None:
    """Whatever passed: both sides were the same; a regression stays a no; what no version tells is in the lines."""
    gate = msgspec.structs.replace(outcome_of("PASS"), nothing_under_test="nothing under test: an A/A run")
    found = answer("change", pair_of(gate=gate, finished_at=gate.at))
    assert (found.headline, "Nothing under test: an A/A run." in found.sentence) == ("Undecided", True)
    worse = msgspec.structs.replace(outcome_of("REGRESSION"), nothing_under_test=gate.nothing_under_test)
    assert answer("change", pair_of(gate=worse, finished_at=gate.at)).headline == "No: 1 regression"
    changed = msgspec.structs.replace(outcome_of("PASS"), difference="under test: uncommitted changes")
    assert "under test: uncommitted changes" in answer("change", pair_of(gate=changed, finished_at=gate.at)).lines


def test_claims_tell_the_nearest_row_and_its_command() -> None:
    """A claim of 4 s that a case meets; one that nobody measured; and the command of the row."""
    candidates = [Candidate(suite="quick", models=["causvid-1.3b"], settings=["480p81"])]
    claims = [
        Claim(id="met", text="4 s", quantities=["prompt_to_host_s"], value=4.0, tolerance_pct=5, candidates=candidates),
        Claim(id="beaten", text="9 s", quantities=["sampling_s"], value=9.0, tolerance_pct=5, candidates=candidates),
    ]
    run = pair_of(claims=claims)
    found = answer("claims", run)
    assert (found.headline, found.interval) == ("1 of 2 reproduced", "1 other beaten, but not reproduced")
    assert run.cases[0].plan.reproduce in [command for _, command in found.commands]


def test_subject_is_of_the_last_run_that_holds_it() -> None:
    """Of a baseline and a run the newer one's numbers are told, with the run's place."""
    newer = run_of(case_of(planned(), 2.0), case_of(planned("wan2.1-t2v-1.3b"), 64.0))
    found = subject_of([pair_of(), newer])
    assert found.student is not None
    assert found.student.number == 1
    assert answer("speed", pair_of(), newer).headline == "32.00×"


def test_numbers_have_the_digits_that_their_interval_allows() -> None:
    """One digit of the interval's half width counts, two where it begins with 1."""
    assert number(18.883, 18.851, 18.962) == "18.88"
    assert number(18.883, 18.0, 21.0) == "18.9"
    assert number(18.883, 10.0, 30.0) == "19"
