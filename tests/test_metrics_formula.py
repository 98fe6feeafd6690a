"""The hash of the code behind a metric's number: what changes it, what does not, and that every metric has its own."""

import re
from pathlib import Path

import pytest

from fixtures.learned.finding import find_scorers
from fixtures.metrics import formula as formula_module
from fixtures.metrics.formula import formula_of
from fixtures.metrics.spec import apply_metric, find_metrics
from tests.textured_clip import as_clip, textured

METRIC = '''"""What it is."""

from fixtures.metrics.spec import Metric
from reports.judged import Limits


def half(clip: Clip) -> float:
    """Give half a frame's mean."""
    return float(clip.frames_TCHW.float().mean()) / 2  # of all pixels


METRIC = Metric(
    id="half", unit="codes", better="neither", judges_content=True, measure=half, source="a test",
    limits=Limits(source="here", looks_like="dark", warn_below=12.0),
)
'''


def of(folder: Path, text: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "half.py").write_text(text, encoding="utf-8")
    return formula_of(folder / "half.py")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# of all pixels", "# of each"),
        ("Give half a frame's mean.", "Give the half."),
        ("What it is.", "What it was."),
        ('source="a test"', 'source="a book"'),
        ("warn_below=12.0", "warn_below=11.0"),
        ('unit="codes", better="neither"', 'unit="codes",\n    better="neither"'),
        ('source="a test"', 'source="a test", least=0, most=127.5'),
    ],
)
def test_what_tells_of_a_number_or_judges_it_is_no_formula(old: str, new: str, tmp_path: Path) -> None:
    """Comments, docstrings, layout, sources, limits, range; nor where the file lies."""
    assert METRIC.count(old) == 1
    assert of(tmp_path, METRIC.replace(old, new)) == of(tmp_path / "elsewhere", METRIC)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/ 2", "/ 3"),
        (".mean()", ".median()"),
        ('unit="codes"', 'unit="1"'),
        ("judges_content=True", "judges_content=False"),
        ("measure=half", "measure=lambda clip: 2 * half(clip)"),
        ("from reports", "from fixtures.metrics.flow import fetch\nfrom reports"),
    ],
)
def test_what_makes_a_number_is_its_formula(old: str, new: str, tmp_path: Path) -> None:
    """The function, what METRIC does with it, its unit, and what is imported."""
    assert METRIC.count(old) == 1
    assert of(tmp_path, METRIC.replace(old, new)) != of(tmp_path, METRIC)


def test_a_plane_that_changes_changes_the_formulas_that_rest_on_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also through another file; what defines a metric does not, and the standard library is none of ours."""
    folder = tmp_path / "fixtures" / "metrics"
    folder.mkdir(parents=True)
    monkeypatch.setattr(formula_module, "FIXTURES", folder.parent)
    monkeypatch.setattr(formula_module, "CONTRACTS", frozenset({folder / "spec.py"}))
    texts = {
        "one": "import math\nfrom fixtures.metrics.planes import plane\nfrom fixtures.metrics.spec import Metric\n",
        "planes": "import fixtures.metrics.motion\nplane = 1\n",
        "motion": "speed = 2\n",
        "spec": "Metric = 3\n",
        "two": "from fixtures.metrics import motion\n",
        "three": "number = 4\n",
    }
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    before = {name: formula_of(folder / f"{name}.py") for name in ("one", "two", "three")}
    (folder / "spec.py").write_text("Metric = 5\n", encoding="utf-8")
    assert {name: formula_of(folder / f"{name}.py") for name in before} == before
    (folder / "motion.py").write_text("speed = 6\n", encoding="utf-8")
    after = {name: formula_of(folder / f"{name}.py") for name in before}
    assert [name for name in before if after[name] != before[name]] == ["one", "two"]


def test_every_metric_and_scorer_has_a_formula_of_its_own() -> None:
    """Twelve digits each, and a clip's value says which."""
    found = {id_: metric.formula for id_, metric in find_metrics().items()}
    found |= {id_: scorer.formula for id_, scorer in find_scorers().items()}
    assert [id_ for id_, formula in found.items() if not re.fullmatch("[0-9a-f]{12}", formula)] == []
    assert len(set(found.values())) == len(found)
    clip = as_clip(textured(2))
    for id_ in ("y_mean", "seam_ratio"):  # one with a value, one that is not applicable
        assert apply_metric(find_metrics()[id_], clip, "hub").formula == found[id_]
