"""Read CausVid's published checkpoints into diffusers' Wan transformer, without running what a pickle may hold.

A checkpoint is `{"generator": …, "critic": …}` with Wan's own parameter names behind "model."; only the generator is
read. A `.pt` file is a pickle, and unpickling may execute anything: `weights_only=True` refuses all but tensors, so
the environment variable that switches this off is refused too.

Source: layout of tianweiy/CausVid `*/model.pt`; the renaming is diffusers 0.42.1's own
(`loaders/single_file_utils.py`, `convert_wan_transformer_to_diffusers`).
"""

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from torch import Tensor

from models.wan.meta import parameter_dtypes, transformer_on_meta

UNSAFE_VARIABLE = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file and what is wrong in it."""


def read_generator(path: Path) -> dict[str, Tensor]:
    """Return the generator's tensors under diffusers' names, as stored, mapped from the file and not yet read.

    Raises CheckpointError where the file is no pickle of tensors or has another layout.
    """
    if os.environ.get(UNSAFE_VARIABLE):
        message = f"{path}: not loaded, for {UNSAFE_VARIABLE} is set, which lets a pickle run code; unset it"
        raise CheckpointError(message)
    try:
        checkpoint = torch.load(path, weights_only=True, mmap=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        message = f"{path}: cannot be loaded as plain tensors: {str(error).splitlines()[0]}"
        raise CheckpointError(message) from error
    generator = checkpoint.get("generator") if isinstance(checkpoint, dict) else None
    if not isinstance(generator, dict):
        found = ", ".join(map(str, checkpoint)) if isinstance(checkpoint, dict) else type(checkpoint).__name__
        message = f'{path}: has no dictionary "generator"; found: {found}'
        raise CheckpointError(message)
    published = {name.removeprefix("model."): tensor for name, tensor in generator.items()}
    converted: dict[str, Tensor] = convert_wan_transformer_to_diffusers(published)
    return converted


def load_transformer(
    path: Path, config: Mapping[str, Any], dtype: torch.dtype, device: str | torch.device
) -> WanTransformer3DModel:
    """Build the transformer of `config` from a checkpoint, for inference; all keys and shapes must match.

    In bfloat16 and float16 the modules that diffusers keeps in float32 (norms, time embedder, modulation) stay so.
    """
    transformer = transformer_on_meta(config)
    tensors = read_generator(path)
    _check_tensors(path, {name: tuple(p.shape) for name, p in transformer.named_parameters()}, tensors)
    for name, own_dtype in parameter_dtypes(transformer, dtype).items():
        tensors[name] = tensors[name].to(device, own_dtype)
    transformer.load_state_dict(tensors, strict=True, assign=True)
    return transformer.to(device).requires_grad_(requires_grad=False).eval()


def _check_tensors(path: Path, expected: Mapping[str, tuple[int, ...]], found: Mapping[str, Tensor]) -> None:
    faults = [f"lacks {name}" for name in expected if name not in found]
    faults += [f"has the unknown {name}" for name in found if name not in expected]
    faults += [
        f"has {name} of shape {list(found[name].shape)} instead of {list(shape)}"
        for name, shape in expected.items()
        if name in found and tuple(found[name].shape) != shape
    ]
    if faults:
        more = f" and {len(faults) - 1} more faults" if len(faults) > 1 else ""
        message = f"{path}: {faults[0]} (diffusers' name){more}"
        raise CheckpointError(message)
