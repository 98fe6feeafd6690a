"""Wan's decoder made ready to run fast, frame for frame what diffusers makes of the same weights.

Three things stand in its way. Every causal convolution joins the frames before it to its input, pads the result into a
third tensor and clones two frames for the next call: here the frames before it are a tensor that is overwritten in
place and the convolution pads by itself, one copy instead of three. diffusers remembers `None`, one frame, two frames
or the string "Rep", each a program of its own to torch.compile or none at all; zeros say the same, for zeros are what a
causal convolution puts before its first frame. And cuDNN's half-precision kernels want channels last: weights that lie
otherwise have every activation turned to and fro.
`advance` of each class holds all its arithmetic and no list, so that equal layers share one compiled program.
Source: huggingface/diffusers 0.42.1 `autoencoder_kl_wan.py` (`WanDecoder3d`, `WanResidualBlock`, `WanResample`,
`WanCausalConv3d`).
"""

from typing import Any

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import (
    WanCausalConv3d,
    WanDecoder3d,
    WanResample,
    WanResidualBlock,
)
from torch import Tensor, nn

STATE_FRAMES = 2  # the kernel's three less the one that comes


class StreamedResidualBlock(WanResidualBlock):  # type: ignore[misc] # diffusers has no types
    """Two causal convolutions with a shortcut."""

    def forward(self, x: Tensor, feat_cache: list[Any], feat_idx: list[int]) -> Tensor:
        """Convolve `x` [B, C, T, H, W] after the frames in `feat_cache`."""
        states = _states((self.conv1, self.conv2), x, feat_cache, feat_idx)
        advanced: Tensor = self.advance(x, *states)
        return advanced

    def advance(self, x: Tensor, first_before: Tensor, second_before: Tensor) -> Tensor:
        """Convolve `x` after the two frames before each convolution, which are overwritten."""
        shortcut: Tensor = self.conv_shortcut(x)
        x = _convolve(self.conv1, first_before, self.nonlinearity(self.norm1(x)))
        return _convolve(self.conv2, second_before, self.nonlinearity(self.norm2(x))) + shortcut


class EnlargingResample(WanResample):  # type: ignore[misc] # diffusers has no types
    """Doubles pixels in space, in its own precision: the nearest one is a copy, which needs no float32."""

    def forward(self, x: Tensor, feat_cache: list[Any], feat_idx: list[int]) -> Tensor:  # noqa: ARG002 - remembers nothing
        """Resample `x` [B, C, T, H, W]."""
        enlarged: Tensor = self.advance(x)
        return enlarged

    def advance(self, x: Tensor) -> Tensor:
        """Double `x` in space."""
        pixels = nn.functional.interpolate(x.transpose(1, 2).flatten(0, 1), scale_factor=2.0, mode="nearest-exact")
        convolved: Tensor = self.resample[1](pixels)
        return convolved.view(x.shape[0], -1, *convolved.shape[1:]).transpose(1, 2)


class DoublingResample(EnlargingResample):
    """Doubles frames in time as well; a clip's first latent frame stays one."""

    def forward(self, x: Tensor, feat_cache: list[Any], feat_idx: list[int]) -> Tensor:
        """Resample `x` [B, C, T, H, W] after the frames in `feat_cache`, `None` at the clip's begin."""
        first = feat_cache[feat_idx[0]] is None
        (before,) = _states((self.time_conv,), x, feat_cache, feat_idx)
        return self.advance(x if first else self.double(x, before))

    def double(self, x: Tensor, before: Tensor) -> Tensor:
        """Double `x` in time after the two frames before it, which are overwritten."""
        earlier, later = _convolve(self.time_conv, before, x).chunk(2, dim=1)
        return torch.stack((earlier, later), dim=3).flatten(2, 3)


