"""Claims are held against every candidate, in every meaning, and only on the GPU that they are of."""

from pathlib import Path

import msgspec
import pytest

from reports.__main__ import main
from reports.claims import FIRST_CALL, answers, claim_lines, claims_of, heading
from reports.html import render_html
from reports.judged import Candidate, Claim
from reports.record import CaseRecord, Run, Status
from reports.strict_json import write_json_atomically
from reports.summary import render_summary
from tests.reports_samples import case_of, measured, planned, replaced, run_of

GB = 10**9
CANDIDATES = [
    Candidate(suite="quick", models=["causvid-1.3b"], settings=["480p81"]),
    Candidate(suite="other", models=["wan"], settings=["480p81"]),
]
TIME = Claim(
    id="sampling",
    text="21 s sampling",
    quantities=["sampling_s"],
    value=2.0,
    tolerance_pct=10,
    candidates=CANDIDATES,
    gpu="H200",
)
VRAM = msgspec.structs.replace(
    TIME, id="vram", quantities=["peak_allocated_gb", "peak_reserved_gb"], value=21.56, tolerance_pct=5
)


def run_with(*cases: CaseRecord, claims: tuple[Claim, ...] = (TIME,), suite: str = "quick") -> Run:
    return msgspec.structs.replace(run_of(*cases), claims=list(claims), suite=suite)


def sized(allocated_bytes: int | None, gpu: str = "NVIDIA H200") -> CaseRecord:
    """Give a case of 2 s of sampling with this peak on this GPU."""
    case = case_of(planned(), 4.0)
    assert case.measurement is not None
    memory = msgspec.structs.replace(case.measurement.memory, peak_allocated_bytes=allocated_bytes)
    devices = [msgspec.structs.replace(case.measurement.devices[0], name=gpu)]
    return msgspec.structs.replace(
        case, measurement=msgspec.structs.replace(case.measurement, memory=memory, devices=devices)
    )


@pytest.mark.parametrize(
    ("total_s", "verdict"),
    [(3.59, "better"), (3.6, "reproduced"), (4.0, "reproduced"), (4.4, "reproduced"), (4.41, "worse")],
)
def test_tolerance_decides_and_its_ends_belong_to_it(total_s: float, verdict: str) -> None:
    """A claim of 2 s ± 10 % against half of these totals."""
    first, _ = answers([run_with(case_of(planned(), total_s))])
    assert (first.verdict, first.quantity, first.configuration) == (
        verdict,
        "sampling_s",
        "causvid-1.3b 480p81 (speed, random weights)",
    )


def test_candidate_of_a_suite_that_did_not_run_is_not_measured() -> None:
    """Each candidate is shown, and says where its case would be."""
    lines = claim_lines([run_with(case_of(planned(), 4.0))])
    assert lines[2] == "  not measured: wan 480p81: no case of it is here (suite other)"


def test_other_gpu_is_not_comparable_and_nothing_is_scaled() -> None:
    """The measured number is shown as it is, with the GPU that it is of; no difference is."""
    lines = claim_lines([run_with(sized(24 * GB, "NVIDIA H100 80GB HBM3"))])
    assert lines[1] == (
        "  not comparable: causvid-1.3b 480p81 (speed, random weights): sampling 2.00 s on NVIDIA H100 80GB HBM3, the "
        "claim is of H200"
    )


def test_claim_of_no_gpu_is_comparable_anywhere() -> None:
    """A claim that names none is held against all."""
    anywhere = msgspec.structs.replace(TIME, gpu=None)
    first, _ = answers([run_with(sized(24 * GB, "NVIDIA L4"), claims=(anywhere,))])
    assert first.verdict == "reproduced"


def test_gb_is_held_as_10_to_the_9_and_told_as_gib_too() -> None:
    """25.21 GB are 23.48 GiB: worse than 21.56 GB, and worse by less if GiB were meant; 23 GB would be both."""
    (heading, line, *_) = claim_lines([run_with(sized(25_210_000_000), claims=(VRAM,))])
    assert "21.56 GB on H200, ± 5 %; 1 GB is 10^9 bytes, and 21.56 GiB would be 23.15 GB" in heading
    assert line.endswith("peak VRAM 25.21 GB = 23.48 GiB on NVIDIA H200, +16.9 %; were GiB meant, worse (+8.9 %)")
    both = answers([run_with(sized(23 * GB), claims=(VRAM,))])[0]
    assert (both.verdict, both.if_gib) == ("worse", "reproduced")


