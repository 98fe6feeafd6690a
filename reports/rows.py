"""One row of figures a case, as every table shows them.

Why it matters: the terminal, the page and the JSON view must not each have an idea of their own of what a median is.
Durations are medians over the timed rounds in seconds; what was not measured is `None`, shown as "–".
"""

import statistics
from collections.abc import Iterable, Sequence, Sized
from typing import NamedTuple

from reports.measured import Round
from reports.record import CaseRecord, Run
from reports.timing import clock_disagreement

GIB = 2**30
MISSING = "–"


class Figures(NamedTuple):
    """The numbers of a case; see `DURATIONS` in reports/measured.py for what each duration spans."""

    sampling_s: float | None = None
    prompt_to_device_s: float | None = None
    prompt_to_host_s: float | None = None
    time_to_first_frame_s: float | None = None
    frames_per_second: float | None = None
    peak_allocated_gib: float | None = None


HEADINGS = {
    "sampling_s": ("sampling", "[s]"),
    "prompt_to_device_s": ("prompt to", "device", "frames", "[s]"),
    "prompt_to_host_s": ("prompt to", "host", "frames", "[s]"),
    "time_to_first_frame_s": ("time to", "first", "frame", "[s]"),
    "frames_per_second": ("frames", "per", "second", "[1/s]"),
    "peak_allocated_gib": ("peak", "VRAM", "[GiB]"),
}
COLD_START = {"cold_start_s": ("cold", "start", "[s]")}
PRIMARY = ("cold_start_s", "prompt_to_host_s")
NAMES = ("model", "prompt", "setting", "status")


def names(case: CaseRecord) -> list[str]:
    """Name a case as the first columns of a table do, see `NAMES`."""
    plan = case.plan
    return [one_line(t, 60) for t in (plan.model.id, f"{plan.prompt.id} s{plan.seed}", plan.setting, case.status)]


def figures(case: CaseRecord) -> Figures:
    """Take the medians of a case; all `None` where it has no rounds."""
    measurement = case.measurement
    if measurement is None:
        return Figures()
    rounds, peak_bytes = measurement.rounds, measurement.memory.peak_allocated_bytes
    prompt_to_host_s = median(r.prompt_to_host_s for r in rounds)
    return Figures(
        sampling_s=median_sampling_s(rounds),
        prompt_to_device_s=median(r.prompt_to_device_s for r in rounds),
        prompt_to_host_s=prompt_to_host_s,
        time_to_first_frame_s=median(r.time_to_first_frame_s for r in rounds),
        frames_per_second=measurement.clips * measurement.frames / prompt_to_host_s if prompt_to_host_s else None,
        peak_allocated_gib=None if peak_bytes is None else peak_bytes / GIB,
    )


def columns(cases: Iterable[CaseRecord], *, primary_first: bool = False) -> dict[str, tuple[str, ...]]:
    """Give a table's figures by their field, each with its heading; cold starts, where there are any, lead.

    `primary_first` moves what the scenario is about to the front, where a narrow screen shows it.
    """
    cold = any(case.measurement is not None and case.measurement.cold_start_s is not None for case in cases)
    found = (COLD_START if cold else {}) | HEADINGS
    first = next(name for name in PRIMARY if name in found)
    return {first: found[first]} | found if primary_first else found


def values(case: CaseRecord) -> dict[str, float | None]:
    """Give every figure of `columns` by its field."""
    cold_start_s = case.measurement.cold_start_s if case.measurement else None
    return {"cold_start_s": cold_start_s} | figures(case)._asdict()


def median(values: Iterable[float]) -> float | None:
    """Return the median, or None of no values."""
    listed = list(values)
    return statistics.median(listed) if listed else None


def median_sampling_s(rounds: list[Round]) -> float | None:
    """Return the median of `sampling_s`, or None unless every round has it."""
    known = [r.sampling_s for r in rounds if r.sampling_s is not None]
    return median(known) if len(known) == len(rounds) else None


