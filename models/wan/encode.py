"""Frames to latents: what a causal clip starts from when it continues another.

The inverse of models/wan/decode.py. The encoder is causal in time, as the decoder is: the first frame becomes one
latent frame, each further four become one. The posterior's mode is taken, so nothing is random. Encoding in bfloat16
costs more than decoding in it does (hao-ai-lab/FastVideo#1472): the recipe's `vae_dtype` decides both.
Source: huggingface/diffusers 0.42.1 `pipeline_wan_i2v.py` (`prepare_latents`).
"""

from typing import TYPE_CHECKING

from models.wan.decode import latent_statistics

if TYPE_CHECKING:
    import torch
    from diffusers import AutoencoderKLWan


class FrameEncoder:
    """Encodes clips, each on its own; its constants are copied to the device when it is made, not when it is used."""

    def __init__(self, vae: "AutoencoderKLWan") -> None:
        self._vae = vae
        self._mean, self._inverse_std = latent_statistics(vae)

    def encode(self, frames_BCTHW: "torch.Tensor") -> "torch.Tensor":
        """Encode frames in [-1, 1] to normalised `latents_BCFHW` in the VAE's dtype; T is 4F - 3, H and W 8 times."""
        frames_BCTHW = frames_BCTHW.to(self._mean.device, self._mean.dtype)
        latents_BCFHW: torch.Tensor = self._vae.encode(frames_BCTHW).latent_dist.mode()
        return (latents_BCFHW - self._mean) * self._inverse_std
