"""Blocks, playback and clocks against stamps whose answers are worked out by hand."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.measured import Chunk, Round, Span
from reports.timing import Block, blocks, clock_disagreement, clocks, playback
from reports.timing_rows import median_blocks, timing_figures, timing_rows, worst_playback
from tests.reports_samples import a_round, case_of, measured, planned


def streamed(*chunks: tuple[int, float], late_s: float = 0.0) -> Round:
    """Give a round of chunks (frames, arrival on the host); each lay on the device a tenth of a second before."""
    listed = [Chunk(frames=frames, device_s=at_s - 0.1, host_s=at_s + late_s) for frames, at_s in chunks]
    return msgspec.structs.replace(a_round(10.0), chunks=listed)


def visited(*visits: tuple[str, Sequence[float]]) -> Round:
    """Give a round of phases with their steps' seconds, back to back, each phase a second longer than its steps."""
    now_s, spans = 0.0, list[Span]()
    steps_s: list[float] = []
    for phase, inside_s in visits:
        end_s = now_s + sum(inside_s) + 1
        spans.append(Span(phase=phase, start_s=now_s, end_s=end_s, steps=len(inside_s)))
        steps_s += inside_s
        now_s = end_s
    return msgspec.structs.replace(a_round(now_s), spans=spans, steps_s=steps_s)


def clocked(wall_s: float, device_s: float | None, spans: Sequence[tuple[str, float, float]]) -> Round:
    phases_s: dict[str, float] = {}
    for name, start_s, end_s in spans:
        phases_s[name] = phases_s.get(name, 0.0) + end_s - start_s
    listed = [Span(phase=name, start_s=start_s, end_s=end_s) for name, start_s, end_s in spans]
    return msgspec.structs.replace(a_round(wall_s), device_clock_s=device_s, phases_s=phases_s, spans=listed)


def test_cache_pass_is_told_from_the_steps_of_the_next_block() -> None:
    """Two blocks of two steps: the first of the second visit's three steps is the first block's cache pass."""
    timed = visited(("text_encode", ()), ("denoise", (2, 3)), ("decode", ()), ("denoise", (7, 4, 5)), ("decode", ()))
    assert blocks(timed, 2) == [Block((2, 3), 7), Block((4, 5), None)]


def test_given_block_has_a_cache_pass_and_no_steps() -> None:
    """A clip that is continued, and the start of a further rollout, whose predecessor's last block has no pass."""
    timed = visited(("denoise", ()), ("denoise", (9, 1, 1)), ("denoise", ()), ("denoise", (8, 2, 2)))
    assert blocks(timed, 2) == [Block((), 9), Block((1, 1), None), Block((), 8), Block((2, 2), None)]


def test_clip_made_in_one_piece_has_no_blocks() -> None:
    """A bidirectional model visits `denoise` once, a model that marks no phases never."""
    assert blocks(visited(("denoise", (1, 1))), 2) == []
    assert blocks(visited(("sample", (1, 1))), 2) == []


@pytest.mark.parametrize(
    "visits", [((1, 1), (1, 1, 1, 1)), ((1, 1), (1,)), ((1, 1, 1), (1, 1)), ((1, 1), (1, 1, 1), (1, 1, 1, 1, 1))]
)
def test_steps_that_fit_no_block_are_not_guessed_at(visits: Sequence[Sequence[float]]) -> None:
    """Neither the request's steps nor these and one cache pass: the blocks are unknown."""
    assert blocks(visited(*(("denoise", inside_s) for inside_s in visits)), 2) is None


def test_run_that_did_not_count_steps_by_visit_has_unknown_blocks() -> None:
    """Older records hold spans without steps."""
    timed = visited(("denoise", (1, 1)), ("denoise", (1, 1)))
    old = msgspec.structs.replace(timed, spans=[msgspec.structs.replace(span, steps=None) for span in timed.spans])
    assert blocks(old, 2) is None


def test_median_blocks_take_each_step_by_itself() -> None:
    """Three rounds: every step and every cache pass has its own median; unlike rounds have none."""
    rounds = [visited(("denoise", (a, 3)), ("denoise", (b, 4, 5))) for a, b in ((2, 7), (8, 9), (5, 6))]
    assert median_blocks(rounds, 2) == [Block((5, 3), 7), Block((4, 5), None)]
    assert median_blocks([*rounds, visited(("denoise", (1, 1)), ("denoise", (1,)))], 2) is None
    shorter = visited(("denoise", (1, 1)), ("denoise", (1, 1, 1)), ("denoise", (1, 1, 1)))
    assert median_blocks([*rounds, shorter], 2) is None


