"""Which processes a gate starts, in which order, with which cases; and what it makes of their records."""

import doctest
from collections.abc import Sequence

import pytest

from fixtures.gate import procedure
from fixtures.gate.procedure import FIRST_NEW, Decided, GateEndedError, Role, against_stored, in_turns
from fixtures.gate.stored import Judged
from reports.gate.sample import Sample
from reports.record import CaseRecord
from tests.gate_samples import BRIGHT, DARK, clip_of, samples
from tests.gate_samples import runs_of as clip_runs
from tests.gate_sessions import FAST, SLOW, Starts, runs_of

BOTH = [FAST, SLOW]


def stored(start: Starts, cases: Sequence[str] = BOTH) -> Decided:
    """Judge against five unchanged runs of both cases."""

    def chosen(new: Sequence[Sample]) -> Judged:
        return Judged(samples(runs_of(4.0)), ["one more"])

    return against_stored(start, cases, chosen, [], tell=start.told.append)


def turns(start: Starts, *, other_packages: bool = False, is_narrowed: bool = False) -> Decided:
    return in_turns(start, BOTH, [], tell=start.told.append, other_packages=other_packages, is_narrowed=is_narrowed)


def verdicts(decided: Decided) -> dict[str, str]:
    """Give the verdicts by case; one that has two is an error."""
    assert len({one.id for one in decided.verdicts}) == len(decided.verdicts)
    return {one.id: one.verdict for one in decided.verdicts}


def test_unchanged_run_is_one_process() -> None:
    """Nothing to confirm, nothing more to start."""
    start = Starts()
    decided = stored(start)
    assert verdicts(decided) == {FAST: "PASS", SLOW: "PASS"}
    assert start.asked == [("new", FIRST_NEW, BOTH)]
    assert decided.not_asked == ["one more"]


def test_suspect_alone_is_confirmed_by_two_more_processes() -> None:
    """The other case keeps its one run; the suspect is judged by the median of three."""
    start = Starts(lambda name, id_: 4.4 if id_ == SLOW else 4.0)
    decided = stored(start)
    assert verdicts(decided) == {FAST: "PASS", SLOW: "REGRESSION"}
    assert start.asked[1:] == [("confirmation", "confirm-1", [SLOW]), ("confirmation", "confirm-2", [SLOW])]
    runs = {one.id: one.metrics[0].new_runs for one in decided.verdicts}
    assert runs == {FAST: 1, SLOW: 3}


def test_why_more_processes_start_is_told_before_they_do() -> None:
    """Which case, by how much which numbers, or how it failed; and by which processes. Nothing where there are none."""
    start = Starts(lambda name, id_: 4.4 if id_ == SLOW else 4.0)
    stored(start)
    (line,) = start.told
    assert line.startswith(f"gate     confirming by confirm-1 and confirm-2: {SLOW}: prompt_to_host_s +10.00 %")
    start = Starts(failing=[FIRST_NEW, "new-2", "new-3"])
    turns(start)
    (line,) = start.told
    assert line.startswith(f"gate     confirming by new-4 and base-4: {SLOW}: it passed")
    assert "out of memory" in line
    scattered = Starts(lambda name, id_: 4.0 if id_ == FAST or name.endswith("1") else 4.6)
    turns(scattered)
    (line,) = scattered.told
    assert "prompt_to_host_s +0.00 % (undecided)" in line
    quiet = Starts()
    turns(quiet)
    assert quiet.told == []


def test_suspicion_that_two_more_do_not_share_is_none() -> None:
    """One slow process of three is not the code's."""
    start = Starts(lambda name, id_: 4.4 if name == FIRST_NEW else 4.0)
    assert verdicts(stored(start)) == {FAST: "PASS", SLOW: "PASS"}
    assert start.names == [FIRST_NEW, "confirm-1", "confirm-2"]


