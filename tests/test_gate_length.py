"""How long a gate takes is told of all its processes, and what it took to the second."""

import doctest

import msgspec
import pytest

from fixtures.estimate import Extras, total_estimate_s
from fixtures.gate import length
from fixtures.gate.length import gate_estimate
from reports.record import PlannedCase
from tests.reports_samples import planned

QUICK = Extras(energy=False)


def long(seconds: float | None, device: str = "cuda") -> PlannedCase:
    """Give a case of which one generation takes so long."""
    case = planned()
    recipe = msgspec.structs.replace(case.recipe, device=device)
    return msgspec.structs.replace(case, estimate_s=seconds, recipe=recipe)


@pytest.mark.parametrize(
    ("in_turns", "processes", "factors"), [(True, "6 to 8 processes", (6, 8)), (False, "1 to 3 processes", (1, 3))]
)
def test_estimate_is_of_all_processes(in_turns: bool, processes: str, factors: tuple[int, int]) -> None:
    """Without and with those that confirm."""
    cases = [long(60.0)]
    one_s = total_estimate_s(cases, QUICK)
    least, most = (f"{factor * one_s / 60:.0f}" for factor in factors)
    told = gate_estimate(cases, QUICK, in_turns=in_turns)
    assert told == f"gate: about {one_s / 60:.0f} min a process, {processes}: about {least} to {most} min"


def test_energy_is_of_stored_baselines_alone() -> None:
    """In turns no process generates again for it; against stored baselines each does, unless it is told not to."""
    cases = [msgspec.structs.replace(long(1.0), warmup=True)]
    plain, quick = (gate_estimate(cases, extras, in_turns=True) for extras in (Extras(), QUICK))
    assert plain == quick
    plain, quick = (gate_estimate(cases, extras, in_turns=False) for extras in (Extras(), QUICK))
    assert plain != quick


def test_estimate_tells_units_that_differ_and_what_nobody_can_tell() -> None:
    """Of a short process in seconds and minutes; of toys, which depend on the CPU, the least."""
    cases = [long(1.0)]
    one_s = total_estimate_s(cases, QUICK)
    assert 30 > one_s > 15
    assert gate_estimate(cases, QUICK, in_turns=False).endswith(f": about {one_s:.0f} to {3 * one_s:.0f} s")
    assert " s to " in gate_estimate([long(10.0)], QUICK, in_turns=False)
    assert gate_estimate([long(None)], QUICK, in_turns=True).endswith(" and 1 case of unknown length in each")
    toys = gate_estimate([long(0.1, "cpu")], QUICK, in_turns=True)
    assert toys.startswith("gate: at least ")
    assert ": at least " in toys


def test_documented_example_holds() -> None:
    """Seconds, minutes and hours."""
    assert doctest.testmod(length) == (0, 1)