def median_round(rounds: Sequence[Round]) -> Round:
    """Give the round whose time is nearest to the median, of two the first: its phases add up, medians of them do not.

    Raises `StatisticsError` without rounds.
    """
    middle_s = statistics.median(timed.prompt_to_host_s for timed in rounds)
    return min(rounds, key=lambda timed: abs(timed.prompt_to_host_s - middle_s))


def median_phases_s(rounds: Sequence[Round]) -> tuple[float, dict[str, float]]:
    """Give the median time from prompt to host frames, and phases that add up to it as those of one round do.

    They are those of the round in the middle; of an even number the means of the two in the middle, whose mean the
    median is. Raises `StatisticsError` without rounds.
    """
    ordered = sorted(rounds, key=lambda timed: timed.prompt_to_host_s)
    middle = ordered[(len(ordered) - 1) // 2 : len(ordered) // 2 + 1]
    names = dict.fromkeys(name for timed in middle for name in timed.phases_s)
    phases_s = {name: statistics.mean(timed.phases_s.get(name, 0.0) for timed in middle) for name in names}
    return statistics.median(timed.prompt_to_host_s for timed in rounds), phases_s


def show(value: float | None) -> str:
    """Show a figure with two or three decimals, fewer from 100 on, or "–" where it is missing."""
    if value is None:
        return MISSING
    decimals = 3 if value < 1 else 2 if value < 100 else 1
    return f"{value:,.{decimals}f}"


def groups(run: Run) -> dict[str, list[CaseRecord]]:
    """Group the cases by scenario and track, in the plan's order, under a heading each."""
    grouped: dict[str, list[CaseRecord]] = {}
    for case in run.cases:
        grouped.setdefault(group_of(case), []).append(case)
    return grouped


def group_of(case: CaseRecord) -> str:
    """Name the table that a case stands in."""
    return f"{case.plan.scenario}, {case.plan.track} track"


def one_line(text: str, limit: int = 300) -> str:
    """Bring text of any origin into one printable line of at most `limit` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def non_commercial(run: Run) -> list[str]:
    """Name every measured model whose licence forbids commercial use, with the licence."""
    return sorted({f"{m.title} ({m.licence})" for m in (case.plan.model for case in run.cases) if m.non_commercial})


def not_deterministic(run: Run) -> list[CaseRecord]:
    """List the cases whose rounds, of one seed, made different frames."""
    return [case for case in run.cases if case.measurement is not None and case.measurement.deterministic is False]


def clocks_apart(run: Run) -> list[tuple[CaseRecord, str]]:
    """List the cases whose clocks disagreed by more than the limit, each with what is said of it."""
    said = [(case, clocks_reason(case)) for case in run.cases]
    return [(case, reason) for case, reason in said if reason is not None]


def clocks_reason(case: CaseRecord) -> str | None:
    """Give what was said of clocks that disagree when a case was measured; of an older record, what its rounds say.

    None where they agree, and on a CPU, where what lies between the phases of a toy is no small part.
    """
    measurement = case.measurement
    if measurement is None:
        return None
    if "clocks" in measurement.reasons:
        return measurement.reasons["clocks"]
    on_gpu = any(device.kind == "cuda" for device in measurement.devices)
    return clock_disagreement(measurement.rounds) if on_gpu else None


def counted(listed: Sized, noun: str) -> str:
    """Count things for people: "1 case", "2 cases"."""
    return f"{len(listed)} {noun}" if len(listed) == 1 else f"{len(listed)} {noun}s"


def tally(run: Run) -> str:
    """Count the cases by status, "passed" first."""
    if not run.cases:
        return "0 cases: none was planned"
    statuses = [case.status for case in run.cases]
    kinds = sorted(set(statuses), key=lambda status: (status != "passed", status))
    return f"{counted(statuses, 'case')}: {', '.join(f'{statuses.count(status)} {status}' for status in kinds)}"
