"""The results: outcome, speed, memory, energy, quality, what a teacher gives in the same time, claims."""

from collections.abc import Mapping, Sequence

from reports.paper.claims_table import claims
from reports.paper.document import Block, Section
from reports.paper.energy import energy
from reports.paper.equal_time_table import equal_time
from reports.paper.memory_tables import memory
from reports.paper.outcomes import outcomes
from reports.paper.quality import quality
from reports.paper.speed import speed
from reports.record import Run

Pictures = Mapping[str, tuple[Block, ...]]


def results(runs: Sequence[Run], judged: Run, pictures: Pictures) -> Section:
    """Write the section; what was not measured is said in its place. `pictures` are by the part that they belong to."""
    blocks: tuple[Block, ...] = (
        *outcomes(runs),
        Section("Speed", "sec:speed", (*speed(runs), *pictures.get("speed", ()))),
        Section("Memory", "sec:memory", memory(runs)),
        Section("Energy", "sec:energy", energy(runs)),
        Section("Quality", "sec:quality", (*quality(runs, judged), *pictures.get("quality", ()))),
        Section("At equal time", "sec:equal", (*equal_time(runs), *pictures.get("equal", ()))),
        Section("Claims", "sec:claims", claims(runs)),
    )
    return Section("Results", "sec:results", blocks)
