"""Comparisons of a suite: looked up before anything is loaded, and judged at the end of a whole session on the CPU."""

import dataclasses
import doctest
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fixtures import comparisons as comparisons_module
from fixtures.case_values import resolved
from fixtures.choice import known_metrics
from fixtures.comparisons import Known, comparisons_of, contradiction, seams_at
from fixtures.metrics.spec import find_metrics
from fixtures.suite import Suite, SuiteError, read_suite
from models.discover import discover
from models.spec import ModelSpec, Recipe, Request
from reports.judged import Margin
from reports.margins import DIVERSITY, OVER_PROMPTS
from reports.merge import read_plan, read_run
from tests.inner_session import bench, collect
from tests.test_suite import cases_of

METRIC = """
from fixtures.metrics.spec import Metric

METRIC = Metric(
    id="contrast", unit="codes", better="higher", judges_content=False, source="a test",
    measure=lambda clip: float(clip.frames_TCHW.double().std()),
)
"""
SUITE = """description = "toys"
[matched]
transformer_dtype = "float32"
text_encoder_dtype = "float32"
vae_dtype = "float32"
attention = "native_math"
[settings.64p9]
width = 64
height = 64
frames = 9
[[cases]]
scenario = "quality"
models = ["causvid-tiny", "wan2.1-t2v-tiny"]
settings = ["64p9"]
prompts = ["dogs", "campfire", "sailboat"]
seeds = [0]
"""


def table(name: str, margin: str = "", **changes: str) -> str:
    """Write a `[[comparisons]]` table with one margin on the contrast of the clips."""
    fields = {
        "students": '["causvid-tiny"]',
        "settings": '["64p9"]',
        "teacher": '"wan2.1-t2v-tiny"',
        "teacher_setting": '"64p9"',
    } | changes
    lines = [f"{key} = {value}" for key, value in fields.items()]
    lines += [f"margins = [{{ {margin}, better = 'higher', why = 'flat pictures' }}]"] if margin else []
    return "\n".join(["[[comparisons]]", f'id = "{name}"', *lines, ""])


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty folder with a metric of one's own, without a GPU."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.chdir(tmp_path)
    Path("contrast.py").write_text(METRIC, encoding="utf-8")


def write(*tables: str) -> tuple[object, ...]:
    """Write the suite and give the options that run it."""
    Path("toys.toml").write_text("\n".join([SUITE, *tables]), encoding="utf-8")
    return ("--suite", "toys.toml", "--metric=contrast.py")


def contrast(absolute: float) -> str:
    return f"metric = 'contrast', absolute = {absolute}"


def test_pass_fail_and_inconclusive_end_to_end() -> None:
    """Toy CausVid's clips have 1.9 codes less contrast: 5 may be lost, 0.5 may not, and 2 three prompts cannot tell."""
    ended = bench(*write(table("lax", contrast(5)), table("hard", contrast(0.5))), "--run-dir", "run")
    assert ended.code == 1, ended.output
    run = read_run(Path("run"))
    assert {case.status for case in run.cases} == {"passed"}
    assert {one.comparison: one.rows[0].verdict for one in run.verdicts} == {"lax": "PASS", "hard": "FAIL"}
    assert "student causvid-tiny 64p9 against teacher wan2.1-t2v-tiny 64p9 (hard): FAIL" in ended.output
    assert "student causvid-tiny 64p9 against teacher wan2.1-t2v-tiny 64p9 (hard): FAIL" in Path(
        "run/report.html"
    ).read_text(encoding="utf-8")
    told = bench(*write(table("hard", contrast(0.5))), "--run-dir", "told", "--quality", "report")
    assert (told.code, "(hard): FAIL" in told.output) == (0, True)


@pytest.mark.parametrize(("quality", "code"), [("enforce", 0), ("strict", 1)])
def test_inconclusive_is_told_and_fails_only_strictly(quality: str, code: int) -> None:
    """With how many more prompts would probably decide."""
    ended = bench(*write(table("near", contrast(2))), "--run-dir", "run", "--quality", quality)
    assert ended.code == code, ended.output
    assert "  INCONCLUSIVE: contrast -1.8" in ended.output
    assert "more prompts would decide" in ended.output


