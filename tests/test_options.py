"""The command line becomes one inert record."""

from dataclasses import FrozenInstanceError, fields

import pytest

from fixtures.choice import NOT_SELECTING
from fixtures.options import Options, flags_given, options_of


def parsed(pytestconfig: pytest.Config, *words: str) -> Options:
    """Parse words as the whole command line."""
    parser = pytestconfig._parser
    config = type("Config", (), {"stash": pytest.Stash(), "option": parser.parse_known_args(list(words))})()
    config.getoption = lambda name: getattr(config.option, name)
    return options_of(config)


def test_nothing_said_is_nothing_set(pytestconfig: pytest.Config) -> None:
    """Without options every field is None, False or empty."""
    options = parsed(pytestconfig)
    assert options == Options()
    assert flags_given(options, but=frozenset()) == []
    with pytest.raises(FrozenInstanceError):
        options.suite = "tiny"  # type: ignore[misc]


def test_lists_are_repeated_or_separated_by_commas(pytestconfig: pytest.Config) -> None:
    """Both ways of giving several values work together; a value given twice counts once."""
    words = ["--model", "a,b", "--model", "c", "--seed", "3,1", "--seed", "1", "--prompt", "x,,y", "--setting=s"]
    options = parsed(pytestconfig, *words)
    assert options.models == ("a", "b", "c")
    assert options.seeds == (3, 1)
    assert options.prompts == ("x", "y")
    assert options.settings == ("s",)


def test_sweeps_keep_their_commas(pytestconfig: pytest.Config) -> None:
    """A comma in `--set` separates the values of one field."""
    options = parsed(pytestconfig, "--set", "attention=a,b", "--set", "vae_dtype=c")
    assert options.sweeps == ("attention=a,b", "vae_dtype=c")


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["--seed", "0"], "seeds", (0,)),
        (["--seed", str(2**62)], "seeds", (2**62,)),
        (["--rounds", "1"], "rounds", 1),
        (["--case-timeout", "0.001"], "case_timeout_s", 0.001),
    ],
)
def test_values_at_the_limit_are_taken(
    pytestconfig: pytest.Config, words: list[str], field: str, value: object
) -> None:
    """The least and the greatest value are in range."""
    assert getattr(parsed(pytestconfig, *words), field) == value


@pytest.mark.parametrize(
    "words", [["--seed", "-1"], ["--seed", str(2**62 + 1)], ["--rounds", "0"], ["--case-timeout", "0"]]
)
def test_values_beyond_the_limit_are_refused(pytestconfig: pytest.Config, words: list[str]) -> None:
    """One below the least and one above the greatest are not."""
    with pytest.raises(pytest.UsageError, match=f"{words[0]} {words[1]}.*: out of range"):
        parsed(pytestconfig, *words)


def test_every_option_is_explained_and_known_to_resume() -> None:
    """Each field has a help text; what --resume tolerates are fields that exist."""
    assert all(item.metadata["help"] for item in fields(Options))
    assert {item.name for item in fields(Options)} > NOT_SELECTING
