"""The sizes of Wan 2.1's three networks, as data.

A benchmark needs no published weights to time a model: its sizes suffice. They are given as keyword arguments of the
classes that build the networks. Sources: Wan-Video/Wan2.1 @9737cba `wan/configs/*.py`; huggingface/diffusers 0.42.1
`scripts/convert_wan_to_diffusers.py` and the defaults of `WanTransformer3DModel` and `AutoencoderKLWan`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Keyword arguments of `WanTransformer3DModel`, `UMT5Config` and `AutoencoderKLWan`.

    `text_length` is the number of text tokens that the transformer attends to, padding included.
    """

    transformer: Mapping[str, Any]
    text_encoder: Mapping[str, Any]
    vae: Mapping[str, Any]
    text_length: int


def _frozen(**values: Any) -> Mapping[str, Any]:
    return MappingProxyType(values)


T2V_1_3B = Architecture(
    transformer=_frozen(
        patch_size=(1, 2, 2),
        num_attention_heads=12,
        attention_head_dim=128,
        in_channels=16,
        out_channels=16,
        text_dim=4096,
        freq_dim=256,
        ffn_dim=8960,
        num_layers=30,
    ),
    text_encoder=_frozen(
        vocab_size=256384,
        d_model=4096,
        d_kv=64,
        d_ff=10240,
        num_layers=24,
        num_heads=64,
        relative_attention_num_buckets=32,
        relative_attention_max_distance=128,
        feed_forward_proj="gated-gelu",
    ),
    vae=_frozen(
        base_dim=96,
        z_dim=16,
        dim_mult=[1, 2, 4, 4],
        num_res_blocks=2,
        temperal_downsample=[False, True, True],
    ),
    text_length=512,
)

T2V_14B = replace(
    T2V_1_3B,
    transformer=_frozen(**{**T2V_1_3B.transformer, "num_attention_heads": 40, "ffn_dim": 13824, "num_layers": 40}),
)

TINY = Architecture(
    transformer=_frozen(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=16,
        out_channels=16,
        text_dim=32,
        freq_dim=256,
        ffn_dim=32,
        num_layers=2,
    ),
    text_encoder=_frozen(
        vocab_size=128,
        d_model=32,
        d_kv=8,
        d_ff=37,
        num_layers=2,
        num_heads=4,
        relative_attention_num_buckets=32,
        relative_attention_max_distance=128,
        feed_forward_proj="gated-gelu",
    ),
    vae=_frozen(
        base_dim=8,
        z_dim=16,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
    ),
    text_length=32,
)
