"""Runs for the tests of the paper: published ones, one of hostile text, and another way to compute its numbers."""

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from reports.comparison_record import MarginVerdict, StudentTeacher, StudentVerdict
from reports.judged import Candidate, Claim, Margin
from reports.measured import MetricValue, Stills
from reports.merge import read_run
from reports.paired import Band, Bands, Compared, Distance, PairedComparison
from reports.paper.document import numbered, quoted
from reports.paper.metric_definitions import DEFINITIONS
from reports.paper.render_latex import as_latex, file_of
from reports.paper.render_markdown import as_markdown
from reports.paper.write import TITLE, sections, sidecar
from reports.record import Run
from reports.strict_json import encode
from tests.reports_samples import case_of, planned, run_of

ROOT = Path(__file__).parent.parent
PUBLISHED = ROOT / "reports" / "published"
GOLDEN = ROOT / "tests" / "golden_views" / "paper"
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "]]> {{ 7*7 }} {% raw %}",
    "`code` **bold** [link](javascript:alert(1)) | cell | cell",
    r"\input{/etc/passwd} $x_1^2$ 100 % & # ~ \\ {unbalanced",
    "\u202eright to left\u202c \u200f\u2067mark",
    "中文 emoji 🎬 ə combining e\u0301 nul\x00 bell\x07",
    "x" * 5000,
    "=cmd|' /C calc'!A0",
    "- item\n# heading\n1. number\n\n> quote",
    "https://example.org www.example.org @someone",
    "--- ,, '' `` ?` !` << >>",
)


def published(*names: str) -> list[Run]:
    """Read published runs by their folders' names."""
    return [read_run(PUBLISHED / name / "run.json") for name in names]


def hostile_run() -> Run:
    """Give a run in which every text that comes from elsewhere is hostile; half of its cases failed."""
    cases = []
    for number, text in enumerate(HOSTILE):
        plan = planned(prompt=f"p{number}", text=text, rounds=3)
        model = msgspec.structs.replace(plan.model, id=text[:60], title=text, licence=text)
        prompt = msgspec.structs.replace(
            plan.prompt, id=text[:40], motion=text, licence=text, source=text, sha256=f"{number:064d}"
        )
        plan = msgspec.structs.replace(
            plan, id=f"bench_speed.py::bench[{text}]", model=model, prompt=prompt, setting=text
        )
        failed = number % 2 == 0
        cases.append(
            case_of(plan, status="error", reason=text) if failed else case_of(plan, 4.0 + number / 100, 4.0, 4.1)
        )
    run = msgspec.structs.replace(run_of(*cases, banners=HOSTILE), run_id="hostile")
    environment = msgspec.structs.replace(
        run.environment,
        cpu=HOSTILE[0],
        python=HOSTILE[4],
        driver=HOSTILE[5],
        gpus=[{"name": HOSTILE[6], "uuid": "GPU-0"}],
    )
    return msgspec.structs.replace(run, environment=environment, durations={"sampling_s": HOSTILE[3]})


# Names that are wider or more of a piece than sound ones, or take more room in print than in the record.
ODD_NAMES = (
    "__proto__",
    "constructor",
    "=1+1",
    "\uff1d1+1",
    "M" * 16,
    "W" * 16,
    "a" * 60,
    "W" * 60,
    '"quoted" name',
    '"' * 60,
    "中" * 12,
    "…" * 50,
    "W-" * 30,
    "abcdefghijklmno_" * 4,
)


