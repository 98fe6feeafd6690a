"""How much worse than its reference a clip may be in what drifts and moves: the margins to start from.

Why it matters: content that is sound breaks single limits (a sunset darkens, a camera leaves the detail), and a defect
that is mild stays within them. Beside a reference of the same prompt both show. The margins are starting values: two
halves of a teacher's own seeds must pass them, which needs clips of real weights. They were chosen for means over
prompts (reports/noninferiority.py); one clip beside one reference that breaks them is an alarm, no statistic.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from reports.frozen import Frozen
from reports.judged import LimitVerdict, Margin
from reports.measured import MetricValue

CAUSAL_DRIFT = "few-step causal models run away from block to block; CausVid towards strong colours and light"

SEAMS = "healthy clips gave at most 1.07, seams of 3 px and 3 % of luma at least 1.99: 0.5 lies between them"
SHADES = "healthy clips gave at most 0.010, posterised to 4 bits at least 0.033: 0.02 lies between them"

MARGINS = (
    Margin(metric="chroma_drift", better="lower", absolute=0.10, why=CAUSAL_DRIFT),
    Margin(metric="L_drift", better="lower", absolute=4.0, why=CAUSAL_DRIFT),
    Margin(metric="L_drift", better="higher", absolute=4.0, why="Self-Forcing is known to darken"),
    Margin(metric="contrast_drift", better="lower", absolute=0.15, why=CAUSAL_DRIFT),
    Margin(metric="contrast_drift", better="higher", absolute=0.15, why="contrast that fades looks like fog"),
    Margin(metric="sharp_drift", better="higher", absolute=0.5, why="errors that a model feeds itself blur it"),
    Margin(metric="warp_mse", better="lower", of_teacher_pct=30.0, why="what moves must stay the same thing"),
    Margin(metric="flow95", better="higher", of_teacher_pct=25.0, worst=0.0, why="motion that collapses looks smooth"),
    Margin(metric="empty_codes", better="lower", absolute=0.02, why=SHADES),
    Margin(metric="seam_ratio", better="lower", absolute=0.5, why=SEAMS),
)

# Not a metric of one clip: the diversity of a prompt's clips over their seeds (reports/diversity.py).
DIVERSITY = "seed_diversity"
SHARE = "distillation can make every seed give one clip; the share is ours, that of motion"

# What student and teacher are held against by where a suite names nothing else. A drift in either direction is one
# failure, so its size counts, whatever its sign; a clip that darkens is as bad as one that brightens.
OVER_PROMPTS = (
    *(margin for margin in MARGINS if margin.metric not in ("L_drift", "contrast_drift")),
    Margin(metric="L_drift", better="lower", absolute=4.0, magnitude=True, why="light that runs away, up or down"),
    Margin(metric="contrast_drift", better="lower", absolute=0.15, magnitude=True, why="contrast that grows or fades"),
    Margin(metric="clip_text_alignment", better="higher", absolute=0.5, why="clips that show less of what was asked"),
    Margin(metric="subject_consistency", better="higher", absolute=0.02, worst=0.0, why="a subject that changes"),
    Margin(metric="background_consistency", better="higher", absolute=0.015, worst=0.0, why="a scene that changes"),
    Margin(metric="aesthetic_quality", better="higher", absolute=0.02, worst=0.0, why="pictures that people like less"),
    Margin(metric="imaging_quality", better="higher", absolute=0.03, worst=0.0, why="blur, noise or bad exposure"),
    Margin(metric=DIVERSITY, better="higher", of_teacher_pct=25.0, worst=0.0, why=SHARE),
)


class BesideReference(Frozen):
    """One metric of a clip and of its reference. `limit` is the most, or least, that the clip's value may be.

    `verdict` is "fail" beyond a margin, and "not judged" where neither of the two has a value.
    """

    metric: str
    unit: str
    clip: float | None
    reference: float | None
    limit: float | None
    verdict: LimitVerdict
    explanation: str = ""


def beside_reference(clip: Sequence[MetricValue], reference: Sequence[MetricValue]) -> list[BesideReference]:
    """Hold one clip's metrics against its reference's by every margin; an equal value is within.

    A metric that has no value on one side alone fails; without one on either it is not judged.
    """
    others = {metric.id: metric for metric in reference}
    own = {metric.id: metric for metric in clip}
    return [
        _by_margin(own[margin.metric], others[margin.metric], margin)
        for margin in MARGINS
        if margin.metric in own and margin.metric in others
    ]


def _by_margin(clip: MetricValue, reference: MetricValue, margin: Margin) -> BesideReference:
    found = BesideReference(
        metric=clip.id,
        unit=clip.unit,
        clip=clip.value,
        reference=reference.value,
        limit=None,
        verdict="not judged",
    )
    if clip.value is None and reference.value is None:
        return replace(found, explanation=f"{clip.id} has no value on either side: {clip.reason}")
    if clip.value is None or reference.value is None:
        side, reason = ("the clip", clip.reason) if clip.value is None else ("the reference", reference.reason)
        return replace(found, verdict="fail", explanation=f"{clip.id} has no value for {side}: {reason}")
    room = margin.absolute if margin.absolute is not None else (margin.of_teacher_pct or 0) / 100 * reference.value
    limit = reference.value + (room if margin.better == "lower" else -room)
    inside = clip.value <= limit if margin.better == "lower" else clip.value >= limit
    if inside:
        return replace(found, limit=limit, verdict="within")
    text = (
        f"{clip.id} {clip.value:.4g} is {'above' if margin.better == 'lower' else 'below'} {limit:.4g}, its "
        f"reference's {reference.value:.4g} with a margin of {_told(margin)}, by {abs(clip.value - limit):.4g}: "
        f"{margin.why}"
    )
    return replace(found, limit=limit, verdict="fail", explanation=text)


def _told(margin: Margin) -> str:
    return f"{margin.absolute:g}" if margin.absolute is not None else f"{margin.of_teacher_pct:g} %"
