"""What was really loaded: the precision and the size of each network, read from its parameters."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from models.wan.components import Components


def component_dtypes(components: Components) -> dict[str, str]:
    """Give each network's dtypes, that of most parameters first: "bfloat16 + float32" for a mixed one."""
    return {name: _dtypes(network) for name, network in _networks(components)}


def component_parameters(components: Components) -> dict[str, int]:
    """Count each network's parameters; a tied one counts once."""
    return {name: sum(p.numel() for p in network.parameters()) for name, network in _networks(components)}


def _networks(components: Components) -> Iterator[tuple[str, Any]]:
    for name in ("text_encoder", "transformer", "vae"):
        yield name, getattr(components, name)


def _dtypes(network: Any) -> str:
    counts: Counter[str] = Counter()
    for parameter in network.parameters():
        counts[str(parameter.dtype).removeprefix("torch.")] += parameter.numel()
    return " + ".join(dtype for dtype, _ in counts.most_common())
