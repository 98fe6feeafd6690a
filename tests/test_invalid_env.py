"""A case on a GPU that is too hot is measured again once, and then stays marked: whole sessions on samples made up."""

import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.inner_session import run_here
from tests.running import cases_of, events, read_json, write_suite

# bench_heat.py samples by itself: hot for as many attempts as the prompt says.
SCENARIO = """
import time
from collections import Counter

import pytest

from fixtures.device.energy import repeat
from fixtures.device.gpu_watch import CaseWatch
from fixtures.device.sampler import Sample

ATTEMPTS = Counter()


class Thermometer:
    period_s, problem = 0.00005, None  # a toy round lasts some tenths of a millisecond

    def __init__(self, events):
        self.events, self.since_s = events, time.perf_counter()

    def take(self):
        now_s, start_s = time.perf_counter(), self.since_s
        self.since_s = now_s
        moments = [start_s + n * self.period_s for n in range(int((now_s - start_s) / self.period_s))]
        return [
            Sample(at_s=moment, events=self.events, energy_j=100.0 * moment, power_w=100.0, power_is_instant=True)
            for moment in (*moments, now_s)
        ]


class ShortWindow(CaseWatch):
    def repeat(self, generate):
        self.repeated = repeat(generate, 0.05)


class Heat:
    def watch(self, case):
        ATTEMPTS[case.id] += 1
        hot = case.prompt.id.startswith("hot") and ATTEMPTS[case.id] <= int(case.prompt.id[3:])
        kind = ShortWindow if case.prompt.id == "cool" else CaseWatch
        return kind(Thermometer(0x40 if hot else 0x4), no_energy="" if kind is ShortWindow else "not on a CPU")


@pytest.fixture(scope="session")
def gpu_watch():
    return Heat()


@pytest.mark.rounds(default=2, warmup=True)
def bench_generate(case, measure, benchmark):
    measure(case, benchmark)
"""
PROMPTS = {"cool": "fine", "hot1": "fine, hot once", "hot2": "fine, hot always", "mild": "fine again"}


class Heated(NamedTuple):
    """A session with cool and hot cases."""

    folder: Path
    done: subprocess.CompletedProcess[str]
    cases: dict[str, dict[str, Any]]


def run_heat(folder: Path, prompts: dict[str, str], *arguments: object, **variables: str) -> Heated:
    """Run the scenario on these prompts; `variables` are added to the environment."""
    write_suite(folder, prompts, scenarios=["heat"])
    scenario = folder / "bench_heat.py"
    scenario.write_text(SCENARIO, encoding="utf-8")
    done = run_here(folder, scenario, "--benchmark-json", folder / "out.json", *arguments, **variables)
    return Heated(folder, done, cases_of(folder))


@pytest.fixture(scope="module")
def heated(tmp_path_factory: pytest.TempPathFactory) -> Heated:
    """Run all of them."""
    folder = tmp_path_factory.mktemp("heat")
    return run_heat(folder, PROMPTS, f"--junitxml={folder / 'junit.xml'}", "--gpu-hour-price=2.4")


def test_hot_case_is_measured_again_once(heated: Heated) -> None:
    """One that has cooled down passes, one that has not stays marked; the others run once."""
    statuses = {name.removeprefix("native-"): case["status"] for name, case in heated.cases.items()}
    assert statuses == {"cool": "passed", "hot1": "passed", "hot2": "invalid_env", "mild": "passed"}
    attempts = [[(a["number"], a["status"]) for a in case["attempts"]] for case in heated.cases.values()]
    assert attempts == [
        [(1, "passed")],
        [(1, "invalid_env"), (2, "passed")],
        [(1, "invalid_env"), (2, "invalid_env")],
        [(1, "passed")],
    ]


def test_reason_names_event_and_share(heated: Heated) -> None:
    """A reader sees what was wrong, in each attempt."""
    for attempt in heated.cases["native-hot2"]["attempts"]:
        assert "not a valid environment: hw_thermal_slowdown" in attempt["reason"]
        assert "in 100.0% of" in attempt["reason"]
        assert attempt["measurement"]["state"]["event_shares"] == {"hw_thermal_slowdown": 1.0}
        assert len(attempt["measurement"]["rounds"]) == 2


def test_record_of_a_case_that_cooled_down_is_the_second_attempts(heated: Heated) -> None:
    """Its rounds and its state are those of the valid attempt."""
    case = heated.cases["native-hot1"]
    assert case["reason"] == ""
    assert case["measurement"] == case["attempts"][1]["measurement"]
    assert case["measurement"]["state"]["event_shares"] == {"sw_power_cap": 1.0}
    assert case["measurement"]["reasons"]["energy"] == "not on a CPU"


