"""The noise levels of few-step sampling and its two updates."""

import pytest
import torch

from models.fewstep import predict_clean, renoise, sigma_of_timestep, sigma_table, unwarped_schedule, warped_schedule


@pytest.mark.parametrize(
    ("index", "sigma"),
    [
        (0, 1.0),
        (250, 0.9599999785),
        (500, 0.8888888955),
        (720, 0.7567567229),
        (750, 0.7272727489),
        (880, 0.5217391253),
        (999, 0.0079443902),
    ],
)
def test_shift_8_table_holds_the_published_float32_values(index: int, sigma: float) -> None:
    """The table of 1000 levels shifted by 8 equals the training table's values bit for bit."""
    table = sigma_table(8.0)
    assert table.shape == (1000,)
    assert torch.equal(table[index], torch.tensor(sigma, dtype=torch.float32))


def test_timestep_takes_the_nearest_table_sigma() -> None:
    """757 lies between two table entries and gets the sigma of 756.757, 0 that of the last entry."""
    table = sigma_table(8.0)
    assert [sigma_of_timestep(t, 8.0) for t in (1000, 757, 522, 0)] == table[[0, 720, 880, 999]].tolist()


def test_unwarped_steps_keep_integer_timesteps_but_table_sigmas() -> None:
    """The model is given 757 itself while the updates compute with the table's 0.75675672."""
    schedule = unwarped_schedule((1000, 757, 522), 8.0)
    assert schedule.model_timesteps == (1000.0, 757.0, 522.0)
    assert schedule.sigmas == tuple(sigma_table(8.0)[[0, 720, 880]].tolist())
    assert schedule.steps == 3


@pytest.mark.parametrize(
    ("shift", "timesteps", "sigmas"),
    [
        (8.0, [1000.0, 960.0, 888.8889, 727.2728], [1.0, 0.9599999785, 0.8888888955, 0.7272727489]),
        (5.0, [1000.0, 937.5, 833.3333, 625.0], [1.0, 0.9375, 0.8333333135, 0.625]),
    ],
)
def test_warped_steps_are_moved_by_the_shift(shift: float, timesteps: list[float], sigmas: list[float]) -> None:
    """1000, 750, 500, 250 become CausVid's timesteps at shift 8 and Self-Forcing's at shift 5."""
    schedule = warped_schedule((1000, 750, 500, 250), shift)
    assert schedule.model_timesteps == pytest.approx(timesteps, abs=1e-4)
    assert torch.equal(torch.tensor(schedule.sigmas), torch.tensor(sigmas))


def test_step_zero_of_a_warped_list_is_timestep_zero() -> None:
    """The warped table ends with an appended 0."""
    assert warped_schedule((0,), 8.0).model_timesteps == (0.0,)


def test_clean_prediction_is_computed_in_float64() -> None:
    """1 - 3 * float32(1/3) is -2.98e-8; in float32 the product would round to 1 and the result to 0."""
    third = torch.tensor(1 / 3).item()
    clean = predict_clean(torch.tensor([1.0]), torch.tensor([3.0]), third)
    assert clean.dtype == torch.float32
    assert clean.item() == torch.tensor(1 - 3 * third).item() != 0.0


def test_renoise_rounds_once_from_float32() -> None:
    """bfloat16 inputs are mixed in float32: 0.24324328 * 3 - 0.75675672 is -0.0270269, not bfloat16's -0.0273."""
    clean, noise = torch.tensor([3.0], dtype=torch.bfloat16), torch.tensor([-1.0], dtype=torch.bfloat16)
    mixed = renoise(clean, noise, sigma_of_timestep(757, 8.0))
    assert torch.equal(mixed, torch.tensor([-0.0270269], dtype=torch.bfloat16))


def test_renoise_ends_are_noise_and_clean() -> None:
    """Sigma 1 returns the noise, sigma 0 the clean values."""
    clean, noise = torch.tensor([0.5, -2.0]), torch.tensor([1.5, 0.25])
    assert torch.equal(renoise(clean, noise, 1.0), noise)
    assert torch.equal(renoise(clean, noise, 0.0), clean)
