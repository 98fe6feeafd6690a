"""The JSON Schema of run.json, generated from reports/record.py.

Why it matters: other programs read run.json; `reports/run.schema.json` tells them what stands there, and a test keeps
the file equal to the code.
"""

import json
from typing import Any

import msgspec

from reports.record import Run

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def run_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of `Run`."""
    return {"$schema": DIALECT, "title": "The record of a benchmark run (run.json)", **msgspec.json.schema(Run)}


def schema_json() -> str:
    """Return `run_schema` as the text of reports/run.schema.json."""
    return json.dumps(run_schema(), indent=2, ensure_ascii=False) + "\n"
