"""A person's own models, suites and prompts run end to end without touching the repository."""

import subprocess
from pathlib import Path

import pytest

from reports.merge import read_plan, read_run
from tests.inner_session import ROOT, bench

EXAMPLES = ROOT / "tests" / "examples"
ODD_TEXTS = (
    "Two dogs <script>alert('x')</script> & run",
    "../../../etc/passwd",
    "Ein Hund läuft über die Brücke, 犬が走る 🐕",
    "كلب يركض على الشاطئ \u202e backwards",
    "a very long walk " * 6_400,
)


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run on the CPU in an empty folder."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.chdir(tmp_path)


def test_model_and_suite_out_of_tree_run(tmp_path: Path) -> None:
    """LTX-Video from one file of at most 60 lines is measured beside CausVid by a suite outside benchmarks/."""
    model = EXAMPLES / "ltx_models"
    assert all(len(path.read_text().splitlines()) <= 60 for path in model.glob("*.py"))
    before = changes_in_repository()
    ended = bench("--models-dir", model, "--suite", EXAMPLES / "ltx_suite.toml", "--run-dir", "run")
    assert ended.code == 0, ended.output
    assert "1 case of unknown length" in ended.output
    run = read_run(tmp_path / "run")
    assert {case.plan.model.id: case.status for case in run.cases} == {"ltx-tiny": "passed", "causvid-tiny": "passed"}
    ltx = next(case.measurement for case in run.cases if case.plan.model.id == "ltx-tiny")
    assert ltx is not None
    assert (ltx.width, ltx.height, ltx.frames, len(ltx.rounds)) == (64, 64, 9, 3)
    assert changes_in_repository() == before


def test_odd_prompts_are_generated_and_round_trip(tmp_path: Path) -> None:
    """Markup, paths, other scripts and 100 KB are prompts like any other: passed, and kept in the plan as they were."""
    Path("odd.txt").write_text("\n".join(ODD_TEXTS), encoding="utf-8")
    chosen = ("--prompts", "odd.txt", "--model", "causvid-tiny", "-k", "quality")
    ended = bench(*chosen, "--run-dir", "run", "--benchmark-json", "new/out.json")
    assert ended.code == 0, ended.output
    run = read_run(tmp_path / "run")
    assert [case.status for case in run.cases] == ["passed"] * len(ODD_TEXTS)
    asked = {case.request.prompt for case in read_plan(tmp_path / "run").cases}
    assert asked == {text.strip() for text in ODD_TEXTS}
    assert {Path(f"run/{case.measurement.video}").is_file() for case in run.cases if case.measurement} == {True}
    assert "<script>alert('x')" not in Path("run/report.html").read_text(encoding="utf-8")
    assert Path("new/out.json").is_file()


def changes_in_repository() -> str:
    """List the files that git sees as new or changed outside what others may be editing: the suites and models."""
    command = ["git", "--no-optional-locks", "-C", str(ROOT), "status", "--porcelain", "--", "benchmarks", "models"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
