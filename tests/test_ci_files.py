"""The ready-made CI is valid, runs on nobody's fork, and names options, commands and suites that there are."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from check_jsonschema import main as check_jsonschema
from ruamel.yaml import YAML

from fixtures.suite import suite_names
from reports.__main__ import _parser
from tests.running import ROOT

GITHUB = ROOT / ".github" / "workflows" / "gpu-benchmark.yml"
BUILDKITE = ROOT / ".buildkite" / "pipeline.yml"
SCHEMAS = {GITHUB: "vendor.github-workflows", BUILDKITE: "vendor.buildkite"}
BASH = shutil.which("bash") or "bash"


class Job(NamedTuple):
    """A job of either file: its scripts as bash reads them, and the globs of what it keeps."""

    name: str
    definition: dict[str, Any]
    scripts: list[str]
    kept: list[str]


def loaded(path: Path) -> dict[str, Any]:
    return dict(YAML(typ="safe").load(path.read_text(encoding="utf-8")))


def github_jobs() -> list[Job]:
    jobs = []
    for name, job in loaded(GITHUB)["jobs"].items():
        scripts = [step["run"] for step in job["steps"] if "run" in step]
        kept = [step["with"]["path"] for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
        jobs.append(Job(name, job, scripts, "\n".join(kept).split()))
    return jobs


def buildkite_jobs() -> list[Job]:
    steps = loaded(BUILDKITE)["steps"]
    return [Job(step["key"], step, [step["command"].replace("$$", "$")], step["artifact_paths"]) for step in steps]


JOBS = {
    f"{name}-{job.name}": job for name, of in (("github", github_jobs), ("buildkite", buildkite_jobs)) for job in of()
}
each_job = pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)


def commands(script: str) -> Iterator[list[str]]:
    """Part a script into simple commands: at line ends, pipes, lists and redirections."""
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if set(word) <= set("();<>|&"):
                yield words
                words = []
            else:
                words.append(word)
        yield words


def named(start: list[str]) -> list[list[str]]:
    """Give the arguments of every command of all jobs that begins with these words."""
    scripts = [script for job in JOBS.values() for script in job.scripts]
    found = [words for script in scripts for words in commands(script) if words[: len(start)] == start]
    return [words[len(start) :] for words in found]


def is_valid(path: Path, schema: str) -> bool:
    return not check_jsonschema.main(["--builtin-schema", schema, str(path)], standalone_mode=False)


@pytest.mark.parametrize(
    ("path", "good", "bad"),
    [
        (GITHUB, "timeout-minutes: 45", "timeout-minute: 45"),
        (GITHUB, "queue: max", "queue: most"),
        (BUILDKITE, "timeout_in_minutes: 45", "timeout_in_minutes: soon"),
    ],
)
def test_files_are_what_their_schemas_ask_for(tmp_path: Path, path: Path, good: str, bad: str) -> None:
    """The schemas that check-jsonschema brings along; a broken copy is not."""
    text = path.read_text(encoding="utf-8")
    assert good in text
    broken = tmp_path / path.name
    broken.write_text(text.replace(good, bad), encoding="utf-8")
    assert is_valid(path, SCHEMAS[path])
    assert not is_valid(broken, SCHEMAS[path])


@each_job
def test_scripts_are_bash(job: Job) -> None:
    """As bash reads them, without running anything."""
    for script in job.scripts:
        done = subprocess.run([BASH, "-n"], input=script, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_pytest_knows_every_option_and_the_suites_are_there(pytestconfig: pytest.Config) -> None:
    """Read by this session's own parser."""
    found = named(["pytest"])
    assert len(found) == 5
    for words in found:
        options, unknown = pytestconfig._parser.parse_known_and_unknown_args(words)
        assert unknown == []
        assert options.bench_suite in suite_names()
        assert options.file_or_dir == ["benchmarks/"]


def test_reports_knows_every_command() -> None:
    """Read by its own parser, which ends the process for what it does not know."""
    found = [_parser().parse_args(words) for words in named(["python", "-m", "reports"])]
    assert {one.command for one in found} == {"markdown", "annotations", "benchmark-action", "history"}


