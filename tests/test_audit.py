"""The audit of repeated prompts: what it asks a model for, and that a model that remembers prompts is found out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from fixtures.audit import judge_repeats, not_judged, request_of_take, take_of
from fixtures.clock import HostTimeline, RoundProbe, run_round
from fixtures.memory.vram import NoPeaks
from models.spec import Request
from reports.audit import LEAST_PAIRS
from reports.measured import Round
from reports.record import PlannedCase
from tests.inner_session import run_here
from tests.reports_samples import case_of, planned, replaced
from tests.running import cases_of, events, write_suite
from tests.test_clock import REQUEST, HandClock, Seen, chunk


class Remembering:
    """A model whose text encoder takes a second for a prompt, and `remembered_s` for one that it has seen."""

    def __init__(self, clock: HandClock, remembered_s: float) -> None:
        self.clock, self.remembered_s, self.seen = clock, remembered_s, set[str]()

    def generate(self, request: Request, noise: Any, probe: Any) -> Iterator[torch.Tensor]:
        with probe.phase("text_encode"):
            self.clock.now += self.remembered_s if request.prompt in self.seen else 1.0
            self.seen.add(request.prompt)
        with probe.phase("denoise"):
            self.clock.now += 99.0
        yield chunk(3)


def audited(remembered_s: float, rounds: int = 2 * LEAST_PAIRS) -> list[Round]:
    """Time takes of a model on a clock moved by hand."""
    clock = HandClock()
    model: Any = Remembering(clock, remembered_s)
    timed = []
    for number in range(rounds):
        take = take_of(number)
        probe = RoundProbe(HostTimeline(clock), Seen(), NoPeaks())
        made = run_round(model, request_of_take(REQUEST, take), (), chunk(3, 0), probe)
        timed.append(msgspec.structs.replace(made.times, take=take))
    return timed


def on(device: str) -> PlannedCase:
    return replaced(case_of(planned()), device=device).plan


def test_takes_are_pairs_of_one_prompt_that_begins_like_no_other() -> None:
    """The prompt differs from its beginning on, so that no cut at the text's limit makes two takes one."""
    assert [take_of(number) for number in range(5)] == [1, 1, 2, 2, 3]
    asked = [request_of_take(REQUEST, take) for take in (1, 2)]
    assert [request.prompt for request in asked] == ["Take 1: x", "Take 2: x"]
    assert all(msgspec.structs.replace(request, prompt="x") == REQUEST for request in asked)


def test_model_that_remembers_prompts_fails_with_numbers() -> None:
    """Its encoding is 1 % of the clip, and a repeated prompt costs a tenth of it."""
    with pytest.raises(pytest.fail.Exception) as failed:
        judge_repeats(on("cuda"), audited(0.1))
    told = str(failed.value)
    assert "text_encode of a repeated prompt takes 0.100 [0.100, 0.100] of a new one's time, least is 0.97" in told
    assert "prompt_to_host_s" not in told
    assert told.startswith("bench_speed.py::bench_generate[causvid-1.3b")


@pytest.mark.parametrize("remembered_s", [0.97, 1.0, 5.0])
def test_model_that_takes_its_time_again_passes(remembered_s: float) -> None:
    """Up to 3 % faster is noise, slower is no cache."""
    judge_repeats(on("cuda"), audited(remembered_s))


def test_what_is_not_judged_says_why() -> None:
    """A CPU's noise and too few pairs: the case passes, and the record holds a sentence instead of a judgement."""
    judge_repeats(on("cpu"), audited(0.1))
    assert "not judged on a CPU" in not_judged("cpu", audited(0.1))
    judge_repeats(on("cuda"), audited(0.1, rounds=11))
    assert not_judged("cuda", audited(0.1, rounds=11)).endswith("5 pairs, a 95 % interval needs 6")
    assert not_judged("cuda", audited(0.1)) == ""
    assert "0 pairs" in not_judged("cuda", [])


def test_audit_asks_for_every_prompt_twice_and_records_the_takes(tmp_path: Path) -> None:
    """A session: the first call has the case's own prompt, then come pairs; rounds of one take must be equal frames."""
    write_suite(tmp_path, {"dogs": "two dogs"}, scenarios=("audit",))
    done = run_here(tmp_path, "--rounds", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    asked = [event["prompt"] for event in events(tmp_path, "generate")]
    assert asked == ["two dogs", *(f"Take {take}: two dogs" for take in (1, 1, 2, 2, 3))]
    measurement = cases_of(tmp_path)["native-dogs"]["measurement"]
    assert [timed["take"] for timed in measurement["rounds"]] == [1, 1, 2, 2, 3]
    assert measurement["first_call"]["take"] is None
    assert measurement["deterministic"] is True
    assert "not judged on a CPU" in measurement["reasons"]["audit"]
    assert "repeated over new prompt" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
