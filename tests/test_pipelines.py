"""One recipe is resident at a time: loaded once, and gone before the next one is loaded."""

import weakref
from typing import Any

import msgspec
import pytest

from fixtures.pipelines import Resident, recipe_order
from models.spec import Recipe

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
    slot.warm_shapes.add((64, 64, 9, False))
    slot.load(OTHER)
    assert loader.alive == [0, 0]
    assert slot.warm_shapes == set()
    slot.free()
    assert [reference() for reference in loader.made] == [None, None]


def test_failed_load_leaves_nothing_resident_and_can_be_tried_again() -> None:
    """The recipe whose load raised is not taken for the resident one."""
    slot = resident(Loader(fails=1))
    with pytest.raises(OSError, match="torn"):
        slot.load(RECIPE)
    assert (slot.recipe, slot.pipeline) == (None, None)
    assert slot.load(RECIPE) is not None


def test_order_is_that_of_first_appearance() -> None:
    """Sorting by rank brings equal recipes together and keeps the suite's order otherwise."""
    rank = recipe_order([OTHER, RECIPE, OTHER])
    assert sorted([RECIPE, OTHER, RECIPE], key=rank) == [OTHER, RECIPE, RECIPE]
