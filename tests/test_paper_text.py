"""What the paper says in Markdown and LaTeX: stored views, hostile text, runs without results, and the compiled PDF."""

import os
import re
import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from reports.__main__ import main
from reports.answers.answer import label
from reports.gate.verdict import EXIT_UNUSABLE
from reports.paper.bibliography import bibtex, entries, listed
from reports.paper.configurations import letter_of
from reports.paper.document import Code, Column, Figure, Paragraph, Table, cited, numbered
from reports.paper.escape import markdown, tex, tex_name
from reports.paper.figures import NO_MATPLOTLIB, figures, strips
from reports.paper.render_latex import PREAMBLE, as_latex
from reports.paper.tables import LEFT_OUT, MOST_ROWS
from reports.paper.write import sections, write_paper
from reports.record import CaseRecord, Run
from reports.strict_json import encode
from tests.paper_samples import (
    GOLDEN,
    HOSTILE,
    ODD_NAMES,
    PUBLISHED,
    hostile_run,
    made_on,
    odd_run,
    published,
    rendered,
    with_every_metric,
    with_strip,
)
from tests.reports_samples import case_of, energy_of, planned, replaced, run_of, state_of

MANY = 15
TOOLS = ("pdflatex", "bibtex", "pdftotext")


def _markdown(run: Run) -> str:
    return rendered([run])["paper.md"]


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the paper of a published run by the command, as anybody would."""
    out = tmp_path_factory.mktemp("quick")
    assert main(["paper", str(PUBLISHED / "quick"), "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize("name", [path.name for path in sorted(GOLDEN.iterdir())])
def test_stored_view_is_what_the_published_record_renders(name: str) -> None:
    """Text and tables of `reports/published/quick` are as stored: `python -m tests.paper_samples` stores them anew.

    Figures are left out, whose captions are those of reports/charts.
    """
    assert rendered(published("quick"))[name] == (GOLDEN / name).read_text(encoding="utf-8")


def test_charts_are_written_for_both_formats(quick: Path) -> None:
    """Markdown shows the SVG and LaTeX the PDF of the same chart; of the run's two clips there are strips."""
    charts = {f"{chart}.{kind}" for chart in ("phases", "pareto", "roofline") for kind in ("svg", "pdf")}
    assert {path.name for path in (quick / "figures").iterdir()} == charts | {"strip-1.jpg", "strip-2.jpg"}
    assert (quick / "figures" / "phases.pdf").read_bytes().startswith(b"%PDF")
    assert "](figures/phases.svg)" in (quick / "paper.md").read_text(encoding="utf-8")
    assert "{figures/pareto.pdf}" in (quick / "results.tex").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def pdf_text(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Compile a paper of every published run and of hostile text, once for all tests: the logs, and the PDF's text."""
    _need_tools()
    folder = tmp_path_factory.mktemp("paper")
    media = tmp_path_factory.mktemp("media")
    folders = sorted((path.parent for path in PUBLISHED.glob("*/run.json")), key=lambda path: path.name != "quick")
    runs = [*published(*(path.name for path in folders)), hostile_run(), with_every_metric(), *_of_wide_names(media)]
    assert len(runs) > MANY
    write_paper(runs, folder, folders=[*folders, media, media, media])
    _run_tools(folder, "pdflatex", "bibtex", "pdflatex", "pdflatex", "pdflatex")
    logs = "".join((folder / f"paper.{end}").read_text(encoding="utf-8", errors="replace") for end in ("log", "blg"))
    subprocess.run([str(shutil.which("pdftotext")), "-layout", "paper.pdf"], cwd=folder, check=True)
    return logs, (folder / "paper.txt").read_text(encoding="utf-8")


def _of_wide_names(folder: Path) -> list[Run]:
    """Give a run of many models whose names take ten letters a character, with a strip of each in `folder`."""
    run = with_strip(folder, "wide", content=_picture())
    cases = []
    for number, source in enumerate(("random", "tiny") * 6):
        case, name = run.cases[0], f"{number}{'🎬' * 60}"
        model = msgspec.structs.replace(case.plan.model, id=name, title=name, weights_source=source)
        case = replaced(case, id=f"wide {number}", model=model, setting="🎬" * 60)
        cases.append(msgspec.structs.replace(case, id=case.plan.id))
    return [msgspec.structs.replace(run, cases=cases)]


def _need_tools() -> None:
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        told = (
            f"{', '.join(missing)} not found: Debian's texlive-latex-recommended, lmodern and poppler-utils have them"
        )
        (pytest.fail if os.environ.get("CI") else pytest.skip)(told)


def _run_tools(folder: Path, *tools: str) -> None:
    for tool in tools:
        options = ["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"] if tool == "pdflatex" else []
        command = [str(shutil.which(tool)), *options, "paper"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
        assert done.returncode == 0, f"{tool}: {done.stdout[-2000:]}"


def _picture() -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (96, 20), "orange").save(buffer, "JPEG")
    return buffer.getvalue()


def test_latex_compiles_without_a_warning(pdf_text: tuple[str, str]) -> None:
    """Neither LaTeX nor BibTeX warns, and no box is too full or too empty, hostile text or not."""
    assert re.findall(r".*(?:Warning|Overfull|Underfull|undefined).*", pdf_text[0]) == []


def test_box_of_an_odd_name_is_full_and_no_more(tmp_path: Path) -> None:
    """Tables, captions and paragraphs of wide letters, or of ones that cannot be broken, keep within their lines."""
    _need_tools()
    parts = [PREAMBLE, r"\begin{document}"]
    alone = [[odd_run(name)] for name in ODD_NAMES]
    beside = [[odd_run(name), made_on("another", odd_run(name, "other"))] for name in ODD_NAMES[::4]]
    for number, runs in enumerate([*alone, *beside]):
        document = sections(runs)
        ids = numbered(document)
        text = "\n".join(as_latex(section, ids) for section in document)
        parts.append(re.sub(r"\\(label|ref)\{", rf"\\\1{{{number}:", re.sub(r"~\\cite\{[^}]*\}", "", text)))
        parts.append(r"\clearpage")
    (tmp_path / "paper.tex").write_text("\n".join([*parts, r"\end{document}"]), encoding="utf-8")
    _run_tools(tmp_path, "pdflatex", "pdflatex")
    log = (tmp_path / "paper.log").read_text(encoding="utf-8", errors="replace")
    assert re.findall(r".*(?:Overfull|Underfull|too large).*", log) == []


def test_pdf_shows_numbers_and_text(pdf_text: tuple[str, str]) -> None:
    """The numbers, the references, and hostile text as text can be read in the PDF."""
    text = " ".join(pdf_text[1].split())
    for part in (
        "18.91× [18.89×, 18.93×] as fast as",
        "3.505 ± 0.005",
        "23.10",
        "2,397.1 ± 0.8",
        "From slow bidirectional to fast autoregressive video diffusion",
        "100 % & # ~",
        "[U+202E]",
        "[U+4E2D]",
        "<script>",
    ):
        assert part in text


def test_hostile_text_is_text_in_markdown() -> None:
    """No tag, link, code or table cell is opened by what a record says."""
    text = _markdown(hostile_run())
    assert re.findall(r"<(?!!--n\d+-->)", text) == []
    assert "javascript:alert(1)" not in re.findall(r"(?<!\\)\]\(([^)]*)\)", text)
    assert not re.search("[\x00-\x08\x0b-\x1f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text)
    assert not re.search(r"(?<!\\)(?:https?://|www\.)", text)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table[:300]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_opens_no_command_in_latex(text: str) -> None:
    """Braces balance, and every command is one of ours."""
    ours = r"textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar|textquotedbl|textasciigrave"
    for escaped in (tex(text), tex_name(text)):
        assert set(re.findall(r"\\([a-zA-Z]+)", escaped)) <= {*ours.split("|"), "allowbreak", "dots"}
        bare = re.sub(r"\\[{}]", "", escaped)
        assert bare.count("{") == bare.count("}")
        assert not re.search(r"(?<!\\)[$&#_%]", re.sub(r"\$\\?\w+\$", "", escaped))
    assert not re.search(r"(?<!\\)[`*_|<\[]", markdown(text))


EMPTY, FAILED = run_of(), run_of(*(case_of(planned(prompt=p), status="oom", reason="no room") for p in "abc"))


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (EMPTY, ["No case was planned; nothing is compared.", "no case planned."]),
        (FAILED, ["no headline number", "these did not pass: 3", "3<!--n13--> cases oom", "Energy was not measured"]),
        (run_of(case_of(planned(), 4.0)), ["No two models were measured at matched settings"]),
        (run_of(replaced(case_of(planned(), 4.0), weights="tiny")), ["Toy models on a CPU, so that no ratio is given"]),
    ],
    ids=["empty", "all failed", "one round", "toys"],
)
def test_run_without_results_says_so(run: Run, said: list[str]) -> None:
    """What there is nothing of is said, and no number is made up."""
    text = _markdown(run)
    assert [part for part in said if part not in text] == []


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ([1.0, 1.0], ["held 2 cases in 100 % of the samples"]),
        ([0.5, 0.98092], ["held 2 cases in 50.0 to 98.1 % of the samples"]),
        ([0.0, 0.25], ["held 1 case in 25.0 % of the samples"]),
        ([0.0, None], []),
    ],
)
def test_power_limit_is_told_with_the_share_of_the_samples(shares: list[float | None], said: list[str]) -> None:
    """All of the time is not told as a part of it."""
    cases = [
        with_state(case_of(planned(prompt=f"p{number}"), 4.0), {} if share is None else {"sw_power_cap": share})
        for number, share in enumerate(shares)
    ]
    text = re.sub(r"<!--n\d+-->", "", _markdown(run_of(*cases)))
    assert re.findall(r"power limit (held .* of the samples), which is ordinary", text) == said


