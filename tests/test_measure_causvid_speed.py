"""What compiling gains is measured from empty caches, a process for each level, and says where it was measured."""

import os
from pathlib import Path

import pytest

from tests.measure_causvid_speed import CACHES, COLUMNS, in_fresh_process, main


def caches() -> tuple[int, dict[str, str], list[str]]:
    """Tell of this process its id, where it keeps compiled kernels, and what lies there already."""
    folders = {name: os.environ[name] for name in CACHES}
    return os.getpid(), folders, [name for name, folder in folders.items() if Path(folder).exists()]


def test_each_level_finds_its_own_empty_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the user's nor those of the level before it; what was set before is set again."""
    for name in CACHES:
        monkeypatch.setenv(name, str(tmp_path))
    (first, its_folders, there), (second, other_folders, also_there) = (in_fresh_process(caches) for _ in range(2))
    assert len({first, second, os.getpid()}) == 3
    assert there == also_there == []
    assert len({*its_folders.values(), *other_folders.values(), str(tmp_path)}) == 5
    assert not any(Path(folder).parent.exists() for folder in its_folders.values())
    assert {os.environ[name] for name in CACHES} == {str(tmp_path)}


def test_levels_are_printed_below_what_they_depend_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Model, weights, attention, date, commit and versions first; frames decoded whole are those of streaming."""
    monkeypatch.setattr("tests.measure_causvid_speed.in_fresh_process", lambda work, *arguments: work(*arguments))
    code = main(["--model", "causvid-tiny", "--compile", "none", "--decode", "streamed,whole", "--rounds", "1"])
    what, where, columns, streamed, whole = capsys.readouterr().out.splitlines()
    assert code == 0
    assert what.startswith("causvid-tiny, 64x64x21, tiny weights, numerics diffusers, attention native_math, empty")
    for known in (" UTC, commit ", "CPU ", "torch ", "diffusers "):
        assert known in where
    assert [name for name in COLUMNS if name not in columns] == []
    assert streamed.split()[:2] == ["none", "streamed"]
    assert whole.split()[:2] == ["none", "whole"]
    assert streamed.split()[-2:] == whole.split()[-2:] == ["0", "0.000"]