@pytest.mark.parametrize(
    ("failing", "expected"),
    [
        ((FIRST_NEW,), "AMBIGUOUS"),
        ((FIRST_NEW, "confirm-1"), "REGRESSION"),
        ((FIRST_NEW, "confirm-1", "confirm-2"), "REGRESSION"),
    ],
)
def test_case_that_fails_is_confirmed_by_two_more_processes(failing: tuple[str, ...], expected: str) -> None:
    """One failure of three is not the change's, and no pass either; most of them are."""
    start = Starts(failing=failing)
    decided = stored(start)
    assert verdicts(decided) == {FAST: "PASS", SLOW: expected}
    assert start.asked[1:] == [("confirmation", "confirm-1", [SLOW]), ("confirmation", "confirm-2", [SLOW])]
    (why,) = (one.why for one in decided.verdicts if one.id == SLOW)
    assert f"in {len(failing)} of 3 runs" in why
    assert "oom: out of memory" in why


@pytest.mark.parametrize(("dark", "expected"), [(1, "AMBIGUOUS"), (2, "REGRESSION")])
def test_clip_that_breaks_a_check_is_confirmed_by_two_more_processes(dark: int, expected: str) -> None:
    """As a failure is: one black clip of three is nobody's fault yet."""

    class Clips(Starts):
        def _case(self, _name: str, _id: str) -> CaseRecord:
            return clip_of(DARK if len(self.asked) <= dark else BRIGHT)

    start, base = Clips(), samples(clip_runs(clip_of(BRIGHT)))
    decided = against_stored(start, [FAST], lambda _new: Judged(base, []), [], tell=start.told.append)
    assert (verdicts(decided), start.names) == ({FAST: expected}, [FIRST_NEW, "confirm-1", "confirm-2"])
    assert start.told == [f"gate     confirming by confirm-1 and confirm-2: {FAST}: y_std, its own limits"]


@pytest.mark.parametrize(
    ("failing", "expected", "count"),
    [
        (("new-2",), "AMBIGUOUS", 6),
        (("new-2", "base-1"), "AMBIGUOUS", 6),
        (("new-1", "new-2"), "AMBIGUOUS", 8),
        (("new-1", "new-2", "new-4"), "REGRESSION", 8),
        (("new-1", "new-2", "new-4", "base-2"), "REGRESSION", 8),
        (("new-1", "new-2", "new-3", "base-1", "base-2"), "AMBIGUOUS", 6),
        (("base-1",), "CALIBRATION_NEEDED", 6),
    ],
)
def test_failure_in_turns_is_blamed_on_the_side_whose_most_runs_show_it(
    failing: tuple[str, ...], expected: str, count: int
) -> None:
    """Confirmed by one more pair; a case that fails in the base as well is nobody's, and what happened is told."""
    start = Starts(failing=failing)
    decided = turns(start)
    assert (verdicts(decided), len(start.names)) == ({FAST: "PASS", SLOW: expected}, count)
    (why,) = (one.why for one in decided.verdicts if one.id == SLOW)
    assert "oom: out of memory" in why
    assert ("runs of the base" in why) is any(name.startswith("base") for name in failing)


def test_baseline_case_that_was_not_planned_is_missing() -> None:
    """What `chosen` gives of cases that are not in the run gets its verdict."""
    assert verdicts(stored(Starts(), [FAST])) == {FAST: "PASS", SLOW: "MISSING"}


@pytest.mark.parametrize("lost", [FIRST_NEW, "confirm-2"])
def test_process_that_comes_to_nothing_ends_the_gate(lost: str) -> None:
    """No verdict is made of what is left."""
    with pytest.raises(GateEndedError, match="boom"):
        stored(Starts(lambda name, id_: 4.4, lost=[lost]))


def test_fault_of_any_process_is_kept_beside_the_verdicts() -> None:
    """Of either side, the confirming ones included, by the process' name."""
    slow = Starts(lambda name, id_: 4.4, faults={FIRST_NEW: "died", "confirm-2": "died too"})
    assert stored(slow).faults == {FIRST_NEW: "died", "confirm-2": "died too"}
    decided = turns(Starts(faults={"base-2": "died", "new-3": "died too"}))
    assert decided.faults == {"base-2": "died", "new-3": "died too"}
    assert (decided.base_faults, verdicts(decided)) == ({}, {FAST: "PASS", SLOW: "PASS"})


