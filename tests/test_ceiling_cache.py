"""Ceilings on disk: found again for the same GPU and libraries, and for nothing else."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from fixtures.ceilings.ceiling_cache import cache_path, keep_ceilings, known_ceilings
from reports.environment import Environment
from tests.reports_samples import ceilings_of, plan_of
from tests.running import read_json


def here(**changes: Any) -> Environment:
    return msgspec.structs.replace(plan_of().environment, **changes)


def test_kept_ceilings_are_known_to_later_runs(tmp_path: Path) -> None:
    """What was written is read, as strict JSON in a folder that git ignores."""
    path = keep_ceilings(ceilings_of(), tmp_path / "new")
    assert known_ceilings(here(), tmp_path / "new") == (ceilings_of(), "")
    assert path.name.startswith("NVIDIA-H200-")
    assert read_json(path)["uuid"] == "GPU-0"
    assert (path.parent / ".gitignore").read_text(encoding="utf-8") == "*\n"


@pytest.mark.parametrize(
    "changes",
    [
        {"packages": {"torch": "2.14.0"}},
        {"cuda": "13.1"},
        {"cudnn": "9.20"},
        {"gpus": [{"name": "NVIDIA H200", "uuid": "GPU-1"}]},
    ],
    ids=str,
)
def test_another_gpu_or_library_has_none(tmp_path: Path, changes: dict[str, Any]) -> None:
    """The reason names the GPU and the versions, and the command that measures."""
    keep_ceilings(ceilings_of(), tmp_path)
    found, reason = known_ceilings(here(**changes), tmp_path)
    assert found is None
    assert reason.startswith("no ceilings were measured on this NVIDIA H200 with torch")
    assert "`pytest benchmarks/bench_ceilings.py`" in reason


def test_without_a_gpu_there_is_a_reason(tmp_path: Path) -> None:
    """A CPU has no ceilings."""
    assert known_ceilings(here(gpus=[]), tmp_path) == (
        None,
        "ceilings are measured on CUDA devices, and none is visible",
    )


def test_a_second_session_replaces_what_it_measured_and_keeps_the_rest(tmp_path: Path) -> None:
    """One operation measured again leaves the others as they were."""
    first = ceilings_of()
    again = msgspec.structs.replace(first.ceilings[0], calls_s=[1.0])
    keep_ceilings(first, tmp_path)
    keep_ceilings(msgspec.structs.replace(first, ceilings=[again]), tmp_path)
    known, _ = known_ceilings(here(), tmp_path)
    assert known is not None
    assert known.ceilings == [again, *first.ceilings[1:]]


def test_broken_file_is_told_and_measured_over(tmp_path: Path) -> None:
    """A file that is no record is a reason, never a crash."""
    path = cache_path(tmp_path, "NVIDIA H200", ("GPU-0", "2.13.0", "13.0", "9.19"))
    path.write_text('{"gpu": 1}', encoding="utf-8")
    found, reason = known_ceilings(here(), tmp_path)
    assert found is None
    assert reason.startswith(f"{path} cannot be read (")
    assert keep_ceilings(ceilings_of(), tmp_path) == path
    assert known_ceilings(here(), tmp_path) == (ceilings_of(), "")


def test_another_folder_is_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`CEILINGS_DIR` is where ceilings are kept and looked for, and the usual folder is let alone."""
    monkeypatch.setattr("fixtures.ceilings.ceiling_cache.FOLDER", tmp_path / "usual")
    monkeypatch.setenv("CEILINGS_DIR", str(tmp_path / "own"))
    assert keep_ceilings(ceilings_of()).parent == tmp_path / "own"
    assert known_ceilings(here())[0] == ceilings_of()
    assert not (tmp_path / "usual").exists()
    monkeypatch.delenv("CEILINGS_DIR")
    assert known_ceilings(here())[0] is None
