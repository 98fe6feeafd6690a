"""What diffusers' `from_pretrained` does for a Wan network, for networks that are built and filled by other means.

Two traps: the transformer's rotary tables are no parameters, so that a build on torch's meta device leaves them without
values; and the libraries keep some modules in float32 when they load in a shorter dtype, which a plain `.to` would
cast. Source: huggingface/diffusers 0.42.1 and transformers 5.23.0, `_keep_in_fp32_modules`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from diffusers import WanTransformer3DModel


def transformer_on_meta(config: Mapping[str, Any]) -> "WanTransformer3DModel":
    """Build the transformer of `config` with its parameters on the meta device and its rotary tables computed."""
    import torch
    from diffusers import WanTransformer3DModel

    with torch.device("meta"):
        transformer = WanTransformer3DModel(**config)
    settings = transformer.config
    with torch.device("cpu"):
        rope = type(transformer.rope)(settings.attention_head_dim, settings.patch_size, settings.rope_max_seq_len)
    transformer.rope = rope
    return transformer


def parameter_dtypes(model: "torch.nn.Module", dtype: "torch.dtype") -> dict[str, "torch.dtype"]:
    """Give by name the dtype that each parameter has after the library's own `from_pretrained` in `dtype`.

    Names of tied parameters are all listed.
    """
    import torch
    from diffusers import ModelMixin

    kept: set[str] = set()
    if dtype == torch.float16 or (dtype == torch.bfloat16 and isinstance(model, ModelMixin)):
        kept = set(getattr(model, "_keep_in_fp32_modules", None) or ())
    names = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    return {name: dtype if kept.isdisjoint(name.split(".")) else torch.float32 for name in names}
