"""The quantities that budgets and claims speak of: read from a measurement, in the unit that ends their name.

Why it matters: GiB (2^30 bytes) and GB (10^9 bytes) differ by 7 %, which is more than most budgets leave. Durations are
medians over the timed rounds, memory is the peak over them; `prompt_to_mp4_s` is of the last round, whose clip is kept.
"""

import re
import typing

from reports.judged import Quantity
from reports.measured import Measurement
from reports.rows import MISSING, median

QUANTITIES: tuple[Quantity, ...] = typing.get_args(Quantity)
UNITS = {"gib": "GiB", "gb": "GB", "s": "s"}
BYTES = {"GiB": 2**30, "GB": 10**9}
WORDS = {
    "peak_allocated": "peak VRAM",
    "peak_reserved": "peak reserved VRAM",
    "peak_device": "device memory in use",
    "sampling": "sampling",
    "prompt_to_device": "prompt to device frames",
    "prompt_to_host": "prompt to host frames",
    "time_to_first_frame": "time to first frame",
    "prompt_to_mp4": "prompt to mp4",
    "cold_start": "cold start",
    "phase": "time",
}
# Measured once a case; every other duration is measured in each round.
ONCE = frozenset({"prompt_to_mp4_s", "cold_start_s"})
OF_A_PHASE = ("peak_allocated_gib", "peak_allocated_gb", "phase_s")


def unit_of(quantity: Quantity) -> str:
    """Give the unit that a quantity's name ends with: "GiB", "GB" or "s".

    >>> unit_of("peak_allocated_gib"), unit_of("phase_s")
    ('GiB', 's')
    """
    return UNITS[quantity.rpartition("_")[2]]


def spelled(quantity: Quantity, phase: str | None = None) -> str:
    """Name a quantity for people.

    >>> spelled("peak_allocated_gb", "decode"), spelled("prompt_to_host_s")
    ("peak VRAM in phase 'decode'", 'prompt to host frames')
    """
    return WORDS[quantity.rpartition("_")[0]] + (f" in phase {phase!r}" if phase is not None else "")


def is_gpu(wanted: str, name: str) -> bool:
    """Tell whether a GPU's name holds `wanted` as whole words; a slice of a GPU (MIG) is only what says so.

    >>> [is_gpu("L4", name) for name in ("NVIDIA L4", "NVIDIA L40S")]
    [True, False]
    """
    held = re.search(rf"(?<!\w){re.escape(wanted.strip())}(?!\w)", name, re.IGNORECASE) is not None
    return held and ("MIG" not in name.upper() or "MIG" in wanted.upper())


def value_of(measurement: Measurement, quantity: Quantity, phase: str | None = None) -> float | None:
    """Read a quantity in its unit, of the whole or of one phase; None where it was not measured."""
    stem, unit = quantity.rpartition("_")[0], unit_of(quantity)
    if unit in BYTES:
        memory = measurement.memory
        used = getattr(memory, f"{stem}_bytes") if phase is None else memory.phases_peak_allocated_bytes.get(phase)
        return None if used is None else used / BYTES[unit]
    if quantity in ONCE:
        once: float | None = getattr(measurement, quantity)
        return once
    return median(_times(measurement, quantity, phase))


def extremes_of(measurement: Measurement, quantity: Quantity, phase: str | None = None) -> tuple[float, float] | None:
    """Give the least and the greatest of a time that every round has; None for what is measured once, as a peak is."""
    if unit_of(quantity) in BYTES or quantity in ONCE:
        return None
    times = _times(measurement, quantity, phase)
    return (min(times), max(times)) if times else None


def _times(measurement: Measurement, quantity: Quantity, phase: str | None) -> list[float]:
    """Read a time round by round; empty unless all rounds have it."""
    rounds = measurement.rounds
    times: list[float | None] = [getattr(r, quantity) if phase is None else r.phases_s.get(phase) for r in rounds]
    known = [time_s for time_s in times if time_s is not None]
    return known if len(known) == len(rounds) else []


def why_missing(measurement: Measurement, quantity: Quantity, phase: str | None = None) -> str:
    """Say why `value_of` is None, as the record tells it."""
    stem, rounds = quantity.rpartition("_")[0], measurement.rounds
    marked = list(dict.fromkeys(name for r in rounds for name in r.phases_s))
    if phase is not None and rounds and any(phase not in r.phases_s for r in rounds):
        return f"not every round has a phase {phase!r}; there are {', '.join(marked) or MISSING}"
    reasons = measurement.reasons
    named = [quantity, f"{stem}_bytes", *(["memory"] if unit_of(quantity) in BYTES else []), "rounds"]
    return next((reasons[name] for name in named if name in reasons), "it was not measured")
