"""Runs as GitHub's Markdown, for `$GITHUB_STEP_SUMMARY`, a pull request, or a file beside a published run.

Why it matters: a job's page shows this without a download. GitHub drops a step's summary whole when it is over 1 MiB,
so rows are cut before that, with a sentence that tells how many; the biggest blocks lose theirs first. Whatever text a
record holds comes out as text: it is brought into one line, and what could be markup is escaped.
Source: GitHub's "Workflow commands", adding a job summary (1 MiB a step); GitHub Flavored Markdown 0.29, 2.4 and 6.1.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from reports.budgets import budget_lines
from reports.claims import claim_lines
from reports.cold_start import cold_start_lines
from reports.comparison_lines import comparison_lines
from reports.device_state import state_lines
from reports.diversity import diversity_lines
from reports.equal_time_lines import equal_time_lines
from reports.floors import quality_lines
from reports.gate.outcome import was_lost
from reports.gate.rests_on import basis, is_on_gpu
from reports.gate.table import markdown as gate_table
from reports.markdown_text import escaped as as_text
from reports.metric_lines import metric_lines
from reports.paired_lines import paired_lines
from reports.random_weights import banners_of
from reports.record import CaseRecord, Run
from reports.rows import (
    NAMES,
    columns,
    groups,
    names,
    non_commercial,
    one_line,
    show,
    tally,
    values,
)
from reports.summary import render_together, trouble_lines
from reports.verdict_lines import verdict_lines

LIMIT_BYTES = 1_000_000  # GitHub's limit is 1,048,576 a step, which may have written other things, too
NOTE_BYTES = 200
UNWRAPPED = 1_000_000
NOTES = (
    "Durations are medians over the timed rounds; × compares prompt to host frames, [] its extremes over rounds. "
    "Peak VRAM is torch's peak allocated memory; 1 GiB is 2^30 bytes."
)


class Block(NamedTuple):
    """A part of the page: `rows` may be cut at its end, `head` never."""

    head: list[str]
    rows: list[str]


def render_markdown(runs: Sequence[Run], limit_bytes: int = LIMIT_BYTES) -> str:
    """Render the runs one below another, and what they together say, in at most `limit_bytes` bytes of UTF-8."""
    together = render_together(runs, UNWRAPPED).splitlines()[1:] if len(runs) > 1 else []
    parts = [[block for block in _blocks(run) if block.head] for run in runs]
    return _fitted([block for part in parts for block in part] + _listed("All runs together", together), limit_bytes)


def escaped(text: str, limit: int = 300) -> str:
    r"""Bring text of any origin into one line of at most `limit` characters that Markdown shows as it is.

    >>> escaped("<b>|*x*|</b>")
    '&lt;b&gt;\\|\\*x\\*\\|&lt;/b&gt;'
    """
    return as_text(one_line(text, limit))


def _blocks(run: Run) -> Iterable[Block]:
    gpus = (
        ", ".join(dict.fromkeys(str(gpu.get("name", "a GPU")) for gpu in run.environment.gpus)) or run.environment.cpu
    )
    yield Block(
        [
            f"## {escaped(run.suite)}: {escaped(tally(run))}",
            "",
            f"On {escaped(gpus)}, {escaped(run.created_at)}, run {escaped(run.run_id)}: {escaped(run.command)}",
            "",
        ],
        [f"> {escaped(banner)}  " for banner in banners_of(run)],
    )
    if was_lost(run.command, run.gate):
        yield Block(["### Gate: not judged", "", "Nothing is known of this change; see the job's log.", ""], [])
    if run.gate is not None:
        title = f"Gate: may it be merged? {run.gate.may_merge}. Held against {run.gate.against}"
        told = [*run.gate.faults.values(), *basis(run.gate, on_gpu=is_on_gpu(run))]
        yield Block(
            [f"### {escaped(title)}", "", *(f"- {escaped(text, 1000)}" for text in told), ""],
            gate_table(run.gate.verdicts, paired=run.gate.kind == "paired").splitlines(),
        )
    for heading, cases in groups(run).items():
        yield _table(heading, cases)
    yield from _listed("Not passed, or not to be trusted", trouble_lines(run))
    yield from _listed("Comparison", comparison_lines(run))
    yield from _listed("Student against teacher", [*verdict_lines(run.verdicts), *equal_time_lines([run])])
    yield from _listed("Budgets", budget_lines(run))
    yield from _listed("Claims", claim_lines([run]))
    yield from _listed("Quality", [*metric_lines(run), *diversity_lines(run), *paired_lines(run), *quality_lines(run)])
    yield from _listed("Energy, cost, state of the GPU", state_lines(run))
    yield from _listed("Cold start", cold_start_lines(run))
    licences = [f"Non-commercial licence: {model}" for model in non_commercial(run)]
    yield from _listed("How to read it", [NOTES, *licences])


def _table(heading: str, cases: Sequence[CaseRecord]) -> Block:
    shown = columns(cases)
    headings = [*NAMES, "weights", *(" ".join(words) for words in shown.values())]
    rules = ["---"] * (len(NAMES) + 1) + ["---:"] * len(shown)
    head = [f"### {escaped(heading)}", "", _row(map(escaped, headings)), _row(rules)]
    return Block(head, [_case(case, shown) for case in cases])


def _case(case: CaseRecord, shown: Iterable[str]) -> str:
    *who, status = map(escaped, names(case))
    status = status if case.status == "passed" else f"**{status}**"
    return _row([*who, status, case.plan.model.weights_source, *(show(values(case)[name]) for name in shown)])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _listed(heading: str, lines: Sequence[str]) -> list[Block]:
    return [Block([f"### {heading}", ""], [f"- {escaped(line, 1000)}" for line in lines])] if lines else []


def _fitted(blocks: Sequence[Block], limit_bytes: int) -> str:
    """Give each block an equal share of the room, and what it does not need to the bigger ones."""
    room = limit_bytes - sum(_size(block.head) + NOTE_BYTES for block in blocks)
    kept: dict[int, int] = {}
    smallest_first = sorted(range(len(blocks)), key=lambda index: _size(blocks[index].rows))
    for left, index in zip(range(len(blocks), 0, -1), smallest_first, strict=True):
        kept[index], used = _within(blocks[index].rows, room // left)
        room -= used
    return "\n".join(line for index, block in enumerate(blocks) for line in _cut(block, kept[index])) + "\n"


def _within(rows: Sequence[str], room: int) -> tuple[int, int]:
    used = 0
    for count, row in enumerate(rows):
        if used + _size([row]) > room:
            return count, used
        used += _size([row])
    return len(rows), used


def _cut(block: Block, count: int) -> list[str]:
    left_out = len(block.rows) - count
    note = (
        f"*{left_out:,} of these {len(block.rows):,} lines are left out, to stay under GitHub's 1 MiB: see run.json.*"
    )
    return [*block.head, *block.rows[:count], *(["", note] if left_out else []), ""]


def _size(lines: Iterable[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)
