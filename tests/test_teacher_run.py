"""--teacher-run: an earlier run's teacher clips by what they were made from; what differs is refused by name."""

import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fixtures.learned.fingerprint import weights_sha256
from fixtures.learned.known_weights import CLIP_BASE
from fixtures.learned.pooling import features_formula
from fixtures.metrics.formula import formula_of
from reports.matching import made_from
from reports.merge import read_plan, read_run
from reports.strict_json import write_json_atomically
from tests.inner_session import bench, collect
from tests.reports_samples import planned
from tests.test_comparisons import METRIC, contrast, table, write
from tests.tiny_networks import write_clip

TEACHER = "wan2.1-t2v-tiny"


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run student and teacher once, whole."""
    folder = tmp_path_factory.mktemp("earlier")
    before = Path.cwd()
    os.chdir(folder)
    try:
        Path("contrast.py").write_text(METRIC, encoding="utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CUDA_VISIBLE_DEVICES", "")
            ended = bench(*write(table("lax", contrast(5))), "--run-dir", "run")
    finally:
        os.chdir(before)
    assert ended.code == 0, ended.output
    return folder / "run"


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty folder with the same suite, without a GPU."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.chdir(tmp_path)
    Path("contrast.py").write_text(METRIC, encoding="utf-8")


@pytest.mark.parametrize("selected", [(), ("--model", "causvid-tiny")])
def test_teachers_clips_are_taken_and_the_verdict_is_that_of_the_whole_run(
    earlier: Path, selected: tuple[str, ...]
) -> None:
    """Three cases in place of six, the same numbers, and the record stands without the earlier folder."""
    ended = bench(*write(table("lax", contrast(5))), "--run-dir", "run", "--teacher-run", earlier, *selected)
    assert ended.code == 0, ended.output
    assert {case.model.id for case in ended.cases} == {"causvid-tiny"}
    assert f"TEACHER CLIPS of an earlier run, {earlier}: 3 of {TEACHER} 64p9, not made again." in ended.output
    run, whole = read_run(Path("run/run.json")), read_run(earlier)
    assert len(run.cases) == 3
    assert run.verdicts == whole.verdicts
    assert run.verdicts[0].rows[0].verdict == "PASS"


def test_clip_that_is_not_sound_is_made_again(earlier: Path) -> None:
    """Of three one ran out of memory: it is a case of this run."""
    run = read_run(earlier)
    cases = [
        msgspec.structs.replace(case, status="oom", measurement=None)
        if (case.plan.model.id, case.plan.prompt.id) == (TEACHER, "dogs")
        else case
        for case in run.cases
    ]
    write_json_atomically(Path("old.json"), msgspec.structs.replace(run, cases=cases))
    ended = collect(*write(table("lax", contrast(5))), "--teacher-run", "old.json")
    assert [(case.model.id, case.prompt.id) for case in ended.cases if case.model.id == TEACHER] == [(TEACHER, "dogs")]


def test_clip_made_from_something_else_is_refused_by_the_fields_name(earlier: Path) -> None:
    """A suite whose setting has another length under the same name."""
    words = write(table("lax", contrast(5)))
    suite = Path("toys.toml")
    suite.write_text(suite.read_text(encoding="utf-8").replace("frames = 9", "frames = 21"), encoding="utf-8")
    ended = collect(*words, "--teacher-run", earlier)
    assert ended.code == 4
    assert f"{TEACHER} 64p9 dogs s0 was made from other: request.frames 9 and here 21; " in ended.output


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"prompt": {"sha256": "1" * 64}}, "prompt.sha256"),
        ({"recipe": {"vae_dtype": "float32"}}, "recipe.vae_dtype"),
        ({"request": {"steps": 4}}, "request.steps"),
        ({"model": {"weights_source": "hub"}}, "weights_source"),
    ],
)
def test_each_thing_that_a_clip_is_made_from_tells_two_apart(change: dict[str, Any], name: str) -> None:
    """Weights, recipe, request and prompt, by field."""
    plan = planned("wan2.1-t2v-1.3b")
    ((part, fields),) = change.items()
    other = msgspec.structs.replace(plan, **{part: msgspec.structs.replace(getattr(plan, part), **fields)})
    here, there = made_from(plan), made_from(other)
    assert [key for key in here if here[key] != there[key]] == [name]


def test_clip_that_was_looked_at_elsewhere_is_refused(earlier: Path) -> None:
    """A clip without seams has another number at other frames."""
    text = (earlier / "run.json").read_text(encoding="utf-8")
    Path("old.json").write_text(re.sub(r'"seams_at": ?\[\]', '"seams_at": [5]', text), encoding="utf-8")
    ended = collect(*write(table("lax", contrast(5))), "--teacher-run", "old.json")
    assert ended.code == 4, ended.output
    assert f"{TEACHER} 64p9 dogs s0 was made from other: seams_at [5] and here []; " in ended.output


def test_metric_whose_formula_changed_is_refused_by_its_name(earlier: Path) -> None:
    """Its id is the same, and so would be its name in the verdict; a comment and a limit are no formula."""
    asked = (*write(table("lax", contrast(5))), "--teacher-run", earlier)
    Path("contrast.py").write_text(METRIC.replace("float(clip", "2 * float(clip"), encoding="utf-8")
    ended = collect(*asked)
    assert ended.code == 4, ended.output
    (before, now) = (formula_of(file) for file in (earlier.parent / "contrast.py", Path("contrast.py")))
    assert f"its clips were measured by other formulas: contrast by {before} and here {now}; leave out" in ended.output
    Path("contrast.py").write_text(f"# The spread of tones.\n{METRIC.replace('a test', 'a book')}", encoding="utf-8")
    assert collect(*asked).code == 0


def test_features_by_another_formula_are_refused(earlier: Path) -> None:
    """Diversity is told from them; where it is not asked for, they may be anybody's."""
    run = read_run(earlier)
    cases = [
        msgspec.structs.replace(
            case, measurement=msgspec.structs.replace(case.measurement, features={"a": [1.0]}, features_formula="51e0")
        )
        for case in run.cases
        if case.measurement is not None
    ]
    write_json_atomically(Path("old.json"), msgspec.structs.replace(run, cases=cases))
    assert collect(*write(table("lax", contrast(5))), "--teacher-run", "old.json").code == 0
    diverse = "metric = 'seed_diversity', of_teacher_pct = 25"
    ended = collect(*write(table("lax", diverse)), "--teacher-run", "old.json")
    assert ended.code == 4, ended.output
    assert "other formulas: seed_diversity by 51e0 and here " in ended.output


