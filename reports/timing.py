"""What a round's stamps say: blocks and cache passes, playback, and whether the clocks agree.

Why it matters: a streamed clip is judged by when its frames come, not by their average, and a time is only worth
something when the host's clock, the device's and the phases tell the same. Everything is derived from the record's
stamps, so that old runs are read alike; what they do not hold is `None`.
"""

import statistics
from collections.abc import Sequence
from itertools import islice, pairwise
from typing import NamedTuple

from reports.measured import Round

AGREEMENT_LIMIT_PCT = 1.0


class Block(NamedTuple):
    """One block of a causal clip: its denoise steps' seconds (none for a given block) and its cache pass, if any."""

    steps_s: tuple[float, ...]
    cache_pass_s: float | None


class Playback(NamedTuple):
    """When a clip's chunks come, seconds after the prompt was handed over; a chunk's frames come together.

    Gaps lie between chunks on the host, None for a single chunk. Played from `playback_start_s` on, at the clip's
    frame rate, no frame is late; `startup_buffer_s` is how long a player has to wait for that after the first chunk.
    """

    first_chunk_device_s: float
    first_chunk_host_s: float
    chunk_gap_s: float | None
    worst_chunk_gap_s: float | None
    playback_start_s: float
    startup_buffer_s: float


class Clocks(NamedTuple):
    """One round by three clocks: the host's wall clock, the device's from first to last stamp, the phases' sum."""

    wall_s: float
    device_s: float | None
    phases_s: float

    @property
    def disagreement_pct(self) -> float:
        """The largest distance of two of them, in percent of the wall clock."""
        known = [value for value in self if value is not None]
        return 100 * (max(known) - min(known)) / self.wall_s if self.wall_s else 0.0

    @property
    def unattributed_s(self) -> float:
        """The wall clock's time that no phase claims."""
        return self.wall_s - self.phases_s


def blocks(timed: Round, steps: int) -> list[Block] | None:
    """Tell the blocks of a round whose request has `steps` steps; empty for a clip that was made in one piece.

    A visit to `denoise` is a block; one of `steps` + 1 steps begins with the cache pass of the block before it, as
    `models/spec.py` asks of `Probe.step`. None where the steps are not told so, or not at all.
    """
    visits = [span for span in timed.spans if span.phase == "denoise"]
    if len(visits) < 2:
        return []
    if any(span.steps is None for span in timed.spans):
        return None
    found: list[Block] = []
    durations_s = iter(timed.steps_s)
    for span in timed.spans:
        inside_s = list(islice(durations_s, span.steps or 0))
        if span.phase != "denoise":
            continue
        if len(inside_s) == steps + 1 and found:
            found[-1] = found[-1]._replace(cache_pass_s=inside_s.pop(0))
        if len(inside_s) not in {0, steps}:
            return None
        found.append(Block(tuple(inside_s), None))
    return found


def playback(timed: Round, fps: float) -> Playback | None:
    """Lay the chunks on the clock of a player with `fps` frames a second; None without chunks or at no frame a second.

    A chunk whose first frame is number n (from 0) must lie on the host when the player, n / fps seconds after its
    start, shows it: the start is the latest of all chunks' arrivals less that.
    """
    chunks = timed.chunks
    if not chunks or not fps > 0:
        return None
    gaps_s = [later.host_s - earlier.host_s for earlier, later in pairwise(chunks)]
    shown_before = [sum(chunk.frames for chunk in chunks[:number]) for number in range(len(chunks))]
    start_s = max(chunk.host_s - frames / fps for chunk, frames in zip(chunks, shown_before, strict=True))
    return Playback(
        first_chunk_device_s=chunks[0].device_s,
        first_chunk_host_s=chunks[0].host_s,
        chunk_gap_s=statistics.median(gaps_s) if gaps_s else None,
        worst_chunk_gap_s=max(gaps_s, default=None),
        playback_start_s=start_s,
        startup_buffer_s=start_s - chunks[0].host_s,
    )


def clocks(timed: Round) -> Clocks:
    """Read a round's three clocks; `device_s` is None for runs that did not stamp the whole."""
    return Clocks(timed.prompt_to_host_s, timed.device_clock_s, sum(timed.phases_s.values()))


def clock_disagreement(rounds: Sequence[Round], limit_pct: float = AGREEMENT_LIMIT_PCT) -> str | None:
    """Describe the worst round, with the longest time that no phase claims, or None where all are within the limit."""
    if not rounds:
        return None
    number, worst = max(enumerate(map(clocks, rounds), start=1), key=lambda pair: pair[1].disagreement_pct)
    if worst.disagreement_pct <= limit_pct:
        return None
    over = sum(clocks(timed).disagreement_pct > limit_pct for timed in rounds)
    return (
        f"the clocks of {over} of {len(rounds)} rounds are more than {limit_pct:g} % apart; worst is round {number} "
        f"with {_apart(rounds[number - 1])}"
    )


def first_call_disagreement(first_call: Round | None, limit_pct: float = AGREEMENT_LIMIT_PCT) -> str | None:
    """Describe the call before the timed rounds as `clock_disagreement` does a round; None for none, or within it."""
    if first_call is None or clocks(first_call).disagreement_pct <= limit_pct:
        return None
    return f"the clocks of the first call are more than {limit_pct:g} % apart, by {_apart(first_call)}"


def _apart(timed: Round) -> str:
    found = clocks(timed)
    device = "" if found.device_s is None else f", the device's {found.device_s:.4f} s"
    return (
        f"{found.disagreement_pct:.1f} %: wall clock {found.wall_s:.4f} s{device}, sum of phases "
        f"{found.phases_s:.4f} s; {_longest_gap(timed)}"
    )


def _longest_gap(timed: Round) -> str:
    end_s = timed.prompt_to_host_s if timed.device_clock_s is None else timed.device_clock_s
    begins = [*((span.start_s, f"before {span.phase!r}") for span in timed.spans), (end_s, "after the last phase")]
    ends_s = [0.0, *(span.end_s for span in timed.spans)]
    gap_s, place = max((begin_s - before_s, place) for (begin_s, place), before_s in zip(begins, ends_s, strict=True))
    return f"the longest time in no phase is {gap_s:.4f} s, {place}"
