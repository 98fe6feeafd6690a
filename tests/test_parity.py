"""A setting against its baseline: how a pair is planned, what it keeps, and what fails it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from fixtures.clock import HostTimeline, Silent
from fixtures.memory.vram import NoPeaks
from fixtures.paired.bands import by_id, own_bands
from fixtures.paired.latents_probe import LatentsProbe
from fixtures.paired.pairs import PairError, chosen_bands, planned_pair, planted_for, planted_request
from fixtures.suite import SuiteError, read_suite
from models.discover import discover
from models.spec import Recipe, Request
from reports.paired import Band, Bands
from reports.record import RecipeRecord
from tests.inner_session import bare_bench
from tests.running import MATCHED
from tests.test_suite import cases_of as planned_cases

SPECS = discover()
SUITE = f"""
description = "pairs"
[matched]
{MATCHED}
attention = "native_math"
[[bands]]
id = "anything"
why = "so wide that nothing leaves it"
bands = [{{ distance = "latent_cosine", statistic = "value", at_most = 2 }}]
[settings.plain]
width = 64
height = 64
frames = 9
[settings.rounded]
width = 64
height = 64
frames = 9
transformer_dtype = "bfloat16"
[settings.rounded-vae]
width = 64
height = 64
frames = 9
vae_dtype = "bfloat16"
"""
BLOCK = """
[[cases]]
scenario = "parity"
models = ["causvid-tiny"]
settings = ["{setting}"]
prompts = ["dogs"]
seeds = [{seed}]
against = "plain"
bands = "{bands}"
"""


def request_of(**changes: Any) -> Request:
    plain: dict[str, Any] = {"prompt": "x", "width": 64, "height": 64, "frames": 9, "fps": 16.0, "steps": 4}
    return Request(**(plain | {"guidance_scale": 1.0, "shift": 8.0, "seed": 5} | changes))


def recipe_of(**changes: Any) -> Recipe:
    plain: dict[str, Any] = {"model": "wan2.1-t2v-tiny", "weights": "tiny", "device": "cpu", "attention": "native"}
    dtypes = dict.fromkeys(("transformer_dtype", "text_encoder_dtype", "vae_dtype"), "float32")
    return Recipe(**(plain | dtypes | changes))


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run three pairs: one that breaks its band, one whose band nothing breaks, one that agrees."""
    folder = tmp_path_factory.mktemp("pairs")
    blocks = [("rounded", 0, "equal"), ("rounded", 1, "anything"), ("rounded-vae", 0, "decoder")]
    text = SUITE + "".join(BLOCK.format(setting=setting, seed=seed, bands=bands) for setting, seed, bands in blocks)
    (folder / "faults.toml").write_text(text, encoding="utf-8")
    ended = bare_bench("--suite", folder / "faults.toml", "--run-dir", folder / "run")
    assert ended.code == 1, ended.output
    return folder, ended.output


