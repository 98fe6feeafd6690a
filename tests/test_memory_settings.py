"""Settings for smaller cards, through the whole suite: each row says what it ran, and memory alone changes no frame."""

from pathlib import Path
from typing import Any

import pytest

from tests.inner_session import bare_bench
from tests.running import read_json

STUDENTS = ("causvid-tiny", "causvid-tiny-bidirectional")
SMALL = ("width=32", "height=32", "frames=21")
CAUSAL = ("text_encoder=resident,offload,freed", "decode=streamed,whole")


def run(folder: Path, models: str, *sweeps: str) -> dict[str, dict[str, Any]]:
    """Time every combination on toys that make two blocks of frames; cases by the model and the swept values."""
    sets = [word for sweep in (*SMALL, *sweeps) for word in ("--set", sweep)]
    chosen = ("--suite", "tiny", "--model", models, "--setting", "64p9", "-k", "bench_speed")
    ended = bare_bench(*chosen, *sets, "--run-dir", folder / "run")
    assert ended.code == 0, ended.output
    cases = read_json(folder / "run" / "run.json")["cases"]
    fields = ["model", *(sweep.partition("=")[0] for sweep in sweeps)]
    named = {" ".join(case["plan"]["recipe"][field] for field in fields): case for case in cases}
    assert len(named) == len(cases)
    return named


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Run the causal toy; cases by text encoder and decode."""
    return run(tmp_path_factory.mktemp("swept"), "causvid-tiny", *CAUSAL)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Run both students at both storages; cases by text encoder and storage."""
    sweeps = ("text_encoder=resident,freed", "weights_dtype=same,float8")
    return run(tmp_path_factory.mktemp("stored"), ",".join(STUDENTS), *sweeps)


def frames(case: dict[str, Any]) -> set[str]:
    return {one["frames_sha256"] for one in (*case["measurement"]["rounds"], case["measurement"]["first_call"])}


def test_every_combination_runs(swept: dict[str, dict[str, Any]]) -> None:
    """Three times two rows, each a recipe of its own."""
    assert len(swept) == 6
    assert {case["status"] for case in swept.values()} == {"passed"}


def test_place_and_order_do_not_change_a_byte_of_the_frames(swept: dict[str, dict[str, Any]]) -> None:
    """Where the text encoder lies and when frames are decoded is memory and time, not content."""
    assert len(set.union(*(frames(case) for case in swept.values()))) == 1


@pytest.mark.parametrize("model", STUDENTS)
def test_storage_shows_in_the_dtypes_that_ran_and_in_the_frames(stored: dict[str, dict[str, Any]], model: str) -> None:
    """The record proves it by the weights' dtype, also with the text encoder freed, and the frames are others."""
    cases = {name.removeprefix(f"{model} "): case for name, case in stored.items() if name.startswith(f"{model} ")}
    assert len(cases) == 4
    for name, case in cases.items():
        assert ("float8_e4m3fn" in case["measurement"]["facts"]["dtypes"]["transformer"]) == ("float8" in name)
    for storage in ("same", "float8"):
        assert frames(cases[f"resident {storage}"]) == frames(cases[f"freed {storage}"])
    assert frames(cases["resident same"]).isdisjoint(frames(cases["resident float8"]))


def test_whole_clip_is_one_chunk(swept: dict[str, dict[str, Any]]) -> None:
    """Two blocks of 9 and 12 frames, or 21 frames at once."""
    for name, case in swept.items():
        chunks = [chunk["frames"] for chunk in case["measurement"]["rounds"][0]["chunks"]]
        assert chunks == ([21] if "whole" in name else [9, 12])


def test_rounds_without_text_encoding_say_so(swept: dict[str, dict[str, Any]]) -> None:
    """Only a freed encoder's embeddings are used again, and only its rows have the reason."""
    for name, case in swept.items():
        assert ("text_encode" in case["measurement"]["reasons"]) == ("freed" in name)
