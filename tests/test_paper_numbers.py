"""Every number of a paper is computed again from run.json, and stands in the text as it was computed."""

import doctest
import importlib
import json
import re

import msgspec
import pytest

from reports.charts.intervals import MOST_INTERVALS, WIDEST
from reports.comparison_record import MarginVerdict, StudentVerdict
from reports.environment import WHOSE_MEMORY
from reports.judged import Margin
from reports.paper.document import Absent, Figure, Table, floats, inlines, numbered
from reports.paper.figures import figures
from reports.paper.measures import Place, number, with_spread
from reports.paper.metric_definitions import DEFINITIONS
from reports.paper.numbers import AGGREGATIONS, Number, at
from reports.paper.quality import together
from reports.paper.rounding import decimals_of_spread, rounded_up, shown
from reports.paper.write import sections, sidecar
from reports.record import Run
from reports.strict_json import encode
from tests.paper_samples import ROOT, hostile_run, made_on, published, recomputed, rendered, values_at
from tests.reports_samples import case_of, planned, replaced, run_of
from tests.test_reports_equal_time import run_with, whole
from tests.test_reports_verdicts import STUDENT, TEACHER

SETS = {
    "quick": ("quick",),
    "several": ("quick", "settings", "cold-start", "smoke", "wan-14b-causvid-lora", "causal-480p-720p-long"),
}
# What our own prose may say in digits: definitions, not measurements.
MARKDOWN = r"([\d,.\u2212+]+(?: × 10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?)<!--(n\d+)-->"
LATEX = r"\\val\{(n\d+)\}\{([^{}]+(?:\{-?\d+\}\$)?)\}"
CONSTANTS = {"2³⁰", "10⁹", "15", "1", "5", "24", "95", "TEST04", "uint8", "2.1", "480p"}


OF_THE_PAPER = ("document", "escape", "measures", "numbers", "rendering", "rounding", "tables")


@pytest.mark.parametrize("module", ["charts.caption", *(f"paper.{name}" for name in OF_THE_PAPER)])
def test_examples_of_the_docstrings_hold(module: str) -> None:
    """What the docstrings show is what the functions do."""
    assert doctest.testmod(importlib.import_module(f"reports.{module}")).failed == 0


def _students_and_teachers() -> list[Run]:
    """Give a student, and in a run of its own its teacher's rows with fewer steps, whose clips are judged."""
    cases = [msgspec.structs.replace(case, id=f"case {index}") for index, case in enumerate(whole())]
    by_run = {
        name: [case for case in cases if case.plan.model.id == model]
        for name, model in (("student", STUDENT), ("teacher", TEACHER))
    }
    return [msgspec.structs.replace(run_with(*own), run_id=name) for name, own in by_run.items()]


def _priced() -> list[Run]:
    """Give a run with a price of a GPU-hour."""
    return [msgspec.structs.replace(run, gpu_hour_price=2.5) for run in published("quick")]


@pytest.fixture(params=[*SETS, "students", "priced"])
def runs(request: pytest.FixtureRequest) -> list[Run]:
    """Give runs together, published ones or made-up ones with verdicts."""
    made_up = {"students": _students_and_teachers, "priced": _priced}
    return published(*SETS[request.param]) if request.param in SETS else made_up[request.param]()


def test_every_number_is_computed_again_from_the_record(runs: list[Run]) -> None:
    """The sidecar's references give each number's text, and both formats hold it under its id."""
    texts = rendered(runs)
    records = {run.run_id: json.loads(encode(run)) for run in [*runs, together(runs)]}
    references = json.loads(texts["numbers.json"])["numbers"]
    wrong = {
        id_: (reference["text"], again)
        for id_, reference in references.items()
        if (again := recomputed(reference, records)) != _plain(reference["text"]).lstrip("+")
    }
    assert wrong == {}
    in_markdown = _ids(MARKDOWN, texts["paper.md"])
    in_latex = _ids(LATEX, "".join(text for name, text in texts.items() if name.endswith(".tex")))
    assert in_markdown == in_latex == {id_: _plain(reference["text"]) for id_, reference in references.items()}
    as_they_stand = {id_: text for text, id_ in re.findall(MARKDOWN, texts["paper.md"])}
    assert as_they_stand == {id_: reference["text"] for id_, reference in references.items()}
    assert len(references) >= 50


