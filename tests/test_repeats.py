"""How far apart two generations lie whose rounds differ: described, and nothing that the case loses by it."""

import time
from types import SimpleNamespace
from typing import Any

import msgspec
import torch

from fixtures.repeats import keep_spread
from fixtures.taken import Taken
from reports.paired_lines import spread_lines
from tests.reports_samples import a_round, case_of, planned, run_of


def taken_with(*rounds: str, new_prompts: bool = False) -> Taken:
    """Give a case on the CPU whose rounds have these hashes, and whose last clip is of one tone."""
    case = planned()
    taken = Taken(msgspec.structs.replace(case, recipe=msgspec.structs.replace(case.recipe, device="cpu")))
    taken.new_prompts = new_prompts
    taken.rounds = [msgspec.structs.replace(a_round(1.0), frames_sha256=one * 64) for one in rounds]
    taken.last_BTCHW = torch.full((1, 3, 3, 32, 32), 100, dtype=torch.uint8)
    return taken


def brighter_into(taken: Taken) -> Any:
    """Generate as the harness does, into the memory of the last round: two codes brighter, four in frame 1."""
    assert taken.last_BTCHW is not None
    taken.last_BTCHW += 2
    taken.last_BTCHW[:, 1] += 2
    return SimpleNamespace(frames_BTCHW=taken.last_BTCHW)


def test_rounds_that_differ_have_the_distance_of_one_more_generation() -> None:
    """Frame by frame, with the worst of them; the summary's line has it."""
    taken = taken_with("a", "b")
    keep_spread(taken, lambda: brighter_into(taken), None)
    (mad,) = [one for one in taken.spread if one.id == "mean_absolute_difference"]
    assert (mad.per_frame, mad.worst, mad.worst_frame) == ([2.0, 4.0, 2.0], 4.0, 1)
    assert {one.of for one in taken.spread} == {"frames"}
    case = case_of(planned(), 4.0)
    assert case.measurement is not None
    measured = msgspec.structs.replace(case.measurement, deterministic=False, spread=taken.spread)
    (line,) = spread_lines(run_of(msgspec.structs.replace(case, measurement=measured)))
    assert ": calls of one seed made different frames; from the clip before it one more lies by MAD 2.667" in line


def test_rounds_that_agree_or_have_other_prompts_generate_no_more() -> None:
    """One round alone says nothing; takes of an audit differ by their prompts."""

    def never() -> Any:
        raise AssertionError("generated again")

    for taken in (taken_with("a", "a"), taken_with("a"), taken_with("a", "b", new_prompts=True)):
        keep_spread(taken, never, None)
        assert taken.spread == []


def test_time_that_runs_out_costs_the_spread_alone() -> None:
    """The case has ended well by then."""
    taken = taken_with("a", "b")

    def slow() -> Any:
        time.sleep(5)
        return brighter_into(taken)

    keep_spread(taken, slow, 0.05)
    assert taken.spread == []
    assert "longer than the 0.05 s" in taken.reasons["spread"]
