"""The gate's numbers for people: seconds, MiB and joules, each by the unit that ends the metric's name."""

from collections.abc import Iterable

from reports.gate.limits import MIB, Limit
from reports.gate.numbers import Source
from reports.rows import show


def amount(metric: str, value: float | None) -> str:
    """Show a value with its unit.

    >>> amount("phase_decode_s", 0.0421), amount("peak_allocated_bytes", 2**30), amount("energy_per_video_j", None)
    ('0.0421 s', '1024.0 MiB', '–')
    """
    if value is None:
        return show(None)
    if metric.endswith("_bytes"):
        return f"{value / MIB:.1f} MiB"
    return f"{value:.4g} {'J' if metric.endswith('_j') else 's'}"


def signed_pct(value: float | None) -> str:
    """Show a change in percent with its sign."""
    return show(None) if value is None else f"{value:+.2f} %"


def limit_text(metric: str, limit: Limit) -> str:
    """Show both limits.

    >>> limit_text("prompt_to_host_s", Limit(3.0, 0.03)), limit_text("peak_allocated_bytes", Limit(0.0, 32 * MIB))
    ('3 % and 0.03 s', '32.0 MiB')
    """
    parts = [f"{limit.relative_pct:.3g} %"] if limit.relative_pct else []
    return " and ".join([*parts, *([amount(metric, limit.absolute)] if limit.absolute else [])]) or "any more"


def beyond_text(metric: str, base: float, new: float, limit: Limit, *, in_turns: bool = False) -> str:
    """Say by how much a number is worse than its limits allow: of a stored baseline, or of a base that ran in turns."""
    what = "the base" if in_turns else "its baseline"
    return (
        f"{metric} {amount(metric, new)} is above {what} of {amount(metric, base)} "
        f"by {amount(metric, new - base)} ({signed_pct(100 * (new / base - 1))}), limit {limit_text(metric, limit)}"
    )


def other_source(old: Source, now: Iterable[Source]) -> str:
    """Say that a run under test measured by another formula, or with other weights, than the newest of the baseline.

    What the baseline does not know is excused; what a run under test does not tell may be anything.

    >>> other_source(Source(formula="9b1c"), [Source(formula="51e0")])
    'measured by formula 51e0, the base by 9b1c: values of two formulas do not compare'
    >>> other_source(Source(), [Source(formula="9b1c")]), other_source(Source(formula="9b1c"), [Source()])
    ('', 'measured by formula (unknown), the base by 9b1c: values of two formulas do not compare')
    """
    for what, field in (("formula", "formula"), ("weights", "weights_sha256")):
        was = getattr(old, field)
        found = dict.fromkeys(getattr(one, field) for one in now)
        if was and (other := [one for one in found if one != was]):
            by = f"measured by {what} {', '.join(one[:12] or '(unknown)' for one in other)}, the base by {was[:12]}"
            return f"{by}: values of two {'formulas' if what == 'formula' else 'networks'} do not compare"
    return ""
