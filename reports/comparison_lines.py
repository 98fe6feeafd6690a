"""Ratios as lines for people, and how a ratio is written: in the terminal, on the page and in the summary alike."""

from reports.compare import (
    PUBLISHED,
    SHARED,
    UNKNOWN,
    UNNAMED,
    comparisons,
    model_and_setting,
    sampling_recipe,
    without_ratio,
)
from reports.record import Run


def times(ratio: float) -> str:
    """Write a ratio as every view does: two decimals, and three digits below 1.

    >>> times(18.912), times(0.0529)
    ('18.91×', '0.0529×')
    """
    return f"{ratio:.2f}×" if ratio >= 1 else f"{ratio:.3g}×"


def with_extremes(ratio: float, low: float, high: float) -> str:
    """Write a ratio with the extremes over all pairs of rounds.

    >>> with_extremes(2.0, 1.9, 2.1), with_extremes(2.0, 2.0, 2.0)
    ('2.00× [1.90×, 2.10×]', '2.00× (one round each)')
    """
    return f"{times(ratio)} " + (f"[{times(low)}, {times(high)}]" if low < high else "(one round each)")


def comparison_lines(run: Run) -> list[str]:
    """Tell each ratio with its spread, the sampling recipes behind them, and the pairs that cannot have one."""
    ratios: list[str] = []
    recipes: dict[str, list[str]] = {}
    for faster, slower, ratio, low, high in comparisons(run):
        plan = faster.plan
        ratios.append(
            f"{plan.scenario}, {plan.prompt.id} s{plan.seed}: {model_and_setting(faster)} is "
            f"{with_extremes(ratio, low, high)} as fast as {model_and_setting(slower)}"
        )
        for case in (faster, slower):
            _add(recipes, sampling_recipe(case), [model_and_setting(case)])
    named = [f"{recipe}: {', '.join(sorted(cases))}" for recipe, cases in sorted(recipes.items())]
    return [*ratios, *named, *barred_lines(run)]


def barred_lines(run: Run) -> list[str]:
    """Tell every two configurations that a ratio could be expected for, and what keeps them from one."""
    axes: dict[str, list[str]] = {}
    for first, second, differing in without_ratio(run):
        _add(axes, f"{model_and_setting(first)} and {model_and_setting(second)}", differing)
    return [f"{pair}: no ratio, {_obstacles(found)}" for pair, found in axes.items()]


def _obstacles(axes: list[str]) -> str:
    forbidding = [axis for axis in axes if axis in (PUBLISHED, UNNAMED, UNKNOWN, SHARED)]
    differing = [axis for axis in axes if axis not in forbidding]
    return "; ".join([*forbidding, *([f"they differ in {', '.join(differing)}"] if differing else [])])


def _add(lists: dict[str, list[str]], key: str, values: list[str]) -> None:
    known = lists.setdefault(key, [])
    known += [value for value in values if value not in known]
