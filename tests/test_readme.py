"""What the README says is what the code does."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from fixtures.metrics.spec import find_metrics
from fixtures.options import Options
from fixtures.suite import suite_names
from models.discover import discover
from reports.gate.verdict import RANKS, CaseVerdict, exit_code
from reports.html import render_html
from reports.judged import Limits, Margin
from reports.margins import MARGINS, OVER_PROMPTS
from reports.measured import DURATIONS
from reports.merge import read_run
from reports.random_weights import read_random_weights
from reports.random_weights import table as table_of_spread
from reports.summary import render_summary
from tests import measure_repeat

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
METRICS = ROOT / "fixtures" / "metrics" / "README.md"
GATE = ROOT / "reports" / "gate" / "README.md"
PUBLISHED = ROOT / "reports" / "published"
OPTION = re.compile(r"(?<![-\w])(--[a-z][a-z-]+)")
TABLE_WIDTH = 120
MANY_TIMES = 6


def test_durations_table_is_the_schemas() -> None:
    """Each duration is defined once: the README's row holds the text that stands in the schema."""
    schema = (ROOT / "reports" / "run.schema.json").read_text(encoding="utf-8")
    for name, meaning in DURATIONS.items():
        assert f"| `{name}` | {meaning} |" in README
        assert meaning in schema


def test_options_named_in_the_readme_exist() -> None:
    """Every option of the README's table is one of the suite's, and each of the suite's is named."""
    flags = {item.metadata["flag"] for item in fields(Options)}
    named = set(re.findall(OPTION, README))
    assert flags <= named
    named |= set(re.findall(OPTION, GATE.read_text(encoding="utf-8")))
    scripts = {
        "--dry-run",
        "--check",
        "--json",
        "--lora",
        "--into",
        "--notest",
        "--python",
        "--dimensions",
        "--full-info",
        "--student",
        "--teacher",
        "--prompts",
        "--against",
        "--block-starts",
        "--fps",
        "--frames",
        "--time-unit",
        "--long",
        "--out",
        "--single-file",
        "--between",
        "--key",
        "--format",
        "--new",
        "--paired",
        "--under-test",
        "--lenient",
        "--markdown",
        "--who",
        "--why",
        "--branch",
        "--folder",
        "--case",
        "--svg",
    }
    of_pytest = {"--benchmark-json", "--collect-only", "--group", "--html", "--junitxml"}
    of_bencher = {"--adapter", "--file"}
    assert named - flags <= {*of_pytest, *of_bencher, *scripts}