def test_every_meaning_of_a_claim_has_a_row_a_candidate() -> None:
    """Allocated is measured; reserved is not, and says so."""
    rows = answers([run_with(sized(22 * GB), claims=(VRAM,))])
    assert [(row.quantity, row.verdict, row.note) for row in rows[:2]] == [
        ("peak_allocated_gb", "reproduced", "on NVIDIA H200"),
        ("peak_reserved_gb", "not measured", "it was not measured"),
    ]


@pytest.mark.parametrize("status", ["oom", "invalid_env", "crashed", "failed"])
def test_case_that_did_not_pass_gives_no_number(status: Status) -> None:
    """Its status and reason stand in the place of a verdict."""
    case = msgspec.structs.replace(case_of(planned(), 4.0), status=status, reason="no luck")
    first, _ = answers([run_with(case)])
    assert (first.verdict, first.note) == ("not measured", f"its case is {status}: no luck (suite quick)")


def cold_case(**told: object) -> CaseRecord:
    """Give a case of scenario cold_start that took 2 s."""
    case = replaced(case_of(planned(), 4.0), warmup=False, scenario="cold_start")
    assert case.measurement is not None
    measurement = msgspec.structs.replace(case.measurement, **{"cold_start_s": 2.0, **told})
    return msgspec.structs.replace(case, measurement=measurement)


def test_cold_start_gives_its_first_calls_times_and_says_so() -> None:
    """A program that was started for one clip shows such a time; it stands beside the timed rounds', and is marked."""
    both = msgspec.structs.replace(TIME, quantities=["prompt_to_host_s", "cold_start_s"])
    rows = answers([run_with(case_of(planned(), 4.0), cold_case(), claims=(both,))])
    assert [(row.quantity, row.configuration.partition(" (")[2]) for row in rows[:3]] == [
        ("prompt_to_host_s", "speed, random weights)"),
        ("prompt_to_host_s", "cold_start, random weights)"),
        ("cold_start_s", "cold_start, random weights)"),
    ]
    assert [FIRST_CALL in row.note for row in rows[:3]] == [False, True, False]


def test_cold_start_is_told_by_its_scenario_alone() -> None:
    """A timed round is none, whatever it took."""
    cold = msgspec.structs.replace(TIME, quantities=["cold_start_s"])
    rows = answers([run_with(case_of(planned(), 4.0), claims=(cold,))])
    assert (rows[0].verdict, rows[0].note) == ("not measured", "no scenario that measures it was run")


def test_memory_of_a_cold_start_is_held_against_the_claim_too() -> None:
    """With a freed text encoder it is the only peak that encoding the text is in: a row beside the timed rounds'."""
    memory = msgspec.structs.replace(measured(4.0).memory, peak_allocated_bytes=30 * GB)
    rows = answers([run_with(sized(22 * GB), cold_case(memory=memory), claims=(VRAM,))])
    found = [(row.configuration, row.verdict) for row in rows if row.quantity == "peak_allocated_gb"]
    assert found == [
        ("causvid-1.3b 480p81 (speed, random weights)", "reproduced"),
        ("causvid-1.3b 480p81 (cold_start, random weights)", "worse"),
    ]


def test_failed_case_is_told_where_another_scenario_has_passed() -> None:
    """A cold start that ended well gives its own time, and does not hide why there is none of the rounds."""
    failed = case_of(planned(), status="oom", reason="no room")
    first, second, _ = answers([run_with(failed, cold_case())])
    assert (first.verdict, first.note) == ("reproduced", f"on NVIDIA H200 ({FIRST_CALL})")
    assert (second.verdict, second.note) == ("not measured", "its case is oom: no room")


def test_scenarios_that_time_something_else_are_no_candidates() -> None:
    """An audit's rounds and a clip for quality would stand as rows of the same name."""
    others = [replaced(case_of(planned(), 9.0), scenario=name) for name in ("audit", "quality")]
    rows = answers([run_with(case_of(planned(), 4.0), *others)])
    assert [row.verdict for row in rows] == ["reproduced", "not measured"]