def test_fault_that_only_the_base_has_is_kept_apart() -> None:
    """A change that mends a crash at the end has to be able to land."""
    decided = turns(Starts(faults={"base-1": "died", "base-2": "died"}))
    assert (decided.faults, decided.base_faults) == ({}, {"base-1": "died", "base-2": "died"})


def test_sides_run_in_turns() -> None:
    """Three of each, so ordered that a drift over time is in both."""
    start = Starts()
    assert verdicts(turns(start)) == {FAST: "PASS", SLOW: "PASS"}
    assert [role for role, _, _ in start.asked] == ["base", "new", "new", "base", "base", "new"]
    assert all(cases == BOTH for _, _, cases in start.asked)


@pytest.mark.parametrize(("last_base_s", "expected"), [(4.15, "PASS"), (4.0, "REGRESSION")])
def test_overlap_of_three_pairs_is_looked_at_once_more(last_base_s: float, expected: str) -> None:
    """A base run as slow as the new side's leaves it undecided: a fourth pair decides."""
    seconds = {"base-3": 4.15, "base-4": last_base_s}
    start = Starts(lambda name, id_: 4.14 if name.startswith("new") else seconds.get(name, 4.0))
    assert verdicts(turns(start)) == {FAST: expected, SLOW: expected}
    assert start.names[6:] == ["new-4", "base-4"]


def test_suspect_of_three_pairs_is_confirmed_by_one_more() -> None:
    """Two processes: four of each of the suspect, three of the other."""
    start = Starts(lambda name, id_: 4.4 if id_ == SLOW and name.startswith("new") else 4.0)
    decided = turns(start)
    assert verdicts(decided) == {FAST: "PASS", SLOW: "REGRESSION"}
    assert [(role, cases) for role, _, cases in start.asked[6:]] == [("new", [SLOW]), ("base", [SLOW])]
    assert {one.id: one.metrics[0].new_runs for one in decided.verdicts} == {FAST: 3, SLOW: 4}
    assert len(set(start.names)) == len(start.names)


def test_slow_base_is_no_regression() -> None:
    """The roles are not confused: a base that is slower makes the new side improved."""
    start = Starts(lambda name, id_: 6.0 if name.startswith("base") else 4.0)
    assert verdicts(turns(start)) == {FAST: "IMPROVED", SLOW: "IMPROVED"}
    assert len(start.asked) == 6


def test_case_that_only_the_base_has_is_missing() -> None:
    """A case that a change removes is not passed over; where the selection is narrowed, it was not asked for."""
    lost = "bench_speed.py::bench_generate[lost-s0]"
    assert verdicts(turns(Starts(others=[lost])))[lost] == "MISSING"
    decided = turns(Starts(others=[lost]), is_narrowed=True)
    assert (lost in verdicts(decided), decided.not_asked) == (False, [lost])


def test_other_interpreters_packages_are_under_test() -> None:
    """Torch differs between the sides, and is compared; where the interpreter is the same, it is another stack."""
    packages: dict[Role, dict[str, str]] = {"base": {"torch": "2.12.0"}, "new": {"torch": "2.13.0"}}
    decided = turns(Starts(packages=packages), other_packages=True)
    assert verdicts(decided) == {FAST: "PASS", SLOW: "PASS"}
    assert decided.under_test == ["torch"]
    assert set(verdicts(turns(Starts(packages=packages))).values()) == {"CALIBRATION_NEEDED"}


@pytest.mark.parametrize("alone", ["base", "new"])
def test_package_that_one_side_alone_has_is_under_test(alone: Role) -> None:
    """A kernel library that the new environment adds, or has no more."""
    packages: dict[Role, dict[str, str]] = {"base": {"torch": "2.13.0"}, "new": {"torch": "2.13.0"}}
    packages[alone] |= {"flash-attn": "2.8.3"}
    assert turns(Starts(packages=packages), other_packages=True).under_test == ["flash-attn"]


def test_documented_example_holds() -> None:
    """A process' name from its folder."""
    assert doctest.testmod(procedure) == (0, 1)