QUOTED = ("quick", "claims-1.3b", "claims-14b-float8", "claims-14b-float8-cold", "cold-start", "wan-14b-float8-bf16vae")


@pytest.fixture(scope="module")
def of_claims() -> tuple[list[Run], dict[str, str]]:
    """Give the published runs that hold claims and banners, and their paper."""
    runs = published(*QUOTED)
    return runs, rendered(runs)


def test_quotes_are_their_fields_and_a_claims_number_is_its_value(of_claims: tuple[list[Run], dict[str, str]]) -> None:
    """A quote has the id of its field; in a claim's sentence the claimed number has that of `value`."""
    runs, texts = of_claims
    sidecar = json.loads(texts["numbers.json"])
    records = {run.run_id: json.loads(encode(run)) for run in runs}
    quotes = {id_: only(values_at(source, records)) for id_, source in sidecar["quotes"].items()}
    assert {source["path"].partition("[")[0] for source in sidecar["quotes"].values()} == {"banners", "claims"}
    shown = re.findall(r"(?:: |<!--n\d+-->)([^:]*?)<!--(q\d+)-->", texts["paper.md"])
    assert {id_ for _, id_ in shown} == quotes.keys() == set(re.findall(r"\\val\{(q\d+)\}", "".join(texts.values())))
    assert [part for part, id_ in shown if part.replace("\\", "").strip() not in quotes[id_]] == []
    (value,) = re.findall(r"not stated: <!--q\d+-->21\.56<!--(n\d+)--> GB peak VRAM<!--q\d+-->", texts["paper.md"])
    assert sidecar["numbers"][value]["operands"][0][0]["path"] == "claims[0].value"


def test_number_of_a_card_in_a_claim_is_not_its_value() -> None:
    """Of "H80 80GB: 80 s" the last is what is claimed."""
    (run,) = published("claims-1.3b")
    claim = msgspec.structs.replace(run.claims[1], text="H80 80GB, 80.5: 80 s", value=80.0)
    text = rendered([msgspec.structs.replace(run, claims=[claim])])["paper.md"]
    assert re.search(r": H80 80GB, 80\\?\.5: <!--q\d+-->80<!--n\d+--> s<!--q\d+-->", text)


def only(values: list[str]) -> str:
    """Give the one value."""
    (value,) = values
    return value


def test_names_in_headings_are_whole_in_markdown(of_claims: tuple[list[Run], dict[str, str]]) -> None:
    """LaTeX breaks them into lines; a line's end within a name is no space."""
    heads = [line for line in of_claims[1]["paper.md"].splitlines() if line.startswith("| Metric | Unit | ")]
    assert any("wan2.1-t2v-14b-causvid-lora 480p81-8step-float8 run C |" in head for head in heads)
    assert [head for head in heads if re.search(r"- \w", head)] == []


def test_names_break_in_latex_at_their_joints(of_claims: tuple[list[Run], dict[str, str]]) -> None:
    """A setting's or model's name has no place to break within a word or a version."""
    tables = "".join(text for name, text in of_claims[1].items() if name.endswith(".tex"))
    assert r"\texttt{480p81-\allowbreak{}published}" in tables
    ids = re.findall(r"\\texttt\{((?:causvid|wan|480p)[^ ]*?)\} ", tables)
    assert {part[-1] for id_ in ids for part in id_.split(r"\allowbreak{}")[:-1]} == {"-"}


def test_settings_have_references_for_lora_and_limit(of_claims: tuple[list[Run], dict[str, str]]) -> None:
    """How strong a LoRA is, and a limit of memory, are numbers."""
    text = of_claims[1]["paper.md"]
    assert re.search(r"LoRA v1 at 0\.95<!--n\d+-->", text)
    assert re.search(r"limit 23<!--n\d+--> GiB", text)


