"""What the clips are like: metrics by configuration, students against their teacher, settings against a baseline."""

from collections.abc import Sequence

from msgspec.structs import replace

from reports.comparison_record import MarginVerdict
from reports.paired import PairedComparison
from reports.paper.configurations import Configuration, configurations
from reports.paper.document import Absent, Block, Code, Items, Paragraph, Said, See, Text, joined
from reports.paper.escape import short
from reports.paper.measures import Place, number, with_spread
from reports.paper.tables import figure, figure_of, name, table, words
from reports.record import Run
from reports.verdict_lines import spelled
from reports.verdicts import overall, verdicts

TOGETHER = "together"
A_TABLE, MOST_TABLES = 3, 4
JUDGED = ("PASS", "FAIL", "INCONCLUSIVE")


def quality(runs: Sequence[Run], judged: Run) -> tuple[Block, ...]:
    """Say what metrics have values, give them, and give every verdict of `judged`, see `together`."""
    scored = any(case.plan.scorers for run in runs for case in run.cases)
    none = () if scored else (Paragraph(("Learned scorers were not applied.",)),)
    return *_metrics(runs), *none, *_students(runs, judged), *_pairs(configurations(runs, "parity"))


def together(runs: Sequence[Run]) -> Run:
    """Give the run that holds the verdicts: the one there is, or what the runs say together, under `TOGETHER`."""
    return runs[0] if len(runs) == 1 else replace(runs[0], run_id=TOGETHER, verdicts=verdicts(runs))


def _metrics(runs: Sequence[Run]) -> tuple[Block, ...]:
    found = configurations(runs, "quality") or configurations(runs)
    valued = list(dict.fromkeys(m.id for one in found for m in one.measurement.metrics if m.value is not None))
    blocks: list[Block] = []
    if reasons := _reasons(found):
        blocks.append(Paragraph(("Not measured of the clips: ", *joined(reasons, "; ", "; "), ".")))
    if not valued:
        return *blocks, Paragraph(("No metric has a value, so nothing is said of the clips' quality.",))
    told = [one for one in found if any(metric.value is not None for metric in one.measurement.metrics)]
    chunks = [told[start : start + A_TABLE] for start in range(0, len(told), A_TABLE)]
    blocks += [_table(number_, chunk, valued) for number_, chunk in enumerate(chunks[:MOST_TABLES], start=1)]
    if len(chunks) > MOST_TABLES:
        blocks.append(Paragraph(("Metrics of further configurations are left out here; the record holds all.",)))
    return tuple(blocks)


def _reasons(found: list[Configuration]) -> list[Text]:
    missing: dict[str, dict[str, None]] = {}
    for one in found:
        for metric in one.measurement.metrics:
            if metric.value is None:
                missing.setdefault(metric.reason.removeprefix("not applicable: "), {})[metric.id] = None
    return [
        (*joined([(Code(id_),) for id_ in ids]), " (", Said(short(reason, 160)), ")") for reason, ids in missing.items()
    ]


def _table(number_: int, found: list[Configuration], valued: list[str]) -> Block:
    columns = (name("Metric"), words("Unit"), *(figure_of(*_heading(one)) for one in found))
    units = {m.id: m.unit for one in found for m in one.measurement.metrics if m.value is not None}
    rows: list[tuple[Text, ...]] = [
        ((Code(id_),), (Said(short(units[id_], 20)),), *(_value(one, id_) for one in found))
        for id_ in valued
        if id_ in units
    ]
    caption = "Metrics of the clips: medians over prompts and seeds ± the furthest clip."
    return table(f"tab:clips{number_}", (caption,), columns, rows)


def _heading(one: Configuration) -> tuple[str, ...]:
    return one.plan.model.id, one.plan.setting, f"run {one.letter}" if one.letter else "", one.gpu


def _value(one: Configuration, id_: str) -> Text:
    places = [
        place
        for case in one.cases
        for index, metric in enumerate(case.measurement.metrics if case.measurement else ())
        if metric.id == id_
        for place in [Place(one.run, case, f"measurement.metrics[{index}].value")]
    ]
    return with_spread("metric", places, why="not measured of these clips")