def test_default_margins_go_into_the_plan() -> None:
    """A later version's margins do not change what this run is judged by; toys give no content to judge."""
    ended = bench(*write(table("all")), "--run-dir", "run")
    assert ended.code == 0, ended.output
    (comparison,) = read_plan(Path("run")).comparisons
    assert comparison.margins == list(OVER_PROMPTS)
    (line,) = [line for line in ended.output.splitlines() if "not applicable: tiny weights: " in line]
    assert "flow95" in line


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (table("a", teacher='"wan"'), "unknown model 'wan'; known: causvid-tiny, wan2.1-t2v-tiny"),
        (table("a", students='["causvid"]'), "unknown model 'causvid'"),
        (table("a", settings='["96p21"]'), "unknown setting '96p21'; known: 64p9"),
        (table("a", teacher_setting='"96p21"'), "unknown setting '96p21'"),
        (table("a", scenario='"speed"'), "unknown scenario 'speed'; known: quality"),
        (table("a", "metric = 'contrats', absolute = 1"), "unknown metric 'contrats'"),
        (table("a") + table("a"), "`$.comparisons[1]`: id 'a' is that of an earlier comparison"),
        (table("a", students='["wan2.1-t2v-tiny"]'), "wan2.1-t2v-tiny 64p9 is held against itself"),
        (
            table("a", "metric = 'warp_mse', absolute = 0.001"),
            "`$.comparisons[0]`: the margin of warp_mse says that higher",
        ),
        (
            table("a", "metric = 'unique_frames', absolute = 1"),
            "the margin of unique_frames of 1 is as wide as the metric",
        ),
        (table("a", "metric = 'contrast'"), "needs one of `absolute` and `of_teacher_pct`"),
        (table("a", color='"red"'), "unknown field `color`"),
    ],
)
def test_mistyped_comparison_ends_the_session_before_anything_is_loaded(wrong: str, told: str) -> None:
    """Exit code 4 and one sentence that names the table's place and the known names."""
    ended = collect(*write(wrong))
    assert ended.code == 4
    assert told in ended.output
    assert "comparisons" in ended.output


@pytest.mark.parametrize(
    ("margin", "known", "told"),
    [
        ({"better": "lower", "absolute": 0.1}, ("lower", 0, 1), ""),
        ({"better": "higher", "absolute": 0.1}, ("lower", 0, 1), "says that higher is better"),
        ({"better": "higher", "of_teacher_pct": 30}, ("lower", 0, 1), "says that higher is better"),
        ({"better": "lower", "absolute": 0.1}, ("higher", 0, 1), "says that lower is better"),
        ({"better": "higher", "absolute": 0.1}, ("neither", 0, 1), ""),
        ({"better": "lower", "absolute": 0.1, "magnitude": True}, ("higher", -1, 1), ""),
        ({"better": "higher", "absolute": 0.1, "magnitude": True}, ("lower", 0, 1), "says that higher is better"),
        ({"better": "higher", "absolute": 0.1, "magnitude": True}, ("lower", -1, 1), "says that higher is better"),
        ({"better": "higher", "absolute": 0.1, "magnitude": True}, ("neither", -1, 1), ""),
        ({"better": "lower", "absolute": 0.999}, ("lower", 0, 1), ""),
        ({"better": "lower", "absolute": 1.0}, ("lower", 0, 1), "of 1 is as wide as the metric, which has 0 to 1"),
        ({"better": "lower", "absolute": 1.999}, ("lower", -1, 1), ""),
        ({"better": "lower", "absolute": 1.0, "magnitude": True}, ("neither", -1, 1), "as wide as the metric"),
        ({"better": "lower", "absolute": 1e9}, ("lower", 0, math.inf), ""),
    ],
)
def test_margin_that_its_metric_contradicts_is_told(
    margin: dict[str, Any], known: tuple[Any, float, float], told: str
) -> None:
    """The other direction, and all that the metric can be: just under, equal, and without an end."""
    found = contradiction(Margin(metric="a", why="a test", **margin), Known(*known))
    assert told in found
    assert bool(told) == bool(found)


