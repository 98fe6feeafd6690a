"""Networks without published weights: the real sizes filled at random, and a tokenizer that needs no file.

Random networks have the real sizes, so time and memory are those of the real ones; what they draw means nothing. They
are built on torch's meta device and filled parameter by parameter, so that 20 billion of them never pass through the
memory of the host.
"""

import string
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from models.wan.meta import parameter_dtypes

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

WEIGHTS_SEED = 0


def build_random(
    build: Callable[[], Any], dtype: str, device: str, seed: int = WEIGHTS_SEED, rests_on: str | None = None
) -> Any:
    """Build a network on the meta device and fill it on `device`: the same seed gives the same weights there.

    Each parameter moves to `rests_on` (by default it stays) before the next is filled, so that of a network that rests
    elsewhere `device` never holds more than one. Another `dtype` gives the same weights, rounded otherwise.

    Norms become 1, biases 0, all else normal with deviation 1/sqrt(fan in), which keeps activations of any width near
    1, so that clips vary visibly. Modules that the class keeps in float32 stay in float32 when `dtype` is shorter.
    Raises `RuntimeError`, naming them, if parameters or buffers stay without values.
    """
    import torch

    with torch.device("meta"):
        model = build()
    generator = torch.Generator(device).manual_seed(seed)
    dtypes = parameter_dtypes(model, getattr(torch, dtype))
    filled: dict[int, torch.nn.Parameter] = {}  # a tied parameter is one object under two names
    for name, parameter in list(model.named_parameters(remove_duplicate=False)):
        if id(parameter) not in filled:
            # On a CPU another dtype would draw other numbers, not the same rounded, as CUDA does.
            drawn = torch.float32 if device == "cpu" else dtypes[name]
            values = torch.empty(parameter.shape, dtype=drawn, device=device)
            fill_fan_in(name, values, generator)
            values = values.to(dtypes[name])
            filled[id(parameter)] = torch.nn.Parameter(values.to(rests_on or device), requires_grad=False)
        owner, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(owner), leaf, filled[id(parameter)])
    _require_all_filled(model)
    return model.to(rests_on or device).eval()


def fill_fan_in(name: str, values: "torch.Tensor", generator: "torch.Generator") -> None:
    """Fill the parameter `name` in place: 1 for norms, 0 for biases, else normal with deviation 1/sqrt(fan in)."""
    if is_weight(name, values):
        values.normal_(0.0, values[0].numel() ** -0.5, generator=generator)
    else:
        values.fill_(0.0 if _leaf(name) == "bias" else 1.0)


def is_weight(name: str, values: "torch.Tensor") -> bool:
    """Tell what is multiplied with (matrices, kernels, embeddings, tables) from the scales of norms and from biases."""
    return values.ndim > 1 and _leaf(name) not in {"bias", "gamma"}


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def _require_all_filled(model: Any) -> None:
    left = [name for name, tensor in model.named_parameters() if tensor.is_meta]
    left += [name for name, tensor in model.named_buffers() if tensor.is_meta]
    if left:
        message = f"{type(model).__name__}: {len(left)} tensors have no values: {', '.join(left[:8])}"
        raise RuntimeError(message)


def offline_tokenizer() -> "PreTrainedTokenizerBase":
    """Make a tokenizer of single printable ASCII characters, which needs no file; all ids are below 128."""
    from transformers import T5Tokenizer

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0)]
    return T5Tokenizer(vocab=pieces + [(letter, -3.0) for letter in string.printable.strip()], extra_ids=0)
