"""Latents to frames, a few latent frames at a time, with the decoder's state kept in between.

Wan's decoder is causal in time: it turns the first latent frame into 1 picture and each later one into 4, and needs
only what it has seen before. Keeping its state makes a streamed decode exactly equal to a whole one; decoding each
block on its own would be wrong (it yields 9 + 9 + 9 pictures instead of 9 + 12 + 12).
Source: huggingface/diffusers 0.42.1 `autoencoder_kl_wan.py` (`AutoencoderKLWan._decode`) and `pipeline_wan.py`.
"""

from typing import TYPE_CHECKING

from models.spec import Probe

if TYPE_CHECKING:
    import torch
    from diffusers import AutoencoderKLWan


def latent_statistics(vae: "AutoencoderKLWan") -> "tuple[torch.Tensor, torch.Tensor]":
    """Return the latents' mean and inverse deviation, (1, C, 1, 1, 1), on the VAE's device in its dtype."""
    import torch

    weight, shape = vae.post_quant_conv.weight, (1, vae.config.z_dim, 1, 1, 1)
    mean = torch.tensor(vae.config.latents_mean).view(shape).to(weight.device, weight.dtype)
    return mean, 1.0 / torch.tensor(vae.config.latents_std).view(shape).to(weight.device, weight.dtype)


class StreamingDecoder:
    """One clip's decode: push its latents in order, take its frames. `start_clip` or a new decoder begins another.

    The state lives here, not in the VAE, so that clips cannot disturb each other.
    """

    def __init__(self, vae: "AutoencoderKLWan") -> None:
        """Start before the first latent frame."""
        self._vae = vae
        self._mean, self._inverse_std = latent_statistics(vae)
        self.start_clip()

    def start_clip(self) -> None:
        """Go back before the first latent frame; copies nothing to the device."""
        self._vae.clear_cache()
        self._state = self._vae._feat_map  # noqa: SLF001 - diffusers has no public way to keep it
        self._vae.clear_cache()

    def push(self, latents_BCFHW: "torch.Tensor") -> "torch.Tensor":
        """Decode the next normalised latents to `frames_BCTHW` in [-1, 1], in the VAE's dtype; NaN stays NaN.

        T is 1 for the clip's first latent frame and 4 for each later one; H and W are 8 times the latents'.
        """
        import torch

        latents_BCFHW = latents_BCFHW.to(self._mean.device, self._mean.dtype) / self._inverse_std + self._mean
        decoded = []
        for latent_BCFHW in torch.split(latents_BCFHW, 1, dim=2):  # every call in one shape: kernels depend on it
            features_BCFHW = self._vae.post_quant_conv(latent_BCFHW)
            frames_BCTHW = self._vae.decoder(features_BCFHW, feat_cache=self._state, feat_idx=[0])
            decoded.append(frames_BCTHW.clamp_(-1.0, 1.0))
        return torch.cat(decoded, dim=2)


def decode_clip(decoder: StreamingDecoder, latents_BCFHW: "torch.Tensor", probe: Probe) -> "torch.Tensor":
    """Decode a whole clip to `frames_BTCHW`, uint8, one latent frame at a time: its floats never exist all at once."""
    import torch

    latents = torch.split(latents_BCFHW, 1, dim=2)
    return torch.cat([to_uint8(decoder.push(latent_BCFHW), probe) for latent_BCFHW in latents], dim=1)


def to_uint8(frames_BCTHW: "torch.Tensor", probe: Probe) -> "torch.Tensor":
    """Round frames in [-1, 1] to `frames_BTCHW`, uint8 in [0, 255]; NaN is reported to `probe` first."""
    import torch

    probe.check_finite("frames", frames_BCTHW)
    scaled = frames_BCTHW.float().add(1.0).mul_(127.5).round_().clamp_(0.0, 255.0).nan_to_num_(0.0)
    return scaled.to(torch.uint8).transpose(1, 2).contiguous()
