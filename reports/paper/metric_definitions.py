"""What each metric that comes with this project is, in a sentence, for the paper's table of metrics.

Why it matters: the record holds a metric's id, unit and direction, and a paper's reader has no source code at hand.
Source: the docstrings and `source` of fixtures/metrics/, fixtures/learned/ and fixtures/paired/, which say more;
tests/test_paper_metrics.py holds the ids, and every number in a sentence, against them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Definition(NamedTuple):
    """A metric's definition as half a sentence, and where it comes from beside what is cited."""

    text: str
    source: str = "this project"


# For every id that is not ours: that of a file which was given by --metric.
BY_THE_USER = Definition("defined by the user", "a file of the user")
P910 = "ITU-T P.910, full range"
CIE = "this project, in CIELAB"

DEFINITIONS: Mapping[str, Definition] = MappingProxyType({
    "ab_shift": Definition("distance between the mean (a*, b*) of the first and the last quarter of the frames", CIE),
    "block16": Definition(
        "mean step of luma across the lines of a grid of 16 px over that just beside the lines, averaged over frames",
        "this project, after Yim and Bovik's PSNR-B",
    ),
    "block8": Definition(
        "mean step of luma across the lines of a grid of 8 px over that just beside the lines, averaged over frames",
        "this project, after Yim and Bovik's PSNR-B",
    ),
    "chroma_drift": Definition(
        "mean chroma hypot(a*, b*) of the last quarter of the frames less that of the first, over the greater of the "
        "latter and 2.3",
        "this project; the just noticeable difference of Mahy et al.",
    ),
    "chroma_slope": Definition(
        "median slope in time between all pairs of frames of mean chroma hypot(a*, b*), over the greater of its mean "
        "in the first quarter and 2.3",
        "Theil and Sen's estimator",
    ),
    "clip_hi": Definition("share of pixels whose luma is at least 253 of 255, averaged over frames"),
    "clip_lo": Definition("share of pixels whose luma is at most 2 of 255, averaged over frames"),
    "colourfulness": Definition(
        "hypot of the deviations of R - G and (R + G) / 2 - B over pixels, plus 0.3 times the hypot of their means, "
        "averaged over frames",
        "Hasler and Süsstrunk",
    ),
    "contrast_drift": Definition(
        "deviation of L* over pixels in the last quarter of the frames less that in the first, over the greater of "
        "the latter and 2.3",
        CIE,
    ),
    "duplicate_frames": Definition("number of frames that equal the one before in every byte"),
    "empty_codes": Definition(
        "share of the codes of luma from the 1st to the 99th percentile of all frames' pixels that hold less than 1 % "
        "of these codes' mean count"
    ),
    "flow95": Definition(
        "mean length of the 5 % longest vectors of the optical flow between neighbouring frames, averaged over pairs",
        "after VBench's dynamic degree, with DIS flow",
    ),
    "lapvar": Definition(
        "variance over pixels of luma filtered by the Laplacian, averaged over frames", "Pech-Pacheco et al."
    ),
    "L_drift": Definition("mean L* of the last quarter of the frames less that of the first", CIE),
    "longest_freeze": Definition(
        "pairs in the longest run of neighbouring frames whose luma differs by less than 0.1 codes on average, over "
        "the number of frames"
    ),
    "luma_flicker": Definition("root mean square of the second difference in time of the frames' mean luma"),
    "luma_flicker_hf": Definition(
        "share of the spectrum's energy above 0.25 cycles a frame of the frames' mean luma less its best parabola, "
        "under a Hann window"
    ),
    "mad": Definition("mean absolute difference of luma between neighbouring frames, averaged over pairs"),
    "max_jump": Definition("largest mean absolute difference of luma between neighbouring frames over the median one"),
    "noise": Definition(
        "deviation of white noise, estimated from luma filtered by a mask that removes edges and planes, averaged over "
        "frames",
        "Immerkær",
    ),
    "occlusion": Definition(
        "share of pixels from which the flow to the next frame and back does not lead home, averaged over pairs",
        "Sundaram et al. and Lai et al., with DIS flow",
    ),
    "period_dip": Definition(
        "with D(lag) the mean absolute difference of luma at 32 px short side over all pairs so many frames apart: the "
        "least D(lag) over the largest D up to this lag, for lags from 4 frames to three quarters of the clip"
    ),
    "seam_ratio": Definition(
        "median departure of the change into the first frame of a block from the motion around it, over the same "
        "median for the first frames of all other latent frames",
        "this project, with DIS flow",
    ),
    "sharp_drift": Definition(
        "binary logarithm of the mean variance of the Laplacian in the last quarter of the frames over that in the "
        "first, means below 1 counted as 1"
    ),
    "si_max": Definition("deviation over pixels of the magnitude of luma's Sobel gradient, greatest of frames", P910),
    "si_mean": Definition("deviation over pixels of the magnitude of luma's Sobel gradient, mean of frames", P910),
    "ti_max": Definition("deviation over pixels of luma's difference to the frame before, greatest of pairs", P910),
    "ti_mean": Definition("deviation over pixels of luma's difference to the frame before, mean of pairs", P910),
    "unique_frames": Definition("number of distinct frames, by a hash of their bytes, over the number of all frames"),
    "vbench_temporal_flickering": Definition(
        "(255 - d) / 255, d being the mean absolute difference of neighbouring RGB frames, averaged over pairs",
        "VBench, raw score",
    ),
    "warp_mse": Definition(
        "mean squared difference of luma, as a share of 255, between a frame and the next one fetched back along the "
        "flow, at 256 px short side, over the pixels still seen, averaged over pairs",
        "Lai et al., with DIS flow on luma",
    ),
    "y_mean": Definition("mean luma over pixels and frames", "luma of ITU-R BT.601"),
    "y_std": Definition("deviation of luma over a frame's pixels, averaged over frames", "luma of ITU-R BT.601"),
    "aesthetic_quality": Definition(
        "LAION's linear rating of the unit CLIP ViT-L/14 feature over 10, averaged over frames",
        "VBench; LAION's aesthetic predictor",
    ),
    "background_consistency": Definition(
        "mean of the cosines (negative ones count as 0) of each frame's CLIP ViT-B/32 feature with those of the frame "
        "before and of the first",
        "VBench",
    ),
    "clip_text_alignment": Definition(
        "100 times the cosine of CLIP ViT-B/32's features of a frame and of the short prompt, averaged over frames",
        "Hessel et al. (CLIPScore), without its factor and cut",
    ),
    "dynamic_degree": Definition(
        "1 where the largest 5 % of RAFT flow lengths exceed 6/256 of the short side in a quarter of the pairs, else 0",
        "VBench, with torchvision's RAFT",
    ),
    "imaging_quality": Definition("MUSIQ trained on SPAQ over 100, averaged over frames", "VBench; pyiqa's weights"),
    "raft_motion": Definition(
        "mean of the largest 5 % of RAFT flow lengths, in short sides a second, over frame pairs 1/8 s apart",
        "after VBench's dynamic degree, torchvision's RAFT",
    ),
    "subject_consistency": Definition(
        "mean of the cosines (negative ones count as 0) of each frame's DINO ViT-B/16 class token with those of the "
        "frame before and of the first",
        "VBench",
    ),
    "latent_cosine": Definition("1 less the cosine of both clips' latents over all values", "after FastVideo's tests"),
    "latent_relative_l2": Definition("length of the latents' difference over the length of the reference's latents"),
    "lpips": Definition(
        "weighted squared difference of unit-length AlexNet features, averaged over frames", "Zhang et al. (LPIPS)"
    ),
    "mean_absolute_difference": Definition(
        "mean absolute difference over pixels and channels, averaged over frames", "as in SGLang's tests"
    ),
    "ms_ssim": Definition(
        "structural similarity over five scales, negative contrast terms counted as 0, averaged over frames",
        "Wang, Simoncelli and Bovik",
    ),
    "psnr": Definition(
        "peak signal over the mean squared difference in decibels, at most 100 dB, averaged over frames", "common usage"
    ),
    "ssim": Definition(
        "structural similarity in Gaussian windows of 11 pixels, a channel at a time, averaged over frames",
        "Wang et al.",
    ),
})  # fmt: skip
