"""A small moving picture with detail, colours and tones, to break in known ways and to measure."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch

from fixtures.metrics.clip import Clip

Frames = np.ndarray[Any, Any]


def textured(frames: int = 8, height: int = 64, width: int = 96, seed: int = 0, step_px: int = 1) -> Frames:
    """Give frames [T,H,W,3], uint8, RGB, of a coloured texture that slides to the left by `step_px` a frame."""
    drawn_HWC = np.random.default_rng(seed).normal(size=(height, width + frames * step_px, 3)).astype(np.float32)
    smooth_HWC = cv2.GaussianBlur(drawn_HWC, (0, 0), 2.0) + 0.3 * cv2.GaussianBlur(drawn_HWC[..., ::-1], (0, 0), 1.0)
    codes_HWC = np.clip(110 + 45 * smooth_HWC / smooth_HWC.std(), 10, 235).astype(np.uint8)
    return np.stack([codes_HWC[:, start : start + width] for start in range(0, frames * step_px, step_px)])


def as_clip(frames_THWC: Frames, fps: float = 16.0) -> Clip:
    """Give a clip of frames [T,H,W,3], rounded and limited to what bytes hold."""
    codes_THWC = np.clip(np.rint(frames_THWC), 0, 255).astype(np.uint8)
    return Clip(frames_TCHW=torch.from_numpy(codes_THWC).permute(0, 3, 1, 2), fps=fps)


def grey_clip(luma_THW: Frames, fps: float = 16.0) -> Clip:
    """Give a clip whose luma is that of the codes [T,H,W], without colour."""
    return as_clip(np.repeat(np.asarray(luma_THW)[..., None], 3, axis=3), fps)


def over_time(frames_THWC: Frames, change: Callable[[Frames, float], Frames]) -> Frames:
    """Change every frame by how far it is through the clip: 0 for the first, 1 for the last."""
    last = len(frames_THWC) - 1
    return np.stack([change(frame_HWC.astype(np.float32), at / last) for at, frame_HWC in enumerate(frames_THWC)])


def saturated(frame_HWC: Frames, factor: float) -> Frames:
    """Multiply a frame's distance from its own luma by a factor."""
    grey_HW1 = (frame_HWC @ np.array([0.299, 0.587, 0.114], dtype=np.float32))[..., None]
    changed_HWC: Frames = grey_HW1 + (frame_HWC - grey_HW1) * factor
    return changed_HWC
