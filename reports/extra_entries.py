"""Entries for pytest-benchmark that are no times of a whole clip: memory, time a frame, first frame, quality losses.

Why it matters: `pytest-benchmark compare` shows nothing but entries, and of an entry nothing but statistics in columns
of its own. So each further quantity is an entry, with its unit in the name and a group of its own. Less is better in
all of them, as it is for compare's colours; of the time a frame its column OPS is frames a second. Compare prints
numbers below 1 times a thousand, as if they were milliseconds, unless it is started in this repository
(fixtures/benchmark_units.py) or with `--time-unit=s`; memory is in MiB (2^20 bytes), which is never that little. A
switch asks for them, because programs that take every entry for a time would take these, too.
"""

from typing import Any

from reports.benchmark_stats import stats_of
from reports.case_values import Value, case_values, quality_losses
from reports.record import CaseRecord

MIB = 2**20
TIMES = {"time_per_frame_s": "time per frame", "time_to_first_frame_s": "time to first frame"}


def extra_entries_of(case: CaseRecord, entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the extra entries of a case, made from its entry `entry`; of what was not measured there is none."""
    values = {value.name: value for value in case_values(case)}
    peak = values.get("peak_allocated_bytes")
    told = [
        *([("peak VRAM", "MiB", "peak_vram_mib", tuple(b / MIB for b in peak.data))] if peak else []),
        *((title, "s", name, values[name].data) for name, title in TIMES.items() if name in values),
        *((_title(loss), loss.unit, loss.name, loss.data) for loss in quality_losses(case)),
    ]
    return [_entry(entry, *one) for one in told]


def _title(loss: Value) -> str:
    return loss.name.replace("_", " ")


def _entry(entry: dict[str, Any], title: str, unit: str, quantity: str, data: tuple[float, ...]) -> dict[str, Any]:
    named = f"{title} [{unit}]"
    told = ("status", "reason", "model", "setting", "prompt", "seed", "track", "weights_source")
    return {
        **entry,
        "group": f"{named}: {entry['group']}",
        "name": f"{entry['name']} {named}",
        "fullname": f"{entry['fullname']}::{quantity}",
        "extra_info": {
            "quantity": quantity,
            "unit": unit,
            "of": entry["fullname"],
            **{name: entry["extra_info"][name] for name in told},
        },
        "stats": stats_of(list(data)),
    }
