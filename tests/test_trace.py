"""Traces whose answers are known: kernels by the phase that launched them, gaps and operations worked out by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from fixtures.trace import HEAVIEST, OUTSIDE, UNKNOWN, TraceError, summarize
from reports.measured import Profile

US = 1e-6


def event(cat: str, name: str, ts: float, dur: float, correlation: int | None = None, **more: Any) -> dict[str, Any]:
    args = {"External id": 1} if correlation is None else {"correlation": correlation, "est. achieved occupancy %": 0}
    return {"ph": "X", "cat": cat, "name": name, "pid": 1, "tid": 1, "ts": ts, "dur": dur, "args": args} | more


def launched(name: str, at: float, runs: float, dur: float, number: int, cat: str = "kernel") -> list[dict[str, Any]]:
    """Launch a kernel at a moment of the host; it runs on stream 7 when the device comes to it."""
    return [
        event("cuda_runtime", "cudaLaunchKernel", at, 2, number),
        event(cat, name, runs, dur, number, pid=0, tid=7),
    ]


def write(folder: Path, *events: dict[str, Any]) -> Path:
    path = folder / "x.json"
    others = [{"ph": "M", "name": "process_name", "ts": 1, "pid": 1, "tid": "main", "args": {"name": "python"}}]
    path.write_text(json.dumps({"schemaVersion": 1, "traceEvents": [*others, *events]}), encoding="utf-8")
    return path


def listed(profile: Profile) -> dict[str, list[tuple[str, int, int]]]:
    """Give each phase's kernels in whole microseconds."""
    return {
        phase: [(kernel.name, kernel.calls, round(kernel.total_s / US)) for kernel in kernels]
        for phase, kernels in profile.phases.items()
    }


HOST = [
    event("user_annotation", "round", 1000, 1000),
    event("user_annotation", "phase:denoise", 1010, 90),
    event("user_annotation", "phase:decode", 1100, 100),
    event("user_annotation", "phase:denoise", 1210, 40),
    event("gpu_user_annotation", "phase:denoise", 1500, 400),
]


def test_kernels_belong_to_the_phase_that_launched_them(tmp_path: Path) -> None:
    """Launched in denoise, they run while the host is in decode or waits; the heaviest come first, summed by name."""
    found = summarize(
        write(
            tmp_path,
            *HOST,
            *launched("gemm", 1020, 1105, 100, 1),
            *launched("flash", 1030, 1205, 300, 2),
            *launched("gemm", 1215, 1550, 250, 3),
            *launched("conv", 1150, 1510, 30, 4),
            *launched("copy", 1300, 1900, 50, 5, cat="gpu_memcpy"),
            event("kernel", "orphan", 1960, 10, 99),
        ),
        "profiles/x.json.gz",
    )
    assert listed(found) == {
        "denoise": [("gemm", 2, 350), ("flash", 1, 300)],
        "decode": [("conv", 1, 30)],
        OUTSIDE: [("copy", 1, 50)],
        UNKNOWN: [("orphan", 1, 10)],
    }
    assert (found.trace, round(found.round_s / US)) == ("profiles/x.json.gz", 1000)


@pytest.mark.parametrize(
    ("intervals", "idle"),
    [
        ([(1000, 1000)], 0.0),
        ([(1000, 250), (1500, 250)], 0.5),
        ([(1100, 300), (1200, 100), (1300, 300)], 0.5),  # three overlap to 1100..1600
        ([(500, 600), (1900, 500)], 0.8),  # only what lies in the round counts
        ([(100, 100)], 1.0),
    ],
)
def test_device_idles_where_no_kernel_of_any_stream_runs(
    intervals: list[tuple[float, float]], idle: float, tmp_path: Path
) -> None:
    """Gaps in the union of the intervals, over the round."""
    kernels = [e for i, (ts, dur) in enumerate(intervals, 1) for e in launched("k", 1010, ts, dur, i)]
    assert summarize(write(tmp_path, *HOST, *kernels), "x").idle_ratio == pytest.approx(idle)


def test_operation_of_a_cpu_counts_without_those_inside_it(tmp_path: Path) -> None:
    """Of conv's 60 us 45 are inside it, 25 of those in mm; another thread's add is its own; what came before is not."""
    found = summarize(
        write(
            tmp_path,
            *HOST,
            event("cpu_op", "early", 900, 50),
            event("cpu_op", "conv", 1020, 60),
            event("cpu_op", "addmm", 1020, 45),
            event("cpu_op", "mm", 1030, 25),
            event("cpu_op", "add", 1081, 4),
            event("cpu_op", "add", 1020, 7, tid=2),
            event("cpu_op", "late", 1400, 5),
        ),
        "x",
    )
    assert listed(found) == {
        "denoise": [("mm", 1, 25), ("addmm", 1, 20), ("conv", 1, 15), ("add", 2, 11)],
        OUTSIDE: [("late", 1, 5)],
    }
    assert found.idle_ratio is None


def test_twenty_heaviest_are_kept_and_long_names_cut(tmp_path: Path) -> None:
    """Templates make names of thousands of characters; the trace has them whole."""
    kernels = [e for i in range(1, 31) for e in launched(f"{i:03d}" + "x" * 900, 1020, 1000 + i, i, i)]
    denoise = summarize(write(tmp_path, *HOST, *kernels), "x").phases["denoise"]
    assert len(denoise) == HEAVIEST == 20
    assert [k.name[:3] for k in denoise[:2]] == ["030", "029"]
    assert len(denoise[0].name) == 300


@pytest.mark.parametrize("content", ["{", '{"traceEvents": 1}', '{"traceEvents": []}'])
def test_trace_without_a_round_is_refused(content: str, tmp_path: Path) -> None:
    """A trace that was cut, or of something else, is no profile."""
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(TraceError, match=r"x\.json: (not a Chrome trace|holds no round)"):
        summarize(path, "x")
