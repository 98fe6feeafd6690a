"""A published checkpoint, converted once: its transformer alone, as safetensors in the precision it is run in.

CausVid's `model.pt` is 11 GB of pickle of which a quarter is used in bfloat16. The converted file holds no code, is
loaded straight onto the device, and states in its metadata what it was made of: source, checksum, key and version of
the conversion. It is written beside its place and renamed, so that an interruption leaves nothing half-written; a
source that changed, or a file that was cut, is converted anew. A flipped bit is found by `python -m models.prefetch`,
which reads everything; loading does not.
"""

import hashlib
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.hub.bars import Advance, Bar, file_sha256, ignore, silent
from models.hub.lock import locked
from models.spec import DtypeName, WeightsFile, WeightsMissingError
from models.wan.checkpoint import GENERATOR, CheckpointError, convert, load_transformer
from models.wan.meta import parameter_dtypes, transformer_on_meta
from models.weights import cached_snapshot, converted_file, loads_as_it_is, missing_weights

if TYPE_CHECKING:
    from diffusers import WanTransformer3DModel

VERSION = "1"
SHA256 = re.compile("[0-9a-f]{64}")


def load_converted(
    checkpoint: WeightsFile, config: Mapping[str, Any], dtype: DtypeName, device: str | torch.device
) -> "WanTransformer3DModel":
    """Load a checkpoint's transformer from its converted file, which is made where it is absent or out of date.

    A file in float32 serves every dtype. Where it cannot be written (a full or read-only disk), that is warned of and
    the checkpoint itself is loaded. So are safetensors, a file or a folder in diffusers' layout, which need no
    converting; their keys and shapes are checked alike. Raises WeightsMissingError where neither is there,
    CheckpointError for a source that cannot be used.
    """
    source = source_file(checkpoint)
    if loads_as_it_is(checkpoint):
        lacking = missing_weights((checkpoint,))
        if source is None or lacking:
            raise WeightsMissingError(_absent(checkpoint, [f"it lacks {name}" for name in lacking]))
        return load_transformer(source, config, getattr(torch, dtype), device)
    stored: DtypeName = "bfloat16" if dtype == "bfloat16" else "float32"
    faults = []
    for candidate in dict.fromkeys((stored, "float32")):
        path = converted_file(checkpoint, candidate)
        if path is not None and path.is_file():
            if (fault := out_of_date(path, checkpoint, source)) is None:
                return load_transformer(path, config, getattr(torch, dtype), device)
            faults.append(fault)
    if source is None:
        raise WeightsMissingError(_absent(checkpoint, faults))
    try:
        path = write_converted(checkpoint, source, config, stored)
    except OSError as error:
        warnings.warn(f"{source}: converted weights cannot be kept, so each run converts: {error}", stacklevel=2)
        return load_transformer(source, config, getattr(torch, dtype), device, checkpoint.key or GENERATOR)
    return load_transformer(path, config, getattr(torch, dtype), device)


def source_file(checkpoint: WeightsFile) -> Path | None:
    """Give the checkpoint's own file, or its folder, in the local hub cache, or `None`."""
    snapshot = cached_snapshot(checkpoint.repository, checkpoint.revision)
    path = None if snapshot is None else snapshot / checkpoint.path
    if path is None:
        return None
    return path if (path.is_dir() if checkpoint.path.endswith("/") else path.is_file()) else None


def write_converted(
    checkpoint: WeightsFile, source: Path, config: Mapping[str, Any], dtype: DtypeName, bar: Bar = silent
) -> Path:
    """Convert `source` strictly to `dtype` (what diffusers keeps in float32 stays so) and give the file's path.

    Hashing and converting advance a `bar` each; writing is one call of safetensors', so its bar stands until the end.
    Raises CheckpointError where the source differs from its known checksum or does not fit `config`, and OSError where
    the file cannot be written; nothing is left behind then.
    """
    target = converted_file(checkpoint, dtype)
    if target is None:
        raise CheckpointError(f"{source}: no commit of {checkpoint.repository} is known in the local hub cache")
    state = source.stat()
    with bar(f"hashing {source.name}", state.st_size) as advance:
        sha256 = _checked_sha256(checkpoint, source, advance)
    key, transformer = checkpoint.key or GENERATOR, transformer_on_meta(config)
    total_bytes = _stored_bytes(transformer, dtype)
    with bar(f"converting to {dtype}", total_bytes) as advance:
        tensors = convert(source, transformer, getattr(torch, dtype), "cpu", key, advance)
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with bar("hashing what was converted", total_bytes) as advance:
        converted_sha256 = tensors_sha256(tensors, advance)
    metadata = {
        "format": "pt",
        "source": f"{checkpoint.repository}/{checkpoint.path}",
        "source_sha256": sha256,
        "source_bytes": str(state.st_size),
        "source_mtime_ns": str(state.st_mtime_ns),
        "key": key,
        "conversion": VERSION,
        "tensors_sha256": converted_sha256,
    }
    with bar(f"writing {target.name}", total_bytes) as advance:
        _write_atomically(target, tensors, metadata)
        advance(total_bytes)
    return target


