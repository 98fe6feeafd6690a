"""AlexNet's thirteen feature layers, of torchvision's sizes."""

from typing import Any

import torch
from torch import nn

from . import optical_flow as optical_flow


class AlexNet(nn.Module):
    """The part that LPIPS looks at."""

    def __init__(self) -> None:
        super().__init__()
        channels = [
            (3, 64, 11, 4, 2),
            (64, 192, 5, 1, 2),
            (192, 384, 3, 1, 1),
            (384, 256, 3, 1, 1),
            (256, 256, 3, 1, 1),
        ]
        convolutions = [nn.Conv2d(into, out, size, step, pad) for into, out, size, step, pad in channels]
        layers: list[nn.Module] = []
        for number, convolution in enumerate(convolutions):
            layers += [convolution, nn.ReLU(inplace=True)]
            layers += [nn.MaxPool2d(3, 2)] if number in {0, 1, 4} else []
        self.features = nn.Sequential(*layers)

    def forward(self, images_NCHW: torch.Tensor) -> Any:
        return self.features(images_NCHW)


def alexnet(weights: object = None) -> AlexNet:
    """Give a network with random weights; anything else would be a download."""
    if weights is not None:
        raise AssertionError(f"weights {weights!r} would be downloaded")
    return AlexNet()
