"""The paper's files: Markdown, LaTeX, BibTeX, and the sidecar that says where each number comes from."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.journal import RunFolderError
from reports.paper.bibliography import bibtex
from reports.paper.document import Section, cited, numbered, quoted
from reports.paper.figures import figures
from reports.paper.introduction import introduction
from reports.paper.limitations import limitations
from reports.paper.methodology import methodology
from reports.paper.numbers import AGGREGATIONS, Number, Source
from reports.paper.quality import TOGETHER, together
from reports.paper.render_latex import NO_QUOTES, as_latex, file_of, main_file
from reports.paper.render_markdown import as_markdown
from reports.paper.rendering import as_read
from reports.paper.results import Pictures, results
from reports.record import Run
from reports.strict_json import write_atomically, write_json_atomically

FORMATS = ("markdown", "latex")
TITLE = "Video generation, measured"
PATHS = (
    "A path is read from the case with this id in `cases` of the run's run.json, or with an empty id from the run; "
    '`[*]` is every element, `[2]` one, `["…"]` a key. An operand is the values of all its fields.'
)
QUOTES = (
    "A quote is a text of the record, or a part of it, at this path: a run's banner, a claim's sentence. Numbers in "
    "it are the text's own; those that a field holds, too, are among `numbers`."
)


def sections(runs: Sequence[Run], pictures: Pictures | None = None) -> tuple[Section, ...]:
    """Write the document, with pictures by the part of the results that they belong to."""
    judged = together(runs)
    found = results(runs, judged, pictures or {})
    return introduction(runs, judged), methodology(runs), found, limitations(runs, judged)


def write_paper(
    runs: Sequence[Run], folder: Path, formats: Collection[str] = FORMATS, folders: Sequence[Path] = ()
) -> list[Path]:
    """Write the files of these formats into a folder, which is made, and give their paths.

    `folders` are the runs' own, where the pictures lie that their records name; without them none is shown. Raises
    `RunFolderError` where two runs have one id, since references would be ambiguous.
    """
    _refuse_equal_ids(runs)
    drawn = figures(runs, folders)
    document = sections(runs, {where: one.blocks for where, one in drawn.items()})
    ids, quotes, keys = numbered(document), quoted(document), cited(document)
    files: dict[str, str] = {"references.bib": bibtex(keys)}
    if "markdown" in formats:
        files["paper.md"] = as_markdown(TITLE, document)
    if "latex" in formats:
        files |= {f"{file_of(section)}.tex": as_latex(section, ids, quotes) for section in document}
        files["paper.tex"] = main_file(TITLE, document, has_references=bool(keys))
    contents = {name: text.encode() for name, text in files.items()}
    for one in drawn.values():
        contents |= {f"figures/{name}": content for name, content in one.files.items()}
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_atomically(folder / name, content)
    write_json_atomically(folder / "numbers.json", sidecar(runs, ids, quotes))
    return [folder / name for name in sorted([*contents, "numbers.json"])]


def _refuse_equal_ids(runs: Sequence[Run]) -> None:
    ids = [run.run_id for run in runs]
    if len(set(ids)) < len(ids) or TOGETHER in ids:
        twice = next(id_ for id_ in ids if ids.count(id_) > 1 or id_ == TOGETHER)
        raise RunFolderError(
            f"the run {twice!r} is given twice; numbers are traced by the run's id, so give each run once"
        )


def sidecar(runs: Sequence[Run], ids: dict[Number, str], quotes: Mapping[Source, str] = NO_QUOTES) -> dict[str, Any]:
    """Give the references: runs, what aggregations mean, and every number and quote by its id."""
    known = {number.aggregation: AGGREGATIONS[number.aggregation].meaning for number in ids}
    return {
        "paths": PATHS,
        "together": f"The run {TOGETHER!r} holds what reports.verdicts.verdicts gives of all runs, as `verdicts`.",
        "runs": [{"run": run.run_id, "suite": run.suite, "commit": run.environment.git_commit} for run in runs],
        "aggregations": known,
        "numbers": {id_: _reference(number) for number, id_ in ids.items()},
        "quoted": QUOTES,
        "quotes": {id_: source._asdict() for source, id_ in quotes.items()},
    }


def _reference(number: Number) -> dict[str, Any]:
    return {
        "text": as_read(number.text),
        "value": number.value,
        "unit": number.unit,
        "aggregation": number.aggregation,
        "divisor": number.divisor,
        "decimals": number.decimals,
        "power_of_ten": number.is_power,
        "operands": [[source._asdict() for source in operand] for operand in number.operands],
    }