def test_shared_gpu_is_marked_and_reproduces_nothing() -> None:
    """Other processes were on it: the number is shown, and no verdict or difference is."""
    case = case_of(planned(), 4.0)
    assert case.measurement is not None
    shared = msgspec.structs.replace(case.measurement, reasons={"shared_gpu": "SHARED GPU, allowed"})
    lines = claim_lines([run_with(msgspec.structs.replace(case, measurement=shared))])
    assert lines[1] == (
        "  not comparable: causvid-1.3b 480p81 (speed, random weights): sampling 2.00 s on NVIDIA H200 (SHARED GPU: "
        "other processes were on it)"
    )


def test_reused_embeddings_are_told_beside_the_number() -> None:
    """A text encoder that did not run in the rounds makes a time shorter than a person waits."""
    case = case_of(planned(), 4.0)
    assert case.measurement is not None
    quiet = msgspec.structs.replace(case.measurement, reasons={"text_encode": "embeddings were reused"})
    claim = msgspec.structs.replace(TIME, quantities=["prompt_to_host_s", "sampling_s"])
    rows = answers([run_with(msgspec.structs.replace(case, measurement=quiet), claims=(claim,))])
    assert [("without text encoding" in row.note) for row in rows[:2]] == [True, False]


def test_random_weights_are_told_where_they_make_a_time_another() -> None:
    """Noise takes longer to encode than a clip, and random weights are built, not read; real ones have no such note."""
    case = replaced(case_of(planned(), 4.0), warmup=True)
    assert case.measurement is not None
    claim = msgspec.structs.replace(TIME, quantities=["sampling_s", "prompt_to_mp4_s", "cold_start_s"])
    timed = msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, prompt_to_mp4_s=5.0))
    cases = [timed, cold_case()]
    noise, unread = "its mp4 is of noise, which takes longer to encode", "no weights were read from a disk"
    rows = answers([run_with(*cases, claims=(claim,))])
    assert [row.note for row in rows if FIRST_CALL not in row.note and row.actual is not None] == [
        "on NVIDIA H200",
        f"on NVIDIA H200 ({noise})",
        f"on NVIDIA H200 ({noise}; {unread})",
    ]
    real = [replaced(case, weights="hub") for case in cases]
    told = {row.note for row in answers([run_with(*real, claims=(claim,))]) if row.actual is not None}
    assert told == {"on NVIDIA H200", f"on NVIDIA H200 ({FIRST_CALL})"}


@pytest.mark.parametrize("setting", ["480p81+attention=native_flash", "480p81+batch=2", "480p811"])
def test_sweep_of_a_setting_is_no_candidate(setting: str) -> None:
    """A batch of two answers another question."""
    swept = replaced(case_of(planned(), 4.0), setting=setting)
    assert answers([run_with(swept)])[0].note == "no case of it is here (suite quick)"


def test_runs_of_several_suites_answer_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two suites hold one claim; each has measured a candidate; `python -m reports summary A B` ends with both."""
    monkeypatch.setenv("COLUMNS", "120")
    other = run_with(case_of(planned("wan"), 9.0), suite="other")
    runs = [run_with(case_of(planned(), 4.0)), msgspec.structs.replace(other, run_id="20261122-130000-other")]
    assert claims_of(runs) == [TIME]
    assert [row.verdict for row in answers(runs)] == ["reproduced", "worse"]
    paths = [tmp_path / f"{run.suite}.json" for run in runs]
    for path, run in zip(paths, runs, strict=True):
        write_json_atomically(path, run)
    assert main(["summary", *map(str, paths)]) == 0
    together = capsys.readouterr().out.partition("2 runs together\n")[2]
    assert together.count("\n") == 3
    assert "not measured" not in together


def test_terminal_and_page_tell_the_same_claims() -> None:
    """Every line's heading, configuration and note are on the page, too; a run without claims shows no heading."""
    run = run_with(case_of(planned(), 4.0))
    text, page = render_summary(run, 400), render_html(run).replace("&#39;", "'")
    assert all(line in text for line in claim_lines([run]))
    assert all(heading(claim) in page for claim in run.claims)
    told = [part for one in answers([run]) for part in (one.verdict, one.configuration, one.note)]
    assert [part for part in told if part not in page] == []
    assert ">Claims</h2>" in page
    assert ">Claims</h2>" not in render_html(run_of())
