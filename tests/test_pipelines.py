"""One recipe is resident at a time: loaded once, and gone before the next one is loaded."""

import sys
import weakref
from typing import Any

import msgspec
import pytest

from fixtures.pipelines import Resident, recipe_order
from models.spec import Recipe
from tests.fake_cuda import install_cuda

RECIPE = Recipe(
    model="a",
    weights="tiny",
    device="cpu",
    transformer_dtype="float32",
    text_encoder_dtype="float32",
    vae_dtype="float32",
    attention="native",
)
OTHER = msgspec.structs.replace(RECIPE, attention="native_math")


class Loaded:
    """A pipeline in a reference cycle, which counting references alone does not free."""

    def __init__(self) -> None:
        self.itself = self


class Loader:
    """A specification whose `load` counts, and notes whether earlier pipelines are still alive."""

    def __init__(self, fails: int = 0) -> None:
        self.made: list[weakref.ref[Loaded]] = []
        self.alive: list[int] = []
        self.fails = fails

    def load(self, recipe: Recipe) -> Any:
        self.alive.append(sum(reference() is not None for reference in self.made))
        if self.fails:
            self.fails -= 1
            raise OSError("weights are torn")
        pipeline = Loaded()
        self.made.append(weakref.ref(pipeline))
        return pipeline


def resident(loader: Loader) -> Resident:
    specs: Any = {"a": loader}
    return Resident(specs=specs)


def test_equal_recipes_share_one_pipeline() -> None:
    """The second case of a recipe pays no loading; equality decides, not identity."""
    loader = Loader()
    slot = resident(loader)
    assert isinstance(slot.load(RECIPE), float)
    assert slot.load(msgspec.structs.replace(RECIPE)) is None
    assert len(loader.made) == 1


def test_pipeline_is_gone_before_the_next_is_loaded() -> None:
    """Two models are never in memory at once, reference cycles included; the warmed-up shapes go with it."""
    loader = Loader()
    slot = resident(loader)
    slot.load(RECIPE)
    slot.warm_shapes[(64, 64, 9, False)] = "a case"
    slot.load(OTHER)
    assert loader.alive == [0, 0]
    assert slot.warm_shapes == {}
    slot.free()
    assert [reference() for reference in loader.made] == [None, None]


def test_failed_load_leaves_nothing_resident_and_can_be_tried_again() -> None:
    """The recipe whose load raised is not taken for the resident one."""
    slot = resident(Loader(fails=1))
    with pytest.raises(OSError, match="torn"):
        slot.load(RECIPE)
    assert (slot.recipe, slot.pipeline) == (None, None)
    assert slot.load(RECIPE) is not None


def test_imports_in_the_seconds_of_loading_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first load of a process pays for libraries, which the next one finds imported."""

    class Importing(Loader):
        def load(self, recipe: Recipe) -> Any:
            monkeypatch.setitem(sys.modules, "a_library", sys)
            return super().load(recipe)

    slot = resident(Importing())
    slot.load(RECIPE)
    assert slot.imported == 1
    slot.load(OTHER)
    assert slot.imported == 0


def test_order_is_that_of_first_appearance() -> None:
    """Sorting by rank brings equal recipes together and keeps the suite's order otherwise."""
    rank = recipe_order([OTHER, RECIPE, OTHER])
    assert sorted([RECIPE, OTHER, RECIPE], key=rank) == [OTHER, RECIPE, RECIPE]


def on_device(**changes: Any) -> Recipe:
    return msgspec.structs.replace(RECIPE, device="cuda", **changes)


def test_device_levels_are_taken_before_and_after_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle is what others use; loaded is without what loading needed for a moment."""
    cuda = install_cuda(monkeypatch)
    cuda.context_bytes = cuda.gpu.used_bytes = 5

    class Large(Loader):
        def load(self, recipe: Recipe) -> Any:
            cuda.allocate(100)
            cuda.free(60)
            return super().load(recipe)

    slot = resident(Large())
    slot.load(on_device())
    assert (slot.idle_bytes, slot.loaded_bytes, slot.kept_bytes) == (5, 45, 0)
    slot.free()
    assert (slot.idle_bytes, slot.loaded_bytes) == (None, None)


def test_memory_limit_holds_while_loading_and_ends_with_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """A smaller card has no more room while loading; the next recipe has a limit of its own, or none."""
    cuda = install_cuda(monkeypatch)
    fractions: list[float] = []

    class Noting(Loader):
        def load(self, recipe: Recipe) -> Any:
            fractions.append(cuda.fraction)
            return super().load(recipe)

    slot = resident(Noting())
    for limit_gib in (20.0, 40.0, None):
        slot.load(on_device(memory_limit_gib=limit_gib))
    slot.load(on_device(memory_limit_gib=20.0))
    slot.free()
    assert [*fractions, cuda.fraction] == [0.25, 0.5, 1.0, 0.25, 1.0]


def test_limit_is_lifted_after_a_load_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also then the next recipe must not run under it."""
    cuda = install_cuda(monkeypatch)
    slot = resident(Loader(fails=1))
    with pytest.raises(OSError, match="torn"):
        slot.load(on_device(memory_limit_gib=20.0))
    assert cuda.fraction == 0.25
    slot.load(on_device())
    assert cuda.fraction == 1.0


def test_nothing_is_freed_on_a_lost_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Freeing calls CUDA, which would fail or end the process before its results are written."""
    cuda = install_cuda(monkeypatch)
    loader = Loader()
    slot = resident(loader)
    slot.load(on_device(memory_limit_gib=20.0))
    cuda.calls.clear()
    slot.lost = True
    slot.free()
    assert cuda.calls == []
    assert slot.pipeline is not None
    assert loader.made[0]() is not None
