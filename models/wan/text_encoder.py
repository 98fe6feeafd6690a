"""UMT5 where a recipe keeps it: on the device, in host memory, or nowhere once a prompt is encoded.

At 5.7 billion parameters the text encoder is the largest network beside a 1.3B transformer, and it is needed for one
forward a prompt. Off the device, its weights visit it a layer at a time, so that the device never holds more of them
than the largest layer (the embedding), whatever else lies there; the arithmetic stays the device's, bit for bit.
Source of the layers: huggingface/transformers 5.23.0 `modeling_umt5.py`.
"""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from models.spec import TextEncoderPlace
from models.wan.facts import parameters_by_dtype

if TYPE_CHECKING:
    import torch
    from transformers import UMT5EncoderModel

    from models.wan.text import EncodedPrompt


class TextEncoder:
    """The text encoder of a loaded recipe.

    `load` gives the network with its weights on the device where `place` is "resident", else in host memory. `sizes`
    counts its parameters by dtype. Of a freed one `remembered` holds the embeddings of the last request's prompts, and
    `reused` tells whether that request needed nothing else.
    """

    def __init__(self, load: "Callable[[], UMT5EncoderModel]", place: TextEncoderPlace, device: str) -> None:
        """Load it now, or where it is "freed" with its first prompt."""
        self.place = place
        self.sizes: Counter[str] = Counter()
        self.remembered: dict[str, EncodedPrompt] = {}
        self.reused = False
        self._load, self._device = load, device
        self._kept = None if place == "freed" else self._loaded()

    def network(self) -> "UMT5EncoderModel":
        """Give the network, for inputs on the device: the one that is kept, or one that lives as long as it is held."""
        return self._loaded() if self._kept is None else self._kept

    def _loaded(self) -> "UMT5EncoderModel":
        network = self._load()
        self.sizes = parameters_by_dtype(network)
        if self.place == "offload" and self._device == "cuda":
            pin_weights(network)
        if self.place != "resident":
            encoder = network.encoder
            fetch_weights((encoder.embed_tokens, *encoder.block, encoder.final_layer_norm), self._device)
        return network


def pin_weights(network: "torch.nn.Module") -> None:
    """Move weights to page-locked host memory, one parameter after the other, so that no second copy of all exists."""
    for parameter in network.parameters():  # a tied one once
        parameter.data = parameter.data.pin_memory()


def fetch_weights(layers: "tuple[torch.nn.Module, ...]", device: str) -> None:
    """Make each layer copy its weights to `device` right before it runs, and let go of the copy right after.

    What the layers' inputs and outputs lie on is the caller's affair. A layer that raises keeps its copy.
    """
    for layer in layers:
        rest = {name: parameter.data for name, parameter in layer.named_parameters()}

        def fetch(layer: "torch.nn.Module", _inputs: Any) -> None:
            for parameter in layer.parameters():
                parameter.data = parameter.data.to(device, non_blocking=True, copy=True)

        def let_go(
            layer: "torch.nn.Module", _inputs: Any, _output: Any, rest: "dict[str, torch.Tensor]" = rest
        ) -> None:
            for name, parameter in layer.named_parameters():
                parameter.data = rest[name]

        layer.register_forward_pre_hook(fetch)
        layer.register_forward_hook(let_go)