def _anchor(heading: str) -> str:
    """Give the anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_contents_list_every_section_and_every_link_leads_somewhere() -> None:
    """Each heading is listed before the first one; anchors exist once, and linked files are in the repository."""
    outside_code = re.sub(r"^```.*?^```", "", README, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#{2,} (.+)$", outside_code, re.MULTILINE)
    contents = outside_code.split("\n## ", 1)[0]
    assert sorted(re.findall(r"\[([^]]+)\]\(#", contents)) == sorted(headings)
    anchors = [_anchor(heading) for heading in headings]
    assert len(set(anchors)) == len(anchors)
    targets = re.findall(r"(?:\]\(|href=\"|src=\")([^)\"\s]+)", outside_code)
    assert {target[1:] for target in targets if target.startswith("#")} <= set(anchors)
    files = [target.partition("#")[0] for target in targets if not target.startswith(("#", "https://"))]
    assert len(files) >= 10
    assert [file for file in files if not (ROOT / file).exists()] == []


@pytest.mark.parametrize(("page", "without_a_link"), [(METRICS, {"controls"}), (GATE, set())])
def test_links_of_a_folders_own_readme_lead_somewhere(page: Path, without_a_link: set[str]) -> None:
    """From its folder, and back to the README's sections; and those of its own that the README leads to are in it."""
    text = page.read_text(encoding="utf-8")
    targets = [target.partition("#") for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    assert len(targets) >= 4
    assert [target for target, _, _ in targets if not (page.parent / target).exists()] == []
    readme_headings = {_anchor(heading) for heading in re.findall(r"^## (.+)$", README, re.MULTILINE)}
    assert {anchor for _, _, anchor in targets if anchor} <= readme_headings
    headings = {_anchor(heading) for heading in re.findall(r"^## (.+)$", text, re.MULTILINE)}
    path = re.escape(page.relative_to(ROOT).as_posix())
    linked = set(re.findall(rf"{path}#([\w-]+)", README))
    assert {*without_a_link, *linked} <= headings
    assert linked


def test_verdicts_of_both_tables_are_the_gates_with_their_exit_codes() -> None:
    """The README's short table and the full one beside the gate: each verdict once, 0, 1 or 2 as `compare` ends."""
    compared = CaseVerdict(id="a", verdict="PASS", why="")
    codes = {v: str(exit_code([compared, CaseVerdict(id="b", verdict=v, why="")])) for v in RANKS}
    for text in (README, GATE.read_text(encoding="utf-8")):
        rows = re.findall(r"^\| `([A-Z_]+)` \| .+ \| (\d) \|$", text, re.MULTILINE)
        assert (dict(rows), len(rows)) == (codes, len(RANKS))


def test_first_screen_tells_what_it_is_how_to_get_it_and_what_comes_out() -> None:
    """Question, installation, first command, results and one picture stand above the contents."""
    screen = README.split("\n- **Run:**", 1)[0]
    assert len(screen.splitlines()) <= 25
    order = ["How does CausVid", "pip install tox", "tox run -e bench", "**What comes out**", "<img src="]
    places = [screen.find(part) for part in order]
    assert places == sorted(places)
    assert -1 not in places


def test_suites_named_in_the_readme_exist() -> None:
    """The suites that the README lists are those of benchmarks/suites."""
    row = next(line for line in README.splitlines() if line.startswith("| `--suite"))
    assert set(suite_names()) == set(re.findall(r"`([a-z0-9-]+)`", row.split("|", 3)[3]))


def test_models_of_the_changelog_exist() -> None:
    """Each model id that the changelog names is found in models/."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:causvid|wan2\.1)-[a-z0-9.-]+)`", changelog))
    assert named
    assert named <= discover().keys()


def test_model_table_is_that_of_the_model_files() -> None:
    """Every full-size model has its row, with its sampling and its own licence."""
    rows = {line.split("`")[1]: line for line in README.splitlines() if re.match(r"\| `[a-z0-9.-]+b[a-z-]*` \|", line)}
    full_size = {model.id: model for model in discover().values() if model.weights}
    assert rows.keys() == full_size.keys()
    for id_, model in full_size.items():
        _, _, _, sampling, weights, _ = rows[id_].split("|")
        assert sampling.split()[0] == str(model.sampling.steps)
        assert sampling.strip().endswith(f", {model.sampling.guidance_scale:g}, {model.sampling.shift:g}")
        assert weights.strip().endswith(model.licence)


def test_metric_table_is_that_of_the_metric_files() -> None:
    """Every metric has its row, with its unit and its limits."""
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in METRICS.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    found = {cells[0].strip("`"): cells[2:] for cells in rows if len(cells) == 5}
    expected = {
        id_: [metric.unit, *(_limits_text(metric.limits, level) for level in ("warn", "fail"))]
        for id_, metric in find_metrics().items()
    }
    assert found == expected


def _limits_text(limits: Limits | None, level: str) -> str:
    sides = [(sign, getattr(limits, f"{level}_{side}", None)) for sign, side in (("<", "below"), (">", "above"))]
    return ", ".join(f"{sign} {limit:g}" for sign, limit in sides if limit is not None) or "–"


OF_MARGINS = {
    "chroma_drift": "chroma drift",
    "L_drift": "L* drift",
    "contrast_drift": "contrast drift",
    "sharp_drift": "sharpness drift",
    "warp_mse": "warp error",
    "flow95": "motion",
    "empty_codes": "unused codes",
    "seam_ratio": "seams",
    "clip_text_alignment": "CLIP alignment",
    "subject_consistency": "subject",
    "background_consistency": "background",
    "aesthetic_quality": "aesthetic",
    "imaging_quality": "MUSIQ",
    "seed_diversity": "diversity over seeds",
}


def test_margins_are_those_of_the_code() -> None:
    """Each with its figure, sign and unit, and none besides."""
    start, end = "Without `margins` those of", " They are starting values"
    told = " ".join(README.replace("\N{MINUS SIGN}", "-").split()).split(start, 1)[1].split(end, 1)[0]
    expected = {_margin_told(margin) for margin in OVER_PROMPTS}
    assert [one for one in sorted(expected) if not re.search(rf"{re.escape(one)}0?(?!\d)", told)] == []
    assert len(re.findall(r"[+|-] ?\d[\d.]*", told)) == len(expected)


def test_a_pairs_margins_are_those_over_prompts_that_need_no_network() -> None:
    """Of the same size; where the size counts over prompts, whatever its sign, a pair is held to it either way."""
    over = {margin.metric: margin for margin in OVER_PROMPTS if margin.metric in find_metrics()}
    assert {margin.metric for margin in MARGINS} == over.keys()
    for metric, margin in over.items():
        own = [one for one in MARGINS if one.metric == metric]
        assert {(one.absolute, one.of_teacher_pct) for one in own} == {(margin.absolute, margin.of_teacher_pct)}
        assert {one.better for one in own} == ({"lower", "higher"} if margin.magnitude else {margin.better})


def _margin_told(margin: Margin) -> str:
    name, figure = OF_MARGINS[margin.metric], margin.absolute
    if margin.magnitude:
        return f"|{name}| {figure:g}"
    sign = "+" if margin.better == "lower" else "-"
    if figure is None:
        return f"{name} {sign}{margin.of_teacher_pct:g} %"
    return f"{name} {sign}{figure:g}"


@pytest.mark.parametrize("name", ["quick", "wan-14b-4step"])
def test_published_page_is_what_its_record_renders(name: str) -> None:
    """A published page is what today's code makes of the published record, whose durations are still defined."""
    folder = PUBLISHED / name
    run = read_run(folder / "run.json")
    assert run.durations.keys() <= DURATIONS.keys()
    assert (folder / "report.html").read_text(encoding="utf-8") == render_html(run, folder, charts=True)


def test_table_on_the_first_screen_is_the_published_runs() -> None:
    """Every line of the README's table is printed by `python -m reports summary` of the published record."""
    table = README.split("```text\n", 1)[1].split("```", 1)[0].splitlines()
    printed = render_summary(read_run(PUBLISHED / "quick" / "run.json"), TABLE_WIDTH).splitlines()
    assert len([line for line in table if line.strip()]) >= 8
    assert [line for line in table if line.strip() and line not in printed] == []


def test_published_repetition_is_what_the_script_prints_of_both_records(capsys: pytest.CaptureFixture[str]) -> None:
    """The two published runs of `quick` repeat each other, by as much as their row and the README say."""
    assert measure_repeat.main([str(PUBLISHED / "quick"), str(PUBLISHED / "quick-again")]) == 0
    printed = capsys.readouterr().out
    assert (PUBLISHED / "repeat.txt").read_text(encoding="utf-8") == printed
    assert printed.splitlines()[-1] in README


def test_times_of_published_texts_stand_in_them() -> None:
    """A row whose only files are texts names no time but theirs, rounded; one quotes the run in the row above it."""
    rows = [line.split(" | ") for line in (PUBLISHED / "README.md").read_text(encoding="utf-8").splitlines()]
    checked, unknown = 0, []
    for what, *_, result in (row for row in rows if row[0].startswith("| [")):
        files = [name for name in re.findall(r"\]\(([^)]*)\)", what) if not name.endswith((".json", ".svg"))]
        if not all(name.endswith(".txt") for name in files) or files == ["causvid-speed.txt"]:
            continue
        texts = " ".join((PUBLISHED / name).read_text(encoding="utf-8") for name in files)
        known = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", texts)]
        for time, _ in (found := re.findall(r"(\d+(?:\.\d+)?) (s|min)\b", result)):
            decimals = len(time.partition(".")[2])
            unknown += [] if float(time) in {round(number, decimals) for number in known} else [(files, time)]
        checked += len(found)
    assert unknown == []
    assert checked >= MANY_TIMES


def test_published_random_weights_are_those_of_their_file() -> None:
    """The published tables are those of the published file, and the README's seconds and watts stand in them."""
    printed = (PUBLISHED / "random-weights.txt").read_text(encoding="utf-8")
    models = read_random_weights(PUBLISHED / "random-weights.json").models
    assert [model.model for model in models] == ["causvid-1.3b", "wan2.1-t2v-1.3b"]
    assert all("\n".join(table_of_spread(model)) in printed for model in models)
    told = README.split("**Whether random weights are a fair stand-in.**", 1)[1].split("\n\n", 1)[0]
    figures = re.findall(r"\d+\.\d\d+|\d+\.\d(?= (?:and|W)|,)", told.split("in that order:", 1)[1])
    assert len(figures) == 14
    assert [figure for figure in figures if figure not in printed.split()] == []
