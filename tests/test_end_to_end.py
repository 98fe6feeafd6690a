"""The tiny suite from the command to the page: real pipelines of both models at toy size, run once for all tests."""

import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import jsonschema
import pytest
from PIL import Image

from tests.running import ROOT, read_json, session, without_gpu


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run `pytest benchmarks/` as the README says, on a machine without a GPU."""
    folder = tmp_path_factory.mktemp("tiny")
    words = session("benchmarks/", "--run-dir", folder / "run", "--benchmark-json", folder / "out.json")
    done = subprocess.run(words, cwd=ROOT, env=without_gpu(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "printed.txt").write_text(done.stdout, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def record(tiny: Path) -> dict[str, Any]:
    """Read the run's record."""
    whole: dict[str, Any] = read_json(tiny / "run" / "run.json")
    return whole


def test_record_keeps_its_schema(record: dict[str, Any]) -> None:
    """run.json is what reports/run.schema.json promises."""
    jsonschema.validate(record, read_json(ROOT / "reports" / "run.schema.json"))


def test_every_planned_case_passed_once(tiny: Path, record: dict[str, Any]) -> None:
    """Plan, record and pytest-benchmark's file hold the same cases, each once, all passed."""
    planned = [case["id"] for case in read_json(tiny / "run" / "plan.json")["cases"]]
    assert [case["id"] for case in record["cases"]] == planned
    assert len(set(planned)) == len(planned)
    assert {case["status"] for case in record["cases"]} == {"passed"}
    for path in (tiny / "out.json", tiny / "run" / "benchmark.json"):
        assert [entry["fullname"] for entry in read_json(path)["benchmarks"]] == [f"benchmarks/{i}" for i in planned]


def test_suite_covers_what_it_must(record: dict[str, Any]) -> None:
    """Wan with guidance, CausVid causal and bidirectional at three steps; three prompts; two settings."""
    plans = [case["plan"] for case in record["cases"]]
    asked = {(p["model"]["id"], p["request"]["steps"], p["request"]["guidance_scale"] > 1) for p in plans}
    assert {("causvid-tiny", 3, False), ("causvid-tiny-bidirectional", 3, False)} <= asked
    assert any(model == "wan2.1-t2v-tiny" and guided for model, _, guided in asked)
    assert len({plan["prompt"]["id"] for plan in plans}) >= 3
    assert len({plan["setting"] for plan in plans}) >= 2


def test_every_number_is_finite(record: dict[str, Any]) -> None:
    """No NaN or Inf hides anywhere in the record, and durations are positive."""
    numbers = list(_numbers(record))
    assert len(numbers) > 500
    assert all(map(math.isfinite, numbers))
    for measurement in _measurements(record):
        for timed in measurement["rounds"]:
            assert 0 < timed["time_to_first_frame_s"] <= timed["prompt_to_host_s"]
            assert 0 < timed["sampling_s"] < timed["prompt_to_device_s"] <= timed["prompt_to_host_s"]
            assert sum(timed["steps_s"]) <= timed["sampling_s"] + 1e-9
            assert sum(timed["phases_s"].values()) <= timed["prompt_to_host_s"]


def test_missing_measurements_have_a_reason(record: dict[str, Any]) -> None:
    """Null stands beside a sentence, never alone."""
    for measurement in _measurements(record):
        missing = {name for name, value in measurement.items() if value is None}
        assert missing <= set(measurement["reasons"])


ROUNDS = {"speed": 3, "audit": 12, "quality": 1, "cold_start": 1, "parity": 1}


def test_speed_has_three_rounds_and_one_first_call_a_recipe_and_shape(record: dict[str, Any]) -> None:
    """Warm-up is kept apart and happens once; quality has one round; rounds repeat exactly."""
    first_calls = []
    for case in record["cases"]:
        plan, measurement = case["plan"], case["measurement"]
        assert len(measurement["rounds"]) == ROUNDS[plan["scenario"]]
        if len(measurement["rounds"]) > 1:
            assert measurement["deterministic"] is True
        if measurement["first_call"] is not None:
            first_calls.append((str(plan["recipe"]), plan["request"]["width"], plan["request"]["frames"]))
    shapes = {
        (str(c["plan"]["recipe"]), c["plan"]["request"]["width"], c["plan"]["request"]["frames"])
        for c in record["cases"]
        if c["plan"]["scenario"] != "parity"  # whose recipes no other scenario warms up
    }
    assert sorted(first_calls) == sorted(shapes)


def test_each_recipe_is_loaded_once(record: dict[str, Any]) -> None:
    """Over both scenarios and all settings, as many loads as recipes."""
    recipes = {str(case["plan"]["recipe"]) for case in record["cases"]}
    loads = [m for m in _measurements(record) if m["load_s"] is not None]
    assert len(loads) == len(recipes) >= 3


