"""Blinded pairs are clips that may be compared, and what is handed out names nobody."""

import doctest
import importlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reports.__main__ import main
from reports.ab.page import write_comparison
from reports.ab.pairs import Choice, choose
from reports.ab.record import read_key
from reports.comparison_record import StudentTeacher
from reports.journal import RunFolderError
from reports.record import CaseRecord, Run
from reports.strict_json import write_json_atomically
from tests.reports_samples import case_of, planned, replaced, run_of

WAN, CAUSVID = "wan2.1-t2v-1.3b", "causvid-1.3b"
STUDENTS = StudentTeacher(
    id="few steps", students=[CAUSVID], settings=["480p81"], teacher=WAN, teacher_setting="480p81", scenario="speed"
)


def filmed(folder: Path, model: str, prompt: str = "dogs", content: bytes = b"", **changes: Any) -> CaseRecord:
    """Give a case whose clip lies in the folder; the clip's content is nobody else's unless `content` is given."""
    case = replaced(case_of(planned(model=model, prompt=prompt, text=f"{prompt} & <b>run</b>"), 4.0), **changes)
    name = f"media/{case.plan.scenario}-{model}-{case.plan.setting}-{prompt}.mp4"
    (folder / "media").mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content or name.encode())
    assert case.measurement is not None
    return msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, video=name))


