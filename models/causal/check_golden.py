"""Compare the rollout with golden tensors: `python -m models.causal.check_golden FOLDER...`.

A golden folder holds a checkpoint in the published layout, the noise, and the latents and layer-0 cache that the
reference rollout made of them: `config.json`, `model.pt`, `expected.safetensors`. The very functions that a benchmark
runs are driven here, in float32 on the CPU. Exit code 0: all within the tolerance; 1: one is not; 2: a folder that
cannot be read, or does not fit its own config.
"""

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from models.causal.cached_transformer import CachedTransformer, CacheShape, Execution
from models.causal.rollout import Clip, Rollout, roll_out
from models.fewstep import FewStepSchedule, unwarped_schedule, warped_schedule
from models.spec import Numerics
from models.wan.checkpoint import load_transformer

FILES = ("config.json", "model.pt", "expected.safetensors")
TOLERANCE = 1e-5
TIMESTEP_TOLERANCE = 1e-3  # a config may state 888.8889 for float32's 888.888916
COMPARED = ("latents_BFCHW", "kv0_key", "kv0_value")


def read_schedule(config: Mapping[str, Any]) -> FewStepSchedule:
    """Build the schedule that a golden config states; a final 0 of its step list is a training level and dropped."""
    steps = [step for step in config["denoising_step_list"] if step]
    if config["warp"]:
        schedule = warped_schedule([round(step) for step in steps], config["shift"])
    else:
        schedule = unwarped_schedule(steps, config["shift"])
    stated, own = config["model_timesteps"], schedule.model_timesteps
    if len(stated) != len(own) or not all(map(_same_timestep, stated, own)):
        raise ValueError(f"config states timesteps {stated}, its steps give {list(own)}")
    return schedule


def _same_timestep(stated: float, own: float) -> bool:
    return math.isclose(stated, own, rel_tol=1e-6, abs_tol=TIMESTEP_TOLERANCE)


def transformer_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of diffusers' WanTransformer3DModel for a golden config."""
    return {
        "num_attention_heads": config["num_heads"],
        "attention_head_dim": config["dim"] // config["num_heads"],
        "num_layers": config["num_layers"],
        "ffn_dim": config["ffn_dim"],
        "text_dim": config["text_dim"],
        "freq_dim": config["freq_dim"],
    }


def reproduce(folder: Path, numerics: Numerics = "diffusers") -> dict[str, float]:
    """Run the folder's rollout in these numerics; return the largest absolute error of each compared tensor.

    Raises OSError, KeyError or ValueError for a folder that is incomplete or contradicts its config.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    expected = load_file(folder / "expected.safetensors")
    transformer = load_transformer(folder / "model.pt", transformer_config(config), torch.float32, "cpu")
    size = config["frames_per_block"]
    shape = CacheShape(
        frames=config["num_blocks"] * size,
        height=config["latent_height"],
        width=config["latent_width"],
        text_length=config["text_len"],
    )
    start_BFCHW = expected["start_latents_BFCHW"] if config.get("start_blocks", 0) else None
    clip = Clip(
        prompt_embeds_BLD=expected["prompt_embeds"],
        noise_BCFHW=expected["noise_BFCHW"].transpose(1, 2),
        renoise_NBCFHW=expected["renoise_NFCHW"].transpose(1, 2).unsqueeze(1),
        start_latents_BCFHW=None if start_BFCHW is None else start_BFCHW.transpose(1, 2),
    )
    _check_frames("noise", clip.noise_BCFHW, shape.frames)
    if clip.start_latents_BCFHW is not None:
        _check_frames("start latents", clip.start_latents_BCFHW, config["start_blocks"] * size)
    rollout = Rollout(schedule=read_schedule(config), frames_per_block=size, final_cache_pass=True)
    cached = CachedTransformer(transformer, shape, Execution(timesteps=rollout.timesteps, numerics=numerics))
    latents_BFCHW = torch.cat(list(roll_out(cached, rollout, clip)), dim=2).transpose(1, 2)
    found = (latents_BFCHW, cached.cache.keys_LBSHD[0], cached.cache.values_LBSHD[0])
    return {name: _largest_error(name, tensor, expected[name]) for name, tensor in zip(COMPARED, found, strict=True)}


def _check_frames(name: str, tensor_BCFHW: Tensor, frames: int) -> None:
    if tensor_BCFHW.shape[2] != frames:
        raise ValueError(f"{name} of {tensor_BCFHW.shape[2]} latent frames, but its config states {frames}")


def _largest_error(name: str, found: Tensor, expected: Tensor) -> float:
    if found.shape != expected.shape:
        message = f"{name} has shape {list(expected.shape)}, its config gives {list(found.shape)}"
        raise ValueError(message)
    return (found - expected).abs().max().item()


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the folders named on the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.causal.check_golden", description=__doc__.split("\n")[0])
    parser.add_argument("folders", metavar="FOLDER", nargs="+", type=Path)
    parser.add_argument(
        "--tolerance", type=float, default=TOLERANCE, help="largest absolute error (default %(default)s)"
    )
    parser.add_argument(
        "--numerics", choices=get_args(Numerics), default="diffusers", help="what is computed (default %(default)s)"
    )
    options = parser.parse_args(arguments)
    return max([_check(folder, options.tolerance, options.numerics) for folder in options.folders])


def _check(folder: Path, tolerance: float, numerics: Numerics) -> int:
    """Print a folder's line; return its exit code."""
    if not folder.is_dir():
        sys.stderr.write(f"{folder}: is not a folder; name folders that hold {', '.join(FILES)}\n")
        return 2
    try:
        errors = reproduce(folder, numerics)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        sys.stderr.write(f"{folder}: malformed golden folder: {reason}\n")
        return 2
    good = all(error <= tolerance for error in errors.values())  # a NaN is not
    listed = ", ".join(f"{name} {error:.2e}" for name, error in errors.items())
    verdict = "within" if good else "EXCEEDS"
    sys.stdout.write(f"{folder}: {numerics}: maximum absolute error {listed}: {verdict} {tolerance:g}\n")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
