"""Read a published checkpoint into diffusers' Wan transformer, without running what a pickle may hold.

CausVid's `.pt` files are `{"generator": …, "critic": …}` with Wan's own parameter names behind "model."; only one
dictionary is read. A `.pt` file is a pickle, and unpickling may execute anything: `weights_only=True` refuses all but
tensors, and, said explicitly, goes before the environment variable that switches the protection off (torch 2.13.0,
`serialization.py`: it "can only override if callsite did not explicitly set weights_only"). Files of safetensors and
folders in diffusers' layout are read as well.

Source: layout of tianweiy/CausVid `*/model.pt`; the renaming is diffusers 0.42.1's own
(`loaders/single_file_utils.py`, `convert_wan_transformer_to_diffusers`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from models.hub.bars import Advance, ignore
from models.wan.meta import parameter_dtypes, transformer_on_meta
from models.weights import missing_parts

GENERATOR = "generator"
PREFIX = "model."
SHOWN_NAMES = 8


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file and what is wrong in it."""


def read_generator(path: Path, key: str = GENERATOR) -> dict[str, Tensor]:
    """Return the transformer's tensors under diffusers' names, as stored, mapped from the file and not yet read.

    `path` is a pickle of tensors, of which the dictionary `key` is taken, a file of safetensors (diffusers' or Wan's
    names), or a folder in diffusers' layout. Raises CheckpointError where it is damaged, has another layout, holds a
    tensor twice or one that is not of floating-point numbers.
    """
    if path.is_dir():
        found = _read_folder(path)
    elif path.suffix == ".safetensors":
        found = _read_safetensors(path)
    else:
        found = _unpickle(path, key)
    published = {name.removeprefix(PREFIX): tensor for name, tensor in found.items()}
    if twice := [name for name in published if PREFIX + name in found and name in found]:
        raise CheckpointError(f'{path}: holds with and without "{PREFIX}": {_listed(twice)}')
    if others := [f"{name} ({tensor.dtype})" for name, tensor in found.items() if not tensor.is_floating_point()]:
        raise CheckpointError(f"{path}: holds tensors of other than floating-point numbers: {_listed(others)}")
    if "scale_shift_table" in published:
        return published
    converted: dict[str, Tensor] = convert_wan_transformer_to_diffusers(published)
    return converted


def load_transformer(
    path: Path, config: Mapping[str, Any], dtype: torch.dtype, device: str | torch.device, key: str = GENERATOR
) -> WanTransformer3DModel:
    """Build the transformer of `config` from a checkpoint, for inference; all keys and shapes must match.

    In bfloat16 and float16 the modules that diffusers keeps in float32 (norms, time embedder, modulation) stay so.
    """
    transformer = transformer_on_meta(config)
    tensors = convert(path, transformer, dtype, device, key)
    transformer.load_state_dict(tensors, strict=True, assign=True)
    return transformer.to(device).requires_grad_(requires_grad=False).eval()


def convert(
    path: Path,
    transformer: WanTransformer3DModel,
    dtype: torch.dtype,
    device: str | torch.device,
    key: str,
    advance: Advance = ignore,
) -> dict[str, Tensor]:
    """Read a checkpoint for `transformer` (built on meta): its tensors by name, each in the dtype it is run in.

    `advance` hears of the bytes of each that is ready.
    """
    tensors = read_generator(path, key)
    _check_tensors(path, {name: tuple(p.shape) for name, p in transformer.named_parameters()}, tensors)
    converted = {}
    for name, own in parameter_dtypes(transformer, dtype).items():
        converted[name] = tensors[name].to(device, own)
        advance(converted[name].nbytes)
    return converted


def _unpickle(path: Path, key: str) -> dict[str, Tensor]:
    try:
        checkpoint = torch.load(path, weights_only=True, mmap=True, map_location="cpu")
    except Exception as error:  # a damaged pickle fails with any of a dozen types
        message = f"{path}: cannot be loaded as plain tensors: {str(error).splitlines()[0] if str(error) else error!r}"
        raise CheckpointError(message) from error
    generator = checkpoint.get(key) if isinstance(checkpoint, dict) else None
    if not isinstance(generator, dict):
        found = ", ".join(map(str, checkpoint)) if isinstance(checkpoint, dict) else type(checkpoint).__name__
        message = f'{path}: has no dictionary "{key}"; found: {found}'
        raise CheckpointError(message)
    if strangers := [str(name) for name, tensor in generator.items() if not isinstance(tensor, Tensor)]:
        message = f'{path}: "{key}" holds other than tensors: {_listed(strangers)}'
        raise CheckpointError(message)
    return generator


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        message = f"{path}: cannot be read as safetensors: {error}; fetch or convert it again"
        raise CheckpointError(message) from error


def _read_folder(folder: Path) -> dict[str, Tensor]:
    if parts := missing_parts(folder):
        message = f"{folder}: is not a complete folder of weights: it lacks {', '.join(parts)}"
        raise CheckpointError(message)
    tensors: dict[str, Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        found = _read_safetensors(path)
        if twice := sorted(tensors.keys() & found.keys()):
            raise CheckpointError(f"{path}: holds what another file of its folder holds, too: {_listed(twice)}")
        tensors |= found
    return tensors


def _listed(names: list[str]) -> str:
    return ", ".join(names[:SHOWN_NAMES]) + (f" and {len(names) - SHOWN_NAMES} more" * (len(names) > SHOWN_NAMES))


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
