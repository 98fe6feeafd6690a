"""Few-step sampling of distilled flow-matching models: which noise levels are visited, and the two updates between.

A distilled student predicts the clean clip at each of a few noise levels and is re-noised to the next one; there is
no ODE solver. The levels must be the training table's own values to the last bit: CausVid gives the model the integer
timestep 757 and computes with the table's sigma 0.75675672. Convention: x_t = (1 - sigma) x_0 + sigma eps, the model
predicts the velocity eps - x_0.

Source: "From Slow Bidirectional to Fast Autoregressive Video Diffusion Models" (arXiv 2412.07772), section 4; the
table as in tianweiy/CausVid at ca21150, restated from a description of its behaviour, not from its code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

TRAIN_STEPS = 1000


@dataclass(frozen=True)
class FewStepSchedule:
    """The noise levels of a clip (a block, for causal models), noisiest first.

    `model_timesteps` (0 to 1000) are what the model is given, `sigmas` (0 to 1) what the updates compute with; both
    hold float32 values exactly.
    """

    model_timesteps: tuple[float, ...]
    sigmas: tuple[float, ...]

    @property
    def steps(self) -> int:
        """Number of denoising steps."""
        return len(self.sigmas)


@dataclass(frozen=True)
class StepList:
    """A step list as published. `steps` are in the model's own timesteps or, if `warped`, still to be shifted."""

    steps: tuple[int, ...]
    shift: float
    warped: bool = False

    def schedule(self) -> FewStepSchedule:
        """Look the noise levels up in the training table."""
        return (warped_schedule if self.warped else unwarped_schedule)(self.steps, self.shift)


def sigma_table(shift: float) -> "Tensor":
    """Return the training noise levels, float32 [1000], from 1 downwards; `shift` >= 1 moves them towards noise.

    >>> [round(value, 6) for value in sigma_table(8.0)[[0, 720, 999]].tolist()]
    [1.0, 0.756757, 0.007944]
    """
    import torch

    unshifted = torch.linspace(1.0, 0.0, TRAIN_STEPS + 1, dtype=torch.float32)[:-1]
    return shift * unshifted / (1 + (shift - 1) * unshifted)


def sigma_of_timestep(timestep: float, shift: float) -> float:
    """Return the sigma of the table entry whose timestep (1000 sigma) is nearest to `timestep`, 0 to 1000."""
    table = sigma_table(shift)
    nearest = (table * TRAIN_STEPS - timestep).abs().argmin()
    return table[nearest].item()


def unwarped_schedule(timesteps: Sequence[float], shift: float) -> FewStepSchedule:
    """Build the schedule of a step list that is already in the model's own timesteps, such as 1000, 757, 522."""
    return FewStepSchedule(tuple(map(float, timesteps)), tuple(sigma_of_timestep(t, shift) for t in timesteps))


def warped_schedule(steps: Sequence[int], shift: float) -> FewStepSchedule:
    """Build the schedule of a step list in unshifted units (1000, 750, …; each 0 to 1000): the shift warps it."""
    timesteps = [*(sigma_table(shift) * TRAIN_STEPS).tolist(), 0.0]
    return unwarped_schedule([timesteps[TRAIN_STEPS - step] for step in steps], shift)


def predict_clean(noisy: "Tensor", velocity: "Tensor", sigma: float) -> "Tensor":
    """Return the clean prediction `noisy - sigma * velocity`, computed in float64, in the dtype of `noisy`."""
    return (noisy.double() - sigma * velocity.double()).to(noisy.dtype)


def renoise(clean: "Tensor", noise: "Tensor", sigma: float) -> "Tensor":
    """Return `(1 - sigma) clean + sigma noise`, computed in float32, in the dtype of `noise`."""
    return ((1 - sigma) * clean.float() + sigma * noise.float()).to(noise.dtype)
