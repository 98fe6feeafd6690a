"""The token ids of eight prompts can be printed once and checked ever after."""

import tomllib
from pathlib import Path

import pytest

from models.wan.published import BASE_REPOSITORY
from models.wan.random_weights import offline_tokenizer
from models.wan.token_ids import PROMPTS, differences, main

COMMIT = "c" * 40


@pytest.fixture
def tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a tokenizer's files into a hub cache of its own."""
    folder = tmp_path / "hub" / f"models--{BASE_REPOSITORY.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    offline_tokenizer().save_pretrained(folder / "snapshots" / COMMIT / "tokenizer")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return folder


def test_printed_ids_are_found_equal(tokenizer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is TOML, says which tokenizer it was, and holds the eight prompts, cleaned and cut."""
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert f"# {BASE_REPOSITORY}/tokenizer/ @ {COMMIT}, transformers " in printed
    ids = tomllib.loads(printed)["ids"]
    assert ids.keys() == PROMPTS.keys()
    assert len(ids) == 8
    assert (len(ids["empty"]), len(ids["too-long"])) == (1, 512)
    assert ids["html"] == offline_tokenizer()("Tom & Jerry <3").input_ids
    (tmp_path / "ids.toml").write_text(printed)
    assert main(["--check", str(tmp_path / "ids.toml")]) == 0
    assert capsys.readouterr().out.startswith("8 prompts: the token ids are those of ")


def test_differing_ids_are_named_with_their_place(
    tokenizer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tokenizer that splits otherwise ends in exit code 1."""
    main([])
    (tmp_path / "ids.toml").write_text(capsys.readouterr().out.replace("plain = [", "plain = [7, "))
    assert main(["--check", str(tmp_path / "ids.toml")]) == 1
    assert "plain: " in capsys.readouterr().out


def test_differences_count_missing_added_and_longer() -> None:
    """Every way of differing is told, equality is not."""
    assert differences({"a": [1, 2]}, {"a": [1, 2]}) == []
    assert differences({"a": [1, 2], "b": [3]}, {"a": [1, 2, 5], "c": [4]}) == [
        "b: not pinned",
        "a: 2 ids, pinned 3; from place 2 on [] instead of [5]",
        "c: 0 ids, pinned 1; from place 0 on [] instead of [4]",
    ]


def test_missing_tokenizer_or_pins_are_one_sentence(
    tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 and the name of what is missing."""
    assert main(["--check", str(tmp_path / "gone.toml")]) == 1
    assert "gone.toml" in capsys.readouterr().err
    (tmp_path / "empty.toml").touch()
    assert main(["--check", str(tmp_path / "empty.toml")]) == 1
    assert "empty.toml: lacks 'ids'" in capsys.readouterr().err
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "nothing"))
    assert main([]) == 1
    assert f"{BASE_REPOSITORY}/tokenizer/" in capsys.readouterr().err
