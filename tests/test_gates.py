"""A suite's `[[gates]]` tables: what they refuse, what they cover, and that the plan holds their limits."""

import sys
from pathlib import Path

import msgspec
import pytest

from fixtures.gates import GateTable
from reports.gate.limits import MIB, GateLimit, limit_of
from reports.merge import read_plan
from tests.inner_session import Ended, bench
from tests.running import FAULT_MODELS, write_suite

NAMES: dict[str, object] = {
    "scenario": "speed",
    "models": ["*"],
    "settings": ["480p81"],
    "metric": "phase_decode_s",
    "relative_pct": 2.5,
}


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty folder, without a GPU, and forget an earlier test's scenario of the same name."""
    monkeypatch.delitem(sys.modules, "bench_mine", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.chdir(tmp_path)


def session(folder: Path, **names: str) -> Ended:
    given = {
        "scenario": '"speed"',
        "models": '["faulty"]',
        "settings": '["*"]',
        "metric": '"phase_decode_s"',
        "relative_pct": "2.5",
    } | names
    lines = ["", "[[gates]]", *(f"{name} = {value}" for name, value in given.items())]
    suite = write_suite(folder, {"fine": "fine"})
    suite.write_text(suite.read_text(encoding="utf-8") + "\n".join(lines), encoding="utf-8")
    return bench("--models-dir", FAULT_MODELS, "--suite", suite, "--run-dir", folder / "run", "--rounds", "3")


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, GateLimit(metric="phase_decode_s", source="s", relative_pct=2.5)),
        ({"absolute_ms": 15}, GateLimit(metric="phase_decode_s", source="s", relative_pct=2.5, absolute=0.015)),
        (
            {"metric": "peak_allocated_bytes", "absolute_mib": 0.5, "relative_pct": None},
            GateLimit(metric="peak_allocated_bytes", source="s", absolute=MIB / 2),
        ),
        (
            {"metric": "energy_per_video_j", "absolute_j": 100, "relative_pct": 0},
            GateLimit(metric="energy_per_video_j", source="s", relative_pct=0.0, absolute=100.0),
        ),
    ],
)
def test_limits_are_kept_in_the_metrics_unit(fields: dict[str, object], limit: GateLimit) -> None:
    """What is left out keeps its default; fractions are allowed."""
    assert msgspec.convert(NAMES | fields, GateTable).limit("s") == limit
    assert None not in limit_of(limit.metric, [limit])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"metric": "prompt_to_hots_s"}, "`metric` 'prompt_to_hots_s' is unknown; known: prompt_to_host_s, "),
        ({"relative_pct": None}, "a gate without a limit; give `relative_pct` or `absolute_ms`"),
        ({"absolute_mib": 1}, "`absolute_mib` is not the unit of phase_decode_s; give `absolute_ms`"),
        ({"relative_pct": float("inf")}, "`relative_pct` must be a finite number, not inf"),
        ({"relative_pct": -1}, "Expected `float` >= 0.0"),
        ({"relative_pct": float("nan")}, "Expected `float` >= 0.0"),
        ({"models": []}, "Expected `array` of length >= 1"),
        ({"relativ_pct": 1}, "unknown field `relativ_pct`"),
    ],
)
def test_limit_that_could_never_be_broken_or_met_is_refused(fields: dict[str, object], said: str) -> None:
    """With what is known in its place."""
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(NAMES | fields, GateTable)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"models": '["faultless"]'}, "`$.gates[0]`: unknown model 'faultless'; known: faulty"),
        ({"settings": '["nativ"]'}, "`$.gates[0]`: unknown setting 'nativ'; known: native"),
        ({"scenario": '"sped"'}, "`$.gates[0]`: unknown scenario 'sped'; known: speed"),
        ({"prompts": '["fin"]'}, "`$.gates[0]`: unknown prompt 'fin'; known: fine"),
        ({"metric": '"phase_decod_s"'}, "`$.gates[0]`: unknown phase of faulty 'decod'; known: "),
        ({"metric": '"decode_s"'}, "`metric` 'decode_s' is unknown"),
    ],
)
def test_unknown_name_ends_the_session_before_anything_is_loaded(
    tmp_path: Path, names: dict[str, str], said: str
) -> None:
    """Exit code 4, one sentence with the known names, and no run's folder."""
    ended = session(tmp_path, **names)
    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert said in ended.output
    assert not (tmp_path / "run").exists()


def test_limits_stand_in_the_plan(tmp_path: Path) -> None:
    """So that a run is judged by its own suite's, from its record alone."""
    assert session(tmp_path, absolute_ms="15").code == 0
    plan = read_plan(tmp_path / "run")
    limit = GateLimit(metric="phase_decode_s", source="suite faults", relative_pct=2.5, absolute=0.015)
    assert [case.gates for case in plan.cases] == [[limit]]
    assert plan.protocol_version == 1