def with_state(case: CaseRecord, shares: dict[str, float]) -> CaseRecord:
    """Give the case with a watched GPU, whose counter and integrated power are apart."""
    state = state_of(event_shares=shares, energy=energy_of())
    assert case.measurement is not None
    return msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, state=state))


def test_headline_gives_energy_without_what_is_no_spread() -> None:
    """Its table has the distance of integrated power after ±, and says so; the times beside it have a spread."""
    text = re.sub(r"<!--n\d+-->", "", _markdown(run_of(with_state(case_of(planned(), 4.0, 4.1), {}))))
    assert re.search(r"[\d.]+ ± [\d.]+ s from prompt to host frames.* energy of a video [\d,]+ J\.", text)
    assert re.search(r"\| [\d,]+ ± [\d.]+ \|", text), "the table keeps it"


@pytest.mark.parametrize(
    ("counts", "unit", "shown"),
    [
        ((1_418_996_800, 14_000_000_000), "billion", ["1.419", "14.000"]),
        ((28_328,), "thousand", ["28.328"]),
        ((99_999, 100_000), "million", ["0.1000", "0.100"]),
        ((99_999_999,), "million", ["100.000"]),
        ((100_000_000, 28_328), "billion", ["0.100", "2.83 × 10⁻⁵"]),
    ],
)
def test_parameters_have_a_unit_by_the_largest_model(counts: tuple[int, ...], unit: str, shown: list[str]) -> None:
    """A toy's thousands are no "0.000" billion, beside a real model neither."""
    run = run_of(*(_of_size(count) for count in counts))
    text = re.sub(r"<!--.*?-->", "", _markdown(run))
    assert f"Parameters transformer \\[{unit}\\]" in text
    rows = re.findall(r"^\| .*`model-\d+`.*random weights; .*$", text, re.MULTILINE)
    assert [row.split(" | ")[5] for row in rows] == shown


