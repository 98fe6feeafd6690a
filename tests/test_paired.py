"""The comparisons of two clips: worked-out values, identity, symmetry, agreement with scikit-image, growing noise."""

import doctest
import importlib
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from fixtures.metrics.formula import CONTRACTS, formula_of
from fixtures.metrics.spec import Reading
from fixtures.paired import spec
from fixtures.paired.spec import Made, UnequalError, compare, comparisons
from reports.paired import Distance

SYMMETRIC = ("latent_cosine", "mean_absolute_difference", "ms_ssim", "psnr", "ssim")
IDENTICAL = {
    "latent_cosine": 0.0,
    "latent_relative_l2": 0.0,
    "mean_absolute_difference": 0.0,
    "ms_ssim": 1.0,
    "psnr": 100.0,
    "ssim": 1.0,
}


def picture(seed: int = 0, frames: int = 1, side: int = 176) -> torch.Tensor:
    """Draw smooth frames [T,3,H,W], uint8: every window of them has a structure."""
    generator = torch.Generator().manual_seed(seed)
    coarse_TCHW = torch.rand((frames, 3, 6, 6), generator=generator)
    return (torch.nn.functional.interpolate(coarse_TCHW, size=(side, side), mode="bicubic") * 255).clamp(0, 255).byte()


def noisy(frames_TCHW: torch.Tensor, sigma: float, seed: int = 1) -> torch.Tensor:
    """Add normal noise of so many codes."""
    noise_TCHW = torch.randn(frames_TCHW.shape, generator=torch.Generator().manual_seed(seed))
    return (frames_TCHW + sigma * noise_TCHW).round().clamp(0, 255).byte()


def made(frames_TCHW: torch.Tensor, latents_BCFHW: torch.Tensor | None = None) -> Made:
    return Made(frames_BTCHW=frames_TCHW[None], latents_BCFHW=latents_BCFHW)


def latents(seed: int = 0) -> torch.Tensor:
    return torch.randn((1, 4, 3, 8, 8), generator=torch.Generator().manual_seed(seed))


def by_id(distances: list[Distance]) -> dict[str, Distance]:
    return {distance.id: distance for distance in distances}


@pytest.mark.parametrize("name", [*IDENTICAL])
def test_worked_out_values_of_the_docstring_hold(name: str) -> None:
    """Each comparison's file shows a value that can be checked by hand."""
    tested = doctest.testmod(importlib.import_module(f"fixtures.paired.{name}"))
    assert (tested.failed, tested.attempted >= 2) == (0, True)


def test_every_comparison_is_found_latents_first() -> None:
    """A comparison is one file of the folder."""
    assert [one.id for one in comparisons()] == [*IDENTICAL]
    assert [one.of for one in comparisons()] == ["latents"] * 2 + ["frames"] * 4


def test_identical_clips_read_the_best_value_of_every_comparison() -> None:
    """SSIM 1, PSNR at its cap of 100 dB, everything else 0; the worst frame is as good as the mean."""
    clip = made(picture(), latents())
    found = by_id(compare(clip, clip))
    assert {name: distance.value for name, distance in found.items()} == pytest.approx(IDENTICAL, abs=1e-12)
    assert found["psnr"].value == 100.0
    assert found["latent_cosine"].value == found["latent_relative_l2"].value == 0.0
    assert {name: distance.worst for name, distance in found.items()} == pytest.approx(IDENTICAL, abs=1e-12)


@pytest.mark.parametrize("name", SYMMETRIC)
def test_symmetric_comparisons_do_not_care_which_is_the_reference(name: str) -> None:
    """All but the relative distance, whose unit is the reference's length."""
    one, other = made(picture(), latents()), made(noisy(picture(), 9.0), 2 * latents() + latents(1))
    there, back = (by_id(compare(*pair))[name].value for pair in ((one, other), (other, one)))
    assert there == pytest.approx(back, rel=1e-12)
    relative = [by_id(compare(*pair))["latent_relative_l2"].value for pair in ((one, other), (other, one))]
    assert relative[0] != pytest.approx(relative[1], rel=0.1)


