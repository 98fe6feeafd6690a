"""Diversity over the seeds of one prompt: distillation can make every seed give nearly the same clip.

Definition: a clip's feature is the mean over its frames of unit CLIP ViT-B/32 image features; the diversity of a prompt
is the mean over pairs of its seeds of 1 - cos. Range 0 (every seed the same clip) to 2; higher is more diverse. It
cannot see whether the clips differ for the better: noise is diverse. So a student is held against its teacher, prompt
by prompt (reports/verdicts.py). Source: defined for this project after the pairwise feature distances of Friedman &
Dieng 2023 (arXiv 2210.02410).

>>> mean_pairwise_distance([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])  # 1, 0 and 1 over three pairs
0.6666666666666666
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from operator import mul
from statistics import fmean

from reports.record import Run
from reports.rows import counted

NETWORK = "clip-vit-base-patch32"


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Give 1 - cos of two features; raises ValueError for unequal lengths and for a feature without a direction."""
    lengths = math.hypot(*one), math.hypot(*other)
    if len(one) != len(other) or not all(0 < length < math.inf for length in lengths):
        raise ValueError(
            f"features of {len(one)} and {len(other)} numbers, of length {lengths[0]:g} and {lengths[1]:g}"
        )
    product: float = sum(map(mul, one, other))
    return 1 - product / (lengths[0] * lengths[1])


def mean_pairwise_distance(features: Sequence[Sequence[float]]) -> float:
    """Give the mean distance over all pairs of features; raises ValueError for fewer than two."""
    if len(features) < 2:
        raise ValueError(f"diversity needs the clips of at least 2 seeds, there are {len(features)}")
    return fmean(distance(one, other) for one, other in combinations(features, 2))


def seed_diversity(run: Run) -> dict[tuple[str, str], dict[str, float]]:
    """Give the diversity of every prompt with clips of two seeds or more, by model and setting.

    A seed's clip counts once, from the first case that has its feature.
    """
    features: defaultdict[tuple[str, str], defaultdict[str, dict[int, list[float]]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for case in run.cases:
        if case.measurement is not None and (feature := case.measurement.features.get(NETWORK)):
            seeds = features[case.plan.model.id, case.plan.setting][case.plan.prompt.id]
            seeds.setdefault(case.plan.seed, feature)
    several = {
        who: {prompt: list(seeds.values()) for prompt, seeds in prompts.items() if len(seeds) > 1}
        for who, prompts in features.items()
    }
    return {
        who: {prompt: mean_pairwise_distance(clips) for prompt, clips in prompts.items()}
        for who, prompts in several.items()
        if prompts
    }


def diversity_lines(run: Run) -> list[str]:
    """Tell each model's diversity over seeds, the mean over its prompts; nothing where no prompt has two seeds."""
    return [
        f"diversity over seeds (mean pairwise 1 - cos, CLIP): {' '.join(who)}: {fmean(prompts.values()):.4g} "
        f"({counted(prompts, 'prompt')})"
        for who, prompts in seed_diversity(run).items()
    ]