def test_facts_tell_what_really_ran(record: dict[str, Any]) -> None:
    """Scheduler, timesteps, forwards, precision by component, tokens and truncation come from the pipeline itself."""
    for case in record["cases"]:
        facts, request = case["measurement"]["facts"], case["plan"]["request"]
        assert facts["scheduler_class"]
        assert len(facts["timesteps"]) == request["steps"]
        assert facts["timesteps"] == sorted(facts["timesteps"], reverse=True)
        assert facts["forwards"] >= request["steps"] * (2 if request["guidance_scale"] > 1 else 1)
        assert set(facts["dtypes"].values()) == {"float32"}
        assert {"transformer", "text_encoder", "vae"} <= set(facts["dtypes"])
        assert facts["prompt_tokens"] > 0
        assert facts["prompt_truncated"] in {True, False}
        assert facts["attention_resolved"]


def test_causal_model_yields_a_chunk_a_block(record: dict[str, Any]) -> None:
    """CausVid shows its first frames before the clip is done; the bidirectional ones yield all at once."""
    for case in record["cases"]:
        for timed in case["measurement"]["rounds"]:
            assert sum(chunk["frames"] for chunk in timed["chunks"]) == case["plan"]["request"]["frames"]
            if case["plan"]["model"]["id"] != "causvid-tiny":
                assert len(timed["chunks"]) == 1
            elif case["plan"]["request"]["frames"] > 9:
                assert len(timed["chunks"]) > 1
                assert timed["time_to_first_frame_s"] < timed["prompt_to_host_s"]


def test_each_case_has_a_clip_that_plays(tiny: Path, record: dict[str, Any]) -> None:
    """One mp4 a case, of the asked length, size and rate; the page plays each of them once, equal ones together."""
    page = (tiny / "run" / "report.html").read_text(encoding="utf-8")
    shown = set(re.findall(r'<video[^>]* src="([^"]+)"', page))
    clips: dict[str, set[str]] = {}
    for case in record["cases"]:
        request, video = case["plan"]["request"], case["measurement"]["video"]
        with av.open(str(tiny / "run" / video)) as container:
            stream = container.streams.video[0]
            assert sum(1 for _ in container.decode(stream)) == request["frames"]
            assert (stream.width, stream.height) == (request["width"], request["height"])
            assert float(stream.average_rate or 0) == request["fps"]
        clips.setdefault(case["measurement"]["rounds"][-1]["frames_sha256"], set()).add(video)
    assert all(shown & same for same in clips.values()), (clips, shown)
    assert len(list((tiny / "run" / "media").glob("*.mp4"))) == len(record["cases"])


def test_each_clip_has_its_stills(tiny: Path, record: dict[str, Any]) -> None:
    """A strip of the clip's first to last frame and a slice with a line a frame; of cold starts a reason."""
    for case in record["cases"]:
        measured, stills = case["measurement"], case["measurement"]["stills"]
        if case["plan"]["fresh_process"]:
            assert stills is None
            assert "cold start" in measured["reasons"]["stills"]
            continue
        assert (stills["frames"][0], stills["frames"][-1]) == (0, measured["frames"] - 1)
        with Image.open(tiny / "run" / stills["strip"]) as strip, Image.open(tiny / "run" / stills["xt"]) as xt:
            assert strip.size == (measured["width"] * len(stills["frames"]), measured["height"])
            assert xt.size == (measured["width"], measured["frames"])


def test_terminal_ends_with_the_table_and_the_paths(tiny: Path, record: dict[str, Any]) -> None:
    """Each case has its row at once and its line in the table; a banner says what the numbers are worth."""
    printed = (tiny / "printed.txt").read_text(encoding="utf-8")
    assert len(re.findall(r"^PASSED   \S+ \S+ s\d+ \S+: prompt to host frames", printed, re.MULTILINE)) == len(
        record["cases"]
    )
    assert f"{len(record['cases'])} cases: {len(record['cases'])} passed" in printed
    assert "!! TOY MODELS" in printed
    for name in ("report.html", "run.json", "journal"):
        assert str(tiny / "run" / name) in printed


def test_pytest_benchmark_compare_reads_the_file(tiny: Path, record: dict[str, Any]) -> None:
    """The command that people use shows every case."""
    words = [sys.executable, "-c", "from pytest_benchmark.cli import main; main()", "compare", "out.json"]
    done = subprocess.run(words, cwd=tiny, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for case in record["cases"]:
        assert case["id"].split("::")[1] in done.stdout


def test_environment_is_recorded(record: dict[str, Any]) -> None:
    """Library versions, the machine and the command are there."""
    here = record["environment"]
    assert {"torch", "diffusers", "transformers", "pytest", "pytest-benchmark"} <= set(here["packages"])
    assert here["memory_bytes"] > 0
    assert "benchmarks/" in record["command"]


def _measurements(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [case["measurement"] for case in record["cases"]]


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield float(value)