def test_ssim_and_psnr_agree_with_scikit_image() -> None:
    """A frame at a time: SSIM to 1e-5 (float32 on a CPU, windows inside the frame), PSNR to 1e-5 dB."""
    one_TCHW = picture(frames=2, side=96)
    other_TCHW = noisy(one_TCHW, 12.0)
    found = by_id(compare(made(one_TCHW), made(other_TCHW)))
    for number, (a_CHW, b_CHW) in enumerate(zip(one_TCHW.numpy(), other_TCHW.numpy(), strict=True)):
        a_HWC, b_HWC = (np.moveaxis(x, 0, 2).astype(np.float64) for x in (a_CHW, b_CHW))
        expected = structural_similarity(
            a_HWC, b_HWC, data_range=255, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        exact = comparison("ssim").measure(one_TCHW, other_TCHW).per_frame[number]
        assert exact == pytest.approx(expected, abs=1e-5)
        assert found["ssim"].per_frame[number] == pytest.approx(expected, abs=1e-5)
        exact = comparison("psnr").measure(one_TCHW, other_TCHW).per_frame[number]
        assert exact == pytest.approx(peak_signal_noise_ratio(a_HWC, b_HWC, data_range=255), abs=1e-5)


def test_every_comparison_has_a_formula_of_its_own_and_its_distances_tell_it() -> None:
    """Also those that are not applicable, as of latents that are not shown."""
    formulas = {one.id: one.formula for one in comparisons()}
    assert len(set(formulas.values())) == len(formulas)
    clip = made(picture(frames=1), latents())
    assert {one.id: one.formula for one in compare(clip, clip)} == formulas
    assert {one.formula for one in compare(made(picture(frames=1)), made(picture(frames=1)))} == set(formulas.values())


def test_formula_of_a_comparison_follows_what_makes_its_number(tmp_path: Path) -> None:
    """Not its source; nor the file that defines what a comparison is."""
    text = (spec.HERE / "psnr.py").read_text(encoding="utf-8")

    def of(old: str, new: str) -> str:
        assert text.count(old) == 1
        path = tmp_path / "psnr.py"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return formula_of(path)

    known = comparison("psnr").formula
    assert of("torchmetrics 1.9.0 peak", "another peak") == known
    assert spec.HERE / "spec.py" in CONTRACTS
    assert of("MOST_DB = 100.0", "MOST_DB = 50.0") != known
    assert of("from fixtures.paired.frame_by_frame import CODES, per_frame\n", "") != known


def comparison(name: str) -> spec.Comparison:
    return next(one for one in comparisons() if one.id == name)


@settings(max_examples=6, deadline=None)
@given(sigma=st.floats(2.0, 40.0), factor=st.floats(1.3, 3.0), seed=st.integers(0, 99))
def test_more_noise_is_further_by_every_comparison(sigma: float, factor: float, seed: int) -> None:
    """Noise on frames and latents that grows by a third or more worsens each of the six."""
    frames_TCHW, latents_BCFHW = picture(frames=1), latents()
    reference = made(frames_TCHW, latents_BCFHW)
    near, far = (
        by_id(compare(made(noisy(frames_TCHW, s, seed), latents_BCFHW + s / 255 * latents(seed + 100)), reference))
        for s in (sigma, factor * sigma)
    )
    for name, distance in near.items():
        value, further = distance.value, far[name].value
        assert value is not None
        assert further is not None
        assert further > value if distance.better == "lower" else further < value


def test_flat_equal_frames_are_fully_similar() -> None:
    """Rounding in flat windows, which float32 has, never makes a frame unlike itself."""
    flat_TCHW = torch.full((1, 3, 176, 176), 251, dtype=torch.uint8)
    found = by_id(compare(made(flat_TCHW), made(flat_TCHW)))
    assert (found["ssim"].value, found["ms_ssim"].value) == (1.0, 1.0)


def test_worst_frame_is_told_beside_the_mean() -> None:
    """One broken frame of ten hides in the mean, and is named as the worst."""
    reference_TCHW = picture(frames=10, side=32)
    frames_TCHW = reference_TCHW.clone()
    frames_TCHW[6] = 255 - frames_TCHW[6]
    found = by_id(compare(made(frames_TCHW), made(reference_TCHW)))
    for name in ("ssim", "psnr", "mean_absolute_difference"):
        assert found[name].worst_frame == 6
        assert len(found[name].per_frame) == 10
        assert found[name].per_frame[5] == IDENTICAL[name]
    worst, mean = found["ssim"].worst, found["ssim"].value
    assert worst is not None
    assert mean is not None
    assert worst < 0.0
    assert mean > 0.8


@pytest.mark.parametrize("shape", [(1, 9, 3, 32, 32), (1, 10, 3, 32, 48), (2, 10, 3, 32, 32), (1, 10, 1, 32, 32)])
def test_other_shape_is_an_error_never_a_cut(shape: tuple[int, ...]) -> None:
    """A frame fewer, another size, another number of clips: both shapes are named."""
    reference = made(picture(frames=10, side=32))
    other = Made(frames_BTCHW=torch.zeros(shape, dtype=torch.uint8), latents_BCFHW=None)
    with pytest.raises(UnequalError, match=r"frames .*\(1, 10, 3, 32, 32\).*the longer clip is never cut"):
        compare(other, reference)


def test_latents_of_other_shape_and_empty_clips_are_errors() -> None:
    """Equal frames do not excuse other latents, and nothing cannot agree with nothing."""
    frames_TCHW = picture(frames=1, side=32)
    with pytest.raises(UnequalError, match="latents are"):
        compare(made(frames_TCHW, latents()), made(frames_TCHW, latents()[:, :, :2]))
    with pytest.raises(UnequalError, match="there is nothing to compare"):
        compare(made(frames_TCHW[:0]), made(frames_TCHW[:0]))


def test_nan_has_no_value_and_a_reason() -> None:
    """One NaN among the latents leaves neither distance a value; the frames are compared all the same."""
    broken_BCFHW = latents()
    broken_BCFHW[0, 0, 1, 0, 0] = math.nan
    found = by_id(compare(made(picture(side=32), broken_BCFHW), made(picture(side=32), latents())))
    for name in ("latent_cosine", "latent_relative_l2"):
        assert (found[name].value, found[name].not_applicable) == (None, False)
        assert "nan" in found[name].reason
    assert found["ssim"].value == 1.0


@pytest.mark.parametrize("zero", ["both", "reference"])
def test_zero_latents_agree_with_nothing(zero: str) -> None:
    """A vector of no length has no direction: no value, which no band lets pass."""
    nothing_BCFHW = torch.zeros_like(latents())
    one = made(picture(side=32), nothing_BCFHW if zero == "both" else latents())
    found = by_id(compare(one, made(picture(side=32), nothing_BCFHW)))
    assert [found[name].value for name in ("latent_cosine", "latent_relative_l2")] == [None, None]


def test_what_cannot_be_compared_says_why() -> None:
    """Small frames have no MS-SSIM, tiny ones no SSIM, and a pipeline may show no latents."""
    found = by_id(compare(made(picture(side=8)), made(picture(side=8))))
    assert {name for name, distance in found.items() if distance.not_applicable} == {
        *("latent_cosine", "latent_relative_l2", "ms_ssim", "ssim")
    }
    assert "176 pixels or more, the frames' shorter one has 8" in found["ms_ssim"].reason
    assert "no latents" in found["latent_cosine"].reason


def test_failing_comparison_costs_its_own_value_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of a library becomes the reason."""

    def fail(_frames: torch.Tensor, _reference: torch.Tensor) -> Reading:
        raise RuntimeError("out of luck")

    bad: Callable[..., Reading] = fail
    one = spec.Comparison(id="bad", of="frames", unit="1", better="lower", measure=bad, source="here")
    monkeypatch.setattr(spec, "comparisons", lambda: (one, comparison("psnr")))
    found = by_id(compare(made(picture(side=32)), made(picture(side=32))))
    assert found["bad"].reason == "comparison 'bad' raised RuntimeError: out of luck"
    assert found["psnr"].value == 100.0


def test_lost_device_is_no_reason_for_a_missing_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other comparisons would meet the same error: whoever ends the process must see it."""

    def lost(*_: object) -> Reading:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    broken = replace(comparisons()[0], measure=lost)
    monkeypatch.setattr(spec, "comparisons", lambda: (broken,))
    with pytest.raises(torch.AcceleratorError):
        compare(made(picture(), latents()), made(picture(), latents()))
