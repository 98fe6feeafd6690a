"""The window's arithmetic against a plain list of what a cache must hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.causal.window import Window, place_block

Token = tuple[int, int]  # its index in the clip, and in which pass it was written


@given(data=st.data(), block=st.integers(1, 5), sink=st.integers(0, 7), spare=st.integers(0, 9))
def test_cache_holds_the_sink_and_the_latest(data: st.DataObject, block: int, sink: int, spare: int) -> None:
    """After every pass: the clip's first `sink` tokens and the last that fit, in order, each as last written."""
    window = sink + block + spare
    cache: list[Token | None] = [None] * window
    clip: list[Token] = []  # every token that was ever written, as last written
    evicted = 0
    for number in range(data.draw(st.integers(1, 12), "blocks")):
        for written in range(data.draw(st.integers(1, 3), "passes")):
            first = number * block
            here = [(token, written) for token in range(first, first + block)]
            placed = place_block(window=window, sink=sink, first=first, block=block, evicted=evicted)
            for copy in placed.copies:
                assert 0 < copy.length <= copy.source - copy.target, "source and target overlap"
                moved = cache[copy.source : copy.source + copy.length]
                cache[copy.target : copy.target + copy.length] = moved
            cache[placed.start : placed.stop] = here
            evicted = placed.evicted
            clip[first:] = here
            room = window - sink
            expected = clip if len(clip) <= window else clip[:sink] + clip[-room:]
            assert cache[: placed.stop] == expected
            assert placed.stop - placed.start == block
            assert len(cache) == window


def test_published_window_evicts_a_block_for_a_block() -> None:
    """21 frames of 1,560 tokens: the eighth block moves six blocks up, one at a time, and takes the last places."""
    block, window = 3 * 1560, 21 * 1560
    for number in range(7):
        placed = place_block(window=window, sink=0, first=number * block, block=block, evicted=0)
        assert (placed.copies, placed.start, placed.evicted) == ((), number * block, 0)
    placed = place_block(window=window, sink=0, first=7 * block, block=block, evicted=0)
    assert [(c.source, c.target, c.length) for c in placed.copies] == [
        ((n + 1) * block, n * block, block) for n in range(6)
    ]
    assert (placed.start, placed.stop, placed.evicted) == (6 * block, window, block)
    again = place_block(window=window, sink=0, first=7 * block, block=block, evicted=placed.evicted)
    assert (again.copies, again.start, again.stop) == ((), placed.start, placed.stop)


def test_evicted_block_cannot_be_placed_again() -> None:
    """Its place belongs to another now."""
    with pytest.raises(ValueError, match="token 3 was evicted, as 6 tokens behind the sink of 0 were"):
        place_block(window=9, sink=0, first=3, block=3, evicted=6)


def test_block_must_fit_behind_the_sink() -> None:
    """A window of nine with a sink of seven has room for two."""
    with pytest.raises(ValueError, match="block of 3 tokens does not fit a window of 9 behind a sink of 7"):
        place_block(window=9, sink=7, first=0, block=3, evicted=0)


@pytest.mark.parametrize(("frames", "sink"), [(21, 21), (21, -1), (0, 0)])
def test_window_without_room_is_refused(frames: int, sink: int) -> None:
    """A sink is shorter than its window."""
    with pytest.raises(ValueError, match="does not fit a window"):
        Window(frames=frames, sink=sink)
