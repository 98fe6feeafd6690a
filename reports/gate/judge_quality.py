"""The clip of a case: what judged it in the baseline against what judges it now, and whether its frames are the same.

Why it matters: the quickest way to be faster is to make a worse clip. A check that the baseline's clips passed and
today's fail is a regression, whatever the times are. Other frames alone are none: another order of the same additions
makes them, and how much worse they are is what limits, bands and margins say. But they are told, with the first frame
that differs, since who changed no arithmetic wants to know.
"""

from collections.abc import Sequence

import msgspec

from reports.gate.checks import frames_text
from reports.gate.numbers import Bound, Check
from reports.gate.sample import Sample
from reports.gate.verdict import QualityVerdict, Verdict
from reports.gate.words import other_source

FRAMES = "frames, bit for bit"
WORSE = ", and by that it is worse or cannot be told"
Sides = tuple[Sequence[Sample], Sequence[Sample]]


def judge_quality(base: Sequence[Sample], new: Sequence[Sample]) -> list[QualityVerdict]:
    """Judge every check that a run on either side has, and the frames where all runs of the baseline made the same.

    Of several runs what most of them say counts: broken in all baseline runs is no regression, broken in a few of the
    runs under test is undecided.
    """
    names = dict.fromkeys(name for sample in (*base, *new) for name in sample.checks)
    rows = [_judge_check(name, (base, new)) for name in names]
    frames = _judge_frames((base, new))
    return [*rows, *([frames] if frames else [])]


def first_apart(sides: Sides) -> list[int]:
    """Name the frames in which a metric's series under test differs from the baseline's; none without series."""
    old, now = (next((one.series for one in side if one.series), {}) for side in sides)
    shared = [name for name in old if len(old[name]) == len(now.get(name, []))]
    apart = {
        frame
        for name in shared
        for frame, (before, after) in enumerate(zip(old[name], now[name], strict=True))
        if before != after
    }
    return sorted(apart)


def _judge_check(name: str, sides: Sides) -> QualityVerdict:
    old, now = ([one.checks[name] for one in side if name in one.checks] for side in sides)
    broken = [check for check in now if check.verdict == "broken"]
    verdict, why = _of_check(name, (old, now), len(sides[1]))
    frames = broken[0].frames if broken else []
    shown = frames or (first_apart(sides) if verdict in ("REGRESSION", "AMBIGUOUS") else [])
    where = frames_text(frames) if frames else _other_from(shown)
    return QualityVerdict(
        check=name,
        verdict=verdict,
        why=f"{why} ({where})" if where and broken else why,
        base=_shown(old),
        new=_shown(broken or now),
        base_runs=len(old),
        new_runs=len(now),
        limit=next((check.limit for check in (*now, *old)), ""),
        frames=shown,
    )


def _of_check(name: str, sides: tuple[Sequence[Check], Sequence[Check]], runs: int) -> tuple[Verdict, str]:
    old, now = sides
    broken = [check for check in now if check.verdict == "broken"]
    if not old:
        return "NEW", f"{name} has no baseline, and is broken: {broken[0].told}" if broken else ""
    if len(now) < runs:
        return "MISSING", f"{name} was not judged in {runs - len(now)} of {runs} runs under test"
    source = _other_sources(old[-1], now)
    if _most(old):
        told = "; ".join(filter(None, [f"is broken as in the baseline: {broken[0].told}" if broken else "", source]))
        return "PASS", f"{name} {told}" if told else ""
    limit = _other_limit(old[-1], now[-1])
    if not broken:
        worse = limit and not all(_keeps(old[-1].bounds, check) for check in now)
        told = "; ".join(filter(None, [f"{limit}{WORSE if worse else ''}", source]))
        return "AMBIGUOUS" if worse or source else "PASS", f"{name}: {told}" if told else ""
    why = "; ".join(filter(None, [broken[0].told, limit, source]))
    if _most(now):
        return "REGRESSION", f"{name} passed in the baseline: {why}"
    return "AMBIGUOUS", f"{name} is broken in {len(broken)} of {runs} runs under test: {why}"


def _other_sources(old: Check, now: Sequence[Check]) -> str:
    """Say what of a check was measured by something else: its metric, or a distance that both have bands of."""
    told = [other_source(old, now)]
    for name, was in old.sources.items():
        found = other_source(was, [check.sources[name] for check in now if name in check.sources])
        told.append(f"{name} {found}" if found else "")
    return "; ".join(filter(None, told))


def _other_limit(old: Check, now: Check) -> str:
    """Say that the newest run under test is held to another limit than the newest of the baseline."""
    limits = [[msgspec.structs.replace(bound, value=None) for bound in check.bounds] for check in (old, now)]
    if old.limit == now.limit and (limits[0] == limits[1] or not old.bounds):
        return ""
    return f"limit {_limit_told(now)}, the base had {_limit_told(old)}"


def _limit_told(check: Check) -> str:
    together = ", ".join(bound.together_with for bound in check.bounds if bound.together_with)
    return f"{check.limit or 'none'}{f' where {together} breaks its own' if together else ''}"


def _keeps(limits: Sequence[Bound], check: Check) -> bool:
    """Tell whether a clip is known to keep the limits that the base had; unknown ones nothing keeps."""
    values = {bound.of: bound.value for bound in check.bounds}
    return bool(limits) and all(_is_within(values.get(limit.of), limit) for limit in limits)


def _is_within(value: float | None, limit: Bound) -> bool:
    if value is None:
        return False
    return not (limit.at_least is not None and not value >= limit.at_least) and not (
        limit.at_most is not None and not value <= limit.at_most
    )


def _judge_frames(sides: Sides) -> QualityVerdict | None:
    """Tell of other frames than the baseline's; None where its own runs differ, or a side has none."""
    # A case that failed before its clip was whole has no frames to speak of.
    (old, now) = ({one.frames_sha256 for one in side if one.is_measured} for side in sides)
    if len(old) != 1 or "" in old or not now:
        return None
    why, apart = "", []
    if "" in now:
        why = "the rounds under test do not make the same frames, as those of the baseline did"
    elif now != old:
        apart = first_apart(sides)
        why = f"{_other_from(apart) or 'other frames than in the baseline'}{_unexplained(sides)}"
    return QualityVerdict(
        check=FRAMES,
        verdict="PASS",
        why=why,
        base=_short(old),
        new=_short(now),
        base_runs=len(sides[0]),
        new_runs=len(sides[1]),
        frames=apart,
    )


def is_most(some: Sequence[object], everything: Sequence[object]) -> bool:
    """Tell whether some runs are more than half of them all."""
    return 2 * len(some) > len(everything)


def _most(checks: Sequence[Check]) -> bool:
    return is_most([check for check in checks if check.verdict == "broken"], checks)


def _shown(checks: Sequence[Check]) -> str:
    last = checks[-1] if checks else None
    return "" if last is None else f"{last.verdict} {last.value}".strip()


def _short(digests: set[str]) -> str:
    return ", ".join(digest[:12] or "differ by round" for digest in sorted(digests))


def _other_from(apart: Sequence[int]) -> str:
    return f"other frames than in the baseline from frame {apart[0]} on, {len(apart)} in all" if apart else ""


def _unexplained(sides: Sides) -> str:
    old, now = ({tuple(sorted(one.versions.items())) for one in side} for side in sides)
    return ", though no version differs" if old == now and len(old) == 1 else ""
