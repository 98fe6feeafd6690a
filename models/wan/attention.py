"""Attention kernels by name, set on one transformer only.

diffusers' own `set_attention_backend` also changes the default of the whole process, which would make a later recipe
run the kernel of an earlier one (huggingface/diffusers#14249). Here the choice is written into the transformer's own
attention processors. Source of the names: huggingface/diffusers 0.42.1 `models/attention_dispatch.py`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffusers import WanTransformer3DModel
    from diffusers.models.attention_dispatch import AttentionBackendName


def backend_name(name: str) -> str:
    """Give diffusers' backend for a recipe's name: "native_cudnn" is its "_native_cudnn".

    Raises `ValueError`, listing the known names, for any other.
    """
    from diffusers.models.attention_dispatch import AttentionBackendName

    known = {backend.value.lstrip("_"): str(backend.value) for backend in AttentionBackendName}
    if name not in known:
        message = f"attention {name!r} is unknown; known are {', '.join(sorted(known))}"
        raise ValueError(message)
    return known[name]


def set_attention(transformer: "WanTransformer3DModel", name: str) -> None:
    """Make every attention of `transformer` use the backend of this name; other transformers keep theirs."""
    from diffusers.models.attention_dispatch import AttentionBackendName

    backend = AttentionBackendName(backend_name(name))
    for block in transformer.blocks:
        for attention in (block.attn1, block.attn2):
            attention.processor._attention_backend = backend  # noqa: SLF001 - see the module's docstring


def attention_backend(transformer: "WanTransformer3DModel") -> "AttentionBackendName | None":
    """Give the backend that was set on `transformer`; `None` leaves it to diffusers' default."""
    backend: AttentionBackendName | None = transformer.blocks[0].attn1.processor._attention_backend  # noqa: SLF001
    return backend


def resolved_attention(transformer: "WanTransformer3DModel") -> str:
    """Tell which kernel the self-attention runs: the name that was set or, for "native", the one torch chooses.

    torch is asked with small tensors of the transformer's head size, dtype and device (`torch._fused_sdp_choice`);
    "native" alone means that it did not say.
    """
    chosen = attention_backend(transformer)
    name = "native" if chosen is None else str(chosen.value).lstrip("_")
    return f"native ({_torch_choice(transformer)})" if name == "native" else name


def _torch_choice(transformer: Any) -> str:
    import torch
    from torch.nn.attention import SDPBackend

    weight = transformer.patch_embedding.weight
    head_size = transformer.config.attention_head_dim
    query = torch.zeros((1, 2, 64, head_size), dtype=weight.dtype, device=weight.device)
    try:
        choice = torch._fused_sdp_choice(query, query, query)  # noqa: SLF001 - torch has no public question
    except (AttributeError, RuntimeError, TypeError) as error:
        return f"unknown: {type(error).__name__}"
    return SDPBackend(choice).name.lower()