def _students(runs: Sequence[Run], run: Run) -> tuple[Block, ...]:
    if not any(one.comparisons for one in runs):
        return (Paragraph(("No suite of these runs holds a student against a teacher over prompts.",)),)
    if not run.verdicts:
        return (Paragraph(("No student has clips here to be held against its teacher's.",)),)
    columns = (
        words("Student"), words("Metric"), words("Unit"), figure("Prompts"),
        figure("Difference"), figure("Lower"), figure("Upper"), figure("Limit"), words("Verdict"),
    )  # fmt: skip
    units = {m.id: m.unit for one in configurations(runs) for m in one.measurement.metrics}
    rows: list[tuple[Text, ...]] = []
    items: list[Text] = []
    for first, one in enumerate(run.verdicts):
        rows += [
            _judged(run, f"verdicts[{first}].rows[{index}]", one.student, units.get(row.margin.metric), row)
            for index, row in enumerate(one.rows)
            if row.verdict in JUDGED
        ]
        items.append(
            (Code(one.student), " against ", Code(one.teacher), ": ", Said(_outcome(one.rows, one.reason)), ".")
        )
    tables = (table("tab:students", ("Students against their teachers, by metric.",), columns, rows),) if rows else ()
    return Items(tuple(items)), *tables


def _outcome(rows: Sequence[MarginVerdict], reason: str) -> str:
    silent = list(dict.fromkeys(row.reason for row in rows if row.verdict not in JUDGED and row.reason))
    told = [reason] if reason else [overall(rows), *silent[:2]]
    return short("; ".join(told), 240)


def _judged(run: Run, base: str, student: str, unit: str | None, row: MarginVerdict) -> tuple[Text, ...]:
    interval = (row.gate == "BCa" and "bca") or "t"
    paths = [f"{base}.difference", f"{base}.{interval}[0]", f"{base}.{interval}[1]", f"{base}.limit"]
    found = [number("value", "metric", [Place(run, None, path)], signed=True) for path in paths]
    prompts = number("value", "1", [Place(run, None, f"{base}.prompts")], decimals=0)
    return (
        (Code(student),),
        (Code(spelled(row.margin)),),
        (Said(short(unit, 20)) if unit else Absent("no clip of these runs has it"),),
        (prompts or Absent("not in the record"),),
        *((one or Absent(short(row.reason, 120) or "not in the record"),) for one in found),
        (row.verdict,),
    )


def _pairs(found: list[Configuration]) -> tuple[Block, ...]:
    kept = [(one, pair) for one in found for pair in enumerate(one.measurement.pairs)]
    known = {d.id: d for _, (_, pair) in kept for d in pair.compared.distances if d.value is not None}
    if not known:
        return ()
    columns = (
        words("Setting"),
        words("Against"),
        *(figure_of(*id_.split("_"), unit=distance.unit) for id_, distance in known.items()),
        words("Verdict"),
    )
    rows: list[tuple[Text, ...]] = []
    for one, (index, pair) in kept:
        cells = [_distance(one, f"measurement.pairs[{index}].compared.distances", pair, id_) for id_ in known]
        rows.append((one.name, (Said(short(pair.reference, 60)),), *cells, (pair.verdict,)))
    caption = "Settings against their baselines, from the same weights and noise: mean over frames."
    text = Paragraph((See("tab:pairs"), " tells how far a setting moves the clip."))
    return text, table("tab:pairs", (caption,), columns, rows)


def _distance(one: Configuration, base: str, pair: PairedComparison, id_: str) -> Text:
    """Give a pair's distance, or why it has none."""
    found = [(index, distance) for index, distance in enumerate(pair.compared.distances) if distance.id == id_]
    if not found:
        return (Absent("this comparison was not asked for"),)
    index, distance = found[0]
    value = number("value", distance.unit, [one.first(f"{base}[{index}].value")])
    return (value or Absent(short(distance.reason, 120) or "not in the record"),)