def test_limitations_say_which_runs_say_what_of_the_initialisation(
    of_claims: tuple[list[Run], dict[str, str]],
) -> None:
    """Each sentence names the runs that say it, so that none contradicts another, and says nothing twice."""
    text = re.sub("<!--[nq]\\d+-->", "", of_claims[1]["paper.md"])
    told = text[text.index("## Limitations") :]
    assert "RANDOM WEIGHTS" not in told
    assert "- Runs A, B, C, D, E and F say of the initialisation: three initialisations of causvid-1.3b" in told
    assert "- Runs A, C, D and F say of the initialisation: three initialisations of wan2.1-t2v-1.3b" in told
    assert "- Runs C, D and F say of the initialisation: of the models of this run, how much" in told


def test_limitations_say_what_is_not_known_of_the_code() -> None:
    """Of no commit, or of one with changes for all that git told."""
    run = _students_and_teachers()[0]
    for facts, told in (
        ({"git_commit": None, "git_dirty": None}, "The commit of the code is not known."),
        ({"git_dirty": None}, "Whether the code had uncommitted changes is not known."),
    ):
        environment = msgspec.structs.replace(run.environment, **facts)
        text = rendered([msgspec.structs.replace(run, environment=environment)])["paper.md"]
        assert told in text
        assert text.count("not known.") == 1


def test_verdicts_over_runs_are_told_with_their_numbers() -> None:
    """Student and teacher in two runs are judged together, and the teacher's fewer steps stand beside the student."""
    text = re.sub("<!--n\\d+-->", "", rendered(_students_and_teachers())["paper.md"])
    assert f"| {STUDENT} 480p81 | `score` | 1 | 4 | -1.00 | -1.00 | -1.00 | -0.500 | FAIL |" in text.replace(
        "\u2212", "-"
    )
    assert "In its time the teacher gives `480p81-4step` (the student beside it: PASS)." in text
    assert "The fewest of its steps that are as good by every margin are those of `480p81-8step`." in text
    assert "What speed costs in quality is judged over prompts in Table" in text


def test_empty_cell_has_its_reason(runs: list[Run]) -> None:
    """What a dash stands for is told below its table; no cell holds a dash of its own, and no table is empty."""
    tables = [one for one in floats(sections(runs)) if isinstance(one, Table)]
    assert [table.label for table in tables if not table.rows] == []
    cells = [piece for table in tables for row in table.rows for cell in row for piece in cell]
    assert [piece for piece in cells if piece == Absent("") or piece in ("–", "-", "")] == []


def test_claims_that_nothing_measured_are_listed_with_their_reason_and_in_no_row() -> None:
    """A row of a claim holds a measured number; the other candidates stand below the table."""
    text = re.sub("<!--n\\d+-->", "", rendered(published("claims-1.3b"))["paper.md"])
    claims = text[text.index("### Claims") : text.index("## Limitations")]
    assert [line for line in claims.splitlines() if line.startswith("|") and "| – |" in line] == []
    assert (
        "- sampling: wan2.1-t2v-14b-causvid-lora 480p81-8step-float8 (no case of it is here (suite paper-14b))"
        in claims
    )


def test_tables_of_distances_and_limits_name_their_units() -> None:
    """A PSNR is in dB, a mean absolute difference in codes; a limit has its metric's unit."""
    text = re.sub("<!--n\\d+-->", "", rendered(published("settings"))["paper.md"])
    assert "| mean absolute difference \\[codes\\] | ms ssim | psnr \\[dB\\] | ssim |" in text
    assert "| `noise` | codes | – | 4 | – | 8 |" in text


def test_both_sizes_of_a_gpus_memory_are_told_and_what_they_count() -> None:
    """NVML's and CUDA's sizes differ; a reader meets both beside the sentence that says why."""
    text = re.sub("<!--n\\d+-->", "", rendered(published("quick"))["paper.md"])
    assert "with 79.6 GiB by NVML (79.2 GiB by CUDA)" in text
    assert WHOSE_MEMORY in text


def _ids(pattern: str, text: str) -> dict[str, str]:
    found = {}
    for match in re.finditer(pattern, text):
        first, second = match.groups()
        id_, shown_text = (first, second) if first.startswith("n") else (second, first)
        found[id_] = _plain(shown_text)
    return found


def _plain(text: str) -> str:
    plain = text.translate(str.maketrans("\u2212⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789")).replace("$-$", "-")
    return re.sub(r"(?: × 10|\$\\times10\^\{)-(\d+)(?:\}\$)?", lambda m: f"e-{int(m[1]):02d}", plain)


