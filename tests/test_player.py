"""A row of the page holds the clips of one request, each once, and knows the teacher's."""

from pathlib import Path
from typing import Any

import msgspec

from reports.comparison_record import StudentTeacher
from reports.html import render_html
from reports.measured import Chunk, Stills
from reports.media import Source, entries_of
from reports.player import Row, block_begins, rows_of
from reports.record import CaseRecord, Run
from tests.reports_samples import a_round, case_of, planned, replaced, run_of

WAN, CAUSVID = "wan2.1-t2v-1.3b", "causvid-1.3b"


def filmed(model: str, *, sha256: str = "", stills: bool = False, time_s: float = 4.0, **changes: Any) -> CaseRecord:
    """Give a case with a clip; two are the same clip where `sha256`, by default the model's name, is."""
    case = replaced(case_of(planned(model=model), time_s, video=f"media/{model}.mp4"), **changes)
    assert case.measurement is not None
    pictures = Stills(strip=f"media/{model}-strip.jpg", frames=[0, 40, 80], xt=f"media/{model}-xt.jpg")
    measurement = msgspec.structs.replace(
        case.measurement,
        rounds=[msgspec.structs.replace(a_round(time_s), frames_sha256=sha256 or model)],
        stills=pictures if stills else None,
    )
    return msgspec.structs.replace(case, id=f"{case.id} {changes}", measurement=measurement)


def rows(*cases: CaseRecord, **changes: Any) -> list[Row]:
    """Lay out a run of these cases."""
    return rows_of(entries_of([Source(msgspec.structs.replace(run_of(*cases), **changes))]))


def test_clips_of_one_request_are_a_row() -> None:
    """Each model a column, in the plan's order."""
    (row,) = rows(filmed(CAUSVID), filmed(WAN))
    assert row.title == "dogs, seed 0, 832 × 480, 81 frames, 16 frames a second"
    assert [column.name for column in row.columns] == [
        "CausVid 1.3B, 480p81 (speed)",
        "Wan 2.1 1.3B, 480p81 (speed)",
    ]
    assert [column.clip.url for column in row.columns] == [f"media/{CAUSVID}.mp4", f"media/{WAN}.mp4"]


def test_other_sizes_lengths_rates_seeds_and_weights_have_rows_of_their_own() -> None:
    """They cannot be played in step, or show another scene."""
    other: list[dict[str, Any]] = [{"width": 1280}, {"frames": 33}, {"fps": 24.0}, {"seed": 3}, {"weights": "hub"}]
    assert len(rows(filmed(CAUSVID), *(filmed(WAN, **changes) for changes in other))) == 6


def test_clip_that_two_scenarios_made_stands_there_once() -> None:
    """Equal frames of the same model and setting are one column; other frames are another."""
    quality, audit = filmed(CAUSVID, scenario="quality"), filmed(CAUSVID, scenario="audit", sha256="other")
    (row,) = rows(filmed(CAUSVID), quality, audit)
    assert [column.name for column in row.columns] == [
        "CausVid 1.3B, 480p81 (speed, quality)",
        "CausVid 1.3B, 480p81 (audit)",
    ]
    assert [len(column.entries) for column in row.columns] == [2, 1]


def test_cases_without_a_clip_say_why() -> None:
    """They keep their column, each its own."""
    (row,) = rows(case_of(planned(), status="oom"), case_of(planned(model=WAN), status="oom"))
    assert [column.clip.absence for column in row.columns] == ["No clip was written."] * 2


def test_teacher_of_the_comparisons_is_what_differences_are_taken_against() -> None:
    """Without comparisons it is the slowest clip."""
    cases = [filmed("other", time_s=90.0), filmed(CAUSVID), filmed(WAN, time_s=60.0)]
    assert rows(*cases)[0].reference == 0
    asked = StudentTeacher(
        id="a", students=[CAUSVID], settings=["480p81"], teacher=WAN, teacher_setting="480p81", scenario="speed"
    )
    assert rows(*cases, comparisons=[asked])[0].reference == 2


def test_stills_are_shown_with_what_they_show() -> None:
    """The strip names its frames; a clip without stills has none."""
    page = render_html(run_of(filmed(CAUSVID, stills=True), filmed(WAN)))
    assert f'src="media/{CAUSVID}-strip.jpg" alt="frames 0, 40, 80 of CausVid 1.3B, 480p81 (speed)"' in page
    assert f'src="media/{CAUSVID}-xt.jpg"' in page
    assert f"{WAN}-strip.jpg" not in page
    assert page.count('<details class="stills"') == 1


