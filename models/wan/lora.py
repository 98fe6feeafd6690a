"""A LoRA fused into a Wan transformer: each weight W becomes W + strength · (alpha / rank) · up · down, once, for good.

A fused transformer is a plain one, so that what is timed holds no adapter. The sums are written out here and not left
to diffusers, which needs peft for them, drops what it does not know with a line in a log, and can leave tensors on the
meta device; the renaming of Wan's own parameters is diffusers' (0.42.1 `convert_wan_transformer_to_diffusers`). Nothing
takes a LoRA out again: a subtraction would not give the bfloat16 weights back, so another recipe loads afresh.

Source of the layout: the files that ComfyUI and Kijai/WanVideo_comfy use, as read by huggingface/diffusers 0.42.1
`loaders/lora_conversion_utils.py` (`_convert_non_diffusers_wan_lora_to_diffusers`).
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from diffusers import WanTransformer3DModel
    from torch import Tensor

PREFIX = "diffusion_model."
DOWN, UP = ("lora_down.weight", "lora_A.weight"), ("lora_up.weight", "lora_B.weight")
PARTS = (*DOWN, *UP, "alpha", "diff_b", "diff")  # diff and diff_b are added whole to a weight and to a bias
BLOCK = re.compile(r"blocks\.(\d+)\.(.+)")
RANDOM_RANK = 32
SHOWN_FAULTS = 8


class LoraError(ValueError):
    """A LoRA that does not fit; the message names the file and the keys."""


@dataclass(frozen=True)
class Delta:
    """What a LoRA adds to one parameter at strength 1: `scale` times the product of `factors`, up [O, R], down [R, I].

    A single factor has the parameter's own shape. `keys` are those that it comes from, for messages.
    """

    factors: tuple["Tensor", ...]
    scale: float
    keys: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the product."""
        if len(self.factors) == 1:
            return tuple(self.factors[0].shape)
        up_OR, down_RI = self.factors
        return up_OR.shape[0], down_RI.shape[1]

    def tensor(self, device: "torch.device") -> "Tensor":
        """Compute it on `device` in float32."""
        first, *rest = (factor.to(device).float() for factor in self.factors)
        return self.scale * (first @ rest[0] if rest else first)


def fuse_lora(transformer: "WanTransformer3DModel", path: Path, strength: float) -> int:
    """Add the LoRA of a safetensors file to `transformer`, in float32 and rounded once; return how many parameters.

    `strength` is any finite number, 1 as trained. Raises LoraError, naming the keys, where the file is unreadable, is
    of another base model, holds half a pair or none for any block, lacks in one block what it has in another (the first
    may be left out whole, as in v2), or holds what is not understood; and where the transformer's weights are no plain
    floating-point numbers. Then nothing has been changed.
    """
    deltas = read_lora(path)
    shapes = {name: tuple(parameter.shape) for name, parameter in transformer.named_parameters()}
    _refuse(path, [*_misfits(deltas, shapes), *_gaps(deltas, transformer.config.num_layers)])
    return add_deltas(transformer, deltas.items(), strength)


def add_deltas(transformer: "WanTransformer3DModel", deltas: Iterable[tuple[str, Delta]], strength: float) -> int:
    """Add `strength` times each delta to the parameter of its name, one after another; return how many there were."""
    import torch

    parameters, count = dict(transformer.named_parameters()), 0
    plain = {torch.float32, torch.bfloat16, torch.float16}
    if odd := [name for name, parameter in parameters.items() if parameter.is_meta or parameter.dtype not in plain]:
        listed = ", ".join(odd[:SHOWN_FAULTS])
        message = f"a LoRA is fused into loaded weights, before they are quantised; not so {listed}"
        raise LoraError(message)
    with torch.no_grad():
        for name, delta in deltas:
            parameter = parameters[name]
            parameter.copy_(parameter.float() + strength * delta.tensor(parameter.device))
            count += 1
    return count


def random_deltas(transformer: "WanTransformer3DModel", seed: int) -> Iterator[tuple[str, Delta]]:
    """Make up a LoRA of rank 32 for every linear layer of every block, a tenth as large as random weights.

    The same seed gives the same numbers. It costs what a published one costs to fuse; it means nothing.
    """
    import torch

    device = transformer.patch_embedding.weight.device
    generator = torch.Generator(device).manual_seed(seed)
    for name, module in transformer.named_modules():
        if name.startswith("blocks.") and isinstance(module, torch.nn.Linear):
            out_features, in_features = module.weight.shape
            down_RI = torch.randn((RANDOM_RANK, in_features), generator=generator, device=device)
            up_OR = torch.randn((out_features, RANDOM_RANK), generator=generator, device=device)
            yield f"{name}.weight", Delta((up_OR, down_RI), 0.1 / math.sqrt(RANDOM_RANK * in_features), (name,))