@pytest.mark.parametrize(("weights", "told"), [("ab" * 32, "ab" * 6), ("", "one not recorded"), ("here", "")])
def test_features_by_other_weights_are_refused(earlier: Path, weights: str, told: str) -> None:
    """Two networks of one name; where nothing tells which it was, too."""
    write_clip(Path("weights/clip-vit-base-patch32"))
    here = weights_sha256([CLIP_BASE], Path("weights"))
    run = read_run(earlier)
    known = {"features": {"a": [1.0]}, "features_formula": features_formula()}
    cases = [
        msgspec.structs.replace(
            case,
            measurement=msgspec.structs.replace(
                case.measurement, **known, features_weights_sha256=here if weights == "here" else weights
            ),
        )
        for case in run.cases
        if case.measurement is not None
    ]
    write_json_atomically(Path("old.json"), msgspec.structs.replace(run, cases=cases))
    diverse = table("lax", "metric = 'seed_diversity', of_teacher_pct = 25")
    ended = collect(*write(diverse), "--teacher-run", "old.json", "--learned-weights", "weights")
    assert ended.code == (4 if told else 0), ended.output
    assert (f"scored with other weights: seed_diversity by {told} and here {here[:12]}; " in ended.output) == bool(told)


def test_clips_from_before_formulas_were_recorded_are_refused(earlier: Path) -> None:
    """Nobody knows what they were measured by."""
    record = Path("old.json")
    text = (earlier / "run.json").read_text(encoding="utf-8")
    record.write_text(re.sub(r'"formula": ?"[0-9a-f]{12}"', '"formula": ""', text), encoding="utf-8")
    ended = collect(*write(table("lax", contrast(5))), "--teacher-run", record)
    assert ended.code == 4, ended.output
    assert "contrast by one not recorded and here " in ended.output


@pytest.mark.parametrize(
    ("tables", "words", "told"),
    [
        ((table("lax", contrast(5)),), ("--teacher-run", "nowhere"), "nowhere"),
        ((table("lax", contrast(5)),), ("--seed", "5"), f"has no sound clip of {TEACHER} (quality)"),
        ((), (), "suite toys has no [[comparisons]], so no teacher"),
    ],
)
def test_run_without_a_teachers_clip_is_refused(
    earlier: Path, tables: tuple[str, ...], words: tuple[str, ...], told: str
) -> None:
    """No such folder, a run of other seeds, and a suite that compares nothing: one sentence each."""
    ended = collect(*write(*tables), "--teacher-run", earlier, *words)
    assert ended.code == 4, ended.output
    assert told in ended.output


def test_resumed_run_keeps_what_was_lent(earlier: Path) -> None:
    """The plan holds it, so the option is not given again."""
    asked = (*write(table("lax", contrast(5))), "--teacher-run", earlier)
    first = bench(*asked, "--run-dir", "run", "-k", "dogs")
    assert first.code == 0, first.output
    assert len(read_plan(Path("run")).lent) == 3
    ended = bench("--resume", "run", "--metric=contrast.py")
    assert ended.code == 0, ended.output
    assert len(read_run(Path("run")).lent) == 3
    refused = bench("--resume", "run", "--teacher-run", earlier)
    assert (refused.code, "--teacher-run" in refused.output) == (4, True)