def test_what_a_cold_start_does_not_keep_is_taken_from_the_case_that_does(tmp_path: Path) -> None:
    """Clip, strip, slice and marks of one clip come from the first of its cases that has them."""
    warm = in_chunks(filmed(CAUSVID, stills=True), 9, 72)
    assert warm.measurement is not None
    for name in (f"{CAUSVID}.mp4", f"{CAUSVID}-strip.jpg", f"{CAUSVID}-xt.jpg"):
        (tmp_path / "media").mkdir(exist_ok=True)
        (tmp_path / "media" / name).touch()
    bare = filmed(CAUSVID, scenario="cold_start")
    gone = filmed(CAUSVID, scenario="quality", stills=True)
    assert bare.measurement is not None
    assert gone.measurement is not None
    bare = msgspec.structs.replace(bare, measurement=msgspec.structs.replace(bare.measurement, video=f"{CAUSVID}.mp4"))
    lost = Stills(strip="gone.jpg", frames=[1], xt="gone.jpg")
    gone = msgspec.structs.replace(gone, measurement=msgspec.structs.replace(gone.measurement, stills=lost))
    ((column,),) = (row.columns for row in rows_of(entries_of([Source(run_of(bare, gone, warm), tmp_path)])))
    assert column.clip.url == f"media/{CAUSVID}.mp4"
    assert column.strip is not None
    assert column.slice is not None
    assert (column.strip.file.url, column.strip.frames) == (f"media/{CAUSVID}-strip.jpg", [0, 40, 80])
    assert column.slice.file.url == f"media/{CAUSVID}-xt.jpg"
    assert column.begins == [9]


def in_chunks(case: CaseRecord, *frames: int) -> CaseRecord:
    """Let the clip come in chunks of so many frames."""
    assert case.measurement is not None
    chunks = [Chunk(frames=count, device_s=1.0, host_s=1.0) for count in frames]
    rounds = [msgspec.structs.replace(timed, chunks=chunks) for timed in case.measurement.rounds]
    return msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, rounds=rounds))


def test_blocks_of_a_clip_are_marked_on_its_slice() -> None:
    """81 frames in blocks of 9 and 12 begin with frames 9, 21, …; a clip in one piece has no marks."""
    case = in_chunks(filmed(CAUSVID, stills=True), 9, 12, 12, 12, 12, 12, 12)
    assert block_begins(case) == [9, 21, 33, 45, 57, 69]
    page = render_html(run_of(case, filmed(WAN, stills=True)))
    assert "dashed: where a block begins, with frame 9, 21, 33, 45, 57, 69" in page
    assert page.count('<svg class="begins" viewBox="0 0 1 81"') == 1
    assert 'd="M0 69H1"' in page


def test_chunks_that_do_not_add_up_to_the_clip_mark_nothing() -> None:
    """Where a block begins is then not known."""
    assert block_begins(in_chunks(filmed(CAUSVID), 9, 12)) == block_begins(in_chunks(filmed(CAUSVID))) == []


def test_stills_that_are_not_there_are_told(tmp_path: Path) -> None:
    """A published run leaves its media behind."""
    page = render_html(run_of(in_chunks(filmed(CAUSVID, stills=True), 9, 72)), tmp_path)
    assert "<img" not in page
    assert 'class="begins"' not in page
    assert page.count("not in this folder") == 3


def test_no_cases_are_no_rows() -> None:
    """An empty run has a page."""
    empty: Run = run_of()
    assert rows_of(entries_of([Source(empty)])) == []
    assert '<section class="row"' not in render_html(empty)


def test_audits_clip_has_a_row_of_its_own() -> None:
    """It shows another text than its prompt's: the last take's, which the row's title names."""
    audit = filmed(CAUSVID, scenario="audit", sha256="other")
    assert audit.measurement is not None
    timed = [msgspec.structs.replace(audit.measurement.rounds[-1], take=take) for take in (1, 6)]
    audit = msgspec.structs.replace(audit, measurement=msgspec.structs.replace(audit.measurement, rounds=timed))
    first, second = rows(audit, filmed(CAUSVID), filmed(WAN))
    assert first.title == "dogs, take 6, seed 0, 832 × 480, 81 frames, 16 frames a second"
    assert [len(row.columns) for row in (first, second)] == [1, 2]
