"""Every model file says all that a report must show, and refuses what it cannot serve."""

import re

import msgspec
import pytest

from models.discover import discover
from models.spec import ModelSpec, Recipe, Request, RequestError

MODELS = discover()
WAN = [MODELS[name] for name in ("wan2.1-t2v-1.3b", "wan2.1-t2v-14b", "wan2.1-t2v-tiny")]


def default_request(model: ModelSpec) -> Request:
    return Request(
        prompt="two dogs",
        width=model.width,
        height=model.height,
        frames=model.frames,
        fps=model.fps,
        steps=model.sampling.steps,
        guidance_scale=model.sampling.guidance_scale,
        shift=model.sampling.shift,
        seed=0,
        negative_prompt=model.sampling.negative_prompt,
    )


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_model_says_all_that_a_report_shows(model: ModelSpec) -> None:
    """Licence, sources and revisions are stated; a revision is a whole commit or openly unpinned."""
    assert re.fullmatch(r"[a-z0-9.\-]+", model.id)
    assert model.title
    assert model.licence
    assert model.sampling.source
    assert model.weights_sources
    assert ("hub" in model.weights_sources) == bool(model.weights)
    for file in model.weights:
        assert re.fullmatch(r"[\w.\-]+/[\w.\-]+", file.repository)
        assert file.path
        assert file.licence
        assert file.source
        assert ("UNPINNED" in file.source) == (file.revision is None)
        assert file.revision is None or re.fullmatch(r"[0-9a-f]{40}", file.revision)
    assert model.non_commercial == any("NC" in file.licence for file in model.weights) or not model.weights


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_source_of_sampling_speaks_of_the_negative_prompt(model: ModelSpec) -> None:
    """Whoever has one says whence; whoever has none says so, and runs without guidance."""
    assert "negative prompt" in model.sampling.source
    if not model.sampling.negative_prompt:
        assert re.search(r"without guidance.* is not used", model.sampling.source)
        assert model.sampling.guidance_scale == 1.0


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_published_recipe_is_a_recipe_and_says_whose(model: ModelSpec) -> None:
    """Its fields make a recipe as they are."""
    fields = {"model": model.id, "weights": model.weights_sources[0], "device": "cpu", **model.published_recipe}
    assert msgspec.convert(fields, Recipe).model == model.id
    assert model.published_recipe_source


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_model_serves_its_own_defaults_and_knows_their_work(model: ModelSpec) -> None:
    """What a file offers by default passes its own check and costs something."""
    request = default_request(model)
    model.check(request)
    if model.work is not None:
        work = model.work(request)
        assert min(work.text_encode_flop, work.denoise_flop, work.decode_flop) > 0
        assert work.forwards >= request.steps


@pytest.mark.parametrize("model", WAN, ids=lambda model: model.id)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": 80}, r"frames is 80, but must be 4k \+ 1: 1, 5, …$"),
        ({"frames": 0}, r"frames is 0, but must be 4k \+ 1"),
        ({"frames": -3}, r"frames is -3, but must be 4k \+ 1"),
        ({"width": 840}, "width is 840, but must be a positive multiple of 16 pixels"),
        ({"height": 488}, "height is 488, but must be a positive multiple of 16 pixels"),
        ({"height": 0}, "height is 0, but must be a positive multiple of 16 pixels"),
        ({"steps": 0}, "steps is 0, but must be at least 1"),
        ({"guidance_scale": 0.99}, "guidance_scale is 0.99, but must be at least 1, which is no guidance"),
        ({"guidance_scale": float("nan")}, "guidance_scale is nan, but must be at least 1"),
        ({"shift": 0.0}, "shift is 0.0, but must be above 0"),
    ],
    ids=str,
)
def test_wan_refuses_what_it_cannot_serve(model: ModelSpec, change: dict[str, object], message: str) -> None:
    """The message names model, field, value and rule."""
    with pytest.raises(RequestError, match=f"^{re.escape(model.id)}: {message}"):
        model.check(msgspec.structs.replace(default_request(model), **change))


@pytest.mark.parametrize("model", WAN, ids=lambda model: model.id)
@pytest.mark.parametrize("change", [{"frames": 1}, {"frames": 5}, {"width": 16}, {"steps": 1}, {"guidance_scale": 1.0}])
def test_wan_serves_what_is_just_allowed(model: ModelSpec, change: dict[str, object]) -> None:
    """The bounds themselves are inside."""
    model.check(msgspec.structs.replace(default_request(model), **change))


def test_wan_defaults_are_those_of_its_own_repository() -> None:
    """832x480, 81 frames at 16 a second, 50 UniPC steps; guidance 6 and shift 8 at 1.3B, 5 and 5 at 14B."""
    small, large, tiny = WAN
    for model in (small, large):
        assert (model.width, model.height, model.frames, model.fps) == (832, 480, 81, 16.0)
        assert (model.sampling.steps, model.sampling.scheduler) == (50, "UniPC")
        assert model.licence == "Apache-2.0"
        assert [file.path for file in model.weights] == ["transformer/", "text_encoder/", "vae/", "tokenizer/"]
    assert (small.sampling.guidance_scale, small.sampling.shift) == (6.0, 8.0)
    assert (large.sampling.guidance_scale, large.sampling.shift) == (5.0, 5.0)
    assert tiny.weights_sources == ("tiny",)


def test_guidance_doubles_the_forwards() -> None:
    """Two forwards a step with guidance, one without."""
    request, work = default_request(WAN[0]), WAN[0].work
    assert work is not None
    assert work(request).forwards == 100
    assert work(msgspec.structs.replace(request, guidance_scale=1.0)).forwards == 50
