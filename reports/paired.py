"""Two clips held against each other: their distances, the bands that these must lie in, and the verdicts.

Why it matters: "about the same" must be a number with a limit, and a limit must be one that a wrong clip breaks. So a
band is data with its reason, a missing or NaN distance is outside of every band, and a setting's comparison with its
baseline only counts where a clip that was made wrong on purpose leaves the same band. Nothing here fails a case.
"""

import math
import typing
from collections.abc import Sequence
from typing import Literal

from reports.frozen import Frozen

Of = Literal["latents", "frames"]
Verdict = Literal["within", "broken", "not sensitive"]
Planted = Literal["one step fewer", "another seed"]


class Distance(Frozen):
    """How far a clip lies from its reference by one comparison (fixtures/paired/, one file each).

    `value` is of the whole: of latents all values at once, of frames the mean over `per_frame`. `worst` is the worst
    frame's, number `worst_frame` from 0 (a latent frame for latents). `value` None has a `reason`, and is
    `not_applicable` where no number was to be expected. `formula` is a hash of the code behind it, "" where it was not
    recorded: values of two formulas do not compare.
    """

    id: str
    of: Of
    unit: str
    better: Literal["lower", "higher"]
    value: float | None = None
    worst: float | None = None
    worst_frame: int | None = None
    per_frame: list[float] = []
    reason: str = ""
    not_applicable: bool = False
    formula: str = ""


class Band(Frozen):
    """A limit of one distance: its `value` (the whole, the mean over frames) or its `worst` frame; equal is within."""

    distance: str
    statistic: Literal["value", "worst"]
    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        """Refuse a band without a limit, with two, or with one that is no number."""
        limits = [limit for limit in (self.at_most, self.at_least) if limit is not None]
        if len(limits) != 1 or not math.isfinite(limits[0]):
            raise ValueError(f"`{self.distance}` needs one finite limit, at_most or at_least, not {limits}")


class Bands(Frozen):
    """The bands that one kind of comparison must lie in, and why these."""

    id: str
    why: str
    bands: list[Band]


class Compared(Frozen):
    """A clip against its reference: all distances, and whether they lie in the bands (`broken` says which do not)."""

    what: str
    distances: list[Distance]
    broken: list[str]


class PairedComparison(Frozen):
    """A case's clip against a reference made from the same weights and noise.

    `reference` names the reference, `differs` what is not the same: field, the reference's value, this case's.
    `planted` is a clip made wrong on purpose against the same reference: where it stays in the bands, they can see
    nothing, and the verdict is "not sensitive". It is None where none was made, as against a golden.
    """

    kind: Literal["setting", "golden"]
    reference: str
    differs: dict[str, list[str]]
    bands: Bands
    compared: Compared
    planted: Compared | None
    verdict: Verdict
    explanation: str = ""


def outside(bands: Bands, distances: Sequence[Distance]) -> list[str]:
    """Say which bands are broken: distance, actual, limit, excess; NaN and what is missing break theirs.

    A distance that is not applicable breaks nothing, but a band of latents or frames with none left to judge does.

    >>> band = Band(distance="psnr", statistic="worst", at_least=32.0)
    >>> far = Distance(id="psnr", of="frames", unit="dB", better="higher", value=35.0, worst=30.5, worst_frame=7)
    >>> outside(Bands(id="near", why="here", bands=[band]), [far])
    ['psnr 30.5 dB at its worst frame 7 is below 32 dB by 1.5']
    """
    known = {distance.id: distance for distance in distances}
    broken = [text for band in bands.bands if (text := _outside(band, known.get(band.distance)))]
    judged = [band for band in bands.bands if not (d := known.get(band.distance)) or not d.not_applicable]
    if not judged:
        broken.append(f"no distance of the bands {bands.id!r} is applicable: nothing was judged")
    return broken


