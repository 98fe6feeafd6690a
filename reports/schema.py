"""The JSON Schema of run.json, generated from reports/record.py and reports/run_file.py.

Why it matters: other programs read run.json; `reports/run.schema.json` tells them what stands there, and a test keeps
the file equal to the code.
"""

import inspect
import json
from typing import Any

import msgspec

from reports.run_file import RunFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def run_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of `RunFile`, open to fields that later code adds: see reports/run_file.py."""
    schema: dict[str, Any] = {
        "$schema": DIALECT,
        "title": "The record of a benchmark run (run.json)",
        **msgspec.json.schema(RunFile),
    }
    return {name: _as_published(value) for name, value in schema.items()}


def _as_published(node: Any) -> Any:
    """Open objects to further fields, and take the indentation out of docstrings, as Python 3.13 does itself."""
    if isinstance(node, dict):
        return {
            name: inspect.cleandoc(value) if name == "description" and isinstance(value, str) else _as_published(value)
            for name, value in node.items()
            if (name, value) != ("additionalProperties", False)
        }
    return [_as_published(inner) for inner in node] if isinstance(node, list) else node


def schema_json() -> str:
    """Return `run_schema` as the text of reports/run.schema.json."""
    return json.dumps(run_schema(), indent=2, ensure_ascii=False) + "\n"
