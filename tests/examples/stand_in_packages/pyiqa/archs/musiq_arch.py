"""A MUSIQ that rates a frame by its brightness times its one weight."""

import torch
from torch import nn


class MUSIQ(nn.Module):
    """Takes frames in 0..1 and gives a rating of 0 to 100 each, [N,1]."""

    def __init__(self, *, pretrained: bool) -> None:
        super().__init__()
        assert not pretrained, "weights would be downloaded"
        self.gain = nn.Parameter(torch.zeros(1))

    def forward(self, frames_NCHW: torch.Tensor) -> torch.Tensor:
        assert max(frames_NCHW.shape[2:]) <= 512, frames_NCHW.shape
        return self.gain * frames_NCHW.mean(dim=(1, 2, 3)).unsqueeze(1)