def _outside(band: Band, distance: Distance | None) -> str | None:
    if distance is None:
        return f"{band.distance} was not computed"
    if distance.not_applicable:
        return None
    actual = _actual(band, distance)
    if actual is None:
        return f"{band.distance} has no value: {distance.reason}"
    limit, is_most = (band.at_most, True) if band.at_most is not None else (band.at_least, False)
    assert limit is not None, f"{band}: has no limit"
    if (actual <= limit) if is_most else (actual >= limit):
        return None
    unit = "" if distance.unit == "1" else f" {distance.unit}"
    whole = "" if distance.of == "latents" else " on average"
    frame = "latent frame" if distance.of == "latents" else "frame"
    where = whole if band.statistic == "value" else f" at its worst {frame} {distance.worst_frame}"
    return (
        f"{distance.id} {actual:.4g}{unit}{where} is {'above' if is_most else 'below'} {limit:g}{unit} by "
        f"{abs(actual - limit):.4g}"
    )


def blind_to(bands: Bands, judged: Sequence[Distance], planted: Sequence[Distance]) -> list[Of]:
    """Name what of latents and frames the bands judge and yet cannot tell a planted wrong clip by.

    Each is asked for itself, where either clip has a distance that a band is of: latents of another seed differ always,
    while two clips of grey frames may not. A distance that the planted clip lacks, to which it is not applicable, or
    that is no finite number, as after an error, tells nothing; and without any distance neither is told.
    """
    wrong = {distance.id: distance for distance in planted if not distance.not_applicable}
    known = {distance.id: distance for distance in judged if not distance.not_applicable} | wrong
    asked: set[Of] = {known[band.distance].of for band in bands.bands if band.distance in known}
    told = {wrong[band.distance].of for band in bands.bands if _tells(band, wrong.get(band.distance))}
    return [of for of in typing.get_args(Of) if of in (asked or {"latents", "frames"}) - told]


def _tells(band: Band, planted: Distance | None) -> bool:
    """Tell whether a planted clip has a number that lies outside of a band."""
    if planted is None or (actual := _actual(band, planted)) is None or not math.isfinite(actual):
        return False
    return _outside(band, planted) is not None


def _actual(band: Band, distance: Distance) -> float | None:
    return distance.value if band.statistic == "value" else distance.worst


def judged_pair(
    reference: str,
    differs: dict[str, list[str]],
    bands: Bands,
    distances: Sequence[Distance],
    planted: tuple[Planted, Sequence[Distance]],
) -> PairedComparison:
    """Judge a setting's distances from its baseline, and whether the bands can see anything at all.

    `planted` is what was made wrong on purpose, and how far that lies from the baseline.
    """
    what, wrong = planted
    compared = Compared(what="this case", distances=list(distances), broken=outside(bands, distances))
    control = Compared(what=what, distances=list(wrong), broken=outside(bands, wrong))
    blind = blind_to(bands, distances, wrong)
    verdict: Verdict = "broken" if compared.broken else "not sensitive" if blind else "within"
    explanation = "; ".join(compared.broken)
    if verdict == "not sensitive":
        explanation = (
            f"the planted wrong clip ({what}) does not break the band of {' and '.join(blind)}, so that "
            "agreement says nothing: the clips are too much alike; take another prompt, more frames or narrower bands"
        )
    return PairedComparison(
        kind="setting",
        reference=reference,
        differs=differs,
        bands=bands,
        compared=compared,
        planted=control,
        verdict=verdict,
        explanation=explanation,
    )


def pairs_breach(case_id: str, pairs: Sequence[PairedComparison]) -> str | None:
    """Say which comparisons of a case fail it, and what differed; None where all lie within their bands."""
    texts = [
        f"against {pair.reference}{_changed(pair)}, bands {pair.bands.id!r}: {pair.explanation}"
        for pair in pairs
        if pair.verdict != "within"
    ]
    return f"{case_id.rpartition('::')[2]}: {'; '.join(texts)}" if texts else None


def _changed(pair: PairedComparison) -> str:
    told = ", ".join(f"{name} {before} -> {now}" for name, (before, now) in pair.differs.items())
    return f" ({told})" if told else ""