# Of these 0 is the best, and a value on either side of it is worse.
OF_BOTH_SIGNS = {"chroma_drift", "chroma_slope", "contrast_drift", "L_drift", "sharp_drift"}


def test_no_metrics_margin_of_sizes_guards_the_direction_that_is_worse() -> None:
    """Each metric says its least, if its definition has one; only of both signs the smaller size may be better."""
    metrics = find_metrics()
    known = {id_: one for id_, one in known_metrics(metrics).items() if id_ in metrics}
    assert {id_ for id_, one in known.items() if one.least < 0 < one.most} == OF_BOTH_SIGNS
    for wrong, better in (("higher", "lower"), ("lower", "higher")):
        margin = Margin(metric="", why="a slip", better=wrong, absolute=1e-6, magnitude=True)  # type: ignore[arg-type]
        refused = {id_ for id_, one in known.items() if contradiction(margin, one)}
        against = {id_ for id_, one in known.items() if one.better == better}
        assert refused == (against if wrong == "higher" else against - OF_BOTH_SIGNS)


def test_starting_margins_agree_with_their_metrics() -> None:
    """Those that hold where a suite names none are never read from one."""
    known = known_metrics(find_metrics())
    assert [m.metric for m in OVER_PROMPTS if m.metric != DIVERSITY and contradiction(m, known[m.metric])] == []
    assert doctest.testmod(comparisons_module).failed == 0


def test_paper_holds_the_distilled_models_against_their_teacher() -> None:
    """Of both students of the quality cases, by the starting margins."""
    (comparison,) = comparisons_of(read_suite("paper"), known_metrics(find_metrics()))
    assert comparison.students == ["causvid-1.3b", "causvid-1.3b-bidirectional"]
    assert (comparison.teacher, comparison.margins) == ("wan2.1-t2v-1.3b", list(OVER_PROMPTS))


SEEN = METRIC.replace("contrast", "seen").replace(
    "float(clip.frames_TCHW.double().std())", "float(sum(clip.block_starts) or -sum(clip.seams_at))"
)


def test_teachers_clips_are_looked_at_where_the_students_blocks_begin() -> None:
    """Toy CausVid's second block begins with frame 9; its teacher's clip has no blocks and is looked at there."""
    words = write(table("seams").replace("64p9", "64p21"))
    suite = Path("toys.toml")
    suite.write_text(
        suite.read_text(encoding="utf-8").replace("64p9", "64p21").replace("= 9", "= 21"), encoding="utf-8"
    )
    Path("seen.py").write_text(SEEN, encoding="utf-8")
    ended = bench(*words, "--metric=seen.py", "--run-dir", "run", "--prompt", "dogs")
    assert ended.code == 0, ended.output
    seen = {
        case.plan.model.id: metric.value
        for case in read_run(Path("run")).cases
        for metric in (case.measurement.metrics if case.measurement else ())
        if metric.id == "seen"
    }
    assert seen == {"causvid-tiny": 9.0, "wan2.1-t2v-tiny": -9.0}


def test_paper_looks_for_seams_in_every_clip_of_the_comparison() -> None:
    """Also in the teacher's rows with fewer steps and the other student's, in one piece; not where none is compared."""
    cases = cases_of("paper")
    quality = [case for case in cases if case.scenario == "quality"]
    assert len({(case.model.id, case.setting) for case in quality}) > 10
    assert {tuple(case.seams_at) for case in quality} == {(9, 21, 33, 45, 57, 69)}
    assert not any(case.seams_at for case in cases if (case.model.id, case.scenario) == ("wan2.1-t2v-1.3b", "speed"))


STUDENT, OTHER, TEACHER = "causvid-1.3b", "causvid-1.3b-bidirectional", "wan2.1-t2v-1.3b"


