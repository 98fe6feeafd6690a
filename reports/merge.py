"""Plan and journal become the record of the run, and that becomes its files.

Why it matters: every planned case appears exactly once with a status, whatever happened to the processes, so that a
case that was lost cannot be mistaken for one that was never asked for.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from reports.benchmark_json import benchmark_document
from reports.gate.outcome_file import read_gate
from reports.html import render_html
from reports.journal import Finished, RunFolderError, Started, load_journal
from reports.measured import DURATIONS
from reports.record import SCHEMA_VERSION, Attempt, CaseRecord, Plan, PlannedCase, Run
from reports.rows import counted, one_line
from reports.run_file import read_record, run_file
from reports.strict_json import write_atomically, write_json_atomically
from reports.summary import render_summary
from reports.verdicts import verdicts

CRASHED = "the process ended, or the disk was full, before the case's result was written"
UNFINISHED = frozenset({"crashed", "not_run"})
NOT_RUN = "the run ended before the case started"


def read_plan(run_dir: Path) -> Plan:
    """Read `plan.json` of a run folder; raises `RunFolderError` where it is absent, malformed or of another schema."""
    return read_record(run_dir / "plan.json", Plan)


def read_run(path: Path) -> Run:
    """Read the record of a run from a run.json file, or from its folder.

    A folder with a plan is merged afresh, but for one that holds the record and no journal: a copy of the run, whose
    journal stayed behind.
    """
    if not path.is_dir():
        return read_record(path, Run)
    is_copy = (path / "run.json").exists() and not any(path.glob("journal/*.jsonl"))
    return merge(path) if (path / "plan.json").exists() and not is_copy else read_record(path / "run.json", Run)


def read_runs(paths: Iterable[Path]) -> list[Run]:
    """Read several runs, each once: every view of several counts them, or holds them against each other.

    Raises `RunFolderError` where a path holds the run of an earlier one: that path again, however it is written, or a
    copy of the run.
    """
    runs: list[Run] = []
    seen: dict[tuple[str, str, str], Path] = {}
    for path in paths:
        run = read_run(path)
        identity = (run.run_id, run.created_at, run.environment.host)
        if identity in seen:
            raise RunFolderError(
                f"{path}: is run {one_line(run.run_id, 120)}, as is {seen[identity]}; give each run once"
            )
        seen[identity] = path
        runs.append(run)
    return runs


def merge(run_dir: Path) -> Run:
    """Tell what became of every planned case of the run folder.

    The last attempt that finished rules. A case that only started is "crashed", one that never started is
    "not_run". `finished_at` is the time of the last journal line.
    `gate` is that of `gate.json`, if there is one.
    Raises `RunFolderError` for files that cannot be read and for journal lines about cases that were not planned.
    """
    plan = read_plan(run_dir)
    journal = load_journal(run_dir)
    by_case: defaultdict[str, list[Started | Finished]] = defaultdict(list)
    for entry in journal.entries:
        by_case[entry.case].append(entry)
    _refuse_unplanned(run_dir, plan, by_case)
    run = Run(
        schema_version=SCHEMA_VERSION,
        run_id=plan.run_id,
        suite=plan.suite,
        suite_description=plan.suite_description,
        command=plan.command,
        created_at=plan.created_at,
        finished_at=max((entry.at for entry in journal.entries), default=None),
        banners=plan.banners,
        environment=plan.environment,
        durations=DURATIONS,
        torn_journal_lines=journal.torn_lines,
        gpu_hour_price=plan.gpu_hour_price,
        cases=[_outcome(case, by_case[case.id]) for case in plan.cases],
        claims=plan.claims,
        ceilings=plan.ceilings,
        ceilings_reason=plan.ceilings_reason,
        comparisons=plan.comparisons,
        lent=plan.lent,
        protocol_version=plan.protocol_version,
        gate=read_gate(run_dir),
    )
    return msgspec.structs.replace(run, verdicts=verdicts([run]))


def write_views(run_dir: Path, *, charts: bool = False, extra_entries: bool = False) -> Run:
    """Write run.json, benchmark.json, summary.txt and report.html into the run folder, in this order.

    With `charts` the page has these; with `extra_entries` the entries for pytest-benchmark tell of more than times (see
    reports/extra_entries.py). A view that fails leaves its old file as it was and does not keep the others from being
    written; the failures are raised together at the end as an `ExceptionGroup`.
    """
    run = merge(run_dir)
    views: dict[str, Callable[[Path], None]] = {
        "run.json": lambda path: write_json_atomically(path, run_file(run, extra_entries=extra_entries)),
        "benchmark.json": lambda path: write_json_atomically(
            path, benchmark_document(run, extra_entries=extra_entries)
        ),
        "summary.txt": lambda path: write_atomically(path, render_summary(run, 160).encode()),
        "report.html": lambda path: write_atomically(path, render_html(run, run_dir, charts=charts).encode()),
    }
    failures = []
    for name, write in views.items():
        try:
            write(run_dir / name)
        except Exception as error:  # noqa: BLE001 - nothing is swallowed: all are raised below
            error.add_note(f"while writing {run_dir / name}")
            failures.append(error)
    if failures:
        msg = f"{len(failures)} of {len(views)} views of {run_dir} could not be written"
        raise ExceptionGroup(msg, failures)
    return run


def _refuse_unplanned(run_dir: Path, plan: Plan, journaled: Iterable[str]) -> None:
    unplanned = sorted(set(journaled) - {case.id for case in plan.cases})
    if unplanned:
        msg = (
            f"{run_dir}: the journal tells of {unplanned[0]!r} ({len(unplanned)} such), which plan.json with its "
            f"{counted(plan.cases, 'case')} does not hold; do plan and journal belong to the same run?"
        )
        raise RunFolderError(msg)


def _outcome(plan: PlannedCase, entries: list[Started | Finished]) -> CaseRecord:
    """Take the status of the last attempt that ended the case, or else that of the last one."""
    attempts = _attempts(entries)
    if not attempts:
        return CaseRecord(id=plan.id, status="not_run", reason=NOT_RUN, plan=plan, measurement=None, attempts=[])
    ended = [attempt for attempt in attempts if attempt.status not in UNFINISHED]
    last = (ended or attempts)[-1]
    return CaseRecord(
        id=plan.id, status=last.status, reason=last.reason, plan=plan, measurement=last.measurement, attempts=attempts
    )


def _attempts(entries: list[Started | Finished]) -> list[Attempt]:
    """List a case's attempts by number and start; a later `finished` line of the same attempt corrects an earlier."""
    attempts: dict[tuple[int, str], Attempt] = {}
    for entry in sorted(entries, key=lambda entry: isinstance(entry, Finished)):
        attempts[entry.attempt, entry.worker] = _attempt(entry)
    return sorted(attempts.values(), key=lambda attempt: (attempt.number, attempt.started_at))


def _attempt(entry: Started | Finished) -> Attempt:
    if isinstance(entry, Finished):
        return Attempt(
            number=entry.attempt,
            status=entry.status,
            reason=entry.reason,
            worker=entry.worker,
            started_at=entry.started_at,
            finished_at=entry.at,
            measurement=entry.measurement,
            output=entry.output,
        )
    return Attempt(
        number=entry.attempt,
        status="crashed",
        reason=CRASHED,
        worker=entry.worker,
        started_at=entry.at,
        finished_at=None,
        measurement=None,
    )
