"""The paper defines every metric: each id has a sentence, no sentence has a number that its metric's file has not."""

import importlib
import re
from pathlib import Path

import msgspec
import pytest

import fixtures.learned
import fixtures.metrics
import fixtures.paired
from fixtures.learned.finding import find_scorers
from fixtures.metrics.spec import find_metrics
from fixtures.paired.spec import comparisons
from reports.measured import MetricValue
from reports.paper.citations import METRICS
from reports.paper.document import Table
from reports.paper.metric_definitions import BY_THE_USER, DEFINITIONS
from reports.paper.metrics import metrics
from reports.record import Run
from tests.paper_samples import published
from tests.reports_samples import case_of, planned, run_of

# Of records from before `unique_frames`, and the one comparison that is no COMPARISON.
RETIRED, LPIPS = "duplicate_frames", "lpips"


def _files() -> dict[str, str]:
    """Give the text of each metric's, scorer's and comparison's file by its id."""
    files = {LPIPS: _text("fixtures.learned.perceptual_distance")}
    for package in (fixtures.metrics, fixtures.learned, fixtures.paired):
        for path in Path(package.__path__[0]).glob("[a-z]*.py"):
            module = importlib.import_module(f"{package.__name__}.{path.stem}")
            for constant in ("METRIC", "SCORER", "COMPARISON"):
                if hasattr(module, constant):
                    files[getattr(module, constant).id] = path.read_text(encoding="utf-8")
    return files


def _text(module: str) -> str:
    return Path(str(importlib.import_module(module).__file__)).read_text(encoding="utf-8")


def test_every_metric_scorer_and_comparison_is_defined() -> None:
    """The mapping holds the ids of fixtures and no others, but for one that old records hold."""
    known = {*find_metrics(), *find_scorers(), *(one.id for one in comparisons()), LPIPS}
    assert DEFINITIONS.keys() - {RETIRED} == known == _files().keys()
    assert METRICS.keys() <= known
    assert all(definition.text and definition.source for definition in DEFINITIONS.values())


@pytest.mark.parametrize("id_", sorted(DEFINITIONS.keys() - {RETIRED}))
def test_numbers_of_a_definition_stand_in_the_metrics_file(id_: str) -> None:
    """A constant that is changed in the file, or misspelled in the sentence, is seen."""
    told = set(re.findall(r"\d+(?:\.\d+)?", " ".join(DEFINITIONS[id_])))
    assert told - set(re.findall(r"\d+(?:\.\d+)?", _files()[id_])) == set()


def _rows(*runs: Run) -> dict[str, tuple[object, ...]]:
    [table] = [block for block in metrics(runs) if isinstance(block, Table) and block.label == "tab:metrics"]
    return {str(getattr(row[0][0], "text", "")): row for row in table.rows}


@pytest.mark.parametrize("name", ["quick", "settings", "smoke"])
def test_table_defines_whatever_a_run_holds(name: str) -> None:
    """Every id of the record has its row, with a definition of ours."""
    [run] = published(name)
    measured = [case.measurement for case in run.cases if case.measurement is not None]
    ids = {metric.id for one in measured for metric in one.metrics}
    ids |= {distance.id for one in measured for pair in one.pairs for distance in pair.compared.distances}
    rows = _rows(run)
    assert rows.keys() == ids
    assert {id_: row[1] for id_, row in rows.items()} == {id_: (DEFINITIONS[id_].text,) for id_ in ids}


def test_metric_of_a_file_of_the_user_is_said_to_be_so() -> None:
    """Its unit and direction are the record's, its definition is not made up."""
    case = case_of(planned(), 4.0)
    assert case.measurement is not None
    own = MetricValue(id="mine", value=1.0, unit="apples", better="higher")
    case = msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, metrics=[own]))
    row = _rows(run_of(case))["mine"]
    shown = [getattr(piece, "text", piece) for cell in row for piece in cell]  # type: ignore[attr-defined]
    assert shown == ["mine", BY_THE_USER.text, "apples", "higher", BY_THE_USER.source]
