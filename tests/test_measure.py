"""What the fixture `measure` judges, names and keeps, apart from the sessions of test_faults.py."""

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import torch

from fixtures.case_timeout import CaseTimeoutError, case_timeout
from fixtures.clip_media import MediaError, media_name, write_clip
from fixtures.measure import judge_shapes
from fixtures.taken import ENDED_BEFORE, Taken
from reports.measured import Device, Stills
from tests.reports_samples import a_round, planned

CPU = Device(kind="cpu", index=0, name="a CPU", uuid=None, memory_bytes=1)
GPU = Device(kind="cuda", index=0, name="a GPU", uuid="GPU-0", memory_bytes=1)
SHAPE = (1, 81, 3, 480, 832)


def test_right_shapes_pass() -> None:
    """Every call made what was asked."""
    judge_shapes(planned(), [SHAPE] * 4)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ((1, 80, 3, 480, 832), "1 clip of 80 frames of 832x480 with 3 channels"),
        ((1, 81, 3, 480, 831), "1 clip of 81 frames of 831x480 with 3 channels"),
        ((1, 81, 4, 480, 832), "1 clip of 81 frames of 832x480 with 4 channels"),
        ((2, 81, 3, 480, 832), "2 clips of 81 frames of 832x480 with 3 channels"),
    ],
)
def test_one_wrong_call_of_several_fails_with_both_shapes(wrong: tuple[int, ...], told: str) -> None:
    """The message names the call, what it made and what was asked."""
    with pytest.raises(pytest.fail.Exception, match=f"call 2 generated {told}, asked was 1 clip of 81 frames"):
        judge_shapes(planned(), [SHAPE, wrong, SHAPE])


def test_batch_asks_for_its_clips_and_tells_which_is_kept() -> None:
    """Two clips are asked for and one is too few; video and metrics are said to be the first clip's."""
    case = planned()
    case = msgspec.structs.replace(case, request=msgspec.structs.replace(case.request, batch=2))
    judge_shapes(case, [(2, *SHAPE[1:])])
    with pytest.raises(pytest.fail.Exception, match=r"call 1 generated 1 clip of .*, asked was 2 clips of 81 frames"):
        judge_shapes(case, [SHAPE])
    taken = Taken(case, shapes=[(2, *SHAPE[1:])])
    assert taken.measurement(GPU).reasons["video"] == ENDED_BEFORE
    taken.video = "media/x.mp4"
    measurement = taken.measurement(GPU)
    assert (measurement.clips, measurement.frames) == (2, 81)
    assert measurement.reasons["video"] == "of the first of 2 clips that were generated at once"


def test_clip_is_named_by_scenario_and_case() -> None:
    """Two scenarios of one case have a clip each; ids hold file-safe characters only."""
    assert media_name(planned()) == "speed-causvid-1.3b-480p81-dogs-s0.mp4"


def test_record_of_a_case_that_did_nothing_has_a_reason_for_everything() -> None:
    """What is missing is null with a reason, never 0."""
    measurement = Taken(planned()).measurement(CPU)
    missing = ("first_call", "load_s", "mp4_encode_s", "prompt_to_mp4_s", "facts", "video", "stills", "profile")
    assert [getattr(measurement, name) for name in missing] == [None] * len(missing)
    assert {measurement.reasons[name] for name in missing} == {ENDED_BEFORE}
    assert measurement.reasons["rounds"] == "0 of 3 planned rounds have ended"
    assert "deterministic" in measurement.reasons
    assert "CUDA" in measurement.reasons["memory"]
    assert "memory" not in Taken(planned()).measurement(GPU).reasons


def test_record_of_a_whole_case_gives_no_reason_for_what_is_there() -> None:
    """Reasons are for what is missing: here what other scenarios and options measure."""
    taken = Taken(planned(), load_s=1.0, first_call=a_round(2.0), rounds=[a_round(1.0), a_round(1.1), a_round(1.2)])
    taken.mp4_encode_s, taken.video = 0.5, "media/x.mp4"
    taken.stills = Stills(strip="media/x-strip.jpg", frames=[0], xt="media/x-xt.jpg")
    taken.shapes = [SHAPE] * 4
    measurement = taken.measurement(GPU)
    assert (measurement.width, measurement.height, measurement.frames) == (832, 480, 81)
    assert measurement.prompt_to_mp4_s == 1.7
    assert measurement.deterministic is True
    assert set(measurement.reasons) == {"cold_start_s", "facts", "profile", "state"}