def _many() -> list[Run]:
    """Give two runs of which charts leave out cases, models, points and margins, and have to say how many."""
    cases = [
        replaced(case_of(planned(f"model {n % 9}"), 4.0 + n, 4.1 + n), id=f"case {n}", setting=f"s{n}")
        for n in range(34)
    ]
    cases = [
        msgspec.structs.replace(case, id=case.plan.id, status="oom" if n < 2 else "passed",
                                measurement=None if n < 2 else case.measurement)
        for n, case in enumerate(cases)
    ]  # fmt: skip
    margin = Margin(metric="score", better="higher", why="why", absolute=1.0)
    rows = [
        MarginVerdict(
            margin=margin, verdict="PASS", prompts=4, clips=4, difference=0.1, limit=-1.0, t=(0.0, 0.2), gate="t"
        )
    ] * (MOST_INTERVALS + 1)
    silent = MarginVerdict(margin=margin, verdict="not measured", reason="no clip")
    one = StudentVerdict(comparison="c", student="a", teacher="b", rows=[*rows, silent, silent])
    return [msgspec.structs.replace(run_of(*cases), verdicts=[one]), *published("quick")]


def test_counts_of_chart_captions_are_computed_again_from_the_record() -> None:
    """What a figure leaves out is counted with a reference, and its caption has no other digits but constants."""
    runs = _many()
    drawn = [block for one in figures(runs).values() for block in one.blocks if isinstance(block, Figure)]
    assert [figure.label for figure in drawn] == ["fig:phases", "fig:roofline", "fig:intervals", "fig:pareto"]
    ids = numbered(tuple(drawn))
    records = {run.run_id: json.loads(encode(run)) for run in runs}
    references = sidecar(runs, ids)["numbers"]
    again = {id_: recomputed(reference, records) for id_, reference in references.items()}
    assert again == {id_: _plain(reference["text"]) for id_, reference in references.items()}
    captions = [
        "".join(piece.text if isinstance(piece, Number) else str(piece) for piece in one.caption) for one in drawn
    ]
    for told in (
        "Drawn are 30 of 34 cases, the first of the plan.",
        "Not drawn: 2 cases without a timed round (2 oom).",
    ):
        assert told in captions[0]
    assert "3 more" in captions[0]
    assert (
        "Not drawn: 1 more. Without an interval (not applicable, not measured, too few clips): 2 more." in captions[2]
    )
    assert "Not drawn: 10 more models and settings." in captions[3]
    prose = [piece for figure in drawn for piece in figure.caption if isinstance(piece, str)]
    digits = {word.strip("().,;:") for piece in prose for word in piece.split() if re.search(r"\d", word)}
    assert digits - CONSTANTS == {f"{WIDEST:g}"}


def test_numbers_of_two_gpus_are_named_apart_and_never_pooled() -> None:
    """Student and teacher on two GPUs have rows with their GPU, no equal time, and a table of what differs."""
    student, teacher = _students_and_teachers()
    text = re.sub("<!--n\\d+-->", "", rendered([made_on("GPU one", student), made_on("GPU two", teacher)])["paper.md"])
    for told in (
        "several kinds of device: GPU one and GPU two. Nothing is pooled across them",
        "| `gpus.0.name` | GPU one (run A); GPU two (run B) |",
        f"| `{STUDENT}` `480p81` (run A, GPU one) | 3 | 1 | 6.00 |",
        "| wan2.1-t2v-1.3b 480p81-8step | – | – | – |",
        "its time is of GPU two, the student's of GPU one",
        "whose numbers do not compare; no number is of two of them.",
        "Verdicts are of clips from all the runs, whose devices do not round alike.",
    ):
        assert told in text
    assert "In its time the teacher gives" not in text


def test_rows_of_one_gpu_need_no_name_of_it() -> None:
    """Runs on one kind are told apart by their letters alone."""
    text = rendered(_students_and_teachers())["paper.md"]
    assert "(run A)" in text
    assert "What differs between the runs" not in text


def test_no_gpu_is_named_in_the_code_of_paper_and_charts() -> None:
    """Which GPU it was is the record's to say."""
    sources = [path for name in ("paper", "charts") for path in (ROOT / "reports" / name).glob("*.py")]
    assert len(sources) > 30
    assert [path.name for path in sources if re.search(r"[AHBL]\d00|RTX", path.read_text(encoding="utf-8"))] == []


