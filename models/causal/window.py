"""A cache that forgets: where a block's keys go when the clip has more latent frames than the cache has places.

The cache is a window of latent frames. The first of them, the sink, stay; when a new block does not fit, the oldest
behind the sink are evicted and the rest moves up. Rotary positions keep growing with the clip's own frame index, so a
stored key never changes. All of it is arithmetic on Python integers: no tensor is read, nothing waits for the device.

Source: guandeh17/Self-Forcing (arXiv 2506.08009), `local_attn_size` and `sink_size`, restated from a description of its
behaviour, not from its code, which keeps these indices in device tensors and reads them back in every layer.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Window:
    """How much of the clip a block may see, in latent frames, itself included: `sink` of them are the clip's first.

    21 and none are those of the published checkpoint, whose training saw 21 latent frames.
    """

    frames: int = 21
    sink: int = 0

    def __post_init__(self) -> None:
        """Refuse a sink that leaves no place for anything else."""
        if not 0 <= self.sink < self.frames:
            raise ValueError(f"a sink of {self.sink} latent frames does not fit a window of {self.frames} with others")


@dataclass(frozen=True, kw_only=True)
class Copy:
    """Move `length` tokens from place `source` to place `target`; the two ranges do not overlap."""

    source: int
    target: int
    length: int


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What to do for a block: first the copies, in order; then write at [start, stop) and attend to [0, stop).

    `evicted` counts the tokens of the clip that are gone by then.
    """

    copies: tuple[Copy, ...]
    start: int
    stop: int
    evicted: int


def place_block(*, window: int, sink: int, first: int, block: int, evicted: int) -> Placement:
    """Place a block of `block` tokens whose first is token `first` of the clip; all numbers count tokens.

    `evicted` is that of the placement before it in the same clip; a block at token 0 starts a clip and needs 0. A block
    that is placed again goes to where it was. Raises ValueError where the block's place was evicted, or where window
    and sink leave no room for a block.
    """
    if block > window - sink:
        raise ValueError(f"a block of {block} tokens does not fit a window of {window} behind a sink of {sink}")
    start = first - evicted
    if evicted and start < sink:
        raise ValueError(f"token {first} was evicted, as {evicted} tokens behind the sink of {sink} were")
    overflow = max(0, start + block - window)
    start -= overflow
    targets = (
        range(sink, start, overflow) if overflow else ()
    )  # pieces of `overflow` tokens do not overlap their source
    return Placement(
        copies=tuple(Copy(source=t + overflow, target=t, length=min(overflow, start - t)) for t in targets),
        start=start,
        stop=start + block,
        evicted=evicted + overflow,
    )
