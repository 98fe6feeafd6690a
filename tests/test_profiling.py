"""One more round under the profiler: a trace with the phases, what it says in the record, and nothing unasked."""

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from fixtures.clock import HostTimeline, RoundProbe, Silent
from fixtures.memory.vram import NoPeaks
from fixtures.profiling import RangedProbe, profile_round
from reports.html import render_html
from reports.measured import Kernel, Profile
from reports.profile import profile_lines
from tests.inner_session import run_here
from tests.reports_samples import case_of, planned, run_of
from tests.running import cases_of, write_suite

PROFILE = Profile(
    trace="profiles/a.json.gz",
    round_s=4.0,
    idle_ratio=0.125,
    phases={"denoise": [Kernel(name=f"kernel {i}", calls=27, total_s=1.0) for i in range(5)], "decode": []},
)


def two_phases(probe: RoundProbe) -> None:
    """Multiply matrices in one phase, convolve in another."""
    with probe.phase("denoise"):
        torch.randn(64, 64) @ torch.randn(64, 64)
    with probe.phase("decode"):
        torch.nn.functional.conv2d(torch.randn(1, 3, 16, 16), torch.randn(3, 3, 3, 3))


def test_profile_of_a_cpu_names_the_operations_of_each_phase(tmp_path: Path) -> None:
    """Operations by phase, no idle share and why; the trace is compressed and has the ranges, and no other is left."""
    found, reason = profile_round(two_phases, "cpu", Silent(), tmp_path, "x")
    assert found is not None
    assert "aten::mm" in {kernel.name for kernel in found.phases["denoise"]}
    assert "aten::mm" not in {kernel.name for kernel in found.phases["decode"]}
    assert (found.idle_ratio, found.round_s > 0) == (None, True)
    assert "CPU" in reason
    assert [path.name for path in (tmp_path / "profiles").iterdir()] == ["x.json.gz"]
    events = json.loads(gzip.decompress((tmp_path / found.trace).read_bytes()))["traceEvents"]
    assert {"round", "phase:denoise", "phase:decode"} <= {
        e["name"] for e in events if e.get("cat") == "user_annotation"
    }


def test_ranged_probe_still_stamps_and_refuses_nested_phases() -> None:
    """It is the round's probe with ranges around its phases."""
    probe = RangedProbe(HostTimeline(), Silent(), NoPeaks())
    two_phases(probe)
    assert [name for name, *_ in probe.spans] == ["denoise", "decode"]
    with pytest.raises(RuntimeError, match="do not nest"), probe.phase("a"), probe.phase("b"):
        pass


def test_under_nsys_torchs_profiler_stays_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The round is made, in ranges, and the reason says where its kernels are."""
    monkeypatch.setenv("NSYS_PROFILING_SESSION_ID", "1")
    made: list[object] = []
    found, reason = profile_round(made.append, "cpu", Silent(), tmp_path, "x")
    assert (found, len(made), list(tmp_path.iterdir())) == (None, 1, [])
    assert "nsys" in reason


def test_disk_that_refuses_the_trace_costs_the_profile_alone(tmp_path: Path) -> None:
    """The reason names the fault."""
    (tmp_path / "profiles").write_text("a file, no folder")
    found, reason = profile_round(two_phases, "cpu", Silent(), tmp_path, "x")
    assert found is None
    assert "could not be kept" in reason


def test_error_of_the_round_is_not_swallowed(tmp_path: Path) -> None:
    """Out of memory in the profiled round is the case's, and leaves no trace half written."""

    def fail(_probe: RoundProbe) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        profile_round(fail, "cpu", Silent(), tmp_path, "x")
    assert list((tmp_path / "profiles").iterdir()) == []


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, dict[str, Any]]:
    """Run one case with the option and one without."""
    found = {}
    for asked in (True, False):
        folder = tmp_path_factory.mktemp("profile")
        write_suite(folder, {"fine": "fine"})
        done = run_here(folder, *(["--profile"] if asked else []))
        assert done.returncode == 0, done.stdout + done.stderr
        files = sorted(str(p.relative_to(folder / "run")) for p in (folder / "run").glob("profiles/*"))
        made = (folder / "model.log").read_text().count('"event": "generate"')
        found[asked] = {"case": cases_of(folder)["native-fine"], "files": files, "made": made, "printed": done.stdout}
    return found


def test_option_makes_one_more_round_that_is_not_timed(sessions: dict[bool, dict[str, Any]]) -> None:
    """Three rounds are timed in either case; one generation more is made where it was asked for."""
    assert {asked: len(s["case"]["measurement"]["rounds"]) for asked, s in sessions.items()} == {True: 3, False: 3}
    assert sessions[True]["made"] == sessions[False]["made"] + 1


def test_record_names_the_trace_or_says_why_there_is_none(sessions: dict[bool, dict[str, Any]]) -> None:
    """With the option a path in the run's folder, without it a reason."""
    asked, plain = (sessions[key]["case"]["measurement"] for key in (True, False))
    assert [asked["profile"]["trace"]] == sessions[True]["files"] == ["profiles/speed-faulty-native-fine-s0.json.gz"]
    assert {"denoise", "decode"} & asked["profile"]["phases"].keys()
    assert "traces   " in sessions[True]["printed"]
    assert (plain["profile"], plain["reasons"]["profile"]) == (None, "--profile was not given")
    assert sessions[False]["files"] == []


def test_page_shows_a_profile_in_short() -> None:
    """The trace, the idle share, and three kernels a phase."""
    case = case_of(planned(), 1.0)
    assert case.measurement is not None
    page = render_html(
        run_of(msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, profile=PROFILE)))
    )
    assert "profiles/a.json.gz (opens in ui.perfetto.dev): profiled round 4.00 s, device idle 12.5% of it" in page
    assert "kernel 2 1.00 s in 27" in page
    assert "kernel 3" not in page
    assert profile_lines(msgspec.structs.replace(PROFILE, idle_ratio=None))[0].endswith("round 4.00 s")