def test_start_up_buffer_is_what_the_latest_chunk_asks_for() -> None:
    """At 8 frames/s chunk 2 holds frame 9, shown 1.125 s after the start, and comes at 5 s: so start at 3.875 s.

    The third holds frame 21 (2.625 s) and comes at 6 s, which 3.375 s would do for. The first came at 2 s.
    """
    played = playback(streamed((9, 2.0), (12, 5.0), (12, 6.0)), 8.0)
    assert played is not None
    assert (played.first_chunk_device_s, played.first_chunk_host_s) == (1.9, 2.0)
    assert (played.chunk_gap_s, played.worst_chunk_gap_s) == (2.0, 3.0)
    assert (played.playback_start_s, played.startup_buffer_s) == (3.875, 1.875)


def test_chunks_that_come_faster_than_they_are_played_need_no_buffer() -> None:
    """Each comes before the one before it has been played."""
    played = playback(streamed((8, 2.0), (8, 2.9), (8, 3.9)), 8.0)
    assert played is not None
    assert (played.playback_start_s, played.startup_buffer_s) == (2.0, 0.0)


def test_single_chunk_is_played_when_it_is_there() -> None:
    """A bidirectional clip has no cadence: it starts when everything is there. No chunks, no playback."""
    played = playback(streamed((81, 60.0)), 16.0)
    assert played is not None
    assert (played.chunk_gap_s, played.worst_chunk_gap_s) == (None, None)
    assert (played.playback_start_s, played.startup_buffer_s) == (60.0, 0.0)
    assert playback(streamed(), 16.0) is None


def test_clip_of_no_frame_a_second_is_not_played() -> None:
    """A record may hold such a rate; nothing is divided by it."""
    assert playback(streamed((9, 2.0), (12, 5.0)), 0.0) is None


@settings(deadline=None)
@given(
    gaps_s=st.lists(st.tuples(st.integers(1, 30), st.floats(min_value=0.0, max_value=9.0)), min_size=1, max_size=12),
    fps=st.floats(min_value=1.0, max_value=60.0),
)
def test_playback_from_its_start_is_never_late_and_just_in_time_once(
    gaps_s: list[tuple[int, float]], fps: float
) -> None:
    """A player's clock, frame by frame: no chunk comes after its first frame is due, and one comes exactly then."""
    at_s, chunks = 0.0, []
    for frames, gap_s in gaps_s:
        at_s += gap_s
        chunks.append((frames, at_s))
    played = playback(streamed(*chunks), fps)
    assert played is not None
    frame, spare_s = 0, []
    for frames, arrives_s in chunks:
        spare_s.append(played.playback_start_s + frame / fps - arrives_s)
        frame += frames
    assert min(spare_s) == pytest.approx(0.0, abs=1e-9)


def test_rounds_are_combined_by_median_and_worst() -> None:
    """What must never happen is told of the worst round, the rest by the median."""
    rounds = [streamed((9, 2.0), (12, 3.0)), streamed((9, 2.2), (12, 5.0)), streamed((9, 2.1), (12, 3.3))]
    played = worst_playback(rounds, 8.0)
    assert played is not None
    assert played.first_chunk_host_s == 2.1
    assert played.chunk_gap_s == pytest.approx(1.2)
    assert played.worst_chunk_gap_s == pytest.approx(2.8)
    assert played.startup_buffer_s == pytest.approx(5.0 - 9 / 8 - 2.2)
    assert worst_playback([streamed()], 8.0) is None


def test_clocks_that_agree_are_within_the_limit() -> None:
    """Exactly 1 % apart is still agreement, the least more is not."""
    agreeing = clocked(100.0, 99.5, [("denoise", 0.0, 99.0)])
    assert clocks(agreeing) == (100.0, 99.5, 99.0)
    assert clocks(agreeing).disagreement_pct == 1.0
    assert clocks(agreeing).unattributed_s == 1.0
    assert clock_disagreement([agreeing]) is None
    assert clock_disagreement([clocked(100.0, 99.5, [("denoise", 0.0, 98.999)])]) is not None
    assert clock_disagreement([]) is None


