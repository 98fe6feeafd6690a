"""Comparisons of two clips as lines for people: what differs, how far, in which bands, and how far the planted fault.

Why it matters: a verdict without its distances cannot be weighed, and a distance without that of a wrong clip beside it
has no scale.
"""

from collections.abc import Sequence

from reports.paired import Distance, PairedComparison
from reports.record import CaseRecord, Run
from reports.rows import names, not_deterministic

SHORT = {
    "latent_cosine": "cosine",
    "latent_relative_l2": "relative L2",
    "lpips": "LPIPS",
    "mean_absolute_difference": "MAD",
    "ms_ssim": "MS-SSIM",
    "psnr": "PSNR",
    "ssim": "SSIM",
}


def paired_lines(run: Run) -> list[str]:
    """Tell every comparison of every case in a line."""
    return [_line(case, pair) for case in run.cases for pair in (case.measurement.pairs if case.measurement else ())]


def spread_lines(run: Run) -> list[str]:
    """Tell every case whose calls are not the same frames, and how far one more generation lay where it is known."""
    return [
        f"NOT DETERMINISTIC {case.id}: calls of one seed made different frames"
        + (f"; from the clip before it one more lies by {distances_told(measured.spread)}" if measured.spread else "")
        for case in not_deterministic(run)
        if (measured := case.measurement) is not None
    ]


def _line(case: CaseRecord, pair: PairedComparison) -> str:
    model, prompt, setting, _ = names(case)
    changed = ", ".join(f"{name} {before} to {now}" for name, (before, now) in pair.differs.items())
    text = f"{pair.verdict}: {model} {setting} {prompt} against {pair.reference}"
    text += f" ({changed})" if changed else ""
    text += f", bands {pair.bands.id!r}: {distances_told(pair.compared.distances)}"
    if pair.planted is not None:
        text += f"; planted wrong ({pair.planted.what}): {distances_told(pair.planted.distances)}"
    return text + (f"; {pair.explanation}" if pair.explanation else "")


def distances_told(distances: Sequence[Distance]) -> str:
    """List distances, of frames the mean and the worst; what is not applicable is left out.

    >>> far = Distance(id="psnr", of="frames", unit="dB", better="higher", value=35.0, worst=30.5, worst_frame=7)
    >>> distances_told([far])
    'PSNR 35 dB (least 30.5)'
    """
    return ", ".join(_told(distance) for distance in distances if not distance.not_applicable) or "nothing"


def _told(distance: Distance) -> str:
    name = SHORT.get(distance.id, distance.id)
    if distance.value is None:
        return f"{name} none ({distance.reason})"
    unit = "" if distance.unit == "1" else f" {distance.unit}"
    extreme = "most" if distance.better == "lower" else "least"
    worst = "" if distance.of == "latents" or distance.worst is None else f" ({extreme} {distance.worst:.4g})"
    return f"{name} {distance.value:.4g}{unit}{worst}"