def test_environment_is_made_as_ci_makes_it() -> None:
    """By the same tox, of an environment that there is."""
    ci, tox = ((ROOT / name).read_text(encoding="utf-8") for name in (".ci/run", "tox.ini"))
    (pin,) = set(re.findall(r"tox==[\d.]+", ci))
    for job in JOBS.values():
        script = "\n".join(job.scripts)
        assert re.findall(r"tox==\S+", script) == [pin]
        for name in re.findall(r"tox\S* run -e (\S+)", script):
            assert f"[testenv:{name}]" in tox


@each_job
def test_what_is_written_is_kept(job: Job) -> None:
    """Of every job JUnit's file and the record; clips are not."""
    script = "\n".join(job.scripts)
    for file in [*re.findall(r"--(?:junitxml|svg) (\S+)", script), "reports/runs/ci/gate/base-1/run.json"]:
        assert any(fnmatch(file, glob.replace("**/", "*")) for glob in job.kept), file
    assert not any(fnmatch("reports/runs/ci/media/clip.mp4", glob.replace("**/", "*")) for glob in job.kept)


@each_job
def test_each_job_ends_in_time_and_has_the_gpu_to_itself(job: Job) -> None:
    """In line behind others, which it does not cancel."""
    definition = job.definition
    assert (definition.get("timeout-minutes") or definition["timeout_in_minutes"]) <= 600
    if job in github_jobs():
        assert definition["concurrency"] == {"group": "gpu-${{ vars.GPU_RUNNER }}", "queue": "max"}
    else:
        assert (definition["concurrency"], definition["concurrency_group"]) == (1, "gpu")


def test_nothing_runs_on_forks_or_uninvited() -> None:
    """Not without the repository's own variable, and no pull request whose head is elsewhere."""
    gate, nightly = (job.definition["if"] for job in github_jobs())
    assert "vars.GPU_RUNNER != ''" in gate
    assert "&& github.event.pull_request.head.repo.full_name == github.repository" in gate
    assert nightly == "github.event_name != 'pull_request' && vars.GPU_RUNNER != ''"
    gate, nightly = (job.definition["if"] for job in buildkite_jobs())
    assert gate == "build.pull_request.id != null && build.pull_request.repository.fork != true"
    assert nightly == 'build.source == "schedule"'


def test_workflow_may_read_and_nothing_else() -> None:
    """No secret, no write, no code of a pull request with rights of the base, no action that can change."""
    text, workflow = GITHUB.read_text(encoding="utf-8"), loaded(GITHUB)
    assert set(workflow["on"]) == {"pull_request", "schedule", "workflow_dispatch"}
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"
    assert "secrets." not in text
    for job in github_jobs():
        assert "permissions" not in job.definition
        checkout = job.definition["steps"][0]["with"]
        assert checkout["persist-credentials"] is False
        assert job.name != "gate" or checkout["fetch-depth"] == 0
    for use in re.findall(r"uses: (.*)", text):
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)


def test_gate_is_against_what_the_checkout_began_from() -> None:
    """GitHub checks a merge out, whose first parent may be newer than the event's base; Buildkite the branch."""
    against = [words[words.index("--against") + 1] for words in named(["pytest"]) if "--against" in words]
    assert against == ["HEAD^1", "$base"]
    assert "base.sha }}" not in GITHUB.read_text(encoding="utf-8")
    (checkout, *_) = JOBS["github-gate"].definition["steps"]
    assert "ref" not in checkout["with"]
    (script,) = JOBS["buildkite-gate"].scripts
    assert 'base="$(git merge-base HEAD FETCH_HEAD)"' in script


@each_job
def test_no_text_of_an_event_is_code(job: Job) -> None:
    """A branch's name reaches a script as a variable only; on Buildkite nothing is put in before the agent runs it."""
    for script in job.scripts:
        assert "${{" not in script
    if job in buildkite_jobs():
        assert re.findall(r"(?<!\$)\$(?!\$)", job.definition["command"].replace("$$", "")) == []
