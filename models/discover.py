"""Find the models: every file in `models/` that is not one of the suite's own is a model and holds a `MODEL`.

Adding a model is adding a file: there is no list to edit. A file that does not keep the rule is an error naming it,
never a model that silently is not measured.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from models.spec import ModelSpec

SUPPORT = frozenset({"__init__", "spec", "weights", "work", "work_kinds", "discover", "fewstep", "prefetch"})
HERE = Path(__file__).parent


class ModelFileError(ValueError):
    """A file among the models that is none: it fails to import, has no `MODEL`, or takes another's id."""


def discover(folder: Path | None = None) -> dict[str, ModelSpec]:
    """Give all models by id: those of the suite and, with `folder`, those of the `*.py` files in it.

    Raises `ModelFileError`, naming the file, for one that fails to import, has no `MODEL` or repeats an id.
    """
    found: dict[str, ModelSpec] = {}
    origin: dict[str, Path] = {}
    for path in [*_model_files(HERE), *(_model_files(folder) if folder is not None else ())]:
        model = _model(path)
        if model.id in found:
            message = f"{path}: its model id {model.id!r} is already that of {origin[model.id]}; give it another"
            raise ModelFileError(message)
        found[model.id] = model
        origin[model.id] = path
    return found


def _model_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        message = f"{folder}: no such folder of model files"
        raise ModelFileError(message)
    own = SUPPORT if folder.resolve() == HERE.resolve() else frozenset({"__init__"})
    return [path for path in sorted(folder.glob("*.py")) if path.stem not in own]


def _model(path: Path) -> ModelSpec:
    try:
        module = _load(path)
    except (Exception, SystemExit) as error:
        message = f"{path}: this model file fails to import: {type(error).__name__}: {error}"
        raise ModelFileError(message) from error
    model = getattr(module, "MODEL", None)
    if not isinstance(model, ModelSpec):
        message = f"{path}: a model file must hold a constant MODEL of type ModelSpec; found {type(model).__name__}"
        raise ModelFileError(message)
    return model


def _load(path: Path) -> ModuleType:
    if path.parent.resolve() == HERE.resolve():
        return importlib.import_module(f"{__package__}.{path.stem}")
    spec = importlib.util.spec_from_file_location(f"models_outside_{path.stem}", path)
    if spec is None or spec.loader is None:
        message = "not a Python source file"
        raise ImportError(message)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module
