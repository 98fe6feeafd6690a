"""Run the benchmark in a process of its own on the model that fails on purpose, and read what it left behind."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FAULT_MODELS = ROOT / "tests" / "examples" / "fault_models"
# What starts coverage in a new process (coverage 7.17, `control.py`).
COVERAGE = frozenset({"COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"})
MATCHED = 'transformer_dtype = "float32"\ntext_encoder_dtype = "float32"\nvae_dtype = "float32"'


def write_suite(
    folder: Path,
    prompts: Mapping[str, str],
    attentions: Sequence[str] = ("native",),
    scenarios: Sequence[str] = ("speed",),
    model: str = "faulty",
    more: str = "",
) -> Path:
    """Write a suite of one model: a setting, and so a recipe, for each of `attentions`, with `more` lines in each."""
    tables = [
        f'[[prompts]]\nid = "{name}"\ntext = {json.dumps(text, ensure_ascii=False)}\n'
        'licence = "CC0-1.0"\nsource = "test"\n'
        for name, text in prompts.items()
    ]
    (folder / "prompts.toml").write_text("\n".join(tables), encoding="utf-8")
    settings = [f'[settings.{name}]\nattention = "{name}"\n{more}' for name in attentions]
    blocks = [
        f'[[cases]]\nscenario = "{scenario}"\nmodels = ["{model}"]\nsettings = {json.dumps(list(attentions))}\n'
        f"prompts = {json.dumps(list(prompts))}\nseeds = [0]"
        for scenario in scenarios
    ]
    text = f'description = "faults"\nprompts = "prompts.toml"\n[matched]\n{MATCHED}\n'
    suite = folder / "faults.toml"
    suite.write_text("\n".join([text, *settings, *blocks]), encoding="utf-8")
    return suite


def session(*words: object) -> list[str]:
    """Give the command of a session of pytest without what a benchmark's environment lacks: the group `tests` alone.

    Hypothesis' plugin imports all of Hypothesis at a session's end.
    """
    lacking = ("no:hypothesispytest", "no:pytest_cov")
    plugins = [word for name in ("no:cacheprovider", *lacking) for word in ("-p", name)]
    return [sys.executable, "-m", "pytest", *plugins, *map(str, words)]


def asked_of(folder: Path, *arguments: object) -> list[object]:
    """Give the arguments that choose `folder`'s suite, or whatever else `arguments` ask for."""
    chosen = [] if "--resume" in arguments else ["--suite", folder / "faults.toml", "--run-dir", folder / "run"]
    return [f"--models-dir={FAULT_MODELS}", *chosen, *arguments]


def command(folder: Path, *arguments: object) -> list[str]:
    """Give the command that benchmarks what `asked_of` chooses."""
    return session("--no-charts", "benchmarks", *asked_of(folder, *arguments))


def without_gpu() -> dict[str, str]:
    """Give this environment without a GPU, output buffered as usual, and without coverage: see `coverage`."""
    ours = {"CUDA_VISIBLE_DEVICES": "", "PYTHONUNBUFFERED": "", "OMP_NUM_THREADS": "1"}
    return {name: text for name, text in os.environ.items() if name not in COVERAGE} | ours


def coverage() -> dict[str, str]:
    """Give the variables that make a process's lines count for coverage; where coverage is not measured, none.

    Counted, a process takes twice the time, most of it for importing torch. Nearly all that sessions run is counted in
    some test's own process as well: only those have these variables that run what no other test does.
    """
    return {name: text for name, text in os.environ.items() if name in COVERAGE}


def environment(folder: Path) -> dict[str, str]:
    """Give the environment of a run: that of `without_gpu`, and the model's log in `folder`."""
    return {**without_gpu(), "FAULTY_LOG": str(folder / "model.log")}


def run_bench(folder: Path, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run to the end, whatever it is; `variables` are added to the environment."""
    return subprocess.run(
        command(folder, *arguments),
        cwd=ROOT,
        env=environment(folder) | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def events(folder: Path, name: str) -> list[dict[str, Any]]:
    """Read the model's log: the events of one name, in order."""
    lines = (folder / "model.log").read_text(encoding="utf-8").splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == name]


def read_json(path: Path) -> Any:
    """Read a file as strict JSON: NaN and Infinity are refused."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{path} holds {constant}")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def cases_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Read run.json's cases by "setting-prompt"; a case that is listed twice is an error."""
    cases = read_json(folder / "run" / "run.json")["cases"]
    named = {f"{c['plan']['setting']}-{c['plan']['prompt']['id']}": c for c in cases}
    assert len(named) == len(cases), [c["id"] for c in cases]
    return named
