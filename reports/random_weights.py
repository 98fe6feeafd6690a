"""Whether random weights are a fair stand-in: a model timed with several initialisations, published and quoted.

Why it matters: a kernel does the same work whatever its operands are, but zeros and other predictable values switch
fewer transistors, so that power, and through the power limit the clock and the time, depend on them. How far they move
with the initialisation tells what a row is worth that was measured with random weights.
Source of the effect: Horace He, "Strangely, Matrix Multiplications on GPUs Run Faster When Given 'Predictable' Data!",
thonking.ai, 2024. The file is written by `python -m tests.measure_random_weights`.
"""

import statistics
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from reports.frozen import Frozen
from reports.record import Run
from reports.rows import show
from reports.strict_json import write_json_atomically

PUBLISHED = Path(__file__).parent / "published" / "random-weights.json"
MARK = "RANDOM WEIGHTS"
NOT_MEASURED = "how much the initialisation changes the time has not been measured"


class Initialisation(Frozen):
    """One way to fill a model's parameters, and what its timed clips took.

    `rounds_s` is from prompt to host frames, `step_s` the median denoise step of all rounds. Power is the mean and the
    SM clock the median of the samples inside the rounds; None without samples, as on a CPU. `not_finite` says what held
    NaN or Inf, "" for nothing.
    """

    name: str
    rounds_s: Annotated[list[float], msgspec.Meta(min_length=1)]
    step_s: float | None
    power_w: float | None
    sm_clock_mhz: float | None
    not_finite: str = ""

    @property
    def time_s(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rounds_s)

    @property
    def rounds_apart_pct(self) -> float:
        """By how much the longest round is over the shortest: a spread over initialisations below it is noise."""
        return 100 * (max(self.rounds_s) / min(self.rounds_s) - 1)


class ModelSpread(Frozen):
    """One model on one device with several initialisations, measured in turns, and where that was."""

    model: str
    width: int
    height: int
    frames: int
    steps: int
    attention: str
    dtype: str
    device: str
    driver: str | None
    cuda: str | None
    packages: dict[str, str]
    python: str
    git_commit: str | None
    git_dirty: bool | None
    measured_at: str
    initialisations: Annotated[list[Initialisation], msgspec.Meta(min_length=2)]

    def spread_pct(self, quantity: Literal["time_s", "step_s", "power_w", "sm_clock_mhz"]) -> float | None:
        """Give by how much the highest is over the lowest of the initialisations; None where one is missing."""
        values = [getattr(one, quantity) for one in self.initialisations]
        return 100 * (max(values) / min(values) - 1) if all(values) else None

    def least(self, quantity: Literal["time_s", "power_w"]) -> str:
        """Name the initialisation that took the least."""
        return min(self.initialisations, key=lambda one: getattr(one, quantity)).name


class RandomWeights(Frozen):
    """All that was published: a model and device at most once."""

    models: list[ModelSpread]
    schema_version: Literal[1] = 1


def read_random_weights(path: Path) -> RandomWeights:
    """Read what was published, nothing where there is no file; `msgspec.DecodeError` for another file's content."""
    return msgspec.json.decode(path.read_bytes(), type=RandomWeights) if path.exists() else RandomWeights(models=[])


def keep_random_weights(measured: ModelSpread, path: Path) -> None:
    """Write what was measured to `path`; of other models and devices, what is there stays."""
    others = [m for m in read_random_weights(path).models if (m.model, m.device) != (measured.model, measured.device)]
    write_json_atomically(path, RandomWeights(models=[*others, measured]))


def quoted(published: RandomWeights, models: Collection[str]) -> list[str]:
    """Give the sentences that accompany random-weight rows of `models`: their own spread, or at least what is known."""
    own = [spread for spread in published.models if spread.model in models]
    sentences = [_sentence(spread) for spread in own or published.models]
    if not sentences:
        return [NOT_MEASURED]
    left = set(models) - {spread.model for spread in own}
    which = "the models" if not own else "the other models"
    return [*sentences, f"of {which} of this run, {NOT_MEASURED}"] if left else sentences


def banners_of(run: Run, published: Path = PUBLISHED) -> list[str]:
    """Give a run's banners; where one says RANDOM WEIGHTS and none what that does to time, what is published of it.

    A run that was planned before a spread was published, or by older code, stored none. Nothing that it stored is
    changed: its own sentences stay those of its day.
    """
    random = [number for number, banner in enumerate(run.banners) if banner.startswith(MARK)]
    if not random or any("initialisation" in banner for banner in run.banners):
        return run.banners
    models = {case.plan.model.id for case in run.cases if case.plan.recipe.weights == "random"}
    after = random[-1] + 1
    told = [f"{MARK}: {sentence}." for sentence in quoted(read_random_weights(published), models)]
    return [*run.banners[:after], *told, *run.banners[after:]]


def _sentence(spread: ModelSpread) -> str:
    said: dict[str, Literal["time_s", "power_w"]] = {"in time": "time_s", "in power": "power_w"}
    known = {what: pct for what, name in said.items() if (pct := spread.spread_pct(name)) is not None}
    differed = ", ".join(f"{pct:.1f} % {what} ({spread.least(said[what])} least)" for what, pct in known.items())
    count = {3: "three"}.get(len(spread.initialisations), len(spread.initialisations))
    commit = f"commit {spread.git_commit[:7]}" if spread.git_commit else "no commit"
    where = f"{spread.steps} steps, {spread.device}, {commit}"
    return f"{count} initialisations of {spread.model} differed by {differed} ({where})"


def table(spread: ModelSpread) -> list[str]:
    """Give the lines of a model's table: a row an initialisation, then the spread, then where it was measured."""
    rows: list[tuple[str, ...]] = [
        ("initialisation", "rounds", "apart [%]", "time [s]", "step [s]", "power [W]", "SM clock [MHz]")
    ]
    rows += [
        (one.name, str(len(one.rounds_s)), show(one.rounds_apart_pct), *map(_figure, _figures(one)))
        for one in spread.initialisations
    ]
    spreads = [spread.spread_pct(name) for name in ("time_s", "step_s", "power_w", "sm_clock_mhz")]
    rows.append(("spread [%]", "", "", *map(show, spreads)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    told = [f"!! {one.name}: {one.not_finite}" for one in spread.initialisations if one.not_finite]
    return [*lines, *told, *_provenance(spread)]


def _figures(one: Initialisation) -> tuple[float | None, ...]:
    return one.time_s, one.step_s, one.power_w, one.sm_clock_mhz


def _figure(value: float | None) -> str:
    """Show four digits: differences below a percent are the point."""
    return "–" if value is None else f"{value:.4g}" if value < 1000 else f"{value:.0f}"


def _provenance(spread: ModelSpread) -> list[str]:
    packages = ", ".join(f"{name} {version}" for name, version in spread.packages.items())
    size = f"{spread.width}x{spread.height}, {spread.frames} frames, {spread.steps} steps"
    return [
        f"{spread.model}, {size}, {spread.dtype}, {spread.attention}; spread: the highest over the lowest",
        f"{spread.device}, driver {spread.driver}, CUDA {spread.cuda}, Python {spread.python}, {packages}",
        f"commit {spread.git_commit}{' with changes' if spread.git_dirty else ''}, {spread.measured_at}",
    ]