def test_our_own_prose_holds_no_number(runs: list[Run]) -> None:
    """Whatever has digits is a number with a reference, text of the record, a metric's definition, or a constant.

    tests/test_paper_metrics.py holds definitions against the metrics' own files.
    """
    defined = {text for definition in DEFINITIONS.values() for text in definition}
    prose = [piece for piece in inlines(sections(runs)) if isinstance(piece, str) and piece not in defined]
    digits = {word.strip("().,;:") for piece in prose for word in piece.split() if re.search(r"\d", word)}
    assert digits - CONSTANTS == set()


def test_changed_record_changes_the_text() -> None:
    """A number is never that of another record."""
    slow, slower = (run_of(case_of(planned(), *times)) for times in ((4.0, 4.01, 4.03), (5.0, 5.01, 5.03)))
    texts = [_main_number(run) for run in (slow, slower)]
    assert texts == ["4.010", "5.010"]


def _main_number(run: Run) -> str:
    found = [n for n in numbered(sections([run])) if n.operands[0][0].path == "measurement.rounds[*].prompt_to_host_s"]
    return next(n.text for n in found if n.aggregation == "median")


def test_spread_decides_the_digits() -> None:
    """A value ends where its spread does, and a spread is never told smaller than it is."""
    run = run_of(case_of(planned(), 10.0, 10.4, 9.0))
    value, sign, spread = with_spread("s", [Place(run, run.cases[0], "measurement.rounds[*].prompt_to_host_s")])
    assert isinstance(value, Number)
    assert isinstance(spread, Number)
    assert (value.text, sign, spread.text) == ("10.0", " ± ", "1.0")
    assert [rounded_up(x, decimals_of_spread(x)) for x in (0.0131, 0.041, 0.0991, 3.54, 3.55)] == [
        0.014, 0.05, 0.1, 3.6, 4.0
    ]  # fmt: skip
    assert shown(1234.5, -1) == "1,230"


@pytest.mark.parametrize("spread", [0.0, -1.0, float("nan"), float("inf")])
def test_no_digits_are_given_for_a_spread_that_is_none(spread: float) -> None:
    """Zero, NaN and infinity are refused."""
    with pytest.raises(ValueError, match="a spread is a positive number"):
        decimals_of_spread(spread)


def test_price_of_a_gpu_hour_gives_the_cost_of_a_video() -> None:
    """3.5051 s at 2.5 an hour are 0.00243, as the page says; without a price there is no such column."""
    priced, plain = (rendered(found)["paper.md"] for found in (_priced(), published("quick")))
    assert "| 0.00243<!--" in priced
    assert "Cost a video" in priced
    assert "Cost a video" not in plain


def test_missing_value_gives_no_number() -> None:
    """One None among the values, an empty list or a field of a measurement that is not there make no number."""
    run = run_of(case_of(planned(), 4.0), case_of(planned(prompt="b"), status="error"))
    measured, failed = run.cases
    for path in ("measurement.cold_start_s", "measurement.cold_starts[*].total_s", "measurement.memory.parts.rounds"):
        assert number("median", "s", [Place(run, measured, path)]) is None
    assert number("median", "s", [Place(run, case, "measurement.load_s") for case in (measured, failed)]) is None


@pytest.mark.parametrize("path", ["cases[", "cases.(", "nothing", "cases[*].nothing"])
def test_path_that_leads_nowhere_is_an_error(path: str) -> None:
    """A misspelled field is a fault of the code, and not a missing measurement."""
    with pytest.raises(LookupError, match=r"is no path|has no field"):
        at(run_of(case_of(planned(), 4.0)), path)


def test_sidecar_says_what_is_made_of_the_values() -> None:
    """Aggregations that the text uses are explained, and every run is named with its commit."""
    sidecar = json.loads(rendered([hostile_run()])["numbers.json"])
    used = {reference["aggregation"] for reference in sidecar["numbers"].values()}
    assert sidecar["aggregations"] == {name: AGGREGATIONS[name].meaning for name in used}
    assert sidecar["runs"] == [{"run": "hostile", "suite": "quick", "commit": "0123456789abcdef"}]
