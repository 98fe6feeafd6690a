"""Budgets as they are written: a suite's table, a marker, and everything in either that could never be judged."""

import typing
from typing import Any

import msgspec
import pytest

from fixtures.budgets import MARKERS, BudgetError, BudgetTable, Limits, check_phase, marked_budgets
from fixtures.selection import is_meant_for
from models.discover import discover
from reports.judged import Budget
from reports.quantities import OF_A_PHASE, QUANTITIES, WORDS, unit_of

SPECS = discover()
CAUSVID = SPECS["causvid-1.3b"]


class Function:
    """Stands for a collected function: its node id and markers."""

    nodeid = "bench_mine.py::bench_generate"

    def __init__(self, *markers: pytest.MarkDecorator) -> None:
        self.markers = [marker.mark for marker in markers]

    def iter_markers(self) -> list[pytest.Mark]:
        return self.markers


def marked(*markers: pytest.MarkDecorator, models: tuple[str, ...] = ("causvid-1.3b",)) -> list[Budget]:
    function: Any = Function(*markers)
    return marked_budgets(function, [SPECS[model] for model in models])


def table(**fields: object) -> BudgetTable:
    given = {"scenario": "speed", "models": ["*"], "settings": ["*"], "prompt_to_host_s": 5} | fields
    return msgspec.convert(given, BudgetTable)


def test_every_quantity_has_a_limit_words_and_a_marker() -> None:
    """Whoever adds a quantity to the record adds it to a table's fields and to the words for people."""
    assert tuple(n for n in typing.get_type_hints(Limits) if n not in ("gpu", "phase")) == QUANTITIES
    assert {name.rpartition("_")[0] for name in QUANTITIES} == set(WORDS)
    assert sorted([*MARKERS["vram_budget"], *MARKERS["latency_budget"]]) == sorted(QUANTITIES)
    assert {unit_of(name) for name in MARKERS["latency_budget"]} == {"s"}


def test_table_of_several_limits_is_a_budget_each() -> None:
    """They share phase and GPU; numbers without a point are numbers too."""
    limits = table(peak_allocated_gib=24, gpu="H100").budgets("suite mine")
    assert limits == [
        Budget(quantity="peak_allocated_gib", limit=24.0, phase=None, gpu="H100", source="suite mine"),
        Budget(quantity="prompt_to_host_s", limit=5.0, phase=None, gpu="H100", source="suite mine"),
    ]


@pytest.mark.parametrize(
    ("fields", "covered"),
    [
        ({}, True),
        ({"models": ["wan", "causvid"]}, True),
        ({"models": ["wan"]}, False),
        ({"settings": ["480p81"]}, True),
        ({"settings": ["480p8"]}, False),
        ({"scenario": "quality"}, False),
    ],
)
def test_table_covers_its_models_settings_and_scenario(fields: dict[str, object], covered: bool) -> None:
    """A sweep over a setting's fields keeps the setting's budget."""
    assert is_meant_for(table(**fields), ("speed", "causvid", "480p81+attention=native_flash")) is covered


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "a budget without a limit; known: peak_allocated_gib, peak_allocated_gb, "),
        ({"prompt_to_host_s": 0}, "Expected `float` > 0.0"),
        ({"prompt_to_host_s": float("inf")}, "`prompt_to_host_s` must be a finite number, not inf"),
        ({"prompt_to_host_s": float("nan")}, "prompt_to_host_s"),
        ({"peak_allocated_mb": 5}, "unknown field `peak_allocated_mb`"),
        ({"phase": "decode", "prompt_to_host_s": 5}, f"is of the whole clip; of a phase there are {OF_A_PHASE[0]}"),
        ({"phase_s": 5}, "`phase_s` needs a `phase`"),
        ({"peak_allocated_gb": 5, "gpu": " "}, "`gpu` is empty"),
    ],
)
def test_limit_that_could_never_be_judged_is_refused(fields: dict[str, object], said: str) -> None:
    """It would pass for ever."""
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.convert(fields, Limits)
    assert said in str(raised.value)


def test_markers_stack_and_name_themselves() -> None:
    """Memory and time, in all and of a phase, on one function; other markers are none of ours."""
    found = marked(
        pytest.mark.vram_budget(peak_allocated_gib=24, peak_device_gb=30),
        pytest.mark.latency_budget(phase="encode_frame", phase_s=0.5, gpu="H100"),
        pytest.mark.rounds(default=3),
    )
    assert [(b.quantity, b.limit, b.phase, b.gpu, b.source) for b in found] == [
        ("peak_allocated_gib", 24.0, None, None, "marker vram_budget"),
        ("peak_device_gb", 30.0, None, None, "marker vram_budget"),
        ("phase_s", 0.5, "encode_frame", "H100", "marker latency_budget"),
    ]


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        (pytest.mark.vram_budget(24), "vram_budget: unknown 24; give NAME=LIMIT, known: peak_allocated_gib, "),
        (pytest.mark.vram_budget(prompt_to_host_s=5), "vram_budget: unknown prompt_to_host_s; give NAME=LIMIT, known"),
        (pytest.mark.latency_budget(prompt_to_host=5), "latency_budget: unknown prompt_to_host; give NAME=LIMIT"),
        (pytest.mark.latency_budget(), "latency_budget: a budget without a limit"),
        (pytest.mark.vram_budget(peak_allocated_gib="24"), "Expected `float | null`, got `str`"),
        (
            pytest.mark.vram_budget(peak_allocated_gib=24, phase="decoding"),
            "vram_budget: unknown phase 'decoding' of causvid-1.3b; known: encode_clip, encode_frame, text_encode, ",
        ),
    ],
)
def test_wrong_marker_is_refused_with_its_function_and_the_known_names(marker: pytest.MarkDecorator, said: str) -> None:
    """A typing error is told where it stands."""
    with pytest.raises(BudgetError) as raised:
        marked(marker)
    assert str(raised.value).startswith("bench_mine.py::bench_generate: ")
    assert said in str(raised.value)


def test_phase_is_that_of_every_model_that_the_limit_is_for() -> None:
    """Only the causal models encode a frame again."""
    limits = Limits(phase="encode_frame", phase_s=1.0)
    check_phase(limits, [CAUSVID], "here")
    with pytest.raises(BudgetError, match=r"^here: unknown phase 'encode_frame' of wan2\.1-t2v-1\.3b; known: text_enc"):
        check_phase(limits, [CAUSVID, SPECS["wan2.1-t2v-1.3b"]], "here")