def pair_of(folder: Path, setting: str, seed: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    run = msgspec.json.decode((folder / "run" / "run.json").read_bytes())
    case = next(c for c in run["cases"] if (c["plan"]["setting"], c["plan"]["seed"]) == (setting, seed))
    (pair,) = case["measurement"]["pairs"]
    return case, pair


def test_broken_band_fails_the_case_and_keeps_every_number(ended: tuple[Path, str]) -> None:
    """A transformer in bfloat16 is not equal to one in float32: told by numbers, with what was changed."""
    case, pair = pair_of(ended[0], "rounded")
    assert (case["status"], pair["verdict"]) == ("failed", "broken")
    assert "against setting plain (transformer_dtype float32 -> bfloat16), bands 'equal'" in case["reason"]
    assert "latent_relative_l2" in case["reason"]
    assert len(case["measurement"]["rounds"]) == 1
    found = {distance["id"]: distance for distance in pair["compared"]["distances"]}
    assert 0 < found["latent_cosine"]["value"] < 1e-3
    assert len(found["ssim"]["per_frame"]) == 9
    assert found["ms_ssim"]["not_applicable"]


def test_planted_wrong_clip_that_breaks_nothing_fails_the_case(ended: tuple[Path, str]) -> None:
    """Where another seed stays in the band, agreement says nothing, and that sentence is the reason."""
    case, pair = pair_of(ended[0], "rounded", 1)
    assert (case["status"], pair["verdict"]) == ("failed", "not sensitive")
    assert "the planted wrong clip (another seed) does not break the band of latents" in case["reason"]
    assert pair["compared"]["broken"] == []
    assert pair["compared"]["distances"][0]["value"] < 1e-3  # the baseline is of this seed, not the one before
    assert pair["planted"]["distances"][0]["value"] > 0.1


def test_setting_within_its_bands_passes_and_says_how_near(ended: tuple[Path, str]) -> None:
    """A decoder in bfloat16, on the same weights: latents equal, frames near; the planted clip's stand beside them."""
    case, pair = pair_of(ended[0], "rounded-vae")
    assert (case["status"], pair["verdict"]) == ("passed", "within"), case["reason"]
    assert pair["differs"] == {"vae_dtype": ["float32", "bfloat16"]}
    found = {distance["id"]: distance for distance in pair["compared"]["distances"]}
    assert found["latent_relative_l2"]["value"] == 0
    assert 32 < found["psnr"]["worst"] < 100
    assert pair["planted"]["broken"]
    printed = " ".join(ended[1].split())
    assert "within: causvid-tiny rounded-vae dogs s0 against setting plain (vae_dtype float32 to bfloat16)" in printed
    assert "planted wrong (another seed): cosine" in printed
    assert "Against a baseline" in (ended[0] / "run" / "report.html").read_text(encoding="utf-8")


def test_pairs_of_different_clips_or_equal_recipes_are_refused() -> None:
    """Only what a recipe holds may differ, and something must."""
    spec, bands = SPECS["wan2.1-t2v-tiny"], own_bands()["equal"]
    recipes, request = (recipe_of(decode="whole"), recipe_of()), request_of()
    with pytest.raises(PairError, match=r"ask for other clips \(steps\)"):
        planned_pair(spec, "base", recipes, (request, request_of(steps=5)), bands)
    with pytest.raises(PairError, match="is the same recipe"):
        planned_pair(spec, "base", (recipe_of(), recipe_of()), (request, request), bands)
    pair = planned_pair(spec, "base", recipes, (request, request), bands)
    assert pair.recipe == RecipeRecord(**msgspec.structs.asdict(recipe_of()))
    assert pair.planted == "one step fewer"


def test_planted_fault_is_the_nearest_that_the_model_allows() -> None:
    """One step fewer where steps are free; another seed for a model of fixed steps, or of one; never a batch's own."""
    wan, causvid = SPECS["wan2.1-t2v-tiny"], SPECS["causvid-tiny"]
    assert planted_for(wan, request_of()) == "one step fewer"
    assert planted_for(wan, request_of(steps=1)) == "another seed"
    assert planted_for(causvid, request_of(steps=3)) == "another seed"
    assert planted_request(request_of(), "one step fewer") == request_of(steps=3)
    assert planted_request(request_of(batch=2), "another seed") == request_of(batch=2, seed=7)


def test_bands_are_looked_up_and_their_distances_too() -> None:
    """A mistyped name lists the known ones; the suite's own bands stand beside those that come with it."""
    own = Bands(id="mine", why="mine", bands=[Band(distance="psnr", statistic="worst", at_least=20.0)])
    assert chosen_bands("mine", [own]) is own
    with pytest.raises(PairError, match=r"unknown bands 'equals'; known: equal, decoder, few-step, many-step, mine"):
        chosen_bands("equals", [own])
    typo = msgspec.structs.replace(own, bands=[Band(distance="pnsr", statistic="worst", at_least=20.0)])
    with pytest.raises(PairError, match=r"unknown distance pnsr; known: latent_cosine, .*psnr"):
        chosen_bands("mine", [typo])
    with pytest.raises(ValueError, match="'mine' are defined twice"):
        by_id([own, own])
    assert all(bands.why and bands.bands for bands in own_bands().values())


@pytest.mark.parametrize(("name", "cosine"), [("decoder", None), ("few-step", 0.01), ("many-step", 0.001)])
def test_bands_of_the_suite_are_those_of_their_sources(name: str, cosine: float | None) -> None:
    """Frames by what no eye sees, the worst and the mean; latents equal where only the decoder differs."""
    found = {(band.distance, band.statistic): (band.at_least, band.at_most) for band in own_bands()[name].bands}
    latents = {("latent_relative_l2", "value"): (None, 0.0)} if cosine is None else {}
    latents |= {("latent_cosine", "value"): (None, cosine)} if cosine is not None else {}
    assert found == latents | {
        ("ssim", "worst"): (0.97, None),
        ("ssim", "value"): (0.985, None),
        ("psnr", "worst"): (32.0, None),
        ("mean_absolute_difference", "value"): (None, 3.0),
    }


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('against = "plain"', "`against` and `bands` belong together"),
        ('against = "plane"\nbands = "equal"', "unknown setting 'plane'; known: plain"),
    ],
)
def test_half_a_pair_and_an_unknown_baseline_are_refused(tmp_path: Path, line: str, told: str) -> None:
    """When the suite is read, with the path in the file."""
    block = BLOCK.format(setting="rounded", seed=0, bands="equal").partition("against")[0]
    path = tmp_path / "mine.toml"
    path.write_text(SUITE + block + line, encoding="utf-8")
    with pytest.raises(SuiteError, match=told):
        read_suite(str(path))


