"""A metric of one's own, outside the tree: how bright the clip is on average. Run it with --metric FILE.

>>> import torch
>>> frames_TCHW = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1).expand(2, 3, 4, 4)
>>> brightness(Clip(frames_TCHW=frames_TCHW, fps=16.0))
0.5
"""

from fixtures.metrics.clip import Clip
from fixtures.metrics.spec import Metric


def brightness(clip: Clip) -> float:
    """Average all values of all frames on a scale from 0 (black) to 1 (white)."""
    return float(clip.frames_TCHW.double().mean() / 255)


METRIC = Metric(
    id="brightness",
    unit="1",
    better="neither",
    judges_content=False,
    measure=brightness,
    source="an example",
)
