"""Budgets and claims of a suite speak of what exists: every unknown name is told with the table and the known ones."""

import re
from pathlib import Path

import msgspec
import pytest

from fixtures.budgets import BudgetTable
from fixtures.floors import FloorTable
from fixtures.gates import GateTable
from fixtures.suite import Block, read_suite
from reports.comparison_record import StudentTeacher
from reports.judged import Claim
from tests.inner_session import ROOT, collect
from tests.test_bad_input import SUITE, bare_folder, refused  # noqa: F401 - a fixture of this module too
from tests.test_suite import cases_of

BUDGET = """
[[budgets]]
scenario = "speed"
models = ["causvid-tiny"]
settings = ["small"]
peak_allocated_gib = 24
"""
CLAIM = """
[[claims]]
id = "first"
text = "21 s sampling"
quantities = ["sampling_s"]
value = 21
tolerance_pct = 10
candidates = [{ suite = "my", models = ["causvid-tiny"], settings = ["small"] }]
"""
OTHER = """
[settings.large]
width = 96
height = 64
frames = 9

[[cases]]
scenario = "quality"
models = ["wan2.1-t2v-tiny"]
settings = ["large"]
prompts = ["dogs"]
seeds = [0]
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"speed"', '"sped"', "`$.budgets[0]`: unknown scenario 'sped'; known: speed"),
        ('"causvid-tiny"', '"causvid-tniy"', "`$.budgets[0]`: unknown model 'causvid-tniy'; known: causvid-tiny"),
        ('"small"', '"smal"', "`$.budgets[0]`: unknown setting 'smal'; known: small"),
        ("peak", 'phase = "decod"\npeak', "`$.budgets[0]`: unknown phase 'decod' of causvid-tiny; known: encode_clip"),
        ("_gib = 24", "_mib = 24", "Object contains unknown field `peak_allocated_mib` - at `$.budgets[0]`"),
        ("_gib = 24", "_gib = 0", "Expected `float` > 0.0 - at `$.budgets[0].peak_allocated_gib`"),
        ("peak_allocated_gib = 24", "", "a budget without a limit; known: peak_allocated_gib, "),
        ('models = ["causvid-tiny"]', "models = []", "Expected `array` of length >= 1 - at `$.budgets[0].models`"),
    ],
)
def test_budget_of_something_unknown_is_refused(old: str, new: str, said: str) -> None:
    """A mistyped name would be a budget that nothing ever breaks."""
    assert old in BUDGET
    Path("my.toml").write_text(SUITE + BUDGET.replace(old, new, 1))
    assert said in refused("--suite", "my.toml")


def test_budget_that_covers_no_case_is_refused() -> None:
    """Its model and its setting both exist, and never together."""
    table = BUDGET.replace('"speed"', '"quality"').replace("causvid-tiny", "wan2.1-t2v-tiny")
    Path("my.toml").write_text(SUITE + OTHER + table.replace('"small"', '"large"'))
    assert collect("--suite", "my.toml").code == 0
    block = '[[cases]]\nscenario = "quality"\nmodels = ["causvid-tiny"]\nsettings = ["small"]\n'
    block += 'prompts = ["dogs"]\nseeds = [0]\n'
    Path("my.toml").write_text(SUITE + OTHER + block + table)
    assert "`$.budgets[0]`: covers no case; none of its models has one of its settings" in refused("--suite", "my.toml")


def test_budget_goes_to_the_cases_that_it_covers_and_no_others() -> None:
    """By scenario, model and setting; the published track has settings of its own."""
    published = SUITE[SUITE.index("[[cases]]") :].replace('"speed"', '"speed"\ntrack = "published"')
    Path("my.toml").write_text(SUITE + OTHER + published + BUDGET + BUDGET.replace('["small"]', '["small-published"]'))
    found = {case.setting: [b.source for b in case.budgets] for case in cases_of("my.toml")}
    assert found == {"small": ["suite my"], "small-published": ["suite my"], "large": []}
    Path("my.toml").write_text(
        SUITE + OTHER + BUDGET.replace('["small"]', '["*"]').replace('["causvid-tiny"]', '["*"]')
    )
    assert {case.setting: len(case.budgets) for case in cases_of("my.toml")} == {"small": 1, "large": 0}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('suite = "my"', 'suite = "mine"', "`$.claims[0]`: unknown suite 'mine'; known: paper, paper-14b, quick, "),
        ('"causvid-tiny"', '"nix"', "`$.claims[0]`: unknown model 'nix'; known: causvid-tiny"),
        ('"small"', '"*"', "`$.claims[0]`: unknown setting '*'; known: small"),
        ('suite = "my"', 'suite = "tiny"', "`$.claims[0]`: unknown setting 'small'; known: 64p9, 96p21"),
        (
            '"sampling_s"',
            '"sampling"',
            "Invalid enum value 'sampling' - at `$.claims[0].quantities[0]`; known: peak_al",
        ),
        ('"sampling_s"', '"sampling_s", "peak_device_gb"', "`quantities` have the units gb, s, but one value has one"),
        ('"sampling_s"', '"phase_s"', "holds phase_s, but a claim is about a whole generation"),
        ("value = 21", "value = inf", "`value` must be a finite number, not inf"),
        ("value = 21", "value = 0", "Expected `float` > 0.0 - at `$.claims[0].value`"),
        ("tolerance_pct = 10", "tolerance_pct = -1", "Expected `float` >= 0.0 - at `$.claims[0].tolerance_pct`"),
        (CLAIM, CLAIM + CLAIM, "`$.claims[1]`: id 'first' is that of an earlier claim"),
    ],
)
def test_claim_of_something_unknown_is_refused(old: str, new: str, said: str) -> None:
    """A mistyped candidate would be "not measured" for ever."""
    assert old in CLAIM
    Path("my.toml").write_text(SUITE + CLAIM.replace(old, new, 1))
    assert said in refused("--suite", "my.toml")


def test_examples_of_the_readme_are_read() -> None:
    """Its tables of pairs, budgets, floors, comparisons and claims are what a suite's file takes; so are the gate's."""
    texts = [(ROOT / name / "README.md").read_text(encoding="utf-8") for name in ("", "reports/gate")]
    blocks = [block for text in texts for block in re.findall(r"```toml\n(\[\[.*?)```", text, re.DOTALL)]
    pairs, budgets, floors, comparisons, claims, gates = (msgspec.toml.decode(block) for block in blocks)
    (pair,) = msgspec.convert(pairs["cases"], list[Block])
    assert (pair.against, pair.bands) == ("480p81", "few-step")
    (table,) = msgspec.convert(budgets["budgets"], list[BudgetTable])
    assert table.given() == {"peak_allocated_gib": 24.0, "prompt_to_host_s": 5.0}
    assert msgspec.convert(gates["gates"], list[GateTable])
    assert msgspec.convert(floors["floors"], list[FloorTable])
    assert msgspec.convert(comparisons["comparisons"], list[StudentTeacher]) == read_suite("paper").file.comparisons
    (claim,) = msgspec.convert(claims["claims"], list[Claim])
    assert claim.value == claims_by_id("paper")[claim.id].value


def claims_by_id(name: str) -> dict[str, Claim]:
    return {claim.id: claim for claim in read_suite(name).file.claims}


def test_paper_suites_hold_the_same_three_claims() -> None:
    """21.56 GB, 43 s and 21 s on one H100, each held against every candidate of both suites."""
    claims = claims_by_id("paper")
    assert claims == claims_by_id("paper-14b")
    assert {claim.value for claim in claims.values()} == {21.56, 43.0, 21.0}
    assert {claim.gpu for claim in claims.values()} == {"H100"}
    assert "cold_start_s" in claims["prompt-to-output"].quantities
    for claim in claims.values():
        named = [(c.suite, model, name) for c in claim.candidates for model in c.models for name in c.settings]
        assert ("paper", "causvid-1.3b", "480p432") in named
        assert ("paper-14b", "wan2.1-t2v-14b-causvid-lora", "480p81-8step-float8") in named
        for suite, model, setting in named:
            assert any(case.model.id == model and case.setting == setting for case in cases_of(suite))