def test_suite_settings_compares_both_models_in_what_differs() -> None:
    """Attention, VAE precision and compiling for both, decoding for the causal model; one baseline after the other."""
    cases = planned_cases("settings")
    told = {(case.model.id, *pair_fields(case)) for case in cases}
    assert told == {
        *(
            (model, name)
            for model in ("causvid-1.3b", "wan2.1-t2v-1.3b")
            for name in ("attention", "vae_dtype", "compile")
        ),
        ("causvid-1.3b", "decode"),
    }
    assert all((case.request.frames, case.request.width) == (81, 832) for case in cases)


def pair_fields(case: Any) -> list[str]:
    own, other = (msgspec.structs.asdict(one) for one in (case.recipe, case.pair.recipe))
    return [name for name in own if own[name] != other[name]]


def test_sweep_leaves_pairs_alone() -> None:
    """A pair is about its own field; a sweep changes the suite's other cases, and alone it is refused."""
    assert len([c for c in planned_cases("tiny", sweeps=("decode=whole,streamed",)) if c.pair]) == 2
    with pytest.raises(SuiteError, match="compared with a baseline, and keeps its recipe"):
        planned_cases("settings", sweeps=("decode=whole",))


def test_probe_joins_the_latents_of_blocks_and_keeps_copies() -> None:
    """Blocks are joined in time; what the pipeline does to its tensor afterwards changes nothing."""
    probe = LatentsProbe(HostTimeline(), Silent(), NoPeaks())
    block_BCFHW = torch.arange(24, dtype=torch.bfloat16).view(1, 2, 3, 2, 2)
    probe.check_finite("latents", block_BCFHW)
    probe.check_finite("frames", torch.zeros(3))
    expected_BCFHW = block_BCFHW.float().clone()
    block_BCFHW.zero_()
    probe.check_finite("latents", block_BCFHW[:, :, :1])
    latents_BCFHW = probe.latents_BCFHW()
    assert latents_BCFHW is not None
    assert latents_BCFHW.dtype == torch.float32
    assert torch.equal(latents_BCFHW[:, :, :3], expected_BCFHW)
    assert latents_BCFHW.shape == (1, 2, 4, 2, 2)
    assert len(probe.finite) == 3


def test_probe_tells_of_no_latents_and_takes_other_layouts() -> None:
    """A packed [B, tokens, C] counts as one latent frame."""
    probe = LatentsProbe(HostTimeline(), Silent(), NoPeaks())
    assert probe.latents_BCFHW() is None
    probe.check_finite("latents", torch.ones(1, 6, 4))
    latents_BCFHW = probe.latents_BCFHW()
    assert latents_BCFHW is not None
    assert latents_BCFHW.shape == (1, 24, 1, 1, 1)
