"""How much memory: the three peaks by configuration, and what the allocated one is made of."""

from collections.abc import Sequence

from reports.measured import Measurement
from reports.memory_record import PhaseMemory
from reports.paper.configurations import Configuration, configurations
from reports.paper.document import Absent, Block, Code, Inline, Paragraph, See, Text
from reports.paper.measures import number
from reports.paper.numbers import key
from reports.paper.tables import figure, figure_of, rows_of, table, words
from reports.quantities import why_missing
from reports.record import Run
from reports.rows import GIB

MOST_PARTS = 6
PEAKS = ("peak_allocated_bytes", "peak_reserved_bytes", "peak_device_bytes")
PHASES = "measurement.memory.parts.rounds.phases"


def memory(runs: Sequence[Run]) -> tuple[Block, ...]:
    """Give the tables of memory of the timed rounds."""
    found = configurations(runs, "speed", "cold_start")
    if not any(peak(one, PEAKS[0]) for one in found):
        reasons = dict.fromkeys(_why(one.measurement, PEAKS[0]) for one in found)
        told = f" ({'; '.join(reasons)})" if reasons else ""
        return (Paragraph((f"Memory of a GPU was not measured{told}.",)),)
    columns = (
        words("Model, setting"), figure("Allocated", "[GiB]"), figure("Reserved", "[GiB]"), figure("Device", "[GiB]"),
        figure("Device", "[GB]"), words("Highest in"),
    )  # fmt: skip
    rows = rows_of(found, lambda one: (one.name, *_peaks(one), _highest(one)))
    caption = "Peak memory of the timed rounds: allocated, reserved, and in use on the device as NVML tells."
    parts = _parts(found)
    also: Text = (", and ", See("tab:waterfall"), " what was in memory at the allocated one") if parts else ()
    text: Text = (See("tab:memory"), " gives the peaks", *also, ".")
    return Paragraph(text), table("tab:memory", (caption,), columns, rows), *parts


def peak(one: Configuration, field: str, unit: str = "GiB") -> Inline | None:
    """Give the highest peak of a configuration's cases; None where one is missing."""
    divisor = GIB if unit == "GiB" else 1e9
    return number("greatest", unit, one.places(f"measurement.memory.{field}"), decimals=2, divisor=divisor)


def _peaks(one: Configuration) -> tuple[Text, ...]:
    absent = {field: Absent(_why(one.measurement, field)) for field in PEAKS}
    found = [peak(one, field) or absent[field] for field in PEAKS]
    return *((cell,) for cell in found), (peak(one, PEAKS[2], "GB") or absent[PEAKS[2]],)


def _why(measurement: Measurement, field: str) -> str:
    return why_missing(measurement, field.replace("_bytes", "_gib"))  # type: ignore[arg-type] # a quantity's name


def _highest(one: Configuration) -> Text:
    peaks = one.measurement.memory.phases_peak_allocated_bytes
    return (Code(max(peaks, key=peaks.__getitem__)),) if peaks else (Absent("its phases' peaks are not in the record"),)


def _parts(found: list[Configuration]) -> tuple[Block, ...]:
    """Give what made up the allocated peak of each configuration's first case; nothing for older records."""
    highest = [(one, index) for one in found if (index := _phase(one)) is not None]
    names: dict[str, None] = {}
    for one, index in highest:
        names |= dict.fromkeys(_phases(one)[index].components_bytes)
    if not names:
        return ()
    kept = list(names)[:MOST_PARTS]
    columns = (
        words("Model, setting"),
        *(figure_of(part.replace("_", " "), unit="GiB") for part in kept),
        figure("activations", "[GiB]"),
    )

    def row(pair: tuple[Configuration, int]) -> tuple[Text, ...]:
        base = f"{PHASES}[{pair[1]}]"
        paths = [*(f"{base}.components_bytes{key(part)}" for part in kept), f"{base}.activations_bytes"]
        sizes = [number("value", "GiB", [pair[0].first(path)], decimals=2, divisor=GIB) for path in paths]
        return pair[0].name, *((size or Absent("no such part, or not told"),) for size in sizes)

    caption = "What was allocated in the phase with the highest peak, of each configuration's first case."
    return (table("tab:waterfall", (caption,), columns, rows_of(highest, row)),)


def _phases(one: Configuration) -> list[PhaseMemory]:
    part = one.measurement.memory.parts.get("rounds")
    return part.phases if part else []


def _phase(one: Configuration) -> int | None:
    phases = _phases(one)
    return max(range(len(phases)), key=lambda index: phases[index].peak_allocated_bytes, default=None)
