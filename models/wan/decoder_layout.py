"""Wan's decoder made ready to run fast, frame for frame what diffusers makes of the same weights.

Two things stand in its way. In the layers that double the frame rate diffusers remembers the string "Rep" after a
clip's first latent frame, and comparing a tensor with a string is no program for torch.compile (torch 2.11): zeros say
the same, for zeros are what a causal convolution puts before its first frame. And cuDNN's half-precision kernels want
channels last: weights that lie otherwise have every activation turned to and fro.
Source: huggingface/diffusers 0.42.1 `autoencoder_kl_wan.py` (`WanResample`, `WanCausalConv3d`).
"""

from typing import Any

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import WanResample
from torch import Tensor, nn

STATE_FRAMES = 2  # the kernel's three less the one that comes


class DoublingResample(WanResample):  # type: ignore[misc] # diffusers has no types
    """Doubles frames in time and pixels in space; a clip's first latent frame stays one."""

    def forward(self, x: Tensor, feat_cache: list[Any], feat_idx: list[int]) -> Tensor:
        """Resample `x` [B, C, T, H, W]; `feat_cache[feat_idx[0]]` is what came before, `None` at the clip's begin."""
        slot, batch = feat_idx[0], x.shape[0]
        feat_idx[0] += 1
        before, here = feat_cache[slot], x[:, :, -STATE_FRAMES:]
        if before is None:
            feat_cache[slot] = torch.cat([torch.zeros_like(here)] * STATE_FRAMES, dim=2)
        else:
            known = before[:, :, here.shape[2] :]
            feat_cache[slot] = torch.cat([known, here], dim=2) if known.shape[2] else here.clone()
            pairs = self.time_conv(x, before).unflatten(1, (2, -1))
            x = torch.stack((pairs[:, 0], pairs[:, 1]), dim=3).flatten(2, 3)
        resampled: Tensor = self.resample(x.transpose(1, 2).flatten(0, 1))
        return resampled.view(batch, -1, *resampled.shape[1:]).transpose(1, 2)


def prepare_decoder(vae: AutoencoderKLWan) -> None:
    """Change the decoder of `vae` in place: how it remembers and, in half precision on CUDA, how its weights lie."""
    weight = vae.decoder.conv_in.weight
    turns = weight.is_cuda and weight.dtype in (torch.bfloat16, torch.float16)
    for module in vae.decoder.modules():
        if isinstance(module, WanResample) and module.mode == "upsample3d":
            module.__class__ = DoublingResample
        elif turns and isinstance(module, nn.Conv3d):
            module.weight.data = module.weight.data.to(memory_format=torch.channels_last_3d)
        elif turns and isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.to(memory_format=torch.channels_last)