def asked(*runs: tuple[Run, Path], between: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    """Give the pairs by name and prompt."""
    choice = choose(runs, between)
    return [
        (choice.names[p.first.side], choice.names[p.second.side], p.first.case.plan.prompt.id) for p in choice.pairs
    ]


def test_student_is_held_against_its_teacher(tmp_path: Path) -> None:
    """A suite's comparisons say who: no pair of two students, none of clips of other prompts."""
    cases = [filmed(tmp_path, model, prompt) for model in (CAUSVID, WAN, "other") for prompt in ("dogs", "sea")]
    run = msgspec.structs.replace(run_of(*cases), comparisons=[STUDENTS])
    found = asked((run, tmp_path))
    assert found == [(f"{CAUSVID} 480p81", f"{WAN} 480p81", prompt) for prompt in ("dogs", "sea")]


def test_without_comparisons_every_two_are_held_against_each_other(tmp_path: Path) -> None:
    """Three models are three pairs."""
    run = run_of(*(filmed(tmp_path, model) for model in (CAUSVID, WAN, "other")))
    assert [one[:2] for one in asked((run, tmp_path))] == [
        (f"{CAUSVID} 480p81", f"{WAN} 480p81"),
        (f"{CAUSVID} 480p81", "other 480p81"),
        (f"{WAN} 480p81", "other 480p81"),
    ]


@pytest.mark.parametrize("between", [(CAUSVID, "other"), (f"{CAUSVID} 480p81", "other 480p81")])
def test_between_names_who(tmp_path: Path, between: tuple[str, str]) -> None:
    """By model, or with the setting; the suite's comparisons are then passed over."""
    cases = [filmed(tmp_path, model) for model in (CAUSVID, WAN, "other")]
    run = msgspec.structs.replace(run_of(*cases), comparisons=[STUDENTS])
    assert [one[:2] for one in asked((run, tmp_path), between=between)] == [(f"{CAUSVID} 480p81", "other 480p81")]


def test_a_model_of_two_runs_is_held_against_itself(tmp_path: Path) -> None:
    """A build against the one before, each by its run's name."""
    runs = []
    for name in ("monday", "tuesday"):
        case = filmed(tmp_path / name, CAUSVID, content=name.encode())
        runs.append((msgspec.structs.replace(run_of(case), run_id=name), tmp_path / name))
    assert asked(*runs) == [(f"{CAUSVID} 480p81 of monday", f"{CAUSVID} 480p81 of tuesday", "dogs")]


@pytest.mark.parametrize("changes", [{"width": 1280}, {"frames": 33}, {"fps": 24.0}, {"seed": 7}, {"weights": "hub"}])
def test_clips_of_different_requests_are_no_pair(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Neither another size, length or rate, nor another seed or other weights."""
    run = run_of(filmed(tmp_path, CAUSVID), filmed(tmp_path, WAN, **changes))
    with pytest.raises(
        RunFolderError, match=f"no two clips of the runs are a pair; there are clips by {CAUSVID} 480p81, "
    ):
        choose([(run, tmp_path)])


def test_clips_that_are_equal_or_absent_are_told(tmp_path: Path) -> None:
    """Nothing is dropped without a word."""
    cases = [filmed(tmp_path, CAUSVID), filmed(tmp_path, WAN), filmed(tmp_path, "third"), filmed(tmp_path, "fourth")]
    (tmp_path / "media" / "speed-third-480p81-dogs.mp4").write_bytes(b"media/speed-causvid-1.3b-480p81-dogs.mp4")
    (tmp_path / "media" / "speed-fourth-480p81-dogs.mp4").unlink()
    choice = choose([(run_of(*cases), tmp_path)])
    assert len(choice.pairs) == 2
    assert choice.left_out == [
        "1 case without a clip in the run's folder",
        "1 pair of clips that are equal byte by byte",
    ]


def test_unknown_name_lists_the_known(tmp_path: Path) -> None:
    """A typing mistake is one sentence."""
    run = run_of(filmed(tmp_path, CAUSVID), filmed(tmp_path, WAN))
    with pytest.raises(
        RunFolderError, match=rf"no clip is by 'wann'; there are clips by {CAUSVID} 480p81, {WAN} 480p81"
    ):
        choose([(run, tmp_path)], ["wann", CAUSVID])


def test_clip_outside_of_the_run_is_not_copied(tmp_path: Path) -> None:
    """A record is only text: what it names must not leave the folder of the run."""
    case = filmed(tmp_path, CAUSVID)
    assert case.measurement is not None
    outside = msgspec.structs.replace(
        case, measurement=msgspec.structs.replace(case.measurement, video="../secret.mp4")
    )
    with pytest.raises(RunFolderError, match="does not stay inside the run folder"):
        choose([(run_of(outside, filmed(tmp_path, WAN)), tmp_path)])


@pytest.fixture
def choice(tmp_path: Path) -> Choice:
    """Give eight pairs."""
    folder = tmp_path / "run"
    cases = [filmed(folder, model, prompt) for model in (CAUSVID, WAN) for prompt in "abcdefgh"]
    return choose([(run_of(*cases), folder)])


def test_what_is_handed_out_names_nobody(tmp_path: Path, choice: Choice) -> None:
    """Neither a model nor a setting, a case, a run, a title or the key's content is in a name or in the page."""
    page, key_path = write_comparison(choice, tmp_path / "ab")
    names = [str(path.relative_to(page.parent)) for path in page.parent.rglob("*")]
    shown = " ".join([*names, page.read_text(encoding="utf-8")])
    key = read_key(key_path)
    hidden = {clip.sha256 for trial in key.trials for clip in (trial.first, trial.second)}
    for text in (
        CAUSVID,
        WAN,
        "CausVid",
        "Wan 2",
        "480p",
        "bench_",
        "20261122",
        "key.json",
        "student",
        "teacher",
        *hidden,
    ):
        assert text not in shown, text
    assert "a &amp; &lt;b&gt;run&lt;/b&gt;" in shown
    assert key_path.parent == page.parent.parent


def test_key_knows_every_clip(tmp_path: Path, choice: Choice) -> None:
    """Each copied clip is the one that the key says."""
    page, key_path = write_comparison(choice, tmp_path / "ab")
    clips = [clip for trial in read_key(key_path).trials for clip in (trial.first, trial.second)]
    assert {path.name for path in (page.parent / "clips").iterdir()} == {clip.name for clip in clips}
    for clip in clips:
        model = clip.side.split()[0]
        assert f"speed-{model}-480p81-" in (page.parent / "clips" / clip.name).read_text()


def test_order_of_pairs_and_of_clips_is_random(tmp_path: Path, choice: Choice) -> None:
    """Eight pairs are not in the plan's order ten times in a row, nor is the student's name always the smaller."""
    orders, smaller = set(), set()
    for number in range(10):
        key = read_key(write_comparison(choice, tmp_path / str(number)).key)
        orders.add("".join(trial.prompt for trial in key.trials))
        smaller |= {trial.first.name < trial.second.name for trial in key.trials}
    assert len(orders) > 1
    assert smaller == {True, False}


def test_comparison_is_not_written_over_another(tmp_path: Path, choice: Choice) -> None:
    """Its votes would have lost their key."""
    before = write_comparison(choice, tmp_path / "ab").key.read_bytes()
    with pytest.raises(RunFolderError, match="holds a blinded comparison already"):
        write_comparison(choice, tmp_path / "ab")
    assert (tmp_path / "ab" / "key.json").read_bytes() == before


def test_command_writes_page_and_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what to hand out, and what to keep."""
    folder = tmp_path / "run"
    run = run_of(filmed(folder, CAUSVID), filmed(folder, WAN))
    write_json_atomically(folder / "run.json", run)
    assert main(["ab", str(folder), "--out", str(tmp_path / "ab")]) == 0
    told = capsys.readouterr().out
    assert told.startswith("1 pair\npage  ")
    assert f"Hand out the folder {tmp_path / 'ab' / 'vote'}; keep the key." in told
    assert "Weights are random: the clips are noise" in (tmp_path / "ab" / "vote" / "index.html").read_text()
    assert main(["ab", str(folder), "--out", str(tmp_path / "ab")]) == 4
    assert "name another folder" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["pairs", "win_rate"])
def test_examples_in_docstrings_hold(name: str) -> None:
    """What a docstring shows is what comes out."""
    result = doctest.testmod(importlib.import_module(f"reports.ab.{name}"))
    assert (result.failed, result.attempted > 0) == (0, True)
