"""`--against`: a commit in a worktree that never stays behind, or an interpreter that can run the suite."""

import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from fixtures.gate import against
from fixtures.gate.against import Commit, Interpreter, base_named, checked_out, git
from fixtures.gate.difference import AN_AA_RUN, SAID_ELSEWHERE, Difference, difference
from fixtures.run import sigterm_interrupts


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository with two commits, the suite in its folder inner."""
    root = tmp_path / "repository" / "inner"
    root.mkdir(parents=True)
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for number in ("one", "two"):
        (root / "file").write_text(number, encoding="utf-8")
        for words in (("init", "-q", str(root.parent)), ("add", "."), (*identity, "commit", "-qm", number)):
            done = git(root, *words)
            assert done is not None
            assert done.returncode == 0, done.stderr
    return root


def test_commit_is_checked_out_beside_the_run(repository: Path, tmp_path: Path) -> None:
    """The suite's own folder of the older commit, while the checkout itself stays as it is."""
    commit = base_named("HEAD~1", repository)
    assert isinstance(commit, Commit)
    assert commit.told == f"HEAD~1 ({commit.commit[:12]})"
    with checked_out(commit, tmp_path / "source", repository) as side:
        assert (side.folder / "file").read_text(encoding="utf-8") == "one"
        assert side.python == sys.executable
    assert (repository / "file").read_text(encoding="utf-8") == "two"


def test_commit_loads_the_revisions_that_this_machine_has(repository: Path, tmp_path: Path) -> None:
    """A lock of weights that nobody has committed is no part of what differs."""
    commit = base_named("HEAD", repository)
    assert isinstance(commit, Commit)
    (repository / "models").mkdir()
    (repository / "models" / "weights.lock").write_text("{}", encoding="utf-8")
    with checked_out(commit, tmp_path / "without", repository) as side:
        assert not (side.folder / "models").exists()
    (repository / "models" / "spec.py").touch()
    for words in (("add", "models/spec.py"), ("commit", "-qm", "three")):
        git(repository, "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false", *words)
    three = base_named("HEAD", repository)
    assert isinstance(three, Commit)
    with checked_out(three, tmp_path / "source", repository) as side:
        assert (side.folder / "models" / "weights.lock").read_text(encoding="utf-8") == "{}"


