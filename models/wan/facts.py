"""What was really loaded: the precision and the size of each network, read from its parameters."""

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from models.wan.components import Components


def component_dtypes(components: "Components") -> dict[str, str]:
    """Give each network's dtypes, that of most parameters first: "bfloat16 + float32" for a mixed one."""
    sizes = _component_sizes(components)
    return {name: " + ".join(dtype for dtype, _ in counts.most_common()) for name, counts in sizes.items()}


def component_parameters(components: "Components") -> dict[str, int]:
    """Count each network's parameters; a tied one counts once."""
    return {name: counts.total() for name, counts in _component_sizes(components).items()}


def network_bytes(components: "Components") -> dict[str, int]:
    """Count the bytes of each network's parameters and buffers that lie on the transformer's device."""
    encoder, device = components.text_encoder, components.transformer.patch_embedding.weight.device.type
    networks = {
        "text_encoder": encoder.network() if encoder.place == "resident" else None,
        "transformer": components.transformer,
        "vae": components.vae,
    }
    return {name: _bytes_on(network, device) for name, network in networks.items()}


def text_encode_reasons(components: "Components") -> dict[str, str]:
    """Say of the phase `text_encode` of the last generation if it encoded nothing: `PipelineFacts.reasons`."""
    if not components.text_encoder.reused:
        return {}
    return {
        "text_encode": "the freed text encoder did not run in at least one round: an earlier call's embeddings of the"
        " same prompt were used again, so that its times hold no text encoding; the first call of a prompt holds it"
    }


def parameters_by_dtype(network: "torch.nn.Module") -> Counter[str]:
    """Count a network's parameters by the name of their dtype ("bfloat16"); a tied one counts once."""
    counts: Counter[str] = Counter()
    for parameter in network.parameters():
        counts[str(parameter.dtype).removeprefix("torch.")] += parameter.numel()
    return counts


def _bytes_on(network: "torch.nn.Module | None", device: str) -> int:
    tensors = (*network.parameters(), *network.buffers()) if network is not None else ()
    return sum(tensor.nbytes for tensor in tensors if tensor.device.type == device)


def _component_sizes(components: "Components") -> dict[str, Counter[str]]:
    return {
        "text_encoder": components.text_encoder.sizes,
        "transformer": parameters_by_dtype(components.transformer),
        "vae": parameters_by_dtype(components.vae),
    }
