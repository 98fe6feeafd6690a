"""One exit code for what a command cannot use: 4, so that 1 is a judgement and 2 (of `compare`) an undecided one."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import fixtures.controls.__main__
import fixtures.golden.calibrate
import fixtures.metrics.__main__
import fixtures.paired.__main__
import fixtures.vbench.__main__
from reports.__main__ import COMMANDS, main
from reports.gate.verdict import EXIT_UNUSABLE

# What a command takes beside the absent file.
MORE = {
    "paper": ["--out", "out"],
    "ab": ["--out", "out"],
    "votes": ["--key", "absent"],
    "compare": ["--new", "absent"],
    "baseline": ["--folder", "none"],
}
OTHERS: dict[str, tuple[Callable[[list[str]], int], list[str]]] = {
    "metrics": (fixtures.metrics.__main__.main, ["absent"]),
    "paired": (fixtures.paired.__main__.main, ["absent", "--student", "a", "--teacher", "b"]),
    "vbench": (fixtures.vbench.__main__.main, ["absent", "--python", "none"]),
    "controls": (fixtures.controls.__main__.main, ["--clip", "absent"]),
    "golden.calibrate": (fixtures.golden.calibrate.main, ["absent", "--into", "out"]),
}


def code_of(command: Callable[[list[str]], int], words: list[str]) -> int | str | None:
    """Run a command in this process."""
    try:
        return command(words)
    except SystemExit as error:
        return error.code


def reads_a_file(name: str) -> bool:
    """Tell whether a command of `python -m reports` takes a file or a folder at all."""
    parser = argparse.ArgumentParser()
    COMMANDS[name].arguments(parser)
    return any(not action.option_strings for action in parser._actions)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_reports_ends_with_4_on_bad_input(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that is not there, and an option that is not: told in stderr, with nothing printed or written."""
    monkeypatch.chdir(tmp_path)
    words = [name, *(["show", "absent"] if name == "baseline" else ["absent"]), *MORE.get(name, [])]
    tried = [words] if reads_a_file(name) else []
    for given in [*tried, [*words, "--no-such-option"]]:
        assert code_of(main, given) == EXIT_UNUSABLE, given
        told = capsys.readouterr()
        assert told.out == ""
        assert f"python -m reports {name}" in told.err or "unrecognized arguments" in told.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", OTHERS)
def test_every_command_of_fixtures_ends_with_4_on_bad_input(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same for clips, runs, interpreters and goldens."""
    monkeypatch.chdir(tmp_path)
    command, words = OTHERS[name]
    for given in (words, [*words, "--no-such-option"], ["--no-such-option"]):
        assert code_of(command, given) == EXIT_UNUSABLE, given
        assert capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_no_command_of_fixtures_is_forgotten() -> None:
    """Every `python -m fixtures.*` that a person runs stands above; the others are started by the suite itself."""
    root = Path(fixtures.metrics.__main__.__file__).parents[1]
    sources = [path.read_text(encoding="utf-8") for path in root.rglob("*.py")]
    named = {name for source in sources for name in re.findall(r'prog="python -m fixtures\.([\w.]+)"', source)}
    assert named == set(OTHERS)
