"""What is cited for what: weights by the repository that they come from, schedulers, kernels, metrics, packages."""

from collections.abc import Iterable, Mapping

from reports.paper.document import Cite, Text
from reports.record import CaseRecord

REPOSITORIES: Mapping[str, tuple[str, ...]] = {
    "tianweiy/CausVid": ("causvid", "dmd2"),
    "gdhe17/Self-Forcing": ("selfforcing",),
    "Kijai/WanVideo_comfy": ("causvid", "lora"),
    "Wan-AI/Wan2.1-T2V-1.3B-Diffusers": ("wan",),
    "Wan-AI/Wan2.1-T2V-14B-Diffusers": ("wan",),
}
SCHEDULERS: Mapping[str, tuple[str, ...]] = {"UniPCMultistepScheduler": ("unipc",)}
# Attention backends by a word of their name.
KERNELS: Mapping[str, tuple[str, ...]] = {"cudnn": ("cudnn",), "flash": ("flashattention2",)}
METRICS: Mapping[str, tuple[str, ...]] = {
    "noise": ("immerkaer",),
    "colourfulness": ("colourfulness",),
    "chroma_slope": ("theilsen",),
    "flow95": ("dis",),
    "warp_mse": ("warping", "dis"),
    "occlusion": ("warping", "dis"),
    "vbench_temporal_flickering": ("vbench",),
    "clip_text_alignment": ("clip",),
    "background_consistency": ("vbench", "clip"),
    "subject_consistency": ("vbench", "dino"),
    "aesthetic_quality": ("vbench", "clip"),
    "raft_motion": ("raft",),
    "dynamic_degree": ("vbench", "raft"),
    "imaging_quality": ("vbench", "musiq"),
    "lpips": ("lpips",),
    "ssim": ("ssim",),
    "ms_ssim": ("msssim",),
}


def cite(keys: Iterable[str]) -> Text:
    """Cite each key once; nothing without keys."""
    found = tuple(dict.fromkeys(keys))
    return (Cite(found),) if found else ()


def of_model(case: CaseRecord) -> Text:
    """Cite what a case's model consists of, by the repositories of its weights."""
    return cite(key for weights in case.plan.model.weights for key in REPOSITORIES.get(weights.repository, ()))


def of_metrics(ids: Iterable[str]) -> Text:
    """Cite what these metrics come from."""
    return cite(key for id_ in ids for key in METRICS.get(id_, ()))


def of_attention(names: Iterable[str]) -> Text:
    """Cite the kernels of attention backends."""
    return cite(key for name in names for word, keys in KERNELS.items() if word in name for key in keys)
