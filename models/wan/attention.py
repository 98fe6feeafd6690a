"""Which attention kernel a transformer runs, by the name that a recipe gives it.

diffusers' own `set_attention_backend` also changes the default of the whole process, which would make a later recipe
run the kernel of an earlier one (huggingface/diffusers#14249). Here the choice is written into the transformer's own
attention processors. For a kernel that torch brings itself ("native_cudnn"), diffusers' dispatcher is asked for
"native" while torch may use nothing but that kernel: diffusers' own path to cuDNN copies queries, keys and values into
another layout before every call, for a causal model all that it remembers.
Source of the names: huggingface/diffusers 0.42.1 `models/attention_dispatch.py`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffusers import WanTransformer3DModel
    from diffusers.models.attention_dispatch import AttentionBackendName

# Names in `torch.nn.attention.SDPBackend`.
TORCH_KERNELS: Mapping[str, str] = MappingProxyType(
    {
        "native_cudnn": "CUDNN_ATTENTION",
        "native_efficient": "EFFICIENT_ATTENTION",
        "native_flash": "FLASH_ATTENTION",
        "native_math": "MATH",
    }
)


def dispatched_backend(name: str) -> "AttentionBackendName":
    """Give what diffusers' dispatcher is asked for: "native" for torch's own kernels, "_flash_3" for "flash_3".

    Raises `ValueError`, listing the known names, for one that diffusers does not have.
    """
    from diffusers.models.attention_dispatch import AttentionBackendName

    known = {backend.value.lstrip("_"): backend for backend in AttentionBackendName}
    if name not in known:
        message = f"attention {name!r} is unknown; known are {', '.join(sorted(known))}"
        raise ValueError(message)
    return AttentionBackendName.NATIVE if name in TORCH_KERNELS else known[name]


def require_attention(name: str) -> None:
    """Raise `ValueError`, saying what is missing, for a backend that cannot run on this machine.

    One whose kernel would be fetched from the hub is refused: that is code which nobody here has read.
    """
    from diffusers.models.attention_dispatch import _check_attention_backend_requirements

    if name.endswith("_hub"):
        message = f"attention {name!r} fetches code from the hub, which this suite does not run; take another"
        raise ValueError(message)
    try:
        _check_attention_backend_requirements(dispatched_backend(name))
    except RuntimeError as error:
        message = f"attention {name!r} cannot run here: {error}"
        raise ValueError(message) from error


def usable_attention() -> list[str]:
    """List the backends that a recipe may name here: no package is missing, and torch was built with its own kernels.

    Nothing is run and no hub is asked: whether a kernel takes a model's tensors on this GPU shows when it runs.
    """
    import torch
    from diffusers.models.attention_dispatch import AttentionBackendName

    unbuilt = {
        "native_cudnn": not torch.backends.cudnn.is_available(),  # type: ignore[no-untyped-call]
        "native_flash": not torch.backends.cuda.is_flash_attention_available(),
    }
    names = (backend.value.lstrip("_") for backend in AttentionBackendName)
    return sorted(name for name in names if not unbuilt.get(name) and _is_allowed(name))


def _is_allowed(name: str) -> bool:
    try:
        require_attention(name)
    except ValueError:
        return False
    return True


@contextmanager
def attention_kernel(name: str) -> Iterator[None]:
    """Allow torch only the kernel of this name while attention runs, and an error where that one cannot.

    Names that are none of torch's own kernels change nothing.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel

    if name not in TORCH_KERNELS:
        yield
        return
    with sdpa_kernel(getattr(SDPBackend, TORCH_KERNELS[name])):
        yield


def set_attention(transformer: "WanTransformer3DModel", name: str) -> None:
    """Make every attention of `transformer` ask for this name's backend; other transformers keep theirs.

    Its forwards belong inside `attention_kernel` with the same name.
    """
    backend = dispatched_backend(name)
    for block in transformer.blocks:
        for attention in (block.attn1, block.attn2):
            attention.processor._attention_backend = backend  # noqa: SLF001 - see the module's docstring


def resolved_attention(transformer: "WanTransformer3DModel", name: str) -> str:
    """Tell which kernel the self-attention runs: the name that was asked for or, for "native", the one torch chooses.

    torch is asked with small tensors of the transformer's head size, dtype and device (`torch._fused_sdp_choice`).
    """
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
