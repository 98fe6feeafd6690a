"""Imports go one way: models and reports stand alone, fixtures use both, benchmarks ask for fixtures by name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("models", "reports", "fixtures", "benchmarks", "tests", "conftest")
MAY_IMPORT = {"models": set(), "reports": set(), "fixtures": {"models", "reports"}, "benchmarks": set()}
HEAVY = {"torch", "diffusers", "transformers"}
# Imported only inside functions that run once something is loaded.
LOADED_LATE = {"models/wan", "models/causal"}


def imported(tree: ast.AST, *, module_level: bool = False) -> Iterator[str]:
    """Name the top-level packages that a module imports, wherever or only while it is itself imported."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield str(node.module).partition(".")[0]
        is_typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        is_late = is_typing or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if not (module_level and is_late):
            yield from imported(node, module_level=module_level)


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_go_one_way(folder: str) -> None:
    """Each folder imports, of ours, itself and what stands below it; reports neither torch nor pytest."""
    foreign = set(FOLDERS) - MAY_IMPORT[folder] - {folder}
    if folder == "benchmarks":
        foreign.add("benchmarks")
    if folder == "reports":
        foreign |= HEAVY | {"pytest"}
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths
    wrong = {str(path.relative_to(ROOT)): foreign & set(imported(ast.parse(path.read_bytes()))) for path in paths}
    assert {path: names for path, names in wrong.items() if names} == {}


def test_what_collection_may_import_imports_nothing_heavy() -> None:
    """Torch, diffusers and transformers are imported inside functions, never while a module is imported."""
    paths = [
        path for folder in ("models", "fixtures", "reports", "benchmarks") for path in (ROOT / folder).rglob("*.py")
    ]
    early = [path for path in paths if str(path.parent.relative_to(ROOT)) not in LOADED_LATE]
    heavy = {path: HEAVY & set(imported(ast.parse(path.read_bytes()), module_level=True)) for path in early}
    assert {str(path): names for path, names in heavy.items() if names} == {}


def test_the_walk_sees_every_kind_of_import() -> None:
    """The walk itself: plain, from, nested and typing imports."""
    code = (
        "import a.b\nfrom c import d\nif TYPE_CHECKING:\n import e\ntry:\n import f\nfinally: pass\ndef g():\n import h"
    )
    assert set(imported(ast.parse(code))) == {"a", "c", "e", "f", "h"}
    assert set(imported(ast.parse(code), module_level=True)) == {"a", "c", "f"}
