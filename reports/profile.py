"""A profile in a few lines: where its trace lies, how long the device idled, and the heaviest kernels of each phase."""

from reports.measured import Profile
from reports.rows import one_line, show

SHOWN_KERNELS = 3
SHOWN_NAME = 80


def profile_lines(profile: Profile) -> list[str]:
    """Tell of a profile; all twenty kernels a phase stand in the record."""
    idle = "" if profile.idle_ratio is None else f", device idle {profile.idle_ratio:.1%} of it"
    whole = f"{profile.trace} (opens in ui.perfetto.dev): profiled round {show(profile.round_s)} s{idle}"
    phases = (
        f"{phase}: "
        + ", ".join(
            f"{one_line(kernel.name, SHOWN_NAME)} {show(kernel.total_s)} s in {kernel.calls}"
            for kernel in kernels[:SHOWN_KERNELS]
        )
        for phase, kernels in profile.phases.items()
    )
    return [whole, *phases]
