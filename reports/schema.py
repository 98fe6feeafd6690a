"""The JSON Schema of run.json, generated from reports/record.py.

Why it matters: other programs read run.json; `reports/run.schema.json` tells them what stands there, and a test keeps
the file equal to the code.
"""

import inspect
import json
from typing import Any

import msgspec

from reports.record import Run

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def run_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of `Run`."""
    schema: dict[str, Any] = {
        "$schema": DIALECT,
        "title": "The record of a benchmark run (run.json)",
        **msgspec.json.schema(Run),
    }
    return {name: _with_clean_descriptions(value) for name, value in schema.items()}


def _with_clean_descriptions(node: Any) -> Any:
    """Take the indentation out of docstrings: Python 3.13 does so itself, and the schema must be the same before it."""
    if isinstance(node, dict):
        return {
            name: inspect.cleandoc(value)
            if name == "description" and isinstance(value, str)
            else _with_clean_descriptions(value)
            for name, value in node.items()
        }
    return [_with_clean_descriptions(inner) for inner in node] if isinstance(node, list) else node


def schema_json() -> str:
    """Return `run_schema` as the text of reports/run.schema.json."""
    return json.dumps(run_schema(), indent=2, ensure_ascii=False) + "\n"
