"""A metric of one's own, outside the tree: how bright the clip is on average. Run it with --metric FILE.

>>> import torch
>>> brightness(torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1).expand(2, 3, 4, 4))
0.5
"""

from typing import TYPE_CHECKING

from fixtures.metrics.spec import Metric

if TYPE_CHECKING:
    import torch


def brightness(frames_TCHW: "torch.Tensor") -> float:
    """Average all values of frames [T,3,H,W], uint8, on a scale from 0 (black) to 1 (white)."""
    return float(frames_TCHW.double().mean() / 255)


METRIC = Metric(
    id="brightness",
    unit="1",
    better="neither",
    judges_content=False,
    measure=brightness,
    source="an example",
)
