"""The clock on a timeline that is moved by hand: what each number spans, and that nothing of a round outlives it."""

import gc
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
import torch

from fixtures.clock import Generated, HostTimeline, NotFiniteError, RoundProbe, run_round, timeline_for
from fixtures.media import frames_sha256
from fixtures.memory.vram import NoPeaks
from models.discover import discover
from models.spec import DecodeOrder, Recipe, Request
from reports.timing import blocks, clocks

REQUEST = Request(
    prompt="x", width=4, height=2, frames=3, fps=8.0, steps=2, guidance_scale=1.0, shift=1.0, seed=0
)  # fmt: skip


@dataclass
class HandClock:
    """A clock that moves when told to."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Seen:
    """A watcher that keeps what it is told."""

    told: list[Any] = field(default_factory=list)

    def on_phase(self, name: str) -> None:
        self.told.append(name)

    def on_step(self, done: int, total: int) -> None:
        self.told.append((done, total))


def chunk(frames: int, value: int = 7, width: int = 4) -> torch.Tensor:
    return torch.full((1, frames, 3, 2, width), value, dtype=torch.uint8)


class Scripted:
    """A pipeline that runs a test's generator."""

    def __init__(self, script: Callable[[RoundProbe], Iterator[torch.Tensor]]) -> None:
        self.script = script

    def generate(self, request: Request, noise: Any, probe: Any) -> Iterator[torch.Tensor]:
        return self.script(probe)


def generate(
    script: Callable[[RoundProbe], Iterator[torch.Tensor]],
    clock: HandClock | None = None,
    host: torch.Tensor | None = None,
) -> Generated:
    probe = RoundProbe(HostTimeline(clock or HandClock()), Seen(), NoPeaks())
    pipeline: Any = Scripted(script)
    return run_round(pipeline, REQUEST, (), host if host is not None else chunk(3, 0), probe)


def test_each_number_spans_what_its_definition_says() -> None:
    """Two blocks: 1 s of text, steps of 2 and 3 s, decodes of 4 s each, the second block's steps of 5 and 6 s, and half
    a second before and after everything that no phase claims."""  # noqa: D205, D209 - one sentence of fact
    clock = HandClock()

    def script(probe: RoundProbe) -> Iterator[torch.Tensor]:
        clock.now += 0.5
        with probe.phase("text_encode"):
            clock.now += 1
        for number, (frames, steps_s) in enumerate([(1, (2, 3)), (2, (5, 6))]):
            with probe.phase("denoise"):
                for index, step_s in enumerate(steps_s):
                    clock.now += step_s
                    probe.step(2 * number + index + 1, 4)
            with probe.phase("decode"):
                clock.now += 4
                frames_BTCHW = chunk(frames)
            yield frames_BTCHW
        clock.now += 0.5

    times = generate(script, clock).times
    assert times.phases_s == {"text_encode": 1.0, "denoise": 16.0, "decode": 8.0, "to_host": 0.0}
    assert times.steps_s == [2.0, 3.0, 5.0, 6.0]
    assert [(s.phase, s.start_s, s.end_s, s.steps) for s in times.spans] == [
        ("text_encode", 0.5, 1.5, 0),
        ("denoise", 1.5, 6.5, 2),
        ("decode", 6.5, 10.5, 0),
        ("to_host", 10.5, 10.5, 0),
        ("denoise", 10.5, 21.5, 2),
        ("decode", 21.5, 25.5, 0),
        ("to_host", 25.5, 25.5, 0),
    ]
    assert times.sampling_s == 16.0
    assert [(c.frames, c.device_s, c.host_s) for c in times.chunks] == [(1, 10.5, 10.5), (2, 25.5, 25.5)]
    assert times.time_to_first_frame_s == 10.5
    assert times.prompt_to_device_s == 25.5
    assert times.prompt_to_host_s == 26.0
    assert times.device_clock_s == 26.0
    assert clocks(times) == (26.0, 26.0, 25.0)


def test_device_that_lags_behind_the_host_is_stamped_to_its_end() -> None:
    """The last stamp is set before the host waits: the device's clock ends when the device does, the host's later."""
    clock = HandClock()

    @dataclass(frozen=True)
    class Lagging(HostTimeline):
        def synchronize(self) -> None:
            clock.now += 3.0

    def script(probe: RoundProbe) -> Iterator[torch.Tensor]:
        with probe.phase("denoise"):
            clock.now += 7.0
        yield chunk(3)

    pipeline: Any = Scripted(script)
    times = run_round(pipeline, REQUEST, (), chunk(3, 0), RoundProbe(Lagging(clock), Seen(), NoPeaks())).times
    assert clocks(times) == (10.0, 7.0, 7.0)
    assert clocks(times).disagreement_pct == 30.0