def read_lora(path: Path) -> dict[str, Delta]:
    """Read a LoRA file: what is added to each parameter, by diffusers' name of it.

    Raises LoraError, naming the keys, for an unreadable file, an unknown key or half a pair.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        message = f"{path}: cannot be read as safetensors: {error}"
        raise LoraError(message) from error
    layers, faults = _layers(tensors)
    deltas: dict[str, Delta] = {}
    for layer, parts in layers.items():
        for parameter, delta in _deltas_of(PREFIX + layer, parts, faults):
            deltas[_diffusers_name(f"{layer}.{parameter}")] = delta
    _refuse(path, faults or ([] if deltas else ["holds no LoRA"]))
    return deltas


def _layers(tensors: Mapping[str, "Tensor"]) -> tuple[dict[str, dict[str, "Tensor"]], list[str]]:
    """Collect the parts of each layer under Wan's own name of it, and the keys that are none of them."""
    layers: defaultdict[str, dict[str, Tensor]] = defaultdict(dict)
    faults = []
    for key, tensor in tensors.items():
        part = next((part for part in PARTS if key.endswith(f".{part}")), None)
        if part is None or not key.startswith(PREFIX):
            faults.append(f"has the unknown {key}")
        else:
            kind = "down" if part in DOWN else "up" if part in UP else part
            parts = layers[key.removeprefix(PREFIX).removesuffix(f".{part}")]
            if kind in parts:
                faults.append(f"has {key} under another name too")
            parts[kind] = tensor
    return layers, faults


def _deltas_of(layer: str, parts: Mapping[str, "Tensor"], faults: list[str]) -> Iterator[tuple[str, Delta]]:
    """Yield what is added to the weight and to the bias of a layer; a pair that is none goes to `faults`."""
    pair = parts.keys() & {"down", "up"}
    if len(pair) == 1 or ("alpha" in parts and not pair):
        faults.append(f"has only {', '.join(sorted(parts))} of {layer}")
    elif pair and "diff" in parts:
        faults.append(f"has both a LoRA and a diff for {layer}")
    elif pair:
        down_RI, up_OR, alpha = parts["down"], parts["up"], parts.get("alpha")
        if (
            up_OR.ndim != 2
            or down_RI.ndim != 2
            or up_OR.shape[1] != len(down_RI)
            or (alpha is not None and alpha.numel() > 1)
        ):
            shapes = {part: list(tensor.shape) for part, tensor in parts.items()}
            faults.append(f"has {layer} in shapes that do not multiply: {shapes}")
        else:
            scale = 1.0 if alpha is None else alpha.item() / len(down_RI)
            yield "weight", Delta((up_OR, down_RI), scale, (f"{layer}.lora_up", f"{layer}.lora_down"))
    elif "diff" in parts:
        yield "weight", Delta((parts["diff"],), 1.0, (f"{layer}.diff",))
    if "diff_b" in parts:
        yield "bias", Delta((parts["diff_b"],), 1.0, (f"{layer}.diff_b",))


def _diffusers_name(name: str) -> str:
    import torch
    from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers

    return str(next(iter(convert_wan_transformer_to_diffusers({name: torch.empty(2, 1, 1, 1)}))))  # any values do


def _misfits(deltas: Mapping[str, Delta], shapes: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    """Name what is for a parameter that the base model does not have, or has in another shape."""
    for name, delta in deltas.items():
        if name not in shapes:
            yield f"has {delta.keys[0]}, for which the base model has no {name}"
        elif delta.shape != shapes[name]:
            yield f"has {delta.keys[0]} for {list(delta.shape)}, but {name} is {list(shapes[name])}"


def _gaps(deltas: Mapping[str, Delta], layers: int) -> Iterator[str]:
    """Name what one block lacks and another has, pairs and differences alike; only block 0 may have nothing at all."""
    found: set[tuple[int, str]] = set()
    example: dict[str, tuple[str, ...]] = {}
    for name, delta in deltas.items():
        if match := BLOCK.fullmatch(name):
            found.add((int(match[1]), match[2]))
            example.setdefault(match[2], delta.keys)
    if not any(BLOCK.fullmatch(name) and len(delta.factors) == 2 for name, delta in deltas.items()):
        yield f"has no pair {PREFIX}blocks.*.lora_down and lora_up, as every LoRA of this model does"
    for block in range(0 if any(number == 0 for number, _ in found) else 1, layers):
        for parameter in (parameter for parameter in sorted(example) if (block, parameter) not in found):
            keys = (re.sub(r"\bblocks\.\d+\.", f"blocks.{block}.", key) for key in example[parameter])
            yield f"lacks {' and '.join(keys)}, which another block has"


def _refuse(path: Path, faults: list[str]) -> None:
    if faults:
        more = f" and {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
        message = f"{path}: {'; '.join(faults[:SHOWN_FAULTS])}{more}; is it of this base model, and whole?"
        raise LoraError(message)