def test_base_that_is_the_tree_itself_is_an_aa_run(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own commit leaves nothing under test, until a file is changed; of another commit the versions tell."""

    def told(name: str) -> Difference:
        base = base_named(name, repository)
        assert isinstance(base, Commit)
        found = difference(base, repository)
        return Difference(*(text.replace(base.commit[:12], "X") for text in found))

    assert told("HEAD").nothing == f"nothing under test: both sides are commit X: {AN_AA_RUN}"
    assert (told("HEAD").told, told("HEAD~1"), told("HEAD").lines) == ("", SAID_ELSEWHERE, [f"gate: {told('HEAD')[0]}"])
    (repository / "file").write_text("three", encoding="utf-8")
    assert told("HEAD") == Difference(told="under test: uncommitted changes to commit X")
    head = base_named("HEAD", repository)
    assert isinstance(head, Commit)
    assert told("HEAD~1") == Difference(told=f"under test: uncommitted changes to commit {head.commit[:12]}")
    monkeypatch.setattr("fixtures.gate.difference.is_dirty", lambda _root: None)
    assert told("HEAD").told.endswith("commit X, if there are any: git does not tell")


def test_this_very_interpreter_is_an_aa_run(tmp_path: Path) -> None:
    """By any of its names; another environment's link to the same file is another one."""
    here, version = Path(sys.executable), "3"
    (tmp_path / "here").symlink_to(here.parent)
    (tmp_path / "python").symlink_to(here)
    for path in (here, tmp_path / "here" / here.name):
        nothing = difference(Interpreter(path=str(path), version=version)).nothing
        assert nothing.startswith(f"nothing under test: both sides are this tree by this interpreter, {path}")
    assert difference(Interpreter(path=str(tmp_path / "python"), version=version)) == SAID_ELSEWHERE


def test_worktree_is_removed_whatever_ends_the_block(repository: Path, tmp_path: Path) -> None:
    """Also after Ctrl-C, and with files that the runs left in it; git has forgotten it, too."""
    commit = base_named("HEAD", repository)
    assert isinstance(commit, Commit)

    def interrupted() -> None:
        with checked_out(commit, tmp_path / "source", repository) as side:
            (side.folder / "left").write_text("x", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not (tmp_path / "source").exists()
    listed = git(repository, "worktree", "list")
    assert listed is not None
    assert "source" not in listed.stdout


def test_worktree_of_which_too_little_was_made_is_forgotten(repository: Path, tmp_path: Path) -> None:
    """Git keeps it locked while it makes it, and removes none without its file .git."""
    commit = base_named("HEAD", repository)
    assert isinstance(commit, Commit)
    with checked_out(commit, tmp_path / "source", repository):
        git(repository, "worktree", "lock", str(tmp_path / "source"))
        (tmp_path / "source" / ".git").unlink()
    assert not (tmp_path / "source").exists()
    assert not list((repository.parent / ".git").glob("worktrees/*"))


@pytest.mark.parametrize("moment", ["files", "hook"])
def test_worktree_that_is_being_made_is_removed_after_sigterm(repository: Path, tmp_path: Path, moment: str) -> None:
    """While git writes files, when the worktree is still locked, and in a hook after it; git goes on with neither."""
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\nkill -TERM {os.getpid()}\nsleep 20\n", encoding="utf-8")
    script.chmod(0o755)
    commit = base_named("HEAD", repository)
    assert isinstance(commit, Commit)
    if moment == "hook":
        shutil.copy(script, repository.parent / ".git" / "hooks" / "post-checkout")
    else:
        (repository.parent / ".git" / "info" / "attributes").write_text("file filter=slow\n", encoding="utf-8")
        git(repository, "config", "filter.slow.smudge", str(script))
    began_s = time.monotonic()
    with (
        pytest.raises(KeyboardInterrupt, match="SIGTERM"),
        sigterm_interrupts(),
        checked_out(commit, tmp_path / "source", repository),
    ):
        pytest.fail("git was not interrupted")
    assert time.monotonic() - began_s < 15
    assert not (tmp_path / "source").exists()
    assert not list((repository.parent / ".git").glob("worktrees/*"))


def test_interpreter_and_environment_are_taken(tmp_path: Path) -> None:
    """By the file, or by the folder of a virtual environment; links are not followed, which would leave it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    named = base_named(sys.executable)
    assert named == Interpreter(path=sys.executable, version=".".join(map(str, sys.version_info[:3])))
    file = tmp_path / "other-python"
    file.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    file.chmod(0o755)
    assert base_named(str(file)) == Interpreter(path=str(file), version=named.version)


def test_other_programs_and_files_are_refused(repository: Path, tmp_path: Path) -> None:
    """A program that is no Python, a file that cannot be run, an option of git's."""
    with pytest.raises(pytest.UsageError, match=r"is no Python that can run the suite: .*group\s+`bench`"):
        base_named("/bin/false", repository)
    plain = tmp_path / "plain"
    plain.touch()
    with pytest.raises(pytest.UsageError, match="exists, but is not executable"):
        base_named(str(plain), repository)
    for text in ("--all", "^HEAD", "HEAD^{tree}", "HEAD:inner"):
        with pytest.raises(pytest.UsageError, match="not a commit"):
            base_named(text, repository)
    assert isinstance(base_named("HEAD^1", repository), Commit)


def test_name_of_a_commit_is_no_option_of_gits(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands behind --end-of-options, in one word, with what asks for a commit."""
    asked: list[tuple[str, ...]] = []

    def refused(_folder: Path, *arguments: str) -> None:
        asked.append(arguments)

    monkeypatch.setattr(against, "git", refused)
    with pytest.raises(pytest.UsageError):
        base_named("--since=yesterday")
    ((*_, last_option, text),) = asked
    assert (last_option, text) == ("--end-of-options", "--since=yesterday^{commit}")


def test_git_is_not_needed_until_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without git an interpreter can still be named, a commit cannot."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert isinstance(base_named(sys.executable), Interpreter)
    with pytest.raises(pytest.UsageError, match="git is not there"):
        base_named("HEAD", tmp_path)