@pytest.mark.parametrize(("decode", "chunks"), [("streamed", 2), ("whole", 1)])
def test_real_rollout_tells_its_blocks_and_cache_passes(decode: DecodeOrder, chunks: int) -> None:
    """CausVid at toy size, two blocks of three steps: seven forwards, of which one is the first block's cache pass.

    Watching them adds no synchronisation.
    """
    recipe = Recipe(
        model="causvid-tiny", weights="tiny", device="cpu", transformer_dtype="float32", text_encoder_dtype="float32",
        vae_dtype="float32", attention="native_math", decode=decode,
    )  # fmt: skip
    request = msgspec.structs.replace(REQUEST, width=32, height=32, frames=21, steps=3, shift=8.0)
    pipeline = discover()["causvid-tiny"].load(recipe)
    waits: list[float] = []

    @dataclass(frozen=True)
    class Counting(HostTimeline):
        def synchronize(self) -> None:
            waits.append(self.now_s())

    probe = RoundProbe(Counting(), Seen(), NoPeaks())
    host_BTCHW = torch.empty((1, 21, 3, 32, 32), dtype=torch.uint8)
    times = run_round(pipeline, request, pipeline.draw_noise(request), host_BTCHW, probe).times
    found = blocks(times, request.steps)
    assert found is not None
    assert [len(block.steps_s) for block in found] == [3, 3]
    assert [block.cache_pass_s is not None for block in found] == [True, False]
    passes_s = [block.cache_pass_s for block in found if block.cache_pass_s is not None]
    assert sorted([*passes_s, *(s for block in found for s in block.steps_s)]) == sorted(times.steps_s)
    assert len(times.steps_s) == pipeline.facts(request).forwards == 7
    assert len(times.chunks) == chunks
    assert len(waits) == 2, "the host waits for the device before the prompt and after the last frame, never between"


def test_work_behind_a_phases_last_step_is_the_phases_and_no_steps() -> None:
    """What a model does after its last step counts to `denoise`; the next step starts at its own phase's begin."""
    clock = HandClock()

    def script(probe: RoundProbe) -> Iterator[torch.Tensor]:
        for done in (1, 2):
            with probe.phase("denoise"):
                clock.now += 1
                probe.step(done, 2)
                clock.now += 10
        yield chunk(3)

    times = generate(script, clock).times
    assert (times.sampling_s, times.steps_s) == (22.0, [1.0, 1.0])


def test_watcher_hears_phases_and_steps_in_order() -> None:
    """The progress line is told all that happens, the copy to the host included."""

    def script(probe: RoundProbe) -> Iterator[torch.Tensor]:
        with probe.phase("denoise"):
            probe.step(1, 2)
        yield chunk(3)

    assert generate(script).probe.watcher == Seen(["denoise", (1, 2), "to_host"])


def test_phase_inside_a_phase_is_an_error_naming_both() -> None:
    """Nested phases would count time twice."""

    def script(probe: RoundProbe) -> Iterator[torch.Tensor]:
        with probe.phase("denoise"), probe.phase("decode"):
            yield chunk(3)

    with pytest.raises(RuntimeError, match="'decode' begins inside phase 'denoise'"):
        generate(script)


def test_model_without_a_denoise_phase_has_no_sampling_time() -> None:
    """A time that nobody stamped is missing, never 0."""
    assert generate(lambda _probe: iter([chunk(3)])).times.sampling_s is None


def test_expected_chunks_land_in_the_host_buffer() -> None:
    """No allocation on the host inside the clock: the buffer is filled in place, whatever it held."""
    host = chunk(3, 99)
    made = generate(lambda _probe: iter([chunk(1, 5), chunk(2, 6)]), host=host)
    assert made.frames_BTCHW is host
    assert host[0, :, 0, 0, 0].tolist() == [5, 6, 6]


@pytest.mark.parametrize(
    ("chunks", "shape"),
    [
        ([], (1, 0, 3, 2, 4)),
        ([chunk(2)], (1, 2, 3, 2, 4)),
        ([chunk(2), chunk(2)], (1, 4, 3, 2, 4)),
        ([chunk(3), chunk(1)], (1, 4, 3, 2, 4)),
        ([chunk(3, width=6)], (1, 3, 3, 2, 6)),
        ([chunk(1, width=6), chunk(2, width=6)], (1, 3, 3, 2, 6)),
    ],
)
def test_clip_of_another_length_or_size_is_kept_whole(chunks: list[torch.Tensor], shape: tuple[int, ...]) -> None:
    """What is too much or too little is there to be judged; nothing is cut off or left over from the buffer."""
    made = generate(lambda _probe: iter(chunks), host=chunk(3, 99)).frames_BTCHW
    assert tuple(made.shape) == shape
    assert bool((made == 7).all())


