"""Votes are read only where they belong to the key, and told with what they are worth."""

from pathlib import Path

import msgspec
import pytest

from reports.__main__ import main
from reports.ab.record import Key, Votes, VotesError, read_key, read_votes
from reports.strict_json import write_json_atomically
from tests.test_ab_win_rate import ballot, key_of

KEY = key_of("dogs", "sea", "fire", "rain")
GOOD = ballot(KEY, "wwtl")


def saved(folder: Path, name: str, record: Key | Votes) -> Path:
    """Write a record beside the others."""
    write_json_atomically(folder / name, record)
    return folder / name


def refused(tmp_path: Path, *ballots: Votes, key: Key = KEY) -> str:
    """Give what is said of votes that are refused."""
    paths = [saved(tmp_path, f"votes{number}.json", votes) for number, votes in enumerate(ballots)]
    with pytest.raises(VotesError) as error:
        read_votes(paths, key)
    return str(error.value).replace(str(tmp_path), "")


def changed(**changes: object) -> Votes:
    """Give the votes with a field of the first vote changed."""
    return msgspec.structs.replace(GOOD, votes=[msgspec.structs.replace(GOOD.votes[0], **changes), *GOOD.votes[1:]])


def test_votes_of_several_voters_are_read_in_order(tmp_path: Path) -> None:
    """A file a voter."""
    ballots = [GOOD, ballot(KEY, "ll", voter="bob")]
    paths = [saved(tmp_path, f"{votes.voter}.json", votes) for votes in ballots]
    assert read_votes(paths, read_key(saved(tmp_path, "key.json", KEY))) == ballots


def test_votes_on_another_key_are_refused(tmp_path: Path) -> None:
    """Votes of last week's comparison are none on this one."""
    told = refused(tmp_path, msgspec.structs.replace(GOOD, key="other"))
    assert told == "/votes0.json: holds votes on 'other', the key is of 'k'; give their own key"


@pytest.mark.parametrize("changes", [{"trial": "cats 0"}, {"better": "sea 1 first"}, {"left": "nobody"}])
def test_votes_on_what_the_key_does_not_hold_are_refused(tmp_path: Path, changes: dict[str, str]) -> None:
    """A trial of nobody's, and a clip of another trial."""
    told = refused(tmp_path, changed(**changes))
    assert next(iter(changes.values())) in told
    assert "was the file edited?" in told


def test_trial_that_was_voted_on_twice_is_refused(tmp_path: Path) -> None:
    """One vote each."""
    told = refused(tmp_path, msgspec.structs.replace(GOOD, votes=[*GOOD.votes, GOOD.votes[0]]))
    assert told == "/votes0.json: votes on 'dogs 0' twice; was the file edited?"


def test_second_file_of_a_voter_is_refused(tmp_path: Path) -> None:
    """Saved twice is not voted twice."""
    told = refused(tmp_path, GOOD, ballot(KEY, "w"))
    assert told == "/votes1.json: /votes0.json holds votes of 'ann' as well; give one of them"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is no votes of a blinded comparison"),
        (b'{"kind": "blinded comparison: votes", "schema_ver', "is no votes of a blinded comparison"),
        (b'{"kind": "blinded comparison: votes", "voter": NaN}', "is no votes of a blinded comparison"),
        (b"\xff\xfe", "is no votes of a blinded comparison"),
        (msgspec.json.encode(KEY), "is no votes of a blinded comparison: Invalid enum value"),
        (
            msgspec.json.encode(msgspec.structs.replace(GOOD, schema_version=2)),
            "has schema version 2, this code reads 1",
        ),
        (msgspec.json.encode(msgspec.structs.replace(GOOD, voter="")), "is no votes of a blinded comparison"),
        (msgspec.json.encode(GOOD)[:-1] + b', "more": 1}', "is no votes of a blinded comparison"),
    ],
)
def test_file_that_is_no_votes_is_named(tmp_path: Path, content: bytes, told: str) -> None:
    """Cut off, of another kind, newer, or with what we do not know: one sentence with the file."""
    (tmp_path / "votes.json").write_bytes(content)
    with pytest.raises(VotesError, match=r"votes\.json: ") as error:
        read_votes([tmp_path / "votes.json"], KEY)
    assert told in str(error.value)


def test_key_that_names_a_clip_twice_is_refused(tmp_path: Path) -> None:
    """Nobody could tell whose vote it is."""
    path = saved(tmp_path, "key.json", msgspec.structs.replace(KEY, trials=[KEY.trials[0], KEY.trials[0]]))
    with pytest.raises(VotesError, match="names 'dogs 0' twice"):
        read_key(path)


def test_command_tells_rate_interval_and_worth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names are known again, and so is how little four votes are."""
    paths = [saved(tmp_path, "ann.json", GOOD), saved(tmp_path, "bob.json", ballot(KEY, "lw-w", voter="bob"))]
    assert main(["votes", *map(str, paths), "--key", str(saved(tmp_path, "key.json", KEY))]) == 0
    told = capsys.readouterr().out
    assert "causvid-1.3b 480p81 against wan2.1-t2v-1.3b 480p81: no preference is shown: it won 64.3 % [" in told
    assert "4 won, 1 without difference (half for each), 2 lost; 2 voters, 4 prompts, 4 pairs; worth " in told
    assert "the clip on the left won 4 of 6 decided votes" in told
    assert "noise" not in told


def test_command_says_that_noise_was_voted_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With random weights a rate says nothing of a model."""
    key = msgspec.structs.replace(KEY, weights=["random"])
    paths = [str(saved(tmp_path, "ann.json", GOOD)), "--key", str(saved(tmp_path, "key.json", key))]
    assert main(["votes", *paths]) == 0
    assert "weights are random: the clips are noise" in capsys.readouterr().out


def test_command_gives_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for every two sides."""
    paths = [str(saved(tmp_path, "ann.json", GOOD)), "--key", str(saved(tmp_path, "key.json", KEY))]
    assert main(["votes", *paths, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    rate = msgspec.json.decode(line)
    assert (rate["won"], rate["tied"], rate["lost"], rate["rate"], len(rate["interval"])) == (2, 1, 1, 0.625, 2)


def test_refusal_is_exit_code_2_and_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback."""
    key = saved(tmp_path, "key.json", KEY)
    assert main(["votes", str(tmp_path / "none.json"), "--key", str(key)]) == 4
    assert capsys.readouterr().err.startswith("python -m reports votes: ")
