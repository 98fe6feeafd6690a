"""A page beside each record, one page of several runs, and one that is a single file."""

import re
from pathlib import Path

import msgspec
import pytest

from reports.__main__ import main
from reports.media import EMBEDDED_BYTES
from reports.merge import write_views
from tests.reports_samples import finished, measured, plan_of, planned, write_run

CASE = planned(rounds=1)


def run_folder(folder: Path, clip: bytes = b"clip") -> Path:
    """Write a run of one case with its clip."""
    measurement = measured(4.0, video="media/a.mp4")
    plan = msgspec.structs.replace(plan_of(CASE), run_id=folder.name)
    write_run(folder, plan, finished(CASE.id, measurement=measurement))
    (folder / "media").mkdir()
    (folder / "media" / "a.mp4").write_bytes(clip)
    return folder


def test_one_page_of_two_runs_links_each_ones_clips(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The way leads from the page's folder into each run's, whatever its name holds."""
    folders = [run_folder(tmp_path / "runs" / name) for name in ("one", "two #2")]
    page = tmp_path / "runs" / "both.html"
    assert main(["html", *map(str, folders), "--out", str(page)]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    text = page.read_text(encoding="utf-8")
    assert {"one/media/a.mp4", "two%20%232/media/a.mp4"} <= set(re.findall(r'src="([^"]*)"', text))
    assert "What changed from A" in text
    assert not (folders[0] / "report.html").exists()


def test_page_below_its_run_links_upwards(tmp_path: Path) -> None:
    """Where the page lies elsewhere, the clips are still found."""
    folder = run_folder(tmp_path / "run")
    (tmp_path / "pages").mkdir()
    assert main(["html", str(folder), "--out", str(tmp_path / "pages" / "x.html")]) == 0
    assert 'src="../run/media/a.mp4"' in (tmp_path / "pages" / "x.html").read_text(encoding="utf-8")


def test_single_file_holds_small_clips_and_tells_of_large_ones(tmp_path: Path) -> None:
    """Nothing beside the page is needed; what is too large for it is named with its size."""
    small, large = run_folder(tmp_path / "small"), run_folder(tmp_path / "large", b"x" * (EMBEDDED_BYTES + 1))
    assert main(["html", str(small), str(large), "--single-file"]) == 0
    assert 'src="data:video/mp4;base64,Y2xpcA=="' in (small / "report.html").read_text(encoding="utf-8")
    text = (large / "report.html").read_text(encoding="utf-8")
    assert "Not in this file: a.mp4 has 512 KiB, at most 512 KiB are." in text
    assert "<video" not in text


def test_page_that_cannot_be_written_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback for a folder that is not there, nor for a record that is cut off or newer than this code."""
    folder = run_folder(tmp_path / "run")
    assert main(["html", str(folder), "--out", str(tmp_path / "no" / "x.html")]) == 4
    write_views(folder)
    text = (folder / "run.json").read_text(encoding="utf-8")
    for broken in (text[: len(text) // 2], text.replace('"schema_version": 1', '"schema_version": 99'), "[]", ""):
        (tmp_path / "run.json").write_text(broken, encoding="utf-8")
        assert main(["html", str(tmp_path / "run.json")]) == 4
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 5
    assert all(line.startswith("python -m reports html: ") for line in errors)