def test_first_call_counts_for_determinism() -> None:
    """A first call that made other frames than the rounds is told."""
    odd = msgspec.structs.replace(a_round(1.0), frames_sha256="b" * 64)
    taken = Taken(planned(), first_call=odd, rounds=[a_round(1.0)] * 3)
    assert taken.measurement(CPU).deterministic is False
    assert Taken(planned(), rounds=[a_round(1.0)]).measurement(CPU).deterministic is None


def test_clips_of_several_prompts_are_compared_by_prompt() -> None:
    """In the audit each take is deterministic for itself: other frames of another prompt are no fault."""
    rounds = [
        msgspec.structs.replace(a_round(1.0), take=take, frames_sha256=digest * 64)
        for take, digest in ((1, "a"), (1, "a"), (2, "b"), (2, "b"), (3, "c"))
    ]
    assert Taken(planned(), rounds=rounds).measurement(GPU).deterministic is True
    assert Taken(planned(), rounds=[*rounds, rounds[0]]).measurement(GPU).deterministic is True
    odd = msgspec.structs.replace(rounds[0], take=3)
    assert Taken(planned(), rounds=[*rounds, odd]).measurement(GPU).deterministic is False
    assert Taken(planned(), rounds=[rounds[0], rounds[2]]).measurement(GPU).deterministic is None


def test_clocks_that_disagree_are_told_on_a_gpu() -> None:
    """A tenth of the time in no phase: told on an accelerator, recorded without a judgement on a CPU."""
    apart = msgspec.structs.replace(a_round(1.0), phases_s={"denoise": 0.9}, device_clock_s=1.0)
    taken = Taken(planned(), rounds=[a_round(1.0), apart, a_round(1.0)])
    assert "1 of 3 rounds are more than 1 % apart; worst is round 2" in taken.measurement(GPU).reasons["clocks"]
    assert "clocks" not in taken.measurement(CPU).reasons
    assert taken.measurement(CPU).rounds[1].device_clock_s == 1.0


def test_clocks_of_a_first_call_that_disagree_are_told_by_a_key_of_their_own() -> None:
    """The timed rounds agree, the call before them does not: told on an accelerator, with its gap, and on no CPU."""
    apart = msgspec.structs.replace(a_round(1.0), phases_s={"denoise": 0.9}, device_clock_s=1.0)
    taken = Taken(planned(), first_call=apart, rounds=[a_round(1.0)])
    reasons = taken.measurement(GPU).reasons
    assert "clocks" not in reasons
    assert reasons["clocks_first_call"].startswith("the clocks of the first call are more than 1 % apart, by 10.0 %: ")
    assert "clocks_first_call" not in taken.measurement(CPU).reasons
    agreeing = Taken(planned(), first_call=a_round(1.0), rounds=[apart])
    assert "clocks_first_call" not in agreeing.measurement(GPU).reasons


def test_missing_sampling_time_has_a_reason() -> None:
    """A model without a phase `denoise` has no sampling time."""
    unknown = msgspec.structs.replace(a_round(1.0), sampling_s=None)
    assert "denoise" in Taken(planned(), rounds=[unknown]).measurement(CPU).reasons["sampling_s"]


def test_refused_clip_is_an_error_that_names_file_and_fault(tmp_path: Path) -> None:
    """The folder of the clips is gone; the record keeps the reason."""
    taken, silent = Taken(planned()), SimpleNamespace(on_phase=lambda _name: None)
    run: Any = SimpleNamespace(folder=tmp_path)
    with pytest.raises(MediaError, match=r"media/speed-causvid.*mp4 could not be written: .*No such file"):
        write_clip(taken, torch.zeros((1, 2, 3, 16, 16), dtype=torch.uint8), run, silent)  # type: ignore[arg-type]
    assert "could not be written" in taken.reasons["video"]
    assert (taken.video, taken.mp4_encode_s) == (None, None)


def test_time_limit_interrupts_and_is_taken_back() -> None:
    """The alarm ends what runs; afterwards neither the alarm nor its handler is left."""
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(CaseTimeoutError, match=r"longer than the 0.05 s of --case-timeout"), case_timeout(0.05):
        signal.pause()
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_case_within_its_limit_is_left_alone() -> None:
    """No limit and a limit that is not reached do nothing."""
    with case_timeout(None), case_timeout(1000):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