@pytest.mark.parametrize("wrong", [chunk(3).float(), chunk(3)[0]])
def test_chunk_that_is_no_uint8_clip_is_refused(wrong: torch.Tensor) -> None:
    """`copy_` would turn floats in [0, 1] into black frames without a word."""
    with pytest.raises(TypeError, match=r"yielded torch\.\w+ of shape \(.*\); chunks are torch.uint8 \[B,T,C,H,W\]"):
        generate(lambda _probe: iter([wrong]))


def test_chunks_of_a_batch_come_to_their_places() -> None:
    """Two clips in two chunks: each clip's frames lie in order in its own part of the host's memory."""
    whole = torch.arange(2 * 3 * 3 * 2 * 4, dtype=torch.uint8).view(2, 3, 3, 2, 4)
    host = torch.zeros_like(whole)
    made = generate(lambda _probe: iter([whole[:, :1].clone(), whole[:, 1:].clone()]), host=host)
    assert made.frames_BTCHW is host
    assert torch.equal(host, whole)
    assert [part.frames for part in made.times.chunks] == [1, 2]


def test_missing_clip_of_a_batch_is_seen() -> None:
    """A model that makes one clip where two were asked for leaves one, not one and an old one."""
    made = generate(lambda _probe: iter([chunk(1), chunk(2)]), host=torch.zeros((2, 3, 3, 2, 4), dtype=torch.uint8))
    assert made.frames_BTCHW.shape == (1, 3, 3, 2, 4)


def test_hash_taken_before_the_next_round_survives_the_buffers_reuse() -> None:
    """Rounds share one buffer: the hash of the first round is of its own frames."""
    host = chunk(3, 0)
    first = frames_sha256(generate(lambda _probe: iter([chunk(3, 1)]), host=host).frames_BTCHW)
    second = frames_sha256(generate(lambda _probe: iter([chunk(3, 2)]), host=host).frames_BTCHW)
    assert (first, second) == (frames_sha256(chunk(3, 1)), frames_sha256(chunk(3, 2)))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_non_finite_values_are_told_after_the_clock_only(bad: float) -> None:
    """The round ends and is timed; the question afterwards names the tensor and its place."""

    def script(probe: RoundProbe) -> Iterator[torch.Tensor]:
        probe.check_finite("latents", torch.ones(4))
        probe.check_finite("frames", torch.tensor([0.0, bad]))
        yield chunk(3)

    made = generate(script)
    assert len(made.times.chunks) == 1
    with pytest.raises(NotFiniteError, match=r"frames hold NaN or Inf \(check 2 of 2 in the clip\)"):
        made.probe.raise_if_not_finite()


def test_nothing_of_a_round_outlives_it_but_its_host_frames() -> None:
    """A chunk kept until the next round would raise that round's peak memory."""
    chunks: list[weakref.ref[torch.Tensor]] = []

    def script(probe: RoundProbe) -> Iterator[torch.Tensor]:
        for _ in range(3):
            made = chunk(1)
            chunks.append(weakref.ref(made))
            probe.check_finite("frames", made.float())
            yield made

    kept = generate(script)
    gc.collect()
    assert kept.frames_BTCHW.shape[1] == 3
    assert [reference() for reference in chunks] == [None] * 3


def test_device_chooses_the_timeline() -> None:
    """A CPU works when it is called: the host's clock is the device's."""
    assert isinstance(timeline_for("cpu"), HostTimeline)
    assert type(timeline_for("cuda")).__name__ == "CudaTimeline"


class Meter(NoPeaks):
    """A meter that keeps the borders it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def phase_began(self) -> None:
        self.told.append("began")

    def phase_ended(self, name: str) -> None:
        self.told.append(f"{name} ended")

    def phase_failed(self, name: str, error: BaseException) -> None:
        self.told.append(f"{name} failed: {error}")


class BrokenTimeline(HostTimeline):
    """A device that must not be called any more."""

    lost = False

    def stamp(self) -> float:
        assert not type(self).lost, "the device was called"
        return 0.0


def test_phase_left_by_an_error_is_told_to_the_meter_and_not_stamped() -> None:
    """After some errors a call of the device would hide the first one; the next phase may begin."""
    meter, timeline = Meter(), BrokenTimeline()
    probe = RoundProbe(timeline, Seen(), meter)

    def fail() -> None:
        BrokenTimeline.lost = True
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")

    try:
        with pytest.raises(torch.AcceleratorError, match="device-side assert"), probe.phase("denoise"):
            fail()
    finally:
        BrokenTimeline.lost = False
    with probe.phase("decode"):
        pass
    assert meter.told == [
        "began",
        "denoise failed: CUDA error: device-side assert triggered",
        "began",
        "decode ended",
    ]
