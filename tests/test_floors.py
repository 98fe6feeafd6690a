"""Quality floors as they are written, and in whole sessions on a CPU: a broken one fails its case inside the call."""

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fixtures.floors import FloorError, FloorTable, Wanted, marked_floors
from fixtures.selection import is_meant_for
from reports.judged import Floor
from reports.merge import read_plan, read_run
from tests.inner_session import Ended, bench
from tests.running import FAULT_MODELS, ROOT, write_suite

METRICS = ("brightness", "unique_frames")
MINE = ROOT / "tests" / "examples" / "brightness_metric.py"
# A metric that judges content, one that gives NaN, and one with limits of its own that every clip breaks.
METRIC = """
from fixtures.metrics.spec import Metric
from reports.judged import Limits
METRIC = Metric(id="{id}", unit="1", better="higher", judges_content={content}, measure=lambda clip: {value},
                source="a test", limits={limits})
"""
SCENARIO = """
import pytest

@pytest.mark.quality_floor({floor})
@pytest.mark.rounds(default=1, fresh_process={fresh})
def bench_clip(case, measure, benchmark):
    measure(case, benchmark)
"""


class Function:
    """Stands for a collected function: its node id and markers."""

    nodeid = "bench_mine.py::bench_generate"

    def __init__(self, *markers: pytest.MarkDecorator) -> None:
        self.markers = [marker.mark for marker in markers]

    def iter_markers(self) -> list[pytest.Mark]:
        return self.markers


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty folder, without a GPU, and forget an earlier test's scenario of the same name."""
    monkeypatch.delitem(sys.modules, "bench_mine", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.chdir(tmp_path)


def table(limits: str, **names: str) -> str:
    given = {"scenario": '"speed"', "models": '["faulty"]', "settings": '["*"]', "metric": '"brightness"'} | names
    return "\n".join(["[[floors]]", *(f"{name} = {value}" for name, value in given.items()), limits])


def session(folder: Path, *tables: str, arguments: tuple[object, ...] = ()) -> Ended:
    suite = write_suite(folder, {"fine": "fine"})
    suite.write_text(suite.read_text(encoding="utf-8") + "\n" + "\n".join(tables), encoding="utf-8")
    words = ("--models-dir", FAULT_MODELS, "--suite", suite, "--run-dir", folder / "run", "--rounds", "3")
    return bench(*words, f"--metric={MINE}", *arguments)


def only_case(folder: Path) -> Any:
    (case,) = read_run(folder / "run").cases
    return case


def metric_file(folder: Path, name: str, value: str, *, content: bool = False, limits: str = "None") -> str:
    path = folder / f"{name}_metric.py"
    path.write_text(METRIC.format(id=name, value=value, content=content, limits=limits), encoding="utf-8")
    return f"--metric={path}"


def test_markers_stack_and_name_themselves() -> None:
    """Several on one function; other markers are none of ours."""
    function: Any = Function(
        pytest.mark.quality_floor(metric="brightness", at_least=0.1, at_most=0.9),
        pytest.mark.rounds(default=1),
        pytest.mark.quality_floor(metric="unique_frames", at_least=1),
    )
    assert marked_floors(function, METRICS) == [
        Floor(metric="brightness", at_least=0.1, at_most=0.9, source="marker quality_floor"),
        Floor(metric="unique_frames", at_least=1.0, source="marker quality_floor"),
    ]


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        (pytest.mark.quality_floor("brightness", at_least=1), "unknown 'brightness'; give metric=NAME and at_least="),
        (pytest.mark.quality_floor(metric="bright", at_least=1), "unknown metric 'bright'; known: brightness, uni"),
        (pytest.mark.quality_floor(metric="brightness"), "a floor without `at_least` or `at_most`"),
        (pytest.mark.quality_floor(metric="brightness", at_leest=1), "unknown field `at_leest`"),
        (pytest.mark.quality_floor(metric="brightness", at_least="1"), "Expected `float | null`, got `str`"),
        (pytest.mark.quality_floor(metric="brightness", at_least=float("nan")), "must be a finite number, not nan"),
        (pytest.mark.quality_floor(at_least=1), "missing required field `metric`"),
    ],
)
def test_wrong_marker_is_refused_with_its_function_and_the_known_names(marker: pytest.MarkDecorator, said: str) -> None:
    """A typing error is told where it stands."""
    function: Any = Function(marker)
    with pytest.raises(FloorError) as raised:
        marked_floors(function, METRICS)
    assert str(raised.value).startswith("bench_mine.py::bench_generate: quality_floor: ")
    assert said in str(raised.value)


