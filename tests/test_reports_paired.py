"""Bands of two clips' distances: at the limit, beyond it, missing, and what a planted wrong clip must break."""

import doctest
import math

import msgspec
import pytest

from reports import paired
from reports.paired import Band, Bands, Distance, blind_to, judged_pair, outside


def distance(name: str = "ssim", value: float | None = 0.99, worst: float | None = 0.98, **changes: object) -> Distance:
    of = "latents" if name.startswith("latent") else "frames"
    better = "higher" if name in {"ssim", "psnr"} else "lower"
    plain = Distance(id=name, of=of, unit="1", better=better, value=value, worst=worst, worst_frame=3)  # type: ignore[arg-type]
    return msgspec.structs.replace(plain, **changes)


def bands(*limits: Band) -> Bands:
    return Bands(id="here", why="a test", bands=list(limits))


SSIM = Band(distance="ssim", statistic="worst", at_least=0.97)
COSINE = Band(distance="latent_cosine", statistic="value", at_most=1e-3)


def test_docstring_of_the_bands_holds() -> None:
    """The message names distance, frame, limit and excess."""
    assert doctest.testmod(paired).failed == 0


@pytest.mark.parametrize(("worst", "passes"), [(0.9700001, True), (0.97, True), (0.9699999, False)])
def test_limit_itself_is_within(worst: float, passes: bool) -> None:
    """Just over, equal, just under; the mean does not excuse the worst frame."""
    assert (outside(bands(SSIM), [distance(value=0.999, worst=worst)]) == []) is passes


@pytest.mark.parametrize(("value", "passes"), [(0.00099, True), (1e-3, True), (0.00101, False)])
def test_upper_limit_is_of_the_whole(value: float, passes: bool) -> None:
    """A distance of latents is judged by the whole, whatever its worst latent frame says."""
    assert (outside(bands(COSINE), [distance("latent_cosine", value, worst=0.5)]) == []) is passes


def test_missing_and_nan_break_their_band() -> None:
    """A distance without a value, one that was not computed, and NaN that came in somehow."""
    assert outside(bands(SSIM), [distance(value=None, worst=None, reason="it gave nan")]) == [
        "ssim has no value: it gave nan"
    ]
    assert outside(bands(SSIM), []) == ["ssim was not computed"]
    assert outside(bands(SSIM), [distance(worst=math.nan)]) != []
    assert outside(bands(COSINE), [distance("latent_cosine", math.nan)]) != []


def test_not_applicable_breaks_nothing_unless_nothing_is_left() -> None:
    """Tiny frames have no SSIM; but where nothing at all was judged, nothing agreed."""
    none = distance(value=None, worst=None, not_applicable=True, reason="too small")
    assert outside(bands(SSIM, COSINE), [none, distance("latent_cosine", 0.0)]) == []
    assert outside(bands(SSIM), [none]) == ["no distance of the bands 'here' is applicable: nothing was judged"]


def test_planted_clip_must_break_latents_and_frames_each() -> None:
    """Another seed's latents differ always; frames that do not are told, since they would agree with anything."""
    far, near = distance("latent_cosine", 0.9), distance("latent_cosine", 0.0)
    own = [distance(), near]
    assert blind_to(bands(SSIM, COSINE), own, [distance(worst=0.1), far]) == []
    assert blind_to(bands(SSIM, COSINE), own, [distance(worst=0.99), far]) == ["frames"]
    assert blind_to(bands(SSIM, COSINE), own, [distance(worst=0.99), near]) == ["latents", "frames"]
    assert blind_to(bands(COSINE), own, [distance(worst=0.99), far]) == []


def test_planted_clip_whose_distance_could_not_be_had_proves_nothing() -> None:
    """Out of memory, or NaN: its band is not kept by the planted clip, and yet nobody saw it left."""
    gone = distance(value=None, worst=None, reason="comparison 'ssim' raised OutOfMemoryError: no memory")
    assert blind_to(bands(SSIM), [], [gone]) == ["frames"]
    inapt = distance(value=None, worst=None, not_applicable=True, reason="too small")
    planted: tuple[list[Distance], ...] = ([gone], [inapt], [], [distance(worst=0.99)], [distance(worst=0.1)])
    found = [judged_pair("setting a", {}, bands(SSIM), [distance()], ("another seed", one)).verdict for one in planted]
    assert found == [*["not sensitive"] * 4, "within"]


NONE = distance(value=None, worst=None, not_applicable=True, reason="too small")


@pytest.mark.parametrize(
    "frames", [[], [NONE], [distance(worst=math.nan)], [distance(worst=None)], [distance(worst=math.inf)]]
)
def test_frames_that_the_planted_clip_has_no_number_of_are_not_told_by_its_latents(frames: list[Distance]) -> None:
    """Absent, not applicable, not finite: latents of another seed differ always. What neither clip has is not asked."""
    near, far = distance("latent_cosine", 0.0), distance("latent_cosine", 0.9)
    found = [
        judged_pair("setting a", {}, bands(SSIM, COSINE), [own, near], ("another seed", [*frames, far]))
        for own in (distance(), NONE)
    ]
    assert (found[0].verdict, "the band of frames" in found[0].explanation) == ("not sensitive", True)
    assert found[1].verdict == ("within" if frames in ([], [NONE]) else "not sensitive")


@pytest.mark.parametrize("limits", [{}, {"at_most": 1.0, "at_least": 0.0}, {"at_most": math.inf}])
def test_band_has_one_finite_limit(limits: dict[str, float]) -> None:
    """None, two, or one that everything keeps are refused."""
    with pytest.raises(ValueError, match="needs one finite limit"):
        Band(distance="ssim", statistic="value", **limits)
