"""Comparisons of two clips on a CUDA device: the numbers of the CPU, and weights that precision only rounds."""

import pytest
import torch

from fixtures.paired.spec import Made, compare
from models.wan.random_weights import build_random
from tests.on_gpu import ON_GPU

pytestmark = ON_GPU


def test_comparisons_on_the_device_are_those_of_the_cpu() -> None:
    """Every distance of noisy frames and latents, to 1e-4: TF32 would be off by far more, if it came in."""
    generator = torch.Generator().manual_seed(0)
    frames_BTCHW = torch.randint(0, 256, (1, 5, 3, 192, 208), generator=generator).byte()
    noise_BTCHW = torch.randint(-9, 10, frames_BTCHW.shape, generator=generator)
    latents_BCFHW = torch.randn((1, 16, 2, 24, 26), generator=generator)
    reference = Made(frames_BTCHW=frames_BTCHW, latents_BCFHW=latents_BCFHW)
    other = Made(
        frames_BTCHW=(frames_BTCHW.int() + noise_BTCHW).clamp(0, 255).byte(),
        latents_BCFHW=latents_BCFHW + 0.01 * torch.randn(latents_BCFHW.shape, generator=generator),
    )
    there, here = compare(other, reference, "cuda"), compare(other, reference, "cpu")
    assert [distance.reason for distance in there] == [""] * 6
    for on_gpu, on_cpu in zip(there, here, strict=True):
        assert on_gpu.value == pytest.approx(on_cpu.value, rel=1e-4)
        assert on_gpu.worst == pytest.approx(on_cpu.worst, rel=1e-4)


def test_equal_clips_are_equal_on_the_device() -> None:
    """The best value of each comparison, without rounding."""
    frames_BTCHW = torch.full((1, 2, 3, 192, 192), 251, dtype=torch.uint8)
    clip = Made(frames_BTCHW=frames_BTCHW, latents_BCFHW=torch.ones(1, 4, 2, 8, 8))
    assert [distance.value for distance in compare(clip, clip, "cuda")] == [0.0, 0.0, 0.0, 1.0, 100.0, 1.0]


@pytest.mark.parametrize("size", [(64, 64), (96, 3, 3, 3, 3), (384, 97)])
def test_random_weights_of_another_precision_are_the_same_rounded(size: tuple[int, ...]) -> None:
    """A VAE in bfloat16 is compared with the very one in float32."""

    class Holder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.empty(size))

    def weights(dtype: str) -> torch.Tensor:
        holder: Holder = build_random(Holder, dtype, "cuda")
        return holder.weight

    assert torch.equal(weights("bfloat16"), weights("float32").bfloat16())