def test_energy_is_counted_over_generations_after_the_rounds(heated: Heated) -> None:
    """At 100 W; they are no rounds and are told in the case's row."""
    case = heated.cases["native-cool"]
    energy, rounds = case["measurement"]["state"]["energy"], case["measurement"]["rounds"]
    generations = [event for event in events(heated.folder, "generate") if event["prompt"] == PROMPTS["cool"]]
    assert len(rounds) == 2
    assert (energy["source"], energy["videos"]) == ("repeated", len(generations) - 1 - len(rounds))
    assert energy["frames"] == 5 * energy["videos"]
    assert energy["windows_s"][0] >= 0.05
    assert energy["counter_j"] == pytest.approx(100.0 * energy["windows_s"][0])
    assert energy["integrated_j"] == pytest.approx(energy["counter_j"])
    assert energy["cross_check"] == "not cross-checked"
    assert " J a video" in heated.done.stdout


def test_session_tells_and_counts_what_was_measured_again(heated: Heated) -> None:
    """Only the case that stays marked is a failure; the recipe is not loaded again for it."""
    assert heated.done.returncode == 1
    assert "1 failed, 3 passed, 2 measured again" in heated.done.stdout.replace("\n", " ")
    assert "INVALID_ENV faulty hot1" in heated.done.stdout
    assert "4 cases: 3 passed, 1 invalid_env" in heated.done.stdout
    assert read_json(heated.folder / "run" / "run.json")["gpu_hour_price"] == 2.4
    assert "a video at 2.4" not in heated.done.stdout, "a CPU, whose NVML is a fake, has no GPU-hours"
    assert [event["recipe"] for event in events(heated.folder, "load")] == ["native"]


def test_each_case_is_one_entry_of_the_benchmark_json(heated: Heated) -> None:
    """Two attempts make one entry; that of the case that stays marked says so in its name."""
    entries = read_json(heated.folder / "out.json")["benchmarks"]
    names = [entry["name"] for entry in entries]
    assert len(names) == 4
    assert [name.endswith("INVALID_ENV") for name in names] == [False, False, True, False]


def test_junit_holds_both_attempts_and_one_failure(heated: Heated) -> None:
    """CI sees the case that stays marked fail."""
    text = (heated.folder / "junit.xml").read_text(encoding="utf-8")
    assert 'failures="1"' in text
    assert text.count('name="status" value="invalid_env"') == 3


def test_last_case_of_a_session_is_measured_again_too(tmp_path: Path) -> None:
    """Then the session's fixtures are set up once more; a run in which everything is valid in the end succeeds."""
    heated = run_heat(tmp_path, {"hot1": "fine"})
    assert heated.done.returncode == 0, heated.done.stdout
    assert [a["status"] for a in heated.cases["native-hot1"]["attempts"]] == ["invalid_env", "passed"]


def test_resumed_run_leaves_a_marked_case_alone(heated: Heated) -> None:
    """It was measured twice; a third time would be a search for a better number."""
    done = run_here(heated.folder, heated.folder / "bench_heat.py", "--resume", heated.folder / "run")
    assert done.returncode == 1
    assert "nothing is left to do" in done.stdout
    assert len(cases_of(heated.folder)["native-hot2"]["attempts"]) == 2


def test_second_attempt_says_whose_warm_up_it_had_and_a_kill_before_it_leaves_it_to_do(tmp_path: Path) -> None:
    """A session killed between the two attempts goes on with the second, which is the last one there too."""
    heated = run_heat(tmp_path, {"hot2": "fine", "mild": "fine"})
    second = heated.cases["native-hot2"]["attempts"][1]["measurement"]
    assert second["reasons"]["first_call"] == "this case's earlier attempt warmed up this recipe and shape"
    assert "an earlier case" in heated.cases["native-mild"]["measurement"]["reasons"]["first_call"]
    journal = tmp_path / "run" / "journal" / "main.jsonl"
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    first_end = next(n for n, line in enumerate(lines) if '"invalid_env"' in line)
    journal.write_text("".join(lines[: first_end + 1]), encoding="utf-8")
    done = run_here(tmp_path, tmp_path / "bench_heat.py", "--resume", tmp_path / "run")
    attempts = {name: [a["status"] for a in case["attempts"]] for name, case in cases_of(tmp_path).items()}
    assert attempts == {"native-hot2": ["invalid_env"] * 2, "native-mild": ["passed"]}, done.stdout
