"""Budgets in whole sessions on a CPU: a broken one fails its case inside the call, and nothing measured is lost."""

import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fixtures.taken import Taken
from reports.measured import Device, Measurement
from reports.memory_record import Memory
from reports.merge import read_plan, read_run
from reports.record import Run
from tests.inner_session import Ended, bench
from tests.running import FAULT_MODELS, write_suite

GIB = 2**30
ENOUGH_S, NEVER_S = 1e6, 1e-9
SCENARIO = """
import pytest

@pytest.mark.latency_budget(prompt_to_host_s={host_s})
@pytest.mark.rounds(default=2)
def bench_clip(case, measure, benchmark):
    measure(case, benchmark)
"""


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty folder, without a GPU, and forget an earlier test's scenario of the same name."""
    monkeypatch.delitem(sys.modules, "bench_mine", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def snapshots(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note whose snapshot was asked for, in place of the allocator that a CPU lacks."""
    noted: list[str] = []
    monkeypatch.setattr("fixtures.measure.keep_snapshot", lambda taken, _folder: noted.append(taken.case.id))
    return noted


@pytest.fixture
def on_h100(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure 27 GiB in the decoder of an H100, whatever the CPU did."""
    measured = Taken.measurement

    def pretended(taken: Taken, device: Device) -> Measurement:
        memory = Memory(
            peak_allocated_bytes=27 * GIB,
            peak_reserved_bytes=30 * GIB,
            peak_device_bytes=31 * GIB,
            phases_peak_allocated_bytes={"denoise": 20 * GIB, "decode": 27 * GIB},
        )
        real = measured(taken, device)
        return msgspec.structs.replace(
            real,
            memory=memory,
            devices=[msgspec.structs.replace(real.devices[0], kind="cuda", name="NVIDIA H100 80GB HBM3")],
        )

    monkeypatch.setattr(Taken, "measurement", pretended)


def session(folder: Path, *tables: str, prompt: str = "fine", arguments: tuple[str, ...] = ()) -> Ended:
    """Run the model that does what its prompt says, with these tables at the end of its suite."""
    suite = write_suite(folder, {"fine": prompt})
    suite.write_text(suite.read_text(encoding="utf-8") + "\n" + "\n".join(tables), encoding="utf-8")
    words = ("--models-dir", FAULT_MODELS, "--suite", suite, "--run-dir", folder / "run", *arguments)
    return bench(*words)


def budget(limits: str, scenario: str = "speed") -> str:
    return f'[[budgets]]\nscenario = "{scenario}"\nmodels = ["faulty"]\nsettings = ["*"]\n{limits}'


def only_case(run: Run) -> Any:
    (case,) = run.cases
    assert case.measurement is not None
    return case


@pytest.mark.usefixtures("on_h100", "snapshots")
def test_over_budget_case_fails_with_numbers_and_keeps_what_it_measured(tmp_path: Path) -> None:
    """Failed in the call and not in teardown, with rounds, verdict and clip in the record, and exit code 1."""
    ended = session(tmp_path, budget('peak_allocated_gib = 24\ngpu = "H100"'))
    assert ended.code == 1
    case = only_case(read_run(tmp_path / "run"))
    said = (
        "bench_generate[faulty-native-fine-s0]: peak VRAM 27.00 GiB is over its budget of 24.00 GiB by 3.00 GiB; "
        "highest in phase 'decode'; "
    )
    assert case.status == "failed"
    assert case.reason.startswith(said)
    assert len(case.measurement.rounds) == 3
    assert (tmp_path / "run" / case.measurement.video).is_file()
    (judged,) = case.measurement.budgets
    assert (judged.actual, judged.verdict, judged.budget.source) == (27.0, "over", "suite faults")
    assert "peak VRAM, budget 24.00 GiB: 27.00 GiB (112.5 %)" in ended.output
    assert "1 failed" in ended.output


def test_without_clips_nothing_is_written_and_a_budget_of_the_mp4_says_so(tmp_path: Path) -> None:
    """Asked for by --no-clips; the case passes, and the record knows why there is no clip."""
    ended = session(tmp_path, budget("prompt_to_mp4_s = 1e6"), arguments=("--no-clips",))
    assert ended.code == 0
    measured = only_case(read_run(tmp_path / "run")).measurement
    assert (measured.video, measured.stills, measured.prompt_to_mp4_s) == (None, None, None)
    assert {measured.reasons[name] for name in ("video", "stills")} == {"left out by --no-clips"}
    assert measured.budgets[0].verdict == "not judged"
    assert not list((tmp_path / "run").rglob("*.mp4"))


@pytest.mark.usefixtures("on_h100")
@pytest.mark.parametrize("limit", ["peak_allocated_gib = 27.0", "peak_allocated_gb = 28.991029248"])
def test_case_at_its_budget_passes(tmp_path: Path, limit: str) -> None:
    """27 GiB are 28.991029248 GB to the byte, and equal is within."""
    assert session(tmp_path, budget(limit)).code == 0
    assert [one.verdict for one in only_case(read_run(tmp_path / "run")).measurement.budgets] == ["within"]


@pytest.mark.usefixtures("on_h100", "snapshots")
def test_report_tells_of_a_breach_without_failing(tmp_path: Path) -> None:
    """The case passes, its row and every view say that it is over."""
    ended = session(tmp_path, budget("peak_allocated_gib = 24"), arguments=("--budget", "report"))
    assert ended.code == 0
    assert only_case(read_run(tmp_path / "run")).status == "passed"
    assert ", OVER BUDGET" in ended.output
    summary = " ".join((tmp_path / "run" / "summary.txt").read_text(encoding="utf-8").split())
    assert "budget over: faulty native fine s0: peak VRAM, budget 24.00 GiB: 27.00 GiB (112.5 %), reported" in summary
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "112.5 % of it; reported only" in page


def test_budget_that_cannot_be_judged_is_told_and_fails_nothing(tmp_path: Path) -> None:
    """A CPU has no VRAM, the GPU is another one, and the phase never came: three sentences."""
    tables = (budget("peak_allocated_gib = 1"), budget('prompt_to_host_s = 1\ngpu = "H100"'))
    phase = budget(f'phase = "to_host"\nphase_s = {ENOUGH_S}')
    assert session(tmp_path, *tables, phase).code == 0
    judged = only_case(read_run(tmp_path / "run")).measurement.budgets
    assert [one.verdict for one in judged] == ["not judged", "not judged", "within"]
    assert "CUDA" in judged[0].explanation
    assert judged[1].explanation.startswith("it is for H100, and this is ")
    assert "budget not judged: peak VRAM" in (tmp_path / "run" / "summary.txt").read_text(encoding="utf-8")


def test_time_over_budget_fails_by_the_median_of_the_rounds(tmp_path: Path) -> None:
    """On a real clock, where any time is over the shortest."""
    assert session(tmp_path, budget(f"prompt_to_host_s = {NEVER_S}")).code == 1
    case = only_case(read_run(tmp_path / "run"))
    assert "(median of 3 rounds) is over its budget" in case.reason
    assert sorted(r.prompt_to_host_s for r in case.measurement.rounds)[1] == case.measurement.budgets[0].actual


def test_case_that_failed_before_says_that_its_budgets_were_not_judged(tmp_path: Path) -> None:
    """Its numbers may be of another clip than was asked for; the first reason stays."""
    ended = session(tmp_path, budget(f"prompt_to_host_s = {NEVER_S}"), prompt="fault count 2")
    assert ended.code == 1
    case = only_case(read_run(tmp_path / "run"))
    assert "asked was 1 clip" in case.reason
    (judged,) = case.measurement.budgets
    assert (judged.verdict, judged.explanation) == ("not judged", "the case ended before it was judged")


@pytest.mark.parametrize(("host_s", "code"), [(ENOUGH_S, 0), (NEVER_S, 1)])
def test_marker_on_a_persons_own_scenario_is_judged(tmp_path: Path, host_s: float, code: int) -> None:
    """Of every case of the function, beside what the suite says; both stand in the plan."""
    path = tmp_path / "bench_mine.py"
    path.write_text(SCENARIO.format(host_s=host_s), encoding="utf-8")
    suite = write_suite(tmp_path, {"fine": "fine"}, scenarios=["mine"])
    suite.write_text(f"{suite.read_text()}\n{budget(f'sampling_s = {ENOUGH_S}', 'mine')}", encoding="utf-8")
    words = (path, "--models-dir", FAULT_MODELS, "--suite", suite, "--run-dir", tmp_path / "run")
    ended = bench(*words)
    assert ended.code == code, ended.output
    (planned,) = read_plan(tmp_path / "run").cases
    assert [(b.quantity, b.source) for b in planned.budgets] == [
        ("sampling_s", "suite faults"),
        ("prompt_to_host_s", "marker latency_budget"),
    ]
    assert len(only_case(read_run(tmp_path / "run")).measurement.budgets) == 2


def test_wrong_marker_ends_the_session_with_exit_code_4_and_a_sentence(tmp_path: Path) -> None:
    """Before anything is loaded, and without a traceback."""
    path = tmp_path / "bench_mine.py"
    path.write_text(SCENARIO.replace("prompt_to_host_s={host_s}", "phase='decod', phase_s=1"), encoding="utf-8")
    suite = write_suite(tmp_path, {"fine": "fine"}, scenarios=["mine"])
    ended = bench(path, "--models-dir", FAULT_MODELS, "--suite", suite)
    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert "latency_budget: unknown phase 'decod' of faulty; known: text_encode, denoise" in ended.output
    assert "Traceback" not in ended.output


def test_resumed_run_keeps_claims_and_budgets(tmp_path: Path) -> None:
    """The plan holds them; `--budget` may be given anew."""
    claim = (
        '[[claims]]\nid = "c"\ntext = "a claim"\nquantities = ["sampling_s"]\nvalue = 1\ntolerance_pct = 5\n'
        'candidates = [{ suite = "faults", models = ["faulty"], settings = ["native"] }]'
    )
    assert session(tmp_path, claim, budget(f"prompt_to_host_s = {NEVER_S}"), arguments=("-k", "nothing")).code == 5
    assert session(tmp_path, claim, budget(f"prompt_to_host_s = {NEVER_S}")).code == 1
    before = read_run(tmp_path / "run")
    (tmp_path / "run" / "journal" / "main.jsonl").unlink()
    ended = bench("--resume", tmp_path / "run", "--models-dir", FAULT_MODELS, "--budget", "report")
    assert ended.code == 0, ended.output
    after = read_run(tmp_path / "run")
    assert after.claims == before.claims
    assert [one.verdict for one in only_case(after).measurement.budgets] == ["over"]
    assert "claim c: a claim" in ended.output


def test_unknown_way_of_judging_is_refused() -> None:
    """Argparse lists the known ones; exit code 4."""
    ended = bench("--budget", "never")
    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert "argument --budget: invalid choice: 'never'" in ended.output


@pytest.mark.usefixtures("on_h100")
@pytest.mark.parametrize(("limit_gib", "written"), [(27, 0), (26.9, 1)])
def test_broken_budget_of_memory_leaves_one_snapshot(
    tmp_path: Path, snapshots: list[str], limit_gib: float, written: int
) -> None:
    """One more generation for it, also where breaches are only reported; none for a budget that is kept."""
    tables = budget(f"peak_allocated_gib = {limit_gib}"), budget(f"prompt_to_host_s = {NEVER_S}")
    session(tmp_path, *tables, arguments=("--budget", "report"))
    assert len(snapshots) == written


@pytest.mark.usefixtures("on_h100")
def test_snapshot_that_hangs_costs_the_snapshot_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--case-timeout holds for its generation too; verdict and rounds stay."""
    slept: list[float] = []

    def hang(_taken: Taken, _folder: Path) -> None:
        time.sleep(20)
        slept.append(20)

    monkeypatch.setattr("fixtures.measure.keep_snapshot", hang)
    session(tmp_path, budget("peak_allocated_gib = 24"), arguments=("--budget", "report", "--case-timeout", "4"))
    case = only_case(read_run(tmp_path / "run"))
    assert (case.status, len(case.measurement.rounds), slept) == ("passed", 3, [])
    assert [one.verdict for one in case.measurement.budgets] == ["over"]
    assert "4 s of --case-timeout" in case.measurement.reasons["snapshot"]


@pytest.mark.usefixtures("on_h100")
def test_snapshot_that_fails_the_case_keeps_the_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a lost device does: what was measured and judged is there. This process must live on, so it is another one."""

    def fail(_taken: Taken, _folder: Path) -> None:
        raise RuntimeError("as if the device were lost")

    monkeypatch.setattr("fixtures.measure.keep_snapshot", fail)
    session(tmp_path, budget("peak_allocated_gib = 24"))
    case = only_case(read_run(tmp_path / "run"))
    assert (case.status, len(case.measurement.rounds)) == ("error", 3)
    assert [one.verdict for one in case.measurement.budgets] == ["over"]