def test_limits_that_nothing_lies_between_are_refused() -> None:
    """Equal ones leave one value, crossed ones none; infinity limits nothing."""
    msgspec.convert({"metric": "m", "at_least": 1, "at_most": 1}, Wanted)
    with pytest.raises(msgspec.ValidationError, match="no value is within"):
        msgspec.convert({"metric": "m", "at_least": 1.1, "at_most": 1}, Wanted)
    with pytest.raises(msgspec.ValidationError, match="finite"):
        msgspec.convert({"metric": "m", "at_most": float("inf")}, Wanted)


@pytest.mark.parametrize(
    ("fields", "covered"),
    [
        ({}, True),
        ({"prompts": ["dogs"]}, True),
        ({"prompts": ["cats"]}, False),
        ({"settings": ["480p8"]}, False),
        ({"models": ["wan"]}, False),
        ({"scenario": "speed"}, False),
    ],
)
def test_table_covers_its_models_settings_scenario_and_prompts(fields: dict[str, object], covered: bool) -> None:
    """A sweep over a setting's fields keeps the setting's floor."""
    given = {"scenario": "quality", "models": ["*"], "settings": ["480p81"], "metric": "m", "at_least": 1} | fields
    one = msgspec.convert(given, FloorTable)
    assert is_meant_for(one, ("quality", "causvid", "480p81+attention=flash"), "dogs") is covered


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"metric": '"bright"'}, "`$.floors[0]`: unknown metric 'bright'; known: "),
        ({"models": '["faultless"]'}, "`$.floors[0]`: unknown model 'faultless'; known: faulty"),
        ({"settings": '["nativ"]'}, "`$.floors[0]`: unknown setting 'nativ'; known: native"),
        ({"scenario": '"sped"'}, "`$.floors[0]`: unknown scenario 'sped'; known: speed"),
        ({"prompts": '["fin"]'}, "`$.floors[0]`: unknown prompt 'fin'; known: fine"),
        ({"metrik": '"brightness"'}, "unknown field `metrik`"),
    ],
)
def test_unknown_name_ends_the_session_before_anything_is_loaded(
    tmp_path: Path, names: dict[str, str], said: str
) -> None:
    """Exit code 4, one sentence with the known names, and no run's folder."""
    ended = session(tmp_path, table("at_least = 0", **names))
    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert said in ended.output
    assert "Traceback" not in ended.output
    assert not (tmp_path / "run").exists()


def test_broken_floor_fails_its_case_in_the_call_and_keeps_what_was_measured(tmp_path: Path) -> None:
    """With the numbers in the reason, the verdict in the record, and exit code 1; kept is a floor that is met."""
    ended = session(tmp_path, table("at_least = 1.5"), table("at_most = 1"))
    assert ended.code == 1
    case = only_case(tmp_path)
    assert case.status == "failed"
    assert "bench_generate[faulty-native-fine-s0]: brightness 0." in case.reason
    assert "is below the suite faults's limit of 1.5 by " in case.reason
    assert [one.verdict for one in case.measurement.floors] == ["fail", "within"]
    assert len(case.measurement.rounds) == 3
    assert (tmp_path / "run" / case.measurement.video).is_file()
    assert "1 failed" in ended.output


def test_report_tells_of_a_breach_without_failing(tmp_path: Path) -> None:
    """The case passes, its row and every view say that its clip is broken."""
    ended = session(tmp_path, table("at_least = 1.5"), arguments=("--quality", "report"))
    assert (ended.code, only_case(tmp_path).status) == (0, "passed")
    assert ", QUALITY BROKEN" in ended.output
    for view in ("summary.txt", "report.html"):
        text = " ".join((tmp_path / "run" / view).read_text(encoding="utf-8").split())
        assert "quality broken: faulty fine s0 native: brightness 0." in text
        assert ", reported only" in text


