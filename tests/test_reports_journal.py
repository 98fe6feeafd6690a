"""The journal survives what kills its writer, and nothing but whole lines counts."""

import math
import os
from pathlib import Path

import msgspec
import pytest

from reports.journal import TAIL_BYTES, Finished, RunFolderError, Started, append_line, load_journal
from reports.strict_json import NonFiniteError, write_json_atomically
from tests.reports_samples import a_round, finished, measured, started

CASE = "bench_speed.py::bench_generate[a]"


def test_lines_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    """What is appended is read in order, file by file, with its measurement."""
    entries: list[Started | Finished] = [started(CASE), finished(CASE, measurement=measured(3.9, 4.0))]
    for entry in entries:
        append_line(tmp_path / "journal" / "gw0.jsonl", entry)
    append_line(tmp_path / "journal" / "gw1.jsonl", started("other", worker="gw1"))
    assert load_journal(tmp_path).entries == [*entries, started("other", worker="gw1")]


def test_line_has_the_documented_keys(tmp_path: Path) -> None:
    """Other programs read the journal: the keys and the event's name are its format."""
    path = tmp_path / "w.jsonl"
    append_line(path, finished(CASE, status="oom"))
    assert msgspec.json.decode(path.read_bytes()) == {
        "event": "finished",
        "case": CASE,
        "attempt": 1,
        "worker": "main",
        "started_at": "2026-11-22T12:01:00+00:00",
        "at": "2026-11-22T12:01:30+00:00",
        "status": "oom",
        "reason": "it was oom",
        "measurement": None,
        "output": "",
    }


def test_no_journal_is_an_empty_one(tmp_path: Path) -> None:
    """A run that was killed before its first case has no journal folder."""
    assert load_journal(tmp_path) == ([], 0)


@pytest.mark.parametrize("kept", range(1, 40, 7))
def test_torn_last_line_is_ignored_and_counted(tmp_path: Path, kept: int) -> None:
    """Wherever SIGKILL cuts the last line, the lines before it are read."""
    path = tmp_path / "journal" / "main.jsonl"
    append_line(path, started(CASE))
    path.write_bytes(path.read_bytes() + msgspec.json.encode(finished(CASE))[:kept])
    assert load_journal(tmp_path) == ([started(CASE)], 1)


def test_writer_cuts_off_what_a_killed_one_left(tmp_path: Path) -> None:
    """A resumed run appends to the same file; its lines are not glued to a torn one."""
    path = tmp_path / "journal" / "main.jsonl"
    append_line(path, started(CASE))
    path.write_bytes(path.read_bytes() + b'{"event":"fin')
    append_line(path, finished(CASE, attempt=2))
    assert load_journal(tmp_path) == ([started(CASE), finished(CASE, attempt=2)], 0)


@pytest.mark.parametrize("torn_bytes", [TAIL_BYTES - 1, TAIL_BYTES, TAIL_BYTES + 1, 3 * TAIL_BYTES])
@pytest.mark.parametrize("whole", [True, False])
def test_torn_line_of_any_length_is_cut_off(tmp_path: Path, torn_bytes: int, whole: bool) -> None:
    """The last newline is found across the borders of what is read at once, and its absence as well."""
    path = tmp_path / "journal" / "main.jsonl"
    if whole:
        append_line(path, started(CASE))
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        file.write(b"x" * torn_bytes)
    append_line(path, finished(CASE, attempt=2))
    assert load_journal(tmp_path) == ([started(CASE)] * whole + [finished(CASE, attempt=2)], 0)


def test_appending_reads_only_the_end_of_a_long_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading all of it for every line would make a run of 10,000 cases read gigabytes."""
    path = tmp_path / "journal" / "main.jsonl"
    append_line(path, started(CASE))
    path.write_bytes(path.read_bytes() * 10_000)
    read: list[int] = []
    pread = os.pread

    def counting(handle: int, size: int, start: int) -> bytes:
        read.append(size)
        return pread(handle, size, start)

    monkeypatch.setattr(os, "pread", counting)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("the journal was read whole"))
    append_line(path, finished(CASE))
    assert read == [TAIL_BYTES]


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"nonsense", b'{"event":"ended"}', b"\xff\xfe", b'{"event":"started","case":"a","extra":1}']
)
def test_malformed_line_elsewhere_is_an_error_with_its_place(tmp_path: Path, line: bytes) -> None:
    """Only the last line can have been torn by the writer; any other fault is told with file and line."""
    path = tmp_path / "journal" / "main.jsonl"
    append_line(path, started(CASE))
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(RunFolderError, match=r"main\.jsonl, line 2: not a journal line"):
        load_journal(tmp_path)


def test_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that comes out short is taken back and raised."""
    path = tmp_path / "journal" / "main.jsonl"
    append_line(path, started(CASE))
    whole, write = path.read_bytes(), os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:20]))
    with pytest.raises(OSError, match=r"wrote 20 of a journal line's \d+ bytes"):
        append_line(path, finished(CASE))
    assert path.read_bytes() == whole


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_non_finite_numbers_are_refused_with_their_path(tmp_path: Path, value: float) -> None:
    """NaN would become null without a word, so it is refused and the journal stays as it was."""
    broken = msgspec.structs.replace(measured(1.0), rounds=[a_round(1.0), a_round(value)])
    with pytest.raises(NonFiniteError, match=r"\$\.measurement\.rounds\[1\]\.prompt_to_host_s is -?(nan|inf) \(and"):
        append_line(tmp_path / "main.jsonl", finished(CASE, measurement=broken))
    assert not (tmp_path / "main.jsonl").exists()


def test_json_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old file stays, and nothing is left lying about, when the new one cannot be written."""
    path = tmp_path / "run.json"
    write_json_atomically(path, {"old": 1})
    old = path.read_bytes()
    with pytest.raises(NonFiniteError, match=r"\$\.new is nan; record None and a reason"):
        write_json_atomically(path, {"new": math.nan})

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_json_atomically(path, {"new": 2})
    assert path.read_bytes() == old
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]


def test_undecodable_file_name_in_a_reason_does_not_lose_the_line(tmp_path: Path) -> None:
    """Python writes such bytes as lone surrogates, which JSON in UTF-8 cannot hold."""
    append_line(tmp_path / "journal" / "main.jsonl", started("bad name \udcff"))
    assert [entry.case for entry in load_journal(tmp_path).entries] == ["bad name \\udcff"]


def test_finished_line_refuses_an_unknown_status() -> None:
    """The reader names the status field when another program writes a word of its own."""
    line = msgspec.json.encode(finished(CASE)).replace(b'"passed"', b'"great"')
    with pytest.raises(msgspec.ValidationError, match=r"Invalid enum value 'great' - at `\$\.status`"):
        msgspec.json.decode(line, type=Finished)