def _of_size(parameters: int) -> CaseRecord:
    case = case_of(planned(f"model-{parameters}"), 4.0)
    assert case.measurement is not None
    assert case.measurement.facts is not None
    facts = msgspec.structs.replace(case.measurement.facts, parameters={"transformer": parameters})
    return msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, facts=facts))


def test_large_run_has_tables_of_a_page() -> None:
    """Of 5,000 settings a table shows the first and says so."""
    cases = [replaced(case_of(planned(), 4.0), id=f"case {i}", setting=f"s{i}", steps=i) for i in range(5000)]
    cases = [msgspec.structs.replace(case, id=case.plan.id) for case in cases]
    text = _markdown(run_of(*cases))
    assert LEFT_OUT in text
    assert max(len(table.splitlines()) for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)) == MOST_ROWS + 2


@pytest.mark.parametrize(("asked", "expected"), [("markdown", {"paper.md"}), ("latex", {"paper.tex", "results.tex"})])
def test_command_writes_the_asked_format(
    asked: str, expected: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only that one, with references and sidecar; the printed paths are the files."""
    run = tmp_path / "run.json"
    run.write_bytes(encode(FAILED))
    assert main(["paper", str(run), "--out", str(tmp_path / "out"), "--format", asked]) == 0
    printed = {Path(line).name for line in capsys.readouterr().out.splitlines()}
    assert printed == {entry.name for entry in (tmp_path / "out").rglob("*") if entry.is_file()}
    assert printed & {"paper.md", "paper.tex", "results.tex"} == expected
    assert printed >= {"references.bib", "numbers.json"}


@pytest.mark.parametrize(
    ("strip", "content"),
    [
        ("media/a.jpg", None),
        ("../a.jpg", b"\xff\xd8\xff"),
        ("/etc/hostname", None),
        ("media/a.jpg", b"<script>alert(1)</script>"),
    ],
    ids=["missing", "outside", "absolute", "no jpeg"],
)
def test_strip_that_is_no_picture_of_the_run_is_not_shown(strip: str, content: bytes | None, tmp_path: Path) -> None:
    """Neither a file outside of the run's folder nor one that is no JPEG gets into a paper, and that is said."""
    folder = tmp_path / "run"
    folder.mkdir()
    drawn = strips([with_strip(folder, "run", strip, content)], [folder])
    assert drawn.files == {}
    assert drawn.blocks == (Paragraph(("No frames are shown: the pictures are not beside the records.",)),)


def test_without_matplotlib_a_sentence_stands_in_place_of_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text is written all the same."""
    monkeypatch.setattr("reports.paper.figures.find_spec", lambda _name: None)
    drawn = figures(published("quick"))
    assert [one.files for one in drawn.values()] == [{}, {}, {}]
    assert drawn["speed"].blocks == drawn["equal"].blocks == (Paragraph((NO_MATPLOTLIB,)),)


def test_audits_clip_stands_for_no_model(tmp_path: Path) -> None:
    """It was made from another text than its prompt's."""
    run = with_strip(tmp_path, "run", content=_picture())
    takes = [
        msgspec.structs.replace(
            case.measurement, rounds=[msgspec.structs.replace(one, take=6) for one in case.measurement.rounds]
        )
        for case in run.cases
        if case.measurement
    ]
    first = msgspec.structs.replace(run.cases[0], measurement=takes[0])
    drawn = strips([msgspec.structs.replace(run, cases=[first, run.cases[1]])], [tmp_path])
    assert list(drawn.files) == ["strip-1.jpg"]
    assert strips([msgspec.structs.replace(run, cases=[first])], [tmp_path]).files == {}


def test_strips_of_one_prompt_are_laid_below_each_other(tmp_path: Path) -> None:
    """Each model has its own, with its name, under a caption that says what they are worth."""
    drawn = strips([with_strip(tmp_path, "run", content=_picture())], [tmp_path])
    assert list(drawn.files) == ["strip-1.jpg", "strip-2.jpg"]
    [figure] = drawn.blocks
    assert isinstance(figure, Figure)
    assert [panel.title[0] for panel in figure.panels] == [Code("causvid-1.3b"), Code("wan2.1-t2v-1.3b")]
    assert "these clips show nothing of a model" in "".join(piece for piece in figure.caption if isinstance(piece, str))


def test_run_beyond_the_alphabet_has_the_name_that_charts_give_it() -> None:
    """A figure's label and a table's row are of one run by one name."""
    runs = [msgspec.structs.replace(EMPTY, run_id=str(number)) for number in range(28)]
    assert [letter_of(runs, run) for run in (runs[25], runs[27])] == ["Z", label(27, 28)] == ["Z", "28"]


def test_two_runs_of_one_id_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """References by run id would not tell them apart."""
    [run] = published("quick")
    (tmp_path / "run.json").write_bytes(encode(msgspec.structs.replace(run, created_at="2020-01-01T00:00:00+00:00")))
    paths = [str(PUBLISHED / "quick"), str(tmp_path / "run.json")]
    assert main(["paper", *paths, "--out", str(tmp_path / "out")]) == EXIT_UNUSABLE
    assert "is given twice" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_references_are_whole_and_cited_ones_exist() -> None:
    """Every entry has author and title, and what a paper of all published runs cites is there."""
    known = entries()
    assert all({"author", "title"} <= entry.fields.keys() for entry in known.values())
    keys = cited(sections(published("quick", "settings", "causal-480p-720p-long", "wan-14b-causvid-lora")))
    assert {"wan", "causvid", "selfforcing", "unipc", "lora", "ssim", "flashattention2"} <= set(keys) <= known.keys()
    assert bibtex(keys).count("@") == len(keys)
    assert listed("pytestbenchmark").startswith("Ionel Cristian Mărieș. pytest-benchmark. https://github.com/ionelmc/")


def test_row_of_another_length_is_no_table() -> None:
    """A cell that is missing would shift all that follow it."""
    with pytest.raises(ValueError, match=r"has 2 columns, and rows of \[1\]"):
        Table("tab:x", (), (Column(("a",)), Column(("b",))), ((("1",),),))