def two_grids() -> dict[str, ModelSpec]:
    """Give the models, the bidirectional student as if it had blocks that begin elsewhere."""
    specs = dict(discover())
    return {**specs, OTHER: dataclasses.replace(specs[OTHER], block_starts=lambda _: (5, 9, 13, 17))}


def made_in(suite: Suite, spec: ModelSpec, setting: str) -> tuple[Recipe, Request]:
    """Give what a model is loaded as and asked for in a setting of the suite."""
    recipe, request, _ = resolved(suite, "matched", spec, "random", (setting, suite.file.settings[setting]))
    return recipe, request


def test_clips_in_one_piece_that_two_block_grids_ask_for_are_refused() -> None:
    """One number cannot be beside both; a model with blocks of its own is looked at there."""
    specs, suite = two_grids(), read_suite("paper")
    made = made_in(suite, specs[TEACHER], "480p81")
    assert seams_at(suite, specs, ("quality", OTHER, "480p81"), made) == (5, 9, 13, 17)
    in_one_piece = made_in(suite, discover()[OTHER], "480p81")
    for setting in ("480p81", "480p81+attention=native_math"):
        assert seams_at(suite, discover(), ("quality", OTHER, setting), in_one_piece) == (9, 21, 33, 45, 57, 69)
    assert seams_at(suite, specs, ("speed", TEACHER, "480p81"), made) == ()
    told = f"{STUDENT} with 9, 21, 33, … and {OTHER} with 5, 9, 13, …; its clips"
    for setting in ("480p81", "480p81+attention=native_math", "480p81-4step"):
        with pytest.raises(SuiteError, match=told):
            seams_at(suite, specs, ("quality", TEACHER, setting), made_in(suite, specs[TEACHER], setting.split("+")[0]))


def test_two_block_grids_in_settings_of_their_own_are_no_quarrel() -> None:
    """A clip in one piece is looked at as its own setting's comparison asks, its teacher's of fewer steps as well."""
    specs, suite = two_grids(), read_suite("paper")
    (both,) = suite.file.comparisons
    apart = [
        msgspec.structs.replace(both, id="one", students=[STUDENT]),
        msgspec.structs.replace(both, id="two", students=[OTHER], settings=["720p81"], teacher_setting="720p81"),
    ]
    suite = dataclasses.replace(suite, file=msgspec.structs.replace(suite.file, comparisons=apart))
    seen = {
        setting: seams_at(suite, specs, ("quality", TEACHER, setting), made_in(suite, specs[TEACHER], setting))
        for setting in ("480p81", "480p81-4step", "480p81-16step-nocfg", "720p81")
    }
    grid = (9, 21, 33, 45, 57, 69)
    assert seen == {
        "480p81": grid, "480p81-4step": grid, "480p81-16step-nocfg": grid, "720p81": (5, 9, 13, 17)
    }  # fmt: skip
    recipe, request = made_in(suite, specs[TEACHER], "480p81")
    other = msgspec.structs.replace(request, negative_prompt="blurred", guidance_scale=1.0)
    assert seams_at(suite, specs, ("quality", TEACHER, "480p81-row"), (recipe, other)) == grid
    whole = msgspec.structs.replace(recipe, decode="whole")
    assert seams_at(suite, specs, ("quality", TEACHER, "480p81-whole"), (whole, request)) == ()


def test_strict_still_fails_a_case_by_its_floor() -> None:
    """What --quality enforces on single clips, strict does as well."""
    floor = '[[floors]]\nscenario = "quality"\nmodels = ["*"]\nsettings = ["*"]\nmetric = "contrast"\nat_least = 1000\n'
    ended = bench(*write(floor), "--run-dir", "run", "--quality", "strict", "-k", "dogs and causvid")
    assert ended.code == 1
    (failed,) = [case for case in read_run(Path("run")).cases if case.status != "not_run"]
    assert failed.status == "failed"
    assert "below the suite toys's limit of 1000" in failed.reason