def out_of_date(path: Path, checkpoint: WeightsFile, source: Path | None) -> str | None:
    """Say why a converted file must not be used, or `None`: looks at its header and at the source's size and time."""
    try:
        with safe_open(path, framework="pt") as file:
            found = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        return f"{path} is damaged: {error}"
    expected = {"conversion": VERSION, "key": checkpoint.key or GENERATOR}
    if source is not None:
        state = source.stat()
        expected |= {"source_bytes": str(state.st_size), "source_mtime_ns": str(state.st_mtime_ns)}
    if sha256 := _stated_sha256(checkpoint, source):
        expected["source_sha256"] = sha256
    differing = [name for name, value in expected.items() if found.get(name) != value]
    return f"{path} was made of something else: another {', '.join(differing)}" if differing else None


def bit_fault(path: Path, bar: Bar = silent) -> str | None:
    """Read a converted file whole and say where its tensors are no longer those that were written, or `None`."""
    try:
        with safe_open(path, framework="pt") as file:
            stated = (file.metadata() or {}).get("tensors_sha256")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - the file is no mapping
    except (OSError, SafetensorError) as error:
        return f"{path} is damaged: {error}"
    with bar(f"verifying {path.name}", sum(tensor.nbytes for tensor in tensors.values())) as advance:
        actual = tensors_sha256(tensors, advance)
    return None if actual == stated else f"{path} is damaged: its tensors' sha256 is {actual}, written were {stated}"


def tensors_sha256(tensors: Mapping[str, Tensor], advance: Advance = ignore) -> str:
    """Hash tensors by name, dtype, shape and bytes, in the order of their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
        advance(tensor.nbytes)
    return digest.hexdigest()


def _stated_sha256(checkpoint: WeightsFile, source: Path | None) -> str | None:
    """Give what the source must hash to: the lock says so, or the hub's cache, which names large files by it."""
    entry = locked(checkpoint.repository, checkpoint.revision)
    if entry is not None and checkpoint.path in entry.files:
        return entry.files[checkpoint.path].sha256
    blob = source.resolve().name if source is not None else ""
    return blob if SHA256.fullmatch(blob) else None


def _stored_bytes(transformer: "WanTransformer3DModel", dtype: DtypeName) -> int:
    dtypes = parameter_dtypes(transformer, getattr(torch, dtype))
    return sum(parameter.numel() * dtypes[name].itemsize for name, parameter in transformer.named_parameters())


def _checked_sha256(checkpoint: WeightsFile, source: Path, advance: Advance) -> str:
    actual = file_sha256(source, advance)
    stated = _stated_sha256(checkpoint, source)
    if stated not in {None, actual}:
        raise CheckpointError(
            f"{source}: its sha256 is {actual}, but the published file's is {stated}: it is damaged or another;"
            " delete it and fetch it again with `python -m models.prefetch MODEL`"
        )
    return actual


def _write_atomically(target: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        save_file(tensors, partial, metadata)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    except SafetensorError as error:  # how safetensors tells of a full disk
        raise OSError(f"{target}: cannot be written: {error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _absent(checkpoint: WeightsFile, faults: list[str]) -> str:
    wanted = f"--include '{checkpoint.path}*'" if checkpoint.path.endswith("/") else checkpoint.path
    return (
        f"{checkpoint.repository}/{checkpoint.path} is not whole in the local hub cache and nothing is downloaded"
        f" during a run; fetch it first with `python -m models.prefetch MODEL` (or `hf download {checkpoint.repository}"
        f" {wanted}`), or take the weights source 'random'"
    ) + (f"; {'; '.join(faults)}" if faults else "")