def test_a_metrics_own_limit_fails_or_warns(tmp_path: Path) -> None:
    """No floor is needed: beyond its fail limit a case fails; beyond the other it passes, and its row tells."""
    limits = 'Limits(source="a test", looks_like="a dim clip", warn_below={}, fail_below={})'
    metric = metric_file(tmp_path, "dim", "0.25", limits=limits.format(0.5, 0.2))
    ended = session(tmp_path, arguments=(metric,))
    assert ended.code == 0
    assert ", QUALITY WARNING dim" in ended.output
    (tmp_path / "two").mkdir()
    metric = metric_file(tmp_path / "two", "dim", "0.25", limits=limits.format(0.5, 0.3))
    assert session(tmp_path / "two", arguments=(metric,)).code == 1
    assert "dim 0.25 is below its fail limit of 0.3 by 0.05: a dim clip" in only_case(tmp_path / "two").reason


@pytest.mark.parametrize(
    ("value", "content", "code", "verdict", "said"),
    [
        ("float('nan')", False, 1, "fail", "odd has no value: the metric gave nan"),
        ("1 / 0", False, 1, "fail", "odd has no value: metric 'odd' raised ZeroDivisionError"),
        ("0.0", True, 0, "not judged", "not applicable: "),
    ],
)
def test_missing_value_fails_unless_the_metric_is_not_applicable(
    tmp_path: Path, value: str, content: bool, code: int, verdict: str, said: str
) -> None:
    """NaN and an error fail closed; a metric of content says nothing of weights that make none."""
    metric = metric_file(tmp_path, "odd", value, content=content)
    assert session(tmp_path, table("at_least = 0.5", metric='"odd"'), arguments=(metric,)).code == code
    (judged,) = only_case(tmp_path).measurement.floors
    assert (judged.verdict, judged.actual) == (verdict, None)
    assert said in judged.explanation


@pytest.mark.parametrize(("least", "code"), [("0.0", 0), ("1.5", 1)])
def test_marker_on_a_persons_own_scenario_is_judged(tmp_path: Path, least: str, code: int) -> None:
    """Of every case of the function; it stands in the plan."""
    path = tmp_path / "bench_mine.py"
    path.write_text(SCENARIO.format(floor=f"metric='brightness', at_least={least}", fresh=False), encoding="utf-8")
    suite = write_suite(tmp_path, {"fine": "fine"}, scenarios=["mine"])
    words = (path, "--models-dir", FAULT_MODELS, "--suite", suite, "--run-dir", tmp_path / "run", f"--metric={MINE}")
    assert bench(*words).code == code
    (planned,) = read_plan(tmp_path / "run").cases
    assert planned.floors == [Floor(metric="brightness", at_least=float(least), source="marker quality_floor")]


@pytest.mark.parametrize(
    ("floor", "fresh", "said"),
    [
        ("metric='bright', at_least=1", False, "quality_floor: unknown metric 'bright'; known: "),
        ("metric='brightness', at_least=1", True, "the clips of fresh processes are measured by no metric"),
    ],
)
def test_wrong_marker_ends_the_session_with_exit_code_4_and_a_sentence(
    tmp_path: Path, floor: str, fresh: bool, said: str
) -> None:
    """Before anything is loaded, and without a traceback."""
    path = tmp_path / "bench_mine.py"
    path.write_text(SCENARIO.format(floor=floor, fresh=fresh), encoding="utf-8")
    suite = write_suite(tmp_path, {"fine": "fine"}, scenarios=["mine"])
    ended = bench(path, "--models-dir", FAULT_MODELS, "--suite", suite, f"--metric={MINE}")
    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert said in ended.output
    assert "Traceback" not in ended.output


def test_case_that_failed_before_says_that_its_floors_were_not_judged(tmp_path: Path) -> None:
    """Its clip is another than was asked for; the first reason stays."""
    suite = write_suite(tmp_path, {"fine": "fault count 2"})
    suite.write_text(f"{suite.read_text()}\n{table('at_least = 1.5')}", encoding="utf-8")
    words = ("--models-dir", FAULT_MODELS, "--suite", suite, "--run-dir", tmp_path / "run", f"--metric={MINE}")
    assert bench(*words).code == 1
    case = only_case(tmp_path)
    assert "asked was 1 clip" in case.reason
    (judged,) = case.measurement.floors
    assert (judged.verdict, judged.explanation) == ("not judged", "the case ended before it was judged")
