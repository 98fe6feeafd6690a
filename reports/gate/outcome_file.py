"""`gate.json` of a run folder: the session that gated writes it, `reports.merge` reads it into the run's record.

outcome = GateOutcome(
    kind="stored", against="reports/baselines", verdicts=judge(base, new),
    base=side_of((one.run, one.versions) for one in base), new=side_of((one.run, one.versions) for one in new),
    at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", seconds=12.5, lenient=["MISSING"],
)
write_gate(run_dir, outcome)       # before write_views(run_dir), which merges again
outcome.exit_code, outcome.may_merge, [one for one in outcome.verdicts if fails(one, outcome.lenient)]
"""

from pathlib import Path

import msgspec

from reports.gate.outcome import GateOutcome
from reports.journal import RunFolderError
from reports.strict_json import write_json_atomically

GATE = "gate.json"


def write_gate(run_dir: Path, outcome: GateOutcome) -> Path:
    """Write the outcome into the run folder, whole or not at all, and give its path."""
    path = run_dir / GATE
    write_json_atomically(path, outcome)
    return path


def read_gate(run_dir: Path) -> GateOutcome | None:
    """Read a run folder's outcome, None where it was not gated; raises `RunFolderError` for a file that is none."""
    path = run_dir / GATE
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=GateOutcome)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{path}: not the outcome of a gate: {error}; remove it to render the run without its gate"
        raise RunFolderError(msg) from error