def test_disagreement_names_round_times_and_the_longest_gap() -> None:
    """Of two rounds the second is over: 0.5 s of 10 lie before the decoder, 0.1 s at the end."""
    good = clocked(10.0, 10.0, [("denoise", 0.0, 10.0)])
    bad = clocked(10.0, 9.99, [("denoise", 0.0, 6.0), ("decode", 6.5, 9.89)])
    assert clock_disagreement([good, bad]) == (
        "the clocks of 1 of 2 rounds are more than 1 % apart; worst is round 2 with 6.1 %: wall clock 10.0000 s, "
        "the device's 9.9900 s, sum of phases 9.3900 s; the longest time in no phase is 0.5000 s, before 'decode'"
    )


def test_device_clock_that_runs_away_is_a_disagreement() -> None:
    """Phases and wall clock may agree where the device's whole does not; a gap may lie after the last phase."""
    told = clock_disagreement([clocked(10.0, 10.5, [("denoise", 0.0, 10.0)])])
    assert told is not None
    assert "with 5.0 %" in told
    assert told.endswith("0.5000 s, after the last phase")


def test_run_that_did_not_stamp_the_whole_has_two_clocks() -> None:
    """An older record is judged by wall clock and phases."""
    assert clocks(clocked(10.0, None, [("denoise", 0.0, 9.95)])).disagreement_pct == pytest.approx(0.5)
    told = clock_disagreement([clocked(10.0, None, [("denoise", 0.0, 9.0)])])
    assert told is not None
    assert "device" not in told


def test_figures_of_a_case_are_those_of_its_rounds() -> None:
    """81 frames at 16 a second are 5.0625 s of clip, made in 4 s: 1.27 times as fast as they are played."""
    figures = timing_figures(case_of(planned(), 3.9, 4.0, 4.2))
    assert figures["speed_over_realtime_ratio"] == pytest.approx(5.0625 / 4.0)
    assert figures["spreads"]["prompt_to_host_s"]["median"] == 4.0
    assert figures["spreads"]["decode"]["median"] == pytest.approx(1.6)
    assert figures["playback"]["chunk_gap_s"] is None
    assert figures["blocks"] == []
    assert figures["clock_disagreement_pct"] == pytest.approx([0.0] * 3, abs=1e-9)
    assert figures["repeated_over_new"] == {}
    assert timing_figures(case_of(planned())) == {}


def test_rows_tell_blocks_gaps_and_clocks() -> None:
    """What a reader of the page sees of a streamed clip whose clocks are apart."""
    base = visited(("denoise", (2, 3, 1)), ("decode", ()), ("denoise", (7, 4, 5, 1)), ("decode", ()))
    chunks = [Chunk(frames=9, device_s=7.5, host_s=8.0), Chunk(frames=12, device_s=26.5, host_s=27.0)]
    timed = msgspec.structs.replace(base, chunks=chunks, device_clock_s=base.prompt_to_host_s)
    measurement = msgspec.structs.replace(measured(1.0), rounds=[timed], frames=21)
    rows = timing_rows(msgspec.structs.replace(case_of(planned(), 1.0), measurement=measurement))
    assert rows["denoise steps of each block [s]"] == "2.00 + 3.00 + 1.00, cache pass 7.00; 4.00 + 5.00 + 1.00"
    assert "first on the device 7.50, on the host 8.00, then every 19.00, worst gap 19.00" in rows["chunks [s]"]
    assert "never stalls from 26.44 on, a start-up buffer of 18.44 behind the first chunk" in rows["chunks [s]"]
    assert rows["clip seconds made a second"].startswith("0.049; above 1 is faster than playback at 16 frames/s")
    assert "drift –" in rows["median [quartiles] over rounds in s, distance of the quartiles, drift"]
    assert rows["repeated over new prompt"] == ""
    assert timing_rows(case_of(planned())) == {}


def test_row_of_clocks_says_when_they_are_over_the_limit() -> None:
    """The page does not leave it to the reader to compare."""
    apart = clocked(10.0, 10.0, [("denoise", 0.0, 9.0)])
    for timed, told in ((apart, "10.00 % apart, OVER the limit of 1 %; in no phase at most 1.0000 s"),
                        (a_round(4.0), "0.00 % apart; in no phase")):  # fmt: skip
        measurement = msgspec.structs.replace(measured(1.0), rounds=[timed])
        rows = timing_rows(msgspec.structs.replace(case_of(planned(), 1.0), measurement=measurement))
        assert told in rows["clocks"]