class StreamedDecoder(WanDecoder3d):  # type: ignore[misc] # diffusers has no types
    """The whole decoder; its layers keep the order in which diffusers counts them in the cache."""

    def forward(self, x: Tensor, feat_cache: list[Any], feat_idx: list[int], first_chunk: bool = False) -> Tensor:  # noqa: ARG002 - diffusers' signature
        """Decode latents [B, C, 1, H, W] to frames [B, 3, T, 8H, 8W], T 1 at the clip's begin and 4 after it."""
        (before,) = _states((self.conv_in,), x, feat_cache, feat_idx)
        x = _convolve(self.conv_in, before, x)
        x = self.mid_block(x, feat_cache=feat_cache, feat_idx=feat_idx)
        for block in self.up_blocks:
            x = block(x, feat_cache=feat_cache, feat_idx=feat_idx)
        (before,) = _states((self.conv_out,), x, feat_cache, feat_idx)
        frames: Tensor = self.advance(x, before)
        return frames

    def advance(self, x: Tensor, before: Tensor) -> Tensor:
        """Turn the last layer's `x` into frames after the two frames before it, which are overwritten."""
        return _convolve(self.conv_out, before, self.nonlinearity(self.norm_out(x)))


STREAMED = (StreamedResidualBlock, EnlargingResample, StreamedDecoder)


def prepare_decoder(vae: AutoencoderKLWan, channels_last: bool | None = None) -> None:
    """Change the decoder of `vae` in place: how it remembers and, with `channels_last`, how its weights lie.

    They are turned in half precision on CUDA unless the caller decides. Raises ValueError for Wan 2.2's VAE, whose
    layers take shortcuts that these classes do not.
    """
    if vae.config.is_residual:
        message = (
            "AutoencoderKLWan with is_residual (Wan 2.2's VAE): only Wan 2.1's decoder can be prepared; give a VAE"
            " without is_residual, or decode with this one as it is"
        )
        raise ValueError(message)
    weight = vae.decoder.conv_in.weight
    if channels_last is None:
        channels_last = weight.is_cuda and weight.dtype in (torch.bfloat16, torch.float16)
    for module in vae.decoder.modules():
        if isinstance(module, WanResample):
            module.__class__ = DoublingResample if module.mode == "upsample3d" else EnlargingResample
        elif isinstance(module, WanResidualBlock):
            module.__class__ = StreamedResidualBlock
        elif isinstance(module, WanDecoder3d):
            module.__class__ = StreamedDecoder
        elif channels_last and isinstance(module, nn.Conv3d):
            module.weight.data = module.weight.data.to(memory_format=torch.channels_last_3d)
        elif channels_last and isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.to(memory_format=torch.channels_last)


def _states(convs: tuple[WanCausalConv3d, ...], x: Tensor, feat_cache: list[Any], feat_idx: list[int]) -> list[Tensor]:
    """Give the frames before each of `convs`, zeros at the clip's begin, and go past them in the cache."""
    slots = range(feat_idx[0], feat_idx[0] + len(convs))
    feat_idx[0] += len(convs)
    for slot, conv in zip(slots, convs, strict=True):
        if feat_cache[slot] is None:
            turned = not conv.weight.is_contiguous()
            feat_cache[slot] = torch.zeros(
                (x.shape[0], conv.in_channels, STATE_FRAMES, *x.shape[3:]), dtype=x.dtype, device=x.device
            ).contiguous(memory_format=torch.channels_last_3d if turned else torch.contiguous_format)
    return [feat_cache[slot] for slot in slots]


def _convolve(conv: WanCausalConv3d, before: Tensor, x: Tensor) -> Tensor:
    """Convolve `x` after the frames `before`, and overwrite these with the last ones of both."""
    joined = torch.cat([before, x], dim=2)
    before.copy_(joined[:, :, -STATE_FRAMES:])
    left, _, top, _, _, _ = conv._padding  # noqa: SLF001 - the module keeps it nowhere else
    return nn.functional.conv3d(joined, conv.weight, conv.bias, padding=(0, top, left))