def odd_run(name: str, run_id: str = "odd") -> Run:
    """Give a run in which models, settings, prompts, phases, metrics, claims, verdicts and the GPU have one name."""
    plan = planned(prompt="p", text=name, rounds=3)
    plan = msgspec.structs.replace(
        plan,
        model=msgspec.structs.replace(plan.model, id=name, title=name, licence=name),
        prompt=msgspec.structs.replace(plan.prompt, id=name, motion=name, licence=name, source=name),
        setting=name,
    )
    case = case_of(plan, 4.0, 4.1, 4.3)
    assert case.measurement is not None
    measurement = msgspec.structs.replace(
        case.measurement,
        rounds=[msgspec.structs.replace(one, phases_s=one.phases_s | {name: 0.1}) for one in case.measurement.rounds],
        metrics=[MetricValue(id=name, value=1.0, unit=name, better="neither")],
        pairs=[_odd_pair(name)],
    )
    speed = msgspec.structs.replace(case, measurement=measurement)
    parity, failed = (
        msgspec.structs.replace(speed, id=id_, plan=msgspec.structs.replace(plan, id=id_, scenario=scenario))
        for id_, scenario in (("parity", "parity"), ("failed", "speed"))
    )
    failed = msgspec.structs.replace(failed, status="error", reason=name, measurement=None)
    candidate = Candidate(suite="quick", models=[name, "other"], settings=[name])
    claim = Claim(
        id=name, text=name, quantities=["prompt_to_host_s"], value=3.0, tolerance_pct=5.0, candidates=[candidate]
    )
    margin = Margin(metric=name, better="lower", why=name, absolute=1.0)
    row = MarginVerdict(
        margin=margin, verdict="INCONCLUSIVE", prompts=4, difference=0.1, limit=1.0, t=(0.0, 2.0), gate="t", reason=name
    )
    run = msgspec.structs.replace(
        run_of(speed, parity, failed, banners=(name,)),
        run_id=run_id,
        claims=[claim],
        verdicts=[StudentVerdict(comparison="c", student=name, teacher=name, rows=[row])],
        comparisons=[StudentTeacher(id="c", students=["a"], settings=["b"], teacher="t", teacher_setting="s")],
    )
    return made_on(name, run)


def _odd_pair(name: str) -> PairedComparison:
    distances = [
        Distance(id=f"{name}{number}", of="frames", unit=name, better="lower", value=1.0 + number)
        for number in range(3)
    ]
    return PairedComparison(
        kind="setting",
        reference=name,
        differs={},
        bands=Bands(id="b", why=name, bands=[Band(distance="x", statistic="value", at_most=1.0)]),
        compared=Compared(what=name, distances=distances, broken=[]),
        planted=None,
        verdict="within",
    )


def made_on(gpu: str, run: Run) -> Run:
    """Give a run as if it had been made on another GPU."""
    cases = []
    for case in run.cases:
        measured = case.measurement
        if measured is not None:
            devices = [msgspec.structs.replace(device, name=gpu) for device in measured.devices]
            measured = msgspec.structs.replace(measured, devices=devices)
        cases.append(msgspec.structs.replace(case, measurement=measured))
    gpus = [{**fact, "name": gpu} for fact in run.environment.gpus] or [{"name": gpu}]
    return msgspec.structs.replace(run, cases=cases, environment=msgspec.structs.replace(run.environment, gpus=gpus))


def rendered(runs: list[Run]) -> dict[str, str]:
    """Give the paper's texts by their files' names, without its pictures, which take seconds to draw."""
    document = sections(runs)
    ids, quotes = numbered(document), quoted(document)
    texts = {f"{file_of(section)}.tex": as_latex(section, ids, quotes) for section in document}
    references = encode(sidecar(runs, ids, quotes)).decode()
    return texts | {"paper.md": as_markdown(TITLE, document), "numbers.json": references}


def with_strip(folder: Path, run_id: str, strip: str = "media/a-strip.jpg", content: bytes | None = None) -> Run:
    """Give a run of two models whose clips have a strip, which is written into `folder` where there is content."""
    stills = Stills(strip=strip, frames=[0, 40, 80], xt="media/a-xt.jpg")
    cases = [
        msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, stills=stills))
        for case in (case_of(planned(model), 4.0) for model in ("causvid-1.3b", "wan2.1-t2v-1.3b"))
        if case.measurement is not None
    ]
    if content is not None:
        (folder / strip).parent.mkdir(parents=True, exist_ok=True)
        (folder / strip).write_bytes(content)
    return msgspec.structs.replace(run_of(*cases), run_id=run_id)


