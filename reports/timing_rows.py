"""The derived times of a case, as numbers for other programs and as rows for a page.

Why it matters: what `reports/timing.py`, `reports/spread.py` and `reports/audit.py` read out of the rounds is combined
over the rounds here and nowhere else: medians, but the worst of what must never happen (a gap, a stall, clocks apart).
"""

import statistics
from collections.abc import Sequence
from typing import Any

from reports.audit import repeats
from reports.measured import Measurement, Round
from reports.record import CaseRecord
from reports.rows import MISSING, median, show
from reports.spread import Spread, spread_of
from reports.timing import AGREEMENT_LIMIT_PCT, Block, Clocks, Playback, blocks, clocks, playback

WHOLE = ("prompt_to_host_s", "prompt_to_device_s", "time_to_first_frame_s")


def timing_figures(case: CaseRecord) -> dict[str, Any]:
    """Give a case's derived times; empty without rounds.

    `speed_over_realtime_ratio` is seconds of clip made in a second: above 1 is faster than playback.
    """
    rounds, request = case.measurement.rounds if case.measurement else [], case.plan.request
    if case.measurement is None or not rounds:
        return {}
    played = worst_playback(rounds, request.fps)
    found = [clocks(timed) for timed in rounds]
    made_of = median_blocks(rounds, request.steps)
    return {
        "spreads": {name: spread._asdict() for name, spread in spreads(rounds).items()},
        "speed_over_realtime_ratio": _over_realtime(case.measurement, request.fps),
        "playback": played._asdict() if played else None,
        "blocks": None if made_of is None else [block._asdict() for block in made_of],
        "clock_disagreement_pct": [c.disagreement_pct for c in found],
        "unattributed_s": [c.unattributed_s for c in found],
        "repeated_over_new": {name: repeat._asdict() for name, repeat in repeats(rounds).items()},
    }


def spreads(rounds: Sequence[Round]) -> dict[str, Spread]:
    """Describe, over the rounds, the whole and each phase that every round has."""
    tables = [{name: getattr(r, name) for name in WHOLE} | r.phases_s for r in rounds]
    shared = [name for name in tables[0] if all(name in table for table in tables)] if tables else []
    found = {name: spread_of([table[name] for table in tables]) for name in shared}
    return {name: spread for name, spread in found.items() if spread is not None}


def worst_playback(rounds: Sequence[Round], fps: float) -> Playback | None:
    """Combine the rounds: medians of first chunk and gap, the worst of the worst gap, start and buffer."""
    found = [played for timed in rounds if (played := playback(timed, fps)) is not None]
    if not found:
        return None
    gaps_s = [p.chunk_gap_s for p in found if p.chunk_gap_s is not None]
    return Playback(
        first_chunk_device_s=statistics.median(p.first_chunk_device_s for p in found),
        first_chunk_host_s=statistics.median(p.first_chunk_host_s for p in found),
        chunk_gap_s=median(gaps_s),
        worst_chunk_gap_s=max((p.worst_chunk_gap_s for p in found if p.worst_chunk_gap_s is not None), default=None),
        playback_start_s=max(p.playback_start_s for p in found),
        startup_buffer_s=max(p.startup_buffer_s for p in found),
    )


def median_blocks(rounds: Sequence[Round], steps: int) -> list[Block] | None:
    """Take the medians of each step and cache pass over the rounds; None where a round's blocks are not known."""
    told = [blocks(timed, steps) for timed in rounds]
    known = [found for found in told if found is not None]
    if len(known) < len(told) or len({tuple(len(b.steps_s) for b in found) for found in known}) > 1:
        return None
    combined = []
    for same in zip(*known, strict=True):
        passes_s = [block.cache_pass_s for block in same if block.cache_pass_s is not None]
        steps_s = tuple(map(statistics.median, zip(*(block.steps_s for block in same), strict=True)))
        combined.append(Block(steps_s, median(passes_s)))
    return combined


def timing_rows(case: CaseRecord) -> dict[str, str]:
    """Give the same as a page's rows; empty where there is nothing to tell."""
    rounds, request = case.measurement.rounds if case.measurement else [], case.plan.request
    if case.measurement is None or not rounds:
        return {}
    return {
        "median [quartiles] over rounds in s, distance of the quartiles, drift": "; ".join(
            f"{name} {show(s.median)} [{show(s.q1)}, {show(s.q3)}] {_pct(s.iqr_over_median_pct)}, "
            f"drift {_pct(s.drift_pct, '+')}"
            for name, s in spreads(rounds).items()
        ),
        "chunks [s]": _played(worst_playback(rounds, request.fps)),
        "clip seconds made a second": f"{show(_over_realtime(case.measurement, request.fps))}; above 1 is faster "
        f"than playback at {request.fps:g} frames/s",
        "denoise steps of each block [s]": "; ".join(map(_block, median_blocks(rounds, request.steps) or ())),
        "clocks": _agreement(list(map(clocks, rounds))),
        "repeated over new prompt": "; ".join(
            f"{name} {r.ratio:.3f} [{r.low:.3f}, {r.high:.3f}] over {r.pairs} pairs"
            for name, r in repeats(rounds).items()
        ),
    }


def _over_realtime(measurement: Measurement, fps: float) -> float | None:
    total_s = statistics.median(timed.prompt_to_host_s for timed in measurement.rounds)
    return measurement.frames / fps / total_s if total_s and fps > 0 else None


def _block(block: Block) -> str:
    cache_pass = "" if block.cache_pass_s is None else f", cache pass {show(block.cache_pass_s)}"
    return (" + ".join(map(show, block.steps_s)) or "given") + cache_pass


def _agreement(found: Sequence[Clocks]) -> str:
    apart_pct = max(one.disagreement_pct for one in found)
    over = f", OVER the limit of {AGREEMENT_LIMIT_PCT:g} %" if apart_pct > AGREEMENT_LIMIT_PCT else ""
    return (
        f"wall clock, device and sum of phases are at most {apart_pct:.2f} % apart{over}; in no phase at most "
        f"{max(one.unattributed_s for one in found):.4f} s"
    )


def _played(played: Playback | None) -> str:
    if played is None:
        return ""
    first = f"first on the device {show(played.first_chunk_device_s)}, on the host {show(played.first_chunk_host_s)}"
    cadence = f", then every {show(played.chunk_gap_s)}, worst gap {show(played.worst_chunk_gap_s)}"
    return (
        first
        + (cadence if played.chunk_gap_s is not None else "")
        + f"; playback never stalls from {show(played.playback_start_s)} on, a start-up buffer of "
        f"{show(played.startup_buffer_s)} behind the first chunk (worst round)"
    )


def _pct(value: float | None, sign: str = "") -> str:
    return MISSING if value is None else f"{value:{sign}.1f} %"