def with_every_metric() -> Run:
    """Give a run whose clip has a value of every metric that the paper defines, and of hostile ones of a user."""
    case = case_of(planned(), 4.0)
    assert case.measurement is not None
    values = [
        *(MetricValue(id=id_, value=1.0, unit="1", better="lower") for id_ in DEFINITIONS),
        *(MetricValue(id=text, value=1.0, unit=text, better="neither") for text in HOSTILE[:6]),
    ]
    case = msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, metrics=values))
    return msgspec.structs.replace(run_of(case), run_id="metrics")


def recomputed(reference: dict[str, Any], runs: dict[str, Any]) -> str:
    """Compute a number of the sidecar again from plain JSON, by what the sidecar says and none of the code's own."""
    operands = [[value for source in operand for value in values_at(source, runs)] for operand in reference["operands"]]
    value = _made(reference["aggregation"], operands) / reference["divisor"]
    decimals = reference["decimals"]
    if reference["power_of_ten"]:
        return f"{value:.{decimals}e}"
    if reference["aggregation"] in ("furthest", "rate furthest", "difference quotient"):
        text = f"{value + 0.5 * 10.0**-decimals - 1e-7 * 10.0**-decimals:.{max(decimals, 0)}f}"
        value = float(text)
    return f"{round(value, decimals) + 0.0:,.{max(decimals, 0)}f}"


def values_at(source: dict[str, str], runs: dict[str, Any]) -> list[Any]:
    record = runs[source["run"]]
    if source["case"]:
        record = next(case for case in record["cases"] if case["id"] == source["case"])
    found = [record]
    path = source["path"].replace("][", "].[").replace("[", ".[")
    for step in [part for part in _steps(path) if part]:
        if step == "[*]":
            found = [inner for value in found for inner in value]
        elif step.startswith("["):
            found = [value[json.loads(step[1:-1])] for value in found]
        else:
            found = [value[step] for value in found]
    return found


def _steps(path: str) -> list[str]:
    steps, inside = [""], False
    for char in path:
        inside = (inside or char == "[") and char != "]"
        if char == "." and not inside:
            steps.append("")
        else:
            steps[-1] += char
    return steps


def _made(aggregation: str, v: list[list[Any]]) -> float:
    middle = statistics.median
    if aggregation == "value":
        assert len(set(v[0])) == 1, f"one value is meant, there are {set(v[0])}"
    rates = [v[0][0] * v[1][0] / one for one in v[2]] if aggregation.startswith("rate") else []
    made: dict[str, Callable[[], float]] = {
        "value": lambda: v[0][0],
        "count": lambda: len(v[0]),
        "distinct": lambda: len(set(v[0])),
        "sum": lambda: sum(v[0]),
        "least": lambda: min(v[0]),
        "greatest": lambda: max(v[0]),
        "median": lambda: middle(v[0]),
        "furthest": lambda: max(abs(one - middle(v[0])) for one in v[0]),
        "rate": lambda: v[0][0] * v[1][0] / middle(v[2]),
        "rate furthest": lambda: max(abs(one - v[0][0] * v[1][0] / middle(v[2])) for one in rates),
        "ratio": lambda: middle(v[0]) / middle(v[1]),
        "least ratio": lambda: min(v[0]) / max(v[1]),
        "greatest ratio": lambda: max(v[0]) / min(v[1]),
        "quotient": lambda: sum(v[0]) / sum(v[1]),
        "outer quotient": lambda: sum(v[0]) / sum(v[2]),
        "cost": lambda: v[0][0] * middle(v[1]) / 3600 / v[2][0],
        "hourly": lambda: 3600 * v[0][0] / middle(v[1]),
        "difference quotient": lambda: abs(sum(v[0]) - sum(v[1])) / sum(v[2]),
    }
    return float(made[aggregation]())


if __name__ == "__main__":
    for name, text in rendered(published("quick")).items():
        if name != "numbers.json":
            (GOLDEN / name).write_text(text, encoding="utf-8")
